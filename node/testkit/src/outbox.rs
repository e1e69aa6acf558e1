//! An outbox in memory that can die between recording an attempt and its sending.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use alloy::primitives::Address;
use gavel_chain::sender::{Attempt, Intent, MemoryOutbox, Outbox, Outcome, Row};

/// Rows of all accounts; clones share them, as processes share a database.
#[derive(Clone, Debug, Default)]
pub struct MortalOutbox {
    rows: MemoryOutbox,
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

impl From<std::convert::Infallible> for Died {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl MortalOutbox {
    /// The next recorded attempt is stored, and then the caller fails before it can send.
    pub fn die_after_recording(&self) {
        self.die.store(true, Ordering::SeqCst);
    }

    /// A row by its key.
    pub fn row(&self, key: &str) -> Option<Row> {
        self.rows.row(key)
    }
}

impl Outbox for MortalOutbox {
    type Error = Died;

    async fn put(&self, account: Address, intent: Intent) -> Result<Row, Died> {
        Ok(self.rows.put(account, intent).await?)
    }

    async fn open(&self, account: Address) -> Result<Vec<Row>, Died> {
        Ok(self.rows.open(account).await?)
    }

    async fn record(&self, row: i64, attempt: Attempt) -> Result<(), Died> {
        self.rows.record(row, attempt).await?;
        if self.die.swap(false, Ordering::SeqCst) { Err(Died) } else { Ok(()) }
    }

    async fn finish(&self, row: i64, outcome: Outcome) -> Result<(), Died> {
        Ok(self.rows.finish(row, outcome).await?)
    }
}
