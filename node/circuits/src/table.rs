//! What a table is to a circuit, and the chain that commits to its rows (`docs/circuits/table.md`).
//!
//! A table reads up to [`MAX_SLOTS`] storage slots of one contract and cuts up to [`MAX_COLUMNS`]
//! columns out of them. A row is one block: its number, its timestamp, the value of every slot.
//! Extraction binds the slots, evaluation binds the columns; `tableId` binds both.

use alloy_primitives::{Address, B256, U256};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::config::Hasher;
use serde::{Deserialize, Serialize};

use crate::{Builder, F};

/// Largest number of distinct storage slots of a table.
pub const MAX_SLOTS: usize = 4;
/// Largest number of storage columns of a table.
pub const MAX_COLUMNS: usize = 8;
/// Block numbers and timestamps are below `2^BLOCK_INTEGER_BITS`: seven bytes, so that each is one
/// canonical field element in the row chain.
pub const BLOCK_INTEGER_BITS: usize = 56;

const TAG_EXTRACTION: u64 = 101;
const TAG_COLUMNS: u64 = 102;
const TAG_TABLE: u64 = 103;
/// Source code of a storage column; zero marks an unused entry.
const SOURCE_STORAGE: u64 = 3;

/// A 256-bit value as eight 32-bit limbs, most significant first.
pub type LimbTargets = [Target; 8];

/// Why a table or a row is not well formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("a table needs 1 to {MAX_SLOTS} storage slots, got {0}")]
    SlotCount(usize),
    #[error("storage slots must ascend without repetition: slot {next:#x} follows {previous:#x}")]
    SlotOrder { previous: U256, next: U256 },
    #[error("a table needs 1 to {MAX_COLUMNS} storage columns, got {0}")]
    ColumnCount(usize),
    #[error("column {column} names slot index {slot}, but the table has {slots} slots")]
    SlotIndex { column: usize, slot: u8, slots: usize },
    #[error("column {column} of {width} bytes at offset {offset} leaves its slot of 32 bytes")]
    PastSlotEnd { column: usize, offset: u8, width: u8 },
    #[error("row {number} has {got} slot values; the table has {expected} slots")]
    ValueCount { number: u64, expected: usize, got: usize },
    #[error("block number {number} or timestamp {timestamp} is not below 2^{BLOCK_INTEGER_BITS}")]
    BlockInteger { number: u64, timestamp: u64 },
}

/// Where the values of a table's rows come from: one contract, ascending distinct slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedExtraction")]
pub struct Extraction {
    chain_id: u64,
    contract: Address,
    slots: Vec<U256>,
}

#[derive(Deserialize)]
struct UncheckedExtraction {
    chain_id: u64,
    contract: Address,
    slots: Vec<U256>,
}

impl TryFrom<UncheckedExtraction> for Extraction {
    type Error = TableError;

    fn try_from(raw: UncheckedExtraction) -> Result<Self, TableError> {
        Extraction::new(raw.chain_id, raw.contract, raw.slots)
    }
}

impl Extraction {
    /// `slots` are storage keys before hashing; 1 to [`MAX_SLOTS`] of them, strictly ascending.
    pub fn new(chain_id: u64, contract: Address, slots: Vec<U256>) -> Result<Self, TableError> {
        if slots.is_empty() || slots.len() > MAX_SLOTS {
            return Err(TableError::SlotCount(slots.len()));
        }
        if let Some(pair) = slots.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(TableError::SlotOrder { previous: pair[0], next: pair[1] });
        }
        Ok(Extraction { chain_id, contract, slots })
    }

    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    pub fn contract(&self) -> Address {
        self.contract
    }

    pub fn slots(&self) -> &[U256] {
        &self.slots
    }

    /// `Poseidon(tag, chain id low and high 32 bits, address, S, four slot keys)`: 41 elements.
    pub fn digest(&self) -> HashOut<F> {
        let mut input = vec![F::from_canonical_u64(TAG_EXTRACTION)];
        input.extend(chain_id_limbs(self.chain_id));
        input.extend(address_limbs(self.contract));
        input.push(F::from_canonical_usize(self.slots.len()));
        input.extend(self.padded_slots().into_iter().flat_map(u256_limbs));
        PoseidonHash::hash_no_pad(&input)
    }

    fn padded_slots(&self) -> [U256; MAX_SLOTS] {
        std::array::from_fn(|i| self.slots.get(i).copied().unwrap_or_default())
    }
}

