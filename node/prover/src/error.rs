//! What stops a prover, or one of its jobs.

use std::path::PathBuf;

use gavel_chain::ChainError;
use gavel_rpc::RpcError;
use gavel_types::signature::SignatureError;

#[derive(Debug, thiserror::Error)]
pub enum ProverError {
    #[error(transparent)]
    Rpc(#[from] RpcError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path}: {reason}")]
    Content { path: PathBuf, reason: String },
    #[error("secret key in {path}: {source}")]
    Key { path: PathBuf, source: SignatureError },
    #[error("supernet {supernet} has no gateway on-chain")]
    NoGateway { supernet: u32 },
}

/// Why a job cannot be proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    #[error("the inputs cannot be read: {0}")]
    Inputs(String),
    #[error("the inputs are of another claim")]
    OtherClaim,
    #[error("proving failed: {0}")]
    Proving(String),
}
