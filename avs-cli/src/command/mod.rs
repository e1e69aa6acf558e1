//! One file per command.

pub mod calibrate;
pub mod claim;
pub mod daemon;
pub mod demo;
pub mod devnet;
pub mod key;
pub mod operator;
pub mod parameters;
pub mod prove;
pub mod query;
pub mod record;
pub mod request;
pub mod strike;
pub mod verify;

use std::path::PathBuf;

use anyhow::Context;
use gavel_chain::{ChainClient, EndpointOptions, deployment::Deployment};

use crate::{
    cli::{Cli, Command},
    output::Output,
};

/// Runs a command line.
pub async fn run(cli: Cli, output: &Output) -> anyhow::Result<()> {
    let network = Network { file: cli.deployment };
    match cli.command {
        Command::Devnet(command) => command.run(output).await,
        Command::Operator(command) => command.run(&network, output).await,
        Command::Query(command) => command.run(output),
        Command::Request(command) => command.run(&network, output).await,
        Command::Prove(command) => command.run(output).await,
        Command::Verify(command) => command.run(output).await,
        Command::Gateway(command) => command.run(output).await,
        Command::Prover(command) => command.run(output).await,
        Command::Params(command) => command.run(output),
        Command::Record(command) => command.run(output).await,
        Command::Demo(command) => command.run(output).await,
    }
}

/// The deployment that a command works on.
#[derive(Debug)]
pub struct Network {
    file: Option<PathBuf>,
}

impl Network {
    /// The deployment file: the one given, or that of the development network.
    pub fn file(&self) -> PathBuf {
        self.file.clone().unwrap_or_else(devnet::description_file)
    }

    /// Reads the deployment.
    pub fn deployment(&self) -> anyhow::Result<Deployment> {
        Deployment::read(&self.file())
            .context("no deployment: start one with `gavel devnet up`, or name a file with --deployment")
    }

    /// Reads the deployment and connects to its chain.
    pub async fn connect(&self) -> anyhow::Result<(ChainClient, Deployment)> {
        let deployment = self.deployment()?;
        let client = deployment
            .connect(EndpointOptions::default())
            .await
            .with_context(|| format!("cannot connect to chain {}", deployment.chain_id))?;
        Ok((client, deployment))
    }
}
