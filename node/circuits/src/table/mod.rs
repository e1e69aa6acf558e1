//! What a table is to a circuit, and the chain that commits to its rows (`docs/circuits/table.md`).
//!
//! A table reads up to [`MAX_SLOTS`] storage slots of one contract and cuts up to [`MAX_COLUMNS`]
//! columns out of them. A row is one block: its number, its timestamp, the value of every slot.
//! Extraction binds the slots, evaluation binds the columns; `tableId` binds both.

mod targets;

#[cfg(test)]
mod tests;

pub use targets::{
    ColumnTarget, ColumnsTarget, ExtractionTarget, LimbTargets, chain_block, chain_step, table_id_target,
};

use alloy_primitives::{Address, B256, U256};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::config::Hasher;
use serde::{Deserialize, Serialize};

use crate::F;

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

    /// A table that [`TableSpec::new`] may refuse, for tampers.
    #[cfg(test)]
    pub(crate) fn unchecked(extraction: Extraction, columns: Vec<ColumnLayout>, names_digest: B256) -> Self {
        TableSpec { extraction, columns, names_digest }
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