/// Where a storage column lies: `width` bytes that start `offset` bytes above the least
/// significant byte of the slot at `slot` in [`Extraction::slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ColumnLayout {
    pub slot: u8,
    pub offset: u8,
    pub width: u8,
    /// Code of the declared type; it does not change how the bytes are read.
    pub type_code: u8,
}

/// A table as circuits see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedTableSpec")]
pub struct TableSpec {
    extraction: Extraction,
    columns: Vec<ColumnLayout>,
    names_digest: B256,
}

#[derive(Deserialize)]
struct UncheckedTableSpec {
    extraction: Extraction,
    columns: Vec<ColumnLayout>,
    names_digest: B256,
}

impl TryFrom<UncheckedTableSpec> for TableSpec {
    type Error = TableError;

    fn try_from(raw: UncheckedTableSpec) -> Result<Self, TableError> {
        TableSpec::new(raw.extraction, raw.columns, raw.names_digest)
    }
}

impl TableSpec {
    /// `names_digest` commits to the names in column order (SHA-256, made by the workload).
    pub fn new(extraction: Extraction, columns: Vec<ColumnLayout>, names_digest: B256) -> Result<Self, TableError> {
        if columns.is_empty() || columns.len() > MAX_COLUMNS {
            return Err(TableError::ColumnCount(columns.len()));
        }
        for (column, layout) in columns.iter().enumerate() {
            let ColumnLayout { slot, offset, width, .. } = *layout;
            let slots = extraction.slots.len();
            if usize::from(slot) >= slots {
                return Err(TableError::SlotIndex { column, slot, slots });
            }
            if width == 0 || usize::from(offset) + usize::from(width) > 32 {
                return Err(TableError::PastSlotEnd { column, offset, width });
            }
        }
        Ok(TableSpec { extraction, columns, names_digest })
    }

    pub fn extraction(&self) -> &Extraction {
        &self.extraction
    }

    pub fn columns(&self) -> &[ColumnLayout] {
        &self.columns
    }

    pub fn names_digest(&self) -> B256 {
        self.names_digest
    }

    /// `Poseidon(tag, C, eight of (source, slot, offset, width, type), names)`: 50 elements.
    pub fn columns_digest(&self) -> HashOut<F> {
        PoseidonHash::hash_no_pad(&self.columns_input())
    }

    /// `tableId = Poseidon(tag, extraction digest, columns digest)`.
    pub fn table_id(&self) -> HashOut<F> {
        let mut input = vec![F::from_canonical_u64(TAG_TABLE)];
        input.extend(self.extraction.digest().elements);
        input.extend(self.columns_digest().elements);
        PoseidonHash::hash_no_pad(&input)
    }

    fn columns_input(&self) -> Vec<F> {
        let mut input = vec![F::from_canonical_u64(TAG_COLUMNS), F::from_canonical_usize(self.columns.len())];
        for i in 0..MAX_COLUMNS {
            input.extend(self.column_elements(i));
        }
        input.extend(u256_limbs(U256::from_be_bytes(self.names_digest.0)));
        input
    }

    fn column_elements(&self, index: usize) -> [F; 5] {
        match self.columns.get(index) {
            None => [F::ZERO; 5],
            Some(c) => [
                F::from_canonical_u64(SOURCE_STORAGE),
                F::from_canonical_u8(c.slot),
                F::from_canonical_u8(c.offset),
                F::from_canonical_u8(c.width),
                F::from_canonical_u8(c.type_code),
            ],
        }
    }
}

/// One block of a table: every slot's value in the order of [`Extraction::slots`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Row {
    pub number: u64,
    pub timestamp: u64,
    pub values: Vec<U256>,
}

/// The running digest of rows: starts at zero and takes one step per slot of each block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowChain {
    slots: usize,
    state: HashOut<F>,
}

