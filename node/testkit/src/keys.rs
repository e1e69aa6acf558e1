//! Keys of development accounts: hashes of their role, the same on every development chain.

use alloy::primitives::{Address, B256, keccak256};
use gavel_types::signature::Signer;

/// The secret key of a role, such as `deployer` or `operator 1 owner`. Public knowledge.
pub fn secret(role: &str) -> B256 {
    keccak256(format!("gavel development network: {role}"))
}

/// The address of a role's key.
pub fn address(role: &str) -> Address {
    // A hash is an invalid key with probability 2^-128.
    Signer::from_secret(secret(role)).map(|signer| signer.address()).unwrap_or_default()
}
