//! The prover's loop: one session at a time, everything signed on disk first.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use gavel_domain::auction::AnnouncedLot;
use gavel_rpc::message::{Announcement, FromProver, PublishedClose, ToProver};
use gavel_rpc::session::SessionTerms;
use gavel_rpc::tls::Trust;
use gavel_rpc::{Limits, ProverClient, RpcError};
use gavel_types::id::{AwardId, LotDigest, OperatorId};
use gavel_types::job::JobTerms;
use gavel_types::lot::{bids_root, capacity_root, commitment};
use gavel_types::message::{Accept, Award, AwardMessage, BidCommitment, DeliveryReceipt, MarketMessage, Signed};
use gavel_types::signature::Signer;
use rand::RngCore;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::bidding::CostPolicy;
use crate::chain::ChainView;
use crate::checkpoint::{AwardRecord, BidRecord, Checkpoint};
use crate::error::{JobError, ProverError};
use crate::slots::{Slot, Slots};
use crate::work::{JobProver, ProvedJob};

/// Who a prover is and where its gateway is.
#[derive(Clone, Debug)]
pub struct ProverIdentity {
    pub operator: OperatorId,
    pub bid_key: Signer,
    pub gateway_url: String,
    pub trust: Trust,
    pub limits: Limits,
    /// What the chain says of the supernet and its gateway.
    pub terms: SessionTerms,
    pub gateway_key: Address,
    pub policy: CostPolicy,
    pub concurrency: usize,
    pub heartbeat: Duration,
}

/// A running prover.
pub struct Prover {
    identity: ProverIdentity,
    checkpoint: Checkpoint,
    slots: Slots,
    prover: Arc<dyn JobProver>,
    chain: Arc<dyn ChainView>,
    bids: HashMap<LotDigest, BidRecord>,
    work: BTreeMap<AwardId, Work>,
    finished: (mpsc::Sender<Finished>, mpsc::Receiver<Finished>),
}

/// An award in memory.
#[derive(Debug)]
struct Work {
    record: AwardRecord,
    input: Option<Arc<Vec<u8>>>,
    /// Taken before the award is accepted.
    slot: Option<Slot>,
    running: bool,
    failures: u32,
}

/// Attempts at one proof: the second covers a passing fault of the machine.
const PROVING_ATTEMPTS: u32 = 2;

struct Finished {
    award: AwardId,
    result: Result<ProvedJob, JobError>,
    slot: Slot,
    seconds: f64,
}

impl Work {
    fn terms(&self) -> Option<JobTerms> {
        let job = self.record.award.message.job();
        self.record.lot.jobs.iter().copied().find(|terms| terms.job == job)
    }
}

impl Prover {
    /// Loads what an earlier run left unfinished.
    ///
    /// # Errors
    /// [`ProverError`] when the checkpoint cannot be read.
    pub fn new(
        identity: ProverIdentity,
        checkpoint: Checkpoint,
        slots: Slots,
        prover: Arc<dyn JobProver>,
        chain: Arc<dyn ChainView>,
    ) -> Result<Self, ProverError> {
        let mut work = BTreeMap::new();
        for (award, record) in checkpoint.open_awards()? {
            let input = checkpoint.input(award)?.map(Arc::new);
            work.insert(award, Work { record, input, slot: None, running: false, failures: 0 });
        }
        Ok(Self { identity, checkpoint, slots, prover, chain, bids: HashMap::new(), work, finished: mpsc::channel(16) })
    }

