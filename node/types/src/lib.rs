//! Identifiers, units, statements and signed messages of Gavel. No IO.
//!
//! Everything that a contract recomputes (digests, roots, EIP-712 hashes) is here once;
//! `tests/golden.rs` writes the vectors that the Foundry tests read.

pub mod id;
pub mod job;
pub mod lot;
pub mod merkle;
pub mod message;
pub mod request;
pub mod signature;
pub mod statement;
pub mod unit;
