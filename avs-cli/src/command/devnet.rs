//! `gavel devnet`: a development network on this machine.

use std::{fs, path::PathBuf, time::Duration};

use alloy::primitives::{Address, U256};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use gavel_chain::{
    ChainClient, EndpointOptions, deployment::Deployment, operator as chain_operator, supernet::Supernet,
    verifier::VerifierSetup,
};
use gavel_testkit::{
    AnvilOptions, artifact,
    devnet::{self, Description, DevnetOptions, OperatorAccounts},
    gavel, uniswap,
};
use serde::Serialize;

use crate::output::Output;

/// Commands for the network.
#[derive(Debug, Subcommand)]
pub enum Devnet {
    /// Start the network and leave it running
    Up(Up),
    /// Stop the network and delete its data
    Down,
    /// Show whether the network runs, its contracts, accounts and operators
    Status,
    /// Deposit development tokens at EigenLayer and delegate them to one of the network's operators
    Restake(Restake),
}

#[derive(Debug, Args)]
pub struct Up {
    /// Port of the JSON-RPC endpoint; 0 takes a free one
    #[arg(long, default_value_t = 8545)]
    port: u16,
    /// Seconds between blocks; 0 mines one block per transaction
    #[arg(long, default_value_t = 2, value_name = "SECONDS")]
    block_time: u64,
    /// Blocks of trades on the market before the network is handed over
    #[arg(long, default_value_t = 26, value_name = "N")]
    traded_blocks: u32,
    /// Seed of the trader: the same seed makes the same trades
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Supernet to open [default: config/supernets/coprocessor.toml]
    #[arg(long, value_name = "FILE")]
    supernet: Option<PathBuf>,
    /// Verifying key of the final proofs; without one nothing can be settled
    #[arg(long, value_name = "FILE")]
    verifying_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Restake {
    /// Number of the operator, from 1
    operator: usize,
    /// Whole tokens
    amount: u64,
}

/// The description file of the network.
pub fn description_file() -> PathBuf {
    devnet::folder().join("devnet.json")
}

/// The example dapp of the development network, when that is the network that is worked on.
pub fn observer(deployment: &Deployment) -> Option<Address> {
    let description = Description::read(&description_file()).ok()?;
    (description.deployment.gavel == deployment.gavel).then_some(description.observer)
}

impl Devnet {
    /// Runs the command.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        match self {
            Devnet::Up(up) => up.run(output).await,
            Devnet::Down => down(output).await,
            Devnet::Status => status(output).await,
            Devnet::Restake(restake) => restake.run(output).await,
        }
    }
}

impl Up {
    async fn run(self, output: &Output) -> anyhow::Result<()> {
        let file = description_file();
        if let Some(description) = running()? {
            bail!(
                "a network runs already at {}; stop it with `gavel devnet down`",
                description.deployment.rpc_urls.join(", ")
            );
        }
        let folder = devnet::folder();
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        let setup = match &self.verifying_key {
            Some(path) => VerifierSetup::read(path)?,
            None => gavel::setup_without_circuits(),
        };
        let supernet = self.supernet.unwrap_or_else(|| artifact::root().join("config/supernets/coprocessor.toml"));
        let options = DevnetOptions {
            anvil: AnvilOptions { port: self.port, folder: Some(folder), detachable: true, ..Default::default() },
            supernet: Supernet::read(&supernet)?,
            setup,
            traded_blocks: self.traded_blocks,
            seed: self.seed,
        };
        let progress = output.progress("starting the network");
        let network = devnet::Devnet::start(options, |step| progress.step(step)).await?;
        // An interval of zero would stop mining; without one, anvil mines a block per transaction.
        if self.block_time > 0 {
            network.anvil.block_interval(self.block_time).await?;
        }
        network.description.write(&file)?;
        drop(progress);
        let description = network.description;
        network.anvil.detach();
        output.result(&description, |description| {
            let mut text = human(description);
            if self.verifying_key.is_none() {
                text.push_str("\nNo --verifying-key was given: requests can be made, but nothing can be settled.");
            }
            text.push_str("\nStop it with `gavel devnet down`.");
            text
        })
    }
}

