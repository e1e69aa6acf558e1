//! What a dapp asks for on-chain (protocol §2) and how its id is derived.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolValue, sol};
use serde::{Deserialize, Serialize};

use crate::id::RequestId;

sol! {
    /// A request's fields, in the order in which `QueryRequests` hashes them.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Request {
        uint32 supernet;
        bytes32 verifierId;
        address feeToken;
        bytes32 tableId;
        bytes32 tableTextHash;
        bytes32 queryDigest;
        bytes32 queryTextHash;
        bytes32[] params;
        uint64 fromBlock;
        uint64 toBlock;
        uint256 maxFee;
        uint64 deadline;
        address callback;
        uint64 callbackGas;
        address refundTo;
    }
}

/// Where and by whom a request was made: what its id binds beside the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestOrigin {
    pub chain_id: u64,
    /// The QueryRequests contract.
    pub contract: Address,
    pub requester: Address,
    /// Number of the request of this requester.
    pub nonce: u64,
    /// Hash of `toBlock`, read by the contract.
    pub anchor_hash: B256,
}

impl Request {
    /// `keccak256(abi.encode(chainId, contract, requester, nonce, request, anchorHash))`.
    pub fn id(&self, origin: &RequestOrigin) -> RequestId {
        let fields = (
            U256::from(origin.chain_id),
            origin.contract,
            origin.requester,
            U256::from(origin.nonce),
            self.clone(),
            origin.anchor_hash,
        );
        RequestId(keccak256(fields.abi_encode_params()))
    }
}
