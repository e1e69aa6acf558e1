//! Rows of the outbox, and what a store must do for them.

use std::future::Future;

use alloy::primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::client::BlockRef;

/// A transaction that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Names the intent for ever: the same key is the same transaction. Example: `anchor/1/57`.
    pub key: String,
    pub to: Address,
    pub data: Bytes,
    /// Wei.
    pub value: U256,
    /// Estimated when `None`.
    pub gas_limit: Option<u64>,
}

/// A signed transaction that may have been sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub nonce: u64,
    pub hash: B256,
    /// The signed transaction, to send again.
    pub raw: Bytes,
    /// Wei per gas.
    pub max_fee: u128,
    /// Wei per gas.
    pub priority_fee: u128,
    /// The newest block when it was signed.
    pub signed_at: u64,
}

/// How an intent ended. One that the node refuses, or that is mined without effect, has not ended: it
/// is tried again until it succeeds or whoever wanted it drops it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Succeeded {
        hash: B256,
        block: BlockRef,
        gas_used: u64,
    },
    /// Its purpose is gone. Chosen by whoever wanted it, never by the sender.
    Dropped {
        reason: String,
    },
}

/// An intent with what was done for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub id: i64,
    pub intent: Intent,
    /// Oldest first. Those of one nonce replace each other.
    pub attempts: Vec<Attempt>,
    pub outcome: Option<Outcome>,
}

/// What the store does. Every method is one committed database transaction.
pub trait Outbox: Send + Sync {
    type Error: std::error::Error + Send + Sync + 'static;

    /// Adds an intent of `account`; an intent whose key exists changes nothing, except that a dropped one is
    /// wanted again.
    fn put(&self, account: Address, intent: Intent) -> impl Future<Output = Result<Row, Self::Error>> + Send;

    /// Rows of `account` without an outcome, in the order in which they were added.
    fn open(&self, account: Address) -> impl Future<Output = Result<Vec<Row>, Self::Error>> + Send;

    /// Adds an attempt to a row. Called before the attempt is sent.
    fn record(&self, row: i64, attempt: Attempt) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Closes a row.
    fn finish(&self, row: i64, outcome: Outcome) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
