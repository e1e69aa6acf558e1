//! `gavel operator`: join a supernet and see how you stand.

use std::{path::PathBuf, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256},
};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use gavel_chain::{
    ChainClient, Wallet,
    deployment::Deployment,
    operator::{self, FULL_MAGNITUDE, OperatorStatus},
    reads::Reader,
};
use gavel_testkit::devnet::{FUNDED_OPERATORS, OperatorAccounts};
use gavel_types::{
    signature::Signer,
    unit::{Class, Classes},
};

use crate::{
    command::{Network, devnet::in_tokens, key, strike::Strike},
    output::Output,
};

/// Commands for operators.
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Register with EigenLayer, wait for stake, allocate it and join the supernet
    ///
    /// Can be run again at any time: what is done already is skipped.
    Register(Register),
    /// Show registration, stake and capacity
    Status(StatusArgs),
    /// Declare on-chain that you never bid for an award; its bid and acceptance would show the opposite
    Strike(Strike),
}

/// Whose keys.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Owner {
    /// File with the operator's owner key (64 hex digits, readable by you only)
    #[arg(long, value_name = "FILE")]
    owner_key: Option<PathBuf>,
    /// Use the keys of the development network's operator N
    #[arg(long, value_name = "N")]
    devnet_operator: Option<usize>,
}

impl Owner {
    /// The owner's secret key.
    pub fn secret(&self) -> anyhow::Result<B256> {
        if let Some(number) = self.devnet_operator {
            return Ok(devnet_accounts(number)?.owner.secret);
        }
        key::read(self.owner_key.as_ref().context("name the owner's key file with --owner-key")?)
    }
}

#[derive(Debug, Args)]
pub struct Register {
    #[command(flatten)]
    owner: Owner,
    /// Address of the bid key; the development network's operators have one
    #[arg(long, value_name = "ADDRESS")]
    bid_key: Option<Address>,
    /// Classes of jobs that you will prove
    #[arg(long, value_enum, value_delimiter = ',', default_value = "small,medium,large")]
    classes: Vec<ClassName>,
    /// Percent of your stake that this supernet may slash
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    allocate: u8,
    /// Blocks after which your allocations count; EigenLayer asks for it once
    #[arg(long, default_value_t = 0, value_name = "BLOCKS")]
    allocation_delay: u32,
    /// Where EigenLayer's users find out about you
    #[arg(long, default_value = "", value_name = "URI")]
    metadata_uri: String,
    /// Seconds to wait for restakers to delegate enough stake
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    wait: u64,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct StatusArgs {
    /// Address of the operator's owner account
    #[arg(long, value_name = "ADDRESS")]
    operator: Option<Address>,
    /// The development network's operator N
    #[arg(long, value_name = "N")]
    devnet_operator: Option<usize>,
}

/// A memory class of jobs.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ClassName {
    /// Up to 2 GiB
    Small,
    /// Up to 6 GiB
    Medium,
    /// Up to 10 GiB
    Large,
}

impl From<ClassName> for Class {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Small => Class::Small,
            ClassName::Medium => Class::Medium,
            ClassName::Large => Class::Large,
        }
    }
}

impl Operator {
    /// Runs the command.
    pub async fn run(self, network: &Network, output: &Output) -> anyhow::Result<()> {
        match self {
            Operator::Register(register) => register.run(network, output).await,
            Operator::Strike(strike) => strike.run(network, output).await,
            Operator::Status(args) => {
                let operator = match (args.operator, args.devnet_operator) {
                    (Some(address), _) => address,
                    (None, Some(number)) => devnet_accounts(number)?.owner.address,
                    (None, None) => bail!("name an operator"),
                };
                let (client, deployment) = network.connect().await?;
                let status = operator::status(&client, &deployment, operator).await?;
                output.result(&status, human)
            }
        }
    }
}

