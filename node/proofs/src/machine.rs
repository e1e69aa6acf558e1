//! Sharing one machine between provers: a job starts when its memory and cores are free.
//!
//! The budget is a folder of lock files, one for every gibibyte and every core. The operating
//! system drops the locks of a process that dies, so a killed prover frees its share at once.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gavel_types::unit::Class;

use crate::error::ProofError;

/// How long to wait before looking again for a free share.
const RETRY: Duration = Duration::from_millis(100);

/// What a job takes of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub gibibytes: usize,
    pub cores: usize,
}

impl Share {
    /// The share of a job of a class: its memory bound, and one core but for large jobs.
    pub const fn of(class: Class) -> Self {
        let cores = match class {
            Class::Small | Class::Medium => 1,
            Class::Large => 2,
        };
        Share { gibibytes: (class.memory_bytes() >> 30) as usize, cores }
    }
}

/// A machine whose provers agree on one folder.
#[derive(Clone, Debug)]
pub struct Machine {
    directory: PathBuf,
    total: Share,
}

/// A share that is held until dropped.
#[derive(Debug)]
pub struct Held {
    _locks: Vec<File>,
}

impl Machine {
    /// Opens the budget kept in `directory`; every process must name the same total.
    ///
    /// # Errors
    /// [`ProofError::Io`] when the folder cannot be made.
    pub fn open(directory: &Path, total: Share) -> Result<Self, ProofError> {
        fs::create_dir_all(directory).map_err(|error| ProofError::io(directory, error))?;
        Ok(Machine { directory: directory.into(), total })
    }

    /// Waits until `share` is free and takes it. A share beyond the total is cut to it: such a job
    /// runs alone.
    ///
    /// # Errors
    /// [`ProofError::Io`].
    pub fn take(&self, share: Share) -> Result<Held, ProofError> {
        loop {
            if let Some(held) = self.try_take(share)? {
                return Ok(held);
            }
            std::thread::sleep(RETRY);
        }
    }

    /// Takes `share` if it is free now.
    ///
    /// # Errors
    /// [`ProofError::Io`].
    pub fn try_take(&self, share: Share) -> Result<Option<Held>, ProofError> {
        // Two takers that each held half of what they need would wait for each other.
        let gate = self.file("gate")?;
        gate.lock().map_err(|error| ProofError::io(&self.directory, error))?;
        let mut locks = Vec::new();
        for (name, need, total) in
            [("gibibyte", share.gibibytes, self.total.gibibytes), ("core", share.cores, self.total.cores)]
        {
            let need = need.min(total);
            let mut got = 0;
            for i in 0..total {
                if got == need {
                    break;
                }
                let file = self.file(&format!("{name}-{i}"))?;
                match file.try_lock() {
                    Ok(()) => {
                        locks.push(file);
                        got += 1;
                    }
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => return Err(ProofError::io(&self.directory, error)),
                }
            }
            if got < need {
                return Ok(None);
            }
        }
        Ok(Some(Held { _locks: locks }))
    }

    fn file(&self, name: &str) -> Result<File, ProofError> {
        let path = self.directory.join(format!("{name}.lock"));
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| ProofError::io(&path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_total() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::open(folder.path(), Share { gibibytes: 8, cores: 2 }).unwrap();
        let medium = machine.try_take(Share::of(Class::Medium)).unwrap().unwrap();
        let small = machine.try_take(Share::of(Class::Small)).unwrap().unwrap();
        assert!(machine.try_take(Share::of(Class::Small)).unwrap().is_none());
        drop(medium);
        assert!(machine.try_take(Share::of(Class::Large)).unwrap().is_none());
        drop(small);
        // More than the machine has: alone on it.
        let large = machine.take(Share::of(Class::Large)).unwrap();
        assert!(machine.try_take(Share { gibibytes: 1, cores: 0 }).unwrap().is_none());
        drop(large);
    }
}
