//! Delivered proofs: verified before they count, acknowledged once they are stored.

use std::sync::Arc;

use alloy_primitives::B256;
use gavel_domain::award::{AwardEvent, AwardState};
use gavel_domain::job::{JobEvent, JobState};
use gavel_domain::request::RequestEvent;
use gavel_rpc::message::{RefusalCode, ToProver};
use gavel_store::{JobOutput, Transaction};
use gavel_types::id::{AwardId, JobId, OperatorId};
use gavel_types::job::JobKind;
use gavel_types::statement::{Claim, Statement, sha256_words};

use crate::awards::stored_receipt;
use crate::engine::{Gateway, News};
use crate::error::GatewayError;
use crate::planning::{ProofRefused, Verified};
use crate::steps::Due;

/// Why nothing is taken for a missed award any more.
pub(crate) const MISS_CLOSED: &str = "the miss was slashed, or its report lapsed";

/// Whether an award was missed and its report is closed. Its delivery counts nowhere any more.
pub(crate) async fn miss_closed(
    tx: &mut Transaction,
    award: AwardId,
    state: Option<AwardState>,
) -> Result<bool, GatewayError> {
    Ok(matches!(state, Some(AwardState::Missed { .. })) && tx.report(award).await? == Some(false))
}

/// A proof after its check.
pub(crate) struct Checked {
    award: AwardId,
    operator: OperatorId,
    job: JobId,
    kind: JobKind,
    /// What is stored: for a wrap the proof as the EVM takes it.
    proof: Vec<u8>,
    results: Vec<B256>,
    outcome: Result<Statement, ProofRefused>,
}

/// What a check needs, read before it leaves the engine.
struct Check {
    kind: JobKind,
    claim: Claim,
    needs: Vec<Statement>,
    /// Result words of the answer that a wrap is of.
    wrapped: Vec<B256>,
}

impl Gateway {
    pub(crate) async fn hear_delivery(
        &mut self,
        operator: OperatorId,
        id: AwardId,
        proof: Vec<u8>,
        results: Vec<B256>,
    ) -> Result<(), GatewayError> {
        let mut steps = self.steps().await?;
        let row = steps.tx.award(id).await?.map(|row| row.value).filter(|row| row.award.operator == operator);
        let Some(row) = row else {
            drop(steps);
            self.refuse(operator, id, RefusalCode::UnknownAward, "no such award".into());
            return Ok(());
        };
        match row.award.state {
            // The receipt was lost on its way: it is sent again, the proof is not looked at.
            AwardState::Delivered { .. } => {
                drop(steps);
                if let Some(receipt) = stored_receipt(&row) {
                    self.send(operator, ToProver::DeliveryReceipt(receipt));
                }
                return Ok(());
            }
            state if miss_closed(&mut steps.tx, id, Some(state)).await? => {
                drop(steps);
                self.refuse(operator, id, RefusalCode::Proof, MISS_CLOSED.into());
                return Ok(());
            }
            // A late proof still earns its receipt, which answers a report.
            AwardState::Accepted { .. } | AwardState::Missed { .. } => {}
            state => {
                drop(steps);
                self.refuse(operator, id, RefusalCode::Proof, format!("the award is {state:?}"));
                return Ok(());
            }
        }
        if !self.checking.insert(id) {
            return Ok(());
        }
        let job = row.award.job;
        let stored = steps.tx.job(job).await?.value;
        let mut needs = Vec::new();
        let mut wrapped = Vec::new();
        for need in steps.tx.needs(job).await? {
            let output = steps.tx.output(need.value.job.terms.job).await?;
            needs.push(Statement { claim: need.value.claim, output: output.output });
            wrapped = output.results;
        }
        if stored.job.state == (JobState::Proving { award: id }) {
            steps.apply(Due::Job(job, JobEvent::Delivered { award: id })).await?;
        }
        self.finish(steps).await?;
        tracing::info!(award = %id, %operator, kind = %stored.job.terms.kind, bytes = proof.len(), "proof arrived");
        let check = Check { kind: stored.job.terms.kind, claim: stored.claim, needs, wrapped };
        self.check(id, operator, job, check, proof, results);
        Ok(())
    }

