//! A folder of recorded chain data, as `gavel record` writes it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, B256};
use serde_json::{Value, json};

use crate::{artifact, error::TestkitError};

/// The folder with mainnet data that tests read in place: `GAVEL_CHAIN_DATA` (relative to the
/// repository), or `../shared/testdata/mainnet` beside it. Tests that call this are marked
/// `#[needs_chain_data]`.
///
/// # Panics
/// When there is none.
pub fn chain_data() -> PathBuf {
    let given = std::env::var_os("GAVEL_CHAIN_DATA").unwrap_or_else(|| "../shared/testdata/mainnet".into());
    // An absolute path replaces the root.
    let folder = artifact::root().join(given);
    assert!(folder.join("headers").is_dir(), "no chain data at {}; set GAVEL_CHAIN_DATA", folder.display());
    folder
}

/// Recorded headers, proofs and receipts of one chain.
#[derive(Debug, Default)]
pub struct RecordedChain {
    pub chain_id: u64,
    pub(super) headers: BTreeMap<u64, Value>,
    /// `eth_getProof` answers by block and contract.
    pub(super) proofs: BTreeMap<(u64, Address), Value>,
    pub(super) receipts: BTreeMap<u64, Value>,
}

impl RecordedChain {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`TestkitError::File`] for a file that cannot be read or has another shape.
    pub fn open(folder: &Path) -> Result<Self, TestkitError> {
        let mut chain = Self { chain_id: 1, ..Self::default() };
        let description = folder.join("chain.json");
        if description.is_file() {
            let value = read(&description)?;
            chain.chain_id = quantity(&value["chainId"]).ok_or_else(|| shape(&description))?;
        }
        for (path, value) in files(&folder.join("headers"))? {
            for header in value.as_array().ok_or_else(|| shape(&path))? {
                let number = quantity(&header["number"]).ok_or_else(|| shape(&path))?;
                chain.headers.insert(number, header.clone());
            }
        }
        for (path, value) in files(&folder.join("proofs"))? {
            let number = numbered(&path)?;
            for proof in value.as_array().ok_or_else(|| shape(&path))? {
                let address = proof["address"].as_str().and_then(|text| text.parse().ok());
                chain.proofs.insert((number, address.ok_or_else(|| shape(&path))?), proof.clone());
            }
        }
        for (path, value) in files(&folder.join("receipts"))? {
            chain.receipts.insert(numbered(&path)?, value);
        }
        Ok(chain)
    }

    /// Blocks and contracts with proofs.
    pub fn proven(&self) -> impl Iterator<Item = (u64, Address)> + '_ {
        self.proofs.keys().copied()
    }

    /// Slots that are proven for a contract at a block.
    pub fn slots(&self, block: u64, contract: Address) -> Vec<B256> {
        let entries = self.proofs.get(&(block, contract)).and_then(|proof| proof["storageProof"].as_array());
        entries.into_iter().flatten().filter_map(|entry| entry["key"].as_str()?.parse().ok()).collect()
    }

    /// Numbers of the recorded headers, ascending.
    pub fn blocks(&self) -> impl Iterator<Item = u64> + '_ {
        self.headers.keys().copied()
    }

    /// The recorded answer cut down to `slots`; `None` unless all are recorded.
    pub(super) fn proof(&self, block: u64, contract: Address, slots: &[B256]) -> Option<Value> {
        let mut proof = self.proofs.get(&(block, contract))?.clone();
        let recorded = proof["storageProof"].as_array()?.clone();
        let entry = |slot: &B256| {
            let key = slot.to_string();
            recorded.iter().find(|entry| entry["key"] == json!(key)).cloned()
        };
        let entries: Option<Vec<Value>> = slots.iter().map(entry).collect();
        proof["storageProof"] = Value::Array(entries?);
        Some(proof)
    }
}

/// A hex quantity.
pub(super) fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn shape(path: &Path) -> TestkitError {
    TestkitError::file(path, "not in the shape of recorded chain data")
}

fn numbered(path: &Path) -> Result<u64, TestkitError> {
    path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).ok_or_else(|| shape(path))
}

fn read(path: &Path) -> Result<Value, TestkitError> {
    let text = fs::read_to_string(path).map_err(|e| TestkitError::file(path, e))?;
    serde_json::from_str(&text).map_err(|e| TestkitError::file(path, e))
}

/// JSON files of a folder; none when the folder is absent.
fn files(folder: &Path) -> Result<Vec<(PathBuf, Value)>, TestkitError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| TestkitError::file(folder, e))? {
        let path = entry.map_err(|e| TestkitError::file(folder, e))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            found.push((path.clone(), read(&path)?));
        }
    }
    Ok(found)
}