impl Restake {
    async fn run(self, output: &Output) -> anyhow::Result<()> {
        let description = running()?.context("no network runs; start one with `gavel devnet up`")?;
        if self.operator == 0 || self.operator > description.accounts.operators.len() {
            bail!("operators are numbered 1 to {}", description.accounts.operators.len());
        }
        let client = description.deployment.connect(EndpointOptions::default()).await?;
        let accounts = OperatorAccounts::of(self.operator);
        let progress = output.progress(format!("restaking {} tokens with operator {}", self.amount, self.operator));
        devnet::restake(&client, &description, &accounts, uniswap::tokens(self.amount)).await?;
        drop(progress);
        let status = chain_operator::status(&client, &description.deployment, accounts.owner.address).await?;
        output.result(&status, |status| {
            format!("operator {} has {} tokens delegated to it", status.operator, in_tokens(status.delegated_shares))
        })
    }
}

/// The description of the network if its process runs.
fn running() -> anyhow::Result<Option<Description>> {
    let file = description_file();
    if !file.is_file() {
        return Ok(None);
    }
    let description = Description::read(&file)?;
    Ok(process(&description).map(|_| description))
}

/// The process id, when that process is the anvil of this folder and not another that got its number.
fn process(description: &Description) -> Option<rustix::process::Pid> {
    let pid = description.anvil_pid?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let folder = devnet::folder().canonicalize().ok()?;
    let ours = String::from_utf8_lossy(&command).contains(&*folder.to_string_lossy());
    if ours { rustix::process::Pid::from_raw(i32::try_from(pid).ok()?) } else { None }
}

#[derive(Debug, Serialize)]
struct Stopped {
    stopped: bool,
}

async fn down(output: &Output) -> anyhow::Result<()> {
    let description = running()?;
    let stopped = description.is_some();
    if let Some(description) = &description
        && let Some(pid) = process(description)
    {
        let _progress = output.progress("stopping the network");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).context("cannot stop anvil")?;
        for _ in 0..100 {
            if process(description).is_none() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if process(description).is_some() {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).context("cannot stop anvil")?;
        }
    }
    let folder = devnet::folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot delete {}", folder.display()))?;
    }
    output.result(&Stopped { stopped }, |stopped| {
        if stopped.stopped { "stopped".into() } else { "no network was running".into() }
    })
}

#[derive(Debug, Serialize)]
struct Status {
    running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Description>,
    operators: Vec<chain_operator::OperatorStatus>,
}

async fn status(output: &Output) -> anyhow::Result<()> {
    let network = running()?;
    let mut status = Status { running: network.is_some(), head: None, network, operators: Vec::new() };
    if let Some(description) = &status.network {
        let client: ChainClient = description.deployment.connect(EndpointOptions::default()).await?;
        status.head = Some(client.head().await?);
        for accounts in &description.accounts.operators {
            let operator = accounts.owner.address;
            status.operators.push(chain_operator::status(&client, &description.deployment, operator).await?);
        }
    }
    output.result(&status, |status| match &status.network {
        None => "no network runs; start one with `gavel devnet up`".into(),
        Some(description) => {
            let mut text = human(description);
            text.push_str(&format!("newest block    {}\n", status.head.unwrap_or_default()));
            for (number, operator) in status.operators.iter().enumerate() {
                let state = match (operator.registered, operator.leaving, operator.is_operator) {
                    (_, true, _) => "leaving",
                    (true, ..) => "registered",
                    (_, _, true) => "with EigenLayer only",
                    _ => "not registered",
                };
                text.push_str(&format!(
                    "operator {}      {} {state}, {} tokens at stake, {} of {} units free\n",
                    number + 1,
                    operator.operator,
                    in_tokens(operator.slashable_stake),
                    operator.capacity.free,
                    operator.capacity.total,
                ));
            }
            text
        }
    })
}

fn human(description: &Description) -> String {
    let deployment = &description.deployment;
    let trades = description.trades.map_or_else(
        || "none".into(),
        |trades| {
            format!(
                "{} in blocks {} to {}, {} blocks without any",
                trades.swaps, trades.first_block, trades.last_block, trades.quiet_blocks
            )
        },
    );
    format!(
        "RPC endpoint    {}\nchain id        {}\nQueryRequests   {}\nexample dapp    {}\npair            {}\ntrades          {trades}\ndescription     {}\n",
        deployment.rpc_urls.join(", "),
        deployment.chain_id,
        deployment.gavel.query_requests,
        description.observer,
        description.market.pair,
        description_file().display(),
    )
}

/// Whole tokens with up to three decimals.
pub fn in_tokens(wei: U256) -> String {
    let thousandths = wei / U256::from(10).pow(U256::from(15));
    let (whole, rest) = thousandths.div_rem(U256::from(1_000));
    if rest.is_zero() { whole.to_string() } else { format!("{whole}.{rest:03}") }
}
