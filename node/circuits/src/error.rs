//! What can go wrong in this crate.

use gavel_types::statement::Kind;

/// Errors of circuits, witnesses and proofs.
#[derive(Debug, thiserror::Error)]
pub enum CircuitError {
    #[error("witness does not satisfy the circuit: {0}")]
    Witness(String),
    #[error("proving failed: {0}")]
    Prove(String),
    #[error("proof rejected: {0}")]
    Verify(String),
    #[error("proof bytes are truncated, too long or not canonical")]
    Encoding,
    #[error("a 32-byte word holds no canonical digest: limb {limb} is {value:#x}")]
    NonCanonicalDigest { limb: usize, value: u64 },
    #[error("circuit {name} needs {rows} rows; its shape has {limit}")]
    TooManyRows { name: String, rows: usize, limit: usize },
    #[error("circuit {name} does not have the common shape of shrunk proofs")]
    Shape { name: String },
    #[error("what is stored of circuit {name} belongs to another version of it")]
    Stale { name: String },
    #[error("parameter store: {0}")]
    Store(String),
    #[error("a proof has {got} public inputs; expected {expected}")]
    PublicInputs { expected: usize, got: usize },
    #[error("{got} circuits do not fit in a circuit set of {limit}")]
    CircuitSetFull { limit: usize, got: usize },
    #[error("circuit {index} is not in the circuit set")]
    UnknownCircuit { index: usize },
    #[error("expected a proof of kind {expected:?}; got {got:?}")]
    Kind { expected: Vec<Kind>, got: Kind },
    #[error("the public inputs of a proof do not belong to the statement beside it")]
    Statement,
}

impl CircuitError {
    /// For plonky2's witness setters, whose only failure is a second, different value.
    pub(crate) fn set(error: impl ToString) -> Self {
        CircuitError::Witness(error.to_string())
    }
}
