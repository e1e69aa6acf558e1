//! Contract bindings: the EigenLayer core, ERC-20 tokens and Gavel's own contracts.

pub mod eigenlayer;
pub mod token;

use alloy::{primitives::Bytes, sol_types::SolInterface};

/// Name and arguments of a custom error of the contracts here, for people.
pub fn describe_error(data: &Bytes) -> Option<String> {
    let error = eigenlayer::AllocationManager::AllocationManagerErrors::abi_decode(data).ok()?;
    Some(format!("{error:?}"))
}
