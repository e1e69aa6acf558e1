//! `gavel prover calibrate`: how long a work unit takes on this machine under load.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use gavel_chain::supernet::Supernet;
use gavel_gateway::coprocessor;
use gavel_proofs::job::{ExtractInput, JobInput};
use gavel_proofs::system::LocalProofSystem;
use gavel_proofs::{ProofSystem, sample};
use gavel_types::unit::Class;
use serde::Serialize;

use super::parameters::ParameterFolder;
use crate::output::Output;

/// Permutations that one block takes at most in the sample chain: one header, one account path, one slot.
const PERMUTATIONS_OF_A_BLOCK: usize = 65;

#[derive(Debug, Args)]
pub struct Calibrate {
    #[command(flatten)]
    parameters: ParameterFolder,
    /// Configuration of the supernet, for the units of the calibration job
    #[arg(long, value_name = "FILE")]
    supernet: PathBuf,
    /// Jobs at a time, as many as this machine will prove
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    parallel: u16,
}

/// What was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Calibration {
    parallel: u16,
    /// Work units of the calibration job.
    units: u64,
    /// Wall seconds of the slowest job.
    seconds: f64,
    milliseconds_per_unit: u64,
}

impl Calibrate {
    /// Runs the command: proves a full chunk of a seeded chain `parallel` times at once.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let supernet = Supernet::read(&self.supernet)?;
        let workload = coprocessor::workload(self.parameters.profile.into())?;
        let units = coprocessor::units(&supernet, &workload)?.extract.0;
        let blocks = workload.planner.extract.keccak().permutations() / PERMUTATIONS_OF_A_BLOCK;
        let (folder, shown) = (self.parameters.clone(), *output);
        let system =
            tokio::task::spawn_blocking(move || folder.open([Class::Medium].into_iter().collect(), &shown)).await??;
        let system = Arc::new(LocalProofSystem::new(system));
        let progress = output.progress(format!("proving {blocks} blocks, {} times at once", self.parallel));
        let jobs = (0..self.parallel).map(|seed| {
            let system = system.clone();
            tokio::task::spawn_blocking(move || -> anyhow::Result<f64> {
                let blocks = sample::chain(seed.into(), 100, blocks, sample::MAINNET)?;
                let input = JobInput::Extract(ExtractInput { table: sample::table()?, blocks });
                let began = Instant::now();
                system.prove(&input).context("the calibration job failed")?;
                Ok(began.elapsed().as_secs_f64())
            })
        });
        let mut seconds = 0.0_f64;
        for job in jobs.collect::<Vec<_>>() {
            seconds = seconds.max(job.await??);
        }
        drop(progress);
        let milliseconds_per_unit = (seconds * 1000.0 / units as f64).ceil() as u64;
        let calibration = Calibration { parallel: self.parallel, units, seconds, milliseconds_per_unit };
        output.result(&calibration, |found| {
            format!(
                "{} jobs at once, {} units each: {:.1} s, {} ms a unit\n\
                 For a gateway: milliblocks_per_unit = 1000 × margin × {} ms / block time in ms",
                found.parallel, found.units, found.seconds, found.milliseconds_per_unit, found.milliseconds_per_unit
            )
        })
    }
}
