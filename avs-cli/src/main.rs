//! `gavel`: one command for dapp authors, operators and people who try it out.

mod cli;
mod command;
mod output;
mod progress;
mod proof_file;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use gavel_proofs::ProvingAllocator;

use crate::{
    cli::{Cli, Command},
    output::Output,
};

#[global_allocator]
static ALLOCATOR: ProvingAllocator = ProvingAllocator;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // A daemon tells what it does; other commands print results and progress of their own.
    let level = if matches!(cli.command, Command::Gateway(_) | Command::Prover(_)) { "info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("GAVEL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal());
    log.with_writer(std::io::stderr).init();
    let output = Output::new(cli.json);
    match command::run(cli, &output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}
