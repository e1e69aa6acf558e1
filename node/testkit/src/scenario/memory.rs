//! Peak memory of this process and of everything that it started.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Looks twice a second while it lives.
#[derive(Debug)]
pub struct MemoryWatch {
    peak: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl MemoryWatch {
    pub fn start() -> Self {
        let watch = Self { peak: Arc::default(), done: Arc::default() };
        let (peak, done) = (watch.peak.clone(), watch.done.clone());
        thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(resident(std::process::id()), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(500));
            }
        });
        watch
    }

    /// Highest sum of resident memory so far, in bytes. Pages that processes share count for each.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

/// Resident bytes of a process and its descendants (proc(5), `stat` and `status`).
fn resident(root: u32) -> u64 {
    let processes: BTreeMap<u32, (u32, u64)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next();
            let kib: u64 = field("VmRSS:").and_then(|kib| kib.parse().ok()).unwrap_or_default();
            Some((id, (field("PPid:")?.parse().ok()?, kib * 1024)))
        })
        .collect();
    let descends = |mut id: u32| {
        while let Some((parent, _)) = processes.get(&id) {
            if id == root {
                return true;
            }
            id = *parent;
        }
        false
    };
    processes.iter().filter(|(id, _)| descends(**id)).map(|(_, (_, bytes))| bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_this_process() {
        assert!(resident(std::process::id()) > 1 << 20);
        assert_eq!(resident(u32::MAX), 0);
    }
}
