//! Plans and proofs without proving: a proof is the statement with a digest over it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::{B256, U256};
use gavel_domain::request::RequestFailure;
use gavel_gateway::planning::{
    JobVerifier, PlanError, PlanFuture, PlanRequest, PlannedJob, Planner, ProofRefused, Verified, WantedInput,
};
use gavel_prover::error::JobError;
use gavel_prover::{JobProver, ProvedJob};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::statement::{Claim, Output, Statement, Status, sha256_words};
use gavel_types::unit::WorkUnits;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::chain::CHAIN_ID;
use crate::stage::CIRCUIT_SET;

/// What a job is proven from, in these tests.
#[derive(Debug, Serialize, Deserialize)]
struct Input {
    kind: JobKind,
    claim: Claim,
    needs: Vec<Statement>,
    results: Vec<B256>,
}

/// What a proof is, in these tests.
#[derive(Debug, Serialize, Deserialize)]
struct Proof {
    kind: JobKind,
    profile: String,
    statement: Statement,
    seal: B256,
}

fn seal(kind: JobKind, statement: &Statement) -> B256 {
    let bytes = [&[kind as u8], statement.digest().as_slice()].concat();
    B256::from(<[u8; 32]>::from(Sha256::digest(bytes)))
}

pub struct TestPlanner;

impl Planner for TestPlanner {
    fn plan<'a>(&'a self, request: &'a PlanRequest) -> PlanFuture<'a, Vec<PlannedJob>> {
        Box::pin(async move {
            if request.query_text.contains("nonsense") {
                let detail = "unknown column nonsense".to_owned();
                return Err(PlanError::Final { reason: RequestFailure::Unprovable, detail });
            }
            let claim = |kind: JobKind, from, to| Claim {
                kind: kind.statement_kind(),
                circuit_set: CIRCUIT_SET,
                chain_id: CHAIN_ID,
                table_id: request.request.tableId,
                query_digest: request.request.queryDigest,
                params_digest: sha256_words(&request.request.params),
                from_block: from,
                to_block: to,
                anchor_hash: request.origin.anchor_hash,
                inputs: B256::ZERO,
            };
            let (from, to) = (request.request.fromBlock, request.request.toBlock);
            let job = |kind: JobKind, units, from, to, needs: &[u32]| PlannedJob {
                kind,
                units: WorkUnits(units),
                claim: claim(kind, from, to),
                needs: needs.to_vec(),
            };
            Ok(vec![
                job(JobKind::Extract, 30, from, from + 3, &[]),
                job(JobKind::Extract, 30, from + 4, to, &[]),
                job(JobKind::Query, 10, from, from + 3, &[0]),
                job(JobKind::Query, 10, from + 4, to, &[1]),
                job(JobKind::Merge, 8, from, to, &[2, 3]),
                job(JobKind::Answer, 6, from, to, &[4]),
                job(JobKind::Wrap, 50, from, to, &[5]),
            ])
        })
    }

    fn input<'a>(&'a self, request: &'a PlanRequest, job: WantedInput) -> PlanFuture<'a, Vec<u8>> {
        Box::pin(async move {
            let results = vec![B256::from(U256::from(request.request.fromBlock + request.request.toBlock))];
            let needs = job.needs.into_iter().map(|need| need.statement).collect();
            Ok(serde_json::to_vec(&Input { kind: job.kind, claim: job.claim, needs, results }).unwrap())
        })
    }
}

pub struct TestVerifier;

impl JobVerifier for TestVerifier {
    fn verify(
        &self,
        kind: JobKind,
        claim: &Claim,
        _needs: &[Statement],
        proof: &[u8],
    ) -> Result<Verified, ProofRefused> {
        let proof: Proof = serde_json::from_slice(proof).map_err(|error| ProofRefused(error.to_string()))?;
        if proof.profile != "production" {
            return Err(ProofRefused(format!("a proof of the {} profile", proof.profile)));
        }
        if proof.kind != kind || proof.seal != seal(kind, &proof.statement) {
            return Err(ProofRefused("the seal does not hold".into()));
        }
        if proof.statement.claim != *claim {
            return Err(ProofRefused("another claim".into()));
        }
        let evm_proof = if kind == JobKind::Wrap { b"evm proof".to_vec() } else { Vec::new() };
        Ok(Verified { statement: proof.statement, evm_proof })
    }
}

/// What a prover does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    Truncated,
    Tampered,
    OtherKind,
    TestProfile,
    /// Never finishes.
    Stuck,
}

pub struct TestProver {
    pub fault: Fault,
    pub millis: u64,
    pub proofs: AtomicU64,
}

impl JobProver for TestProver {
    fn check(&self, terms: &JobTerms, input: &[u8]) -> Result<(), JobError> {
        let input: Input = serde_json::from_slice(input).map_err(|error| JobError::Inputs(error.to_string()))?;
        if input.claim.digest() == terms.claim_digest { Ok(()) } else { Err(JobError::OtherClaim) }
    }

    fn prove(&self, terms: &JobTerms, input: &[u8]) -> Result<ProvedJob, JobError> {
        self.proofs.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(self.millis));
        if self.fault == Fault::Stuck {
            std::thread::sleep(Duration::from_secs(30));
        }
        let input: Input = serde_json::from_slice(input).map_err(|error| JobError::Inputs(error.to_string()))?;
        let answer = terms.kind == JobKind::Answer;
        let statement = match (terms.kind, input.needs.first()) {
            (JobKind::Wrap, Some(answer)) => answer.clone(),
            _ => Statement {
                claim: input.claim,
                output: Output {
                    status: Status::Ok,
                    row_count: 8,
                    roots: [B256::ZERO; 3],
                    result_digest: if answer { sha256_words(&input.results) } else { B256::ZERO },
                },
            },
        };
        let kind = if self.fault == Fault::OtherKind { JobKind::Merge } else { terms.kind };
        let profile = if self.fault == Fault::TestProfile { "test" } else { "production" };
        let mut proof = Proof { kind, profile: profile.into(), seal: seal(kind, &statement), statement };
        if self.fault == Fault::Tampered {
            proof.statement.output.row_count += 1;
        }
        let mut bytes = serde_json::to_vec(&proof).unwrap();
        if self.fault == Fault::Truncated {
            bytes.truncate(bytes.len() / 2);
        }
        Ok(ProvedJob { proof: bytes, results: if answer { input.results } else { Vec::new() } })
    }
}
