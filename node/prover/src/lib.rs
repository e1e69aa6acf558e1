//! A prover: bids for lots by a cost policy, proves what it wins and delivers against receipts.
//!
//! What it signs is on disk before it leaves, so a restart goes on where it stopped and never
//! contradicts itself. It takes a machine-wide slot before it accepts, and nothing else of Gavel
//! on the machine knows of it. Embed it with [`Prover::assemble`]
//! and [`Prover::run`].

mod assemble;
mod awards;
pub mod bidding;
mod bids;
pub mod chain;
pub mod checkpoint;
pub mod claims;
pub mod config;
pub mod engine;
pub mod error;
pub mod reports;
pub mod slots;
pub mod work;

mod proving;

pub use chain::{AwardOnChain, ChainView, OnChain};
pub use config::ProverConfig;
pub use engine::{Prover, ProverIdentity};
pub use error::ProverError;
pub use reports::ReportAnswers;
pub use work::{JobProver, ProvedJob};
