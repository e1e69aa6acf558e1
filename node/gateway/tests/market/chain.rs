//! A chain in memory: what the contracts do with awards, money and reports, block by block, and what a
//! reorganisation leaves of it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use alloy_primitives::{Address, B256, U256, keccak256};
use gavel_chain::ChainError;
use gavel_domain::request::RequestEvent;
use gavel_gateway::chain::{
    AwardOnChain, Bond, ChainChange, ChainFact, ChainFuture, MarketChain, OperatorOnChain, Owed, Refused,
    SupernetTerms, TickOnChain,
};
use gavel_prover::chain::{AwardOnChain as ProverAward, ChainView};
use gavel_store::{Lease, OutboxIntent, OutboxOutcome, Store};
use gavel_types::id::{AwardId, GatewayEpoch, OperatorId, RequestId, TickKey};
use gavel_types::signature::Signer;
use gavel_types::unit::{WeiPerUnit, WorkUnits};

pub const CHAIN_ID: u64 = 31337;

#[derive(Clone, Debug)]
pub struct StoredAward {
    pub payer: RequestId,
    pub operator: OperatorId,
    pub units: WorkUnits,
    pub price: U256,
    pub block: u64,
    pub state: AwardOnChain,
}

#[derive(Clone, Default)]
pub struct State {
    pub head: u64,
    pub blocks: BTreeMap<u64, Vec<ChainFact>>,
    pub operators: BTreeMap<OperatorId, OperatorOnChain>,
    pub capacity: BTreeMap<OperatorId, u64>,
    pub awards: BTreeMap<AwardId, StoredAward>,
    pub uncommitted: BTreeMap<RequestId, U256>,
    /// Of the gateway, in wei.
    pub bond: U256,
    pub ended: BTreeMap<RequestId, RequestEvent>,
    pub results: BTreeMap<RequestId, Vec<B256>>,
    pub paid: BTreeMap<AwardId, U256>,
    pub reports: BTreeMap<AwardId, u64>,
    pub slashed: Vec<OperatorId>,
    pub answered: Vec<AwardId>,
    pub lapsed: Vec<AwardId>,
    /// Anchored ticks with their roots.
    pub ticks: BTreeMap<u64, B256>,
    /// Awards to skip although they could be reserved.
    pub skip_next: usize,
    /// Block in which a key's transaction was mined.
    executed: BTreeMap<String, u64>,
    pub next_fact: Vec<ChainFact>,
    /// Raised by each reorganisation: blocks of the same number have other hashes.
    fork: u64,
    hashes: BTreeMap<u64, B256>,
}

/// What no reorganisation takes back: the nodes' memory, and what the test wants.
#[derive(Default)]
pub struct Node {
    pub owed: BTreeMap<String, Owed>,
    /// States after each block.
    history: BTreeMap<u64, State>,
    parents: BTreeMap<B256, (u64, Option<B256>)>,
    /// How often transactions of a kind (`settle`) are still refused.
    pub refuse: BTreeMap<&'static str, usize>,
    /// What was refused, oldest first.
    pub refused: Vec<String>,
    pub epoch: Option<(GatewayEpoch, Address)>,
}

pub struct TestChain {
    pub state: Mutex<State>,
    pub node: Mutex<Node>,
    pub gateway: Address,
}

pub const ANSWER_BLOCKS: u64 = 20;
/// Blocks after the answer window in which a slash can be executed.
pub const EXECUTION_BLOCKS: u64 = 60;

