//! What happened on the chain: Gavel's events in order, and the gas of every transaction.

use std::collections::BTreeMap;

use alloy::{
    consensus::Transaction,
    network::TransactionResponse,
    primitives::{Address, B256, U256},
    providers::Provider,
};
use gavel_chain::{
    ChainClient, ChainError,
    bindings::gavel::{AuctionBook, FeeEscrow, OperatorRegistrar, QueryRequests, Slasher, StakeCapacity},
    deployment::{Deployment, Gavel},
    watcher::{Change, Cursor, Event, GavelEvent, WatchOptions, Watcher},
};

use super::{
    auctions::{LotAuction, kind_of},
    report::{AwardLine, GasLine},
};
use crate::error::TestkitError;

/// All events since some block, kept up to date.
#[derive(Debug)]
pub struct Ledger {
    client: ChainClient,
    contracts: Gavel,
    watcher: Watcher,
    cursor: Cursor,
    events: Vec<(Event, GavelEvent)>,
}

impl Ledger {
    /// From `first` on.
    pub fn new(client: ChainClient, deployment: &Deployment, first: u64) -> Self {
        let contracts = deployment.gavel.clone();
        let addresses = vec![
            contracts.query_requests,
            contracts.auction_book,
            contracts.fee_escrow,
            contracts.operator_registrar,
            contracts.stake_capacity,
            contracts.slasher,
        ];
        let options = WatchOptions { confirmations: 0, remembered: 1_000 };
        let watcher = Watcher::new(client.clone(), addresses, options);
        Self { client, contracts, watcher, cursor: Cursor::new(first), events: Vec::new() }
    }

    /// Reads what is new.
    pub async fn update(&mut self) -> Result<(), TestkitError> {
        while let Some(update) = self.watcher.poll(&self.cursor).await? {
            self.cursor = update.cursor;
            match update.change {
                Change::Applied { events, .. } => {
                    let decoded = events.into_iter().filter_map(|event| {
                        let known = event.decode(&self.contracts)?;
                        Some((event, known))
                    });
                    self.events.extend(decoded);
                }
                Change::Withdrawn { block } => self.events.retain(|(event, _)| event.block != block),
            }
        }
        Ok(())
    }

    /// Events in order.
    pub fn events(&self) -> impl Iterator<Item = &GavelEvent> {
        self.events.iter().map(|(_, event)| event)
    }

    /// Awards made for a request.
    pub fn awards(&self, request: B256) -> Vec<AuctionBook::Awarded> {
        self.events()
            .filter_map(|event| match event {
                GavelEvent::AuctionBook(AuctionBook::AuctionBookEvents::Awarded(award)) if award.payer == request => {
                    Some(award.clone())
                }
                _ => None,
            })
            .collect()
    }

