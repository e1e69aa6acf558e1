//! A JSON-RPC endpoint that replays recorded chain data, and can be made to lie, forget or hang.

mod fault;
mod recorded;
mod server;

pub use fault::Fault;
pub use recorded::{RecordedChain, chain_data};
pub use server::ReplayEndpoint;
