//! Memory and CPU of the machine, shared by every prover on it through file locks.
//!
//! One lock file stands for one GiB of memory and one for each job at a time. Locks are the
//! kernel's, so a process that dies frees what it held.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use gavel_types::unit::Class;

use crate::error::ProverError;

const GIB: u64 = 1 << 30;

/// The machine's budget.
#[derive(Clone, Debug)]
pub struct Slots {
    folder: PathBuf,
    memory_gib: u64,
    jobs: u64,
}

/// What one job holds until this is dropped.
#[derive(Debug)]
pub struct Slot {
    /// Held, never read.
    _locks: Vec<File>,
}

impl Slots {
    /// The budget whose lock files lie in `folder`. Provers that share a machine name the same folder
    /// and the same numbers.
    ///
    /// # Errors
    /// [`ProverError::File`] when the folder cannot be made.
    pub fn new(folder: &Path, memory_gib: u64, jobs: u64) -> Result<Self, ProverError> {
        std::fs::create_dir_all(folder).map_err(|source| ProverError::File { path: folder.into(), source })?;
        Ok(Self { folder: folder.into(), memory_gib, jobs })
    }

    /// Takes what a job of a class needs, or nothing and `None` when it is not free now.
    ///
    /// # Errors
    /// [`ProverError::File`] when lock files cannot be opened.
    pub fn try_take(&self, class: Class) -> Result<Option<Slot>, ProverError> {
        // One taker at a time: two that each hold a part would both give up.
        let gate = self.open("gate".into())?;
        gate.lock().map_err(|source| ProverError::File { path: self.folder.clone(), source })?;
        let Some(mut locks) = self.take("job", self.jobs, 1)? else { return Ok(None) };
        let needed = class.memory_bytes().div_ceil(GIB);
        let Some(memory) = self.take("gib", self.memory_gib, needed)? else { return Ok(None) };
        locks.extend(memory);
        Ok(Some(Slot { _locks: locks }))
    }

    /// Whether a job of a class could start now.
    ///
    /// # Errors
    /// As [`Slots::try_take`].
    pub fn is_free(&self, class: Class) -> Result<bool, ProverError> {
        Ok(self.try_take(class)?.is_some())
    }

    fn take(&self, name: &str, of: u64, needed: u64) -> Result<Option<Vec<File>>, ProverError> {
        let mut taken = Vec::new();
        for index in 0..of {
            if taken.len() as u64 == needed {
                break;
            }
            let file = self.open(format!("{name}-{index}"))?;
            match file.try_lock() {
                Ok(()) => taken.push(file),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => {
                    return Err(ProverError::File { path: self.folder.clone(), source });
                }
            }
        }
        Ok((taken.len() as u64 == needed).then_some(taken))
    }

    fn open(&self, name: String) -> Result<File, ProverError> {
        let path = self.folder.join(name + ".lock");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| ProverError::File { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_jobs_are_shared_and_freed() {
        let folder = tempfile::tempdir().unwrap();
        let slots = Slots::new(folder.path(), 12, 2).unwrap();
        let other = Slots::new(folder.path(), 12, 2).unwrap();
        let large = slots.try_take(Class::Large).unwrap().unwrap();
        assert!(other.try_take(Class::Medium).unwrap().is_none(), "2 of 12 GiB are left");
        let small = other.try_take(Class::Small).unwrap().unwrap();
        assert!(!slots.is_free(Class::Small).unwrap());
        drop(large);
        assert!(slots.is_free(Class::Large).unwrap());
        let medium = slots.try_take(Class::Medium).unwrap().unwrap();
        assert!(!other.is_free(Class::Small).unwrap(), "two jobs run");
        drop((small, medium));
        assert!(slots.is_free(Class::Large).unwrap());
    }
}