    /// Serves the gateway, reconnecting with growing pauses, until `stop` resolves.
    ///
    /// # Errors
    /// [`ProverError`] that a retry cannot mend: the checkpoint or the slots cannot be written.
    pub fn run(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Result<(), ProverError>> + Send>> {
        Box::pin(self.work_until(Box::pin(stop)))
    }

    async fn work_until(mut self, mut stop: Pin<Box<dyn Future<Output = ()> + Send>>) -> Result<(), ProverError> {
        let mut pause = Duration::from_millis(200);
        loop {
            let session = tokio::select! {
                () = &mut stop => return Ok(()),
                session = self.connect() => session,
            };
            match session {
                Ok(session) => {
                    pause = Duration::from_millis(200);
                    tokio::select! {
                        () = &mut stop => return Ok(()),
                        ended = self.serve(session) => match ended {
                            Err(ProverError::Rpc(error)) => tracing::warn!(%error, "session ended"),
                            Err(ProverError::Chain(error)) => tracing::warn!(%error, "chain not readable"),
                            other => return other,
                        },
                    }
                }
                Err(error) => tracing::warn!(%error, "gateway not reachable"),
            }
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn connect(&self) -> Result<ProverClient, RpcError> {
        let ProverIdentity { gateway_url, trust, limits, terms, operator, bid_key, policy, .. } = &self.identity;
        ProverClient::open(gateway_url, trust, limits, terms, *operator, policy.classes(), bid_key).await
    }

    async fn serve(&mut self, mut session: ProverClient) -> Result<(), ProverError> {
        tracing::info!(head = session.head, "session open");
        // The gateway may have missed what was sent before: acceptances and proofs go out again.
        let known: Vec<AwardId> = self.work.keys().copied().collect();
        for award in known {
            self.repeat(&session, award).await?;
            self.start(award)?;
        }
        let mut beat = tokio::time::interval(self.identity.heartbeat);
        loop {
            tokio::select! {
                message = session.next() => match message {
                    Ok(message) => self.hear(&session, message).await?,
                    // One unreadable message is no reason to lose the session.
                    Err(RpcError::Wire(error)) => tracing::warn!(%error, "unreadable message"),
                    Err(error) => return Err(error.into()),
                },
                Some(finished) = self.finished.1.recv() => self.proved(&session, finished).await?,
                _ = beat.tick() => self.beat(&session).await?,
            }
        }
    }

    async fn beat(&mut self, session: &ProverClient) -> Result<(), ProverError> {
        let waiting: Vec<AwardId> = self.work.keys().copied().collect();
        for award in waiting {
            self.advance(session, award).await?;
        }
        let working_on = self.work.iter().filter(|(_, work)| work.running).map(|(award, _)| *award).collect();
        session.send(FromProver::Heartbeat { working_on }).await?;
        Ok(())
    }

    async fn hear(&mut self, session: &ProverClient, message: ToProver) -> Result<(), ProverError> {
        match message {
            ToProver::Announce(announcement) => self.bid(session, announcement).await,
            ToProver::CommitReceipt(receipt) => {
                let lot = LotDigest(receipt.message.lotDigest);
                let ours = receipt.message.operator == self.identity.operator.0;
                if ours && self.is_gateways(&receipt) {
                    self.change_bid(lot, |bid| bid.commit_receipt = Some(receipt.signature))?;
                }
                Ok(())
            }
            ToProver::Close(close) => self.open(session, close).await,
            ToProver::OpeningReceipt(receipt) => {
                let lot = LotDigest(receipt.message.lotDigest);
                if self.is_gateways(&receipt) {
                    self.change_bid(lot, |bid| bid.opening_receipt = Some(receipt.signature))?;
                }
                Ok(())
            }
            ToProver::Award(award) => self.awarded(session, award).await,
            ToProver::Input { award, data } => {
                if let Some(work) = self.work.get_mut(&award) {
                    work.input = Some(Arc::new(data));
                }
                self.advance(session, award).await
            }
            ToProver::Anchored { award, block, .. } => {
                if let Some(work) = self.work.get_mut(&award) {
                    work.record.anchored_block = Some(block);
                }
                self.advance(session, award).await
            }
            ToProver::DeliveryReceipt(receipt) => self.receipted(receipt),
            ToProver::Ended { award, reason } => {
                tracing::info!(%award, reason, "award ended");
                self.forget(award)
            }
            ToProver::Refusal { code, subject, reason } => {
                tracing::warn!(?code, %subject, reason, "refused by the gateway");
                Ok(())
            }
            ToProver::Head { .. } => Ok(()),
        }
    }

    fn is_gateways<M: MarketMessage>(&self, signed: &Signed<M>) -> bool {
        let checked = signed.verify(&self.identity.terms.domain, self.identity.gateway_key);
        if let Err(error) = &checked {
            tracing::warn!(%error, "message without the gateway's signature");
        }
        checked.is_ok()
    }

    async fn bid(&mut self, session: &ProverClient, announcement: Announcement) -> Result<(), ProverError> {
        let lots: Vec<AnnouncedLot> = announcement
            .lots
            .into_iter()
            .filter(|lot| lot.circuit_set == self.identity.terms.circuit_set)
            .filter_map(|lot| AnnouncedLot::try_from(lot).ok())
            .collect();
        // A new tick: what was bid for before is decided.
        self.bids.retain(|_, bid| bid.lot.key.tick.0 + 8 > announcement.key.tick.0);
        let busy = self.work.values().filter(|work| !work.record.proved).count();
        let places = self.identity.concurrency.saturating_sub(busy);
        let slots = &self.slots;
        let free = |class| slots.is_free(class).unwrap_or(false);
        let chosen = self.identity.policy.choose(self.identity.operator, &lots, places, free);
        let mut commitments = Vec::with_capacity(chosen.len());
        for (lot, price) in chosen {
            // A repeated announcement gets the same commitment: a second one would be refused.
            let record = match self.checkpoint.bid(lot.digest)? {
                Some(record) => record,
                None => self.new_bid(lot, price)?,
            };
            commitments.push(self.commitment(lot.digest, &record));
            self.bids.insert(lot.digest, record);
        }
        for commitment in commitments {
            session.send(FromProver::Commit(commitment)).await?;
        }
        Ok(())
    }

    fn new_bid(&self, lot: &AnnouncedLot, price: gavel_types::unit::WeiPerUnit) -> Result<BidRecord, ProverError> {
        let mut salt = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut salt);
        let salt = B256::from(salt);
        let message = self.commitment_message(lot.digest, &lot.lot, price, salt);
        let signature = Signed::new(message, &self.identity.terms.domain, &self.identity.bid_key).signature;
        let record = BidRecord {
            lot: lot.lot.clone(),
            price,
            salt,
            signature,
            commit_receipt: None,
            opening_receipt: None,
            opened: false,
        };
        self.checkpoint.put_bid(lot.digest, &record)?;
        Ok(record)
    }

    fn commitment_message(
        &self,
        digest: LotDigest,
        lot: &gavel_types::lot::Lot,
        price: gavel_types::unit::WeiPerUnit,
        salt: B256,
    ) -> BidCommitment {
        BidCommitment {
            supernet: lot.key.supernet.0,
            gatewayEpoch: lot.key.epoch.0,
            tick: lot.key.tick.0,
            lotDigest: digest.0,
            operator: self.identity.operator.0,
            commitment: commitment(digest, self.identity.operator, price, salt).0,
        }
    }

    fn commitment(&self, digest: LotDigest, bid: &BidRecord) -> Signed<BidCommitment> {
        let message = self.commitment_message(digest, &bid.lot, bid.price, bid.salt);
        Signed { message, signature: bid.signature }
    }

    fn change_bid(&mut self, lot: LotDigest, change: impl FnOnce(&mut BidRecord)) -> Result<(), ProverError> {
        if let Some(bid) = self.bids.get_mut(&lot) {
            change(bid);
            self.checkpoint.put_bid(lot, bid)?;
        }
        Ok(())
    }

    /// Opens every bid that the signed close includes, and no other.
    async fn open(&mut self, session: &ProverClient, published: PublishedClose) -> Result<(), ProverError> {
        let close = &published.close.message;
        let roots_hold = bids_root(published.commitments.iter().copied()) == close.bidsRoot
            && capacity_root(published.capacities.iter().copied()) == close.capacityRoot
            && published.commitments.len() == close.count as usize;
        if !self.is_gateways(&published.close) || !roots_hold {
            tracing::error!(tick = close.tick, "the close does not hold together; nothing is opened");
            return Ok(());
        }
        let operator = self.identity.operator;
        let lots: Vec<LotDigest> =
            self.bids.iter().filter(|(_, bid)| bid.lot.key.tick.0 == close.tick).map(|(lot, _)| *lot).collect();
        for lot in lots {
            let Some(bid) = self.bids.get(&lot) else { continue };
            if !published.commitments.contains(&commitment(lot, operator, bid.price, bid.salt)) {
                tracing::error!(%lot, acknowledged = bid.commit_receipt.is_some(), "our bid is not in the close");
                continue;
            }
            let opening =
                gavel_domain::auction::Opening { key: bid.lot.key, lot, operator, price: bid.price, salt: bid.salt };
            self.change_bid(lot, |bid| bid.opened = true)?;
            session.send(FromProver::Open(opening)).await?;
        }
        Ok(())
    }

    async fn awarded(&mut self, session: &ProverClient, award: Signed<Award>) -> Result<(), ProverError> {
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
        };
        self.checkpoint.put_award(id, &record)?;
        self.work.insert(id, Work { record, input: None, slot: None, running: false, failures: 0 });
        tracing::info!(award = %id, "won");
        self.advance(session, id).await
    }

    /// Sends again what the gateway may have missed.
    async fn repeat(&self, session: &ProverClient, award: AwardId) -> Result<(), ProverError> {
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
    async fn advance(&mut self, session: &ProverClient, award: AwardId) -> Result<(), ProverError> {
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

    fn forget(&mut self, award: AwardId) -> Result<(), ProverError> {
        let Some(work) = self.work.remove(&award) else { return Ok(()) };
        if work.record.accept.is_some() {
            self.checkpoint.close_award(award)
        } else {
            self.checkpoint.drop_award(award)
        }
    }

    /// Starts an accepted award on a thread of its own when it is not running.
    fn start(&mut self, award: AwardId) -> Result<(), ProverError> {
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

    async fn proved(&mut self, session: &ProverClient, finished: Finished) -> Result<(), ProverError> {
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

    fn receipted(&mut self, receipt: Signed<DeliveryReceipt>) -> Result<(), ProverError> {
        let award = receipt.message.award_id();
        if !self.is_gateways(&receipt) {
            return Ok(());
        }
        if let Some(work) = self.work.get_mut(&award) {
            work.record.receipt = Some(receipt);
            self.checkpoint.put_award(award, &work.record)?;
            self.checkpoint.close_award(award)?;
            self.work.remove(&award);
            tracing::info!(%award, "delivered");
        }
        Ok(())
    }
}
