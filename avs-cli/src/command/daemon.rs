//! `gavel gateway run` and `gavel prover run`: the daemons, in the foreground.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use gavel_chain::state::StateSource;
use gavel_gateway::{Assembly, CoprocessorPlanner, GatewayConfig, coprocessor};
use gavel_proofs::parameters::{ParameterStore, Parameters, Progress};
use gavel_proofs::system::LocalProofSystem;
use gavel_prover::{Prover, ProverConfig};
use gavel_types::unit::Classes;

use super::key;

/// Commands of the gateway.
#[derive(Debug, Subcommand)]
pub enum Gateway {
    /// Run the gateway until interrupted
    Run(Run),
}

/// Commands of a prover.
#[derive(Debug, Subcommand)]
pub enum ProverCommand {
    /// Bid, prove and deliver until interrupted
    Run(Run),
}

#[derive(Debug, Args)]
pub struct Run {
    /// Configuration file (docs/operators.md)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Gateway {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let Gateway::Run(Run { config }) = self;
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
    pub async fn run(self) -> anyhow::Result<()> {
        let ProverCommand::Run(Run { config }) = self;
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

fn check_circuits(ours: alloy::primitives::B256, deployed: alloy::primitives::B256) -> anyhow::Result<()> {
    anyhow::ensure!(
        ours == deployed,
        "the parameters are of circuit set {ours}, the deployment's verifier takes {deployed}; is the profile the same?"
    );
    Ok(())
}

async fn interrupted() {
    let mut terminated = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
