//! The gateway stops after each step of a request's life; what was committed is there, what was
//! not has not happened.

mod life;

use alloy_primitives::{Address, B256, U256};
use gavel_domain::auction::allocation::{FirstPrice, LotOutcome};
use gavel_domain::auction::{Auction, AuctionEvent, Phase};
use gavel_domain::award::{AwardEvent, AwardState};
use gavel_domain::capacity::Capacities;
use gavel_domain::job::{JobEvent, JobState};
use gavel_domain::reputation::{CoolDownRule, Reputation};
use gavel_domain::request::{RequestEvent, RequestFailure, RequestState};
use gavel_domain::transition::Now;
use gavel_store::{
    AwardSignatures, JobOutput, Lease, Objects, OutboxAttempt, OutboxIntent, OutboxOutcome, Store, StoreError,
    Transaction,
};
use gavel_types::id::Tick;
use gavel_types::job::JobKind;
use gavel_types::lot::bids_root;
use gavel_types::message::{Signed, TickClose};
use gavel_types::statement::{Output, Status};
use gavel_types::unit::WorkUnits;
use life::{OPERATOR, award, bid, eip712, job, key, lot, opening, reopen, request, signer};

const NOW: Now = Now { block: 40, millis: 0 };

async fn write(store: &Store, lease: &Lease) -> Transaction {
    store.write(lease).await.unwrap()
}

