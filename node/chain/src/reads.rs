//! Questions to Gavel's contracts, always at a named block: left to itself, alloy asks the pending
//! block, whose number and state nobody has agreed on.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEvent,
};

use crate::{
    bindings::gavel::{
        AuctionBook, FeeEscrow, OperatorRegistrar, QueryRequests, Slasher, StakeCapacity, SupernetRegistry,
    },
    client::ChainClient,
    deployment::Deployment,
    error::ChainError,
};

/// Reads one deployment.
#[derive(Clone, Debug)]
pub struct Reader {
    client: ChainClient,
    deployment: Deployment,
}

/// `contract.method(args)` at a block, with the method's name in the error.
macro_rules! read {
    ($self:ident, $contract:ident, $field:ident, $method:ident($($argument:expr),*), $at:expr) => {
        $contract::new($self.deployment.gavel.$field, $self.client.provider())
            .$method($($argument),*)
            .block($at)
            .call()
            .await
            .map_err(|e| ChainError::from_contract(stringify!($method), e))
    };
}

impl Reader {
    pub fn new(client: ChainClient, deployment: Deployment) -> Self {
        Self { client, deployment }
    }

    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Where a request stands.
    pub async fn request(&self, id: B256, at: BlockId) -> Result<QueryRequests::RequestRecord, ChainError> {
        read!(self, QueryRequests, query_requests, requestRecord(id), at)
    }

    /// The stored result of a settled request.
    pub async fn result(&self, id: B256, at: BlockId) -> Result<QueryRequests::getResultReturn, ChainError> {
        read!(self, QueryRequests, query_requests, getResult(id), at)
    }

    /// Least fee of a request with a callback of so much gas.
    pub async fn minimum_fee(&self, callback_gas: u64, at: BlockId) -> Result<U256, ChainError> {
        read!(self, QueryRequests, query_requests, minimumFee(self.deployment.supernet, callback_gas), at)
    }

    /// The money of a request.
    pub async fn account(&self, id: B256, at: BlockId) -> Result<FeeEscrow::FeeAccount, ChainError> {
        read!(self, FeeEscrow, fee_escrow, account(id), at)
    }

    /// The gateway's bond.
    pub async fn bond(&self, at: BlockId) -> Result<FeeEscrow::Bond, ChainError> {
        read!(self, FeeEscrow, fee_escrow, bond(self.deployment.supernet), at)
    }

    /// A stored award.
    pub async fn award(&self, id: B256, at: BlockId) -> Result<AuctionBook::AwardRecord, ChainError> {
        read!(self, AuctionBook, auction_book, award(id), at)
    }

    /// The newest anchored tick.
    pub async fn last_tick(&self, at: BlockId) -> Result<u64, ChainError> {
        read!(self, AuctionBook, auction_book, lastTick(self.deployment.supernet), at)
    }

    /// What an anchor left of a tick.
    pub async fn tick(&self, tick: u64, at: BlockId) -> Result<AuctionBook::TickRecord, ChainError> {
        read!(self, AuctionBook, auction_book, tickRecord(self.deployment.supernet, tick), at)
    }

    /// Who runs the auction.
    pub async fn gateway(&self, at: BlockId) -> Result<SupernetRegistry::Gateway, ChainError> {
        read!(self, SupernetRegistry, supernet_registry, gateway(self.deployment.supernet), at)
    }

    /// The supernet's on-chain configuration.
    pub async fn config(&self, at: BlockId) -> Result<SupernetRegistry::SupernetConfig, ChainError> {
        read!(self, SupernetRegistry, supernet_registry, config(self.deployment.supernet), at)
    }

    /// The EIP-712 domain separator of every signed message.
    pub async fn domain_separator(&self, at: BlockId) -> Result<B256, ChainError> {
        read!(self, SupernetRegistry, supernet_registry, domainSeparator(), at)
    }

    /// The bid key of an operator that was in force at a block.
    pub async fn bid_key(&self, operator: Address, block: u64, at: BlockId) -> Result<Option<Address>, ChainError> {
        let key = read!(self, OperatorRegistrar, operator_registrar, bidKeyAt(operator, block), at)?;
        Ok((!key.is_zero()).then_some(key))
    }

    /// An operator's registration.
    pub async fn operator(
        &self,
        operator: Address,
        at: BlockId,
    ) -> Result<OperatorRegistrar::OperatorRecord, ChainError> {
        read!(self, OperatorRegistrar, operator_registrar, operatorRecord(self.deployment.supernet, operator), at)
    }

    /// An operator's cached capacity.
    pub async fn capacity(&self, operator: Address, at: BlockId) -> Result<StakeCapacity::Capacity, ChainError> {
        read!(self, StakeCapacity, stake_capacity, capacity(self.deployment.supernet, operator), at)
    }

    /// A miss report.
    pub async fn report(&self, award: B256, at: BlockId) -> Result<Slasher::MissReport, ChainError> {
        read!(self, Slasher, slasher, report(award), at)
    }

    /// Awards of an operator that were reported as missed in blocks `from..=to`.
    pub async fn reported_awards(&self, operator: Address, from: u64, to: u64) -> Result<Vec<B256>, ChainError> {
        let filter = Filter::new()
            .address(self.deployment.gavel.slasher)
            .event_signature(Slasher::MissReported::SIGNATURE_HASH)
            .topic2(operator.into_word())
            .from_block(from)
            .to_block(to);
        let logs = self.client.provider().get_logs(&filter).await;
        let logs = logs.map_err(|e| ChainError::from_transport("eth_getLogs", e))?;
        Ok(logs.iter().filter_map(|log| log.topics().get(1).copied()).collect())
    }
}
