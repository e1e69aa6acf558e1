//! Parameters on disk: one folder, objects named by the SHA-256 of their content.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use gavel_circuits::circuit::{self, Circuit};
use gavel_circuits::preprocess::{Finish, Preprocessed};
use gavel_circuits::security::Profile;
use gavel_circuits::{Builder, CircuitError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::ProofError;

/// Called with the name of each part before work on it starts.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// The parameters of one profile in a folder.
///
/// `objects/<sha256>` holds the content, `<profile>.json` maps names to hashes. An object is
/// written whole and renamed into place, then the index likewise, so that a killed process leaves
/// nothing half-written; content that does not have its name's hash is never used.
pub struct ParameterStore {
    directory: PathBuf,
    profile: Profile,
    index: Mutex<BTreeMap<String, String>>,
    progress: Progress,
}

impl ParameterStore {
    /// Opens or makes the store.
    ///
    /// # Errors
    /// [`ProofError::Io`]; [`ProofError::Damaged`] when the index cannot be read.
    pub fn open(directory: &Path, profile: Profile, progress: Progress) -> Result<Self, ProofError> {
        let objects = directory.join("objects");
        fs::create_dir_all(&objects).map_err(|error| ProofError::io(&objects, error))?;
        let store = ParameterStore { directory: directory.into(), profile, index: Mutex::default(), progress };
        store.refresh()?;
        Ok(store)
    }

    /// Waits until no other process builds, then sees what it has built. Others wait until the
    /// file is dropped; a process that dies frees it.
    ///
    /// # Errors
    /// As [`ParameterStore::open`].
    pub fn exclusive(&self) -> Result<File, ProofError> {
        let path = self.index_path().with_extension("lock");
        let io = |error| ProofError::io(&path, error);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        file.lock().map_err(io)?;
        self.refresh()?;
        Ok(file)
    }

    /// Reads the index again.
    fn refresh(&self) -> Result<(), ProofError> {
        let path = self.index_path();
        if path.exists() {
            let bytes = fs::read(&path).map_err(|error| ProofError::io(&path, error))?;
            *self.locked() = self.decode("index", &bytes)?;
        }
        Ok(())
    }

    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Tells whoever waits what is worked on.
    pub fn announce(&self, part: &str) {
        (self.progress)(part);
    }

    /// Whether something is stored under a name.
    pub fn contains(&self, name: &str) -> bool {
        self.locked().contains_key(name)
    }

    /// Content by name, after comparing its hash.
    ///
    /// # Errors
    /// [`ProofError::Io`]; [`ProofError::Damaged`] when the content is not what was stored.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ProofError> {
        let Some(hash) = self.locked().get(name).cloned() else { return Ok(None) };
        let path = self.directory.join("objects").join(&hash);
        let bytes = fs::read(&path).map_err(|error| ProofError::io(&path, error))?;
        match hex::encode(Sha256::digest(&bytes)) == hash {
            true => Ok(Some(bytes)),
            false => Err(self.damaged(format!("{name} does not have the hash {hash}"))),
        }
    }

    /// Path of an object that is too large to be read at once; its hash is not compared here.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.locked().get(name).map(|hash| self.directory.join("objects").join(hash))
    }

    /// Stores content under a name.
    ///
    /// # Errors
    /// [`ProofError::Io`].
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ProofError> {
        let hash = hex::encode(Sha256::digest(bytes));
        self.write(&self.directory.join("objects").join(&hash), bytes)?;
        self.name(name, hash)
    }

    fn name(&self, name: &str, hash: String) -> Result<(), ProofError> {
        let mut index = self.locked();
        index.insert(name.into(), hash);
        self.write(&self.index_path(), &self.encode("index", &*index)?)
    }

    /// Stores under a name what `write` puts into the file that it is given.
    ///
    /// # Errors
    /// [`ProofError::Io`]; what `write` fails with.
    pub fn put_file(&self, name: &str, write: impl FnOnce(&Path) -> Result<(), ProofError>) -> Result<(), ProofError> {
        let partial = self.directory.join("objects").join(format!("{name}.{}.partial", std::process::id()));
        write(&partial)?;
        let io = |error| ProofError::io(&partial, error);
        let mut hasher = Sha256::new();
        std::io::copy(&mut File::open(&partial).map_err(io)?, &mut hasher).map_err(io)?;
        let hash = hex::encode(hasher.finalize());
        fs::rename(&partial, self.directory.join("objects").join(&hash)).map_err(io)?;
        self.name(name, hash)
    }

    /// A value as it is stored under `name`.
    ///
    /// # Errors
    /// [`ProofError::Damaged`] when it has no such form.
    pub fn encode(&self, name: &str, value: &impl Serialize) -> Result<Vec<u8>, ProofError> {
        serde_json::to_vec_pretty(value).map_err(|error| self.damaged(format!("{name}: {error}")))
    }

    /// Reads [`ParameterStore::encode`].
    ///
    /// # Errors
    /// [`ProofError::Damaged`].
    pub fn decode<T: DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T, ProofError> {
        serde_json::from_slice(bytes).map_err(|error| self.damaged(format!("{name}: {error}")))
    }

    /// Forgets all names, after the circuits have changed. Objects stay until the folder is removed.
    ///
    /// # Errors
    /// [`ProofError::Io`].
    pub fn clear(&self) -> Result<(), ProofError> {
        self.locked().clear();
        self.write(&self.index_path(), b"{}")
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ProofError> {
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let io = |error| ProofError::io(&partial, error);
        let mut file = File::create(&partial).map_err(io)?;
        file.write_all(bytes).map_err(io)?;
        file.sync_all().map_err(io)?;
        fs::rename(&partial, path).map_err(io)
    }

    fn index_path(&self) -> PathBuf {
        self.directory.join(match self.profile {
            Profile::Production => "production.json",
            Profile::Test => "test.json",
        })
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // A panic while the map was held cannot leave it half-changed.
        self.index.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn damaged(&self, what: String) -> ProofError {
        ProofError::Damaged { directory: self.directory.clone(), what }
    }
}

impl Finish for ParameterStore {
    fn finish(&self, name: &str, builder: Builder) -> Result<Circuit, CircuitError> {
        self.announce(name);
        let failed = |error: ProofError| CircuitError::Store(error.to_string());
        match self.get(name).map_err(failed)? {
            Some(bytes) => Preprocessed::from_bytes(&bytes)?.restore(name, builder),
            None => {
                let circuit = circuit::build(builder);
                self.put(name, &Preprocessed::of(&circuit).to_bytes()).map_err(failed)?;
                Ok(circuit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gavel_circuits::F;
    use plonky2::field::types::Field;

    use super::*;

    fn store(folder: &Path) -> ParameterStore {
        ParameterStore::open(folder, Profile::Test, Arc::new(|_| {})).unwrap()
    }

    #[test]
    fn content_is_found_again_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).put("part", b"content").unwrap();
        let again = store(folder.path());
        assert_eq!(again.get("part").unwrap().as_deref(), Some(&b"content"[..]));
        assert_eq!(again.get("other").unwrap(), None);
        fs::write(again.path("part").unwrap(), b"tampered").unwrap();
        assert!(matches!(again.get("part"), Err(ProofError::Damaged { .. })));
        again.clear().unwrap();
        assert!(!store(folder.path()).contains("part"));
    }

    #[test]
    fn a_circuit_is_restored_from_what_its_first_build_stored() {
        let folder = tempfile::tempdir().unwrap();
        let define = |constant: u32| {
            let mut b = Builder::new(Profile::Test.recursion_config());
            let word = gavel_circuits::statement::WordTarget::new_virtual(&mut b);
            word.range_check(&mut b);
            let digest = gavel_circuits::sha256::digest_of_fixed(&mut b, &[word]);
            let first = b.add_const(digest.0[0], F::from_canonical_u32(constant));
            b.register_public_input(first);
            b
        };
        let built = store(folder.path()).finish("sample", define(1)).unwrap();
        let restored = store(folder.path()).finish("sample", define(1)).unwrap();
        assert!(built.verifier_only == restored.verifier_only);
        let changed = store(folder.path()).finish("sample", define(2));
        assert!(matches!(changed, Err(CircuitError::Stale { .. })));
    }
}
