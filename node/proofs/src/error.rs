//! What can go wrong when proofs are made, stored and checked.

use std::io;
use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use gavel_circuits::CircuitError;
use gavel_circuits::extract::{ExtractError, ExtractProofError};
use gavel_circuits::query::QueryError;
use gavel_circuits::security::Profile;
use gavel_types::job::JobKind;
use gavel_types::statement::StatementError;

use crate::wrap::WrapError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("parameters in {directory} are damaged: {what}; remove the folder to build them again")]
    Damaged { directory: PathBuf, what: String },
    #[error("parameters for {0} jobs are not loaded")]
    NotLoaded(JobKind),
    #[error("no circuit of kind {kind} is large enough: {reason}")]
    TooLarge { kind: JobKind, reason: String },
    #[error("proof bytes: {0}")]
    Format(&'static str),
    #[error("a proof of profile {got:?} where {expected:?} is required")]
    Profile { expected: Profile, got: Profile },
    #[error("a proof of kind {got} where {expected} is required")]
    Kind { expected: JobKind, got: JobKind },
    #[error("statement word {word} is {got}; the job claims {expected}")]
    Claim { word: usize, expected: B256, got: B256 },
    #[error("what a proof carries beside its statement does not belong to it: {0}")]
    Attachment(&'static str),
    #[error("job input: {0}")]
    Input(String),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Blocks(#[from] ExtractError),
    #[error(transparent)]
    Extract(#[from] ExtractProofError),
    #[error(transparent)]
    Wrap(#[from] WrapError),
    #[error("the Groth16 proof does not show the statement beside it")]
    Groth16,
}

impl ProofError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        ProofError::Io { path: path.into(), source }
    }
}
