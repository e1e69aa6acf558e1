//! One tick: `Open → Sealed → Opening → Awarded | Void` (protocol §3).
//!
//! The bid set and the capacity vector are fixed and signed before any price is seen; the award
//! follows from them by [`allocation`].

pub mod allocation;
pub mod bid;

use std::collections::BTreeMap;

use alloy_primitives::B256;
use alloy_sol_types::Eip712Domain;
use gavel_types::id::{Commitment, LotDigest, OperatorId, TickKey};
use gavel_types::lot::{Lot, LotError, bids_root, commitment};
use gavel_types::message::{BidCommitment, Signed, TickClose, TickMessage};
use gavel_types::unit::{WeiPerUnit, WorkUnits};

use self::allocation::{AuctionRule, LotOutcome, OpenedBid};
use self::bid::{Bid, BidRejection, Standing};
use crate::capacity::Capacities;
use crate::reputation::Failure;
use crate::transition::{IllegalTransition, Now};

/// A lot with what follows from its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedLot {
    pub lot: Lot,
    pub digest: LotDigest,
    pub units: WorkUnits,
}

impl TryFrom<Lot> for AnnouncedLot {
    type Error = LotError;

    fn try_from(lot: Lot) -> Result<Self, LotError> {
        Ok(Self { digest: lot.digest()?, units: lot.units()?, lot })
    }
}

/// Who bid for what.
pub type BidKey = (LotDigest, OperatorId);

/// A tick.
#[derive(Clone, Debug)]
pub struct Auction {
    pub key: TickKey,
    /// In ascending number.
    pub lots: Vec<AnnouncedLot>,
    pub bids: BTreeMap<BidKey, Bid>,
    pub phase: Phase,
    domain: Eip712Domain,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Commitments are taken until this time of the driver's clock, in milliseconds.
    Open {
        until: u64,
    },
    /// Bids and capacities are fixed; the close is not out yet.
    Sealed {
        close: TickClose,
        capacities: Capacities,
    },
    /// The close is out; openings are taken until this time.
    Opening {
        close: TickClose,
        capacities: Capacities,
        until: u64,
    },
    Awarded {
        outcomes: Vec<LotOutcome>,
    },
    /// Nobody bid.
    Void,
}

impl Phase {
    pub const fn name(&self) -> &'static str {
        match self {
            Phase::Open { .. } => "open",
            Phase::Sealed { .. } => "sealed",
            Phase::Opening { .. } => "opening",
            Phase::Awarded { .. } => "awarded",
            Phase::Void => "void",
        }
    }
}

#[derive(Clone, Debug)]
pub enum AuctionEvent {
    /// A commitment arrived. `standing` is the operator's, `None` when it is not registered.
    Commit {
        bid: Signed<BidCommitment>,
        standing: Option<Standing>,
    },
    /// Time to fix the bids. `capacities` covers every operator that bid.
    CloseDue {
        capacities: Capacities,
    },
    /// The signed close is stored and may be sent: openings are taken until `until`.
    Published {
        until: u64,
    },
    Open(Opening),
    /// Time is up, or everybody has opened.
    OpeningsDue,
}

/// Price and salt of a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub key: TickKey,
    pub lot: LotDigest,
    pub operator: OperatorId,
    pub price: WeiPerUnit,
    pub salt: B256,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuctionEffect {
    /// Store the commitment with a signed receipt, then send the receipt.
    StoreBid {
        lot: LotDigest,
        operator: OperatorId,
        commitment: Commitment,
    },
    /// Sign, store and publish the close.
    PublishClose(TickClose),
    /// Store the opening with a signed receipt, then send the receipt.
    StoreOpening(Opening, Commitment),
    /// A message was refused; the tick is as before.
    Reject {
        lot: LotDigest,
        operator: OperatorId,
        reason: BidRejection,
    },
    /// Sign, store, send and anchor an award for each job of the lot.
    Award {
        lot: LotDigest,
        operator: OperatorId,
        price: WeiPerUnit,
    },
    /// The jobs of the lot go back to the queue.
    VoidLot {
        lot: LotDigest,
    },
    Penalise {
        operator: OperatorId,
        failure: Failure,
    },
}

