//! What an operator does on-chain: register with EigenLayer, allocate stake, join a supernet, leave.
//!
//! Every function may be called again: steps that are done already are skipped.

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, U256},
    sol_types::SolValue,
};
use gavel_types::unit::Classes;

use crate::{
    bindings::{
        eigenlayer::{
            AllocateParams, AllocationManager, DelegationManager, DeregisterParams, RegisterParams, operator_set,
        },
        gavel::{OperatorRegistrar, StakeCapacity},
    },
    client::ChainClient,
    deployment::Deployment,
    error::ChainError,
    wallet::Wallet,
};

/// All of an operator's magnitude for a strategy.
pub const FULL_MAGNITUDE: u64 = 1_000_000_000_000_000_000;

/// How an operator stands, at one block.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorStatus {
    pub operator: Address,
    pub block: u64,
    /// Registered with EigenLayer.
    pub is_operator: bool,
    /// Allocation delay in blocks, once it is in force.
    pub allocation_delay: Option<u32>,
    /// Shares of the restaking strategy that are delegated to it, its own included.
    #[serde(serialize_with = "decimal")]
    pub delegated_shares: U256,
    /// What is left of 1e18 after slashes.
    #[serde(serialize_with = "decimal")]
    pub max_magnitude: u64,
    /// Part of it that the supernet's set can slash.
    #[serde(serialize_with = "decimal")]
    pub allocated_magnitude: u64,
    /// Member of the supernet's operator set.
    pub registered: bool,
    /// Deregistered, still slashable.
    pub leaving: bool,
    pub classes: u8,
    /// Bid key in force.
    pub bid_key: Option<Address>,
    /// Stake that counts for the supernet, in wei.
    #[serde(serialize_with = "decimal")]
    pub slashable_stake: U256,
    pub capacity: Capacity,
}

/// Work units, as of the last sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    pub total: u64,
    pub reserved: u64,
    pub free: u64,
    pub synced_at: u64,
    /// Whether an award may rely on it now.
    pub fresh: bool,
}

/// An amount as a decimal string: numbers of JSON lose digits beyond 2^53.
fn decimal<S: serde::Serializer>(amount: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

/// An operator's owner account in a deployment.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    pub wallet: &'a Wallet,
    pub deployment: &'a Deployment,
}

impl Operator<'_> {
    /// Registers with EigenLayer; stake allocated later counts after `allocation_delay` blocks. The
    /// delay itself is in force after the core's configuration delay.
    pub async fn register_with_core(&self, allocation_delay: u32, metadata_uri: &str) -> Result<(), ChainError> {
        let manager = self.deployment.eigenlayer.delegation_manager;
        let delegation = DelegationManager::new(manager, self.wallet.client().provider());
        let known = delegation.isOperator(self.wallet.address()).block(BlockId::latest()).call().await;
        if known.map_err(|e| ChainError::from_contract("isOperator", e))? {
            return Ok(());
        }
        let call = DelegationManager::registerAsOperatorCall {
            initDelegationApprover: Address::ZERO,
            allocationDelay: allocation_delay,
            metadataURI: metadata_uri.into(),
        };
        self.wallet.send(manager, &call).await.map(drop)
    }

    /// Blocks until the allocation delay is in force; zero when it is.
    pub async fn blocks_until_allocation(&self) -> Result<u32, ChainError> {
        let allocations = self.allocations();
        let delay = allocations.getAllocationDelay(self.wallet.address()).block(BlockId::latest()).call().await;
        if delay.map_err(|e| ChainError::from_contract("getAllocationDelay", e))?.isSet {
            return Ok(0);
        }
        let blocks = allocations.ALLOCATION_CONFIGURATION_DELAY().block(BlockId::latest()).call().await;
        Ok(blocks.map_err(|e| ChainError::from_contract("ALLOCATION_CONFIGURATION_DELAY", e))? + 1)
    }

    /// Allocates `magnitude` (of 1e18) of the restaking strategy to the supernet.
    pub async fn allocate(&self, magnitude: u64) -> Result<(), ChainError> {
        let (deployment, owner) = (self.deployment, self.wallet.address());
        let set = operator_set(deployment.gavel.avs_account, deployment.supernet);
        let now = self
            .allocations()
            .getAllocation(owner, set.clone(), deployment.restake.strategy)
            .block(BlockId::latest())
            .call()
            .await
            .map_err(|e| ChainError::from_contract("getAllocation", e))?;
        let pending = i128::from(now.currentMagnitude) + now.pendingDiff;
        if pending == i128::from(magnitude) {
            return Ok(());
        }
        let params = AllocateParams {
            operatorSet: set,
            strategies: vec![deployment.restake.strategy],
            newMagnitudes: vec![magnitude],
        };
        let call = AllocationManager::modifyAllocationsCall { operator: owner, params: vec![params] };
        self.wallet.send(deployment.eigenlayer.allocation_manager, &call).await.map(drop)
    }

    /// Joins the supernet with a bid key and classes, and syncs its capacity.
    pub async fn join(&self, bid_key: Address, classes: Classes) -> Result<(), ChainError> {
        let (deployment, owner) = (self.deployment, self.wallet.address());
        let set = operator_set(deployment.gavel.avs_account, deployment.supernet);
        let member = self.allocations().isMemberOfOperatorSet(owner, set).block(BlockId::latest()).call().await;
        if !member.map_err(|e| ChainError::from_contract("isMemberOfOperatorSet", e))? {
            let data = Bytes::from((bid_key, U256::from(classes.bits())).abi_encode());
            let params =
                RegisterParams { avs: deployment.gavel.avs_account, operatorSetIds: vec![deployment.supernet], data };
            let call = AllocationManager::registerForOperatorSetsCall { operator: owner, params };
            self.wallet.send(deployment.eigenlayer.allocation_manager, &call).await?;
        }
        sync_capacity(self.wallet, deployment, owner).await
    }

    /// Leaves the supernet. Stake stays slashable for the core's deallocation delay.
    pub async fn leave(&self) -> Result<(), ChainError> {
        let deployment = self.deployment;
        let params = DeregisterParams {
            operator: self.wallet.address(),
            avs: deployment.gavel.avs_account,
            operatorSetIds: vec![deployment.supernet],
        };
        let call = AllocationManager::deregisterFromOperatorSetsCall { params };
        self.wallet.send(deployment.eigenlayer.allocation_manager, &call).await.map(drop)
    }

    fn allocations(&self) -> AllocationManager::AllocationManagerInstance<&alloy::providers::DynProvider> {
        AllocationManager::new(self.deployment.eigenlayer.allocation_manager, self.wallet.client().provider())
    }
}

