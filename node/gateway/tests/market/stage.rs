//! A market in one process: real gateway, real provers, real TLS and signatures. The chain is in
//! memory, and proofs are not made: that is not what is tested here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, U256, keccak256};
use gavel_domain::request::RequestState;
use gavel_gateway::chain::{ChainFact, MarketChain, OperatorOnChain};
use gavel_gateway::{Gateway, GatewayError, GatewayParts, MarketRule};
use gavel_prover::bidding::CostPolicy;
use gavel_prover::checkpoint::Checkpoint;
use gavel_prover::slots::Slots;
use gavel_prover::{JobProver, Prover, ProverIdentity};
use gavel_rpc::session::SessionTerms;
use gavel_rpc::tls::{ServerIdentity, Trust};
use gavel_rpc::{Limits, ServerConfig};
use gavel_store::{Objects, Store};
use gavel_types::id::{OperatorId, RequestId, SupernetId};
use gavel_types::message::domain;
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::signature::Signer;
use gavel_types::unit::{Class, Classes, WorkUnits};
use tokio::task::JoinHandle;

use crate::chain::{CHAIN_ID, ProverChain, State, TestChain};
use crate::proofs::{TestPlanner, TestProver, TestVerifier};

pub use crate::proofs::Fault;

pub const REGISTRY: Address = Address::repeat_byte(0xaa);
pub const CIRCUIT_SET: B256 = B256::repeat_byte(0xc5);

pub struct Operator {
    pub id: OperatorId,
    pub key: Signer,
    pub policy: CostPolicy,
    pub fault: Fault,
    pub millis: u64,
}

impl Operator {
    /// An operator that serves the classes with a price: small, medium, large.
    pub fn new(seed: u8, prices: [Option<u128>; 3]) -> Self {
        let [small, medium, large] = prices;
        Self {
            id: OperatorId(Address::repeat_byte(seed)),
            key: Signer::from_secret(keccak256([seed])).unwrap(),
            policy: CostPolicy {
                small_wei_per_unit: small,
                medium_wei_per_unit: medium,
                large_wei_per_unit: large,
                margin_percent: 0,
            },
            fault: Fault::None,
            millis: 30,
        }
    }

    pub fn with(mut self, fault: Fault, millis: u64) -> Self {
        (self.fault, self.millis) = (fault, millis);
        self
    }
}

pub struct Market {
    pub folder: tempfile::TempDir,
    pub chain: Arc<TestChain>,
    pub signer: Signer,
    pub rule: MarketRule,
    identity: ServerIdentity,
    port: u16,
    miner: JoinHandle<()>,
}

impl Drop for Market {
    fn drop(&mut self) {
        self.miner.abort();
    }
}

pub fn rule() -> MarketRule {
    MarketRule {
        commit_millis: 150,
        open_millis: 400,
        tick_millis: 250,
        max_jobs_per_lot: 1,
        max_units_per_lot: 100,
        accept_blocks: 40,
        max_proving_blocks: 10_000,
        milliblocks_per_unit: [1_000; 3],
        spare_blocks: [60; 3],
        quickest_milliblocks_per_unit: 100,
        quickest_blocks_per_job: 2,
        ceiling_start_percent: 50,
        ceiling_ramp_blocks: 20,
        patience_blocks: 20,
        attempt_limit: 6,
        cool_down_blocks: 10,
        cool_down_maximum_blocks: 1_000,
        lost_after_millis: 1_000,
        bond_share_percent: 80,
        idle_anchor_blocks: 5,
    }
}

