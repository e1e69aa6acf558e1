//! The on-chain wrap.

pub mod final_layer;
pub mod grain;
pub mod hash;
pub mod poseidon2;
pub mod r1cs;

/// Why a proof could not be wrapped.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    #[error("the inner circuit has {got} public inputs; the wrap takes {expected}")]
    InnerPublicInputs { expected: usize, got: usize },
    #[error("the final layer uses a gate that the wrap has no constraints for: {0}")]
    Gate(String),
    #[error("plonky2: {0}")]
    Plonky2(String),
}

impl WrapError {
    fn plonky2(error: impl std::fmt::Display) -> Self {
        WrapError::Plonky2(format!("{error:#}"))
    }
}
