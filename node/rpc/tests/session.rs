//! Sessions and tasks over real TLS on loopback.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use gavel_domain::auction::Opening;
use gavel_rpc::error::{AuthError, RpcError};
use gavel_rpc::message::{Announcement, FromProver, PublishedClose, RefusalCode, ToProver};
use gavel_rpc::session::{Admission, Outgoing, SessionEvent, SessionTerms, Sessions};
use gavel_rpc::task::{TaskFuture, TaskSource, TaskStatus, Tasks};
use gavel_rpc::tls::{ServerIdentity, Trust};
use gavel_rpc::{Limits, ProverClient, ServerConfig, TaskClient, proto, serve};
use gavel_types::id::{AwardId, Commitment, GatewayEpoch, JobId, OperatorId, RequestId, SupernetId, Tick, TickKey};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::lot::Lot;
use gavel_types::message::{BidCommitment, Signed, TickClose, domain};
use gavel_types::signature::Signer;
use gavel_types::unit::{Class, Classes, WeiPerUnit, WorkUnits};
use tokio::sync::{mpsc, watch};

const OPERATOR: OperatorId = OperatorId(Address::repeat_byte(1));
const REQUEST: RequestId = RequestId(B256::repeat_byte(5));

fn signer(seed: u8) -> Signer {
    Signer::from_secret(B256::repeat_byte(seed)).unwrap()
}

struct Registered;

impl Admission for Registered {
    fn bid_key(&self, operator: OperatorId) -> Option<Address> {
        (operator == OPERATOR).then(|| signer(7).address())
    }
    fn head(&self) -> u64 {
        42
    }
}

struct Memory {
    tasks: Mutex<HashMap<RequestId, TaskStatus>>,
    changed: watch::Sender<u64>,
}

impl TaskSource for Memory {
    fn task(&self, request: RequestId) -> TaskFuture<'_> {
        let task = self.tasks.lock().unwrap().get(&request).cloned();
        Box::pin(async move { Ok(task) })
    }
    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

struct Gateway {
    address: String,
    trust: Trust,
    events: mpsc::Receiver<SessionEvent>,
    tasks: Arc<Memory>,
}

fn terms() -> SessionTerms {
    SessionTerms {
        domain: domain(31337, Address::repeat_byte(0xaa)),
        supernet: SupernetId(1),
        epoch: GatewayEpoch(2),
        circuit_set: B256::repeat_byte(3),
    }
}

fn limits() -> Limits {
    Limits { message_bytes: 1 << 20, ..Limits::default() }
}

async fn gateway(watchers: usize) -> Gateway {
    let identity = ServerIdentity::development(&["localhost"]).unwrap();
    let trust = Trust { authority: identity.certificate.clone(), server_name: "localhost".into() };
    let (sender, events) = mpsc::channel(16);
    let sessions = Sessions::new(terms(), Arc::new(Registered), sender, 2);
    let tasks = Arc::new(Memory { tasks: Mutex::default(), changed: watch::channel(0).0 });
    let source: Arc<dyn TaskSource> = Arc::clone(&tasks) as _;
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let config = ServerConfig { listen, identity, limits: limits() };
    let (bound, server) = serve(config, sessions, Tasks::new(source, watchers), std::future::pending()).await.unwrap();
    tokio::spawn(server);
    Gateway { address: format!("https://localhost:{}", bound.port()), trust, events, tasks }
}

async fn open(
    gateway: &Gateway,
    terms: &SessionTerms,
    operator: OperatorId,
    key: u8,
) -> Result<ProverClient, RpcError> {
    let classes = Classes::from_iter([Class::Small]);
    ProverClient::open(&gateway.address, &gateway.trust, &limits(), terms, operator, classes, &signer(key)).await
}

async fn opened(gateway: &mut Gateway) -> Outgoing {
    match gateway.events.recv().await.unwrap() {
        SessionEvent::Opened { operator, classes, outgoing, .. } => {
            assert_eq!((operator, classes.bits()), (OPERATOR, 1));
            outgoing
        }
        other => panic!("expected a session, got {other:?}"),
    }
}

fn key() -> TickKey {
    TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(2), tick: Tick(9) }
}

