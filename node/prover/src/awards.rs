//! From a won award to its delivery receipt.

use std::sync::Arc;

use alloy_primitives::B256;
use gavel_rpc::ProverClient;
use gavel_rpc::message::FromProver;
use gavel_types::id::{AwardId, LotDigest};
use gavel_types::job::JobTerms;
use gavel_types::message::{Accept, Award, AwardMessage, DeliveryReceipt, MarketMessage, Signed};
use sha2::{Digest, Sha256};

use crate::checkpoint::AwardRecord;
use crate::engine::Prover;
use crate::error::{JobError, ProverError};
use crate::slots::Slot;
use crate::work::ProvedJob;

/// An award in memory.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) record: AwardRecord,
    pub(crate) input: Option<Arc<Vec<u8>>>,
    /// Taken before the award is accepted.
    pub(crate) slot: Option<Slot>,
    pub(crate) running: bool,
    pub(crate) failures: u32,
}

/// Attempts at one proof: the second covers a passing fault of the machine.
const PROVING_ATTEMPTS: u32 = 2;

pub(crate) struct Finished {
    pub(crate) award: AwardId,
    pub(crate) result: Result<ProvedJob, JobError>,
    pub(crate) slot: Slot,
    pub(crate) seconds: f64,
}

impl Work {
    fn terms(&self) -> Option<JobTerms> {
        let job = self.record.award.message.job();
        self.record.lot.jobs.iter().copied().find(|terms| terms.job == job)
    }
}

impl Prover {
    pub(crate) async fn awarded(&mut self, session: &ProverClient, award: Signed<Award>) -> Result<(), ProverError> {
        let id = award.message.award_id();
        if self.work.contains_key(&id) || !self.is_gateways(&award) {
            return self.advance(session, id).await;
        }
        let lot = LotDigest(award.message.lotDigest);
        let bid = match self.bids.get(&lot) {
            Some(bid) => Some(bid.clone()),
            None => self.checkpoint.bid(lot)?,
        };
        let ours = award.message.operator == self.identity.operator.0;
        let fitting = bid.filter(|bid| {
            ours && bid.opened
                && bid.price.0 == award.message.priceWeiPerUnit
                && bid.lot.jobs.iter().any(|job| job.job.0 == award.message.jobId)
        });
        let Some(bid) = fitting else {
            // Evidence against the gateway: kept in the log with both signatures' facts.
            tracing::error!(award = %id, %lot, "award without our bid");
            let reason = "no such bid of ours".to_owned();
            session.send(FromProver::Decline { award: id, reason }).await?;
            return Ok(());
        };
        let record = AwardRecord {
            award,
            lot: bid.lot,
            anchored_block: None,
            accept: None,
            proved: false,
            results: Vec::new(),
            receipt: None,
            ended: false,
        };
        self.checkpoint.put_award(id, &record)?;
        self.work.insert(id, Work { record, input: None, slot: None, running: false, failures: 0 });
        tracing::info!(award = %id, "won");
        self.advance(session, id).await
    }

    /// Sends again what the gateway may have missed.
    pub(crate) async fn repeat(&self, session: &ProverClient, award: AwardId) -> Result<(), ProverError> {
        let Some(work) = self.work.get(&award) else { return Ok(()) };
        if let Some(accept) = &work.record.accept {
            session.send(FromProver::Accept(accept.clone())).await?;
        }
        if work.record.proved
            && let Some(proof) = self.checkpoint.proof(award)?
        {
            session.send(FromProver::Deliver { award, proof, results: work.record.results.clone() }).await?;
        }
        Ok(())
    }

    /// Accepts an award once it is anchored, its inputs are checked and a slot is held.
    pub(crate) async fn advance(&mut self, session: &ProverClient, award: AwardId) -> Result<(), ProverError> {
        let Some(work) = self.work.get_mut(&award) else { return Ok(()) };
        if work.record.accept.is_some() {
            return self.start(award);
        }
        let (Some(input), Some(terms)) = (work.input.clone(), work.terms()) else { return Ok(()) };
        if work.slot.is_none() {
            work.slot = self.slots.try_take(terms.kind.class())?;
        }
        if work.slot.is_none() || work.record.anchored_block.is_none() {
            return Ok(());
        }
        // The gateway says that it is anchored; stake is promised on the chain's word only.
        let Some(on_chain) = self.chain.award(award).await? else { return Ok(()) };
        let head = self.chain.head().await?;
        if on_chain.operator != self.identity.operator.0 {
            return self.decline(session, award, "the award on-chain is another operator's").await;
        }
        if head > on_chain.block + work.record.lot.accept_blocks {
            return self.decline(session, award, "no slot in time").await;
        }
        let prover = Arc::clone(&self.prover);
        let checked_input = Arc::clone(&input);
        let checked = tokio::task::spawn_blocking(move || prover.check(&terms, &checked_input)).await;
        let checked = checked.unwrap_or_else(|error| Err(JobError::Inputs(error.to_string())));
        if let Err(error) = checked {
            return self.decline(session, award, &error.to_string()).await;
        }
        self.accept(session, award, &input, on_chain.block, head.max(on_chain.block)).await
    }

