//! A compiled query: data to the universal evaluator (`docs/circuits/query.md`, "Program").

use alloy_primitives::{B256, U256};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use serde::{Deserialize, Serialize};

use super::error::QueryError;
use crate::F;
use crate::circuit::hash;
use crate::statement::{hash_from_word, word_from_hash};
use crate::table::{MAX_COLUMNS, TableSpec, u256_limbs};

/// Distinct columns that one query may read.
pub const MAX_REGISTERS: usize = 8;
/// Comparisons in a WHERE, BETWEEN counting as two.
pub const MAX_PREDICATES: usize = 8;
/// Results of a SELECT.
pub const MAX_OUTPUTS: usize = 8;
/// Parameters of a query.
pub const MAX_PARAMS: usize = 8;

/// Column id of the block number: ids below are the table's storage columns.
pub const BLOCK_NUMBER: u8 = MAX_COLUMNS as u8;
/// Column id of the block timestamp.
pub const BLOCK_TIMESTAMP: u8 = MAX_COLUMNS as u8 + 1;

pub(super) const TAG_QUERY: u64 = 104;
pub(super) const TAG_PARAMS: u64 = 105;

/// A comparison. The code has bit 0 for "less", bit 1 for "equal", bit 2 for "greater".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Comparison {
    Less = 1,
    Equal = 2,
    LessOrEqual = 3,
    Greater = 4,
    NotEqual = 5,
    GreaterOrEqual = 6,
}

/// Code of an unused predicate: true whatever the order.
const ALWAYS: u8 = 7;

impl Comparison {
    /// Bits for less, equal and greater.
    pub fn accepts(self) -> [bool; 3] {
        std::array::from_fn(|bit| self as u8 >> bit & 1 == 1)
    }

    /// Whether `left` compares so with `right`.
    pub fn holds(self, left: U256, right: U256) -> bool {
        let [less, equal, greater] = self.accepts();
        match left.cmp(&right) {
            std::cmp::Ordering::Less => less,
            std::cmp::Ordering::Equal => equal,
            std::cmp::Ordering::Greater => greater,
        }
    }

    /// The comparison with its sides exchanged.
    pub fn mirrored(self) -> Self {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            Comparison::Equal | Comparison::NotEqual => self,
        }
    }
}

/// Right side of a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operand {
    /// A constant of the program.
    Literal(U256),
    /// Parameter by index, from zero.
    Param(u8),
    /// Register by index.
    Register(u8),
    /// First block of the request.
    From,
    /// Last block of the request.
    To,
}

impl Operand {
    fn source(self) -> u64 {
        match self {
            Operand::Literal(_) => 0,
            Operand::Param(_) => 1,
            Operand::Register(_) => 2,
            Operand::From => 3,
            Operand::To => 4,
        }
    }
}

/// `register <comparison> right`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Predicate {
    pub comparison: Comparison,
    pub left: u8,
    pub right: Operand,
}

/// What a result aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Function {
    Count = 1,
    Sum = 2,
    Avg = 3,
    Min = 4,
    Max = 5,
}

/// One result. The register of a count is zero and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Output {
    pub function: Function,
    pub register: u8,
}

/// A query over one table. Lists are as long as used; encodings pad them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    /// The table that column ids refer to.
    pub table_id: B256,
    /// Commitment to the names of the results (SHA-256, made by the workload).
    pub names_digest: B256,
    /// Number of parameters.
    pub params: u8,
    /// Column id of each register.
    pub registers: Vec<u8>,
    pub predicates: Vec<Predicate>,
    pub outputs: Vec<Output>,
}

