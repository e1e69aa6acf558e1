//! The network after the scenario: dropped it stops, kept it runs on.

use std::path::PathBuf;

use super::daemon::Daemon;
use crate::devnet::Devnet;

/// Everything that still runs.
#[derive(Debug)]
pub struct Standing {
    pub devnet: Devnet,
    pub(super) daemons: Vec<Daemon>,
    /// Description of the network, for `gavel --deployment`.
    pub deployment: PathBuf,
    /// The table that was asked about.
    pub table: PathBuf,
}

impl Standing {
    /// Leaves every process running, and returns their ids.
    pub fn keep(self) -> Vec<u32> {
        let daemons = self.daemons.into_iter().filter_map(Daemon::detach);
        daemons.chain(self.devnet.anvil.detach()).collect()
    }
}
