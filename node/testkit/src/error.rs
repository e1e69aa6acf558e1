//! What can go wrong while a development network is set up.

use gavel_chain::ChainError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum TestkitError {
    #[error("{path} is missing: run {remedy}")]
    Missing { path: String, remedy: &'static str },
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error("anvil did not start: {reason}; see {log}")]
    Anvil { reason: String, log: String },
    #[error("{contract}: {reason}")]
    Artifact { contract: String, reason: String },
    #[error("{step}: {source}")]
    Step { step: &'static str, source: ChainError },
    #[error("{check}: expected {expected}, got {got}")]
    Check { check: &'static str, expected: String, got: String },
    #[error("{name}: {reason}; see {log}")]
    Daemon { name: String, reason: String, log: String },
    #[error("gavel {command}: {reason}")]
    Command { command: String, reason: String },
    #[error("waited {after:?} for {what}")]
    Waited { what: &'static str, after: std::time::Duration },
    #[error("replay endpoint: {0}")]
    Replay(String),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl TestkitError {
    /// An IO error at a path.
    pub fn file(path: &std::path::Path, error: impl std::fmt::Display) -> Self {
        TestkitError::File { path: path.display().to_string(), reason: error.to_string() }
    }
}
