//! Where the contracts are: the file that gateway, prover and command line read.

use std::path::Path;

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use crate::error::ChainError;

/// Addresses of the EigenLayer core that Gavel is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EigenLayer {
    pub allocation_manager: Address,
    pub delegation_manager: Address,
    pub strategy_manager: Address,
    pub strategy_factory: Address,
    pub permission_controller: Address,
    pub rewards_coordinator: Address,
}
