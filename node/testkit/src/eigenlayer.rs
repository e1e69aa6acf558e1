//! The real EigenLayer core, release v1.3.0, on a development chain: 31 transactions.
//!
//! All proxies first, pointing at an empty contract; then the implementations, which take proxy
//! addresses; then each proxy is upgraded and initialised.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256, address},
    sol,
    sol_types::{SolCall, SolValue},
};
use gavel_chain::{ChainError, Wallet, bindings::eigenlayer as core, bindings::token::Erc20, deployment::EigenLayer};

use crate::{artifact, error::TestkitError};

sol! {
    contract ProxyAdmin {
        function upgrade(address proxy, address implementation) external;
        function upgradeAndCall(address proxy, address implementation, bytes data) external payable;
    }
    /// Initialisers of the core contracts; paused status 0 means that nothing is paused.
    contract Initialize {
        function initialize(address initialOwner, uint256 initialPausedStatus) external;
    }
    contract InitializeWith {
        function initialize(address initialOwner, address strategyWhitelister, uint256 initialPausedStatus) external;
    }
    contract InitializeFactory {
        function initialize(address initialOwner, uint256 initialPausedStatus, address strategyBeacon) external;
    }
    contract InitializeRewards {
        function initialize(
            address initialOwner, uint256 initialPausedStatus, address rewardsUpdater, uint32 activationDelay,
            uint16 defaultSplitBips
        ) external;
    }
    struct RewardsParams {
        address delegationManager;
        address strategyManager;
        address allocationManager;
        address pauserRegistry;
        address permissionController;
        uint32 calculationIntervalSeconds;
        uint32 maxRewardsDuration;
        uint32 maxRetroactiveLength;
        uint32 maxFutureLength;
        uint32 genesisRewardsTimestamp;
        string version;
    }
}

/// Stands for the beacon deposit contract; used only when somebody stakes ETH, which nobody does here.
const BEACON_DEPOSIT: Address = address!("4242424242424242424242424242424242424242");
const VERSION: &str = "1.3.0";
const DAY: u32 = 86_400;

/// Delays of the core, in blocks.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// `MIN_WITHDRAWAL_DELAY`: a queued withdrawal can be completed after so many blocks.
    pub withdrawal: u32,
    /// `DEALLOCATION_DELAY`: freed stake stays slashable for so many blocks.
    pub deallocation: u32,
    /// `ALLOCATION_CONFIGURATION_DELAY`: an operator's own delay takes effect after so many blocks.
    pub configuration: u32,
}

impl Delays {
    /// For a network that work is done on: an operator that leaves stays slashable for hours.
    pub const NETWORK: Delays = Delays { withdrawal: 7_200, deallocation: 7_200, configuration: 3 };
    /// For tests that wait until everything is over.
    pub const SHORT: Delays = Delays { withdrawal: 10, deallocation: 10, configuration: 3 };
}

/// Deploys the core. `wallet` owns it, pauses it and submits rewards.
///
/// # Errors
/// Missing init code (run `scripts/eigenlayer`) or a transaction that fails.
pub async fn deploy(wallet: &Wallet, delays: Delays) -> Result<EigenLayer, TestkitError> {
    let me = wallet.address();
    let deployer = Deployer { wallet };
    let admin = deployer.plain("ProxyAdmin").await?;
    let empty = deployer.plain("EmptyContract").await?;
    let mut proxies = [Address::ZERO; 8];
    for proxy in &mut proxies {
        *proxy =
            deployer.deploy("TransparentUpgradeableProxy", (empty, admin, Bytes::new()).abi_encode_params()).await?;
    }
    let [delegation, strategy, allocation, pods, _directory, rewards, permission, factory] = proxies;
    let version = VERSION.to_owned();

    let pauser = deployer.deploy("PauserRegistry", (vec![me], me).abi_encode_params()).await?;
    let pod = deployer.deploy("EigenPod", (BEACON_DEPOSIT, pods, 0u64, version.clone()).abi_encode_params()).await?;
    let pod_beacon = deployer.deploy("UpgradeableBeacon", (pod,).abi_encode_params()).await?;
    let base = deployer.deploy("StrategyBase", (strategy, pauser, version.clone()).abi_encode_params()).await?;
    let strategy_beacon = deployer.deploy("UpgradeableBeacon", (base,).abi_encode_params()).await?;

    let implementations = [
        (
            "DelegationManager",
            (strategy, pods, allocation, pauser, permission, delays.withdrawal, version.clone()).abi_encode_params(),
        ),
        ("StrategyManager", (delegation, pauser, version.clone()).abi_encode_params()),
        (
            "AllocationManager",
            (delegation, pauser, permission, delays.deallocation, delays.configuration, version.clone())
                .abi_encode_params(),
        ),
        ("EigenPodManager", (BEACON_DEPOSIT, pod_beacon, delegation, pauser, version.clone()).abi_encode_params()),
        ("AVSDirectory", (delegation, pauser, version.clone()).abi_encode_params()),
        // One dynamic struct, not a list of fields: it is encoded with its leading offset.
        ("RewardsCoordinator", rewards_params(delegation, strategy, allocation, pauser, permission).abi_encode()),
        ("PermissionController", (version.clone(),).abi_encode_params()),
        ("StrategyFactory", (strategy, pauser, version.clone()).abi_encode_params()),
    ];
    let plain = Initialize::initializeCall { initialOwner: me, initialPausedStatus: U256::ZERO }.abi_encode();
    let initialisers = [
        Some(plain.clone()),
        Some(
            InitializeWith::initializeCall {
                initialOwner: me,
                strategyWhitelister: factory,
                initialPausedStatus: U256::ZERO,
            }
            .abi_encode(),
        ),
        Some(plain.clone()),
        Some(plain.clone()),
        Some(plain),
        Some(
            InitializeRewards::initializeCall {
                initialOwner: me,
                initialPausedStatus: U256::ZERO,
                rewardsUpdater: me,
                activationDelay: 5,
                defaultSplitBips: 1_000,
            }
            .abi_encode(),
        ),
        None,
        Some(
            InitializeFactory::initializeCall {
                initialOwner: me,
                initialPausedStatus: U256::ZERO,
                strategyBeacon: strategy_beacon,
            }
            .abi_encode(),
        ),
    ];
    let mut upgrades = Vec::with_capacity(proxies.len());
    for ((name, arguments), (proxy, data)) in implementations.into_iter().zip(proxies.into_iter().zip(initialisers)) {
        upgrades.push((proxy, deployer.deploy(name, arguments).await?, data));
    }
    for (proxy, implementation, data) in upgrades {
        match data {
            Some(data) => {
                let call = ProxyAdmin::upgradeAndCallCall { proxy, implementation, data: data.into() };
                wallet.send(admin, &call).await?
            }
            None => wallet.send(admin, &ProxyAdmin::upgradeCall { proxy, implementation }).await?,
        };
    }
    Ok(EigenLayer {
        allocation_manager: allocation,
        delegation_manager: delegation,
        strategy_manager: strategy,
        strategy_factory: factory,
        permission_controller: permission,
        rewards_coordinator: rewards,
    })
}

