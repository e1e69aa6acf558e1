//! The coprocessor workload over a chain: plans from proven state, inputs from `eth_getProof`.

use alloy_primitives::{B256, U256};
use gavel_chain::ChainError;
use gavel_chain::state::{BlockState, StateSource};
use gavel_chain::supernet::Supernet;
use gavel_circuits::extract::{BlockWitness, block_usage};
use gavel_circuits::security::Profile;
use gavel_circuits::table::Extraction;
use gavel_domain::request::RequestFailure;
use gavel_proofs::ProofError;
use gavel_proofs::job::{AnswerInput, ExtractInput, JobInput, MergeInput, QueryInput, Question, WrapInput};
use gavel_proofs::parameters::recipe::{self, Part};
use gavel_types::job::JobKind;
use gavel_types::request::Request;
use gavel_workloads::coprocessor::{Compiled, Coprocessor, RangeRequest};
use gavel_workloads::{Block, UnitTable, Workload};

use crate::error::GatewayError;
use crate::planning::{PlanError, PlanFuture, PlanRequest, PlannedJob, Planner, WantedInput};

/// Plans requests over tables of contract storage.
#[derive(Clone, Debug)]
pub struct CoprocessorPlanner {
    pub source: StateSource,
    pub workload: Coprocessor,
    pub units: UnitTable,
    /// Root of the circuit set that proofs are made under.
    pub circuit_set: B256,
}

/// Blocks of a chunk: what 1,024 permutations hold of one mainnet-deep slot, rounded down to a
/// power of two; under the test profile what its small circuits hold.
const fn chunk_length(profile: Profile) -> u64 {
    match profile {
        Profile::Production => 16,
        Profile::Test => 4,
    }
}

/// The workload with the circuits of a profile.
///
/// # Errors
/// [`ProofError::TooLarge`] when the profile names a shape that does not exist.
pub fn workload(profile: Profile) -> Result<Coprocessor, ProofError> {
    let parts = recipe::parts(profile)?;
    let extract = parts.iter().rev().find_map(|part| match part {
        Part::Extract(shape) => Some(*shape),
        _ => None,
    });
    let extract = extract.ok_or(ProofError::NotLoaded(JobKind::Extract))?;
    let rows = parts.iter().filter_map(|part| match part {
        Part::Query(shape) => Some(shape.rows),
        _ => None,
    });
    let planner = gavel_workloads::coprocessor::Planner {
        extract,
        query_rows: rows.max().ok_or(ProofError::NotLoaded(JobKind::Query))?,
        chunk_length: chunk_length(profile),
        first_boundary: 0,
    };
    Ok(Coprocessor { planner })
}

/// Work units of each kind of job in a supernet.
///
/// # Errors
/// [`GatewayError::Units`] when the supernet has none for a kind and size.
pub fn units(supernet: &Supernet, workload: &Coprocessor) -> Result<UnitTable, GatewayError> {
    let size = workload.planner.extract.keccak().permutations() as u32;
    let of = |kind: JobKind| supernet.units.of(kind, size).ok_or(GatewayError::Units { kind, size });
    Ok(UnitTable {
        extract: of(JobKind::Extract)?,
        query: of(JobKind::Query)?,
        merge: of(JobKind::Merge)?,
        answer: of(JobKind::Answer)?,
        wrap: of(JobKind::Wrap)?,
    })
}

fn failed(reason: RequestFailure, detail: impl ToString) -> PlanError {
    PlanError::Final { reason, detail: detail.to_string() }
}

/// A node that does not answer may answer later; a range that it cannot prove stays unprovable.
fn unread(error: ChainError) -> PlanError {
    match error {
        ChainError::NoHistory { .. } => failed(RequestFailure::Unprovable, error),
        // Temporary, or a wrong header, node or value: that may be one endpoint's fault, and another
        // one is asked next time.
        error => PlanError::Temporary(error.to_string()),
    }
}

fn witness(state: BlockState) -> BlockWitness {
    BlockWitness {
        header_rlp: state.header.rlp,
        account_proof: state.account_proof,
        storage_proofs: state.storage_proofs,
    }
}

impl CoprocessorPlanner {
    fn compile(&self, request: &PlanRequest) -> Result<Compiled, PlanError> {
        let compiled = self
            .workload
            .compile(&request.table_text, &request.query_text)
            .map_err(|error| failed(RequestFailure::TextMismatch, error))?;
        let (table, query) = (compiled.table.id(), compiled.query.digest());
        if (table, query) != (request.request.tableId, request.request.queryDigest) {
            let detail = format!("the texts compile to table {table} and query {query}");
            return Err(failed(RequestFailure::TextMismatch, detail));
        }
        Ok(compiled)
    }

