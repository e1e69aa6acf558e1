//! Session messages after they were read: lengths, ranges and enums are checked.

use alloy_primitives::B256;
use gavel_domain::auction::Opening;
use gavel_types::id::{AwardId, Commitment, OperatorId, TickKey};
use gavel_types::lot::Lot;
use gavel_types::message::{
    Accept, Award, BidCommitment, CommitReceipt, DeliveryReceipt, OpeningReceipt, Signed, TickClose,
};
use gavel_types::unit::WorkUnits;

/// From a prover, after its hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromProver {
    Commit(Signed<BidCommitment>),
    Open(Opening),
    Accept(Signed<Accept>),
    Decline { award: AwardId, reason: String },
    Deliver { award: AwardId, proof: Vec<u8>, results: Vec<B256> },
    Heartbeat { holding: Vec<AwardId> },
}

/// From the gateway, after its welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToProver {
    Announce(Announcement),
    CommitReceipt(Signed<CommitReceipt>),
    Close(PublishedClose),
    OpeningReceipt(Signed<OpeningReceipt>),
    Award(Signed<Award>),
    Input { award: AwardId, data: Vec<u8> },
    Anchored { award: AwardId, block: u64, head: u64 },
    DeliveryReceipt(Signed<DeliveryReceipt>),
    Ended { award: AwardId, reason: String },
    Refusal { code: RefusalCode, subject: B256, reason: String },
    Head { block: u64 },
}

/// The lots of a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub key: TickKey,
    pub lots: Vec<Lot>,
    /// Milliseconds from now in which commitments are taken.
    pub commit_millis: u64,
}

/// The signed close with what its roots are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedClose {
    pub close: Signed<TickClose>,
    pub commitments: Vec<Commitment>,
    pub capacities: Vec<(OperatorId, WorkUnits)>,
    /// Milliseconds from now in which openings are taken.
    pub open_millis: u64,
}

/// What a refusal is about; the reason says the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    Malformed,
    Bid,
    Opening,
    Accept,
    Proof,
    UnknownAward,
}
