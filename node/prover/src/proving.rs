//! Jobs on this machine's proof system.

use alloy_primitives::B256;
use gavel_proofs::job::JobInput;
use gavel_proofs::system::LocalProofSystem;
use gavel_proofs::{ProofError, ProofSystem};
use gavel_types::job::JobTerms;

use crate::error::JobError;
use crate::work::{JobProver, ProvedJob};

impl JobProver for LocalProofSystem {
    fn check(&self, terms: &JobTerms, input: &[u8]) -> Result<(), JobError> {
        let input = read(terms, input)?;
        let claim = self.claim(&input).map_err(|error| JobError::Inputs(error.to_string()))?;
        if claim.digest() == terms.claim_digest { Ok(()) } else { Err(JobError::OtherClaim) }
    }

    fn prove(&self, terms: &JobTerms, input: &[u8]) -> Result<ProvedJob, JobError> {
        let input = read(terms, input)?;
        let proving = |error: ProofError| JobError::Proving(error.to_string());
        let proved = ProofSystem::prove(self, &input).map_err(proving)?;
        let results = proved.results.iter().map(|word| B256::from(*word)).collect();
        Ok(ProvedJob { proof: proved.proof, results })
    }
}

fn read(terms: &JobTerms, input: &[u8]) -> Result<JobInput, JobError> {
    let input = JobInput::from_bytes(input).map_err(|error| JobError::Inputs(error.to_string()))?;
    if input.kind() == terms.kind { Ok(input) } else { Err(JobError::OtherClaim) }
}
