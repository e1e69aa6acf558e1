//! What can go wrong between Gavel and a chain.

use alloy::{
    primitives::{Address, B256, U256},
    transports::{RpcError, TransportError, TransportErrorKind},
};

use crate::{
    endpoint::{EndpointError, is_missing_history},
    trie::TrieError,
};

/// Which of the proofs of a block an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofOf {
    Account(Address),
    Slot { contract: Address, slot: B256 },
}

impl std::fmt::Display for ProofOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProofOf::Account(address) => write!(f, "account {address}"),
            ProofOf::Slot { contract, slot } => write!(f, "slot {slot} of {contract}"),
        }
    }
}

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error("{0:?} is not an RPC URL")]
    Url(String),
    #[error("cannot use the RPC endpoints: {0}")]
    Client(String),
    #[error("{call}: {source}")]
    Endpoint { call: &'static str, source: EndpointError },
    #[error("{call}: the node refused with code {code}: {message}")]
    Refused { call: &'static str, code: i64, message: String, data: Option<String> },
    #[error("{call}: the answer cannot be read: {reason}")]
    Answer { call: &'static str, reason: String },
    #[error("{call}: {reason}")]
    Call { call: &'static str, reason: String },
    #[error("{call} was reverted: {reason}")]
    Reverted { call: &'static str, reason: String },
    #[error("{call}: transaction {hash} was not mined within {after:?}")]
    NotMined { call: &'static str, hash: B256, after: std::time::Duration },
    #[error("the endpoint serves chain {got}, expected chain {expected}")]
    WrongChain { expected: u64, got: u64 },

    #[error("block {block} is not known to the endpoint")]
    UnknownBlock { block: u64 },
    #[error("block {block} is no longer kept by the endpoint: {reason}")]
    NoHistory { block: u64, reason: String },
    #[error("asked for block {block}, got a header with number {got}")]
    HeaderNumber { block: u64, got: u64 },
    #[error("header of block {block} hashes to {got}, expected {expected}")]
    HeaderHash { block: u64, expected: B256, got: B256 },
    #[error("header of block {block} names parent {got}, expected {expected}")]
    HeaderParent { block: u64, expected: B256, got: B256 },
    #[error("block {block}, proof of {proof}: {source}")]
    Proof { block: u64, proof: ProofOf, source: TrieError },
    #[error("block {block}, {proof}: the node claims value {claimed}, its proof shows {proven}")]
    Value { block: u64, proof: ProofOf, claimed: U256, proven: U256 },
    #[error("block {block}: the answer holds {got} storage proofs, asked for {expected}")]
    ProofCount { block: u64, expected: usize, got: usize },
    #[error("block {block}: the answer proves {got}, asked for {expected}")]
    ProofKey { block: u64, expected: ProofOf, got: String },
    #[error("block range {from}..={to} is empty")]
    EmptyRange { from: u64, to: u64 },

    #[error("the chain was reorganised below block {oldest}, deeper than the {kept} blocks that are remembered")]
    DeepReorg { oldest: u64, kept: usize },

    #[error("transaction {key}: {reason}")]
    Transaction { key: String, reason: String },
    #[error("the outbox failed: {0}")]
    Outbox(String),

    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error("{subject}: {reason}")]
    Config { subject: String, reason: String },
}

impl ChainError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        match self {
            ChainError::Endpoint { .. } | ChainError::UnknownBlock { .. } | ChainError::HeaderParent { .. } => true,
            // Limit exceeded: of EIP-1474, and what several providers answer.
            ChainError::Refused { code, .. } => matches!(code, -32_005 | 429),
            _ => false,
        }
    }

    /// Sorts a transport error by who is to blame: no answer, a refusal, or an unreadable answer.
    pub fn from_transport(call: &'static str, error: TransportError) -> Self {
        match error {
            RpcError::ErrorResp(payload) => ChainError::Refused {
                call,
                code: payload.code,
                message: payload.message.to_string(),
                data: payload.data.map(|data| data.get().trim_matches('"').to_owned()),
            },
            RpcError::Transport(TransportErrorKind::Custom(custom)) => match custom.downcast::<EndpointError>() {
                Ok(source) => ChainError::Endpoint { call, source: *source },
                Err(other) => ChainError::Call { call, reason: other.to_string() },
            },
            RpcError::DeserError { err, .. } => ChainError::Answer { call, reason: err.to_string() },
            RpcError::NullResp => ChainError::Answer { call, reason: "null".into() },
            other => ChainError::Call { call, reason: other.to_string() },
        }
    }

    /// As [`from_transport`](Self::from_transport), for a question about the state after `block`:
    /// a refusal for want of history is told apart.
    pub fn about_block(call: &'static str, block: u64, error: TransportError) -> Self {
        match Self::from_transport(call, error) {
            ChainError::Refused { message, .. } if is_missing_history(&message) => {
                ChainError::NoHistory { block, reason: message }
            }
            other => other,
        }
    }

    /// An error of a contract call; reverts keep the revert data.
    pub fn from_contract(call: &'static str, error: alloy::contract::Error) -> Self {
        match error {
            alloy::contract::Error::TransportError(error) => Self::from_transport(call, error),
            other => ChainError::Answer { call, reason: other.to_string() },
        }
    }
}
