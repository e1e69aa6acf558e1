// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AwardKey, JobTerms, LotTerms } from "../types/Market.sol";

/// @notice Hashes of the market's objects, twins of `node/types`.
library MarketHash {
    function lotDigest(LotTerms memory lot) internal pure returns (bytes32) {
        return keccak256(abi.encode(lot));
    }

    function awardId(AwardKey memory key) internal pure returns (bytes32) {
        return keccak256(abi.encode(key));
    }

    function jobId(bytes32 payer, uint32 index) internal pure returns (bytes32) {
        return keccak256(abi.encode(payer, index));
    }

    /// @dev Hashed twice, so that no inner node of the tree reads as a leaf.
    function jobLeaf(JobTerms memory job) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(job))));
    }

    function commitment(bytes32 lot, address operator, uint256 priceWeiPerUnit, bytes32 salt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(lot, operator, priceWeiPerUnit, salt));
    }

    function bidLeaf(bytes32 commitment_) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(commitment_))));
    }
}
