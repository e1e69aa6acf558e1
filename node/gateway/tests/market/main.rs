//! The whole market in one process, over real TLS with real signatures.

mod bad_bids;
mod chain;
mod contracts;
mod life;
mod proofs;
mod refusals;
mod reorg;
mod stage;
