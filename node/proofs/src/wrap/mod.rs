//! The on-chain wrap: a shrunk Goldilocks proof becomes one Groth16 proof (`docs/circuits/wrap.md`).
//!
//! [`final_layer`] proves the inner proof once more with BN254 hashes ([`hash`], [`poseidon2`]);
//! [`r1cs`] verifies that layer in a rank-1 constraint system; [`groth16`] proves the system;
//! [`evm`] is what the contract reads.

pub mod evm;
pub mod final_layer;
mod grain;
pub mod groth16;
pub mod hash;
pub mod poseidon2;
pub mod r1cs;
mod stored;

use std::path::PathBuf;

use alloy_primitives::B256;
use ark_relations::gr1cs::SynthesisError;

pub use evm::{Groth16Proof, VerifyingKey};
pub use final_layer::{FinalLayer, FinalProof};
pub use groth16::{WrapKey, fingerprint};

/// Why a proof could not be wrapped, or a wrapped one not be checked.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    #[error("the inner circuit has {got} public inputs; the wrap takes {expected}")]
    InnerPublicInputs { expected: usize, got: usize },
    #[error("the final layer uses a gate that the wrap has no constraints for: {0}")]
    Gate(String),
    #[error("stored part of the final layer: {0}")]
    Stored(&'static str),
    #[error("plonky2: {0}")]
    Plonky2(String),
    #[error("the final proof does not verify: constraint {constraint} does not hold")]
    Unsatisfied { constraint: usize },
    #[error("the wrap key is for {expected} variables; the final layer has {got}")]
    KeyMismatch { expected: usize, got: usize },
    #[error("the wrap key belongs to constraints {got}; expected {expected}")]
    KeyFingerprint { expected: B256, got: B256 },
    #[error("the wrap key yields proofs that do not verify: it is damaged or of another final layer")]
    DamagedKey,
    #[error("wrap key {0}: {1}")]
    KeyFile(PathBuf, String),
    #[error("{name} is not a point of its group")]
    Point { name: &'static str },
    #[error("constraint system: {0}")]
    Synthesis(#[from] SynthesisError),
}

impl WrapError {
    fn plonky2(error: impl std::fmt::Display) -> Self {
        WrapError::Plonky2(format!("{error:#}"))
    }
}
