//! What can go wrong with queries, their inputs and their circuits.

use alloy_primitives::B256;

use crate::error::CircuitError;
use crate::table::TableError;

/// Errors of programs, evaluation and the query circuits.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("{got} {what}; {least} to {most} are possible")]
    Count { what: &'static str, got: usize, least: usize, most: usize },
    #[error("{what} {index} does not exist; there are {limit}")]
    Index { what: &'static str, index: u8, limit: usize },
    #[error("the query is over table {expected}, not {got}")]
    Table { expected: B256, got: B256 },
    #[error("the query has {expected} parameters; {got} were given")]
    ParamCount { expected: usize, got: usize },
    #[error("{got} rows do not fit in a circuit of {capacity}")]
    Capacity { capacity: usize, got: usize },
    #[error("the extraction has {expected} rows with digest {digest}; the {got} rows given do not match")]
    Rows { expected: u64, digest: B256, got: usize },
    #[error("block range {from} to {to} is reversed")]
    Range { from: u64, to: u64 },
    #[error("blocks {first} to {last} do not cover {from} to {to}, which must end at the last block")]
    Coverage { first: u64, last: u64, from: u64, to: u64 },
    #[error("{what} differ between the proofs to join: {left} and {right}")]
    Join { what: &'static str, left: String, right: String },
    #[error("aggregate states do not match the digest {expected} in the statement")]
    States { expected: B256 },
    #[error("the statement says {what} {got}; expected {expected}")]
    Claim { what: &'static str, expected: String, got: String },
    #[error("a shape of {rows} rows is not possible; 1 to {most} are")]
    Shape { rows: usize, most: usize },
    #[error(transparent)]
    Row(#[from] TableError),
    #[error(transparent)]
    Circuit(#[from] CircuitError),
}