impl TestChain {
    pub fn new(gateway: &Signer) -> Self {
        let state = State { head: 100, bond: U256::from(u64::MAX), ..State::default() };
        Self { state: Mutex::new(state), node: Mutex::default(), gateway: gateway.address() }
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub fn node<T>(&self, change: impl FnOnce(&mut Node) -> T) -> T {
        change(&mut self.node.lock().unwrap())
    }

    /// Epoch and key of the gateway on-chain.
    pub fn gateway_now(&self) -> (GatewayEpoch, Address) {
        self.node(|node| node.epoch).unwrap_or((GatewayEpoch(1), self.gateway))
    }

    /// Starts a gateway epoch.
    pub fn start_epoch(&self, epoch: GatewayEpoch, key: Address) {
        self.node(|node| node.epoch = Some((epoch, key)));
        self.tell(ChainFact::EpochStarted { epoch, key });
    }

    /// Refuses the next transactions of a kind (`settle`), so many.
    pub fn refuse(&self, kind: &'static str, times: usize) {
        self.node(|node| node.refuse.insert(kind, times));
    }

    pub fn mine(&self) {
        self.with(|state| self.node(|node| Self::seal(state, node)));
    }

    fn seal(state: &mut State, node: &mut Node) {
        state.head += 1;
        let facts = std::mem::take(&mut state.next_fact);
        let (head, hash) = (state.head, state.hash(state.head));
        state.blocks.insert(head, facts);
        node.parents.insert(hash, (head, state.hashes.get(&(head - 1)).copied()));
        state.hashes.insert(head, hash);
        node.history.insert(head, state.clone());
    }

    /// Replaces the newest blocks by one more. Transactions of the gateway that were in them are forgotten;
    /// what others sent (texts, registrations, requests) is mined again in the next block if `again`.
    pub fn reorganise(&self, depth: u64, again: bool) {
        self.with(|state| {
            self.node(|node| {
                let base = state.head - depth;
                let (fork, others) = (state.fork + 1, state.blocks.split_off(&(base + 1)));
                *state = node.history[&base].clone();
                state.fork = fork;
                let kept = |fact: &ChainFact| {
                    matches!(fact, ChainFact::Text { .. } | ChainFact::Requested { .. } | ChainFact::Operator { .. })
                };
                for fact in others.into_values().flatten().filter(kept).filter(|_| again) {
                    if let ChainFact::Requested { id, request, .. } = &fact {
                        state.uncommitted.insert(*id, request.maxFee);
                    }
                    state.next_fact.push(fact);
                }
                // The facts come last, so that work goes on meanwhile.
                let next = std::mem::take(&mut state.next_fact);
                for _ in 0..depth {
                    Self::seal(state, node);
                }
                state.next_fact = next;
                Self::seal(state, node);
            });
        });
    }

    pub fn tell(&self, fact: ChainFact) {
        self.with(|state| state.next_fact.push(fact));
    }
}

impl State {
    fn hash(&self, number: u64) -> B256 {
        keccak256([number.to_be_bytes(), self.fork.to_be_bytes()].concat())
    }
}

impl MarketChain for TestChain {
    fn chain_id(&self) -> u64 {
        CHAIN_ID
    }

    fn account(&self) -> Address {
        self.gateway
    }

    fn head(&self) -> ChainFuture<'_, u64> {
        Box::pin(async { Ok(self.with(|state| state.head)) })
    }

    fn terms(&self) -> ChainFuture<'_, SupernetTerms> {
        Box::pin(async {
            let (epoch, gateway_key) = self.gateway_now();
            Ok(SupernetTerms {
                gateway_key,
                epoch,
                max_price: WeiPerUnit(U256::from(1_000_000)),
                report_deposit: U256::from(5),
                capacity_fresh: 1_000,
                report_blocks: 1_000,
                last_tick: self.with(|state| state.ticks.last_key_value().map_or(0, |(last, _)| *last)),
            })
        })
    }

    fn operators(&self, operators: Vec<OperatorId>) -> ChainFuture<'_, Vec<OperatorOnChain>> {
        Box::pin(async move {
            Ok(self.with(|state| {
                let read = |id: &OperatorId| {
                    let mut operator = state.operators.get(id)?.clone();
                    operator.free = WorkUnits(state.capacity[id].saturating_sub(state.reserved(*id)));
                    Some(operator)
                };
                operators.iter().filter_map(read).collect()
            }))
        })
    }

    fn bond(&self) -> ChainFuture<'_, Bond> {
        Box::pin(async { Ok(self.with(|state| Bond { cover: state.bond, committed: state.committed() })) })
    }

    fn uncommitted(&self, request: RequestId) -> ChainFuture<'_, U256> {
        Box::pin(async move { Ok(self.with(|state| state.uncommitted.get(&request).copied().unwrap_or_default())) })
    }

    fn award(&self, award: AwardId) -> ChainFuture<'_, AwardOnChain> {
        Box::pin(async move {
            Ok(self.with(|state| state.awards.get(&award).map_or(AwardOnChain::None, |award| award.state)))
        })
    }

    fn executable_until(&self, award: AwardId) -> ChainFuture<'_, u64> {
        Box::pin(
            async move { Ok(self.with(|state| state.reports.get(&award).map_or(0, |until| until + EXECUTION_BLOCKS))) },
        )
    }

    fn tick(&self, key: TickKey) -> ChainFuture<'_, TickOnChain> {
        Box::pin(async move {
            Ok(self.with(|state| match state.ticks.get(&key.tick.0) {
                Some(bids_root) => TickOnChain::Anchored { bids_root: *bids_root },
                None if state.ticks.range(key.tick.0..).next().is_some() => TickOnChain::Passed,
                None => TickOnChain::Open,
            }))
        })
    }

    fn poll<'a>(&'a self, cursor: Option<&'a str>) -> ChainFuture<'a, Option<ChainChange>> {
        let at: Option<B256> = cursor.map(|cursor| cursor.parse().unwrap());
        Box::pin(async move { Ok(self.with(|state| self.node(|node| change(state, node, at)))) })
    }

    fn intent(&self, owed: &Owed) -> OutboxIntent {
        let key = owed.key().to_string();
        self.node(|node| node.owed.insert(key.clone(), owed.clone()));
        OutboxIntent { key, to: Address::ZERO, data: vec![], value: U256::ZERO, gas_limit: None }
    }

    fn send<'a>(&'a self, store: &'a Store, lease: &'a Lease) -> ChainFuture<'a, Vec<Refused>> {
        let failed = |error: gavel_store::StoreError| ChainError::Outbox(error.to_string());
        Box::pin(async move {
            let mut refused = Vec::new();
            let mut read = store.read().await.map_err(failed)?;
            let open = read.open_intents(self.gateway).await.map_err(failed)?;
            drop(read);
            for row in open {
                let key = row.intent.key;
                let (number, hash) = match self.transact(&key) {
                    Ok(mined) => mined,
                    Err(reason) => {
                        self.node(|node| node.refused.push(key.clone()));
                        refused.push(Refused { key, reason, attempts: 0 });
                        continue;
                    }
                };
                let outcome =
                    OutboxOutcome::Succeeded { hash: B256::ZERO, block_number: number, block_hash: hash, gas_used: 1 };
                // A row is closed in the transaction that a sender would use; if the gateway is
                // killed in between, the transaction has been mined all the same.
                let mut write = store.write(lease).await.map_err(failed)?;
                write.finish_intent(row.id, &outcome).await.map_err(failed)?;
                write.commit().await.map_err(failed)?;
            }
            Ok(refused)
        })
    }
}

