//! Contract bindings: the EigenLayer core, ERC-20 tokens and Gavel's own contracts.

pub mod eigenlayer;
pub mod token;
