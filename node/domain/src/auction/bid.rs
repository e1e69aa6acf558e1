//! Bids, and why one is refused.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256};
use gavel_types::id::{Commitment, JobId, TickKey};
use gavel_types::signature::SignatureError;
use gavel_types::unit::{Class, Classes, WeiPerUnit, WorkUnits};

use super::AnnouncedLot;
use crate::transition::Now;

/// A commitment, and what it was opened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bid {
    pub commitment: Commitment,
    pub opened: Option<(WeiPerUnit, B256)>,
}

/// What decides whether an operator may bid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The registered hot key.
    pub bid_key: Address,
    /// First block at which the key counts.
    pub key_valid_from: u64,
    pub classes: Classes,
    pub leaving: bool,
    /// First block after its cool-down.
    pub excluded_until: u64,
    /// Jobs that it failed before.
    pub barred: BTreeSet<JobId>,
    /// Units that it may still be awarded.
    pub free: WorkUnits,
}

/// Why a commitment or an opening is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BidRejection {
    #[error("the message is for tick {got}; this is tick {expected}")]
    WrongTick { expected: TickKey, got: TickKey },
    #[error("the tick has no such lot")]
    UnknownLot,
    #[error("late: the tick is {phase}")]
    Late { phase: &'static str },
    #[error("opened before the close was published")]
    OpenedEarly,
    #[error("the operator has another commitment for this lot: {first}")]
    Doubled { first: Commitment },
    #[error("the operator is not registered")]
    Unregistered,
    #[error("bid key signature: {0}")]
    Signature(#[from] SignatureError),
    #[error("the bid key is valid from block {valid_from}; the head is {head}")]
    KeyNotYetValid { valid_from: u64, head: u64 },
    #[error("the operator is leaving the supernet")]
    Leaving,
    #[error("the operator is not registered for class {class}")]
    ClassNotRegistered { class: Class },
    #[error("the operator is excluded until block {until}; the head is {head}")]
    CoolingDown { until: u64, head: u64 },
    #[error("the operator failed job {job} before")]
    Barred { job: JobId },
    #[error("the lot has {units} units, the operator has {free} free")]
    OverCommitted { free: WorkUnits, units: WorkUnits },
    #[error("no commitment of the operator for this lot")]
    NotCommitted,
    #[error("opened to {got}, committed to {expected}")]
    OpenedDifferently { expected: Commitment, got: Commitment },
    #[error("price {price} is over the ceiling {ceiling}")]
    OverCeiling { ceiling: WeiPerUnit, price: WeiPerUnit },
}

impl Standing {
    /// Checks everything about the operator that is not its signature.
    ///
    /// # Errors
    /// The first [`BidRejection`] that applies.
    pub fn admits(&self, now: Now, lot: &AnnouncedLot) -> Result<(), BidRejection> {
        let head = now.block;
        if head < self.key_valid_from {
            return Err(BidRejection::KeyNotYetValid { valid_from: self.key_valid_from, head });
        }
        if self.leaving {
            return Err(BidRejection::Leaving);
        }
        if !self.classes.contains(lot.lot.class) {
            return Err(BidRejection::ClassNotRegistered { class: lot.lot.class });
        }
        if head < self.excluded_until {
            return Err(BidRejection::CoolingDown { until: self.excluded_until, head });
        }
        if let Some(job) = lot.lot.jobs.iter().map(|job| job.job).find(|job| self.barred.contains(job)) {
            return Err(BidRejection::Barred { job });
        }
        if self.free < lot.units {
            return Err(BidRejection::OverCommitted { free: self.free, units: lot.units });
        }
        Ok(())
    }
}
