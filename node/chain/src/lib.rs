//! Chains as Gavel sees them: connections, proven state, events that survive reorganisations, and
//! transactions that survive restarts.

pub mod bindings;
pub mod client;
pub mod endpoint;
pub mod error;
pub mod state;
pub mod trie;

pub use client::{BlockRef, ChainClient, VerifiedHeader};
pub use endpoint::EndpointOptions;
pub use error::ChainError;
