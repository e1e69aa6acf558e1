//! The chain as the gateway needs it: facts in order, a few reads, and transactions that are owed.

mod calls;
mod debt;
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
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::unit::{Classes, WeiPerUnit, WorkUnits};

pub use calls::call;
pub use debt::{AnchoredAward, DebtKey, MissEvidence, Owed};
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
    /// Blocks after the proving window in which a miss can be reported.
    pub report_blocks: u64,
    pub last_tick: u64,
}

/// The gateway's bond at the newest block, in wei.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bond {
    /// What covers awards: nothing that is being withdrawn.
    pub cover: U256,
    /// What awards of unsettled requests may still claim.
    pub committed: U256,
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
    EpochStarted { epoch: GatewayEpoch, key: Address },
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

/// A transaction that the node refuses for now, or that was reverted; it is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub key: String,
    pub reason: String,
    /// Attempts so far, none of which can have an effect any more.
    pub attempts: usize,
}

/// Where a tick stands on-chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickOnChain {
    /// It can be anchored.
    Open,
    /// A later tick, or this one of another epoch, was anchored.
    Passed,
    Anchored {
        bids_root: B256,
    },
}

/// Where a stored award stands on-chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardOnChain {
    None,
    Reserved,
    Delivered,
    Paid,
    /// The operator says that it never bid for it; it can be reported all the same.
    Struck,
    /// Slashed or lapsed.
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
    fn bond(&self) -> ChainFuture<'_, Bond>;
    /// Fee of a request that no award has taken, in wei.
    fn uncommitted(&self, request: RequestId) -> ChainFuture<'_, U256>;
    fn award(&self, award: AwardId) -> ChainFuture<'_, AwardOnChain>;
    /// Last block in which the slash of a reported award can be executed.
    fn executable_until(&self, award: AwardId) -> ChainFuture<'_, u64>;
    fn tick(&self, key: TickKey) -> ChainFuture<'_, TickOnChain>;
    /// The next change after a position; `None` when there is none yet.
    fn poll<'a>(&'a self, cursor: Option<&'a str>) -> ChainFuture<'a, Option<ChainChange>>;
    /// The transaction that pays a debt, to be stored with what caused it.
    fn intent(&self, owed: &Owed) -> OutboxIntent;
    /// Sends what is due from the outbox and reports what is refused.
    fn send<'a>(&'a self, store: &'a Store, lease: &'a Lease) -> ChainFuture<'a, Vec<Refused>>;
}

/// Index of an award in its lot's list, for building [`Owed::AnchorTick`].
pub(crate) fn lot_index(lots: &[LotDigest], lot: LotDigest) -> Option<u32> {
    lots.iter().position(|other| *other == lot).map(|index| index as u32)
}

/// A job's index in its lot.
pub(crate) fn job_index(jobs: &[JobTerms], job: JobId) -> Option<usize> {
    jobs.iter().position(|terms| terms.job == job)
}
