//! The contracts through a node.

use alloy::eips::BlockId;
use alloy::sol_types::SolCall;
use alloy_primitives::{Address, B256, Bytes, U256};
use gavel_chain::bindings::gavel::{
    AuctionBook, FeeEscrow, OperatorRegistrar, QueryRequests, Slasher, StakeCapacity, SupernetRegistry,
};
use gavel_chain::deployment::{Deployment, Gavel};
use gavel_chain::sender::{Outcome, Policy, Sender};
use gavel_chain::watcher::{Change, Cursor, WatchOptions, Watcher};
use gavel_chain::{ChainClient, ChainError, EndpointOptions};
use gavel_store::{Lease, OutboxIntent, Store};
use gavel_types::id::{AwardId, GatewayEpoch, OperatorId, RequestId, TickKey};
use gavel_types::message::{DeliveryReceipt, Signed};
use gavel_types::unit::{Classes, WeiPerUnit, WorkUnits};
use tokio::sync::Mutex;

use super::facts::{Scope, write_request};
use super::{
    AwardOnChain, ChainChange, ChainFuture, Finished, MarketChain, MissEvidence, OperatorOnChain, Owed, StoreOutbox,
    SupernetTerms,
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
    client: ChainClient,
    supernet: u32,
    contracts: Gavel,
    first_block: u64,
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
        let contracts = deployment.gavel.clone();
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
            client,
            supernet: deployment.supernet,
            contracts,
            first_block: deployment.first_block,
            account,
            secret,
            policy: options.sender,
            sender: Mutex::new(None),
        })
    }

    async fn read_operator(&self, operator: OperatorId) -> Result<OperatorOnChain, ChainError> {
        let provider = self.client.provider();
        let head = self.client.head().await?;
        let at = BlockId::number(head);
        let registrar = OperatorRegistrar::new(self.contracts.operator_registrar, provider);
        let capacity = StakeCapacity::new(self.contracts.stake_capacity, provider);
        let failed = ChainError::from_contract;
        let record = registrar
            .operatorRecord(self.supernet, operator.0)
            .block(at)
            .call()
            .await
            .map_err(|error| failed("OperatorRegistrar.operatorRecord", error))?;
        let bid_key = registrar
            .bidKeyAt(operator.0, head)
            .block(at)
            .call()
            .await
            .map_err(|error| failed("OperatorRegistrar.bidKeyAt", error))?;
        let capacity = capacity
            .capacity(self.supernet, operator.0)
            .block(at)
            .call()
            .await
            .map_err(|error| failed("StakeCapacity.capacity", error))?;
        Ok(OperatorOnChain {
            operator,
            registered: record.registered,
            leaving: record.leaving,
            bid_key,
            // Bits that this version does not know are classes that it does not auction.
            classes: Classes::from_bits(record.classes & 0b111).unwrap_or_default(),
            free: WorkUnits(capacity.free),
            fresh: capacity.fresh,
            synced_at: capacity.syncedAt,
        })
    }

    async fn read_terms(&self) -> Result<SupernetTerms, ChainError> {
        let provider = self.client.provider();
        let at = BlockId::number(self.client.head().await?);
        let registry = SupernetRegistry::new(self.contracts.supernet_registry, provider);
        let book = AuctionBook::new(self.contracts.auction_book, provider);
        let failed = ChainError::from_contract;
        let gateway = registry
            .gateway(self.supernet)
            .block(at)
            .call()
            .await
            .map_err(|error| failed("SupernetRegistry.gateway", error))?;
        let prices = registry
            .prices(self.supernet)
            .block(at)
            .call()
            .await
            .map_err(|error| failed("SupernetRegistry.prices", error))?;
        let stake = registry
            .stakeTerms(self.supernet)
            .block(at)
            .call()
            .await
            .map_err(|error| failed("SupernetRegistry.stakeTerms", error))?;
        let windows = registry
            .windows(self.supernet)
            .block(at)
            .call()
            .await
            .map_err(|error| failed("SupernetRegistry.windows", error))?;
        let last_tick = book
            .lastTick(self.supernet)
            .block(at)
            .call()
            .await
            .map_err(|error| failed("AuctionBook.lastTick", error))?;
        Ok(SupernetTerms {
            gateway_key: gateway.key,
            epoch: GatewayEpoch(gateway.epoch),
            max_price: WeiPerUnit(U256::from(prices.maxPriceWeiPerUnit)),
            report_deposit: U256::from(stake.reportDeposit),
            capacity_fresh: windows.capacityFresh.into(),
            last_tick,
        })
    }

    async fn next_change(&self, cursor: Option<&str>) -> Result<Option<ChainChange>, ChainError> {
        let bad = |error: serde_json::Error| ChainError::Config {
            subject: "stored cursor".into(),
            reason: error.to_string(),
        };
        let cursor: Cursor = match cursor {
            Some(text) => serde_json::from_str(text).map_err(bad)?,
            None => Cursor::new(self.first_block),
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
                    .filter_map(|event| self.scope.fact(event.decode(&self.contracts)?, event.log_index))
                    .collect(),
            },
        }))
    }

    async fn turn(&self, store: &Store, lease: &Lease) -> Result<Vec<Finished>, ChainError> {
        let mut sender = self.sender.lock().await;
        if sender.is_none() {
            let outbox = StoreOutbox::new(store.clone(), lease.clone());
            *sender = Some(Sender::new(self.client.clone(), self.secret, outbox, self.policy)?);
        }
        let Some(sender) = sender.as_mut() else { return Ok(Vec::new()) };
        let finished = sender.turn().await?;
        let failure = |outcome| match outcome {
            Outcome::Succeeded { .. } => None,
            Outcome::Reverted { hash, .. } => Some(format!("transaction {hash} was reverted")),
            Outcome::Refused { reason } => Some(reason),
        };
        Ok(finished.into_iter().map(|row| Finished { key: row.key, failure: failure(row.outcome) }).collect())
    }

    fn call(&self, owed: &Owed) -> (Address, Vec<u8>, U256) {
        let contracts = &self.contracts;
        let free = |to, data: Vec<u8>| (to, data, U256::ZERO);
        match owed {
            Owed::AnchorTick { key, close, lots, awards, delivered } => {
                let lot = |lot: &gavel_types::lot::LotTerms| AuctionBook::LotTerms {
                    supernet: lot.supernet,
                    gatewayEpoch: lot.gatewayEpoch,
                    tick: lot.tick,
                    lot: lot.lot,
                    class: lot.class,
                    units: lot.units,
                    ceilingWeiPerUnit: lot.ceilingWeiPerUnit,
                    acceptBlocks: lot.acceptBlocks,
                    provingBlocks: lot.provingBlocks,
                    jobsRoot: lot.jobsRoot,
                    circuitSetRoot: lot.circuitSetRoot,
                };
                let award = |award: &super::AnchoredAward| AuctionBook::AwardEntry {
                    lot: award.lot,
                    payer: award.payer.0,
                    jobIndex: award.job_index,
                    attempt: award.attempt,
                    operator: award.operator.0,
                    units: award.units.0,
                    priceWeiPerUnit: award.price.0,
                };
                let call = AuctionBook::anchorTickCall {
                    supernet: key.supernet.0,
                    tick: key.tick.0,
                    bidsRoot: close.bidsRoot,
                    count: close.count,
                    capacityRoot: close.capacityRoot,
                    lots: lots.iter().map(lot).collect(),
                    awards: awards.iter().map(award).collect(),
                    delivered: delivered.iter().map(|award| award.0).collect(),
                };
                free(contracts.auction_book, call.abi_encode())
            }
            Owed::Settle { id, request, origin, output, results, proof } => {
                let call = QueryRequests::settleCall {
                    requestId: id.0,
                    request: write_request(request),
                    requester: origin.requester,
                    nonce: U256::from(origin.nonce),
                    answer: QueryRequests::Answer {
                        status: output.status as u8,
                        rowCount: output.row_count,
                        result: results.clone(),
                    },
                    proof: Bytes::from(proof.clone()),
                };
                free(contracts.query_requests, call.abi_encode())
            }
            Owed::Fail { id, reason } => {
                let call = QueryRequests::failCall { requestId: id.0, reason: *reason };
                free(contracts.query_requests, call.abi_encode())
            }
            Owed::ReportMiss { evidence, deposit, .. } => {
                let call = Slasher::reportMissCall { evidence: write_evidence(evidence) };
                (contracts.slasher, call.abi_encode(), *deposit)
            }
            Owed::AnswerReport { receipt, .. } => {
                let message = &receipt.message;
                let call = Slasher::answerCall {
                    key: Slasher::AwardKey {
                        supernet: message.supernet,
                        gatewayEpoch: message.gatewayEpoch,
                        tick: message.tick,
                        jobId: message.jobId,
                        attempt: message.attempt,
                        operator: message.operator,
                    },
                    statementDigest: message.statementDigest,
                    signature: Bytes::copy_from_slice(receipt.signature.as_ref()),
                };
                free(contracts.slasher, call.abi_encode())
            }
            Owed::ExecuteSlash { award } => {
                free(contracts.slasher, Slasher::executeSlashCall { awardId: award.0 }.abi_encode())
            }
            Owed::Claim { award } => {
                free(contracts.auction_book, AuctionBook::claimCall { awardId: award.0 }.abi_encode())
            }
            Owed::ClaimWithReceipt { receipt, .. } => free(contracts.auction_book, claim_with_receipt(receipt)),
            Owed::SyncCapacity { operator, .. } => {
                let call = StakeCapacity::syncCapacityCall { supernet: self.supernet, operator: operator.0 };
                free(contracts.stake_capacity, call.abi_encode())
            }
        }
    }
}

