//! A verifying key as the deployer needs it: data for the constructor of `Groth16Verifier`.

use std::path::Path;

use alloy::primitives::{B256, U256};
use serde::{Deserialize, Serialize};

use crate::error::ChainError;

/// Words of a Groth16 key over BN254 with two public inputs, and the circuits that it stands for.
/// Coordinates of G2 points imaginary part first, as the EVM reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifierSetup {
    pub alpha: [U256; 2],
    pub beta: [U256; 4],
    pub gamma: [U256; 4],
    pub delta: [U256; 4],
    /// Constant term and one point per public input.
    pub ic: [[U256; 2]; 3],
    /// Root of the circuit set: word 1 of every statement.
    pub circuit_set: B256,
    /// Made by one party: the contract deploys to development chains only.
    pub development: bool,
}

impl VerifierSetup {
    /// Reads the JSON file that the parameter builder writes.
    ///
    /// # Errors
    /// [`ChainError::File`] with the path.
    pub fn read(path: &Path) -> Result<Self, ChainError> {
        let file = |reason: String| ChainError::File { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| file(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| file(e.to_string()))
    }
}
