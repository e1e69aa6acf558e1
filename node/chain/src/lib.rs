//! Chains as Gavel sees them: connections, proven state, events that survive reorganisations, and
//! transactions that survive restarts.

pub mod bindings;
pub mod client;
pub mod deployment;
pub mod endpoint;
pub mod error;
pub mod operator;
pub mod reads;
pub mod record;
pub mod revert;
pub mod sender;
pub mod state;
pub mod supernet;
pub mod trie;
pub mod verifier;
pub mod wallet;
pub mod watcher;

pub use client::{BlockRef, ChainClient, VerifiedHeader};
pub use endpoint::EndpointOptions;
pub use error::ChainError;
pub use wallet::Wallet;