#[tokio::test]
async fn messages_travel_both_ways_unchanged() {
    let mut gateway = gateway(1).await;
    let mut prover = open(&gateway, &terms(), OPERATOR, 7).await.unwrap();
    assert_eq!(prover.head, 42);
    let outgoing = opened(&mut gateway).await;
    let (domain, key) = (terms().domain, key());
    let lot = Lot {
        key,
        number: 0,
        class: Class::Small,
        ceiling: WeiPerUnit(U256::MAX),
        accept_blocks: 3,
        proving_blocks: 9,
        circuit_set: terms().circuit_set,
        jobs: vec![JobTerms {
            job: JobId::derive(REQUEST, 0),
            payer: REQUEST,
            kind: JobKind::Merge,
            units: WorkUnits(u64::MAX),
            claim_digest: B256::repeat_byte(8),
        }],
    };
    let close = TickClose {
        supernet: 1,
        gatewayEpoch: 2,
        tick: 9,
        bidsRoot: B256::repeat_byte(1),
        count: 1,
        capacityRoot: B256::ZERO,
    };
    let to_prover = [
        ToProver::Announce(Announcement { key, lots: vec![lot.clone()], commit_millis: 900 }),
        ToProver::Close(PublishedClose {
            close: Signed::new(close, &domain, &signer(9)),
            commitments: vec![Commitment(B256::repeat_byte(4))],
            capacities: vec![(OPERATOR, WorkUnits(5))],
            open_millis: 700,
        }),
        ToProver::Input { award: AwardId(B256::repeat_byte(6)), data: vec![1; 100_000] },
        ToProver::Refusal { code: RefusalCode::Bid, subject: B256::repeat_byte(2), reason: "late".into() },
        ToProver::Head { block: 43 },
    ];
    for message in to_prover {
        assert!(outgoing.send(message.clone()));
        assert_eq!(prover.next().await.unwrap(), message);
    }
    let digest = lot.digest().unwrap();
    let bid = BidCommitment {
        supernet: 1,
        gatewayEpoch: 2,
        tick: 9,
        lotDigest: digest.0,
        operator: OPERATOR.0,
        commitment: B256::repeat_byte(4),
    };
    let opening =
        Opening { key, lot: digest, operator: OPERATOR, price: WeiPerUnit(U256::from(7)), salt: B256::repeat_byte(1) };
    let from_prover = [
        FromProver::Commit(Signed::new(bid, &domain, &signer(7))),
        FromProver::Open(opening),
        FromProver::Decline { award: AwardId(B256::ZERO), reason: "no memory".into() },
        FromProver::Deliver { award: AwardId(B256::ZERO), proof: vec![3; 1000], results: vec![B256::repeat_byte(9)] },
        FromProver::Heartbeat { holding: vec![AwardId(B256::repeat_byte(3))] },
    ];
    for sent in from_prover {
        prover.send(sent.clone()).await.unwrap();
        match gateway.events.recv().await.unwrap() {
            SessionEvent::Message { operator, message, .. } => assert_eq!((operator, message), (OPERATOR, sent)),
            other => panic!("expected a message, got {other:?}"),
        }
    }
    drop(prover);
    assert!(matches!(gateway.events.recv().await.unwrap(), SessionEvent::Closed { .. }));
    assert!(!outgoing.send(ToProver::Head { block: 44 }) || !outgoing.send(ToProver::Head { block: 44 }));
}

#[tokio::test]
async fn only_the_registered_key_opens_a_session() {
    let gateway = gateway(1).await;
    for (operator, key, expected) in
        [(OPERATOR, 8, "challenge answered"), (OperatorId(Address::repeat_byte(2)), 7, "is not registered")]
    {
        match open(&gateway, &terms(), operator, key).await.unwrap_err() {
            RpcError::Status(status) => {
                assert_eq!(status.code(), tonic::Code::Unauthenticated);
                assert!(status.message().contains(expected), "{status}");
            }
            other => panic!("expected a status, got {other}"),
        }
    }
}

