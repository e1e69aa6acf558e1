//! What the gateway knows, on disk: SQLite for state, an object store for inputs and proofs.
//!
//! Everything is read and written inside a [`Transaction`]; a new state is stored together with
//! the transactions that it owes the chain. Rows of machines carry a version, and every writing
//! transaction checks the fencing token of the process's lease. `docs/data_model.md` has the tables.

mod auctions;
mod awards;
mod column;
mod error;
mod history;
mod jobs;
mod lease;
mod objects;
mod operators;
mod outbox;
mod requests;
mod store;

pub use auctions::{BidRow, StoredTick, TickRow};
pub use awards::{AwardRow, AwardSignatures};
pub use error::StoreError;
pub use jobs::{JobOutput, JobRow};
pub use lease::Lease;
pub use objects::Objects;
pub use operators::Refusal;
pub use outbox::{OutboxAttempt, OutboxIntent, OutboxOutcome, OutboxRow};
pub use requests::RequestRow;
pub use store::{Store, Transaction};

/// A row with the version that its next update must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    pub version: i64,
}

impl<T> Versioned<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Versioned<U> {
        Versioned { value: change(self.value), version: self.version }
    }
}
