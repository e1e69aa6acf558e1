//! One real request from `requestQuery` to a paid callback, with faults on the way: what
//! `scripts/demo` runs under the production profile and a test under the test profile.
//!
//! Everything is done by the `gavel` command in processes of its own; what is checked is read from
//! the chain.

mod auctions;
mod daemon;
mod ends;
mod false_report;
mod files;
mod follow;
mod ledger;
mod memory;
mod money;
mod oracle;
mod report;
mod run;
mod standing;
mod verify;

pub use daemon::{Daemon, gavel};
pub use report::{Phase, Report};
pub use run::{ScenarioOptions, run};
pub use standing::Standing;
