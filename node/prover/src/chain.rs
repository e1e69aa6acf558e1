//! What a prover reads from the chain: the gateway's key, and whether an award was anchored.

use std::future::Future;
use std::pin::Pin;

use alloy::eips::BlockId;
use alloy_primitives::Address;
use gavel_chain::bindings::gavel::{AuctionBook, SupernetRegistry};
use gavel_chain::deployment::Deployment;
use gavel_chain::{ChainClient, ChainError};
use gavel_types::id::{AwardId, GatewayEpoch};

pub type ChainFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ChainError>> + Send + 'a>>;

/// An award as AuctionBook stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwardOnChain {
    pub block: u64,
    pub operator: Address,
}

/// The prover's own view: it does not take the gateway's word for what costs it stake or work.
pub trait ChainView: Send + Sync + 'static {
    fn head(&self) -> ChainFuture<'_, u64>;
    /// `None` while the award is not reserved.
    fn award(&self, award: AwardId) -> ChainFuture<'_, Option<AwardOnChain>>;
    /// Epoch and key of the supernet's gateway.
    fn gateway(&self) -> ChainFuture<'_, Option<(GatewayEpoch, Address)>>;
    /// Key of the supernet's gateway in an epoch.
    fn gateway_key(&self, epoch: GatewayEpoch) -> ChainFuture<'_, Option<Address>>;
}

/// The view through a node.
#[derive(Clone, Debug)]
pub struct OnChain {
    client: ChainClient,
    supernet: u32,
    auction_book: Address,
    supernet_registry: Address,
}

impl OnChain {
    pub fn new(client: ChainClient, deployment: &Deployment) -> Self {
        Self {
            client,
            supernet: deployment.supernet,
            auction_book: deployment.gavel.auction_book,
            supernet_registry: deployment.gavel.supernet_registry,
        }
    }
}

impl ChainView for OnChain {
    fn head(&self) -> ChainFuture<'_, u64> {
        Box::pin(self.client.head())
    }

    fn award(&self, award: AwardId) -> ChainFuture<'_, Option<AwardOnChain>> {
        Box::pin(async move {
            let book = AuctionBook::new(self.auction_book, self.client.provider());
            let record = book
                .award(award.0)
                .block(BlockId::latest())
                .call()
                .await
                .map_err(|error| ChainError::from_contract("AuctionBook.award", error))?;
            // State 1 is Reserved; everything after it has ended or was delivered.
            Ok((record.state == 1).then_some(AwardOnChain { block: record.awardBlock, operator: record.operator }))
        })
    }

    fn gateway(&self) -> ChainFuture<'_, Option<(GatewayEpoch, Address)>> {
        Box::pin(async move {
            let registry = SupernetRegistry::new(self.supernet_registry, self.client.provider());
            let gateway = registry
                .gateway(self.supernet)
                .block(BlockId::latest())
                .call()
                .await
                .map_err(|error| ChainError::from_contract("SupernetRegistry.gateway", error))?;
            Ok((!gateway.key.is_zero()).then_some((GatewayEpoch(gateway.epoch), gateway.key)))
        })
    }

    fn gateway_key(&self, epoch: GatewayEpoch) -> ChainFuture<'_, Option<Address>> {
        Box::pin(async move {
            let registry = SupernetRegistry::new(self.supernet_registry, self.client.provider());
            let key = registry
                .gatewayKey(self.supernet, epoch.0)
                .block(BlockId::latest())
                .call()
                .await
                .map_err(|error| ChainError::from_contract("SupernetRegistry.gatewayKey", error))?;
            Ok((!key.is_zero()).then_some(key))
        })
    }
}
