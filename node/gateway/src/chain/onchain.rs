//! The contracts through a node.

use alloy::eips::BlockId;
use alloy_primitives::{Address, B256, U256};
use gavel_chain::deployment::Deployment;
use gavel_chain::reads::Reader;
use gavel_chain::sender::{Policy, Refusal, Sender};
use gavel_chain::watcher::{Change, Cursor, WatchOptions, Watcher};
use gavel_chain::{ChainClient, ChainError, EndpointOptions};
use gavel_store::{Lease, OutboxIntent, Store};
use gavel_types::id::{AwardId, GatewayEpoch, OperatorId, RequestId, TickKey};
use gavel_types::unit::{Classes, WeiPerUnit, WorkUnits};
use tokio::sync::Mutex;

use super::facts::Scope;
use super::{
    AwardOnChain, Bond, ChainChange, ChainFuture, MarketChain, OperatorOnChain, Owed, Refused, StoreOutbox,
    SupernetTerms, TickOnChain, calls,
};

#[derive(Clone, Debug)]
pub struct OnChainOptions {
    /// Blocks on top of an event before it counts.
    pub confirmations: u64,
    pub endpoints: EndpointOptions,
    pub sender: Policy,
}

/// A supernet's contracts, read and written with the gateway's key.
pub struct OnChain {
    reader: Reader,
    watcher: Watcher,
    scope: Scope,
    account: Address,
    secret: B256,
    policy: Policy,
    sender: Mutex<Option<Sender<StoreOutbox>>>,
}

impl OnChain {
    /// # Errors
    /// [`ChainError`] when no endpoint answers or it is another chain.
    pub async fn connect(
        deployment: &Deployment,
        secret: B256,
        account: Address,
        options: OnChainOptions,
    ) -> Result<Self, ChainError> {
        let client = deployment.connect(options.endpoints).await?;
        let contracts = &deployment.gavel;
        let watched = vec![
            contracts.query_requests,
            contracts.auction_book,
            contracts.operator_registrar,
            contracts.slasher,
            contracts.supernet_registry,
        ];
        let watch = WatchOptions { confirmations: options.confirmations, ..WatchOptions::default() };
        Ok(Self {
            watcher: Watcher::new(client.clone(), watched, watch),
            scope: Scope {
                supernet: deployment.supernet,
                chain_id: client.chain_id(),
                query_requests: contracts.query_requests,
            },
            reader: Reader::new(client, deployment.clone()),
            account,
            secret,
            policy: options.sender,
            sender: Mutex::new(None),
        })
    }

    fn client(&self) -> &ChainClient {
        self.reader.client()
    }

    async fn read_operator(&self, operator: OperatorId) -> Result<OperatorOnChain, ChainError> {
        let head = self.client().head().await?;
        let at = BlockId::number(head);
        let record = self.reader.operator(operator.0, at).await?;
        let bid_key = self.reader.bid_key(operator.0, head, at).await?;
        let capacity = self.reader.capacity(operator.0, at).await?;
        Ok(OperatorOnChain {
            operator,
            registered: record.registered,
            leaving: record.leaving,
            bid_key: bid_key.unwrap_or_default(),
            // Bits that this version does not know are classes that it does not auction.
            classes: Classes::from_bits(record.classes & 0b111).unwrap_or_default(),
            free: WorkUnits(capacity.free),
            fresh: capacity.fresh,
            synced_at: capacity.syncedAt,
        })
    }

    async fn read_terms(&self) -> Result<SupernetTerms, ChainError> {
        let at = BlockId::number(self.client().head().await?);
        let gateway = self.reader.gateway(at).await?;
        let config = self.reader.config(at).await?;
        Ok(SupernetTerms {
            gateway_key: gateway.key,
            epoch: GatewayEpoch(gateway.epoch),
            max_price: WeiPerUnit(U256::from(config.prices.maxPriceWeiPerUnit)),
            report_deposit: U256::from(config.stake.reportDeposit),
            capacity_fresh: config.windows.capacityFresh.into(),
            report_blocks: config.windows.report.into(),
            last_tick: self.reader.last_tick(at).await?,
        })
    }

    async fn read_tick(&self, key: TickKey) -> Result<TickOnChain, ChainError> {
        let at = BlockId::number(self.client().head().await?);
        if self.reader.last_tick(at).await? < key.tick.0 {
            return Ok(TickOnChain::Open);
        }
        let record = self.reader.tick(key.tick.0, at).await?;
        if record.anchorBlock == 0 || record.gatewayEpoch != key.epoch.0 {
            return Ok(TickOnChain::Passed);
        }
        Ok(TickOnChain::Anchored { bids_root: record.bidsRoot })
    }

