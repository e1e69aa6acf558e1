//! Keccak-256 of an ordered list of messages, proven by sumchecks over the 24 rounds (GKR).
//!
//! Protocol, Fiat-Shamir order and soundness terms: `docs/circuits/keccak.md`. A [`Argument`] commits to
//! the messages, the consuming circuit commits to what it read, and the proof binds both: the consumer
//! folds its reading into one number ([`consumer`]) that must equal the bus sum of the argument.

pub mod consumer;
pub mod error;
pub mod extension;
mod permutation;
pub mod proof;
mod prover;
pub mod shape;
pub mod soundness;
pub mod standalone;
pub mod stream;
mod table;
#[cfg(test)]
mod tests;
mod transcript;
mod verifier;

pub use consumer::{BusTarget, MessageTarget, StreamTarget};
pub use error::{Check, KeccakError};
pub use proof::KeccakProof;
pub use prover::Argument;
pub use shape::KeccakShape;
pub use standalone::Standalone;
pub use stream::{Bus, Challenges, Stream, fingerprint};
pub use verifier::circuit::KeccakTarget;
pub use verifier::native::verify;

/// Bytes absorbed by one permutation.
pub const RATE_BYTES: usize = 136;
/// Bytes of a digest.
pub const DIGEST_BYTES: usize = 32;

/// Permutations that a message of `length` bytes takes.
pub const fn blocks(length: usize) -> usize {
    length / RATE_BYTES + 1
}