/// Makes the contract read an operator's stake. Anyone may call it.
pub async fn sync_capacity(wallet: &Wallet, deployment: &Deployment, operator: Address) -> Result<(), ChainError> {
    let call = StakeCapacity::syncCapacityCall { supernet: deployment.supernet, operator };
    wallet.send(deployment.gavel.stake_capacity, &call).await.map(drop)
}

/// Reads everything about an operator, at one block.
pub async fn status(
    client: &ChainClient,
    deployment: &Deployment,
    operator: Address,
) -> Result<OperatorStatus, ChainError> {
    let block = client.head().await?;
    let at = BlockId::number(block);
    let (core, gavel, supernet) = (&deployment.eigenlayer, &deployment.gavel, deployment.supernet);
    let strategy = deployment.restake.strategy;
    let set = operator_set(gavel.avs_account, supernet);
    let failed = |call| move |e| ChainError::from_contract(call, e);
    let allocations = AllocationManager::new(core.allocation_manager, client.provider());
    let delegation = DelegationManager::new(core.delegation_manager, client.provider());
    let registrar = OperatorRegistrar::new(gavel.operator_registrar, client.provider());
    let stakes = StakeCapacity::new(gavel.stake_capacity, client.provider());

    let delay =
        allocations.getAllocationDelay(operator).block(at).call().await.map_err(failed("getAllocationDelay"))?;
    let record =
        registrar.operatorRecord(supernet, operator).block(at).call().await.map_err(failed("operatorRecord"))?;
    let bid_key = registrar.bidKeyAt(operator, block).block(at).call().await.map_err(failed("bidKeyAt"))?;
    Ok(OperatorStatus {
        operator,
        block,
        is_operator: delegation.isOperator(operator).block(at).call().await.map_err(failed("isOperator"))?,
        allocation_delay: delay.isSet.then_some(delay.delay),
        delegated_shares: delegation
            .operatorShares(operator, strategy)
            .block(at)
            .call()
            .await
            .map_err(failed("operatorShares"))?,
        max_magnitude: allocations
            .getMaxMagnitude(operator, strategy)
            .block(at)
            .call()
            .await
            .map_err(failed("getMaxMagnitude"))?,
        allocated_magnitude: allocations
            .getAllocation(operator, set, strategy)
            .block(at)
            .call()
            .await
            .map_err(failed("getAllocation"))?
            .currentMagnitude,
        registered: record.registered,
        leaving: record.leaving,
        classes: record.classes,
        bid_key: (!bid_key.is_zero()).then_some(bid_key),
        slashable_stake: stakes
            .slashableStake(supernet, operator)
            .block(at)
            .call()
            .await
            .map_err(failed("slashableStake"))?,
        capacity: capacity(client, deployment, operator, at).await?,
    })
}

/// An operator's work units at a block.
pub async fn capacity(
    client: &ChainClient,
    deployment: &Deployment,
    operator: Address,
    at: BlockId,
) -> Result<Capacity, ChainError> {
    let stakes = StakeCapacity::new(deployment.gavel.stake_capacity, client.provider());
    let capacity = stakes.capacity(deployment.supernet, operator).block(at).call().await;
    let capacity = capacity.map_err(|e| ChainError::from_contract("capacity", e))?;
    Ok(Capacity {
        total: capacity.total,
        reserved: capacity.reserved,
        free: capacity.free,
        synced_at: capacity.syncedAt,
        fresh: capacity.fresh,
    })
}
