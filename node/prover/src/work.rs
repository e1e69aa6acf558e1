//! The proof system, as a prover needs it.

use alloy_primitives::B256;
use gavel_types::job::JobTerms;

use crate::error::JobError;

/// A proof and, for an answer, its result words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedJob {
    pub proof: Vec<u8>,
    pub results: Vec<B256>,
}

/// Checks inputs and makes proofs. Both block the thread; both are called off the async runtime.
pub trait JobProver: Send + Sync + 'static {
    /// Whether the inputs are of this job and consistent: what an acceptance vouches for.
    ///
    /// # Errors
    /// [`JobError`] when accepting would mean missing.
    fn check(&self, terms: &JobTerms, input: &[u8]) -> Result<(), JobError>;

    /// # Errors
    /// [`JobError::Proving`].
    fn prove(&self, terms: &JobTerms, input: &[u8]) -> Result<ProvedJob, JobError>;
}
