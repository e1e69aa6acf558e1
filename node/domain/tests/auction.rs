//! The auction's answers to every kind of bad bid, and who wins.

mod market;

use gavel_domain::auction::allocation::FirstPrice;
use gavel_domain::auction::bid::{BidRejection, Standing};
use gavel_domain::auction::{AnnouncedLot, Auction, AuctionEffect, AuctionEvent, Opening, Phase};
use gavel_domain::capacity::Capacities;
use gavel_domain::reputation::Failure;
use gavel_domain::transition::Now;
use gavel_types::id::{GatewayEpoch, OperatorId, SupernetId, TickKey};
use gavel_types::lot::{bids_root, salts_hash, tie_break};
use gavel_types::message::{BidCommitment, Signed, domain};
use gavel_types::signature::SignatureError;
use gavel_types::unit::{Class, Classes, WorkUnits};
use market::{Operator, auction, eip712, job, key, lot, wei};
use proptest::prelude::*;

const OPEN: Now = Now { block: 10, millis: 500 };
const LATE: Now = Now { block: 10, millis: 1000 };

fn one_lot() -> (Auction, AnnouncedLot) {
    let lot = lot(key(1), 0, 10, 100);
    (auction(key(1), vec![lot.clone()]), lot)
}

fn step(auction: Auction, now: Now, event: AuctionEvent) -> (Auction, Vec<AuctionEffect>) {
    auction.step(now, event, &FirstPrice).unwrap()
}

fn commit(
    auction: Auction,
    now: Now,
    bid: Signed<BidCommitment>,
    standing: Option<Standing>,
) -> (Auction, Vec<AuctionEffect>) {
    step(auction, now, AuctionEvent::Commit { bid, standing })
}

