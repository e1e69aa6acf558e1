//! Row entries: the chain that other circuits open, and the stream that the machine writes.

use plonky2::field::types::Field;
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

use super::bytes::{ByteTable, BytesTarget};
use super::keys::KeyFolds;
use super::wiring::PowersTarget;
use crate::keccak::consumer::fingerprint;
use crate::table::Row;
use crate::{Builder, D, F};

/// One entry: a slot of a block.
#[derive(Clone, Debug)]
struct EntryTarget {
    active: BoolTarget,
    number: Target,
    time: Target,
    /// Slot index, least significant bit first.
    slot: [BoolTarget; 2],
    value: BytesTarget,
}

/// All entries of a chunk.
#[derive(Clone, Debug)]
pub struct RowsTarget {
    entries: Vec<EntryTarget>,
    /// Digest of the row chain.
    pub chain: HashOutTarget,
}

impl RowsTarget {
    /// Up to `count` entries, seven rows each.
    pub fn new(b: &mut Builder, bytes: &ByteTable, count: usize) -> Self {
        let mut chain = HashOutTarget { elements: [b.zero(); 4] };
        let mut entries = vec![];
        for _ in 0..count {
            let entry = EntryTarget {
                active: b.add_virtual_bool_target_safe(),
                number: b.add_virtual_target(),
                time: b.add_virtual_target(),
                slot: std::array::from_fn(|_| b.add_virtual_bool_target_safe()),
                value: BytesTarget::new(b, bytes, 32),
            };
            let mut input = chain.elements.to_vec();
            input.extend([entry.number, entry.time, entry.index(b)]);
            input.extend(entry.value.limbs(b));
            let next = b.hash_n_to_hash_no_pad::<PoseidonHash>(input);
            let select = |i: usize| b.select(entry.active, next.elements[i], chain.elements[i]);
            chain = HashOutTarget { elements: std::array::from_fn(select) };
            entries.push(entry);
        }
        RowsTarget { entries, chain }
    }

    /// The entries as the machine folds them.
    pub fn fold(&self, b: &mut Builder, powers: &PowersTarget, keys: &KeyFolds) -> ExtensionTarget<D> {
        let mut rows = b.zero_extension();
        for entry in &self.entries {
            let [low, high] = entry.slot;
            let mut choose = |bit: BoolTarget, x: ExtensionTarget<D>, y: ExtensionTarget<D>| b.select_ext(bit, x, y);
            let first = choose(low, keys.slots[1], keys.slots[0]);
            let second = choose(low, keys.slots[3], keys.slots[2]);
            let key = choose(high, second, first);
            let value = fingerprint(b, powers.alpha, &entry.value.bytes);
            let index = entry.index(b);
            let [number, time, index] = [entry.number, entry.time, index].map(|target| b.convert_to_ext(target));
            let stamp = b.mul_add_extension(powers.alpha, index, time);
            let inner = b.mul_add_extension(powers.beta, number, key);
            let entry_fold = b.mul_add_extension(powers.beta, inner, value);
            let entry_fold = b.mul_add_extension(powers.cube, stamp, entry_fold);
            let next = b.mul_add_extension(rows, powers.block, entry_fold);
            rows = b.select_ext(entry.active, next, rows);
        }
        rows
    }

    /// Sets the entries of `rows`; what is left over is inactive.
    ///
    /// # Errors
    /// When a target was set to another value before.
    pub fn set(&self, pw: &mut PartialWitness<F>, rows: &[Row]) -> anyhow::Result<()> {
        let flat = rows.iter().flat_map(|row| row.values.iter().enumerate().map(move |(j, value)| (row, j, value)));
        let mut flat = flat.map(Some).chain(std::iter::repeat(None));
        for entry in &self.entries {
            let given = flat.next().flatten();
            pw.set_bool_target(entry.active, given.is_some())?;
            let (number, time, j) = given.map_or((0, 0, 0), |(row, j, _)| (row.number, row.timestamp, j));
            pw.set_target(entry.number, F::from_canonical_u64(number))?;
            pw.set_target(entry.time, F::from_canonical_u64(time))?;
            for (bit, target) in entry.slot.into_iter().enumerate() {
                pw.set_bool_target(target, j >> bit & 1 == 1)?;
            }
            let value = given.map_or([0; 32], |(_, _, value)| value.to_be_bytes::<32>());
            entry.value.set(pw, &value)?;
        }
        Ok(())
    }

    /// Targets of entry `index`, for tests: number, time, value bytes.
    #[cfg(test)]
    pub fn entry(&self, index: usize) -> (Target, Target, &[Target]) {
        let entry = &self.entries[index];
        (entry.number, entry.time, &entry.value.bytes)
    }
}

impl EntryTarget {
    fn index(&self, b: &mut Builder) -> Target {
        b.mul_const_add(F::TWO, self.slot[1].target, self.slot[0].target)
    }
}

/// [`RowsTarget::chain`] natively, for a whole table.
pub fn chain(extraction: &crate::table::Extraction, rows: &[Row]) -> Result<HashOut<F>, crate::table::TableError> {
    crate::table::row_chain_digest(extraction, rows)
}
