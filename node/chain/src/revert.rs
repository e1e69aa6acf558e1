//! Revert data in words.

use alloy::{
    primitives::{Bytes, hex},
    rpc::json_rpc::ErrorPayload,
    sol_types::{Panic, Revert, SolError},
};

use crate::bindings;

/// The reason in a node's error: a message, or the name and arguments of a known custom error.
pub fn explain(error: &ErrorPayload) -> String {
    match error.as_revert_data() {
        Some(data) if !data.is_empty() => describe(&data),
        _ => error.message.to_string(),
    }
}

/// Revert data in words: `Error(string)`, panics, and the errors of EigenLayer and Gavel by name.
pub fn describe(data: &Bytes) -> String {
    if let Ok(revert) = Revert::abi_decode(data) {
        return revert.reason;
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return panic.to_string();
    }
    bindings::describe_error(data).unwrap_or_else(|| format!("revert data {}", hex::encode_prefixed(data)))
}
