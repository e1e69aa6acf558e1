//! A chain in memory: what the contracts do with awards, money and reports, block by block.

use std::collections::BTreeMap;
use std::sync::Mutex;

use alloy_primitives::{Address, B256, U256};
use gavel_chain::ChainError;
use gavel_domain::request::{RequestEvent, RequestFailure};
use gavel_gateway::chain::{
    AwardOnChain, ChainChange, ChainFact, ChainFuture, Finished, MarketChain, OperatorOnChain, Owed, SupernetTerms,
};
use gavel_prover::chain::{AwardOnChain as ProverAward, ChainView};
use gavel_store::{Lease, OutboxIntent, OutboxOutcome, Store};
use gavel_types::id::{AwardId, GatewayEpoch, JobId, OperatorId, RequestId};
use gavel_types::signature::Signer;
use gavel_types::unit::{WeiPerUnit, WorkUnits};

pub const CHAIN_ID: u64 = 31337;

#[derive(Clone, Debug)]
pub struct StoredAward {
    pub operator: OperatorId,
    pub units: WorkUnits,
    pub price: U256,
    pub block: u64,
    pub state: AwardOnChain,
}

#[derive(Default)]
pub struct State {
    pub head: u64,
    pub blocks: BTreeMap<u64, Vec<ChainFact>>,
    pub operators: BTreeMap<OperatorId, OperatorOnChain>,
    pub capacity: BTreeMap<OperatorId, u64>,
    pub awards: BTreeMap<AwardId, StoredAward>,
    pub uncommitted: BTreeMap<RequestId, U256>,
    pub ended: BTreeMap<RequestId, RequestEvent>,
    pub results: BTreeMap<RequestId, Vec<B256>>,
    pub paid: BTreeMap<AwardId, U256>,
    pub reports: BTreeMap<AwardId, u64>,
    pub slashed: Vec<OperatorId>,
    pub answered: Vec<AwardId>,
    pub ticks: Vec<u64>,
    /// Awards to skip although they could be reserved.
    pub skip_next: usize,
    owed: BTreeMap<String, Owed>,
    /// A key is one transaction for ever: asked again, it shows its receipt.
    executed: BTreeMap<String, Result<(), String>>,
    next_fact: Vec<ChainFact>,
}

pub struct TestChain {
    pub state: Mutex<State>,
    pub gateway: Address,
}

pub const ANSWER_BLOCKS: u64 = 20;

