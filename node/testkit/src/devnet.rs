//! A whole development network: anvil, the EigenLayer core, Gavel, a market that is traded on and
//! an example dapp. Used by tests and by `gavel devnet up`.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, U256};
use gavel_chain::{
    ChainClient, Wallet,
    bindings::token::Erc20,
    deployment::{Deployment, Restake},
    operator::{self, FULL_MAGNITUDE, Operator},
    supernet::Supernet,
    verifier::VerifierSetup,
};
use gavel_types::unit::Class;
use serde::{Deserialize, Serialize};

use crate::{
    anvil::{Anvil, AnvilOptions},
    artifact, eigenlayer,
    eigenlayer::Delays,
    error::TestkitError,
    gavel::{self, Parties},
    keys,
    uniswap::{self, Market, Trades},
};

/// What kind of network.
#[derive(Clone, Debug)]
pub struct DevnetOptions {
    pub anvil: AnvilOptions,
    pub supernet: Supernet,
    pub setup: VerifierSetup,
    /// Blocks of trades; none leaves the market untouched after its first liquidity.
    pub traded_blocks: u32,
    /// Seed of the trader.
    pub seed: u64,
}

impl DevnetOptions {
    /// The supernet of `config/supernets/coprocessor.toml`.
    pub fn new(setup: VerifierSetup) -> Result<Self, TestkitError> {
        let supernet = Supernet::read(&artifact::root().join("config/supernets/coprocessor.toml"))?;
        Ok(Self { anvil: AnvilOptions::default(), supernet, setup, traded_blocks: 26, seed: 7 })
    }

    /// For tests that wait until stake has left: short delays in the core, and windows that fit.
    pub fn with_short_delays(mut self) -> Self {
        let windows = &mut self.supernet.windows;
        (windows.max_accept, windows.max_proving, windows.claim, windows.max_range) = (2, 3, 5, 32);
        (windows.report, windows.answer, windows.margin, windows.capacity_fresh) = (4, 3, 4, 14);
        let devnet = &mut self.supernet.devnet;
        (devnet.withdrawal_delay, devnet.deallocation_delay, devnet.notice) = (30, 30, 2);
        self
    }
}

/// A key pair of the network, in the description file. Public knowledge, worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Role, from which the key is made.
    pub role: String,
    pub address: Address,
    pub secret: B256,
}

impl Account {
    /// The account of a role.
    pub fn of(role: &str) -> Self {
        Self { role: role.into(), address: keys::address(role), secret: keys::secret(role) }
    }
}

/// Keys of one operator: cold owner, hot bid key, and somebody who restakes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorAccounts {
    pub owner: Account,
    pub bid: Account,
    pub restaker: Account,
}

impl OperatorAccounts {
    /// Operators are counted from 1.
    pub fn of(number: usize) -> Self {
        let account = |part: &str| Account::of(&format!("operator {number} {part}"));
        Self { owner: account("owner"), bid: account("bid key"), restaker: account("restaker") }
    }
}

/// Operators whose accounts are funded from the start.
pub const FUNDED_OPERATORS: usize = 4;

/// Accounts of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accounts {
    /// Governs the contracts, owns the core and the restaked token.
    pub deployer: Account,
    pub gateway_owner: Account,
    pub gateway_key: Account,
    pub treasury: Account,
    pub trader: Account,
    /// Asks questions.
    pub requester: Account,
    /// Has nothing to do with anything.
    pub stranger: Account,
    pub operators: Vec<OperatorAccounts>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            deployer: Account::of("deployer"),
            gateway_owner: Account::of("gateway owner"),
            gateway_key: Account::of("gateway key"),
            treasury: Account::of("treasury"),
            trader: Account::of("trader"),
            requester: Account::of("requester"),
            stranger: Account::of("stranger"),
            operators: (1..=FUNDED_OPERATORS).map(OperatorAccounts::of).collect(),
        }
    }
}

impl Accounts {
    fn addresses(&self) -> Vec<Address> {
        let single =
            [&self.deployer, &self.gateway_owner, &self.gateway_key, &self.trader, &self.requester, &self.stranger];
        let operators = self.operators.iter().flat_map(|operator| [&operator.owner, &operator.bid, &operator.restaker]);
        single.into_iter().chain(operators).map(|account| account.address).collect()
    }
}

/// The description file of a network. [`Deployment::read`] reads the same file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    #[serde(flatten)]
    pub deployment: Deployment,
    /// Process id of anvil.
    pub anvil_pid: Option<u32>,
    pub market: Market,
    pub trades: Option<Trades>,
    /// The example dapp.
    pub observer: Address,
    pub accounts: Accounts,
}

impl Description {
    /// Reads a description.
    pub fn read(path: &Path) -> Result<Self, TestkitError> {
        let text = std::fs::read_to_string(path).map_err(|e| TestkitError::file(path, e))?;
        serde_json::from_str(&text).map_err(|e| TestkitError::file(path, e))
    }

    /// Writes a description, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), TestkitError> {
        let text = serde_json::to_string_pretty(self).map_err(|e| TestkitError::file(path, e))?;
        let partial = path.with_extension("partial");
        std::fs::write(&partial, text + "\n").map_err(|e| TestkitError::file(&partial, e))?;
        std::fs::rename(&partial, path).map_err(|e| TestkitError::file(path, e))
    }
}