impl RowChain {
    pub fn new(extraction: &Extraction) -> Self {
        RowChain::with_slots(extraction.slots.len())
    }

    /// For rows of `slots` values each, whatever the table.
    pub fn with_slots(slots: usize) -> Self {
        RowChain { slots, state: HashOut::ZERO }
    }

    /// Absorbs one block.
    pub fn push(&mut self, row: &Row) -> Result<(), TableError> {
        if row.values.len() != self.slots {
            let (expected, got) = (self.slots, row.values.len());
            return Err(TableError::ValueCount { number: row.number, expected, got });
        }
        if (row.number | row.timestamp) >> BLOCK_INTEGER_BITS != 0 {
            return Err(TableError::BlockInteger { number: row.number, timestamp: row.timestamp });
        }
        for (index, value) in row.values.iter().enumerate() {
            let mut input = self.state.elements.to_vec();
            input.extend([row.number, row.timestamp, index as u64].map(F::from_canonical_u64));
            input.extend(u256_limbs(*value));
            self.state = PoseidonHash::hash_no_pad(&input);
        }
        Ok(())
    }

    /// Digest of everything absorbed so far: word 12 of an extraction.
    pub fn digest(&self) -> HashOut<F> {
        self.state
    }
}

/// Row-chain digest of whole rows.
pub fn row_chain_digest(extraction: &Extraction, rows: &[Row]) -> Result<HashOut<F>, TableError> {
    let mut chain = RowChain::new(extraction);
    rows.iter().try_for_each(|row| chain.push(row))?;
    Ok(chain.digest())
}

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

/// The columns of a table as witness; nothing but the digest constrains them.
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

/// Eight 32-bit limbs, most significant first.
pub fn u256_limbs(value: U256) -> [F; 8] {
    let limbs = value.into_limbs();
    std::array::from_fn(|i| {
        let word = limbs[3 - i / 2];
        F::from_canonical_u64(if i % 2 == 0 { word >> 32 } else { word & 0xffff_ffff })
    })
}

fn chain_id_limbs(chain_id: u64) -> [F; 2] {
    [chain_id & 0xffff_ffff, chain_id >> 32].map(F::from_canonical_u64)
}

fn address_limbs(address: Address) -> [F; 5] {
    std::array::from_fn(|i| {
        let chunk: [u8; 4] = std::array::from_fn(|k| address[4 * i + k]);
        F::from_canonical_u32(u32::from_be_bytes(chunk))
    })
}

#[cfg(test)]
mod tests {
    use plonky2::plonk::circuit_data::CircuitData;

    use super::*;
    use crate::security::Profile;
    use crate::{C, D};

    fn extraction() -> Extraction {
        let slots = vec![U256::from(8), U256::MAX];
        Extraction::new(0x1_0000_0005, Address::repeat_byte(0xab), slots).unwrap()
    }

    fn spec() -> TableSpec {
        let column = |slot, offset, width| ColumnLayout { slot, offset, width, type_code: width };
        let columns = vec![column(0, 0, 14), column(0, 14, 14), column(1, 0, 32)];
        TableSpec::new(extraction(), columns, B256::repeat_byte(7)).unwrap()
    }

    fn rows() -> Vec<Row> {
        (0..3)
            .map(|i| Row { number: 100 + i, timestamp: 1_000 + 12 * i, values: vec![U256::from(i), U256::MAX] })
            .collect()
    }

    struct Digests {
        data: CircuitData<F, C, D>,
        extraction: ExtractionTarget,
        columns: ColumnsTarget,
        rows: Vec<([Target; 2], [LimbTargets; MAX_SLOTS])>,
    }

    /// Registers table id and row-chain digest of three rows.
    fn circuit() -> Digests {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let extraction = ExtractionTarget::new(&mut b);
        let columns = ColumnsTarget::new(&mut b);
        let (left, right) = (extraction.digest(&mut b), columns.digest(&mut b));
        let id = table_id_target(&mut b, left, right);
        let mut chain = HashOutTarget { elements: [b.zero(); 4] };
        let mut rows = vec![];
        for _ in 0..3 {
            let block = b.add_virtual_target_arr();
            let values = std::array::from_fn(|_| b.add_virtual_target_arr());
            chain = chain_block(&mut b, chain, &extraction.active, block[0], block[1], &values);
            rows.push((block, values));
        }
        b.register_public_inputs(&id.elements);
        b.register_public_inputs(&chain.elements);
        Digests { data: b.build(), extraction, columns, rows }
    }

