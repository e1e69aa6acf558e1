//! Deliveries against the proof system.

use gavel_proofs::ProofSystem;
use gavel_proofs::envelope::Envelope;
use gavel_proofs::system::LocalProofSystem;
use gavel_types::job::JobKind;
use gavel_types::statement::{Claim, Statement};

use crate::planning::{JobVerifier, ProofRefused, Verified};

impl JobVerifier for LocalProofSystem {
    fn verify(
        &self,
        kind: JobKind,
        claim: &Claim,
        needs: &[Statement],
        proof: &[u8],
    ) -> Result<Verified, ProofRefused> {
        let refused = |error: gavel_proofs::ProofError| ProofRefused(error.to_string());
        let statement = ProofSystem::verify(self, kind, claim, proof).map_err(refused)?;
        if kind != JobKind::Wrap {
            return Ok(Verified { statement, evm_proof: vec![] });
        }
        // The claim does not fix the output; the answer that was wrapped does.
        if needs != [statement.clone()] {
            return Err(ProofRefused("the wrap shows another answer than the one it was made from".into()));
        }
        let evm_proof = Envelope::from_bytes(proof).map_err(refused)?.proof;
        Ok(Verified { statement, evm_proof })
    }
}
