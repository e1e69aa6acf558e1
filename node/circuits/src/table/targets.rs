//! Tables and row chains in circuits.

use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

use super::{
    Extraction, MAX_COLUMNS, MAX_SLOTS, TAG_COLUMNS, TAG_EXTRACTION, TAG_TABLE, TableSpec, address_limbs,
    chain_id_limbs, u256_limbs,
};
use crate::{Builder, F};

/// A 256-bit value as eight 32-bit limbs, most significant first.
pub type LimbTargets = [Target; 8];

/// [`Extraction`] as witness.
#[derive(Clone, Debug)]
pub struct ExtractionTarget {
    /// Low and high 32 bits.
    pub chain_id: [Target; 2],
    /// Five 32-bit limbs, most significant first.
    pub contract: [Target; 5],
    /// 1 to [`MAX_SLOTS`].
    pub slot_count: Target,
    /// Keys before hashing.
    pub slots: [LimbTargets; MAX_SLOTS],
    /// `active[j]` says that slot `j` is in use; a prefix of ones.
    pub active: [BoolTarget; MAX_SLOTS],
}

impl ExtractionTarget {
    /// A witness whose limbs are range-checked: for the circuit that reads the chain by them.
    pub fn new(b: &mut Builder) -> Self {
        let target = Self::opened(b);
        let keys = target.slots.iter().flatten();
        target.chain_id.iter().chain(&target.contract).chain(keys).for_each(|limb| b.range_check(*limb, 32));
        target
    }

    /// A witness without range checks, for circuits that open a digest which a verified extraction
    /// already carries: the digest fixes the limbs, and extraction has checked them.
    pub fn opened(b: &mut Builder) -> Self {
        let active: [BoolTarget; MAX_SLOTS] = std::array::from_fn(|_| b.add_virtual_bool_target_safe());
        let one = b.one();
        b.connect(active[0].target, one);
        for pair in active.windows(2) {
            let both = b.and(pair[0], pair[1]);
            b.connect(both.target, pair[1].target);
        }
        let slot_count = b.add_many(active.map(|flag| flag.target));
        ExtractionTarget {
            chain_id: b.add_virtual_target_arr(),
            contract: b.add_virtual_target_arr(),
            slot_count,
            slots: std::array::from_fn(|_| b.add_virtual_target_arr()),
            active,
        }
    }

    /// In-circuit [`Extraction::digest`].
    pub fn digest(&self, b: &mut Builder) -> HashOutTarget {
        let mut input = vec![b.constant(F::from_canonical_u64(TAG_EXTRACTION))];
        input.extend(self.chain_id);
        input.extend(self.contract);
        input.push(self.slot_count);
        input.extend(self.slots.as_flattened());
        b.hash_n_to_hash_no_pad::<PoseidonHash>(input)
    }

    pub fn set_witness(&self, pw: &mut PartialWitness<F>, extraction: &Extraction) -> anyhow::Result<()> {
        pw.set_target_arr(&self.chain_id, &chain_id_limbs(extraction.chain_id))?;
        pw.set_target_arr(&self.contract, &address_limbs(extraction.contract))?;
        for (j, key) in extraction.padded_slots().into_iter().enumerate() {
            pw.set_target_arr(&self.slots[j], &u256_limbs(key))?;
            pw.set_bool_target(self.active[j], j < extraction.slots.len())?;
        }
        Ok(())
    }
}

/// One storage column as witness: the five elements of its entry in the columns digest.
#[derive(Clone, Copy, Debug)]
pub struct ColumnTarget {
    pub source: Target,
    pub slot: Target,
    pub offset: Target,
    pub width: Target,
    pub type_code: Target,
}

/// The columns of a table as witness; nothing but the digest constrains them, and
/// [`ColumnsTarget::assert_slots_active`].
#[derive(Clone, Debug)]
pub struct ColumnsTarget {
    pub count: Target,
    pub columns: [ColumnTarget; MAX_COLUMNS],
    pub names: LimbTargets,
}

impl ColumnsTarget {
    pub fn new(b: &mut Builder) -> Self {
        let mut column = || {
            let [source, slot, offset, width, type_code] = b.add_virtual_target_arr();
            ColumnTarget { source, slot, offset, width, type_code }
        };
        let columns = std::array::from_fn(|_| column());
        ColumnsTarget { count: b.add_virtual_target(), columns, names: b.add_virtual_target_arr() }
    }

    /// In-circuit [`TableSpec::columns_digest`].
    pub fn digest(&self, b: &mut Builder) -> HashOutTarget {
        let tag = b.constant(F::from_canonical_u64(TAG_COLUMNS));
        let mut input = vec![tag];
        input.extend(self.elements());
        b.hash_n_to_hash_no_pad::<PoseidonHash>(input)
    }

    /// Constrains every entry to name an active slot: the row chain leaves out the values of the
    /// others, so a column of theirs would read whatever the prover likes. Unused entries name slot
    /// 0, which every table has.
    pub fn assert_slots_active(&self, b: &mut Builder, active: &[BoolTarget; MAX_SLOTS]) {
        let one = b.one();
        for column in &self.columns {
            let found = b.random_access(column.slot, active.map(|flag| flag.target).to_vec());
            b.connect(found, one);
        }
    }

    pub fn set_witness(&self, pw: &mut PartialWitness<F>, spec: &TableSpec) -> anyhow::Result<()> {
        pw.set_target_arr(&self.elements(), &spec.columns_input()[1..])
    }

    fn elements(&self) -> Vec<Target> {
        let mut elements = vec![self.count];
        elements.extend(self.columns.iter().flat_map(|c| [c.source, c.slot, c.offset, c.width, c.type_code]));
        elements.extend(self.names);
        elements
    }
}

/// In-circuit [`TableSpec::table_id`].
pub fn table_id_target(b: &mut Builder, extraction: HashOutTarget, columns: HashOutTarget) -> HashOutTarget {
    let mut input = vec![b.constant(F::from_canonical_u64(TAG_TABLE))];
    input.extend(extraction.elements);
    input.extend(columns.elements);
    b.hash_n_to_hash_no_pad::<PoseidonHash>(input)
}

/// One step of the row chain: slot number `slot` (a constant) of the block `number`.
///
/// The caller has `number` and `timestamp` below `2^BLOCK_INTEGER_BITS` and the limbs of `value`
/// below 2^32, or opens a digest whose maker had.
pub fn chain_step(
    b: &mut Builder,
    chain: HashOutTarget,
    number: Target,
    timestamp: Target,
    slot: usize,
    value: &LimbTargets,
) -> HashOutTarget {
    let mut input = chain.elements.to_vec();
    input.extend([number, timestamp, b.constant(F::from_canonical_usize(slot))]);
    input.extend(value);
    b.hash_n_to_hash_no_pad::<PoseidonHash>(input)
}

/// One block of the row chain: a step for every active slot; inactive ones leave the chain alone.
pub fn chain_block(
    b: &mut Builder,
    mut chain: HashOutTarget,
    active: &[BoolTarget; MAX_SLOTS],
    number: Target,
    timestamp: Target,
    values: &[LimbTargets; MAX_SLOTS],
) -> HashOutTarget {
    for (slot, value) in values.iter().enumerate() {
        let next = chain_step(b, chain, number, timestamp, slot, value);
        let elements = std::array::from_fn(|i| b.select(active[slot], next.elements[i], chain.elements[i]));
        chain = HashOutTarget { elements };
    }
    chain
}