/// A running network.
#[derive(Debug)]
pub struct Devnet {
    pub anvil: Anvil,
    pub description: Description,
    pub supernet: Supernet,
}

impl Devnet {
    /// Starts a network; one block is mined per transaction. `progress` is told what happens next.
    pub async fn start(mut options: DevnetOptions, mut progress: impl FnMut(&str)) -> Result<Self, TestkitError> {
        let delays = &options.supernet.devnet;
        // Slashing computes `block - withdrawal delay - 1` in 32 bits and fails on a younger chain.
        options.anvil.first_block = options.anvil.first_block.max(u64::from(delays.withdrawal_delay) + 10);
        let delays = Delays {
            withdrawal: delays.withdrawal_delay,
            deallocation: delays.deallocation_delay,
            configuration: delays.configuration_delay,
        };
        let accounts = Accounts::default();
        progress("starting anvil");
        let anvil = Anvil::start(options.anvil).await?;
        for address in accounts.addresses() {
            anvil.fund(address).await?;
        }
        let deployer = Wallet::new(anvil.client().clone(), accounts.deployer.secret)?;
        progress("deploying the EigenLayer core");
        let core = eigenlayer::deploy(&deployer, delays).await?;
        let token = uniswap::deploy_token(&deployer, uniswap::tokens(1_000_000)).await?;
        let strategy = eigenlayer::new_strategy(&deployer, &core, token).await?;
        progress("deploying Gavel's contracts");
        let parties = Parties {
            gateway_owner: accounts.gateway_owner.address,
            gateway_key: accounts.gateway_key.address,
            treasury: accounts.treasury.address,
            guardian: accounts.deployer.address,
        };
        let restake = Restake { token, strategy };
        let deployment = gavel::deploy(&deployer, &core, restake, &options.supernet, parties, &options.setup).await?;
        let observer = gavel::deploy_observer(&deployer, &deployment.gavel).await?;
        progress("opening a Uniswap market and trading on it");
        let trader = Wallet::new(anvil.client().clone(), accounts.trader.secret)?;
        let market = uniswap::deploy(&trader).await?;
        let trades = match options.traded_blocks {
            0 => None,
            blocks => Some(uniswap::trade(&anvil, &trader, &market, blocks, options.seed).await?),
        };
        let description = Description { deployment, anvil_pid: anvil.pid(), market, trades, observer, accounts };
        Ok(Self { anvil, description, supernet: options.supernet })
    }

    pub fn client(&self) -> &ChainClient {
        self.anvil.client()
    }

    pub fn deployment(&self) -> &Deployment {
        &self.description.deployment
    }

    /// A wallet for one of the accounts.
    pub fn wallet(&self, account: &Account) -> Result<Wallet, TestkitError> {
        Ok(Wallet::new(self.client().clone(), account.secret)?)
    }

    /// Gives an operator's restaker `stake` tokens, which it deposits and delegates to the operator.
    /// The operator must be registered with EigenLayer.
    pub async fn restake(&self, operator: &OperatorAccounts, stake: U256) -> Result<(), TestkitError> {
        restake(self.client(), &self.description, operator, stake).await
    }

    /// Registers operator `number` (from 1) with everything: EigenLayer, restaked stake, its whole
    /// magnitude allocated, member of the supernet with all classes, capacity synced.
    pub async fn add_operator(&self, number: usize, stake: U256) -> Result<OperatorAccounts, TestkitError> {
        let accounts = OperatorAccounts::of(number);
        let owner = self.wallet(&accounts.owner)?;
        let operator = Operator { wallet: &owner, deployment: self.deployment() };
        operator.register_with_core(0, "").await?;
        self.anvil.mine(operator.blocks_until_allocation().await?.into()).await?;
        self.restake(&accounts, stake).await?;
        operator.allocate(FULL_MAGNITUDE).await?;
        operator.join(accounts.bid.address, Class::ALL.into_iter().collect()).await?;
        Ok(accounts)
    }

    /// An operator as the chain sees it.
    pub async fn status(&self, operator: Address) -> Result<operator::OperatorStatus, TestkitError> {
        Ok(operator::status(self.client(), self.deployment(), operator).await?)
    }
}

/// As [`Devnet::restake`], for a network that another process started.
pub async fn restake(
    client: &ChainClient,
    description: &Description,
    operator: &OperatorAccounts,
    stake: U256,
) -> Result<(), TestkitError> {
    let deployment = &description.deployment;
    let bank = Wallet::new(client.clone(), description.accounts.deployer.secret)?;
    let restaker = Wallet::new(client.clone(), operator.restaker.secret)?;
    let Restake { token, strategy } = deployment.restake;
    bank.send(token, &Erc20::transferCall { to: restaker.address(), amount: stake }).await?;
    eigenlayer::restake(&restaker, &deployment.eigenlayer, (token, strategy), operator.owner.address, stake).await
}

/// Where `gavel devnet` keeps a network's files: `GAVEL_DEVNET`, or a folder of the repository.
pub fn folder() -> PathBuf {
    std::env::var_os("GAVEL_DEVNET").map_or_else(|| artifact::root().join(".gavel/devnet"), PathBuf::from)
}