async fn planned(store: &Store, lease: &Lease) {
    let mut tx = write(store, lease).await;
    tx.insert_request(&request()).await.unwrap();
    let (extract, query) = (job(0, JobKind::Extract), job(1, JobKind::Query));
    tx.insert_job(&extract, &[]).await.unwrap();
    tx.insert_job(&query, &[extract.job.terms.job]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn step_job(tx: &mut Transaction, event: JobEvent) {
    let stored = tx.job(job(0, JobKind::Extract).job.terms.job).await.unwrap();
    let (next, _) = stored.value.job.step(NOW, event).unwrap();
    tx.update_job(&next, stored.version).await.unwrap();
}

async fn step_award(tx: &mut Transaction, event: AwardEvent, change: impl FnOnce(&mut AwardSignatures)) {
    let stored = tx.award(award(1).id).await.unwrap().unwrap();
    let (next, _) = stored.value.award.step(NOW, event).unwrap();
    let mut signatures = stored.value.signatures;
    change(&mut signatures);
    tx.update_award(&next, &signatures, stored.version).await.unwrap();
}

/// Every step of the life of the first job, each committed on its own.
async fn life(step: usize, store: &Store, lease: &Lease, objects: &Objects) {
    let mut tx = write(store, lease).await;
    let digest = lot(1).digest;
    match step {
        0 => {
            tx.insert_tick(key(1), &[lot(1)], 0, 100).await.unwrap();
            step_job(&mut tx, JobEvent::Announced { tick: Tick(1), lot: digest }).await;
        }
        1 => tx.put_bid(&bid(1), &signer(9).sign(B256::ZERO)).await.unwrap(),
        2 => {
            let capacities = Capacities::from_iter([(OPERATOR, WorkUnits(90))]);
            let stored = tx.tick(key(1)).await.unwrap();
            let auction = Auction::restore(eip712(), key(1), stored.lots, stored.bids, stored.phase);
            let due = AuctionEvent::CloseDue { capacities: capacities.clone() };
            let (auction, _) = auction.step(NOW, due, &FirstPrice).unwrap();
            let Phase::Sealed { close, .. } = auction.phase else { panic!("not sealed") };
            tx.seal_tick(key(1), &Signed::new(close, &eip712(), &signer(9)), &capacities).await.unwrap();
        }
        3 => {
            let stored = tx.tick(key(1)).await.unwrap();
            let Phase::Sealed { close, capacities } = stored.phase else { panic!("not sealed") };
            tx.set_tick_phase(key(1), &Phase::Opening { close, capacities, until: 200 }).await.unwrap();
        }
        4 => tx.put_opening(&opening(1), &signer(9).sign(B256::ZERO)).await.unwrap(),
        5 => {
            let winner = Some((OPERATOR, opening(1).price));
            let outcomes = vec![LotOutcome { lot: digest, winner }];
            tx.set_outcomes(&outcomes).await.unwrap();
            tx.set_tick_phase(key(1), &Phase::Awarded { outcomes }).await.unwrap();
            tx.insert_award(&award(1), &signer(9).sign(B256::ZERO)).await.unwrap();
            step_job(&mut tx, JobEvent::Awarded { lot: digest, award: award(1).id }).await;
        }
        6 => {
            tx.set_tick_anchored(key(1), 41).await.unwrap();
            step_award(&mut tx, AwardEvent::Anchored { block: 41 }, |_| {}).await;
        }
        7 => {
            let input = objects.put(b"input".to_vec()).await.unwrap();
            tx.set_input(award(1).job, input, 42).await.unwrap();
            let accepted = AwardEvent::Accepted { accept_block: 42, input_digest: input };
            step_award(&mut tx, accepted, |signatures| signatures.accept = Some(signer(1).sign(B256::ZERO))).await;
            step_job(&mut tx, JobEvent::Accepted { award: award(1).id }).await;
        }
        8 => step_job(&mut tx, JobEvent::Delivered { award: award(1).id }).await,
        9 => {
            let proof = objects.put(b"proof".to_vec()).await.unwrap();
            let statement = B256::repeat_byte(5);
            tx.put_output(award(1).job, proof, &output()).await.unwrap();
            let delivered = AwardEvent::Delivered { statement };
            step_award(&mut tx, delivered, |signatures| signatures.receipt = Some(signer(9).sign(B256::ZERO))).await;
            step_job(&mut tx, JobEvent::Verified { award: award(1).id, statement }).await;
            tx.put_reputation(&Reputation::new(OPERATOR).delivered()).await.unwrap();
        }
        _ => panic!("no step {step}"),
    }
    tx.commit().await.unwrap();
}

fn output() -> JobOutput {
    let output = Output {
        status: Status::Empty,
        row_count: 11,
        roots: [B256::repeat_byte(1), B256::repeat_byte(2), B256::ZERO],
        result_digest: B256::repeat_byte(3),
    };
    JobOutput { output, results: vec![B256::ZERO, B256::repeat_byte(4)] }
}

/// What a restarted gateway must find after a step.
async fn found(step: usize, store: &Store, objects: &Objects) {
    let mut tx = store.read().await.unwrap();
    let stored = tx.job(award(1).job).await.unwrap().value;
    let (id, tick) = (award(1).id, tx.tick(key(1)).await.unwrap());
    let phase = ["open", "open", "sealed", "opening", "opening"].get(step).unwrap_or(&"awarded");
    assert_eq!((tick.row.phase, tick.phase.name()), (*phase, *phase));
    assert_eq!(tick.lots, [lot(1)]);
    assert_eq!(tick.bids.len(), usize::from(step >= 1));
    assert_eq!(tick.bids.values().any(|bid| bid.opened.is_some()), step >= 4);
    assert_eq!(tx.unfinished_ticks().await.unwrap().len(), usize::from(step < 5));
    assert_eq!(tx.last_tick(key(1).supernet, key(1).epoch).await.unwrap(), Some(Tick(1)));
    if step >= 2 {
        let close: Signed<TickClose> = tick.row.close.unwrap();
        assert_eq!(close.message.bidsRoot, bids_root(tick.bids.values().map(|bid| bid.commitment)));
        close.verify(&eip712(), signer(9).address()).unwrap();
    }
    let expected = match step {
        0..=4 => JobState::Auctioning { tick: Tick(1), lot: lot(1).digest },
        5 | 6 => JobState::Assigned { award: id },
        7 => JobState::Proving { award: id },
        8 => JobState::Verifying { award: id },
        _ => JobState::Proved { award: id, statement: B256::repeat_byte(5) },
    };
    assert_eq!(stored.job.state, expected);
    assert_eq!(tx.live_awards().await.unwrap().len(), usize::from((5..9).contains(&step)));
    assert_eq!(tx.deliveries_to_anchor().await.unwrap().len(), usize::from(step == 9));
    if step >= 7 {
        assert_eq!(objects.get(stored.input_digest.unwrap()).await.unwrap(), b"input");
        let award = tx.award(id).await.unwrap().unwrap().value;
        assert_eq!(award.accept, Some((42, stored.input_digest.unwrap())));
        assert!(award.signatures.accept.is_some());
    }
    let ready = tx.ready_jobs().await.unwrap();
    assert_eq!(ready.len(), usize::from(step == 9), "the query waits for its extraction");
    if step == 9 {
        assert_eq!(objects.get(stored.proof_digest.unwrap()).await.unwrap(), b"proof");
        assert_eq!(tx.output(award(1).job).await.unwrap(), output());
        assert_eq!(tx.reputation(OPERATOR).await.unwrap().deliveries, 1);
        let needs = tx.needs(ready[0].value.job.terms.job).await.unwrap();
        assert_eq!(needs[0].value.job.terms.job, award(1).job);
    }
}

#[tokio::test]
async fn every_step_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (store, lease, _) = reopen(folder.path()).await;
    planned(&store, &lease).await;
    store.close().await;
    for step in 0..10 {
        let (store, lease, objects) = reopen(folder.path()).await;
        if step == 0 {
            let stored = store.read().await.unwrap().request(request().task.id).await.unwrap().unwrap();
            assert_eq!(stored.value, request());
        }
        life(step, &store, &lease, &objects).await;
        store.close().await;
        let (store, _, objects) = reopen(folder.path()).await;
        found(step, &store, &objects).await;
        store.close().await;
    }
}

#[tokio::test]
async fn an_uncommitted_transaction_has_not_happened() {
    let folder = tempfile::tempdir().unwrap();
    let (store, lease, _) = reopen(folder.path()).await;
    let mut tx = write(&store, &lease).await;
    tx.insert_request(&request()).await.unwrap();
    tx.put_intent(Address::ZERO, &intent()).await.unwrap();
    drop(tx);
    store.close().await;
    let (store, ..) = reopen(folder.path()).await;
    let mut tx = store.read().await.unwrap();
    assert!(tx.request(request().task.id).await.unwrap().is_none());
    assert!(tx.open_intents(Address::ZERO).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stale_version_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let (store, lease, _) = reopen(folder.path()).await;
    planned(&store, &lease).await;
    let mut tx = write(&store, &lease).await;
    let stored = tx.request(request().task.id).await.unwrap().unwrap();
    let (failing, _) = stored.value.task.step(NOW, RequestEvent::GiveUp(RequestFailure::NoBids)).unwrap();
    tx.update_request(&failing, stored.version).await.unwrap();
    assert!(matches!(
        tx.update_request(&failing, stored.version).await,
        Err(StoreError::Conflict { table: "request", version: 1, .. })
    ));
    tx.commit().await.unwrap();
    let mut tx = store.read().await.unwrap();
    let state = tx.request(failing.id).await.unwrap().unwrap().value.task.state;
    assert_eq!(state, RequestState::Failing(RequestFailure::NoBids));
    assert!(tx.ready_jobs().await.unwrap().is_empty(), "a failing request is not worked on");
}

#[tokio::test]
async fn a_lost_lease_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("gateway.sqlite")).await.unwrap();
    let first = store.acquire("gateway", "a", 0, 100).await.unwrap();
    assert!(matches!(store.acquire("gateway", "b", 99, 100).await, Err(StoreError::LeaseHeld { until: 100, .. })));
    store.renew(&first, 50, 100).await.unwrap();
    assert!(store.acquire("gateway", "b", 101, 100).await.is_err());
    let second = store.acquire("gateway", "b", 150, 100).await.unwrap();
    assert!(matches!(store.write(&first).await, Err(StoreError::LeaseLost { token: 1, .. })));
    assert!(store.renew(&first, 160, 100).await.is_err());
    store.write(&second).await.unwrap();
}