impl Auction {
    /// Opens a tick over lots in ascending number.
    pub fn new(domain: Eip712Domain, key: TickKey, lots: Vec<AnnouncedLot>, until: u64) -> Self {
        Self { key, lots, bids: BTreeMap::new(), phase: Phase::Open { until }, domain }
    }

    /// A tick as it was stored.
    pub fn restore(
        domain: Eip712Domain,
        key: TickKey,
        lots: Vec<AnnouncedLot>,
        bids: BTreeMap<BidKey, Bid>,
        phase: Phase,
    ) -> Self {
        Self { key, lots, bids, phase, domain }
    }

    pub fn lot(&self, digest: LotDigest) -> Option<&AnnouncedLot> {
        self.lots.iter().find(|lot| lot.digest == digest)
    }

    /// Whether every commitment has been opened.
    pub fn all_opened(&self) -> bool {
        self.bids.values().all(|bid| bid.opened.is_some())
    }

    /// # Errors
    /// [`IllegalTransition`] when the phase does not admit the event. Messages of operators never
    /// cause one: they are answered by [`AuctionEffect::Reject`].
    pub fn step(
        self,
        now: Now,
        event: AuctionEvent,
        rule: &impl AuctionRule,
    ) -> Result<(Self, Vec<AuctionEffect>), IllegalTransition> {
        match (&self.phase, event) {
            (_, AuctionEvent::Commit { bid, standing }) => Ok(self.commit(now, bid, standing)),
            (_, AuctionEvent::Open(opening)) => Ok(self.open(now, opening)),
            (Phase::Open { .. }, AuctionEvent::CloseDue { capacities }) => Ok(self.close(capacities)),
            (Phase::Sealed { .. }, AuctionEvent::Published { until }) => Ok((self.published(until), Vec::new())),
            (Phase::Opening { until, .. }, AuctionEvent::OpeningsDue) if now.millis >= *until || self.all_opened() => {
                Ok(self.award(rule))
            }
            (phase, event) => Err(IllegalTransition::new("auction", self.key, &phase.name(), &event)),
        }
    }

    fn commit(
        mut self,
        now: Now,
        bid: Signed<BidCommitment>,
        standing: Option<Standing>,
    ) -> (Self, Vec<AuctionEffect>) {
        let lot = LotDigest(bid.message.lotDigest);
        let operator = OperatorId(bid.message.operator);
        let effect = match self.admit(now, &bid, standing) {
            Ok(commitment) => {
                self.bids.entry((lot, operator)).or_insert(Bid { commitment, opened: None });
                AuctionEffect::StoreBid { lot, operator, commitment }
            }
            Err(reason) => AuctionEffect::Reject { lot, operator, reason },
        };
        (self, vec![effect])
    }

    fn admit(
        &self,
        now: Now,
        bid: &Signed<BidCommitment>,
        standing: Option<Standing>,
    ) -> Result<Commitment, BidRejection> {
        let message = &bid.message;
        self.same_tick(message.key())?;
        let standing = standing.ok_or(BidRejection::Unregistered)?;
        let lot = self.lot(LotDigest(message.lotDigest)).ok_or(BidRejection::UnknownLot)?;
        bid.verify(&self.domain, standing.bid_key)?;
        let commitment = Commitment(message.commitment);
        if let Some(first) = self.bids.get(&(lot.digest, OperatorId(message.operator))) {
            // The same commitment again asks for its receipt again.
            let same = first.commitment == commitment;
            return if same { Ok(commitment) } else { Err(BidRejection::Doubled { first: first.commitment }) };
        }
        match self.phase {
            Phase::Open { until } if now.millis < until => {}
            _ => return Err(BidRejection::Late { phase: self.phase.name() }),
        }
        standing.admits(now, lot)?;
        Ok(commitment)
    }

