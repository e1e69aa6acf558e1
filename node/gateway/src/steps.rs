//! Machine steps inside one database transaction, and what is to be sent once it is committed.
//!
//! An effect of one machine is an event of another; they are worked off here until none is left.

use std::collections::VecDeque;
use std::sync::Arc;

use gavel_domain::award::{AwardEffect, AwardEvent, AwardState};
use gavel_domain::job::{JobEffect, JobEvent, JobState};
use gavel_domain::reputation::Failure;
use gavel_domain::request::{RequestEffect, RequestEvent};
use gavel_domain::transition::Now;
use gavel_rpc::message::ToProver;
use gavel_store::{AwardRow, StoreError, Transaction, Versioned};
use gavel_types::id::{AwardId, JobId, OperatorId, RequestId};
use gavel_types::message::Signed;

use crate::awards::receipt_message;
use crate::chain::Owed;
use crate::engine::Context;
use crate::error::GatewayError;
use crate::evidence;

/// An event that waits for its machine.
#[derive(Clone, Copy, Debug)]
pub enum Due {
    Award(AwardId, AwardEvent),
    Job(JobId, JobEvent),
    Request(RequestId, RequestEvent),
}

/// A transaction with the messages that follow from it.
pub struct Steps {
    pub tx: Transaction,
    context: Arc<Context>,
    now: Now,
    due: VecDeque<Due>,
    outgoing: Vec<(OperatorId, ToProver)>,
}

impl Steps {
    pub async fn begin(context: Arc<Context>, now: Now) -> Result<Self, GatewayError> {
        let tx = context.store.write(&context.lease).await?;
        Ok(Self { tx, context, now, due: VecDeque::new(), outgoing: Vec::new() })
    }

    /// Sends a message after the commit.
    pub fn tell(&mut self, operator: OperatorId, message: ToProver) {
        self.outgoing.push((operator, message));
    }

    /// Writes a transaction into the outbox.
    pub async fn owe(&mut self, owed: &Owed) -> Result<(), GatewayError> {
        let intent = self.context.chain.intent(owed);
        self.tx.put_intent(self.context.chain.account(), &intent).await?;
        Ok(())
    }

    /// Adds an event to what is worked off.
    pub(crate) fn due(&mut self, due: Due) {
        self.due.push_back(due);
    }

    /// Applies an event and everything that follows from it.
    pub async fn apply(&mut self, due: Due) -> Result<(), GatewayError> {
        self.due.push_back(due);
        while let Some(due) = self.due.pop_front() {
            match due {
                Due::Award(id, event) => self.award(id, event).await?,
                Due::Job(id, event) => self.job(id, event).await?,
                Due::Request(id, event) => self.request(id, event).await?,
            }
        }
        Ok(())
    }

    /// Commits and returns the messages to send.
    pub async fn commit(self) -> Result<Vec<(OperatorId, ToProver)>, GatewayError> {
        self.tx.commit().await?;
        Ok(self.outgoing)
    }

    pub async fn penalise(&mut self, operator: OperatorId, failure: Failure) -> Result<(), GatewayError> {
        let reputation = self.tx.reputation(operator).await?;
        let reputation = reputation.failed(self.context.rule.cool_down(), self.now.block);
        tracing::warn!(%operator, failure = failure.name(), until = reputation.excluded_until, "operator cools down");
        self.tx.put_reputation(&reputation).await?;
        Ok(())
    }

    /// Accepts an award with the operator's signature.
    pub async fn accept(
        &mut self,
        row: Versioned<AwardRow>,
        event: AwardEvent,
        signature: gavel_types::signature::SignatureBytes,
    ) -> Result<(), GatewayError> {
        let mut row = row;
        row.value.signatures.accept = Some(signature);
        self.step_award(row, event).await?;
        self.drain().await
    }

    async fn drain(&mut self) -> Result<(), GatewayError> {
        if let Some(due) = self.due.pop_front() { self.apply(due).await } else { Ok(()) }
    }

    async fn award(&mut self, id: AwardId, event: AwardEvent) -> Result<(), GatewayError> {
        match self.tx.award(id).await? {
            Some(row) => self.step_award(row, event).await,
            // An award of an earlier database: the chain knows it, this gateway does not.
            None => {
                tracing::warn!(award = %id, ?event, "award is not stored here");
                Ok(())
            }
        }
    }

