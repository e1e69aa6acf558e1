//! State machines of the market: no IO, no clock, no randomness.
//!
//! A machine is `step(self, now, event) -> Result<(Self, Vec<Effect>), IllegalTransition>`. The
//! driver stores the new state with its effects in one transaction and only then acts on them.

pub mod auction;
pub mod award;
pub mod batch;
pub mod bond;
pub mod capacity;
pub mod ceiling;
pub mod deadline;
pub mod job;
pub mod reputation;
pub mod request;
pub mod transition;
