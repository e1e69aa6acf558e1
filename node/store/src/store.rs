//! Opening the database and its transactions.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection};

use crate::error::StoreError;
use crate::lease::Lease;

/// The gateway's database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

/// Reads and writes that happen together or not at all. Dropped without [`Transaction::commit`],
/// nothing has happened.
#[derive(Debug)]
pub struct Transaction {
    inner: sqlx::Transaction<'static, Sqlite>,
}

impl Store {
    /// Opens or creates the file and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the file cannot be opened, [`StoreError::Migration`] when it
    /// was written by a newer version.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A signature must be on disk before it is sent, not only in the operating system's cache.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self { pool })
    }

    /// A transaction that reads.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn read(&self) -> Result<Transaction, StoreError> {
        Ok(Transaction { inner: self.pool.begin().await? })
    }

    /// A transaction that writes for the holder of a lease.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another process has taken it over since.
    pub async fn write(&self, lease: &Lease) -> Result<Transaction, StoreError> {
        let mut transaction = self.write_unfenced().await?;
        lease.check(&mut transaction).await?;
        Ok(transaction)
    }

    /// A transaction that writes without a lease: for leases themselves.
    pub(crate) async fn write_unfenced(&self) -> Result<Transaction, StoreError> {
        // Taking the write lock at once, a transaction never fails half-way for want of it.
        Ok(Transaction { inner: self.pool.begin_with("BEGIN IMMEDIATE").await? })
    }

    /// Closes all connections.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

impl Transaction {
    /// # Errors
    /// [`StoreError::Database`]; then nothing was written.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }
}

/// Turns "no row had that version" into a conflict.
pub(crate) fn one_row(
    done: &sqlx::sqlite::SqliteQueryResult,
    table: &'static str,
    key: impl ToString,
    version: i64,
) -> Result<(), StoreError> {
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Conflict { table, key: key.to_string(), version }),
    }
}