    async fn next_change(&self, cursor: Option<&str>) -> Result<Option<ChainChange>, ChainError> {
        let bad = |error: serde_json::Error| ChainError::Config {
            subject: "stored cursor".into(),
            reason: error.to_string(),
        };
        let cursor: Cursor = match cursor {
            Some(text) => serde_json::from_str(text).map_err(bad)?,
            None => Cursor::new(self.reader.deployment().first_block),
        };
        let Some(update) = self.watcher.poll(&cursor).await? else { return Ok(None) };
        let cursor = serde_json::to_string(&update.cursor).map_err(bad)?;
        Ok(Some(match update.change {
            Change::Withdrawn { block } => {
                ChainChange { cursor, block: block.number, block_hash: block.hash, withdrawn: true, facts: Vec::new() }
            }
            Change::Applied { block, events, .. } => ChainChange {
                cursor,
                block: block.number,
                block_hash: block.hash,
                withdrawn: false,
                facts: events
                    .iter()
                    .filter_map(|event| {
                        self.scope.fact(event.decode(&self.reader.deployment().gavel)?, event.log_index)
                    })
                    .collect(),
            },
        }))
    }

    async fn turn(&self, store: &Store, lease: &Lease) -> Result<Vec<Refused>, ChainError> {
        let mut sender = self.sender.lock().await;
        if sender.is_none() {
            let outbox = StoreOutbox::new(store.clone(), lease.clone());
            *sender = Some(Sender::new(self.client().clone(), self.secret, outbox, self.policy)?);
        }
        let Some(sender) = sender.as_mut() else { return Ok(Vec::new()) };
        let refused = sender.turn().await?.refused.into_iter();
        Ok(refused.map(|Refusal { key, reason, attempts }| Refused { key, reason, attempts }).collect())
    }
}

impl MarketChain for OnChain {
    fn chain_id(&self) -> u64 {
        self.client().chain_id()
    }

    fn account(&self) -> Address {
        self.account
    }

    fn head(&self) -> ChainFuture<'_, u64> {
        Box::pin(self.client().head())
    }

    fn terms(&self) -> ChainFuture<'_, SupernetTerms> {
        Box::pin(self.read_terms())
    }

    fn operators(&self, operators: Vec<OperatorId>) -> ChainFuture<'_, Vec<OperatorOnChain>> {
        Box::pin(async move {
            let mut read = Vec::with_capacity(operators.len());
            for operator in operators {
                read.push(self.read_operator(operator).await?);
            }
            Ok(read)
        })
    }

    fn bond(&self) -> ChainFuture<'_, Bond> {
        Box::pin(async move {
            let bond = self.reader.bond(BlockId::latest()).await?;
            let cover = U256::from(bond.balance.saturating_sub(bond.withdrawing));
            Ok(Bond { cover, committed: U256::from(bond.committed) })
        })
    }

    fn uncommitted(&self, request: RequestId) -> ChainFuture<'_, U256> {
        Box::pin(async move {
            let account = self.reader.account(request.0, BlockId::latest()).await?;
            Ok(U256::from(account.uncommitted))
        })
    }

    fn award(&self, award: AwardId) -> ChainFuture<'_, AwardOnChain> {
        Box::pin(async move {
            let record = self.reader.award(award.0, BlockId::latest()).await?;
            let state: u8 = record.state;
            Ok(match state {
                0 => AwardOnChain::None,
                1 => AwardOnChain::Reserved,
                2 => AwardOnChain::Delivered,
                3 => AwardOnChain::Paid,
                4 => AwardOnChain::Struck,
                _ => AwardOnChain::Over,
            })
        })
    }

    fn executable_until(&self, award: AwardId) -> ChainFuture<'_, u64> {
        Box::pin(async move { Ok(self.reader.report(award.0, BlockId::latest()).await?.executeUntil) })
    }

    fn tick(&self, key: TickKey) -> ChainFuture<'_, TickOnChain> {
        Box::pin(self.read_tick(key))
    }

    fn poll<'a>(&'a self, cursor: Option<&'a str>) -> ChainFuture<'a, Option<ChainChange>> {
        Box::pin(self.next_change(cursor))
    }

    fn intent(&self, owed: &Owed) -> OutboxIntent {
        let deployment = self.reader.deployment();
        let (to, data, value) = calls::call(&deployment.gavel, deployment.supernet, owed);
        OutboxIntent { key: owed.key().to_string(), to, data, value, gas_limit: None }
    }

    fn send<'a>(&'a self, store: &'a Store, lease: &'a Lease) -> ChainFuture<'a, Vec<Refused>> {
        Box::pin(self.turn(store, lease))
    }
}
