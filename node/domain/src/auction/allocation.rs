//! Who wins which lot, from opened bids and the capacity vector alone.

use alloy_primitives::B256;
use gavel_types::id::{Commitment, LotDigest, OperatorId};
use gavel_types::lot::{salts_hash, tie_break};
use gavel_types::unit::WeiPerUnit;

use super::AnnouncedLot;
use crate::capacity::Capacities;

/// A bid whose opening fits its commitment and the ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedBid {
    pub lot: LotDigest,
    pub operator: OperatorId,
    pub price: WeiPerUnit,
    pub salt: B256,
    pub commitment: Commitment,
}

/// The result of one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotOutcome {
    pub lot: LotDigest,
    /// Operator and price per unit; `None` when the lot is void.
    pub winner: Option<(OperatorId, WeiPerUnit)>,
}

/// Decides a tick. Deterministic, so that a contract can repeat it.
pub trait AuctionRule: Send + Sync {
    /// One outcome per lot, in the order of the lots.
    fn award(&self, lots: &[AnnouncedLot], bids: &[OpenedBid], capacities: &Capacities) -> Vec<LotOutcome>;
}

/// Lots in ascending number; the lowest price among operators with capacity left; ties by the
/// lowest hash of commitment and all opened salts, which nobody can choose alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstPrice;

impl AuctionRule for FirstPrice {
    fn award(&self, lots: &[AnnouncedLot], bids: &[OpenedBid], capacities: &Capacities) -> Vec<LotOutcome> {
        let salts = salts_hash(bids.iter().map(|bid| (bid.commitment, bid.salt)));
        let mut free = capacities.clone();
        let mut ascending: Vec<&AnnouncedLot> = lots.iter().collect();
        ascending.sort_by_key(|lot| lot.lot.number);
        ascending
            .into_iter()
            .map(|lot| {
                let mut candidates: Vec<&OpenedBid> =
                    bids.iter().filter(|bid| bid.lot == lot.digest && bid.price <= lot.lot.ceiling).collect();
                candidates.sort_by_key(|bid| (bid.price, tie_break(bid.commitment, salts)));
                let winner = candidates
                    .into_iter()
                    .find(|bid| free.reserve(bid.operator, lot.units).is_ok())
                    .map(|bid| (bid.operator, bid.price));
                LotOutcome { lot: lot.digest, winner }
            })
            .collect()
    }
}
