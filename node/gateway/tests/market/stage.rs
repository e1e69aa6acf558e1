//! A market in one process: real gateway, real provers, real TLS and signatures. The chain is in
//! memory, and a proof is the statement with a digest over it: proving is not what is tested here.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256, keccak256};
use gavel_domain::request::{RequestFailure, RequestState};
use gavel_gateway::chain::{ChainFact, MarketChain, OperatorOnChain};
use gavel_gateway::planning::{
    JobVerifier, PlanError, PlanFuture, PlanRequest, PlannedJob, Planner, ProofRefused, Verified, WantedInput,
};
use gavel_gateway::{Gateway, GatewayError, GatewayParts, MarketRule};
use gavel_prover::bidding::CostPolicy;
use gavel_prover::checkpoint::Checkpoint;
use gavel_prover::error::JobError;
use gavel_prover::slots::Slots;
use gavel_prover::{JobProver, ProvedJob, Prover, ProverIdentity};
use gavel_rpc::session::SessionTerms;
use gavel_rpc::tls::{ServerIdentity, Trust};
use gavel_rpc::{Limits, ServerConfig};
use gavel_store::{Objects, Store};
use gavel_types::id::{OperatorId, RequestId, SupernetId};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::message::domain;
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::signature::Signer;
use gavel_types::statement::{Claim, Output, Statement, Status, sha256_words};
use gavel_types::unit::{Class, Classes, WorkUnits};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::chain::{CHAIN_ID, ProverChain, State, TestChain};

pub const REGISTRY: Address = Address::repeat_byte(0xaa);
pub const CIRCUIT_SET: B256 = B256::repeat_byte(0xc5);

/// What a job is proven from, in these tests.
#[derive(Debug, Serialize, Deserialize)]
struct Input {
    kind: JobKind,
    claim: Claim,
    needs: Vec<Statement>,
    results: Vec<B256>,
}

/// What a proof is, in these tests.
#[derive(Debug, Serialize, Deserialize)]
struct Proof {
    kind: JobKind,
    profile: String,
    statement: Statement,
    seal: B256,
}

fn seal(kind: JobKind, statement: &Statement) -> B256 {
    let bytes = [&[kind as u8], statement.digest().as_slice()].concat();
    B256::from(<[u8; 32]>::from(Sha256::digest(bytes)))
}

pub struct TestPlanner;

impl Planner for TestPlanner {
    fn plan<'a>(&'a self, request: &'a PlanRequest) -> PlanFuture<'a, Vec<PlannedJob>> {
        Box::pin(async move {
            if request.query_text.contains("nonsense") {
                let detail = "unknown column nonsense".to_owned();
                return Err(PlanError::Final { reason: RequestFailure::Unprovable, detail });
            }
            let claim = |kind: JobKind, from, to| Claim {
                kind: kind.statement_kind(),
                circuit_set: CIRCUIT_SET,
                chain_id: CHAIN_ID,
                table_id: request.request.tableId,
                query_digest: request.request.queryDigest,
                params_digest: sha256_words(&request.request.params),
                from_block: from,
                to_block: to,
                anchor_hash: request.origin.anchor_hash,
                inputs: B256::ZERO,
            };
            let (from, to) = (request.request.fromBlock, request.request.toBlock);
            let job = |kind: JobKind, units, from, to, needs: &[u32]| PlannedJob {
                kind,
                units: WorkUnits(units),
                claim: claim(kind, from, to),
                needs: needs.to_vec(),
            };
            Ok(vec![
                job(JobKind::Extract, 30, from, from + 3, &[]),
                job(JobKind::Extract, 30, from + 4, to, &[]),
                job(JobKind::Query, 10, from, from + 3, &[0]),
                job(JobKind::Query, 10, from + 4, to, &[1]),
                job(JobKind::Merge, 8, from, to, &[2, 3]),
                job(JobKind::Answer, 6, from, to, &[4]),
                job(JobKind::Wrap, 50, from, to, &[5]),
            ])
        })
    }

