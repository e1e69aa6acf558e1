//! An outbox in memory that can die between recording an attempt and its sending.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use alloy::primitives::Address;
use gavel_chain::sender::{Attempt, Intent, Outbox, Outcome, Row};

/// Rows of all accounts; clones share them, as processes share a database.
#[derive(Clone, Debug, Default)]
pub struct MemoryOutbox {
    rows: Arc<Mutex<Vec<(Address, Row)>>>,
    die: Arc<AtomicBool>,
}

/// The process "died" after the row was written.
#[derive(Debug)]
pub struct Died;

impl fmt::Display for Died {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("died after the attempt was recorded")
    }
}

impl std::error::Error for Died {}

impl MemoryOutbox {
    /// The next recorded attempt is stored, and then the caller fails before it can send.
    pub fn die_after_recording(&self) {
        self.die.store(true, Ordering::SeqCst);
    }

    /// A row by its key.
    pub fn row(&self, key: &str) -> Option<Row> {
        self.lock().iter().find(|(_, row)| row.intent.key == key).map(|(_, row)| row.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Address, Row)>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_row(&self, id: i64, change: impl FnOnce(&mut Row)) {
        if let Some((_, row)) = self.lock().iter_mut().find(|(_, row)| row.id == id) {
            change(row);
        }
    }
}

impl Outbox for MemoryOutbox {
    type Error = Died;

    async fn put(&self, account: Address, intent: Intent) -> Result<Row, Died> {
        let mut rows = self.lock();
        if let Some((_, row)) = rows.iter().find(|(owner, row)| *owner == account && row.intent.key == intent.key) {
            return Ok(row.clone());
        }
        let row = Row { id: rows.len() as i64 + 1, intent, attempts: Vec::new(), outcome: None };
        rows.push((account, row.clone()));
        Ok(row)
    }

    async fn open(&self, account: Address) -> Result<Vec<Row>, Died> {
        let rows = self.lock();
        let open = rows.iter().filter(|(owner, row)| *owner == account && row.outcome.is_none());
        Ok(open.map(|(_, row)| row.clone()).collect())
    }

    async fn record(&self, row: i64, attempt: Attempt) -> Result<(), Died> {
        self.with_row(row, |row| row.attempts.push(attempt));
        if self.die.swap(false, Ordering::SeqCst) { Err(Died) } else { Ok(()) }
    }

    async fn finish(&self, row: i64, outcome: Outcome) -> Result<(), Died> {
        self.with_row(row, |row| row.outcome = Some(outcome));
        Ok(())
    }
}
