//! Requests through the whole market, with faults.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::chain::State;
use crate::stage::{Fault, Market, Operator, rule};
use alloy_primitives::{B256, U256};
use gavel_domain::award::AwardState;
use gavel_domain::request::{RequestEvent, RequestFailure};
use gavel_gateway::chain::{AwardOnChain, ChainFact};
use gavel_rpc::{Limits, TaskClient};

pub const FEE: u64 = 1_000_000;
pub const ALL: [Option<u128>; 3] = [Some(100), Some(100), Some(100)];

pub fn settled(id: gavel_types::id::RequestId) -> impl FnMut(&mut State) -> bool {
    move |state| state.ended.get(&id) == Some(&RequestEvent::SettledOnChain)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_proven_settled_and_paid() {
    let market = Market::new(rule()).await;
    let operators =
        [Operator::new(1, [Some(90), None, None]), Operator::new(2, [Some(80), Some(70), None]), Operator::new(3, ALL)];
    operators.iter().for_each(|operator| market.register(operator, 10_000));
    let _gateway = market.run_gateway().await;
    let _provers: Vec<_> = operators.iter().map(|operator| market.run_prover(operator)).collect();
    let id = market.request(0, FEE, "SELECT 1");
    let mut tasks = TaskClient::connect(&market.url(), &market.trust(), &Limits::default()).await.unwrap();
    market.until("the request is settled", settled(id)).await;
    market.until("everybody is paid", |state| state.paid.len() == 7).await;
    market.chain.with(|state| {
        assert_eq!(state.results[&id], [B256::from(U256::from(27))]);
        let spent: U256 = state.paid.values().copied().sum();
        assert_eq!(spent + state.uncommitted[&id], U256::from(FEE), "every wei is accounted for");
        assert!(state.slashed.is_empty() && state.reports.is_empty());
        let winners: std::collections::BTreeSet<_> = state.awards.values().map(|award| award.operator).collect();
        assert!(winners.len() >= 2, "work reaches several operators");
    });
    // The chain's event reaches the gateway a moment after the chain itself.
    for _ in 0..100 {
        if tasks.get(id).await.unwrap().ended {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let task = tasks.get(id).await.unwrap();
    assert_eq!((task.state.as_str(), task.jobs.len()), ("settled", 7));
    assert!(task.jobs.iter().all(|job| job.state == "proved" && job.award.is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_prover_is_replaced_and_slashed() {
    let market = Market::new(rule()).await;
    // The cheap one wins every extraction and hangs on it.
    let cheap = Operator::new(1, [None, Some(10), None]).with(Fault::Stuck, 0);
    let dear = Operator::new(2, ALL);
    [&cheap, &dear].into_iter().for_each(|operator| market.register(operator, 10_000));
    let _gateway = market.run_gateway().await;
    let (victim, stuck) = market.run_prover(&cheap);
    let _other = market.run_prover(&dear);
    let id = market.request(0, FEE, "SELECT 1");
    while stuck.proofs.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    victim.abort();
    market.until("another prover has done its work", settled(id)).await;
    market.until("the killed one is slashed", |state| !state.slashed.is_empty()).await;
    market.chain.with(|state| {
        assert!(state.slashed.iter().all(|operator| *operator == cheap.id));
        assert!(state.answered.is_empty());
        let paid_to_victim = state.paid.keys().any(|award| state.awards[award].operator == cheap.id);
        assert!(!paid_to_victim);
    });
    // It comes back, proves, and is told that nothing is taken any more.
    let store = market.store().await;
    let slashed: Vec<_> = market.chain.with(|state| {
        state.awards.iter().filter(|(_, award)| award.state == AwardOnChain::Over).map(|(id, _)| *id).collect()
    });
    for award in &slashed {
        while store.read().await.unwrap().report(*award).await.unwrap() != Some(false) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let checkpoint = market.checkpoint(&cheap);
    let holds = |award| checkpoint.open_awards().unwrap().iter().any(|(open, _)| *open == award);
    assert!(slashed.iter().all(|award| holds(*award)));
    let revived = Operator { fault: Fault::None, ..cheap };
    let _revived = market.run_prover(&revived);
    for award in slashed {
        for _ in 0..500 {
            if !holds(award) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!holds(award), "the prover lets go of {award}");
        let stored = store.read().await.unwrap().award(award).await.unwrap().unwrap().value.award.state;
        assert!(matches!(stored, AwardState::Missed { .. }), "no receipt is signed: {stored:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_again_and_again_finishes_all_the_same() {
    let market = Market::new(rule()).await;
    let operators = [Operator::new(1, [Some(90), Some(60), None]), Operator::new(2, ALL)];
    operators.iter().for_each(|operator| market.register(operator, 10_000));
    let mut gateway = market.run_gateway().await;
    let _provers: Vec<_> = operators.iter().map(|operator| market.run_prover(operator)).collect();
    let ids = [market.request(0, FEE, "SELECT 1"), market.request(1, FEE, "SELECT 2")];
    let done = |state: &mut State| ids.iter().all(|id| state.ended.contains_key(id));
    // Pauses of different lengths hit different steps of a tick.
    for pause in [310, 730, 190, 1_170, 430, 970, 550, 1_390, 250, 850] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if market.chain.with(done) {
            break;
        }
        gateway.abort();
        let _ = gateway.await;
        gateway = market.run_gateway().await;
    }
    for id in ids {
        market.until("both requests are settled", settled(id)).await;
    }
    market.until("all delivered awards are paid", |state| state.paid.len() >= 14).await;
    market.chain.with(|state| {
        assert!(state.slashed.is_empty() && state.reports.is_empty(), "nobody is punished for our restarts");
    });
    let refused = market.chain.node(|node| node.refused.clone());
    assert!(!refused.iter().any(|key| key.starts_with("anchor/")), "ticks ascend: {refused:?}");
    assert!(!gateway.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_prover_keeps_its_word() {
    let market = Market::new(rule()).await;
    let operator = Operator::new(1, ALL).with(Fault::None, 400);
    market.register(&operator, 10_000);
    let _gateway = market.run_gateway().await;
    let (mut task, mut prover) = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    for _ in 0..3 {
        while prover.proofs.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        task.abort();
        let _ = task.await;
        (task, prover) = market.run_prover(&operator);
    }
    market.until("the only prover has done everything", settled(id)).await;
    market.chain.with(|state| assert!(state.slashed.is_empty() && state.reports.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_proofs_are_refused_and_made_by_others() {
    let market = Market::new(rule()).await;
    let faults = [Fault::Truncated, Fault::Tampered, Fault::OtherKind, Fault::TestProfile];
    let mut operators: Vec<Operator> = faults
        .into_iter()
        .enumerate()
        .map(|(index, fault)| Operator::new(index as u8 + 1, [Some(10), Some(10), Some(10)]).with(fault, 0))
        .collect();
    operators.push(Operator::new(9, ALL));
    operators.iter().for_each(|operator| market.register(operator, 10_000));
    let _gateway = market.run_gateway().await;
    let _provers: Vec<_> = operators.iter().map(|operator| market.run_prover(operator)).collect();
    let id = market.request(0, FEE, "SELECT 1");
    market.until("the honest one has done it", settled(id)).await;
    market.until("it is paid", |state| state.paid.len() == 7).await;
    market.chain.with(|state| {
        for award in state.paid.keys() {
            assert_eq!(state.awards[award].operator, operators[4].id);
        }
    });
    let mut read = market.store().await.read().await.unwrap();
    for operator in &operators[..4] {
        assert_eq!(read.reputation(operator.id).await.unwrap().deliveries, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fee_under_every_bid_fails_clearly() {
    let market = Market::new(rule()).await;
    let operator = Operator::new(1, ALL);
    market.register(&operator, 10_000);
    let _gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    // 144 units at 100 wei each would cost 14,400.
    let poor = market.request(0, 10_000, "SELECT 1");
    let unprovable = market.request(1, FEE, "SELECT nonsense");
    let ended =
        |id, reason| move |state: &mut State| state.ended.get(&id) == Some(&RequestEvent::FailedOnChain(reason));
    market.until("the poor request fails", ended(poor, RequestFailure::NoBids)).await;
    market.until("the unprovable one fails", ended(unprovable, RequestFailure::Unprovable)).await;
    market.chain.with(|state| assert!(state.awards.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_award_that_cannot_be_reserved_is_auctioned_again() {
    let market = Market::new(rule()).await;
    let operator = Operator::new(1, ALL);
    market.register(&operator, 10_000);
    market.chain.with(|state| state.skip_next = 2);
    let _gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    market.until("the request is settled", settled(id)).await;
    market.chain.with(|state| assert_eq!(state.skip_next, 0));
    let mut read = market.store().await.read().await.unwrap();
    assert_eq!(read.reputation(operator.id).await.unwrap().failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_report_is_answered_by_its_receipt() {
    let market = Market::new(rule()).await;
    let operator = Operator::new(1, ALL);
    market.register(&operator, 10_000);
    let _gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    market.until("the request is settled", settled(id)).await;
    let award = market.chain.with(|state| {
        let award = *state.awards.keys().next().unwrap();
        let until = state.head + 1_000;
        state.reports.insert(award, until);
        award
    });
    market.chain.tell(ChainFact::MissReported { award, answer_until: u64::MAX >> 2 });
    market.until("the report is answered", |state| state.answered == [award]).await;
    market.chain.with(|state| {
        assert!(state.slashed.is_empty());
        assert!(matches!(state.awards[&award].state, AwardOnChain::Delivered | AwardOnChain::Paid));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_request_stops() {
    let market = Market::new(rule()).await;
    let _gateway = market.run_gateway().await;
    let id = market.request(0, FEE, "SELECT 1");
    let mut tasks = TaskClient::connect(&market.url(), &market.trust(), &Limits::default()).await.unwrap();
    while tasks.get(id).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut watching = tasks.watch(id).await.unwrap();
    market.chain.with(|state| state.end(id, RequestEvent::CancelledOnChain).unwrap());
    let mut last = None;
    while let Some(task) = watching.next().await.unwrap() {
        last = Some(task);
    }
    let last = last.unwrap();
    assert_eq!(last.state, "cancelled");
    assert!(last.jobs.iter().all(|job| job.state == "failed"));
}