    /// Whether an award was delivered, claimed, slashed or nothing yet.
    pub fn end_of(&self, award: B256) -> &'static str {
        let mut end = "open";
        for event in self.events() {
            match event {
                GavelEvent::AuctionBook(AuctionBook::AuctionBookEvents::Delivered(e)) if e.awardId == award => {
                    end = "delivered";
                }
                GavelEvent::AuctionBook(AuctionBook::AuctionBookEvents::Claimed(e)) if e.awardId == award => {
                    end = "paid";
                }
                GavelEvent::AuctionBook(AuctionBook::AuctionBookEvents::AwardSlashed(e)) if e.awardId == award => {
                    end = "slashed";
                }
                _ => {}
            }
        }
        end
    }

    /// Wei paid for awards of a request.
    pub fn paid(&self, request: B256) -> U256 {
        self.events()
            .filter_map(|event| match event {
                GavelEvent::FeeEscrow(FeeEscrow::FeeEscrowEvents::AwardPaid(paid)) if paid.requestId == request => {
                    Some(paid.price)
                }
                _ => None,
            })
            .sum()
    }

    /// Slashes, with the operator and the award.
    pub fn slashes(&self) -> Vec<(Address, B256)> {
        self.events()
            .filter_map(|event| match event {
                GavelEvent::Slasher(Slasher::SlasherEvents::Slashed(e)) => Some((e.operator, e.awardId)),
                _ => None,
            })
            .collect()
    }

    /// Anchored ticks with their transactions.
    pub fn anchors(&self) -> Vec<(u64, B256)> {
        let anchor = |(event, known): &(Event, GavelEvent)| match known {
            GavelEvent::AuctionBook(AuctionBook::AuctionBookEvents::TickAnchored(e)) => {
                Some((e.tick, event.transaction))
            }
            _ => None,
        };
        self.events.iter().filter_map(anchor).collect()
    }

    /// Last block in which a report of an award could be answered, and the block of its slash.
    pub fn answer_window(&self, award: B256) -> (Option<u64>, Option<u64>) {
        let (mut until, mut slashed) = (None, None);
        for (event, known) in &self.events {
            match known {
                GavelEvent::Slasher(Slasher::SlasherEvents::MissReported(e)) if e.awardId == award => {
                    until = Some(e.answerUntil);
                }
                GavelEvent::Slasher(Slasher::SlasherEvents::Slashed(e)) if e.awardId == award => {
                    slashed = Some(event.block.number);
                }
                _ => {}
            }
        }
        (until, slashed)
    }

    /// Operators that were reported as missing a job.
    pub fn reported(&self) -> Vec<(Address, B256)> {
        self.events()
            .filter_map(|event| match event {
                GavelEvent::Slasher(Slasher::SlasherEvents::MissReported(e)) => Some((e.operator, e.awardId)),
                _ => None,
            })
            .collect()
    }

    /// Awards whose report of a miss was answered.
    pub fn dismissed(&self) -> Vec<B256> {
        self.events()
            .filter_map(|event| match event {
                GavelEvent::Slasher(Slasher::SlasherEvents::ReportDismissed(e)) => Some(e.awardId),
                _ => None,
            })
            .collect()
    }

    /// Wei that the settler of a request got back for its gas.
    pub fn reimbursed(&self, request: B256) -> U256 {
        self.events()
            .filter_map(|event| match event {
                GavelEvent::FeeEscrow(FeeEscrow::FeeEscrowEvents::Reimbursed(e)) if e.requestId == request => {
                    Some(e.amount)
                }
                _ => None,
            })
            .sum()
    }

    /// Wei that the settlement of a request cost its sender, by the receipt.
    pub async fn settlement_cost(&self, request: B256) -> Result<U256, TestkitError> {
        let settled = self.events.iter().find(|(_, event)| {
            matches!(event, GavelEvent::QueryRequests(QueryRequests::QueryRequestsEvents::RequestSettled(e))
                if e.requestId == request)
        });
        let Some((event, _)) = settled else { return Ok(U256::ZERO) };
        let receipt = self.client.provider().get_transaction_receipt(event.transaction).await;
        let receipt = receipt.map_err(|e| ChainError::from_transport("eth_getTransactionReceipt", e))?;
        Ok(receipt.map_or(U256::ZERO, |receipt| U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price)))
    }

    /// Why the gateway gave a request up, as `IQueryRequests.FailureReason`.
    pub fn failure(&self, request: B256) -> Option<u8> {
        self.events().find_map(|event| match event {
            GavelEvent::QueryRequests(QueryRequests::QueryRequestsEvents::RequestFailed(e))
                if e.requestId == request =>
            {
                Some(e.reason)
            }
            _ => None,
        })
    }

    /// Lines for the report.
    pub fn award_lines(
        &self,
        request: B256,
        name: impl Fn(Address) -> String,
        auctions: &[LotAuction],
    ) -> Vec<AwardLine> {
        let line = |award: AuctionBook::Awarded| AwardLine {
            kind: kind_of(auctions, award.jobId).into(),
            award: award.awardId.to_string(),
            operator: name(award.operator),
            units: award.units,
            price: award.price.to_string(),
            attempt: award.attempt,
            end: self.end_of(award.awardId).into(),
        };
        self.awards(request).into_iter().map(line).collect()
    }

    /// Gas of the transactions that made these events, by function.
    pub async fn gas(&self) -> Result<Vec<GasLine>, TestkitError> {
        let mut hashes: Vec<B256> = self.events.iter().map(|(event, _)| event.transaction).collect();
        hashes.dedup();
        let provider = self.client.provider();
        let mut lines: BTreeMap<String, GasLine> = BTreeMap::new();
        for hash in hashes {
            let failed = |call| move |e| ChainError::from_transport(call, e);
            let call = "eth_getTransactionByHash";
            let transaction = provider.get_transaction_by_hash(hash).await.map_err(failed(call))?;
            let call = "eth_getTransactionReceipt";
            let receipt = provider.get_transaction_receipt(hash).await.map_err(failed(call))?;
            let (Some(transaction), Some(receipt)) = (transaction, receipt) else { continue };
            let function = function_name(transaction.inner.input());
            debug_assert_eq!(transaction.tx_hash(), hash);
            let gas = receipt.gas_used;
            let line =
                lines.entry(function.clone()).or_insert(GasLine { function, transactions: 0, least: gas, most: gas });
            line.transactions += 1;
            line.least = line.least.min(gas);
            line.most = line.most.max(gas);
        }
        Ok(lines.into_values().collect())
    }
}

/// The function's name by its selector; the selector itself for other contracts.
fn function_name(input: &[u8]) -> String {
    let Some(selector) = input.get(..4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) else {
        return "payment".into();
    };
    macro_rules! first_of {
        ($($calls:ty),* $(,)?) => {
            None$(.or_else(|| <$calls>::name_by_selector(selector)))*
        };
    }
    let name: Option<&'static str> = first_of!(
        QueryRequests::QueryRequestsCalls,
        AuctionBook::AuctionBookCalls,
        FeeEscrow::FeeEscrowCalls,
        StakeCapacity::StakeCapacityCalls,
        OperatorRegistrar::OperatorRegistrarCalls,
        Slasher::SlasherCalls,
        gavel_chain::bindings::gavel::PairObserver::PairObserverCalls,
        gavel_chain::bindings::eigenlayer::AllocationManager::AllocationManagerCalls,
    );
    name.map_or_else(|| alloy::primitives::hex::encode_prefixed(selector), ToOwned::to_owned)
}
