//! The gateway's configuration file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_primitives::B256;
use gavel_chain::supernet::Supernet;
use gavel_circuits::security::Profile;
use gavel_domain::batch::LotRule;
use gavel_domain::bond::BondShare;
use gavel_domain::deadline::Pace;
use gavel_domain::reputation::CoolDownRule;
use gavel_types::signature::Signer;
use gavel_types::unit::WorkUnits;
use serde::{Deserialize, Serialize};

use crate::error::GatewayError;

/// The TOML file. Relative paths are relative to its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// File with the gateway key: 32 bytes as hex. It signs messages and sends transactions.
    pub key_file: PathBuf,
    /// Where the contracts are (`gavel devnet up` writes it).
    pub deployment_file: PathBuf,
    /// The supernet's terms: units, ticks, ceilings.
    pub supernet_file: PathBuf,
    /// Database and objects.
    pub data_dir: PathBuf,
    /// Parameters by content hash.
    pub params_dir: PathBuf,
    /// Security profile of the proofs.
    #[serde(default = "production")]
    pub profile: Profile,
    pub listen: SocketAddr,
    pub tls: TlsFiles,
    #[serde(default)]
    pub market: MarketRule,
    /// Blocks on top of an event before it counts.
    #[serde(default)]
    pub confirmations: u64,
}

/// Certificate and key; when `names` is set they are made for development if they are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    pub folder: PathBuf,
    #[serde(default)]
    pub development_names: Vec<String>,
}

/// How this gateway runs its market, within the windows of the supernet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketRule {
    /// Milliseconds in which commitments are taken. This and whatever else is skipped here: the supernet's terms.
    #[serde(skip)]
    pub commit_millis: u64,
    /// Milliseconds in which openings are taken; less when all bids are open.
    #[serde(skip)]
    pub open_millis: u64,
    /// Milliseconds between the starts of ticks.
    #[serde(skip)]
    pub tick_millis: u64,
    pub max_jobs_per_lot: usize,
    pub max_units_per_lot: u64,
    pub accept_blocks: u64,
    /// Longest proving window that the contracts admit: the supernet's.
    #[serde(skip)]
    pub max_proving_blocks: u64,
    /// Blocks that one work unit takes, in thousandths, by class; from calibration under load.
    pub milliblocks_per_unit: [u64; 3],
    /// Blocks that every lot gets on top, by class.
    pub spare_blocks: [u64; 3],
    /// The fastest that a work unit goes, in thousandths of a block: a request that cannot be settled by its
    /// deadline even so is given up.
    pub quickest_milliblocks_per_unit: u64,
    /// Blocks that a job takes at least from its announcement to its acceptance.
    pub quickest_blocks_per_job: u64,
    /// First ceiling as hundredths of the maximum that the fee admits.
    #[serde(skip)]
    pub ceiling_start_percent: u8,
    #[serde(skip)]
    pub ceiling_ramp_blocks: u64,
    /// Blocks at the maximum after which a job without a bid fails its request.
    #[serde(skip)]
    pub patience_blocks: u64,
    #[serde(skip)]
    pub attempt_limit: u32,
    pub cool_down_blocks: u64,
    pub cool_down_maximum_blocks: u64,
    /// Milliseconds of silence after which an operator's accepted job is given to somebody else too.
    pub lost_after_millis: u64,
    /// The part of the bond that requests may have committed at one time, in hundredths. A request beyond it waits, and
    /// fails when it alone is more.
    pub bond_share_percent: u8,
    /// Blocks after which deliveries are anchored without a tick.
    pub idle_anchor_blocks: u64,
}

impl Default for MarketRule {
    fn default() -> Self {
        Self {
            commit_millis: 1_500,
            open_millis: 1_500,
            tick_millis: 4_000,
            max_jobs_per_lot: 1,
            max_units_per_lot: 2_000,
            accept_blocks: 30,
            max_proving_blocks: u64::MAX,
            milliblocks_per_unit: [2_000, 2_000, 2_000],
            spare_blocks: [60, 60, 60],
            quickest_milliblocks_per_unit: 250,
            quickest_blocks_per_job: 2,
            ceiling_start_percent: 40,
            ceiling_ramp_blocks: 20,
            patience_blocks: 20,
            attempt_limit: 5,
            cool_down_blocks: 10,
            cool_down_maximum_blocks: 7_200,
            lost_after_millis: 12_000,
            bond_share_percent: 80,
            idle_anchor_blocks: 6,
        }
    }
}

