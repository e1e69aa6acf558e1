//! What can go wrong in the store.

use alloy_primitives::B256;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("object {digest}: {source}")]
    Object { digest: B256, source: object_store::Error },
    #[error("object folder {path}: {reason}")]
    ObjectFolder { path: String, reason: String },
    #[error("object {digest} is damaged: its content has digest {got}")]
    Damaged { digest: B256, got: B256 },
    #[error("column {column} holds {value}, which is no {expected}")]
    Column { column: &'static str, value: String, expected: &'static str },
    #[error("{column} {value} does not fit in 63 bits")]
    TooLarge { column: &'static str, value: u64 },
    #[error("{table} {key} is at another version than {version}: somebody else wrote it")]
    Conflict { table: &'static str, key: String, version: i64 },
    #[error("{table} {key} is not stored")]
    Missing { table: &'static str, key: String },
    #[error("lease {name} is held by {holder} until {until}")]
    LeaseHeld { name: String, holder: String, until: u64 },
    #[error("lease {name} with token {token} was lost")]
    LeaseLost { name: String, token: i64 },
}
