//! `gavel params`, and parameters for the other commands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy::primitives::B256;
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
    /// Write the verifying key here too; it is in the folder as verifying-key-PROFILE.json
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

impl ProfileName {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ProfileName::Production => "production",
            ProfileName::Test => "test",
        }
    }
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Production => Profile::Production,
            ProfileName::Test => Profile::Test,
        }
    }
}

impl From<Profile> for ProfileName {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Production => ProfileName::Production,
            Profile::Test => ProfileName::Test,
        }
    }
}

impl ParameterFolder {
    /// Loads what jobs of `classes` need, building it first if it is missing. Blocks.
    pub fn open(&self, classes: Classes, output: &Output) -> anyhow::Result<Parameters> {
        let progress = output.progress("loading parameters");
        let step: Progress = Arc::new(move |part| progress.step(format!("parameters: {part}")));
        let store = ParameterStore::open(&self.params_dir, self.profile.into(), step)?;
        let parameters = Parameters::open(&store, classes).context("cannot load the parameters")?;
        if parameters.wrap_verifier.is_some() {
            write_if_changed(&self.verifying_key_file(), &setup_of(&parameters)?)?;
        }
        Ok(parameters)
    }

    /// The verifying key of the profile and the circuit set that it stands for. It is a small file,
    /// so that nobody needs the parameters to verify.
    pub fn verifying_key(&self) -> anyhow::Result<(VerifyingKey, B256)> {
        let VerifierSetup { alpha, beta, gamma, delta, ic, circuit_set, .. } = VerifierSetup::read(
            &self.verifying_key_file(),
        )
        .context("no verifying key: run `gavel params build`, or name a folder that has one with --params-dir")?;
        Ok((VerifyingKey { alpha, beta, gamma, delta, ic }, circuit_set))
    }

    /// Where [`open`](Self::open) leaves the verifying key.
    pub fn verifying_key_file(&self) -> PathBuf {
        self.params_dir.join(format!("verifying-key-{}.json", self.profile.name()))
    }
}

fn write_if_changed(path: &Path, setup: &VerifierSetup) -> anyhow::Result<()> {
    if VerifierSetup::read(path).is_ok_and(|there| there == *setup) {
        return Ok(());
    }
    let text = serde_json::to_string_pretty(setup)?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

impl Params {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let Params::Build(build) = self;
        let parameters = build.folder.open(Class::ALL.into_iter().collect(), output)?;
        let setup = setup_of(&parameters)?;
        if let Some(path) = &build.verifying_key {
            write_if_changed(path, &setup)?;
        }
        output.result(&setup, |setup| {
            format!(
                "circuit set     {}\nparameters      {}\nverifying key   {}\nfinal key       a development key of one party: for development chains only",
                setup.circuit_set,
                build.folder.params_dir.display(),
                build.folder.verifying_key_file().display()
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