impl MarketRule {
    /// Within the windows of the supernet, and with its terms of auction.
    pub fn with_supernet(self, supernet: &Supernet) -> Self {
        let (windows, auction) = (&supernet.windows, &supernet.auction);
        Self {
            commit_millis: auction.commit_ms,
            open_millis: auction.open_ms,
            tick_millis: auction.tick_ms,
            ceiling_start_percent: auction.start_share,
            ceiling_ramp_blocks: auction.ramp_blocks,
            patience_blocks: auction.patience_blocks,
            attempt_limit: auction.attempts,
            accept_blocks: self.accept_blocks.min(windows.max_accept.into()),
            max_proving_blocks: windows.max_proving.into(),
            ..self
        }
    }

    pub fn lots(&self, circuit_set: B256) -> LotRule {
        LotRule {
            circuit_set,
            max_jobs: self.max_jobs_per_lot.max(1),
            max_units: WorkUnits(self.max_units_per_lot),
            accept_blocks: self.accept_blocks,
            max_proving_blocks: self.max_proving_blocks,
            milliblocks_per_unit: self.milliblocks_per_unit,
            spare_blocks: self.spare_blocks,
        }
    }

    pub fn pace(&self) -> Pace {
        Pace { milliblocks_per_unit: self.quickest_milliblocks_per_unit, blocks_per_job: self.quickest_blocks_per_job }
    }

    pub fn cool_down(&self) -> CoolDownRule {
        CoolDownRule { first_blocks: self.cool_down_blocks, maximum_blocks: self.cool_down_maximum_blocks }
    }

    pub fn bond_share(&self) -> BondShare {
        BondShare(self.bond_share_percent)
    }

    pub fn lost_after(&self) -> Duration {
        Duration::from_millis(self.lost_after_millis)
    }
}

fn production() -> Profile {
    Profile::Production
}

impl GatewayConfig {
    /// # Errors
    /// [`GatewayError::File`], [`GatewayError::Content`] with line and reason.
    pub fn read(path: &Path) -> Result<Self, GatewayError> {
        let text = std::fs::read_to_string(path).map_err(|source| GatewayError::File { path: path.into(), source })?;
        let mut config: Self = toml::from_str(&text)
            .map_err(|error| GatewayError::Content { path: path.into(), reason: error.to_string() })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for file in [
            &mut config.key_file,
            &mut config.deployment_file,
            &mut config.supernet_file,
            &mut config.data_dir,
            &mut config.params_dir,
            &mut config.tls.folder,
        ] {
            *file = folder.join(&file);
        }
        Ok(config)
    }

    /// # Errors
    /// [`GatewayError::File`], [`GatewayError::Key`].
    pub fn secret(&self) -> Result<(B256, Signer), GatewayError> {
        let path = self.key_file.clone();
        let text =
            std::fs::read_to_string(&path).map_err(|source| GatewayError::File { path: path.clone(), source })?;
        let secret: B256 = text
            .trim()
            .parse()
            .map_err(|_| GatewayError::Content { path: path.clone(), reason: "not 32 bytes of hex".into() })?;
        let signer = Signer::from_secret(secret).map_err(|source| GatewayError::Key { path, source })?;
        Ok((secret, signer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terms_of_the_supernet_come_first() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/supernets/coprocessor.toml");
        let mut supernet = Supernet::read(&file).unwrap();
        supernet.auction.tick_ms = 9_001;
        supernet.auction.attempts = 7;
        supernet.windows.max_accept = 3;
        let rule = MarketRule { accept_blocks: 30, ..MarketRule::default() }.with_supernet(&supernet);
        assert_eq!((rule.tick_millis, rule.attempt_limit, rule.accept_blocks), (9_001, 7, 3));
        assert!(toml::from_str::<MarketRule>("tick_millis = 1").is_err(), "not this file's to say");
    }
}
