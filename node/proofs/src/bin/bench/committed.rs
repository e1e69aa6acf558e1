//! The wrap key that is committed beside the production proof, by its hashes.

use std::fs;

use alloy_primitives::B256;
use serde::Deserialize;

use super::Outcome;

/// Written by `examples/golden.rs`; seen from the root of the repository.
const FILE: &str = "contracts/test/golden/wrap.json";

/// What identifies a wrap key.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Key {
    /// Of the verifying key, as the contract computes it.
    pub hash: B256,
    /// Of the constraint matrices and the setup's seed.
    pub fingerprint: B256,
}

#[derive(Deserialize)]
struct Committed {
    key: Key,
}

impl Key {
    /// The committed key.
    ///
    /// # Errors
    /// When the file cannot be read: run it from the root of the repository.
    pub fn read() -> Outcome<Self> {
        let bytes = fs::read(FILE).map_err(|error| format!("{FILE}: {error}"))?;
        Ok(serde_json::from_slice::<Committed>(&bytes)?.key)
    }

    /// Whether `found` is this key.
    ///
    /// # Errors
    /// When it is not, with both.
    pub fn compare(&self, found: &Key) -> Outcome<()> {
        match self == found {
            true => Ok(()),
            false => Err(format!("the wrap key is not the committed one: {FILE} has {self:?}, found {found:?}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_differs_in_either_hash_is_refused() {
        let key =
            |hash, fingerprint| Key { hash: B256::repeat_byte(hash), fingerprint: B256::repeat_byte(fingerprint) };
        key(1, 2).compare(&key(1, 2)).unwrap();
        assert!(key(1, 2).compare(&key(1, 3)).is_err());
        assert!(key(1, 2).compare(&key(3, 2)).is_err());
    }
}
