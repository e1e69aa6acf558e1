//! Transactions that a node refuses, deadlines that are too close, and epochs that end.

use std::time::Duration;

use alloy_primitives::{Address, U256};
use gavel_domain::award::AwardState;
use gavel_domain::request::{RequestEvent, RequestFailure, RequestState};
use gavel_gateway::GatewayError;
use gavel_types::id::GatewayEpoch;

use crate::chain::State;
use crate::life::{ALL, FEE, settled};
use crate::stage::{Fault, Market, Operator, rule};

fn failed(id: gavel_types::id::RequestId, reason: RequestFailure) -> impl FnMut(&mut State) -> bool {
    move |state| state.ended.get(&id) == Some(&RequestEvent::FailedOnChain(reason))
}

async fn one_prover(millis: u64) -> (Market, Operator) {
    let market = Market::new(rule()).await;
    let operator = Operator::new(1, ALL).with(Fault::None, millis);
    market.register(&operator, 10_000);
    (market, operator)
}

fn assert_refused(market: &Market, kinds: &[&str]) {
    let refused = market.chain.node(|node| node.refused.clone());
    for kind in kinds {
        assert!(refused.iter().any(|key| key.starts_with(&format!("{kind}/"))), "no {kind} in {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_a_while_is_done_all_the_same() {
    let (market, operator) = one_prover(30).await;
    for kind in ["anchor", "settle", "claim", "claim-receipt", "fail"] {
        market.chain.refuse(kind, 3);
    }
    let gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    let unprovable = market.request(1, FEE, "SELECT nonsense");
    market.until("the unprovable one fails", failed(unprovable, RequestFailure::Unprovable)).await;
    market.until("the request is settled", settled(id)).await;
    market.until("everybody is paid", |state| state.paid.len() == 7).await;
    market.until_nothing_is_owed().await;
    assert_refused(&market, &["anchor", "settle", "fail"]);
    assert!(!gateway.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_beyond_the_share_of_the_bond_wait_or_fail() {
    let (market, operator) = one_prover(30).await;
    // Four fifths of it admit one request of this fee at a time.
    market.chain.with(|state| state.bond = U256::from(2 * FEE));
    let _gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let ids = [market.request(0, FEE, "SELECT 1"), market.request(1, FEE, "SELECT 2")];
    let large = market.request(2, 2 * FEE, "SELECT 3");
    market.until("the large one fails", failed(large, RequestFailure::BondTooLow)).await;
    for id in ids {
        market.until("both others are settled", settled(id)).await;
    }
    market.chain.with(|state| {
        let blocks = |id| state.awards.values().filter(move |award| award.payer == id).map(|award| award.block);
        assert_eq!(blocks(large).count(), 0, "nothing was committed to it");
        let [first, second] = ids.map(|id| (blocks(id).min().unwrap(), blocks(id).max().unwrap()));
        assert!(first.1 < second.0 || second.1 < first.0, "one after the other: {first:?} {second:?}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_report_and_slash_still_reach_the_culprit() {
    let market = Market::new(rule()).await;
    let cheap = Operator::new(1, [None, Some(10), None]).with(Fault::Stuck, 0);
    let dear = Operator::new(2, ALL);
    [&cheap, &dear].into_iter().for_each(|operator| market.register(operator, 10_000));
    market.chain.refuse("report", 3);
    market.chain.refuse("slash", 3);
    let mut gateway = market.run_gateway().await;
    let (victim, _) = market.run_prover(&cheap);
    let _other = market.run_prover(&dear);
    market.request(0, FEE, "SELECT 1");
    let accepted = |market: &Market| market.chain.with(|state| state.awards.values().any(|a| a.operator == cheap.id));
    while !accepted(&market) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    market
        .until("the stuck one is refused its report", |_| {
            market.chain.node(|node| node.refused.iter().any(|key| key.starts_with("report/")))
        })
        .await;
    victim.abort();
    // What is owed outlives the process.
    gateway.abort();
    let _ = gateway.await;
    gateway = market.run_gateway().await;
    market.until("the stuck one is slashed", |state| !state.slashed.is_empty()).await;
    assert_refused(&market, &["report", "slash"]);
    assert!(!gateway.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_nobody_could_execute_in_time_lapses() {
    let market = Market::new(rule()).await;
    let cheap = Operator::new(1, [None, Some(10), None]).with(Fault::Stuck, 0);
    let dear = Operator::new(2, ALL);
    [&cheap, &dear].into_iter().for_each(|operator| market.register(operator, 10_000));
    market.chain.refuse("slash", usize::MAX);
    let _gateway = market.run_gateway().await;
    let _provers = [&cheap, &dear].map(|operator| market.run_prover(operator));
    let id = market.request(0, FEE, "SELECT 1");
    market.until("the report lapses", |state| !state.lapsed.is_empty() && state.reports.is_empty()).await;
    market.until("the request is settled", settled(id)).await;
    market.until("everybody is paid", |state| state.paid.len() == 7).await;
    market.until_nothing_is_owed().await;
    assert!(market.chain.with(|state| state.slashed.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_have_done_is_dropped() {
    let (market, operator) = one_prover(30).await;
    market.chain.refuse("settle", usize::MAX);
    let _gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    market.until_stored(id, |state| state == RequestState::Settling).await;
    market.chain.with(|state| state.end(id, RequestEvent::SettledOnChain).unwrap());
    market.until("everybody is paid", |state| state.paid.len() == 7).await;
    market.until_nothing_is_owed().await;
    assert_refused(&market, &["settle"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_is_too_close_costs_no_bond() {
    let (market, operator) = one_prover(30).await;
    let _gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    // The plan takes 20 blocks at the quickest.
    let deadline = market.chain.with(|state| state.head) + 18;
    let id = market.request_until(deadline, 0, FEE, "SELECT 1");
    market.until("it is given up", failed(id, RequestFailure::DeadlineTooClose)).await;
    market.chain.with(|state| assert!(state.awards.is_empty() && state.head <= deadline));
    market.until_stored(id, |state| state == RequestState::Failed(RequestFailure::DeadlineTooClose)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_runs_late_is_refunded_before_its_deadline() {
    let market = Market::new(rule()).await;
    // The only prover never finishes an extraction.
    let operator = Operator::new(1, ALL).with(Fault::Stuck, 0);
    market.register(&operator, 10_000);
    let _gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let deadline = market.chain.with(|state| state.head) + 80;
    let id = market.request_until(deadline, 0, FEE, "SELECT 1");
    market.until("it is given up", failed(id, RequestFailure::DeadlineTooClose)).await;
    market.chain.with(|state| {
        assert!(!state.awards.is_empty(), "it was begun");
        assert!(state.head <= deadline, "{} is after {deadline}", state.head);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_that_never_gets_through_ends_in_a_refund() {
    let (market, operator) = one_prover(10).await;
    market.chain.refuse("settle", usize::MAX);
    let _gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let deadline = market.chain.with(|state| state.head) + 300;
    let id = market.request_until(deadline, 0, FEE, "SELECT 1");
    market.until_stored(id, |state| state == RequestState::Settling).await;
    market.until("it is refunded", failed(id, RequestFailure::DeadlineTooClose)).await;
    market.until("the work is paid from the bond", |state| state.paid.len() == 7).await;
    market.until_nothing_is_owed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_ends_with_its_epoch_and_adopts_the_next_at_its_start() {
    let (market, operator) = one_prover(30).await;
    market.chain.refuse("anchor", usize::MAX);
    let gateway = market.run_gateway().await;
    let _prover = market.run_prover(&operator);
    let id = market.request(0, FEE, "SELECT 1");
    let store = market.store().await;
    while store.read().await.unwrap().live_awards().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    market.chain.start_epoch(GatewayEpoch(2), market.signer.address());
    let ended = tokio::time::timeout(Duration::from_secs(20), gateway).await.unwrap().unwrap();
    assert!(matches!(ended, Err(GatewayError::EpochOver { own: 1, next: 2 })), "{ended:?}");

    // What the first epoch signed and did not anchor is void; the prover follows by itself.
    let void: Vec<_> = store.read().await.unwrap().live_awards().await.unwrap();
    market.chain.refuse("anchor", 0);
    let gateway = market.run_gateway().await;
    for row in &void {
        let award = store.read().await.unwrap().award(row.value.award.id).await.unwrap().unwrap().value.award;
        assert_eq!(award.state, AwardState::Skipped);
    }
    market.until("the next epoch finishes the request", settled(id)).await;
    market.chain.with(|state| assert!(void.iter().all(|row| !state.awards.contains_key(&row.value.award.id))));

    let successor = Address::repeat_byte(0x77);
    market.chain.start_epoch(GatewayEpoch(3), successor);
    let ended = tokio::time::timeout(Duration::from_secs(20), gateway).await.unwrap().unwrap();
    assert!(matches!(ended, Err(GatewayError::Replaced { next: 3, key, .. }) if key == successor), "{ended:?}");
    let error = market.gateway().await.err().expect("another key's gateway does not start");
    assert!(matches!(error, GatewayError::NotTheGateway { epoch: 3, .. }), "{error}");
}