impl Register {
    async fn run(self, network: &Network, output: &Output) -> anyhow::Result<()> {
        let (secret, bid_key) = self.keys()?;
        let (client, deployment) = network.connect().await?;
        let wallet = Wallet::new(client.clone(), secret)?;
        let owner = wallet.address();
        let operator = operator::Operator { wallet: &wallet, deployment: &deployment };

        let progress = output.progress("registering with EigenLayer");
        operator.register_with_core(self.allocation_delay, &self.metadata_uri).await?;
        let delay = operator.blocks_until_allocation().await?;
        if delay > 0 {
            progress.step(format!("waiting up to {delay} blocks until EigenLayer lets you allocate"));
        }
        self.until(|| async { Ok(operator.blocks_until_allocation().await? == 0) })
            .await
            .context("the allocation delay is not in force")?;
        let minimum = U256::from(minimum_stake(&client, &deployment).await?);
        let share = u64::from(self.allocate) * (FULL_MAGNITUDE / 100);
        // Stake that counts once allocated; slashed magnitude is gone for good.
        let needed = minimum * U256::from(100) / U256::from(self.allocate);
        progress.step(format!("waiting for restakers to delegate {} tokens to {owner}", in_tokens(needed)));
        self.until(|| async { Ok(operator::status(&client, &deployment, owner).await?.delegated_shares >= needed) })
            .await
            .with_context(|| format!("less than {} tokens are delegated to {owner}", in_tokens(needed)))?;
        progress.step("allocating stake to the supernet");
        operator.allocate(share.min(operator::status(&client, &deployment, owner).await?.max_magnitude)).await?;
        progress.step("joining the supernet");
        let classes: Classes = self.classes.iter().map(|name| Class::from(*name)).collect();
        operator.join(bid_key, classes).await?;
        drop(progress);
        let status = operator::status(&client, &deployment, owner).await?;
        output.result(&status, human)
    }

    /// The owner's secret and the bid key's address.
    fn keys(&self) -> anyhow::Result<(B256, Address)> {
        let secret = self.owner.secret()?;
        if let Some(number) = self.owner.devnet_operator {
            return Ok((secret, self.bid_key.unwrap_or(devnet_accounts(number)?.bid.address)));
        }
        let bid_key = self.bid_key.context("name the bid key's address with --bid-key")?;
        if Signer::from_secret(secret)?.address() == bid_key {
            bail!("the bid key must not be the owner key: it is hot, and the owner key can move your stake");
        }
        Ok((secret, bid_key))
    }

    /// Asks again every second until it is so or patience ends.
    async fn until<F: Future<Output = anyhow::Result<bool>>>(&self, check: impl Fn() -> F) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(self.wait);
        while !check().await? {
            if tokio::time::Instant::now() >= deadline {
                bail!("gave up after {} seconds; run the command again to go on", self.wait);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }
}

async fn minimum_stake(client: &ChainClient, deployment: &Deployment) -> anyhow::Result<u128> {
    let reader = Reader::new(client.clone(), deployment.clone());
    Ok(reader.config(BlockId::latest()).await?.stake.minStake)
}

fn devnet_accounts(number: usize) -> anyhow::Result<OperatorAccounts> {
    if !(1..=FUNDED_OPERATORS).contains(&number) {
        bail!("operators of the development network are numbered 1 to {FUNDED_OPERATORS}, got {number}");
    }
    Ok(OperatorAccounts::of(number))
}

fn human(status: &OperatorStatus) -> String {
    let classes: Vec<String> = Class::ALL
        .into_iter()
        .filter(|class| Classes::from_bits(status.classes).is_ok_and(|classes| classes.contains(*class)))
        .map(|class| class.to_string())
        .collect();
    let registration = match (status.registered, status.leaving, status.is_operator) {
        (_, true, _) => "leaving: no new work, still slashable".to_owned(),
        (true, ..) => format!("member of the supernet, classes {}", classes.join(", ")),
        (_, _, true) => "registered with EigenLayer, not with the supernet".to_owned(),
        _ => "not registered with EigenLayer".to_owned(),
    };
    let capacity = &status.capacity;
    let freshness = match capacity.fresh || !status.registered {
        true => "",
        false => ", too old for awards until the gateway refreshes it",
    };
    let bid_key = status.bid_key.map_or_else(|| "none".to_owned(), |key| key.to_string());
    let percent = |magnitude: u64| magnitude as f64 / (FULL_MAGNITUDE / 100) as f64;
    format!(
        "operator        {}\nregistration    {registration}\nbid key         {bid_key}\ndelegated       {} tokens\nallocated       {:.2} % of them; {:.2} % lost to slashes\nslashable       {} tokens\ncapacity        {} units, {} reserved, {} free{freshness}\nat block        {}\n",
        status.operator,
        in_tokens(status.delegated_shares),
        percent(status.allocated_magnitude),
        100.0 - percent(status.max_magnitude),
        in_tokens(status.slashable_stake),
        capacity.total,
        capacity.reserved,
        capacity.free,
        status.block,
    )
}