impl Market {
    /// A chain with a block every 50 ms.
    pub async fn new(rule: MarketRule) -> Self {
        // `RUST_LOG=debug` shows what happens; a second test in the process finds it set.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let signer = Signer::from_secret(keccak256("gateway")).unwrap();
        let chain = Arc::new(TestChain::new(&signer));
        let mined = Arc::clone(&chain);
        let miner = tokio::spawn(async move {
            loop {
                mined.mine();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        // The port is chosen once, so that a restarted gateway is found again.
        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = probe.local_addr().unwrap().port();
        let identity = ServerIdentity::development(&["localhost"]).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), chain, signer, rule, identity, port, miner }
    }

    pub async fn store(&self) -> Store {
        Store::open(&self.folder.path().join("gateway.sqlite")).await.unwrap()
    }

    pub async fn gateway(&self) -> Result<Gateway, GatewayError> {
        let objects = Objects::in_folder(&self.folder.path().join("objects")).unwrap();
        let listen = ([127, 0, 0, 1], self.port).into();
        Gateway::start(GatewayParts {
            supernet: SupernetId(1),
            registry: REGISTRY,
            circuit_set: CIRCUIT_SET,
            signer: self.signer.clone(),
            rule: self.rule.clone(),
            store: self.store().await,
            objects,
            chain: Arc::clone(&self.chain) as Arc<dyn MarketChain>,
            planner: Arc::new(TestPlanner),
            verifier: Arc::new(TestVerifier),
            server: ServerConfig { listen, identity: self.identity.clone(), limits: Limits::default() },
            max_sessions: 16,
            max_watchers: 16,
        })
        .await
    }

    /// A gateway on a task of its own; aborting it is a kill.
    pub async fn run_gateway(&self) -> JoinHandle<Result<(), GatewayError>> {
        for _ in 0..100 {
            match self.gateway().await {
                Ok(gateway) => return tokio::spawn(gateway.run(std::future::pending())),
                // The killed one's socket is closed when its runtime gets to it.
                Err(GatewayError::Rpc(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the gateway's address stays taken");
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub fn trust(&self) -> Trust {
        Trust { authority: self.identity.certificate.clone(), server_name: "localhost".into() }
    }

    pub fn terms(&self) -> SessionTerms {
        SessionTerms {
            domain: domain(CHAIN_ID, REGISTRY),
            supernet: SupernetId(1),
            epoch: self.chain.gateway_now().0,
            circuit_set: CIRCUIT_SET,
        }
    }

    pub fn register(&self, operator: &Operator, capacity: u64) {
        self.chain.with(|state| {
            let entry = OperatorOnChain {
                operator: operator.id,
                registered: true,
                leaving: false,
                bid_key: operator.key.address(),
                classes: Classes::from_iter(Class::ALL),
                free: WorkUnits(capacity),
                fresh: true,
                synced_at: state.head,
            };
            state.operators.insert(operator.id, entry);
            state.capacity.insert(operator.id, capacity);
        });
        self.chain.tell(ChainFact::Operator { operator: operator.id });
    }

    fn identity_of(&self, operator: &Operator) -> ProverIdentity {
        ProverIdentity {
            operator: operator.id,
            bid_key: operator.key.clone(),
            gateway_url: self.url(),
            trust: self.trust(),
            limits: Limits::default(),
            terms: self.terms(),
            gateway_key: self.signer.address(),
            policy: operator.policy.clone(),
            concurrency: 2,
            heartbeat: Duration::from_millis(100),
        }
    }

    /// What a prover has on disk.
    pub fn checkpoint(&self, operator: &Operator) -> Checkpoint {
        Checkpoint::open(&self.folder.path().join(format!("prover-{}", operator.id))).unwrap()
    }

    /// A prover on a task of its own; aborting it is a kill.
    pub fn run_prover(&self, operator: &Operator) -> (JoinHandle<()>, Arc<TestProver>) {
        let prover = Arc::new(TestProver { fault: operator.fault, millis: operator.millis, proofs: 0.into() });
        let slots = Slots::new(&self.slots_folder(), 48, 6).unwrap();
        let running = Prover::new(
            self.identity_of(operator),
            self.checkpoint(operator),
            slots,
            Arc::clone(&prover) as Arc<dyn JobProver>,
            Arc::new(ProverChain(Arc::clone(&self.chain))),
        )
        .unwrap();
        let task = tokio::spawn(async move { running.run(std::future::pending()).await.unwrap() });
        (task, prover)
    }

    fn slots_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("slots")
    }

    /// A request over eight blocks with so many wei for work.
    pub fn request(&self, nonce: u64, fee: u64, query: &str) -> RequestId {
        self.request_until(1_000_000, nonce, fee, query)
    }

    /// A request with a deadline.
    pub fn request_until(&self, deadline: u64, nonce: u64, fee: u64, query: &str) -> RequestId {
        let request = Request {
            supernet: 1,
            verifierId: B256::repeat_byte(1),
            feeToken: Address::ZERO,
            tableId: keccak256("table"),
            tableTextHash: keccak256("table text"),
            queryDigest: keccak256(query),
            queryTextHash: keccak256(query),
            params: vec![B256::repeat_byte(1)],
            fromBlock: 10,
            toBlock: 17,
            maxFee: U256::from(fee),
            deadline,
            callback: Address::ZERO,
            callbackGas: 0,
            refundTo: Address::repeat_byte(3),
        };
        let origin = RequestOrigin {
            chain_id: CHAIN_ID,
            contract: Address::repeat_byte(4),
            requester: Address::repeat_byte(5),
            nonce,
            anchor_hash: B256::repeat_byte(6),
        };
        let id = request.id(&origin);
        self.chain.with(|state| state.uncommitted.insert(id, U256::from(fee)));
        let text = |digest, text_hash, text: &str| ChainFact::Text { digest, text_hash, text: text.into() };
        self.chain.tell(text(request.tableId, request.tableTextHash, "table"));
        self.chain.tell(text(request.queryDigest, request.queryTextHash, query));
        self.chain.tell(ChainFact::Requested { id, request, origin, log_index: 0 });
        id
    }

    /// Waits until the gateway has stored a state of a request.
    pub async fn until_stored(&self, id: RequestId, holds: impl Fn(RequestState) -> bool) {
        let store = self.store().await;
        let mut last = None;
        for _ in 0..1_200 {
            last = store.read().await.unwrap().request(id).await.unwrap().map(|row| row.value.task.state);
            if last.is_some_and(&holds) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the stored request stays {last:?}");
    }

    /// Waits until nothing is owed to the chain.
    pub async fn until_nothing_is_owed(&self) {
        let store = self.store().await;
        let mut open = Vec::new();
        for _ in 0..400 {
            open = store.read().await.unwrap().open_intents(self.chain.gateway).await.unwrap();
            if open.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("still owed: {:?}", open.iter().map(|row| &row.intent.key).collect::<Vec<_>>());
    }

    /// Waits until something holds, and fails after a while with what is being waited for.
    pub async fn until(&self, what: &str, mut holds: impl FnMut(&mut State) -> bool) {
        for _ in 0..1_200 {
            if self.chain.with(&mut holds) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let path: &Path = self.folder.path();
        panic!("waited in vain until {what} ({})", path.display());
    }
}
