//! `gavel params`, and parameters for the other commands.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use gavel_chain::verifier::VerifierSetup;
use gavel_circuits::security::Profile;
use gavel_proofs::parameters::{ParameterStore, Parameters, Progress};
use gavel_proofs::wrap::VerifyingKey;
use gavel_types::unit::{Class, Classes};

use crate::output::Output;

/// Commands for parameters.
#[derive(Debug, Subcommand)]
pub enum Params {
    /// Build all circuits and the final key, once; later commands load them
    Build(Build),
}

#[derive(Debug, Args)]
pub struct Build {
    #[command(flatten)]
    folder: ParameterFolder,
    /// Write the verifying key here, for `gavel devnet up --verifying-key`
    #[arg(long, value_name = "FILE")]
    verifying_key: Option<PathBuf>,
}

/// Which parameters, and where they lie.
#[derive(Clone, Debug, Args)]
pub struct ParameterFolder {
    /// Security profile: `test` is fast and worth nothing against an attacker
    #[arg(long, value_enum, default_value = "production")]
    pub profile: ProfileName,
    /// Folder of the parameters
    #[arg(long, value_name = "DIR", default_value = ".gavel/params", env = "GAVEL_PARAMS")]
    pub params_dir: PathBuf,
}

/// A security profile.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ProfileName {
    /// At least 100 bits by the Johnson rule in every layer
    Production,
    /// Few queries; for trying out
    Test,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Production => Profile::Production,
            ProfileName::Test => Profile::Test,
        }
    }
}

impl ParameterFolder {
    /// Loads what jobs of `classes` need, building it first if it is missing. Blocks.
    pub fn open(&self, classes: Classes, output: &Output) -> anyhow::Result<Parameters> {
        let progress = output.progress("loading parameters");
        let step: Progress = Arc::new(move |part| progress.step(format!("parameters: {part}")));
        let store = ParameterStore::open(&self.params_dir, self.profile.into(), step)?;
        Parameters::open(&store, classes).context("cannot load the parameters")
    }
}

impl Params {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let Params::Build(build) = self;
        let parameters = build.folder.open(Class::ALL.into_iter().collect(), output)?;
        let setup = setup_of(&parameters)?;
        if let Some(path) = &build.verifying_key {
            let text = serde_json::to_string_pretty(&setup)?;
            std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        }
        output.result(&setup, |setup| {
            format!(
                "circuit set     {}\nparameters      {}\nfinal key       a development key of one party: for development chains only",
                setup.circuit_set,
                build.folder.params_dir.display()
            )
        })
    }
}

/// What a deployer needs of the final key.
fn setup_of(parameters: &Parameters) -> anyhow::Result<VerifierSetup> {
    let Some(verifier) = &parameters.wrap_verifier else { bail!("the final key was not built") };
    let VerifyingKey { alpha, beta, gamma, delta, ic } = verifier.key.clone();
    Ok(VerifierSetup { alpha, beta, gamma, delta, ic, circuit_set: parameters.set_root(), development: true })
}
