//! The gateway: watches requests, plans them, auctions the jobs, verifies and settles.
//!
//! One task owns the state and takes every decision; whatever takes long (planning, building
//! inputs, verifying) runs beside it and reports back. A decision is stored with the transactions
//! and signatures that follow from it before anything is sent, so the process may be killed at any
//! instruction: [`Gateway::start`] goes on from the database and the chain.

pub mod assemble;
pub mod chain;
pub mod config;
pub mod coprocessor;
pub mod engine;
pub mod error;
pub mod evidence;
pub mod history;
pub mod planning;
pub mod tasks;

mod admission;
mod awarding;
mod awards;
mod bids;
mod clock;
mod deadlines;
mod deliveries;
mod feeds;
mod moot;
mod peers;
mod reorg;
mod reports;
mod requests;
mod steps;
mod ticks;
mod verification;

pub use assemble::Assembly;
pub use chain::MarketChain;
pub use config::{GatewayConfig, MarketRule};
pub use coprocessor::CoprocessorPlanner;
pub use engine::{Gateway, GatewayParts};
pub use error::GatewayError;
pub use planning::{JobVerifier, Planner};