    #[test]
    fn circuit_and_native_digests_agree() {
        let circuit = circuit();
        let mut pw = PartialWitness::new();
        circuit.extraction.set_witness(&mut pw, &extraction()).unwrap();
        circuit.columns.set_witness(&mut pw, &spec()).unwrap();
        for ((block, values), row) in circuit.rows.iter().zip(rows()) {
            pw.set_target_arr(block, &[row.number, row.timestamp].map(F::from_canonical_u64)).unwrap();
            for (j, limbs) in values.iter().enumerate() {
                let value = row.values.get(j).copied().unwrap_or_default();
                pw.set_target_arr(limbs, &u256_limbs(value)).unwrap();
            }
        }
        let proof = circuit.data.prove(pw).unwrap();
        let chain = row_chain_digest(&extraction(), &rows()).unwrap();
        let expected = [spec().table_id().elements, chain.elements].concat();
        assert_eq!(proof.public_inputs, expected);
        circuit.data.verify(proof).unwrap();
    }

    #[test]
    fn every_part_of_a_table_is_in_its_id() {
        let base = spec().table_id();
        let renamed = TableSpec::new(extraction(), spec().columns, B256::repeat_byte(8)).unwrap();
        let mut columns = spec().columns;
        columns[0].offset = 1;
        let moved = TableSpec::new(extraction(), columns, B256::repeat_byte(7)).unwrap();
        let other = |chain, contract, slots| {
            let extraction = Extraction::new(chain, contract, slots).unwrap();
            TableSpec::new(extraction, spec().columns, B256::repeat_byte(7)).unwrap()
        };
        let e = extraction();
        let tables = [
            renamed,
            moved,
            other(5, e.contract, e.slots.clone()),
            other(e.chain_id, Address::ZERO, e.slots.clone()),
            other(e.chain_id, e.contract, vec![U256::from(8), U256::from(9)]),
            other(e.chain_id, e.contract, vec![U256::from(8), U256::from(9), U256::MAX]),
        ];
        tables.iter().for_each(|table| assert_ne!(table.table_id(), base));
    }

    #[test]
    fn malformed_tables_and_rows_are_refused() {
        let slots = |n: u64| (0..n).map(U256::from).collect::<Vec<_>>();
        let make = |slots| Extraction::new(1, Address::ZERO, slots);
        assert_eq!(make(vec![]), Err(TableError::SlotCount(0)));
        assert_eq!(make(slots(5)), Err(TableError::SlotCount(5)));
        let repeated = vec![U256::from(3), U256::from(3)];
        let order = TableError::SlotOrder { previous: U256::from(3), next: U256::from(3) };
        assert_eq!(make(repeated), Err(order));
        let column = |slot, offset, width| ColumnLayout { slot, offset, width, type_code: 0 };
        let table = |columns| TableSpec::new(extraction(), columns, B256::ZERO);
        assert_eq!(table(vec![]), Err(TableError::ColumnCount(0)));
        assert_eq!(table(vec![column(0, 0, 1); 9]), Err(TableError::ColumnCount(9)));
        let outside = TableError::SlotIndex { column: 0, slot: 2, slots: 2 };
        assert_eq!(table(vec![column(2, 0, 1)]), Err(outside));
        let past = TableError::PastSlotEnd { column: 0, offset: 20, width: 14 };
        assert_eq!(table(vec![column(0, 20, 14)]), Err(past));
        let mut row = rows()[0].clone();
        row.values.pop();
        let short = TableError::ValueCount { number: 100, expected: 2, got: 1 };
        assert_eq!(row_chain_digest(&extraction(), &[row]), Err(short));
        let mut late = rows()[0].clone();
        late.timestamp = 1 << BLOCK_INTEGER_BITS;
        assert!(matches!(row_chain_digest(&extraction(), &[late]), Err(TableError::BlockInteger { .. })));
    }
}