impl TestChain {
    pub fn new(gateway: &Signer) -> Self {
        let state = State { head: 100, ..State::default() };
        Self { state: Mutex::new(state), gateway: gateway.address() }
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub fn mine(&self) {
        self.with(|state| {
            state.head += 1;
            let facts = std::mem::take(&mut state.next_fact);
            let head = state.head;
            state.blocks.insert(head, facts);
        });
    }

    pub fn tell(&self, fact: ChainFact) {
        self.with(|state| state.next_fact.push(fact));
    }
}

impl State {
    fn execute(&mut self, owed: &Owed) -> Result<(), String> {
        match owed {
            Owed::AnchorTick { key, lots, awards, delivered, .. } => {
                if self.ticks.last().is_some_and(|last| *last >= key.tick.0) {
                    return Err(format!("TickNotAfter {}", key.tick));
                }
                self.ticks.push(key.tick.0);
                self.next_fact.push(ChainFact::TickAnchored { key: *key });
                for id in delivered {
                    if let Some(award) = self.awards.get_mut(id)
                        && award.state == AwardOnChain::Reserved
                    {
                        award.state = AwardOnChain::Delivered;
                    }
                }
                for award in awards {
                    let job = JobId::derive(award.payer, award.job_index);
                    let attempt = gavel_types::id::Attempt(award.attempt);
                    let id = AwardId::derive(*key, job, attempt, award.operator);
                    assert!(!self.awards.contains_key(&id), "an award is anchored once");
                    let lot = &lots[award.lot as usize];
                    assert!(award.price.0 <= lot.ceilingWeiPerUnit);
                    let price = award.price.times(award.units).unwrap();
                    let reserved: u64 = self.reserved(award.operator);
                    let capacity = self.capacity.get(&award.operator).copied().unwrap_or_default();
                    let free = self.uncommitted.get(&award.payer).copied().unwrap_or_default();
                    let skip = if self.skip_next > 0 {
                        self.skip_next -= 1;
                        Some("asked to")
                    } else if self.ended.contains_key(&award.payer) {
                        Some("RequestNotOpen")
                    } else if reserved + award.units.0 > capacity {
                        Some("CapacityExceeded")
                    } else if price > free {
                        Some("FeeExceeded")
                    } else {
                        None
                    };
                    if let Some(reason) = skip {
                        self.next_fact.push(ChainFact::AwardSkipped { award: id, reason: reason.into() });
                        continue;
                    }
                    self.uncommitted.insert(award.payer, free - price);
                    let stored = StoredAward {
                        operator: award.operator,
                        units: award.units,
                        price,
                        block: self.head + 1,
                        state: AwardOnChain::Reserved,
                    };
                    self.awards.insert(id, stored);
                    self.next_fact.push(ChainFact::Awarded { award: id });
                }
                Ok(())
            }
            Owed::Settle { id, results, output, proof, .. } => {
                assert_eq!(gavel_types::statement::sha256_words(results), output.result_digest);
                assert!(proof.starts_with(b"evm"));
                self.results.insert(*id, results.clone());
                self.end(*id, RequestEvent::SettledOnChain)
            }
            Owed::Fail { id, reason } => {
                let reason = RequestFailure::ALL.into_iter().find(|known| *known as u8 == *reason).unwrap();
                self.end(*id, RequestEvent::FailedOnChain(reason))
            }
            Owed::ReportMiss { award, evidence, .. } => {
                let stored = self.awards.get(award).ok_or("AwardNotReportable")?;
                let last = evidence.accept_block + evidence.lot.provingBlocks;
                if stored.state != AwardOnChain::Reserved || self.head < last {
                    return Err("AwardNotReportable".into());
                }
                let answer_until = self.head + ANSWER_BLOCKS;
                self.reports.insert(*award, answer_until);
                self.next_fact.push(ChainFact::MissReported { award: *award, answer_until });
                Ok(())
            }
            Owed::AnswerReport { award, .. } => {
                self.reports.remove(award).ok_or("ReportNotOpen")?;
                self.answered.push(*award);
                self.next_fact.push(ChainFact::ReportClosed { award: *award });
                Ok(())
            }
            Owed::ExecuteSlash { award } => {
                let until = *self.reports.get(award).ok_or("ReportNotOpen")?;
                assert!(self.head > until, "slashed inside the answer window");
                self.reports.remove(award);
                let stored = self.awards.get_mut(award).unwrap();
                stored.state = AwardOnChain::Over;
                self.slashed.push(stored.operator);
                self.next_fact.push(ChainFact::ReportClosed { award: *award });
                Ok(())
            }
            Owed::Claim { award } | Owed::ClaimWithReceipt { award, .. } => {
                let stored = self.awards.get_mut(award).ok_or("AwardNotDelivered")?;
                if stored.state == AwardOnChain::Paid {
                    return Err("AwardNotOpen".into());
                }
                stored.state = AwardOnChain::Paid;
                assert!(self.paid.insert(*award, stored.price).is_none(), "paid twice");
                self.next_fact.push(ChainFact::Claimed { award: *award });
                Ok(())
            }
            Owed::SyncCapacity { operator, .. } => {
                let head = self.head;
                let operator = self.operators.get_mut(operator).ok_or("unknown")?;
                operator.synced_at = head;
                operator.fresh = true;
                Ok(())
            }
        }
    }

