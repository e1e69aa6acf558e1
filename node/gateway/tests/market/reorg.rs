//! Blocks that are reorganised away under a running market: nothing is lost, nothing is paid twice.

use std::time::Duration;

use alloy_primitives::U256;
use gavel_domain::award::AwardState;
use gavel_domain::request::RequestState;
use gavel_gateway::chain::AwardOnChain;
use gavel_types::id::RequestId;

use crate::life::{ALL, FEE, settled};
use crate::stage::{Fault, Market, Operator, rule};

async fn one_prover(millis: u64) -> (Market, Operator) {
    let market = Market::new(rule()).await;
    let operator = Operator::new(1, ALL).with(Fault::None, millis);
    market.register(&operator, 10_000);
    market.chain.mine();
    (market, operator)
}

/// What was paid, what is committed and what is free make up the fee.
fn assert_money(market: &Market, id: RequestId) {
    market.chain.with(|state| {
        let spent: U256 = state.paid.values().copied().sum();
        let held = |state: AwardOnChain| matches!(state, AwardOnChain::Reserved | AwardOnChain::Delivered);
        let committed: U256 = state.awards.values().filter(|award| held(award.state)).map(|award| award.price).sum();
        assert_eq!(spent + committed + state.uncommitted[&id], U256::from(FEE), "every wei is accounted for");
    });
}

/// Waits until the gateway knows of an anchored award.
async fn until_anchored(market: &Market) {
    let store = market.store().await;
    let anchored = |state| matches!(state, AwardState::Anchored { .. } | AwardState::Accepted { .. });
    for _ in 0..1_000 {
        let live = store.read().await.unwrap().live_awards().await.unwrap();
        if live.iter().any(|row| anchored(row.value.award.state)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no award is anchored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_anchor_is_anchored_again_with_its_root_and_awards() {
    let (market, operator) = one_prover(500).await;
    let gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    until_anchored(&market).await;
    let (roots, awards, depth) = market.chain.with(|state| {
        let first = state.awards.values().map(|award| award.block).min().unwrap();
        let awards: Vec<_> = state.awards.keys().copied().collect();
        (state.ticks.clone(), awards, state.head + 1 - first)
    });
    market.chain.reorganise(depth, true);
    market.chain.with(|state| assert!(awards.iter().all(|award| !state.awards.contains_key(award)), "nothing is left"));
    market
        .until("the awards are anchored again", |state| awards.iter().all(|award| state.awards.contains_key(award)))
        .await;
    market.until("the request is settled", settled(id)).await;
    market.until("everybody is paid", |state| state.paid.len() == 7).await;
    market.chain.with(|state| {
        assert!(roots.iter().all(|(tick, root)| state.ticks.get(tick) == Some(root)), "the same roots");
        assert!(state.slashed.is_empty() && state.reports.is_empty());
        assert_eq!(state.awards.len(), 7, "no award was made twice");
    });
    assert_money(&market, id);
    assert!(!gateway.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_and_its_payments_happen_again() {
    let (market, operator) = one_prover(30).await;
    let gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    market.until("the request is settled", settled(id)).await;
    let settled_at = market.chain.with(|state| state.head);
    market.until("everybody is paid", |state| state.paid.len() == 7).await;
    market.until_stored(id, |state| state == RequestState::Settled).await;
    // The gateway has heard of all payments.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let depth = market.chain.with(|state| state.head) - settled_at + 3;
    market.chain.reorganise(depth, true);
    market.chain.with(|state| assert!(state.ended.is_empty() && state.paid.is_empty()));
    market.until("the request is settled again", settled(id)).await;
    market.until("everybody is paid again", |state| state.paid.len() == 7).await;
    market.until_stored(id, |state| state == RequestState::Settled).await;
    market.until_nothing_is_owed().await;
    assert_money(&market, id);
    assert!(!gateway.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_by_somebody_else_that_vanishes_is_made_by_the_gateway() {
    let (market, operator) = one_prover(30).await;
    market.chain.refuse("settle", usize::MAX);
    let gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    market.until_stored(id, |state| state == RequestState::Settling).await;
    let event = gavel_domain::request::RequestEvent::SettledOnChain;
    let settled_at = market.chain.with(|state| {
        state.end(id, event).unwrap();
        state.head
    });
    market.until_stored(id, |state| state == RequestState::Settled).await;
    // The gateway's own settlement was dropped: it is owed again.
    market.until_nothing_is_owed().await;
    market.chain.refuse("settle", 0);
    let depth = market.chain.with(|state| state.head) - settled_at + 1;
    market.chain.reorganise(depth, true);
    market.until("the request is settled again", settled(id)).await;
    market.until("everybody is paid", |state| state.paid.len() == 7).await;
    market.chain.with(|state| assert!(state.results.contains_key(&id), "with the gateway's proof"));
    assert_money(&market, id);
    assert!(!gateway.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_vanishes_and_comes_back_is_served() {
    let (market, operator) = one_prover(200).await;
    let gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let before = market.chain.with(|state| state.head);
    let id = market.request(0, FEE, "SELECT 1");
    until_anchored(&market).await;
    for _ in 0..2 {
        // The second time it is gone from another block than the first.
        let depth = market.chain.with(|state| state.head) - before;
        market.chain.reorganise(depth, true);
        market.until_stored(id, |state| state == RequestState::Withdrawn || state == RequestState::Planned).await;
        market.until_stored(id, |state| matches!(state, RequestState::Planned | RequestState::Running)).await;
        until_anchored(&market).await;
    }
    market.until("the request is settled", settled(id)).await;
    market.until_stored(id, |state| state == RequestState::Settled).await;
    market.until_nothing_is_owed().await;
    market.chain.with(|state| assert!(state.slashed.is_empty() && state.reports.is_empty()));
    assert_money(&market, id);
    assert!(!gateway.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_vanishes_for_good_leaves_nothing_behind() {
    let (market, operator) = one_prover(30).await;
    let gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let before = market.chain.with(|state| state.head);
    let gone = market.request(0, FEE, "SELECT 1");
    until_anchored(&market).await;
    let depth = market.chain.with(|state| state.head) - before;
    market.chain.reorganise(depth, false);
    market.until_stored(gone, |state| state == RequestState::Withdrawn).await;
    market.until_nothing_is_owed().await;
    let id = market.request(1, FEE, "SELECT 2");
    market.until("the next request is settled", settled(id)).await;
    market.chain.with(|state| {
        assert!(!state.ended.contains_key(&gone));
        assert!(state.awards.values().all(|award| award.state != AwardOnChain::Over));
    });
    assert!(!gateway.is_finished());
}