impl TestChain {
    /// Mines what is owed under a key, once; the block that holds it, which may be the next one.
    fn transact(&self, key: &str) -> Result<(u64, B256), String> {
        self.with(|state| {
            if let Some(number) = state.executed.get(key) {
                return Ok((*number, state.hashes.get(number).copied().unwrap_or(state.hash(*number))));
            }
            let kind = key.split('/').next().unwrap_or_default();
            self.node(|node| match node.refuse.get_mut(kind) {
                Some(times) if *times > 0 => {
                    *times -= 1;
                    Err("the node is behind".to_owned())
                }
                _ => Ok(()),
            })?;
            let owed = self.node(|node| node.owed[key].clone());
            state.execute(&owed)?;
            let number = state.head + 1;
            state.executed.insert(key.into(), number);
            Ok((number, state.hash(number)))
        })
    }
}

/// The next change after the block `at`: its withdrawal, or the block after it.
fn change(state: &State, node: &Node, at: Option<B256>) -> Option<ChainChange> {
    let (number, parent) = at.map_or((100, None), |hash| node.parents[&hash]);
    if let Some(hash) = at
        && state.hashes.get(&number) != Some(&hash)
    {
        let cursor = parent.expect("the first block stays").to_string();
        return Some(ChainChange { cursor, block: number, block_hash: hash, withdrawn: true, facts: vec![] });
    }
    let (block, block_hash) = (number + 1, *state.hashes.get(&(number + 1))?);
    let facts = state.blocks.get(&block)?.clone();
    Some(ChainChange { cursor: block_hash.to_string(), block, block_hash, withdrawn: false, facts })
}

/// The prover's view of the same chain.
pub struct ProverChain(pub std::sync::Arc<TestChain>);

impl ChainView for ProverChain {
    fn head(&self) -> gavel_prover::chain::ChainFuture<'_, u64> {
        Box::pin(async { Ok(self.0.with(|state| state.head)) })
    }

    fn award(&self, award: AwardId) -> gavel_prover::chain::ChainFuture<'_, Option<ProverAward>> {
        Box::pin(async move {
            Ok(self.0.with(|state| {
                let stored = state.awards.get(&award)?;
                Some(ProverAward { block: stored.block, operator: stored.operator.0 })
            }))
        })
    }

    fn gateway(&self) -> gavel_prover::chain::ChainFuture<'_, Option<(GatewayEpoch, Address)>> {
        Box::pin(async { Ok(Some(self.0.gateway_now())) })
    }

    fn gateway_key(&self, epoch: GatewayEpoch) -> gavel_prover::chain::ChainFuture<'_, Option<Address>> {
        Box::pin(async move {
            let (now, key) = self.0.gateway_now();
            // Every epoch before the newest had the first key.
            Ok(Some(if epoch == now { key } else { self.0.gateway }))
        })
    }
}
