//! Development networks and faults for tests, `gavel devnet` and the demo. Never part of a
//! production process: every key here is public.

pub mod anvil;
pub mod artifact;
pub mod devnet;
pub mod eigenlayer;
pub mod error;
pub mod gavel;
pub mod keys;
pub mod miss;
pub mod outbox;
pub mod replay;
pub mod scenario;
pub mod uniswap;

pub use anvil::{Anvil, AnvilOptions};
pub use error::TestkitError;
