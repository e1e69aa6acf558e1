//! Facts of the chain, plans and inputs.

use std::sync::Arc;

use alloy_primitives::{Address, U256};
use gavel_domain::award::AwardEvent;
use gavel_domain::ceiling::CeilingSchedule;
use gavel_domain::job::{Job, JobState};
use gavel_domain::request::{RequestEvent, RequestFailure, RequestState, RequestTask};
use gavel_store::{JobRow, RequestRow};
use gavel_types::id::{Attempt, AwardId, GatewayEpoch, JobId, RequestId};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::statement::Statement;
use gavel_types::unit::WorkUnits;

use crate::admission::Candidate;
use crate::chain::{ChainChange, ChainFact};
use crate::engine::{Gateway, News, Plan};
use crate::error::GatewayError;
use crate::planning::{PlanError, PlanRequest, PlannedJob, ProvedNeed, WantedInput};
use crate::steps::{Due, Steps};

/// Name of the chain reader's position in the store.
pub(crate) const CURSOR: &str = "events";

/// Plans that are made at one time.
const PLANNING_AT_ONCE: usize = 16;

/// A request that has no jobs yet.
#[derive(Clone, Debug)]
pub(crate) struct NewRequest {
    pub id: RequestId,
    pub request: Request,
    pub origin: RequestOrigin,
}

impl Gateway {
    /// Stores what a block did together with the reader's new position.
    pub(crate) async fn see_change(&mut self, change: ChainChange) -> Result<(), GatewayError> {
        let mut steps = self.steps().await?;
        self.see_block(&mut steps, &change).await?;
        for fact in &change.facts {
            self.see_fact(&mut steps, &change, fact).await?;
        }
        steps.tx.put_cursor(CURSOR, &change.cursor).await?;
        self.finish(steps).await
    }

    async fn see_fact(&self, steps: &mut Steps, change: &ChainChange, fact: &ChainFact) -> Result<(), GatewayError> {
        match fact {
            ChainFact::Text { digest, text_hash, text } => steps.tx.put_text(*digest, *text_hash, text).await?,
            ChainFact::Requested { id, request, origin, log_index } => {
                if steps.tx.request(*id).await?.is_some() {
                    steps.tx.set_request_block(*id, change.block, change.block_hash, *log_index).await?;
                    return steps.apply(Due::Request(*id, RequestEvent::SeenAgain)).await;
                }
                tracing::info!(request = %id, from = request.fromBlock, to = request.toBlock, "request seen");
                let row = RequestRow {
                    task: RequestTask { id: *id, deadline: request.deadline, state: RequestState::Planned },
                    request: request.clone(),
                    origin: *origin,
                    block_number: change.block,
                    block_hash: change.block_hash,
                    log_index: *log_index,
                    work_fee: U256::ZERO,
                    ceiling: no_ceiling(),
                };
                steps.tx.insert_request(&row).await?;
            }
            ChainFact::RequestEnded { id, event } => {
                steps.tx.set_request_end(*id, change.block_hash).await?;
                steps.apply(Due::Request(*id, *event)).await?;
            }
            ChainFact::TickAnchored { key } => steps.tx.set_tick_anchored(*key, change.block).await?,
            ChainFact::Awarded { award } => self.see_award(steps, *award, change.block).await?,
            ChainFact::AwardSkipped { award, reason } => {
                tracing::warn!(%award, reason, "the anchor reserved nothing");
                self.see_skip(steps, *award).await?;
            }
            ChainFact::Claimed { award } => steps.tx.set_paid(*award, change.block).await?,
            ChainFact::Operator { operator } => steps.tx.put_operator(*operator).await?,
            ChainFact::MissReported { award, answer_until } => {
                steps.tx.put_report(*award, *answer_until, change.block).await?;
            }
            ChainFact::ReportClosed { award } => steps.tx.close_report(*award, change.block).await?,
            ChainFact::EpochStarted { epoch, key } if *epoch > self.context.epoch => {
                return Err(self.epoch_over(*epoch, *key));
            }
            ChainFact::EpochStarted { .. } => {}
        }
        Ok(())
    }

    /// The engine stops: what it holds in memory and in sessions is of its own epoch. A start adopts the new one.
    fn epoch_over(&self, next: GatewayEpoch, key: Address) -> GatewayError {
        let (own, next, got) = (self.context.epoch.0, next.0, self.context.signer.address());
        if key == got { GatewayError::EpochOver { own, next } } else { GatewayError::Replaced { own, next, key, got } }
    }

    async fn see_award(&self, steps: &mut Steps, award: AwardId, block: u64) -> Result<(), GatewayError> {
        let Some(row) = steps.tx.award(award).await? else { return Ok(()) };
        // An award that ended meanwhile is reserved on-chain until it expires; nothing to do here.
        if row.value.award.is_live() {
            steps.apply(Due::Award(award, AwardEvent::Anchored { block })).await?;
        }
        Ok(())
    }

