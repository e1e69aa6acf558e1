//! What the gateway asks of workloads and the proof system.

use std::future::Future;
use std::pin::Pin;

use alloy_primitives::B256;
use gavel_domain::request::RequestFailure;
use gavel_types::job::JobKind;
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::statement::{Claim, Statement};
use gavel_types::unit::WorkUnits;

pub type PlanFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, PlanError>> + Send + 'a>>;

/// A request with the texts that it names.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    pub request: Request,
    pub origin: RequestOrigin,
    pub table_text: String,
    pub query_text: String,
}

/// One job of a plan. Its position in the plan is its index; needs are earlier positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedJob {
    pub kind: JobKind,
    pub units: WorkUnits,
    pub claim: Claim,
    pub needs: Vec<u32>,
}

/// The job whose input is wanted.
#[derive(Clone, Debug)]
pub struct WantedInput {
    pub position: u32,
    pub kind: JobKind,
    pub claim: Claim,
    /// What it needs, in the plan's order.
    pub needs: Vec<ProvedNeed>,
}

/// A proof that a job builds on.
#[derive(Clone, Debug)]
pub struct ProvedNeed {
    pub position: u32,
    pub kind: JobKind,
    pub statement: Statement,
    pub proof: Vec<u8>,
    pub results: Vec<B256>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The request fails for this reason and is refunded.
    #[error("{}: {detail}", .reason.explanation())]
    Final { reason: RequestFailure, detail: String },
    /// Worth another attempt: the node did not answer, or not yet.
    #[error("{0}")]
    Temporary(String),
}

/// Turns requests into jobs, and jobs into inputs.
pub trait Planner: Send + Sync + 'static {
    /// The same request always gives the same plan. The last job is the wrap.
    fn plan<'a>(&'a self, request: &'a PlanRequest) -> PlanFuture<'a, Vec<PlannedJob>>;

    /// The self-contained byte string that a prover proves from.
    fn input<'a>(&'a self, request: &'a PlanRequest, job: WantedInput) -> PlanFuture<'a, Vec<u8>>;
}

/// What a delivered proof establishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub statement: Statement,
    /// The proof as the EVM takes it, for a wrap; empty otherwise.
    pub evm_proof: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof is refused: {0}")]
pub struct ProofRefused(pub String);

/// Checks delivered proofs. Blocks the thread; called off the async runtime.
pub trait JobVerifier: Send + Sync + 'static {
    /// `needs` are the statements of the proofs that the job builds on: a wrap proves the only one.
    ///
    /// # Errors
    /// [`ProofRefused`]: truncated, tampered, of another claim, kind or profile.
    fn verify(&self, kind: JobKind, claim: &Claim, needs: &[Statement], proof: &[u8])
    -> Result<Verified, ProofRefused>;
}
