//! What can go wrong on the wire.

use std::path::PathBuf;

use alloy_primitives::B256;
use gavel_types::id::OperatorId;
use gavel_types::job::UnknownJobKind;
use gavel_types::signature::SignatureError;
use gavel_types::unit::UnknownClass;

/// A message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("{field} is missing")]
    Missing { field: &'static str },
    #[error("{field} has {got} bytes, expected {expected}")]
    Length { field: &'static str, expected: usize, got: usize },
    #[error("{field} is {got}, at most {most}")]
    Range { field: &'static str, got: u64, most: u64 },
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Class(#[from] UnknownClass),
    #[error(transparent)]
    Kind(#[from] UnknownJobKind),
    #[error("a {got} message is not expected here")]
    Unexpected { got: &'static str },
}

/// Why a session is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("operator {0} is not registered")]
    Unregistered(OperatorId),
    #[error("challenge answered for operator {operator}: {source}")]
    Signature { operator: OperatorId, source: SignatureError },
    #[error("no hello within the time limit")]
    Silent,
    #[error("the gateway proves with circuit set {gateway}, the prover with {prover}")]
    CircuitSet { gateway: B256, prover: B256 },
    #[error("the gateway is of supernet {got}, expected {expected}")]
    Supernet { expected: u32, got: u32 },
    #[error("the gateway is in epoch {got}, the chain says {expected}")]
    Epoch { expected: u64, got: u64 },
}

#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("{address}: {source}")]
    Transport { address: String, source: tonic::transport::Error },
    #[error("gRPC {}: {}", .0.code(), .0.message())]
    Status(Box<tonic::Status>),
    #[error("the session is over")]
    Closed,
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("{0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    #[error("listening on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
}

impl From<tonic::Status> for RpcError {
    fn from(status: tonic::Status) -> Self {
        RpcError::Status(Box::new(status))
    }
}
