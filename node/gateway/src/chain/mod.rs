//! The chain as the gateway needs it: facts in order, a few reads, and transactions that are owed.

mod facts;
mod onchain;
mod outbox;

use std::future::Future;
use std::pin::Pin;

use alloy_primitives::{Address, B256, U256};
use gavel_chain::ChainError;
use gavel_domain::request::RequestEvent;
use gavel_store::{Lease, OutboxIntent, Store};
use gavel_types::id::{AwardId, GatewayEpoch, JobId, LotDigest, OperatorId, RequestId, TickKey};
use gavel_types::job::JobTerms;
use gavel_types::lot::LotTerms;
use gavel_types::message::{DeliveryReceipt, Signed, TickClose};
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::signature::SignatureBytes;
use gavel_types::statement::Output;
use gavel_types::unit::{Classes, WeiPerUnit, WorkUnits};

pub use onchain::{OnChain, OnChainOptions};
pub use outbox::StoreOutbox;

pub type ChainFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ChainError>> + Send + 'a>>;

/// An operator in the supernet, at the newest block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorOnChain {
    pub operator: OperatorId,
    pub registered: bool,
    pub leaving: bool,
    /// Bid key at the newest block; zero when it has none.
    pub bid_key: Address,
    pub classes: Classes,
    pub free: WorkUnits,
    /// Whether an award may rely on the cached capacity.
    pub fresh: bool,
    pub synced_at: u64,
}

/// The supernet's terms that the gateway acts by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupernetTerms {
    pub gateway_key: Address,
    pub epoch: GatewayEpoch,
    pub max_price: WeiPerUnit,
    /// Wei that a miss report deposits.
    pub report_deposit: U256,
    /// Blocks for which a cached capacity counts.
    pub capacity_fresh: u64,
    pub last_tick: u64,
}

/// What a block tells the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainFact {
    Text { digest: B256, text_hash: B256, text: String },
    Requested { id: RequestId, request: Request, origin: RequestOrigin, log_index: u64 },
    RequestEnded { id: RequestId, event: RequestEvent },
    TickAnchored { key: TickKey },
    Awarded { award: AwardId },
    AwardSkipped { award: AwardId, reason: String },
    Claimed { award: AwardId },
    Operator { operator: OperatorId },
    MissReported { award: AwardId, answer_until: u64 },
    ReportClosed { award: AwardId },
    EpochStarted { epoch: GatewayEpoch },
}

/// One block that became final enough, or that is gone again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainChange {
    /// The reader's position after this change, to be stored with what the facts did.
    pub cursor: String,
    pub block: u64,
    pub block_hash: B256,
    pub withdrawn: bool,
    pub facts: Vec<ChainFact>,
}

/// An award in an anchoring transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchoredAward {
    /// Index into the transaction's lots.
    pub lot: u32,
    pub payer: RequestId,
    /// Index of the job in the payer's plan.
    pub job_index: u32,
    pub attempt: u32,
    pub operator: OperatorId,
    pub units: WorkUnits,
    pub price: WeiPerUnit,
}

/// Everything that shows that an accepted job was missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissEvidence {
    pub key: TickKey,
    pub job: JobTerms,
    pub attempt: u32,
    pub operator: OperatorId,
    pub lot: LotTerms,
    pub job_proof: Vec<B256>,
    pub price: WeiPerUnit,
    pub salt: B256,
    pub bid_signature: SignatureBytes,
    pub bid_proof: Vec<B256>,
    pub input_digest: B256,
    pub accept_block: u64,
    pub accept_signature: SignatureBytes,
}

/// A transaction that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owed {
    AnchorTick {
        key: TickKey,
        close: TickClose,
        lots: Vec<LotTerms>,
        awards: Vec<AnchoredAward>,
        delivered: Vec<AwardId>,
    },
    Settle {
        id: RequestId,
        request: Request,
        origin: RequestOrigin,
        output: Output,
        results: Vec<B256>,
        proof: Vec<u8>,
    },
    Fail {
        id: RequestId,
        reason: u8,
    },
    ReportMiss {
        award: AwardId,
        evidence: Box<MissEvidence>,
        deposit: U256,
    },
    AnswerReport {
        award: AwardId,
        receipt: Signed<DeliveryReceipt>,
    },
    ExecuteSlash {
        award: AwardId,
    },
    Claim {
        award: AwardId,
    },
    ClaimWithReceipt {
        award: AwardId,
        receipt: Signed<DeliveryReceipt>,
    },
    SyncCapacity {
        operator: OperatorId,
        /// Grows with the chain, so that a sync that failed is tried again.
        round: u64,
    },
}

impl Owed {
    /// Names the transaction for ever.
    pub fn key(&self) -> String {
        match self {
            Owed::AnchorTick { key, .. } => format!("anchor/{key}"),
            Owed::Settle { id, .. } => format!("settle/{id}"),
            Owed::Fail { id, .. } => format!("fail/{id}"),
            Owed::ReportMiss { award, .. } => format!("report/{award}"),
            Owed::AnswerReport { award, .. } => format!("answer/{award}"),
            Owed::ExecuteSlash { award } => format!("slash/{award}"),
            Owed::Claim { award } => format!("claim/{award}"),
            Owed::ClaimWithReceipt { award, .. } => format!("claim-receipt/{award}"),
            Owed::SyncCapacity { operator, round } => format!("sync/{operator}/{round}"),
        }
    }
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub key: String,
    /// Why it had no effect; `None` when it was mined and succeeded.
    pub failure: Option<String>,
}

/// Where a stored award stands on-chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardOnChain {
    None,
    Reserved,
    Delivered,
    Paid,
    /// Struck, slashed or lapsed.
    Over,
}

/// One supernet's contracts. Every method may be called again after an error.
pub trait MarketChain: Send + Sync + 'static {
    fn chain_id(&self) -> u64;
    /// Account that transactions are sent from.
    fn account(&self) -> Address;
    fn head(&self) -> ChainFuture<'_, u64>;
    fn terms(&self) -> ChainFuture<'_, SupernetTerms>;
    fn operators(&self, operators: Vec<OperatorId>) -> ChainFuture<'_, Vec<OperatorOnChain>>;
    /// Fee of a request that no award has taken, in wei.
    fn uncommitted(&self, request: RequestId) -> ChainFuture<'_, U256>;
    fn award(&self, award: AwardId) -> ChainFuture<'_, AwardOnChain>;
    /// The next change after a position; `None` when there is none yet.
    fn poll<'a>(&'a self, cursor: Option<&'a str>) -> ChainFuture<'a, Option<ChainChange>>;
    /// The transaction that pays a debt, to be stored with what caused it.
    fn intent(&self, owed: &Owed) -> OutboxIntent;
    /// Sends what is due from the outbox and reports what has ended.
    fn send<'a>(&'a self, store: &'a Store, lease: &'a Lease) -> ChainFuture<'a, Vec<Finished>>;
}

/// Index of an award in its lot's list, for building [`Owed::AnchorTick`].
pub(crate) fn lot_index(lots: &[LotDigest], lot: LotDigest) -> Option<u32> {
    lots.iter().position(|other| *other == lot).map(|index| index as u32)
}

/// A job's index in its lot.
pub(crate) fn job_index(jobs: &[JobTerms], job: JobId) -> Option<usize> {
    jobs.iter().position(|terms| terms.job == job)
}