    fn check(
        &self,
        award: AwardId,
        operator: OperatorId,
        job: JobId,
        check: Check,
        proof: Vec<u8>,
        results: Vec<B256>,
    ) {
        let (verifier, news) = (Arc::clone(&self.verifier), self.news.clone());
        tokio::task::spawn_blocking(move || {
            let verified = verifier.verify(check.kind, &check.claim, &check.needs, &proof);
            let outcome = verified.and_then(|verified| consistent(&check, &verified, &results).map(|()| verified));
            let (outcome, proof) = match outcome {
                Ok(verified) if check.kind == JobKind::Wrap => (Ok(verified.statement), verified.evm_proof),
                Ok(verified) => (Ok(verified.statement), proof),
                Err(refused) => (Err(refused), Vec::new()),
            };
            let results = if check.kind == JobKind::Wrap { check.wrapped } else { results };
            let checked = Checked { award, operator, job, kind: check.kind, proof, results, outcome };
            // When the engine is gone, the prover delivers again to the next one.
            let _ = news.blocking_send(News::Checked(Box::new(checked)));
        });
    }

    /// Takes a verified proof: stored first, then the state with the signed receipt, then the word.
    pub(crate) async fn checked(&mut self, checked: Checked) -> Result<(), GatewayError> {
        let Checked { award, operator, job, kind, proof, results, outcome } = checked;
        let statement = match outcome {
            Ok(statement) => statement,
            Err(refused) => {
                self.checking.remove(&award);
                return self.refuse_proof(operator, award, refused).await;
            }
        };
        let digest = self.context.objects.put(proof).await?;
        let mut steps = self.steps().await?;
        // During the check its anchor may have been reorganised away for good, or its miss slashed.
        let standing = steps.tx.award(award).await?.map(|row| row.value.award.state);
        let refusal = if standing.is_none_or(|state| !state.takes_proof()) {
            Some(format!("the award is {standing:?}"))
        } else {
            miss_closed(&mut steps.tx, award, standing).await?.then(|| MISS_CLOSED.to_owned())
        };
        if let Some(reason) = refusal {
            drop(steps);
            self.checking.remove(&award);
            self.refuse(operator, award, RefusalCode::Proof, reason);
            return Ok(());
        }
        let state = steps.tx.job(job).await?.value.job.state;
        if !matches!(state, JobState::Proved { .. }) {
            let output = JobOutput { output: statement.output.clone(), results };
            steps.tx.put_output(job, digest, &output).await?;
        }
        let statement = statement.digest();
        steps.apply(Due::Award(award, AwardEvent::Delivered { statement })).await?;
        steps.apply(Due::Job(job, JobEvent::Verified { award, statement })).await?;
        for other in steps.tx.awards_of_job(job).await? {
            let other = other.value.award.id;
            if other != award {
                steps.apply(Due::Award(other, AwardEvent::NotNeeded)).await?;
            }
        }
        if kind == JobKind::Wrap {
            let request = steps.tx.job(job).await?.value.job.terms.payer;
            steps.apply(Due::Request(request, RequestEvent::Proved)).await?;
        }
        self.finish(steps).await?;
        self.checking.remove(&award);
        tracing::info!(%award, %operator, %kind, "delivered");
        Ok(())
    }

    async fn refuse_proof(
        &mut self,
        operator: OperatorId,
        award: AwardId,
        refused: ProofRefused,
    ) -> Result<(), GatewayError> {
        let mut steps = self.steps().await?;
        let accepted = steps
            .tx
            .award(award)
            .await?
            .is_some_and(|row| matches!(row.value.award.state, AwardState::Accepted { .. }));
        if accepted {
            steps.apply(Due::Award(award, AwardEvent::ProofRefused)).await?;
        }
        self.finish(steps).await?;
        self.refuse(operator, award, RefusalCode::Proof, refused.to_string());
        Ok(())
    }
}

/// What holds for every kind, whatever the proof system says.
fn consistent(check: &Check, verified: &Verified, results: &[B256]) -> Result<(), ProofRefused> {
    if verified.statement.claim != check.claim {
        return Err(ProofRefused("the proof is of another claim".into()));
    }
    let digest = verified.statement.output.result_digest;
    match check.kind {
        JobKind::Answer if sha256_words(results) != digest => {
            Err(ProofRefused(format!("the result words do not hash to {digest}")))
        }
        JobKind::Wrap if check.needs.first() != Some(&verified.statement) => {
            Err(ProofRefused("the wrap is of another statement than the answer's".into()))
        }
        JobKind::Wrap if verified.evm_proof.is_empty() => Err(ProofRefused("the wrap has no EVM proof".into())),
        _ => Ok(()),
    }
}
