//! Key and configuration files of the scenario's daemons.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use alloy::primitives::B256;

use crate::{
    devnet::{Account, OperatorAccounts},
    error::TestkitError,
    uniswap::Market,
};

/// What an operator asks for a work unit, in wei, by class; and how many jobs it takes at a time.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub small: Option<u64>,
    pub medium: Option<u64>,
    pub large: Option<u64>,
}

/// Where files go and what they name.
#[derive(Clone, Debug)]
pub struct Files<'a> {
    pub folder: &'a Path,
    pub deployment: &'a Path,
    pub parameters: &'a Path,
    /// Security profile: `production` or `test`.
    pub profile: &'a str,
    /// Port of the gateway's gRPC service.
    pub port: u16,
    /// Memory of the machine that jobs may use, in GiB, and jobs at a time.
    pub machine: (u64, u64),
}

/// Of every lot, for fetching the input and delivering.
const SPARE_BLOCKS: u64 = 15;
/// Name in the gateway's development certificate.
const GATEWAY_NAME: &str = "localhost";

impl Files<'_> {
    /// Writes the gateway's files; returns its configuration's path. A work unit may take so many thousandths of a
    /// block.
    pub fn gateway(&self, key: &Account, milliblocks: u64) -> Result<PathBuf, TestkitError> {
        let folder = self.subfolder("gateway")?;
        let key_file = write_key(&folder, "gateway.key", key.secret)?;
        let text = format!(
            "key_file = {:?}\ndeployment_file = {:?}\nsupernet_file = {:?}\ndata_dir = {:?}\nparams_dir = {:?}\nprofile = {:?}\nlisten = \"127.0.0.1:{}\"\n\n\
             [tls]\nfolder = {:?}\ndevelopment_names = [{GATEWAY_NAME:?}]\n\n{}",
            key_file,
            self.deployment,
            crate::artifact::root().join("config/supernets/coprocessor.toml"),
            folder.join("data"),
            self.parameters,
            self.profile,
            self.port,
            self.tls(),
            market(milliblocks),
        );
        write(&folder.join("gateway.toml"), &text)
    }

    /// Writes an operator's files; returns its configuration's path.
    pub fn prover(&self, number: usize, accounts: &OperatorAccounts, policy: Policy) -> Result<PathBuf, TestkitError> {
        let folder = self.subfolder(&format!("prover-{number}"))?;
        let key_file = write_key(&folder, "bid.key", accounts.bid.secret)?;
        let price = |class: &str, wei: Option<u64>| {
            wei.map_or_else(String::new, |wei| format!("{class}_wei_per_unit = {wei}\n"))
        };
        let text = format!(
            "operator = \"{}\"\nbid_key_file = {:?}\ndeployment_file = {:?}\nparams_dir = {:?}\nprofile = {:?}\ncheckpoint_dir = {:?}\n\n\
             [gateway]\nurl = \"https://127.0.0.1:{}\"\nauthority_file = {:?}\nserver_name = {GATEWAY_NAME:?}\n\n\
             [policy]\n{}{}{}\n[machine]\nslots_dir = {:?}\nmemory_gib = {}\njobs = {}\n",
            accounts.owner.address,
            key_file,
            self.deployment,
            self.parameters,
            self.profile,
            folder.join("checkpoint"),
            self.port,
            self.tls().join("gateway.pem"),
            price("small", policy.small),
            price("medium", policy.medium),
            price("large", policy.large),
            self.folder.join("slots"),
            self.machine.0,
            self.machine.1,
        );
        write(&folder.join("prover.toml"), &text)
    }

    /// The table of the pair's reserves, which Uniswap packs into slot 8.
    pub fn table(&self, chain_id: u64, market: &Market) -> Result<PathBuf, TestkitError> {
        let column = |name: &str, kind: &str, offset: u32| {
            format!("\n[[columns]]\nname = {name:?}\ntype = {kind:?}\nslot = \"0x8\"\noffset_bytes = {offset}\n")
        };
        let text = format!(
            "name = \"pair\"\nchain_id = {chain_id}\ncontract = \"{}\"\n{}{}{}",
            market.pair,
            column("reserve0", "uint112", 0),
            column("reserve1", "uint112", 14),
            column("traded_at", "uint32", 28),
        );
        write(&self.folder.join("pair.toml"), &text)
    }

    fn tls(&self) -> PathBuf {
        self.folder.join("tls")
    }

    fn subfolder(&self, name: &str) -> Result<PathBuf, TestkitError> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).map_err(|e| TestkitError::file(&folder, e))?;
        Ok(folder)
    }
}

fn market(milliblocks: u64) -> String {
    format!(
        "[market]\nmilliblocks_per_unit = [{milliblocks}, {milliblocks}, {milliblocks}]\n\
         spare_blocks = [{SPARE_BLOCKS}, {SPARE_BLOCKS}, {SPARE_BLOCKS}]\n"
    )
}

pub(super) fn write_key(folder: &Path, name: &str, secret: B256) -> Result<PathBuf, TestkitError> {
    let path = write(&folder.join(name), &format!("{secret}\n"))?;
    let owner_only = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&path, owner_only).map_err(|e| TestkitError::file(&path, e))?;
    Ok(path)
}

fn write(path: &Path, text: &str) -> Result<PathBuf, TestkitError> {
    fs::write(path, text).map_err(|e| TestkitError::file(path, e))?;
    Ok(path.to_owned())
}