fn rejected(effects: &[AuctionEffect]) -> &BidRejection {
    match effects {
        [AuctionEffect::Reject { reason, .. }] => reason,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

fn refusal(bid: Signed<BidCommitment>, standing: Option<Standing>) -> BidRejection {
    let (auction, effects) = commit(one_lot().0, OPEN, bid, standing);
    assert!(auction.bids.is_empty());
    rejected(&effects).clone()
}

fn opening_phase(bids: &[(&Operator, u64)], free: u64) -> (Auction, AnnouncedLot) {
    let (mut auction, lot) = one_lot();
    for (operator, price) in bids {
        let bid = operator.bid(key(1), lot.digest, *price);
        auction = commit(auction, OPEN, bid, Some(operator.standing(free))).0;
    }
    let capacities = bids.iter().map(|(operator, _)| (operator.id, WorkUnits(free))).collect();
    let (auction, effects) = step(auction, LATE, AuctionEvent::CloseDue { capacities });
    assert!(matches!(effects[..], [AuctionEffect::PublishClose(_)]));
    (step(auction, LATE, AuctionEvent::Published { until: 2000 }).0, lot)
}

fn open(auction: Auction, opening: Opening) -> (Auction, Vec<AuctionEffect>) {
    step(auction, Now { block: 10, millis: 1500 }, AuctionEvent::Open(opening))
}

#[test]
fn a_bid_is_stored_once_and_acknowledged_again() {
    let (auction, lot) = one_lot();
    let operator = Operator::new(1);
    let bid = operator.bid(key(1), lot.digest, 50);
    let (auction, first) = commit(auction, OPEN, bid.clone(), Some(operator.standing(10)));
    let (auction, again) = commit(auction, LATE, bid, Some(operator.standing(10)));
    assert!(matches!(first[..], [AuctionEffect::StoreBid { .. }]));
    assert_eq!(first, again);
    assert_eq!(auction.bids.len(), 1);
}

#[test]
fn a_late_bid_is_refused() {
    let (auction, lot) = one_lot();
    let operator = Operator::new(1);
    let bid = operator.bid(key(1), lot.digest, 50);
    let (auction, effects) = commit(auction, LATE, bid.clone(), Some(operator.standing(10)));
    assert_eq!(*rejected(&effects), BidRejection::Late { phase: "open" });
    let other = Operator::new(2);
    let own = other.bid(key(1), lot.digest, 50);
    let auction = commit(auction, OPEN, own, Some(other.standing(10))).0;
    let auction = step(auction, LATE, AuctionEvent::CloseDue { capacities: Capacities::default() }).0;
    let (_, effects) = commit(auction, OPEN, bid, Some(operator.standing(10)));
    assert_eq!(*rejected(&effects), BidRejection::Late { phase: "sealed" });
}

#[test]
fn a_second_bid_is_refused() {
    let (auction, lot) = one_lot();
    let operator = Operator::new(1);
    let first = operator.bid(key(1), lot.digest, 50);
    let auction = commit(auction, OPEN, first.clone(), Some(operator.standing(10))).0;
    let second = operator.bid(key(1), lot.digest, 40);
    let (_, effects) = commit(auction, OPEN, second, Some(operator.standing(10)));
    assert!(matches!(rejected(&effects), BidRejection::Doubled { first: c } if c.0 == first.message.commitment));
}

#[test]
fn unsigned_and_foreign_bids_are_refused() {
    let lot = one_lot().1;
    let (operator, thief) = (Operator::new(1), Operator::new(2));
    let bid = operator.bid(key(1), lot.digest, 50);
    let stolen = Signed::new(bid.message.clone(), &eip712(), &thief.signer);
    assert!(matches!(
        refusal(stolen, Some(operator.standing(10))),
        BidRejection::Signature(SignatureError::WrongSigner { .. })
    ));
    let mut unsigned = bid.clone();
    unsigned.signature.0 = [0; 65];
    assert!(matches!(refusal(unsigned, Some(operator.standing(10))), BidRejection::Signature(_)));
    assert_eq!(refusal(bid, None), BidRejection::Unregistered);
}

#[test]
fn standing_decides_who_bids() {
    let lot = one_lot().1;
    let operator = Operator::new(1);
    let bid = || operator.bid(key(1), lot.digest, 50);
    let with = |change: fn(&mut Standing)| {
        let mut standing = operator.standing(10);
        change(&mut standing);
        refusal(bid(), Some(standing))
    };
    assert_eq!(with(|s| s.leaving = true), BidRejection::Leaving);
    let over = BidRejection::OverCommitted { free: WorkUnits(9), units: WorkUnits(10) };
    assert_eq!(with(|s| s.free = WorkUnits(9)), over);
    assert_eq!(with(|s| s.excluded_until = 11), BidRejection::CoolingDown { until: 11, head: 10 });
    assert_eq!(with(|s| s.key_valid_from = 11), BidRejection::KeyNotYetValid { valid_from: 11, head: 10 });
    let class = BidRejection::ClassNotRegistered { class: Class::Small };
    assert_eq!(with(|s| s.classes = Classes::from_iter([Class::Large])), class);
    let barred = job(0, 10).job;
    assert_eq!(with(|s| _ = s.barred.insert(job(0, 10).job)), BidRejection::Barred { job: barred });
}

#[test]
fn a_bid_is_not_replayed_elsewhere() {
    let lot = one_lot().1;
    let operator = Operator::new(1);
    let standing = || Some(operator.standing(10));
    for elsewhere in
        [key(2), TickKey { supernet: SupernetId(2), ..key(1) }, TickKey { epoch: GatewayEpoch(2), ..key(1) }]
    {
        let refused = refusal(operator.bid(elsewhere, lot.digest, 50), standing());
        assert_eq!(refused, BidRejection::WrongTick { expected: key(1), got: elsewhere });
    }
    let other_lot = market::lot(key(2), 0, 10, 100).digest;
    assert_eq!(refusal(operator.bid(key(1), other_lot, 50), standing()), BidRejection::UnknownLot);
    // Moved to this lot, the signature no longer holds.
    let mut moved = operator.bid(key(1), other_lot, 50);
    moved.message.lotDigest = lot.digest.0;
    assert!(matches!(refusal(moved, standing()), BidRejection::Signature(_)));
    let foreign_chain = domain(1, eip712().verifying_contract.unwrap());
    let bid = Signed::new(operator.bid(key(1), lot.digest, 50).message, &foreign_chain, &operator.signer);
    assert!(matches!(refusal(bid, standing()), BidRejection::Signature(_)));
}

#[test]
fn openings_are_checked_against_commitments() {
    let (a, b) = (Operator::new(1), Operator::new(2));
    let (auction, lot) = opening_phase(&[(&a, 50), (&b, 101)], 10);
    let (auction, effects) = open(auction, a.opening(key(1), lot.digest, 49));
    assert!(matches!(rejected(&effects), BidRejection::OpenedDifferently { .. }));
    let (auction, effects) = open(auction, b.opening(key(1), lot.digest, 101));
    assert_eq!(*rejected(&effects), BidRejection::OverCeiling { ceiling: wei(100), price: wei(101) });
    let (auction, effects) = open(auction, Operator::new(3).opening(key(1), lot.digest, 10));
    assert_eq!(*rejected(&effects), BidRejection::NotCommitted);
    let (auction, effects) = open(auction, a.opening(key(2), lot.digest, 50));
    assert!(matches!(rejected(&effects), BidRejection::WrongTick { .. }));
    let (auction, first) = open(auction, a.opening(key(1), lot.digest, 50));
    assert!(matches!(first[..], [AuctionEffect::StoreOpening(..)]));
    let (auction, again) = open(auction, a.opening(key(1), lot.digest, 50));
    assert_eq!(first, again);

    let over = Now { block: 10, millis: 2000 };
    let (auction, effects) = step(auction, over, AuctionEvent::Open(b.opening(key(1), lot.digest, 101)));
    assert_eq!(*rejected(&effects), BidRejection::Late { phase: "opening" });
    let (_, effects) = step(auction, over, AuctionEvent::OpeningsDue);
    let award = AuctionEffect::Award { lot: lot.digest, operator: a.id, price: wei(50) };
    let silent = AuctionEffect::Penalise { operator: b.id, failure: Failure::NotOpened };
    assert_eq!(effects, [award, silent]);
}

#[test]
fn nothing_opens_before_the_close_is_out() {
    let (auction, lot) = one_lot();
    let operator = Operator::new(1);
    let auction = commit(auction, OPEN, operator.bid(key(1), lot.digest, 50), Some(operator.standing(10))).0;
    let opening = operator.opening(key(1), lot.digest, 50);
    let (auction, effects) = step(auction, OPEN, AuctionEvent::Open(opening));
    assert_eq!(*rejected(&effects), BidRejection::OpenedEarly);
    let (auction, _) = step(auction, LATE, AuctionEvent::CloseDue { capacities: Capacities::default() });
    let (_, effects) = step(auction, LATE, AuctionEvent::Open(opening));
    assert_eq!(*rejected(&effects), BidRejection::OpenedEarly);
}

#[test]
fn the_close_names_every_bid() {
    let (a, b) = (Operator::new(1), Operator::new(2));
    let (auction, lot) = opening_phase(&[(&a, 50), (&b, 60)], 10);
    let Phase::Opening { close, capacities, .. } = &auction.phase else { panic!("not opening") };
    assert_eq!(close.count, 2);
    assert_eq!(close.bidsRoot, bids_root(auction.bids.values().map(|bid| bid.commitment)));
    assert_eq!(close.capacityRoot, capacities.root());
    assert!(auction.bids.contains_key(&(lot.digest, a.id)));
}

#[test]
fn a_tick_without_bids_is_void() {
    let (auction, lot) = one_lot();
    let (auction, effects) = step(auction, LATE, AuctionEvent::CloseDue { capacities: Capacities::default() });
    assert_eq!((auction.phase, effects), (Phase::Void, vec![AuctionEffect::VoidLot { lot: lot.digest }]));
}

#[test]
fn openings_are_not_cut_short() {
    let operator = Operator::new(1);
    let (auction, _) = opening_phase(&[(&operator, 50)], 10);
    assert!(auction.step(Now { block: 10, millis: 1999 }, AuctionEvent::OpeningsDue, &FirstPrice).is_err());
}

#[test]
fn capacity_moves_the_second_lot_to_the_next_bidder() {
    let (cheap, dear) = (Operator::new(1), Operator::new(2));
    let lots = vec![lot(key(1), 0, 10, 100), lot(key(1), 1, 10, 100)];
    let mut auction = auction(key(1), lots.clone());
    for lot in &lots {
        for (operator, price) in [(&cheap, 20), (&dear, 90)] {
            let bid = operator.bid(key(1), lot.digest, price);
            auction = commit(auction, OPEN, bid, Some(operator.standing(15))).0;
        }
    }
    let capacities = [(cheap.id, WorkUnits(15)), (dear.id, WorkUnits(15))].into_iter().collect();
    auction = step(auction, LATE, AuctionEvent::CloseDue { capacities }).0;
    auction = step(auction, LATE, AuctionEvent::Published { until: 2000 }).0;
    for lot in &lots {
        for (operator, price) in [(&cheap, 20), (&dear, 90)] {
            auction = open(auction, operator.opening(key(1), lot.digest, price)).0;
        }
    }
    // Everybody has opened, so nobody waits for the time.
    let (_, effects) = step(auction, LATE, AuctionEvent::OpeningsDue);
    let award = |lot: &AnnouncedLot, operator: OperatorId, price| AuctionEffect::Award {
        lot: lot.digest,
        operator,
        price: wei(price),
    };
    assert_eq!(effects, [award(&lots[0], cheap.id, 20), award(&lots[1], dear.id, 90)]);
}

proptest! {
    /// The lowest price wins; among equals the lowest tie-break; arrival does not matter.
    #[test]
    fn the_winner_follows_from_the_bids_alone(
        bids in prop::collection::btree_map(1u8..40, 1u64..6, 1..8),
        shuffle in any::<u64>(),
    ) {
        let operators: Vec<(Operator, u64)> =
            bids.into_iter().map(|(seed, price)| (Operator::new(seed), price)).collect();
        let mut order: Vec<(&Operator, u64)> = operators.iter().map(|(operator, price)| (operator, *price)).collect();
        let turn = (shuffle as usize) % order.len();
        order.rotate_left(turn);
        let (mut auction, lot) = opening_phase(&order, 10);
        order.rotate_left(turn / 2);
        for (operator, price) in &order {
            auction = open(auction, operator.opening(key(1), lot.digest, *price)).0;
        }
        let bids: Vec<_> = operators
            .iter()
            .map(|(operator, price)| (auction.bids[&(lot.digest, operator.id)].commitment, operator, *price))
            .collect();
        let salts = salts_hash(bids.iter().map(|(c, operator, _)| (*c, operator.salt(lot.digest))));
        let best = bids.iter().min_by_key(|(c, _, price)| (*price, tie_break(*c, salts))).unwrap();
        let (_, effects) = step(auction, LATE, AuctionEvent::OpeningsDue);
        let expected = AuctionEffect::Award { lot: lot.digest, operator: best.1.id, price: wei(best.2) };
        prop_assert_eq!(effects, vec![expected]);
    }
}