fn rewards_params(
    delegation: Address,
    strategy: Address,
    allocation: Address,
    pauser: Address,
    permission: Address,
) -> RewardsParams {
    RewardsParams {
        delegationManager: delegation,
        strategyManager: strategy,
        allocationManager: allocation,
        pauserRegistry: pauser,
        permissionController: permission,
        calculationIntervalSeconds: DAY,
        maxRewardsDuration: 70 * DAY,
        maxRetroactiveLength: 84 * DAY,
        maxFutureLength: 28 * DAY,
        // Any multiple of the interval in the past: 2023-11-14.
        genesisRewardsTimestamp: 19_675 * DAY,
        version: VERSION.into(),
    }
}

struct Deployer<'a> {
    wallet: &'a Wallet,
}

impl Deployer<'_> {
    async fn plain(&self, name: &'static str) -> Result<Address, TestkitError> {
        self.deploy(name, Vec::new()).await
    }

    async fn deploy(&self, name: &'static str, arguments: Vec<u8>) -> Result<Address, TestkitError> {
        let mut code = artifact::eigenlayer(name)?;
        code.extend(arguments);
        let (address, _) =
            self.wallet.deploy(name, code).await.map_err(|source| TestkitError::Step { step: name, source })?;
        Ok(address)
    }
}

/// A strategy for `token`, made by the core's own factory.
pub async fn new_strategy(wallet: &Wallet, core: &EigenLayer, token: Address) -> Result<Address, TestkitError> {
    wallet.send(core.strategy_factory, &core::StrategyFactory::deployNewStrategyCall { token }).await?;
    let factory = core::StrategyFactory::new(core.strategy_factory, wallet.client().provider());
    let strategy = factory.deployedStrategies(token).call().await;
    Ok(strategy.map_err(|e| ChainError::from_contract("deployedStrategies", e))?)
}

/// Deposits `amount` of the strategy's token (which the wallet holds) and delegates to `operator`.
pub async fn restake(
    wallet: &Wallet,
    core: &EigenLayer,
    (token, strategy): (Address, Address),
    operator: Address,
    amount: U256,
) -> Result<(), TestkitError> {
    wallet.send(token, &Erc20::approveCall { spender: core.strategy_manager, amount }).await?;
    let deposit = core::StrategyManager::depositIntoStrategyCall { strategy, token, amount };
    wallet.send(core.strategy_manager, &deposit).await?;
    let delegation = core::DelegationManager::new(core.delegation_manager, wallet.client().provider());
    let delegated = delegation.delegatedTo(wallet.address()).block(BlockId::latest()).call().await;
    if delegated.map_err(|e| ChainError::from_contract("delegatedTo", e))? == operator {
        return Ok(());
    }
    let signature = core::SignatureWithExpiry { signature: Bytes::new(), expiry: U256::ZERO };
    let delegate = core::DelegationManager::delegateToCall {
        operator,
        approverSignatureAndExpiry: signature,
        approverSalt: B256::ZERO,
    };
    wallet.send(core.delegation_manager, &delegate).await?;
    Ok(())
}