    pub(crate) async fn see_skip(&self, steps: &mut Steps, award: AwardId) -> Result<(), GatewayError> {
        let Some(row) = steps.tx.award(award).await? else { return Ok(()) };
        if row.value.award.is_live() {
            steps.apply(Due::Award(award, AwardEvent::SkippedByAnchor)).await?;
        }
        Ok(())
    }

    /// Starts planning every request that has no jobs yet.
    pub(crate) async fn plan_new_requests(&mut self) -> Result<(), GatewayError> {
        let mut read = self.context.store.read().await?;
        let mut new = Vec::new();
        for row in read.open_requests().await? {
            let id = row.value.task.id;
            let busy = self.planning.len() + new.len() >= PLANNING_AT_ONCE;
            let known = self.planning.contains(&id) || self.waiting.values().any(|waiting| waiting.request == id);
            let unplanned = row.value.task.state == RequestState::Planned && !known && !busy;
            if unplanned && read.jobs_of(id).await?.is_empty() {
                new.push(NewRequest { id, request: row.value.request, origin: row.value.origin });
            }
        }
        drop(read);
        for request in new {
            self.planning.insert(request.id);
            let (context, planner, news) = (Arc::clone(&self.context), Arc::clone(&self.planner), self.news.clone());
            tokio::spawn(async move {
                let id = request.id;
                let plan = plan(&context, planner.as_ref(), request).await;
                if plan.is_err() {
                    // The next attempt is no sooner than this.
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
                // When the engine is gone, the next start plans again.
                let _ = news.send(News::Planned { request: id, plan }).await;
            });
        }
        Ok(())
    }

    pub(crate) async fn planned(&mut self, id: RequestId, plan: Result<Plan, PlanError>) -> Result<(), GatewayError> {
        self.planning.remove(&id);
        let plan = match plan {
            Ok(plan) => plan,
            Err(PlanError::Temporary(reason)) => {
                tracing::warn!(request = %id, reason, "not planned yet");
                return Ok(());
            }
            Err(PlanError::Final { reason, detail }) => {
                tracing::warn!(request = %id, detail, "request cannot be planned");
                let mut steps = self.steps().await?;
                steps.apply(Due::Request(id, RequestEvent::GiveUp(reason))).await?;
                return self.finish(steps).await;
            }
        };
        self.wait_for_bond(id, plan).await
    }

    /// Stores the jobs of a request that is taken.
    pub(crate) async fn take(&mut self, candidate: &Candidate) -> Result<(), GatewayError> {
        let Candidate { request: id, plan, ceiling, units, .. } = candidate;
        let id = *id;
        let mut steps = self.steps().await?;
        if !steps.tx.jobs_of(id).await?.is_empty() {
            return Ok(());
        }
        steps.tx.set_request_terms(id, plan.work_fee, ceiling).await?;
        for (position, job) in plan.jobs.iter().enumerate() {
            let row = self.job_row(id, position as u32, job);
            let needs: Vec<JobId> = job.needs.iter().map(|need| JobId::derive(id, *need)).collect();
            steps.tx.insert_job(&row, &needs).await?;
        }
        tracing::info!(request = %id, jobs = plan.jobs.len(), %units, maximum = %ceiling.maximum, "planned");
        if ceiling.maximum.0.is_zero() {
            steps.apply(Due::Request(id, RequestEvent::GiveUp(RequestFailure::FeeTooLow))).await?;
        }
        self.finish(steps).await
    }

    pub(crate) fn job_row(&self, request: RequestId, position: u32, job: &PlannedJob) -> JobRow {
        let terms = JobTerms {
            job: JobId::derive(request, position),
            payer: request,
            kind: job.kind,
            units: job.units,
            claim_digest: job.claim.digest(),
        };
        let job_state = Job {
            terms,
            attempt: Attempt(0),
            waiting_since: self.head,
            attempt_limit: self.context.rule.attempt_limit,
            state: JobState::Queued,
        };
        JobRow {
            job: job_state,
            position,
            claim: job.claim.clone(),
            ready_block: None,
            input_digest: None,
            proof_digest: None,
        }
    }

    /// Starts building the input of a ready job.
    pub(crate) fn build_input(&mut self, row: &JobRow) {
        let job = row.job.terms.job;
        if !self.building.insert(job) {
            return;
        }
        let (context, planner, news, row) =
            (Arc::clone(&self.context), Arc::clone(&self.planner), self.news.clone(), row.clone());
        tokio::spawn(async move {
            let input = input(&context, planner.as_ref(), row).await;
            if input.is_err() {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            let _ = news.send(News::Input { job, input }).await;
        });
    }

    pub(crate) async fn input_built(
        &mut self,
        job: JobId,
        input: Result<Vec<u8>, PlanError>,
    ) -> Result<(), GatewayError> {
        self.building.remove(&job);
        match input {
            Ok(input) => {
                tracing::info!(%job, bytes = input.len(), "input built");
                let digest = self.context.objects.put(input).await?;
                let mut steps = self.steps().await?;
                steps.tx.set_input(job, digest, self.head).await?;
                self.finish(steps).await
            }
            Err(PlanError::Temporary(reason)) => {
                tracing::warn!(%job, reason, "input not built yet");
                Ok(())
            }
            Err(PlanError::Final { reason, detail }) => {
                tracing::warn!(%job, detail, "input cannot be built");
                let mut steps = self.steps().await?;
                let request = steps.tx.job(job).await?.value.job.terms.payer;
                steps.apply(Due::Request(request, RequestEvent::GiveUp(reason))).await?;
                self.finish(steps).await
            }
        }
    }
}

fn no_ceiling() -> CeilingSchedule {
    CeilingSchedule::of_request(U256::ZERO, WorkUnits(1), Default::default(), 0, 0, 0)
}

async fn plan(
    context: &crate::engine::Context,
    planner: &dyn crate::planning::Planner,
    new: NewRequest,
) -> Result<Plan, PlanError> {
    let temporary = |error: &dyn std::fmt::Display| PlanError::Temporary(error.to_string());
    let request = plan_request(context, new.request, new.origin).await?;
    let jobs = planner.plan(&request).await?;
    check_plan(&jobs)?;
    let work_fee = context.chain.uncommitted(new.id).await.map_err(|error| temporary(&error))?;
    Ok(Plan { jobs, work_fee })
}

/// A plan is a DAG whose last job is the wrap; anything else is a fault of the planner.
fn check_plan(jobs: &[PlannedJob]) -> Result<(), PlanError> {
    let ordered =
        jobs.iter().enumerate().all(|(position, job)| job.needs.iter().all(|need| (*need as usize) < position));
    let wrapped = jobs.last().is_some_and(|job| job.kind == JobKind::Wrap);
    if ordered && wrapped && jobs.iter().all(|job| job.units.0 > 0) {
        return Ok(());
    }
    Err(PlanError::Final {
        reason: RequestFailure::Unprovable,
        detail: format!("a plan of {} jobs is not an ordered DAG that ends in a wrap", jobs.len()),
    })
}

async fn plan_request(
    context: &crate::engine::Context,
    request: Request,
    origin: RequestOrigin,
) -> Result<PlanRequest, PlanError> {
    let temporary = |error: gavel_store::StoreError| PlanError::Temporary(error.to_string());
    let mut read = context.store.read().await.map_err(temporary)?;
    let table = read.text(request.tableId, request.tableTextHash).await.map_err(temporary)?;
    let query = read.text(request.queryDigest, request.queryTextHash).await.map_err(temporary)?;
    let (Some(table_text), Some(query_text)) = (table, query) else {
        // The contract admits only registered texts, and their events precede the request's.
        let detail = "the texts of table and query are not known here".to_owned();
        return Err(PlanError::Temporary(detail));
    };
    Ok(PlanRequest { request, origin, table_text, query_text })
}

async fn input(
    context: &crate::engine::Context,
    planner: &dyn crate::planning::Planner,
    row: JobRow,
) -> Result<Vec<u8>, PlanError> {
    let temporary = |error: gavel_store::StoreError| PlanError::Temporary(error.to_string());
    let mut read = context.store.read().await.map_err(temporary)?;
    let gone = || PlanError::Temporary("the request is gone".into());
    let request = read.request(row.job.terms.payer).await.map_err(temporary)?.ok_or_else(gone)?.value;
    let mut needs = Vec::new();
    for need in read.needs(row.job.terms.job).await.map_err(temporary)? {
        let need = need.value;
        let output = read.output(need.job.terms.job).await.map_err(temporary)?;
        let digest = need.proof_digest.ok_or_else(|| PlanError::Temporary("a need is not proved".into()))?;
        needs.push(ProvedNeed {
            position: need.position,
            kind: need.job.terms.kind,
            statement: Statement { claim: need.claim, output: output.output },
            proof: context.objects.get(digest).await.map_err(temporary)?,
            results: output.results,
        });
    }
    drop(read);
    let plan_request = plan_request(context, request.request, request.origin).await?;
    let wanted = WantedInput { position: row.position, kind: row.job.terms.kind, claim: row.claim, needs };
    planner.input(&plan_request, wanted).await
}
