//! An outbox that is forgotten with the process: for debts that their owner finds on the chain again.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alloy::primitives::Address;

use super::outbox::{Attempt, Intent, Outbox, Outcome, Row};

/// Rows of all accounts; clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryOutbox {
    rows: Arc<Mutex<Vec<(Address, Row)>>>,
}

impl MemoryOutbox {
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
    type Error = Infallible;

    async fn put(&self, account: Address, intent: Intent) -> Result<Row, Infallible> {
        let mut rows = self.lock();
        let same = |(owner, row): &&mut (Address, Row)| *owner == account && row.intent.key == intent.key;
        if let Some((_, row)) = rows.iter_mut().find(same) {
            row.outcome.take_if(|outcome| matches!(outcome, Outcome::Dropped { .. }));
            return Ok(row.clone());
        }
        let row = Row { id: rows.len() as i64 + 1, intent, attempts: Vec::new(), outcome: None };
        rows.push((account, row.clone()));
        Ok(row)
    }

    async fn open(&self, account: Address) -> Result<Vec<Row>, Infallible> {
        let rows = self.lock();
        let open = rows.iter().filter(|(owner, row)| *owner == account && row.outcome.is_none());
        Ok(open.map(|(_, row)| row.clone()).collect())
    }

    async fn record(&self, row: i64, attempt: Attempt) -> Result<(), Infallible> {
        self.with_row(row, |row| row.attempts.push(attempt));
        Ok(())
    }

    async fn finish(&self, row: i64, outcome: Outcome) -> Result<(), Infallible> {
        self.with_row(row, |row| row.outcome = Some(outcome));
        Ok(())
    }
}