fn claim_with_receipt(receipt: &Signed<DeliveryReceipt>) -> Vec<u8> {
    let message = &receipt.message;
    AuctionBook::claimWithReceiptCall {
        key: AuctionBook::AwardKey {
            supernet: message.supernet,
            gatewayEpoch: message.gatewayEpoch,
            tick: message.tick,
            jobId: message.jobId,
            attempt: message.attempt,
            operator: message.operator,
        },
        statementDigest: message.statementDigest,
        signature: Bytes::copy_from_slice(receipt.signature.as_ref()),
    }
    .abi_encode()
}

fn write_evidence(evidence: &MissEvidence) -> Slasher::MissEvidence {
    let TickKey { supernet, epoch, tick } = evidence.key;
    let (lot, job) = (&evidence.lot, &evidence.job);
    Slasher::MissEvidence {
        key: Slasher::AwardKey {
            supernet: supernet.0,
            gatewayEpoch: epoch.0,
            tick: tick.0,
            jobId: job.job.0,
            attempt: evidence.attempt,
            operator: evidence.operator.0,
        },
        lot: Slasher::LotTerms {
            supernet: lot.supernet,
            gatewayEpoch: lot.gatewayEpoch,
            tick: lot.tick,
            lot: lot.lot,
            class: lot.class,
            units: lot.units,
            ceilingWeiPerUnit: lot.ceilingWeiPerUnit,
            acceptBlocks: lot.acceptBlocks,
            provingBlocks: lot.provingBlocks,
            jobsRoot: lot.jobsRoot,
            circuitSetRoot: lot.circuitSetRoot,
        },
        job: Slasher::JobTerms {
            jobId: job.job.0,
            payer: job.payer.0,
            kind: job.kind as u8,
            units: job.units.0,
            claimDigest: job.claim_digest,
        },
        jobProof: evidence.job_proof.clone(),
        priceWeiPerUnit: evidence.price.0,
        salt: evidence.salt,
        bidSignature: Bytes::copy_from_slice(evidence.bid_signature.as_ref()),
        bidProof: evidence.bid_proof.clone(),
        inputDigest: evidence.input_digest,
        acceptBlock: evidence.accept_block,
        acceptSignature: Bytes::copy_from_slice(evidence.accept_signature.as_ref()),
    }
}

