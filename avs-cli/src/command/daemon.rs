//! `gavel gateway run` and `gavel prover run`: the daemons, in the foreground.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes};
use anyhow::Context;
use clap::{Args, Subcommand};
use gavel_chain::state::StateSource;
use gavel_gateway::evidence;
use gavel_gateway::history::{self, LotAuction};
use gavel_gateway::{Assembly, CoprocessorPlanner, GatewayConfig, coprocessor};
use gavel_proofs::parameters::{ParameterStore, Parameters, Progress};
use gavel_proofs::system::LocalProofSystem;
use gavel_prover::{Prover, ProverConfig};
use gavel_types::id::{AwardId, RequestId};
use gavel_types::unit::Classes;
use serde::Serialize;

use super::{calibrate::Calibrate, claim::Claim, key};
use crate::output::Output;

/// Commands of the gateway.
#[derive(Debug, Subcommand)]
pub enum Gateway {
    /// Run the gateway until interrupted
    Run(Run),
    /// Show who bid what for a request's jobs, who won, and what was refused and why
    Auctions(Auctions),
    /// Print the transaction that reports an accepted award as missed, with the signed evidence
    Evidence(Evidence),
}

/// Commands of a prover.
#[derive(Debug, Subcommand)]
pub enum ProverCommand {
    /// Bid, prove and deliver until interrupted
    Run(Run),
    /// Measure how long a work unit takes on this machine under load
    Calibrate(Calibrate),
    /// Claim the payment of delivered jobs, should the gateway not do it
    Claim(Claim),
}

#[derive(Debug, Args)]
pub struct Run {
    /// Configuration file (docs/operators.md)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Args)]
pub struct Auctions {
    /// Configuration file of the gateway
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Id of the request
    #[arg(value_name = "REQUEST")]
    request: B256,
}

#[derive(Debug, Args)]
pub struct Evidence {
    /// Configuration file of the gateway
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Id of an award that was accepted and is not delivered
    #[arg(value_name = "AWARD")]
    award: B256,
}

/// A transaction that anybody may send.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportTransaction {
    to: Address,
    /// The deposit: it comes back unless the report is answered.
    value_wei: String,
    data: Bytes,
}

impl Evidence {
    async fn run(self, output: &Output) -> anyhow::Result<()> {
        let config = GatewayConfig::read(&self.config)?;
        let (to, data, deposit) = evidence::report(&config, AwardId(self.award)).await?;
        let transaction = ReportTransaction { to, value_wei: deposit.to_string(), data: data.into() };
        output.result(&transaction, |transaction| {
            format!("to    {}\nvalue {} wei\ndata  {}", transaction.to, transaction.value_wei, transaction.data)
        })
    }
}

impl Gateway {
    /// Runs the command.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        match self {
            Gateway::Run(run) => run.gateway().await,
            Gateway::Auctions(auctions) => auctions.run(output).await,
            Gateway::Evidence(evidence) => evidence.run(output).await,
        }
    }
}

impl Auctions {
    async fn run(self, output: &Output) -> anyhow::Result<()> {
        let config = GatewayConfig::read(&self.config)?;
        let auctions = history::auctions(&config.data_dir, RequestId(self.request)).await?;
        output.result(&auctions, |auctions| match auctions.is_empty() {
            true => format!("this gateway has auctioned nothing for request {}", self.request),
            false => auctions.iter().map(auction_text).collect(),
        })
    }
}

fn auction_text(auction: &LotAuction) -> String {
    let mut text =
        format!("tick {}, {} lot, at most {} wei a unit\n", auction.tick, auction.class, auction.ceiling_wei_per_unit);
    for job in &auction.jobs {
        text.push_str(&format!("  job   {} {}, {} units\n", job.job_id, job.kind, job.units));
    }
    for bid in &auction.bids {
        let price = bid.wei_per_unit.as_ref().map_or_else(|| "not opened".into(), |wei| format!("{wei} wei a unit"));
        let won = if auction.winner == Some(bid.operator) { ", won" } else { "" };
        text.push_str(&format!("  bid   {} {price}{won}\n", bid.operator));
    }
    if auction.bids.is_empty() {
        text.push_str("  no bid\n");
    }
    for refusal in &auction.refusals {
        text.push_str(&format!("  not   {} {}\n", refusal.operator, refusal.reason));
    }
    text
}

impl Run {
    async fn gateway(self) -> anyhow::Result<()> {
        let Run { config } = self;
        let config = GatewayConfig::read(&config)?;
        key::check_private(&config.key_file)?;
        let profile = config.profile;
        let (folder, assembly) = (config.params_dir.clone(), Assembly::read(config).await?);
        let system = load(&folder, profile, Classes::default()).await?;
        let workload = coprocessor::workload(profile)?;
        let planner = CoprocessorPlanner {
            source: StateSource::new(assembly.client.clone()),
            workload,
            units: coprocessor::units(&assembly.supernet, &workload)?,
            circuit_set: system.parameters().set_root(),
        };
        check_circuits(planner.circuit_set, assembly.deployment.circuit_set)?;
        let gateway = assembly.start(Arc::new(planner), Arc::new(system)).await?;
        Ok(gateway.run(interrupted()).await?)
    }
}

impl ProverCommand {
    /// Runs the command.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        match self {
            ProverCommand::Run(run) => run.prover().await,
            ProverCommand::Calibrate(calibrate) => calibrate.run(output).await,
            ProverCommand::Claim(claim) => claim.run(output).await,
        }
    }
}

impl Run {
    async fn prover(self) -> anyhow::Result<()> {
        let Run { config } = self;
        let config = ProverConfig::read(&config)?;
        key::check_private(&config.bid_key_file)?;
        // Loaded before they are announced: a class without parameters is none.
        let system = load(&config.params_dir, config.profile, config.policy.classes()).await?;
        let prover = Prover::assemble(&config, Arc::new(system)).await?;
        Ok(prover.run(interrupted()).await?)
    }
}

/// Parameters off the async threads: building takes minutes, loading seconds.
async fn load(
    folder: &Path,
    profile: gavel_circuits::security::Profile,
    classes: Classes,
) -> anyhow::Result<LocalProofSystem> {
    let folder = folder.to_owned();
    let loaded = tokio::task::spawn_blocking(move || -> anyhow::Result<LocalProofSystem> {
        let progress: Progress = Arc::new(|part| tracing::info!(part, "loading parameters"));
        let store = ParameterStore::open(&folder, profile, progress)?;
        Ok(LocalProofSystem::new(Parameters::open(&store, classes)?))
    });
    loaded.await?.context("cannot load the parameters")
}

fn check_circuits(ours: B256, deployed: B256) -> anyhow::Result<()> {
    anyhow::ensure!(
        ours == deployed,
        "the parameters are of circuit set {ours}, the deployment's verifier takes {deployed}; is the profile the same?"
    );
    Ok(())
}

/// Waits for an interrupt or a termination signal.
pub(super) async fn interrupted() {
    let mut terminated = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
