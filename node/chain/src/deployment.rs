//! Where the contracts are: the file that gateway, prover and command line read.

use std::path::Path;

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::{client::ChainClient, endpoint::EndpointOptions, error::ChainError};

/// Addresses of the EigenLayer core that Gavel is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EigenLayer {
    pub allocation_manager: Address,
    pub delegation_manager: Address,
    pub strategy_manager: Address,
    pub strategy_factory: Address,
    pub permission_controller: Address,
    pub rewards_coordinator: Address,
}

/// Addresses of Gavel's contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gavel {
    pub supernet_registry: Address,
    pub avs_account: Address,
    pub operator_registrar: Address,
    pub stake_capacity: Address,
    pub auction_book: Address,
    pub fee_escrow: Address,
    pub query_requests: Address,
    pub verifier_router: Address,
    pub slasher: Address,
}

/// A token that can be restaked, and its EigenLayer strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restake {
    pub token: Address,
    pub strategy: Address,
}

/// One supernet on one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Endpoints, in order of preference.
    pub rpc_urls: Vec<String>,
    pub chain_id: u64,
    /// First block with anything of Gavel in it.
    pub first_block: u64,
    pub supernet: u32,
    pub eigenlayer: EigenLayer,
    pub gavel: Gavel,
    pub restake: Restake,
    /// Entry of the verifier router that requests name.
    pub verifier_id: B256,
    /// Root of the circuit set that this entry pins.
    pub circuit_set: B256,
}

impl Deployment {
    /// Reads the JSON file; unknown fields (a devnet's file has more) are ignored.
    ///
    /// # Errors
    /// [`ChainError::File`] with the path.
    pub fn read(path: &Path) -> Result<Self, ChainError> {
        let file = |reason: String| ChainError::File { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| file(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| file(e.to_string()))
    }

    /// Connects to the endpoints and checks the chain id.
    pub async fn connect(&self, options: EndpointOptions) -> Result<ChainClient, ChainError> {
        ChainClient::connect(&self.rpc_urls, options, Some(self.chain_id)).await
    }
}