impl MarketChain for OnChain {
    fn chain_id(&self) -> u64 {
        self.client.chain_id()
    }

    fn account(&self) -> Address {
        self.account
    }

    fn head(&self) -> ChainFuture<'_, u64> {
        Box::pin(self.client.head())
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

    fn uncommitted(&self, request: RequestId) -> ChainFuture<'_, U256> {
        Box::pin(async move {
            let escrow = FeeEscrow::new(self.contracts.fee_escrow, self.client.provider());
            let account = escrow
                .account(request.0)
                .block(BlockId::latest())
                .call()
                .await
                .map_err(|error| ChainError::from_contract("FeeEscrow.account", error))?;
            Ok(U256::from(account.uncommitted))
        })
    }

    fn award(&self, award: AwardId) -> ChainFuture<'_, AwardOnChain> {
        Box::pin(async move {
            let book = AuctionBook::new(self.contracts.auction_book, self.client.provider());
            let record = book
                .award(award.0)
                .block(BlockId::latest())
                .call()
                .await
                .map_err(|error| ChainError::from_contract("AuctionBook.award", error))?;
            let state: u8 = record.state;
            Ok(match state {
                0 => AwardOnChain::None,
                1 => AwardOnChain::Reserved,
                2 => AwardOnChain::Delivered,
                3 => AwardOnChain::Paid,
                _ => AwardOnChain::Over,
            })
        })
    }

    fn poll<'a>(&'a self, cursor: Option<&'a str>) -> ChainFuture<'a, Option<ChainChange>> {
        Box::pin(self.next_change(cursor))
    }

    fn intent(&self, owed: &Owed) -> OutboxIntent {
        let (to, data, value) = self.call(owed);
        OutboxIntent { key: owed.key(), to, data, value, gas_limit: None }
    }

    fn send<'a>(&'a self, store: &'a Store, lease: &'a Lease) -> ChainFuture<'a, Vec<Finished>> {
        Box::pin(self.turn(store, lease))
    }
}
