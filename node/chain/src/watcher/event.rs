//! One log, keyed by the block that holds it.

use alloy::{
    primitives::{Address, B256, LogData},
    rpc::types::Log,
    sol_types::SolEventInterface,
};
use serde::{Deserialize, Serialize};

use crate::{
    bindings::gavel::{
        AuctionBook, FeeEscrow, OperatorRegistrar, QueryRequests, Slasher, StakeCapacity, SupernetRegistry,
        VerifierRouter,
    },
    client::BlockRef,
    deployment::Gavel,
    error::ChainError,
};

/// What names an event for ever: the same transaction in another block is another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey {
    pub block_hash: B256,
    pub log_index: u64,
}

/// A log of a watched contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub block: BlockRef,
    pub log_index: u64,
    pub transaction: B256,
    pub contract: Address,
    pub data: LogData,
}

impl Event {
    /// # Errors
    /// [`ChainError::Answer`] when the log is of another block than asked for, or incomplete.
    pub(super) fn from_log(block: BlockRef, log: Log) -> Result<Self, ChainError> {
        let bad = |reason: &str| ChainError::Answer { call: "eth_getLogs", reason: reason.into() };
        if log.block_hash != Some(block.hash) {
            return Err(bad("a log of another block"));
        }
        Ok(Self {
            block,
            log_index: log.log_index.ok_or_else(|| bad("a log without index"))?,
            transaction: log.transaction_hash.ok_or_else(|| bad("a log without transaction"))?,
            contract: log.inner.address,
            data: log.inner.data,
        })
    }

    pub fn key(&self) -> EventKey {
        EventKey { block_hash: self.block.hash, log_index: self.log_index }
    }

    /// The event as the contract declares it; `None` for events that the ABI does not know.
    pub fn decode(&self, contracts: &Gavel) -> Option<GavelEvent> {
        macro_rules! decode {
            ($($contract:ident, $field:ident, $events:path);* $(;)?) => {
                $(if self.contract == contracts.$field {
                    let log = alloy::primitives::Log { address: self.contract, data: self.data.clone() };
                    return <$events>::decode_log(&log).ok().map(|event| GavelEvent::$contract(event.data));
                })*
            };
        }
        decode!(
            QueryRequests, query_requests, QueryRequests::QueryRequestsEvents;
            AuctionBook, auction_book, AuctionBook::AuctionBookEvents;
            FeeEscrow, fee_escrow, FeeEscrow::FeeEscrowEvents;
            OperatorRegistrar, operator_registrar, OperatorRegistrar::OperatorRegistrarEvents;
            StakeCapacity, stake_capacity, StakeCapacity::StakeCapacityEvents;
            SupernetRegistry, supernet_registry, SupernetRegistry::SupernetRegistryEvents;
            VerifierRouter, verifier_router, VerifierRouter::VerifierRouterEvents;
            Slasher, slasher, Slasher::SlasherEvents;
        );
        None
    }
}

/// A decoded event, by contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GavelEvent {
    QueryRequests(QueryRequests::QueryRequestsEvents),
    AuctionBook(AuctionBook::AuctionBookEvents),
    FeeEscrow(FeeEscrow::FeeEscrowEvents),
    OperatorRegistrar(OperatorRegistrar::OperatorRegistrarEvents),
    StakeCapacity(StakeCapacity::StakeCapacityEvents),
    SupernetRegistry(SupernetRegistry::SupernetRegistryEvents),
    VerifierRouter(VerifierRouter::VerifierRouterEvents),
    Slasher(Slasher::SlasherEvents),
}