    async fn step_award(&mut self, row: Versioned<AwardRow>, event: AwardEvent) -> Result<(), GatewayError> {
        let Versioned { value: AwardRow { award, mut signatures, .. }, version } = row;
        let before = award.state;
        let (award, effects) = award.step(self.now, event)?;
        let (id, job, operator) = (award.id, award.job, award.operator);
        for effect in &effects {
            match *effect {
                AwardEffect::AnnounceAnchored => {
                    if let AwardState::Anchored { block } = award.state {
                        self.tell(operator, ToProver::Anchored { award: id, block, head: self.now.block });
                    }
                }
                AwardEffect::StartJob => self.due.push_back(Due::Job(job, JobEvent::Accepted { award: id })),
                AwardEffect::EndForJob(end) => {
                    self.due.push_back(Due::Job(job, JobEvent::AwardEnded { award: id, operator, end }));
                }
                AwardEffect::Penalise(failure) => self.penalise(operator, failure).await?,
                AwardEffect::SignReceipt { statement } => {
                    let message = receipt_message(&award, statement);
                    let receipt = Signed::new(message, &self.context.domain, &self.context.signer);
                    signatures.receipt = Some(receipt.signature);
                    self.tell(operator, ToProver::DeliveryReceipt(receipt));
                }
                AwardEffect::Reward => {
                    let reputation = self.tx.reputation(operator).await?.delivered();
                    self.tx.put_reputation(&reputation).await?;
                }
                AwardEffect::ReportMiss => {
                    let evidence = evidence::of_miss(&mut self.tx, &award, &signatures).await?;
                    let deposit = self.context.supernet_terms().report_deposit;
                    self.owe(&Owed::ReportMiss { award: id, evidence: Box::new(evidence), deposit }).await?;
                }
            }
        }
        if !award.is_live() && before != award.state && !matches!(award.state, AwardState::Delivered { .. }) {
            self.tell(operator, ToProver::Ended { award: id, reason: format!("{:?}", award.state) });
        }
        if before != award.state || effects.contains(&AwardEffect::StartJob) {
            tracing::debug!(award = %id, ?before, after = ?award.state, "award");
            self.tx.update_award(&award, &signatures, version).await?;
        }
        Ok(())
    }

    async fn job(&mut self, id: JobId, event: JobEvent) -> Result<(), GatewayError> {
        let Versioned { value: row, version } = self.tx.job(id).await?;
        let before = row.job.clone();
        let (job, effects) = row.job.step(self.now, event)?;
        for effect in effects {
            match effect {
                // Ready jobs are found by their needs when the next tick opens.
                JobEffect::UnlockDependants => {}
                JobEffect::Exclude { operator } => self.tx.exclude(id, operator).await?,
                JobEffect::FailRequest { reason } => {
                    let event = RequestEvent::GiveUp(reason.into());
                    self.due.push_back(Due::Request(job.terms.payer, event));
                }
            }
        }
        if matches!(job.state, JobState::Assigned { .. }) {
            self.due.push_back(Due::Request(job.terms.payer, RequestEvent::WorkAwarded));
        }
        if job != before {
            tracing::debug!(job = %id, before = ?before.state, after = ?job.state, attempt = job.attempt.0, "job");
            self.tx.update_job(&job, version).await?;
        }
        Ok(())
    }

    async fn request(&mut self, id: RequestId, event: RequestEvent) -> Result<(), GatewayError> {
        let Some(Versioned { value: row, version }) = self.tx.request(id).await? else {
            tracing::debug!(request = %id, ?event, "request is not ours");
            return Ok(());
        };
        // The request ended while a job was on its way: the chain's word stands.
        if row.task.is_ended()
            && matches!(event, RequestEvent::WorkAwarded | RequestEvent::Proved | RequestEvent::GiveUp(_))
        {
            return Ok(());
        }
        let before = row.task.state;
        if !row.task.is_working() && matches!(event, RequestEvent::WorkAwarded) {
            return Ok(());
        }
        let (task, effects) = row.task.clone().step(self.now, event)?;
        for effect in effects {
            match effect {
                RequestEffect::SendSettle => {
                    let owed = self.settlement(&row).await?;
                    self.owe(&owed).await?;
                }
                RequestEffect::SendFail(reason) => self.owe(&Owed::Fail { id, reason: reason as u8 }).await?,
                RequestEffect::EndJobs => {
                    for job in self.tx.jobs_of(id).await? {
                        let job_id = job.value.job.terms.job;
                        self.due.push_back(Due::Job(job_id, JobEvent::RequestEnded));
                        for award in self.tx.awards_of_job(job_id).await? {
                            self.due.push_back(Due::Award(award.value.award.id, AwardEvent::NotNeeded));
                        }
                    }
                }
                RequestEffect::ReviveJobs => self.revive(id).await?,
            }
        }
        if before != task.state {
            tracing::info!(request = %id, ?before, after = ?task.state, "request");
            self.tx.update_request(&task, version).await?;
        }
        Ok(())
    }

    /// The settlement from the stored wrap.
    async fn settlement(&mut self, row: &gavel_store::RequestRow) -> Result<Owed, GatewayError> {
        let id = row.task.id;
        let missing = || StoreError::Missing { table: "proved wrap of request", key: id.to_string() };
        let wrap = self.tx.jobs_of(id).await?.pop().ok_or_else(missing)?.value;
        let proof = self.context.objects.get(wrap.proof_digest.ok_or_else(missing)?).await?;
        let stored = self.tx.output(wrap.job.terms.job).await?;
        Ok(Owed::Settle {
            id,
            request: row.request.clone(),
            origin: row.origin,
            output: stored.output,
            results: stored.results,
            proof,
        })
    }
}