    fn reserved(&self, operator: OperatorId) -> u64 {
        let held = |award: &&StoredAward| award.operator == operator && award.state == AwardOnChain::Reserved;
        self.awards.values().filter(held).map(|award| award.units.0).sum()
    }

    pub fn end(&mut self, id: RequestId, event: RequestEvent) -> Result<(), String> {
        if self.ended.contains_key(&id) {
            return Err("NotOpen".into());
        }
        self.ended.insert(id, event);
        self.next_fact.push(ChainFact::RequestEnded { id, event });
        Ok(())
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
            Ok(SupernetTerms {
                gateway_key: self.gateway,
                epoch: GatewayEpoch(1),
                max_price: WeiPerUnit(U256::from(1_000_000)),
                report_deposit: U256::from(5),
                capacity_fresh: 1_000,
                last_tick: self.with(|state| state.ticks.last().copied().unwrap_or_default()),
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

    fn uncommitted(&self, request: RequestId) -> ChainFuture<'_, U256> {
        Box::pin(async move { Ok(self.with(|state| state.uncommitted.get(&request).copied().unwrap_or_default())) })
    }

    fn award(&self, award: AwardId) -> ChainFuture<'_, AwardOnChain> {
        Box::pin(async move {
            Ok(self.with(|state| state.awards.get(&award).map_or(AwardOnChain::None, |award| award.state)))
        })
    }

    fn poll<'a>(&'a self, cursor: Option<&'a str>) -> ChainFuture<'a, Option<ChainChange>> {
        Box::pin(async move {
            let next = cursor.map_or(101, |cursor| cursor.parse::<u64>().unwrap() + 1);
            Ok(self.with(|state| {
                Some(ChainChange {
                    cursor: next.to_string(),
                    block: next,
                    block_hash: B256::from(U256::from(next)),
                    withdrawn: false,
                    facts: state.blocks.get(&next)?.clone(),
                })
            }))
        })
    }

    fn intent(&self, owed: &Owed) -> OutboxIntent {
        let key = owed.key();
        self.with(|state| state.owed.insert(key.clone(), owed.clone()));
        OutboxIntent { key, to: Address::ZERO, data: vec![], value: U256::ZERO, gas_limit: None }
    }

    fn send<'a>(&'a self, store: &'a Store, lease: &'a Lease) -> ChainFuture<'a, Vec<Finished>> {
        let failed = |error: gavel_store::StoreError| ChainError::Outbox(error.to_string());
        Box::pin(async move {
            let mut finished = Vec::new();
            let mut read = store.read().await.map_err(failed)?;
            let open = read.open_intents(self.gateway).await.map_err(failed)?;
            drop(read);
            for row in open {
                let executed = self.with(|state| {
                    if let Some(result) = state.executed.get(&row.intent.key) {
                        return result.clone();
                    }
                    let owed = state.owed[&row.intent.key].clone();
                    let result = state.execute(&owed);
                    state.executed.insert(row.intent.key.clone(), result.clone());
                    result
                });
                let outcome = match &executed {
                    Ok(()) => OutboxOutcome::Mined {
                        succeeded: true,
                        hash: B256::ZERO,
                        block_number: 0,
                        block_hash: B256::ZERO,
                        gas_used: 1,
                    },
                    Err(reason) => OutboxOutcome::Refused { reason: reason.clone() },
                };
                // A row is closed in the transaction that a sender would use; if the gateway is
                // killed in between, the transaction has been mined all the same.
                let mut write = store.write(lease).await.map_err(failed)?;
                write.finish_intent(row.id, &outcome).await.map_err(failed)?;
                write.commit().await.map_err(failed)?;
                finished.push(Finished { key: row.intent.key, failure: executed.err() });
            }
            Ok(finished)
        })
    }
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
        Box::pin(async { Ok(Some((GatewayEpoch(1), self.0.gateway))) })
    }
}
