//! What stops the gateway.

use std::path::PathBuf;

use alloy_primitives::Address;
use gavel_chain::ChainError;
use gavel_domain::transition::IllegalTransition;
use gavel_rpc::RpcError;
use gavel_store::StoreError;
use gavel_types::job::JobKind;
use gavel_types::lot::LotError;
use gavel_types::signature::SignatureError;
use gavel_types::unit::PriceOverflow;

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Rpc(#[from] RpcError),
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    #[error(transparent)]
    Lot(#[from] LotError),
    #[error(transparent)]
    Price(#[from] PriceOverflow),
    #[error("supernet {supernet} is in epoch {epoch} with gateway key {expected}; this gateway's key is {got}")]
    NotTheGateway { supernet: u32, epoch: u64, expected: Address, got: Address },
    #[error(
        "epoch {next} began on-chain with this gateway's key; nothing more is signed for epoch {own}: start again to go on"
    )]
    EpochOver { own: u64, next: u64 },
    #[error("epoch {next} began on-chain with gateway key {key}; this gateway's key {got} was of epoch {own}")]
    Replaced { own: u64, next: u64, key: Address, got: Address },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path}: {reason}")]
    Content { path: PathBuf, reason: String },
    #[error("secret key in {path}: {source}")]
    Key { path: PathBuf, source: SignatureError },
    #[error("the supernet's configuration has no work units for {kind} jobs of size {size}")]
    Units { kind: JobKind, size: u32 },
}

impl GatewayError {
    /// Whether the next attempt may succeed: the chain was not reachable.
    pub fn is_temporary(&self) -> bool {
        matches!(self, GatewayError::Chain(error) if error.is_temporary())
    }
}