    async fn accept(
        &mut self,
        session: &ProverClient,
        award: AwardId,
        input: &[u8],
        anchored: u64,
        accept_block: u64,
    ) -> Result<(), ProverError> {
        let Some(work) = self.work.get_mut(&award) else { return Ok(()) };
        let message = &work.record.award.message;
        let accept = Accept {
            supernet: message.supernet,
            gatewayEpoch: message.gatewayEpoch,
            tick: message.tick,
            lotDigest: message.lotDigest,
            jobId: message.jobId,
            attempt: message.attempt,
            operator: message.operator,
            inputDigest: B256::from(<[u8; 32]>::from(Sha256::digest(input))),
            acceptBlock: accept_block,
        };
        let accept = Signed::new(accept, &self.identity.terms.domain, &self.identity.bid_key);
        work.record.anchored_block = Some(anchored);
        work.record.accept = Some(accept.clone());
        // Inputs first: an acceptance on disk can always be worked on.
        self.checkpoint.put_input(award, input)?;
        self.checkpoint.put_award(award, &work.record)?;
        session.send(FromProver::Accept(accept)).await?;
        tracing::info!(%award, accept_block, "accepted");
        self.start(award)
    }

    async fn decline(&mut self, session: &ProverClient, award: AwardId, reason: &str) -> Result<(), ProverError> {
        tracing::warn!(%award, reason, "declined");
        session.send(FromProver::Decline { award, reason: reason.to_owned() }).await?;
        self.forget(award)
    }

    pub(crate) fn forget(&mut self, award: AwardId) -> Result<(), ProverError> {
        let Some(mut work) = self.work.remove(&award) else { return Ok(()) };
        if work.record.accept.is_some() {
            work.record.ended = true;
            self.checkpoint.put_award(award, &work.record)?;
            self.checkpoint.close_award(award)
        } else {
            self.checkpoint.drop_award(award)
        }
    }

    /// Starts an accepted award on a thread of its own when it is not running.
    pub(crate) fn start(&mut self, award: AwardId) -> Result<(), ProverError> {
        let Some(work) = self.work.get_mut(&award) else { return Ok(()) };
        let spent = work.failures >= PROVING_ATTEMPTS;
        if work.running || spent || work.record.proved || work.record.accept.is_none() {
            return Ok(());
        }
        let (Some(input), Some(terms)) = (work.input.clone(), work.terms()) else { return Ok(()) };
        // After a restart the slot has to be taken again.
        let slot = match work.slot.take() {
            Some(slot) => Some(slot),
            None => self.slots.try_take(terms.kind.class())?,
        };
        let Some(slot) = slot else { return Ok(()) };
        work.running = true;
        let (prover, finished) = (Arc::clone(&self.prover), self.finished.0.clone());
        tracing::info!(%award, kind = %terms.kind, units = terms.units.0, "proving");
        tokio::task::spawn_blocking(move || {
            let started = std::time::Instant::now();
            let result = prover.prove(&terms, &input);
            let seconds = started.elapsed().as_secs_f64();
            // Nobody listens when the prover is being stopped; the next run proves again.
            let _ = finished.blocking_send(Finished { award, result, slot, seconds });
        });
        Ok(())
    }

    pub(crate) async fn proved(&mut self, session: &ProverClient, finished: Finished) -> Result<(), ProverError> {
        let Finished { award, result, slot, seconds } = finished;
        drop(slot);
        let Some(work) = self.work.get_mut(&award) else { return Ok(()) };
        work.running = false;
        match result {
            Ok(proved) => {
                tracing::info!(%award, seconds, bytes = proved.proof.len(), "proved");
                self.checkpoint.put_proof(award, &proved.proof)?;
                work.record.proved = true;
                work.record.results = proved.results;
                self.checkpoint.put_award(award, &work.record)?;
                let results = work.record.results.clone();
                session.send(FromProver::Deliver { award, proof: proved.proof, results }).await?;
                Ok(())
            }
            Err(error) => {
                // It stays accepted until the gateway ends it; the next beat may try again.
                work.failures += 1;
                tracing::error!(%award, %error, seconds, "proof failed");
                Ok(())
            }
        }
    }

    /// Keeps a receipt that the contracts will take for the award; anything else is no receipt, and the proof stays.
    pub(crate) async fn receipted(&mut self, receipt: Signed<DeliveryReceipt>) -> Result<(), ProverError> {
        let award = receipt.message.award_id();
        let known = match self.work.get(&award) {
            Some(work) => Some(work.record.clone()),
            // It ended here before the gateway had looked at the proof.
            None => self.checkpoint.award(award)?,
        };
        let Some(mut record) = known.filter(|record| record.receipt.is_none()) else { return Ok(()) };
        if receipt.message.lotDigest != record.award.message.lotDigest || !self.is_of_its_epoch(&receipt).await? {
            tracing::error!(%award, "receipt that no contract takes");
            return Ok(());
        }
        record.receipt = Some(receipt);
        self.checkpoint.put_award(award, &record)?;
        self.checkpoint.close_award(award)?;
        self.work.remove(&award);
        tracing::info!(%award, "delivered");
        Ok(())
    }

    /// Whether the gateway key of the receipt's epoch signed it.
    async fn is_of_its_epoch(&self, receipt: &Signed<DeliveryReceipt>) -> Result<bool, ProverError> {
        let epoch = receipt.message.epoch();
        if epoch == self.identity.terms.epoch {
            return Ok(self.is_gateways(receipt));
        }
        let key = self.chain.gateway_key(epoch).await?;
        Ok(key.is_some_and(|key| receipt.verify(&self.identity.terms.domain, key).is_ok()))
    }
}
