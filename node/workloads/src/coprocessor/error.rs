//! What can be wrong with tables, queries, parameters and ranges.

use std::fmt;

use alloy_primitives::U256;
use gavel_circuits::extract::Usage;
use gavel_circuits::query::{MAX_OUTPUTS, MAX_PARAMS, MAX_PREDICATES, MAX_REGISTERS, QueryError};
use gavel_circuits::table::{MAX_COLUMNS, MAX_SLOTS};

use super::value_type::ValueType;

/// Errors of this workload.
#[derive(Debug, thiserror::Error)]
pub enum CoprocessorError {
    #[error("table: {0}")]
    Table(#[from] TableError),
    #[error("query: {0}")]
    Sql(#[from] SqlError),
    #[error("parameters: {0}")]
    Param(#[from] ParamError),
    #[error("plan: {0}")]
    Plan(#[from] PlanError),
}

/// What is wrong with a table file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("not a table in TOML: {0}")]
    Syntax(String),
    #[error("{what} {name:?} is not a name: letters, digits and _ only, no digit first, at most 64")]
    Name { what: &'static str, name: String },
    #[error("chain_id must be from 1 to 2^63 - 1, got {0}")]
    ChainId(i64),
    #[error("contract {0:?} is not an address: 0x and 40 hex digits")]
    Contract(String),
    #[error("column {column}: unknown type {got:?}; known are uint8 to uint256 in steps of 8, address, bool")]
    Type { column: String, got: String },
    #[error("column {column}: slot {got:?} is not a number below 2^256 in decimal or 0x hex")]
    Slot { column: String, got: String },
    #[error("column {column}: {width} bytes at offset {offset} leave the slot of 32 bytes")]
    PastSlotEnd { column: String, offset: i64, width: u8 },
    #[error("column {column} needs a slot; only block_number and block_timestamp come without one")]
    NoSlot { column: String },
    #[error("column {column} is uint64 and comes with every table: it takes no slot, offset or other type")]
    Reserved { column: String },
    #[error("two columns are named {0}")]
    Duplicate(String),
    #[error("the table has no storage column")]
    NoStorageColumn,
    #[error("the table has {0} storage columns; at most {MAX_COLUMNS} are possible")]
    TooManyColumns(usize),
    #[error("the table reads {0} storage slots; at most {MAX_SLOTS} are possible")]
    TooManySlots(usize),
}

/// Where in a query text, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong with a query text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    #[error("not SQL: {0}")]
    Syntax(String),
    #[error("{construct} is not supported ({at})")]
    Unsupported { construct: String, at: Position },
    #[error("the query must be over table {expected}, not {got} ({at})")]
    UnknownTable { expected: String, got: String, at: Position },
    #[error("table {table} has no column {name} ({at})")]
    UnknownColumn { table: String, name: String, at: Position },
    #[error("two results are named {name}; give one another name with AS ({at})")]
    DuplicateResult { name: String, at: Position },
    #[error("{function} needs a number, and {column} is {got} ({at})")]
    NotANumber { function: &'static str, column: String, got: ValueType, at: Position },
    #[error("{left} cannot be compared with {right} ({at})")]
    Incomparable { left: ValueType, right: String, at: Position },
    #[error("{got} values have no order; only = and <> compare them ({at})")]
    NoOrder { got: ValueType, at: Position },
    #[error("a comparison needs a column on one side ({at})")]
    NoColumn { at: Position },
    #[error("{text} is not a whole number below 2^256 ({at})")]
    Number { text: String, at: Position },
    #[error("{name} is no parameter: $1 to ${MAX_PARAMS}, $from and $to are ({at})")]
    Parameter { name: String, at: Position },
    #[error("parameter ${number} is {first} in one comparison and {second} in another ({at})")]
    ParameterType { number: usize, first: ValueType, second: ValueType, at: Position },
    #[error("parameter ${missing} is not used, but ${used} is")]
    ParameterGap { missing: usize, used: usize },
    #[error("{got} results; at most {MAX_OUTPUTS} are possible ({at})")]
    TooManyResults { got: usize, at: Position },
    #[error("{got} comparisons, BETWEEN counting as two; at most {MAX_PREDICATES} are possible ({at})")]
    TooManyComparisons { got: usize, at: Position },
    #[error("the query reads {got} columns; at most {MAX_REGISTERS} are possible")]
    TooManyColumns { got: usize },
}

/// What is wrong with parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    #[error("the query has {expected} parameters, {got} were given")]
    Count { expected: usize, got: usize },
    #[error("parameter ${number} must be {expected}, {got:?} is not")]
    Type { number: usize, expected: ValueType, got: String },
    #[error("parameter ${number} must be {expected}, {got} is too large")]
    Size { number: usize, expected: ValueType, got: U256 },
}

/// Why a range cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("block range {from} to {to} is reversed")]
    Reversed { from: u64, to: u64 },
    #[error("a chunk length must be from 1 to {most}, got {got}")]
    ChunkLength { got: u64, most: u64 },
    #[error("blocks {first} to {last} are needed for the plan; {got} were given")]
    Blocks { first: u64, last: u64, got: usize },
    #[error("block {number} has parent {parent}, but block {previous} before it has another hash")]
    Linked { number: u64, previous: u64, parent: alloy_primitives::B256 },
    #[error(
        "block {block} alone takes {need}, and a circuit holds {limit}; proving one block in several parts is not possible yet"
    )]
    BlockTooLarge { block: u64, need: Usage, limit: Usage },
    #[error("the range needs {got} chunks; at most {most} are possible")]
    TooManyChunks { got: usize, most: usize },
    #[error(transparent)]
    Query(#[from] QueryError),
}
