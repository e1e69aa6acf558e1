//! A prover's configuration file.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use gavel_circuits::security::Profile;
use gavel_types::signature::Signer;
use serde::{Deserialize, Serialize};

use crate::bidding::CostPolicy;
use crate::error::ProverError;

/// The TOML file. Relative paths are relative to its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProverConfig {
    /// The operator's owner address, as registered with EigenLayer.
    pub operator: Address,
    /// File with the bid key: 32 bytes as hex.
    pub bid_key_file: PathBuf,
    /// Where the contracts are (`gavel devnet up` writes it).
    pub deployment_file: PathBuf,
    pub gateway: GatewayAddress,
    pub policy: CostPolicy,
    /// Parameters by content hash.
    pub params_dir: PathBuf,
    /// Security profile of the proofs.
    #[serde(default = "production")]
    pub profile: Profile,
    /// The prover's own durable state.
    pub checkpoint_dir: PathBuf,
    pub machine: Machine,
    /// Jobs at a time.
    #[serde(default = "one")]
    pub concurrency: usize,
    /// Seconds between heartbeats.
    #[serde(default = "three")]
    pub heartbeat_seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayAddress {
    /// `https://host:port`.
    pub url: String,
    /// Certificate that is trusted, as PEM.
    pub authority_file: PathBuf,
    /// Name in the gateway's certificate.
    pub server_name: String,
}

/// What all provers of the machine share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub slots_dir: PathBuf,
    pub memory_gib: u64,
    pub jobs: u64,
}

fn production() -> Profile {
    Profile::Production
}

fn one() -> usize {
    1
}

fn three() -> u64 {
    3
}

impl ProverConfig {
    /// # Errors
    /// [`ProverError::File`], [`ProverError::Content`] with line and reason.
    pub fn read(path: &Path) -> Result<Self, ProverError> {
        let text = std::fs::read_to_string(path).map_err(|source| ProverError::File { path: path.into(), source })?;
        let mut config: Self = toml::from_str(&text)
            .map_err(|error| ProverError::Content { path: path.into(), reason: error.to_string() })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for file in [
            &mut config.bid_key_file,
            &mut config.deployment_file,
            &mut config.gateway.authority_file,
            &mut config.params_dir,
            &mut config.checkpoint_dir,
            &mut config.machine.slots_dir,
        ] {
            *file = folder.join(&file);
        }
        Ok(config)
    }

    /// # Errors
    /// [`ProverError::File`], [`ProverError::Key`].
    pub fn bid_key(&self) -> Result<(B256, Signer), ProverError> {
        let path = self.bid_key_file.clone();
        let text = std::fs::read_to_string(&path).map_err(|source| ProverError::File { path: path.clone(), source })?;
        let secret: B256 = text
            .trim()
            .parse()
            .map_err(|_| ProverError::Content { path: path.clone(), reason: "not 32 bytes of hex".into() })?;
        let signer = Signer::from_secret(secret).map_err(|source| ProverError::Key { path, source })?;
        Ok((secret, signer))
    }
}