    fn input<'a>(&'a self, request: &'a PlanRequest, job: WantedInput) -> PlanFuture<'a, Vec<u8>> {
        Box::pin(async move {
            let results = vec![B256::from(U256::from(request.request.fromBlock + request.request.toBlock))];
            let needs = job.needs.into_iter().map(|need| need.statement).collect();
            Ok(serde_json::to_vec(&Input { kind: job.kind, claim: job.claim, needs, results }).unwrap())
        })
    }
}

pub struct TestVerifier;

impl JobVerifier for TestVerifier {
    fn verify(
        &self,
        kind: JobKind,
        claim: &Claim,
        _needs: &[Statement],
        proof: &[u8],
    ) -> Result<Verified, ProofRefused> {
        let proof: Proof = serde_json::from_slice(proof).map_err(|error| ProofRefused(error.to_string()))?;
        if proof.profile != "production" {
            return Err(ProofRefused(format!("a proof of the {} profile", proof.profile)));
        }
        if proof.kind != kind || proof.seal != seal(kind, &proof.statement) {
            return Err(ProofRefused("the seal does not hold".into()));
        }
        if proof.statement.claim != *claim {
            return Err(ProofRefused("another claim".into()));
        }
        let evm_proof = if kind == JobKind::Wrap { b"evm proof".to_vec() } else { Vec::new() };
        Ok(Verified { statement: proof.statement, evm_proof })
    }
}

/// What a prover does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    Truncated,
    Tampered,
    OtherKind,
    TestProfile,
    /// Never finishes.
    Stuck,
}

pub struct TestProver {
    pub fault: Fault,
    pub millis: u64,
    pub proofs: AtomicU64,
}

impl JobProver for TestProver {
    fn check(&self, terms: &JobTerms, input: &[u8]) -> Result<(), JobError> {
        let input: Input = serde_json::from_slice(input).map_err(|error| JobError::Inputs(error.to_string()))?;
        if input.claim.digest() == terms.claim_digest { Ok(()) } else { Err(JobError::OtherClaim) }
    }

    fn prove(&self, terms: &JobTerms, input: &[u8]) -> Result<ProvedJob, JobError> {
        self.proofs.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(self.millis));
        if self.fault == Fault::Stuck {
            std::thread::sleep(Duration::from_secs(30));
        }
        let input: Input = serde_json::from_slice(input).map_err(|error| JobError::Inputs(error.to_string()))?;
        let answer = terms.kind == JobKind::Answer;
        let statement = match (terms.kind, input.needs.first()) {
            (JobKind::Wrap, Some(answer)) => answer.clone(),
            _ => Statement {
                claim: input.claim,
                output: Output {
                    status: Status::Ok,
                    row_count: 8,
                    roots: [B256::ZERO; 3],
                    result_digest: if answer { sha256_words(&input.results) } else { B256::ZERO },
                },
            },
        };
        let kind = if self.fault == Fault::OtherKind { JobKind::Merge } else { terms.kind };
        let profile = if self.fault == Fault::TestProfile { "test" } else { "production" };
        let mut proof = Proof { kind, profile: profile.into(), seal: seal(kind, &statement), statement };
        if self.fault == Fault::Tampered {
            proof.statement.output.row_count += 1;
        }
        let mut bytes = serde_json::to_vec(&proof).unwrap();
        if self.fault == Fault::Truncated {
            bytes.truncate(bytes.len() / 2);
        }
        Ok(ProvedJob { proof: bytes, results: if answer { input.results } else { Vec::new() } })
    }
}

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

    /// A prover on a task of its own; aborting it is a kill.
    pub fn run_prover(&self, operator: &Operator) -> (JoinHandle<()>, Arc<TestProver>) {
        let folder = self.folder.path().join(format!("prover-{}", operator.id));
        let prover = Arc::new(TestProver { fault: operator.fault, millis: operator.millis, proofs: 0.into() });
        let slots = Slots::new(&self.slots_folder(), 48, 6).unwrap();
        let running = Prover::new(
            self.identity_of(operator),
            Checkpoint::open(&folder).unwrap(),
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
