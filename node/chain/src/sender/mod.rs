//! Transactions that survive restarts: row first, then send.
//!
//! An [`Intent`] becomes a row of an [`Outbox`]; every signed attempt is recorded before it leaves
//! the process. A row keeps its nonce while its attempts are re-sent with higher fees, so at most
//! one of them can ever be mined; a restart asks for their receipts and goes on. A refused row stays
//! open: it is tried again after a pause that grows, until it succeeds or its owner drops it. What to
//! do with a row is decided by [`decide`] without IO. One sender per account: nobody else may use its key.

mod decide;
mod hold;
mod memory;
mod outbox;
mod run;

pub use decide::{Action, Fees, Mined, Policy, View, decide};
pub use memory::MemoryOutbox;
pub use outbox::{Attempt, Intent, Outbox, Outcome, Row};
pub use run::{Finished, Refusal, Sender, Turn};