    fn close(mut self, capacities: Capacities) -> (Self, Vec<AuctionEffect>) {
        if self.bids.is_empty() {
            self.phase = Phase::Void;
            let voided = self.lots.iter().map(|lot| AuctionEffect::VoidLot { lot: lot.digest }).collect();
            return (self, voided);
        }
        let close = TickClose {
            supernet: self.key.supernet.0,
            gatewayEpoch: self.key.epoch.0,
            tick: self.key.tick.0,
            bidsRoot: bids_root(self.bids.values().map(|bid| bid.commitment)),
            count: self.bids.len() as u32,
            capacityRoot: capacities.root(),
        };
        self.phase = Phase::Sealed { close: close.clone(), capacities };
        (self, vec![AuctionEffect::PublishClose(close)])
    }

    fn published(mut self, until: u64) -> Self {
        if let Phase::Sealed { close, capacities } = self.phase {
            self.phase = Phase::Opening { close, capacities, until };
        }
        self
    }

    fn open(mut self, now: Now, opening: Opening) -> (Self, Vec<AuctionEffect>) {
        let Opening { lot, operator, price, salt, .. } = opening;
        let effect = match self.check_opening(now, &opening) {
            Ok(commitment) => {
                self.bids.insert((lot, operator), Bid { commitment, opened: Some((price, salt)) });
                AuctionEffect::StoreOpening(opening, commitment)
            }
            Err(reason) => AuctionEffect::Reject { lot, operator, reason },
        };
        (self, vec![effect])
    }

    fn check_opening(&self, now: Now, opening: &Opening) -> Result<Commitment, BidRejection> {
        self.same_tick(opening.key)?;
        let lot = self.lot(opening.lot).ok_or(BidRejection::UnknownLot)?;
        let bid = self.bids.get(&(opening.lot, opening.operator)).ok_or(BidRejection::NotCommitted)?;
        let got = commitment(opening.lot, opening.operator, opening.price, opening.salt);
        if got != bid.commitment {
            return Err(BidRejection::OpenedDifferently { expected: bid.commitment, got });
        }
        if bid.opened.is_some() {
            // Equal by the commitment: the receipt is sent again.
            return Ok(got);
        }
        match self.phase {
            Phase::Opening { until, .. } if now.millis < until => {}
            Phase::Open { .. } | Phase::Sealed { .. } => return Err(BidRejection::OpenedEarly),
            _ => return Err(BidRejection::Late { phase: self.phase.name() }),
        }
        if opening.price > lot.lot.ceiling {
            return Err(BidRejection::OverCeiling { ceiling: lot.lot.ceiling, price: opening.price });
        }
        Ok(got)
    }

    fn award(mut self, rule: &impl AuctionRule) -> (Self, Vec<AuctionEffect>) {
        let Phase::Opening { capacities, .. } = &self.phase else { return (self, Vec::new()) };
        let opened: Vec<OpenedBid> = self
            .bids
            .iter()
            .filter_map(|((lot, operator), bid)| {
                let (price, salt) = bid.opened?;
                Some(OpenedBid { lot: *lot, operator: *operator, price, salt, commitment: bid.commitment })
            })
            .collect();
        let outcomes = rule.award(&self.lots, &opened, capacities);
        let silent = self.bids.iter().filter(|(_, bid)| bid.opened.is_none()).map(|((_, operator), _)| *operator);
        // One failure per operator and tick, however many lots it left closed.
        let silent: std::collections::BTreeSet<OperatorId> = silent.collect();
        let mut effects: Vec<AuctionEffect> = outcomes
            .iter()
            .map(|outcome| match outcome.winner {
                Some((operator, price)) => AuctionEffect::Award { lot: outcome.lot, operator, price },
                None => AuctionEffect::VoidLot { lot: outcome.lot },
            })
            .collect();
        let penalty = |operator| AuctionEffect::Penalise { operator, failure: Failure::NotOpened };
        effects.extend(silent.into_iter().map(penalty));
        self.phase = Phase::Awarded { outcomes };
        (self, effects)
    }

    fn same_tick(&self, got: TickKey) -> Result<(), BidRejection> {
        if got == self.key { Ok(()) } else { Err(BidRejection::WrongTick { expected: self.key, got }) }
    }
}
