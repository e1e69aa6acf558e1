//! Runs the whole scenario with the `gavel` command beside it and prints what happened.
//! Called by `scripts/demo`.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use gavel_testkit::scenario::{self, ScenarioOptions};

/// One real request from the question on-chain to its proven, paid answer, with faults on the way.
#[derive(Debug, Parser)]
struct Demo {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leave the network running
    #[arg(long)]
    keep: bool,
    /// Parameters by content hash
    #[arg(long, value_name = "FOLDER")]
    parameters: PathBuf,
    /// Security profile: `production` or `test`
    #[arg(long, default_value = "production", value_parser = ["production", "test"])]
    profile: String,
    /// Verifying key of the final proofs, with the circuit set
    #[arg(long, value_name = "FILE")]
    verifying_key: PathBuf,
    /// Keys, configuration, databases and logs go here
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// Blocks that are asked about
    #[arg(long, default_value_t = 24)]
    blocks: u64,
    /// Port of the gateway
    #[arg(long, default_value_t = 7_443)]
    port: u16,
    /// Memory that jobs may use, in GiB
    #[arg(long, default_value_t = 12)]
    memory_gib: u64,
    /// Jobs at a time on this machine
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// Blocks that a work unit may take, in thousandths, measured under this load
    #[arg(long, default_value_t = 2_000)]
    milliblocks_per_unit: u64,
    /// Blocks on top for every job
    #[arg(long, default_value_t = 60)]
    spare_blocks: u64,
    /// Minutes that the first request may take
    #[arg(long, default_value_t = 40)]
    patience: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Demo::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("demo: not every check held");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(demo: Demo) -> anyhow::Result<bool> {
    let own = std::env::current_exe().context("where am I?")?;
    let options = ScenarioOptions {
        binary: own.with_file_name("gavel"),
        folder: demo.folder,
        parameters: demo.parameters,
        profile: demo.profile,
        verifying_key: demo.verifying_key,
        blocks: demo.blocks,
        port: demo.port,
        block_time: 2,
        window: (demo.milliblocks_per_unit, demo.spare_blocks),
        machine: (demo.memory_gib, demo.jobs),
        patience: Duration::from_secs(60 * demo.patience),
    };
    let began = Instant::now();
    let (report, network) =
        scenario::run(options, |step| eprintln!("[{:>5} s] {step}", began.elapsed().as_secs())).await?;
    println!("{}", report.table());
    if let Some(path) = &demo.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    if demo.keep {
        let url = network.anvil.url().to_owned();
        if let Some(pid) = network.anvil.detach() {
            println!("The chain stays at {url}; stop it with `kill {pid}`.");
        }
    }
    Ok(report.passed)
}