    async fn states(
        &self,
        extraction: &Extraction,
        from: u64,
        to: u64,
        anchor: B256,
    ) -> Result<Vec<BlockState>, PlanError> {
        let slots: Vec<B256> = extraction.slots().iter().map(|slot| B256::from(*slot)).collect();
        let states = self.source.range(extraction.contract(), &slots, from, to, None).await.map_err(unread)?;
        match states.last() {
            // No endpoint's fault: the range does not end in the block of the request.
            Some(last) if last.header.hash != anchor => {
                let wrong = ChainError::HeaderHash { block: to, expected: anchor, got: last.header.hash };
                Err(failed(RequestFailure::Unprovable, wrong))
            }
            _ => Ok(states),
        }
    }

    async fn jobs(&self, request: &PlanRequest) -> Result<Vec<PlannedJob>, PlanError> {
        let compiled = self.compile(request)?;
        let asked = &request.request;
        let params = params(asked);
        compiled.query.check_params(&params).map_err(|error| failed(RequestFailure::Unprovable, error))?;
        let extraction = compiled.table.spec().extraction();
        if extraction.chain_id() != request.origin.chain_id {
            let detail = format!("the table is of chain {}", extraction.chain_id());
            return Err(failed(RequestFailure::Unprovable, detail));
        }
        let first = self.workload.planner.first_block(asked.fromBlock);
        let states = self.states(extraction, first, asked.toBlock, request.origin.anchor_hash).await?;
        let mut blocks = Vec::with_capacity(states.len());
        for state in states {
            let (hash, parent) = (state.header.hash, state.header.parent);
            let usage =
                block_usage(extraction, &witness(state)).map_err(|error| failed(RequestFailure::Unprovable, error))?;
            blocks.push(Block { hash, parent, usage });
        }
        let range = RangeRequest {
            table: &compiled.table,
            query: &compiled.query,
            params: &params,
            from: asked.fromBlock,
            to: asked.toBlock,
            circuit_set: self.circuit_set,
            blocks: &blocks,
        };
        let plan =
            self.workload.plan(&range, &self.units).map_err(|error| failed(RequestFailure::Unprovable, error))?;
        Ok(plan
            .jobs
            .into_iter()
            .map(|job| PlannedJob { kind: job.kind, units: job.units, claim: job.claim, needs: job.deps })
            .collect())
    }

    async fn build(&self, request: &PlanRequest, job: WantedInput) -> Result<Vec<u8>, PlanError> {
        let compiled = self.compile(request)?;
        let table = compiled.table.spec().clone();
        let question = || Question {
            table: table.clone(),
            program: compiled.query.program().clone(),
            params: params(&request.request),
            from: request.request.fromBlock,
            to: request.request.toBlock,
        };
        let mut proofs = job.needs.into_iter().map(|need| need.proof);
        let mut need = || proofs.next().ok_or_else(|| failed(RequestFailure::Other, "a proof is missing in the plan"));
        let input = match job.kind {
            JobKind::Extract => {
                let claim = &job.claim;
                let states =
                    self.states(table.extraction(), claim.from_block, claim.to_block, claim.anchor_hash).await?;
                JobInput::Extract(ExtractInput { table, blocks: states.into_iter().map(witness).collect() })
            }
            JobKind::Query => JobInput::Query(QueryInput { question: question(), extract: need()? }),
            JobKind::Merge => JobInput::Merge(MergeInput { left: need()?, right: need()? }),
            JobKind::Answer => JobInput::Answer(AnswerInput { question: question(), part: need()? }),
            JobKind::Wrap => JobInput::Wrap(WrapInput { proof: need()? }),
        };
        input.to_bytes().map_err(|error| failed(RequestFailure::Other, error))
    }
}

fn params(request: &Request) -> Vec<U256> {
    request.params.iter().map(|word| U256::from_be_bytes(word.0)).collect()
}

impl Planner for CoprocessorPlanner {
    fn plan<'a>(&'a self, request: &'a PlanRequest) -> PlanFuture<'a, Vec<PlannedJob>> {
        Box::pin(self.jobs(request))
    }

    fn input<'a>(&'a self, request: &'a PlanRequest, job: WantedInput) -> PlanFuture<'a, Vec<u8>> {
        Box::pin(self.build(request, job))
    }
}
