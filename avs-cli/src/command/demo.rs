//! `gavel demo`: the whole scenario with processes of this command, and a table of what happened.
//! `scripts/demo` prepares everything and calls it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use gavel_testkit::scenario::{self, Phase, Report, ScenarioOptions, Standing};
use serde::{Deserialize, Serialize};

use super::daemon::interrupted;
use super::parameters::ParameterFolder;
use crate::output::Output;

#[derive(Debug, Args)]
pub struct Demo {
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Leave the network running
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    parameters: ParameterFolder,
    /// Keys, configuration, databases and logs go here; emptied first
    #[arg(long, value_name = "DIR", default_value = ".gavel/demo")]
    folder: PathBuf,
    /// Blocks that are asked about
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u64).range(8..=200))]
    blocks: u64,
    /// Port of the gateway
    #[arg(long, default_value_t = 7_443)]
    port: u16,
    /// Memory of this machine that jobs may use
    #[arg(long, value_name = "GIB", default_value_t = 12)]
    memory_gib: u64,
    /// Jobs at a time on this machine
    #[arg(long, value_name = "N", default_value_t = 3)]
    jobs: u64,
    /// Minutes that the first request may take
    #[arg(long, value_name = "MINUTES", default_value_t = 40)]
    patience: u64,
    /// What was done before, as NAME=SECONDS; can be repeated
    #[arg(long = "before", value_name = "NAME=SECONDS", value_parser = phase, hide = true)]
    before: Vec<Phase>,
    /// Peak memory of what was done before, in KiB
    #[arg(long, default_value_t = 0, hide = true)]
    before_kib: u64,
    /// Something had to be built before
    #[arg(long, hide = true)]
    cold: bool,
}

impl Demo {
    /// Runs the command.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let progress = output.progress("starting");
        let told = |step: &str| progress.step(step);
        // Dropping the scenario ends its processes.
        let (mut report, network) = tokio::select! {
            done = scenario::run(self.options()?, told) => done?,
            () = interrupted() => anyhow::bail!("interrupted"),
        };
        drop(progress);
        if !self.before.is_empty() {
            let mut times = Times::read(&self.folder);
            let other = if self.cold { times.warm_seconds } else { times.cold_seconds };
            report.add_preparation(self.cold, self.before.clone(), self.before_kib * 1024, other);
            times.remember(&self.folder, self.cold, report.totals.as_ref().map(|totals| totals.seconds))?;
        }
        output.result(&report, Report::table)?;
        if let Some(path) = &self.report {
            let text = serde_json::to_string_pretty(&report)?;
            std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        }
        if self.keep {
            keep(network);
        }
        ensure!(report.passed, "not every check held");
        Ok(())
    }

    fn options(&self) -> anyhow::Result<ScenarioOptions> {
        let absolute = |path: &PathBuf| std::path::absolute(path).with_context(|| path.display().to_string());
        Ok(ScenarioOptions {
            binary: std::env::current_exe().context("where is this command?")?,
            folder: absolute(&self.folder)?,
            parameters: absolute(&self.parameters.params_dir)?,
            profile: self.parameters.profile.name().to_owned(),
            verifying_key: absolute(&self.parameters.verifying_key_file())?,
            blocks: self.blocks,
            port: self.port,
            block_time: 2,
            machine: (self.memory_gib, self.jobs),
            patience: Duration::from_secs(60 * self.patience),
            keep: self.keep,
        })
    }
}

/// What the newest start of each kind took, kept beside the demo's folder.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Times {
    cold_seconds: Option<f64>,
    warm_seconds: Option<f64>,
}

impl Times {
    fn file(folder: &Path) -> PathBuf {
        folder.with_extension("times.json")
    }

    /// Nothing, when there was no run or its note cannot be read.
    fn read(folder: &Path) -> Self {
        let text = std::fs::read(Self::file(folder)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn remember(&mut self, folder: &Path, cold: bool, seconds: Option<f64>) -> anyhow::Result<()> {
        *(if cold { &mut self.cold_seconds } else { &mut self.warm_seconds }) = seconds;
        let file = Self::file(folder);
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(&file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Says how to use and stop what stays.
fn keep(network: Standing) {
    let gavel = std::env::current_exe().map_or_else(|_| "gavel".into(), |path| path.display().to_string());
    let (deployment, table) = (network.deployment.display().to_string(), network.table.display().to_string());
    let url = network.devnet.anvil.url().to_owned();
    let last = network.devnet.description.trades.map_or(0, |trades| trades.last_block);
    let processes: Vec<String> = network.keep().iter().map(u32::to_string).collect();
    eprintln!(
        "\nThe network keeps running: the chain at {url}, the gateway and three provers.\n\
         Ask something:\n  {gavel} --deployment {deployment} request --table {table} \\\n    \
         --sql 'SELECT MAX(reserve0) AS high FROM pair' --from-block {} --to-block {last} --max-fee 0.05\n\
         Look at an operator:\n  {gavel} --deployment {deployment} operator status --devnet-operator 1\n\
         Stop everything:\n  kill {}",
        last - 7,
        processes.join(" ")
    );
}

fn phase(text: &str) -> Result<Phase, String> {
    let expected = || format!("expected NAME=SECONDS, got {text:?}");
    let (name, seconds) = text.rsplit_once('=').ok_or_else(expected)?;
    Ok(Phase { name: name.into(), seconds: seconds.parse().map_err(|_| expected())? })
}