impl Program {
    /// Checks every count and index against `table`.
    ///
    /// # Errors
    /// [`QueryError::Count`], [`QueryError::Index`], [`QueryError::Table`].
    pub fn validate(&self, table: &TableSpec) -> Result<(), QueryError> {
        let table_id = word_from_hash(table.table_id());
        if self.table_id != table_id {
            return Err(QueryError::Table { expected: self.table_id, got: table_id });
        }
        let count = |what, got, least, most| match (least..=most).contains(&got) {
            true => Ok(()),
            false => Err(QueryError::Count { what, got, least, most }),
        };
        count("registers", self.registers.len(), 0, MAX_REGISTERS)?;
        count("predicates", self.predicates.len(), 0, MAX_PREDICATES)?;
        count("results", self.outputs.len(), 1, MAX_OUTPUTS)?;
        count("parameters", self.params.into(), 0, MAX_PARAMS)?;
        let index = |what, index: u8, limit: usize| match usize::from(index) < limit {
            true => Ok(()),
            false => Err(QueryError::Index { what, index, limit }),
        };
        for id in &self.registers {
            if ![BLOCK_NUMBER, BLOCK_TIMESTAMP].contains(id) {
                index("column", *id, table.columns().len())?;
            }
        }
        let registers = self.registers.len();
        for predicate in &self.predicates {
            index("register", predicate.left, registers)?;
            match predicate.right {
                Operand::Register(i) => index("register", i, registers)?,
                Operand::Param(i) => index("parameter", i, self.params.into())?,
                Operand::Literal(_) | Operand::From | Operand::To => {}
            }
        }
        for output in &self.outputs {
            match output.function {
                Function::Count => index("register", output.register, 1)?,
                _ => index("register", output.register, registers)?,
            }
        }
        Ok(())
    }

    /// `queryDigest`: Poseidon of the canonical encoding, 135 elements. The table is in it, so a
    /// query digest means one thing.
    ///
    /// # Errors
    /// [`QueryError::Circuit`] when `table_id` is not a canonical digest.
    pub fn digest(&self) -> Result<HashOut<F>, QueryError> {
        Ok(hash(&self.elements()?))
    }

    /// [`Program::digest`] as a word.
    ///
    /// # Errors
    /// As [`Program::digest`].
    pub fn digest_word(&self) -> Result<B256, QueryError> {
        self.digest().map(word_from_hash)
    }

    /// `tag, table id (4), names (8), parameters, results, registers (8), predicates (8 × 12:
    /// comparison, left, source, index, literal (8)), results (8 × 2: function, register)`.
    pub(super) fn elements(&self) -> Result<Vec<F>, QueryError> {
        let table_id = hash_from_word(&self.table_id)?;
        let mut out = vec![F::from_canonical_u64(TAG_QUERY)];
        out.extend(table_id.elements);
        out.extend(u256_limbs(U256::from_be_bytes(self.names_digest.0)));
        out.push(F::from_canonical_u8(self.params));
        out.push(F::from_canonical_usize(self.outputs.len()));
        out.extend(self.padded_registers().map(F::from_canonical_u8));
        for i in 0..MAX_PREDICATES {
            out.extend(predicate_elements(self.predicates.get(i)));
        }
        for i in 0..MAX_OUTPUTS {
            let (function, register) = self.outputs.get(i).map_or((0, 0), |o| (o.function as u8, o.register));
            out.extend([function, register].map(F::from_canonical_u8));
        }
        Ok(out)
    }

    /// Column ids of all registers; unused ones read column 0.
    pub fn padded_registers(&self) -> [u8; MAX_REGISTERS] {
        std::array::from_fn(|i| self.registers.get(i).copied().unwrap_or(0))
    }
}

fn predicate_elements(predicate: Option<&Predicate>) -> [F; 12] {
    let mut out = [F::ZERO; 12];
    out[0] = F::from_canonical_u8(predicate.map_or(ALWAYS, |p| p.comparison as u8));
    let Some(predicate) = predicate else { return out };
    out[1] = F::from_canonical_u8(predicate.left);
    out[2] = F::from_canonical_u64(predicate.right.source());
    match predicate.right {
        Operand::Param(i) | Operand::Register(i) => out[3] = F::from_canonical_u8(i),
        Operand::Literal(value) => out[4..].copy_from_slice(&u256_limbs(value)),
        Operand::From | Operand::To => {}
    }
    out
}

/// Parameter words of a request, zero-padded to [`MAX_PARAMS`] in encodings.
///
/// # Errors
/// [`QueryError::ParamCount`] when there are not as many as the program has.
pub fn check_params(program: &Program, params: &[U256]) -> Result<(), QueryError> {
    let expected = usize::from(program.params);
    match params.len() == expected {
        true => Ok(()),
        false => Err(QueryError::ParamCount { expected, got: params.len() }),
    }
}

/// Word 5 of queries and merges: Poseidon of tag, count and eight words.
pub fn params_digest(params: &[U256]) -> HashOut<F> {
    let mut input = vec![F::from_canonical_u64(TAG_PARAMS), F::from_canonical_usize(params.len())];
    for i in 0..MAX_PARAMS {
        input.extend(u256_limbs(params.get(i).copied().unwrap_or_default()));
    }
    hash(&input)
}