#[tokio::test]
async fn a_tick_and_a_bid_are_used_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, lease, _) = reopen(folder.path()).await;
    planned(&store, &lease).await;
    let mut tx = write(&store, &lease).await;
    tx.insert_tick(key(1), &[lot(1)], 0, 100).await.unwrap();
    let receipt = signer(9).sign(B256::ZERO);
    tx.put_bid(&bid(1), &receipt).await.unwrap();
    tx.put_bid(&bid(1), &receipt).await.unwrap();
    let mut other = bid(1);
    other.message.commitment = B256::repeat_byte(9);
    assert!(matches!(tx.put_bid(&other, &receipt).await, Err(StoreError::Conflict { table: "bid", .. })));
    tx.commit().await.unwrap();
    let mut tx = write(&store, &lease).await;
    assert!(tx.insert_tick(key(1), &[], 0, 100).await.is_err());
}

fn intent() -> OutboxIntent {
    OutboxIntent {
        key: "anchor/1/57".into(),
        to: Address::repeat_byte(3),
        data: vec![1, 2, 3],
        value: U256::MAX,
        gas_limit: None,
    }
}

#[tokio::test]
async fn the_outbox_remembers_every_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let account = Address::repeat_byte(7);
    let attempt = |nonce| OutboxAttempt {
        nonce,
        hash: B256::repeat_byte(nonce as u8),
        raw: vec![9; 200],
        max_fee: u128::MAX,
        priority_fee: 1,
        signed_at: 5,
    };
    {
        let (store, lease, _) = reopen(folder.path()).await;
        let mut tx = write(&store, &lease).await;
        let row = tx.put_intent(account, &intent()).await.unwrap();
        let other = OutboxIntent { data: vec![], ..intent() };
        assert_eq!(tx.put_intent(account, &other).await.unwrap(), row, "a key is one transaction for ever");
        tx.put_attempt(row.id, &attempt(4)).await.unwrap();
        tx.put_attempt(row.id, &attempt(4)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let (store, lease, _) = reopen(folder.path()).await;
    let mut tx = write(&store, &lease).await;
    let open = tx.open_intents(account).await.unwrap();
    assert_eq!(open[0].attempts, [attempt(4), attempt(4)]);
    assert!(tx.open_intents(Address::ZERO).await.unwrap().is_empty());
    let block = B256::repeat_byte(5);
    let mined =
        OutboxOutcome::Succeeded { hash: B256::repeat_byte(4), block_number: 8, block_hash: block, gas_used: 21_000 };
    tx.finish_intent(open[0].id, &mined).await.unwrap();
    assert!(matches!(tx.finish_intent(open[0].id, &mined).await, Err(StoreError::Missing { .. })));
    assert!(tx.open_intents(account).await.unwrap().is_empty());
    assert_eq!(tx.intent(account, "anchor/1/57").await.unwrap().unwrap().outcome, Some(mined.clone()));
    tx.put_intent(account, &intent()).await.unwrap();
    assert!(tx.open_intents(account).await.unwrap().is_empty(), "what has succeeded is not sent again");

    // Gone with its block, in either of two ways; the attempts stay.
    assert!(tx.reopen_mined_in(B256::repeat_byte(6)).await.unwrap().is_empty());
    assert!(tx.reopen_mined_beside(8, block).await.unwrap().is_empty());
    assert_eq!(tx.reopen_mined_in(block).await.unwrap(), ["anchor/1/57"]);
    assert_eq!(tx.open_intents(account).await.unwrap()[0].attempts.len(), 2);
    tx.finish_intent(open[0].id, &mined).await.unwrap();
    assert_eq!(tx.reopen_mined_beside(8, B256::repeat_byte(6)).await.unwrap(), ["anchor/1/57"]);

    // Dropped only without an attempt that may be mined, and wanted again when it is owed again.
    tx.drop_intent(account, "anchor/1/57", 1, "TickNotAfter").await.unwrap();
    assert_eq!(tx.open_intents(account).await.unwrap().len(), 1);
    tx.drop_intent(account, "anchor/1/57", 2, "TickNotAfter").await.unwrap();
    let row = tx.intent(account, "anchor/1/57").await.unwrap().unwrap();
    assert_eq!(row.outcome, Some(OutboxOutcome::Dropped { reason: "TickNotAfter".into() }));
    assert_eq!(tx.put_intent(account, &intent()).await.unwrap().outcome, None);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_damaged_object_is_not_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::in_folder(folder.path()).unwrap();
    let digest = objects.put(b"proof".to_vec()).await.unwrap();
    assert_eq!(digest, objects.put(b"proof".to_vec()).await.unwrap());
    let name = alloy_primitives::hex::encode(digest);
    let file = folder.path().join(&name[..2]).join(&name[2..]);
    std::fs::write(file, b"prooF").unwrap();
    assert!(matches!(objects.get(digest).await, Err(StoreError::Damaged { .. })));
    // What a power failure left half-written is mended by writing it again.
    assert_eq!(objects.put(b"proof".to_vec()).await.unwrap(), digest);
    assert_eq!(objects.get(digest).await.unwrap(), b"proof");
    assert!(matches!(objects.get(B256::ZERO).await, Err(StoreError::Object { .. })));
}

#[tokio::test]
async fn reputation_and_exclusions_last() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (store, lease, _) = reopen(folder.path()).await;
        planned(&store, &lease).await;
        let mut tx = write(&store, &lease).await;
        let rule = CoolDownRule { first_blocks: 8, maximum_blocks: 100 };
        tx.put_reputation(&Reputation::new(OPERATOR).failed(rule, 10).failed(rule, 10)).await.unwrap();
        tx.exclude(award(1).job, OPERATOR).await.unwrap();
        tx.exclude(award(1).job, OPERATOR).await.unwrap();
        tx.put_cursor("watcher", "a").await.unwrap();
        tx.put_cursor("watcher", "b").await.unwrap();
        tx.commit().await.unwrap();
    }
    let (store, ..) = reopen(folder.path()).await;
    let mut tx = store.read().await.unwrap();
    let reputation = tx.reputation(OPERATOR).await.unwrap();
    assert_eq!((reputation.cool_down_blocks, reputation.excluded_until, reputation.failures), (16, 26, 2));
    assert_eq!(tx.barred(OPERATOR).await.unwrap(), [award(1).job]);
    assert_eq!(tx.cursor("watcher").await.unwrap().as_deref(), Some("b"));
    assert!(matches!(award(1).state, AwardState::Signed));
}