#[tokio::test]
async fn a_prover_refuses_another_gateway() {
    let gateway = gateway(1).await;
    let other = SessionTerms { epoch: GatewayEpoch(3), ..terms() };
    assert!(matches!(
        open(&gateway, &other, OPERATOR, 7).await,
        Err(RpcError::Auth(AuthError::Epoch { expected: 3, got: 2 }))
    ));
    let other = SessionTerms { circuit_set: B256::ZERO, ..terms() };
    assert!(matches!(open(&gateway, &other, OPERATOR, 7).await, Err(RpcError::Auth(AuthError::CircuitSet { .. }))));
    // A domain of another chain makes another signature.
    let other = SessionTerms { domain: domain(1, Address::repeat_byte(0xaa)), ..terms() };
    assert!(matches!(open(&gateway, &other, OPERATOR, 7).await, Err(RpcError::Status(_))));
    // A certificate of somebody else.
    let stranger = ServerIdentity::development(&["localhost"]).unwrap();
    let trust = Trust { authority: stranger.certificate, server_name: "localhost".into() };
    let classes = Classes::default();
    let refused =
        ProverClient::open(&gateway.address, &trust, &limits(), &terms(), OPERATOR, classes, &signer(7)).await;
    assert!(matches!(refused, Err(RpcError::Transport { .. })));
}

#[tokio::test]
async fn sessions_and_messages_are_bounded() {
    let mut gateway = gateway(1).await;
    let first = open(&gateway, &terms(), OPERATOR, 7).await.unwrap();
    let _outgoing = opened(&mut gateway).await;
    let _second = open(&gateway, &terms(), OPERATOR, 7).await.unwrap();
    let _other = opened(&mut gateway).await;
    match open(&gateway, &terms(), OPERATOR, 7).await.unwrap_err() {
        RpcError::Status(status) => assert_eq!(status.code(), tonic::Code::ResourceExhausted),
        other => panic!("expected a status, got {other}"),
    }
    let huge = FromProver::Deliver { award: AwardId(B256::ZERO), proof: vec![0; 2 << 20], results: vec![] };
    first.send(huge).await.unwrap();
    assert!(matches!(gateway.events.recv().await.unwrap(), SessionEvent::Closed { .. }));
}

#[test]
fn malformed_messages_are_named() {
    let commit = proto::Commit { key: None, ..Default::default() };
    let body = Some(proto::prover_message::Body::Commit(commit));
    let error = FromProver::try_from(proto::ProverMessage { body }).unwrap_err();
    assert_eq!(error.to_string(), "key is missing");
    let award = proto::Decline { award_id: vec![1; 31], reason: String::new() };
    let body = Some(proto::prover_message::Body::Decline(award));
    let error = FromProver::try_from(proto::ProverMessage { body }).unwrap_err();
    assert_eq!(error.to_string(), "award_id has 31 bytes, expected 32");
}

fn task(state: &str, ended: bool) -> TaskStatus {
    TaskStatus { request: REQUEST, state: state.into(), reason: String::new(), ended, deadline: 9, jobs: vec![] }
}

#[tokio::test]
async fn a_task_is_watched_to_its_end() {
    let gateway = gateway(1).await;
    let mut client = TaskClient::connect(&gateway.address, &gateway.trust, &limits()).await.unwrap();
    match client.get(REQUEST).await.unwrap_err() {
        RpcError::Status(status) => assert_eq!(status.code(), tonic::Code::NotFound),
        other => panic!("expected a status, got {other}"),
    }
    let put = |state, ended| {
        gateway.tasks.tasks.lock().unwrap().insert(REQUEST, task(state, ended));
        gateway.tasks.changed.send_modify(|version| *version += 1);
    };
    put("planned", false);
    let mut stream = client.watch(REQUEST).await.unwrap();
    assert_eq!(stream.next().await.unwrap(), Some(task("planned", false)));
    put("running", false);
    assert_eq!(stream.next().await.unwrap(), Some(task("running", false)));
    put("settled", true);
    assert_eq!(stream.next().await.unwrap(), Some(task("settled", true)));
    assert_eq!(stream.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    let gateway = gateway(1).await;
    gateway.tasks.tasks.lock().unwrap().insert(REQUEST, task("running", false));
    let mut client = TaskClient::connect(&gateway.address, &gateway.trust, &limits()).await.unwrap();
    let mut stream = client.watch(REQUEST).await.unwrap();
    stream.next().await.unwrap();
    match client.watch(REQUEST).await.unwrap_err() {
        RpcError::Status(status) => assert_eq!(status.code(), tonic::Code::ResourceExhausted),
        other => panic!("expected a status, got {other}"),
    }
    drop(stream);
    for _ in 0..100 {
        if let Ok(mut stream) = client.watch(REQUEST).await {
            assert_eq!(stream.next().await.unwrap(), Some(task("running", false)));
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the place was not freed");
}
