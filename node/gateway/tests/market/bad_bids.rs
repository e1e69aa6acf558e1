//! Bad messages over the real wire: each is answered with its reason, and the tick goes on.

use std::time::Duration;

use crate::stage::{Fault, Market, Operator, rule};
use alloy_primitives::{B256, keccak256};
use gavel_domain::auction::{AnnouncedLot, Opening};
use gavel_gateway::MarketRule;
use gavel_gateway::chain::ChainFact;
use gavel_rpc::message::{FromProver, RefusalCode, ToProver};
use gavel_rpc::{Limits, ProverClient};
use gavel_types::id::{AwardId, GatewayEpoch, SupernetId, Tick, TickKey};
use gavel_types::lot::commitment;
use gavel_types::message::{Accept, AwardMessage, BidCommitment, Signed, domain};
use gavel_types::unit::{Class, Classes, WeiPerUnit};

const ALL: [Option<u128>; 3] = [Some(100), Some(100), Some(100)];

/// An operator whose messages the test writes itself.
struct ByHand<'a> {
    market: &'a Market,
    operator: &'a Operator,
    session: ProverClient,
}

impl<'a> ByHand<'a> {
    async fn open(market: &'a Market, operator: &'a Operator) -> Self {
        let classes = Classes::from_iter(Class::ALL);
        for _ in 0..200 {
            let opened = ProverClient::open(
                &market.url(),
                &market.trust(),
                &Limits::default(),
                &market.terms(),
                operator.id,
                classes,
                &operator.key,
            )
            .await;
            if let Ok(session) = opened {
                return Self { market, operator, session };
            }
            // The registration reaches the gateway with a block.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no session");
    }

    async fn next(&mut self, wanted: impl Fn(&ToProver) -> bool) -> ToProver {
        let found = async {
            loop {
                let message = self.session.next().await.unwrap();
                if wanted(&message) {
                    return message;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("the awaited message")
    }

    async fn announced(&mut self) -> (TickKey, Vec<AnnouncedLot>) {
        match self.next(|message| matches!(message, ToProver::Announce(_))).await {
            ToProver::Announce(announcement) => {
                let lots = announcement.lots.into_iter().map(|lot| AnnouncedLot::try_from(lot).unwrap()).collect();
                (announcement.key, lots)
            }
            _ => unreachable!(),
        }
    }

    fn bid(&self, key: TickKey, lot: &AnnouncedLot, price: u64, salt: u8) -> BidCommitment {
        let price = WeiPerUnit(alloy_primitives::U256::from(price));
        let salt = B256::repeat_byte(salt);
        BidCommitment {
            supernet: key.supernet.0,
            gatewayEpoch: key.epoch.0,
            tick: key.tick.0,
            lotDigest: lot.digest.0,
            operator: self.operator.id.0,
            commitment: commitment(lot.digest, self.operator.id, price, salt).0,
        }
    }

    fn opening(&self, key: TickKey, lot: &AnnouncedLot, price: u64, salt: u8) -> Opening {
        let price = WeiPerUnit(alloy_primitives::U256::from(price));
        Opening { key, lot: lot.digest, operator: self.operator.id, price, salt: B256::repeat_byte(salt) }
    }

    fn sign(&self, message: BidCommitment) -> FromProver {
        FromProver::Commit(Signed::new(message, &self.market.terms().domain, &self.operator.key))
    }

    async fn send(&mut self, message: FromProver) {
        self.session.send(message).await.unwrap();
    }

    /// Sends a message and returns why it is refused.
    async fn refusal(&mut self, message: FromProver) -> (RefusalCode, String) {
        self.send(message).await;
        match self.next(|message| matches!(message, ToProver::Refusal { .. } | ToProver::CommitReceipt(_))).await {
            ToProver::Refusal { code, reason, .. } => (code, reason),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

fn expect(refusal: (RefusalCode, String), code: RefusalCode, words: &str) {
    assert_eq!(refusal.0, code, "{}", refusal.1);
    assert!(refusal.1.contains(words), "{:?} lacks {words:?}", refusal.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_bid_has_its_answer() {
    let slow = MarketRule { commit_millis: 1_500, open_millis: 700, ..rule() };
    let market = Market::new(slow).await;
    let operator = Operator::new(1, ALL);
    market.register(&operator, 10_000);
    let _gateway = market.run_gateway().await;
    let request = market.request(0, 1_000_000, "SELECT 1");
    let mut hand = ByHand::open(&market, &operator).await;
    let (key, lots) = hand.announced().await;
    let lot = &lots[0];
    let code = RefusalCode::Bid;

    let mut unsigned = Signed::new(hand.bid(key, lot, 10, 1), &market.terms().domain, &operator.key);
    unsigned.signature.0 = [0; 65];
    expect(hand.refusal(FromProver::Commit(unsigned)).await, code, "signature");
    let stranger = Operator::new(7, ALL);
    let forged = Signed::new(hand.bid(key, lot, 10, 1), &market.terms().domain, &stranger.key);
    expect(hand.refusal(FromProver::Commit(forged)).await, code, "signed by");
    let mut unregistered = hand.bid(key, lot, 10, 1);
    unregistered.operator = stranger.id.0;
    let unregistered = Signed::new(unregistered, &market.terms().domain, &stranger.key);
    expect(hand.refusal(FromProver::Commit(unregistered)).await, code, "not registered");

    for elsewhere in [
        TickKey { tick: Tick(key.tick.0 + 1), ..key },
        TickKey { supernet: SupernetId(2), ..key },
        TickKey { epoch: GatewayEpoch(9), ..key },
    ] {
        let replay = hand.sign(hand.bid(elsewhere, lot, 10, 1));
        expect(hand.refusal(replay).await, code, "the message is for tick");
    }
    let mut other_lot = hand.bid(key, lot, 10, 1);
    other_lot.lotDigest = keccak256("another lot");
    let other_lot = hand.sign(other_lot);
    expect(hand.refusal(other_lot).await, code, "no such lot");
    let foreign = domain(1, crate::stage::REGISTRY);
    let foreign = Signed::new(hand.bid(key, lot, 10, 1), &foreign, &operator.key);
    expect(hand.refusal(FromProver::Commit(foreign)).await, code, "signed by");

    let good = hand.sign(hand.bid(key, lot, 10, 1));
    hand.send(good).await;
    hand.next(|message| matches!(message, ToProver::CommitReceipt(_))).await;
    let doubled = hand.sign(hand.bid(key, lot, 9, 2));
    expect(hand.refusal(doubled).await, code, "another commitment");
    let early = FromProver::Open(hand.opening(key, lot, 10, 1));
    expect(hand.refusal(early).await, RefusalCode::Opening, "before the close");

    hand.next(|message| matches!(message, ToProver::Close(_))).await;
    let late = hand.sign(hand.bid(key, &lots[1], 10, 1));
    expect(hand.refusal(late).await, code, "late");
    let different = FromProver::Open(hand.opening(key, lot, 9, 1));
    expect(hand.refusal(different).await, RefusalCode::Opening, "committed to");

    // The tick went its way all the same: the good bid wins.
    let opening = FromProver::Open(hand.opening(key, lot, 10, 1));
    hand.send(opening).await;
    let award = match hand.next(|message| matches!(message, ToProver::Award(_))).await {
        ToProver::Award(award) => award,
        _ => unreachable!(),
    };
    award.verify(&market.terms().domain, market.signer.address()).unwrap();
    let id = award.message.award_id();

    let accept = |tick| {
        let message = Accept {
            supernet: award.message.supernet,
            gatewayEpoch: award.message.gatewayEpoch,
            tick,
            lotDigest: award.message.lotDigest,
            jobId: award.message.jobId,
            attempt: award.message.attempt,
            operator: award.message.operator,
            inputDigest: B256::ZERO,
            acceptBlock: 1,
        };
        FromProver::Accept(Signed::new(message, &market.terms().domain, &operator.key))
    };
    expect(hand.refusal(accept(award.message.tick)).await, RefusalCode::Accept, "the inputs of award");
    expect(hand.refusal(accept(award.message.tick + 1)).await, RefusalCode::UnknownAward, "no such award");
    let proof = |award| FromProver::Deliver { award, proof: vec![1, 2, 3], results: vec![] };
    expect(hand.refusal(proof(AwardId(B256::ZERO))).await, RefusalCode::UnknownAward, "no such award");
    expect(hand.refusal(proof(id)).await, RefusalCode::Proof, "the award is");
    let auctions = gavel_gateway::history::auctions(market.folder.path(), request).await.unwrap();
    let auction = auctions.iter().find(|auction| auction.lot_digest == lot.digest.0).unwrap();
    assert!(auction.refusals.len() >= 6, "an operator can read why it was refused: {:?}", auction.refusals);
    assert!(auction.refusals.iter().any(|refusal| refusal.reason.contains("signed by")), "{:?}", auction.refusals);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_and_over_committed_operators_do_not_bid() {
    let slow = MarketRule { commit_millis: 600, ..rule() };
    let market = Market::new(slow).await;
    let (small, leaving) = (Operator::new(1, ALL), Operator::new(2, ALL));
    market.register(&small, 29);
    market.register(&leaving, 10_000);
    market.chain.with(|state| state.operators.get_mut(&leaving.id).unwrap().leaving = true);
    let _gateway = market.run_gateway().await;
    market.request(0, 1_000_000, "SELECT 1");
    for (operator, words) in [(&small, "has 29 free"), (&leaving, "leaving")] {
        let mut hand = ByHand::open(&market, operator).await;
        let (key, lots) = hand.announced().await;
        let bid = hand.sign(hand.bid(key, &lots[0], 10, 1));
        expect(hand.refusal(bid).await, RefusalCode::Bid, words);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_over_ceiling_and_unaccepted_awards_cool_down() {
    let market =
        Market::new(MarketRule { commit_millis: 400, accept_blocks: 8, patience_blocks: 2_000, ..rule() }).await;
    let (hand_operator, honest) = (Operator::new(1, ALL), Operator::new(2, ALL).with(Fault::None, 0));
    market.register(&hand_operator, 10_000);
    market.register(&honest, 10_000);
    let _gateway = market.run_gateway().await;
    market.request(0, 1_000_000, "SELECT 1");
    let mut hand = ByHand::open(&market, &hand_operator).await;
    let (key, lots) = hand.announced().await;
    let (over, silent) = (&lots[0], &lots[1]);
    let price = u64::MAX;
    for (lot, price) in [(over, price), (silent, 10)] {
        let bid = hand.sign(hand.bid(key, lot, price, 1));
        hand.send(bid).await;
    }
    hand.next(|message| matches!(message, ToProver::Close(_))).await;
    let opening = FromProver::Open(hand.opening(key, over, price, 1));
    expect(hand.refusal(opening).await, RefusalCode::Opening, "over the ceiling");
    // Neither counts as opened: the operator cools down, and its next bid says so.
    let (key, lots) = hand.announced().await;
    let bid = hand.sign(hand.bid(key, &lots[0], 10, 1));
    expect(hand.refusal(bid).await, RefusalCode::Bid, "excluded until");
    let reputation = market.store().await.read().await.unwrap().reputation(hand_operator.id).await.unwrap();
    assert_eq!(reputation.failures, 1);

    // Later it wins, does not accept, and cools down for longer; the job goes to the honest one.
    let award = loop {
        let (key, lots) = hand.announced().await;
        let bid = hand.sign(hand.bid(key, &lots[0], 10, 1));
        hand.send(bid).await;
        let answer = hand.next(|message| matches!(message, ToProver::Refusal { .. } | ToProver::Close(_))).await;
        if matches!(answer, ToProver::Refusal { .. }) {
            continue;
        }
        let opening = FromProver::Open(hand.opening(key, &lots[0], 10, 1));
        hand.send(opening).await;
        break match hand.next(|message| matches!(message, ToProver::Award(_))).await {
            ToProver::Award(award) => award.message.award_id(),
            _ => unreachable!(),
        };
    };
    hand.next(|message| matches!(message, ToProver::Ended { award: ended, .. } if *ended == award)).await;
    let reputation = market.store().await.read().await.unwrap().reputation(hand_operator.id).await.unwrap();
    assert_eq!((reputation.failures, reputation.cool_down_blocks), (2, 20));
    let _prover = market.run_prover(&honest);
    market.until("the request is settled", |state| state.paid.len() == 7).await;
    market.chain.tell(ChainFact::Operator { operator: honest.id });
}
