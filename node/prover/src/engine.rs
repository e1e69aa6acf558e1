//! The prover's loop: one session at a time, everything signed on disk first.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use gavel_rpc::message::{FromProver, ToProver};
use gavel_rpc::session::SessionTerms;
use gavel_rpc::tls::Trust;
use gavel_rpc::{Limits, ProverClient, RpcError};
use gavel_types::id::{AwardId, LotDigest, OperatorId};
use gavel_types::message::{MarketMessage, Signed};
use gavel_types::signature::Signer;
use tokio::sync::mpsc;

use crate::awards::{Finished, Work};
use crate::bidding::CostPolicy;
use crate::chain::ChainView;
use crate::checkpoint::{BidRecord, Checkpoint};
use crate::error::ProverError;
use crate::reports::ReportAnswers;
use crate::slots::Slots;
use crate::work::JobProver;

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
    pub(crate) identity: ProverIdentity,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) slots: Slots,
    pub(crate) prover: Arc<dyn JobProver>,
    pub(crate) chain: Arc<dyn ChainView>,
    pub(crate) bids: HashMap<LotDigest, BidRecord>,
    pub(crate) work: BTreeMap<AwardId, Work>,
    pub(crate) finished: (mpsc::Sender<Finished>, mpsc::Receiver<Finished>),
    pub(crate) reports: Option<ReportAnswers>,
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
        let (bids, finished) = (HashMap::new(), mpsc::channel(16));
        Ok(Self { identity, checkpoint, slots, prover, chain, bids, work, finished, reports: None })
    }

    /// Serves the gateway, reconnecting with growing pauses, and answers false reports, until `stop` resolves.
    ///
    /// # Errors
    /// [`ProverError`] that a retry cannot mend: the checkpoint or the slots cannot be written.
    pub fn run(
        mut self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Result<(), ProverError>> + Send>> {
        let reports = self.reports.take();
        let answering = async {
            match reports {
                Some(reports) => reports.run().await,
                None => std::future::pending().await,
            }
        };
        Box::pin(async move {
            tokio::select! {
                ended = self.work_until(Box::pin(stop)) => ended,
                () = answering => Ok(()),
            }
        })
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
            self.follow_epoch().await;
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Takes over the gateway's epoch and key from the chain: a new epoch ends every session.
    async fn follow_epoch(&mut self) {
        match self.chain.gateway().await {
            Ok(Some((epoch, key))) if epoch > self.identity.terms.epoch => {
                tracing::warn!(epoch = epoch.0, %key, "the gateway began a new epoch");
                self.identity.terms.epoch = epoch;
                self.identity.gateway_key = key;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the gateway's epoch cannot be read"),
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
        let holding = self.work.keys().copied().collect();
        session.send(FromProver::Heartbeat { holding }).await?;
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
                // Said before already, it may have met a gateway that had lost the anchor to a reorganisation.
                self.repeat(session, award).await?;
                self.advance(session, award).await
            }
            ToProver::DeliveryReceipt(receipt) => self.receipted(receipt).await,
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

    pub(crate) fn is_gateways<M: MarketMessage>(&self, signed: &Signed<M>) -> bool {
        let checked = signed.verify(&self.identity.terms.domain, self.identity.gateway_key);
        if let Err(error) = &checked {
            tracing::warn!(%error, "message without the gateway's signature");
        }
        checked.is_ok()
    }
}
