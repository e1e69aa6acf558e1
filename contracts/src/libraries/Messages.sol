// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { MessageHashUtils } from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { AwardKey } from "../types/Market.sol";

/// @notice The signed messages that contracts read, as EIP-712 structs.
library Messages {
    bytes32 internal constant BID_COMMITMENT_TYPE = keccak256(
        "BidCommitment(uint32 supernet,uint64 gatewayEpoch,uint64 tick,bytes32 lotDigest,address operator,bytes32 commitment)"
    );
    bytes32 internal constant ACCEPT_TYPE = keccak256(
        "Accept(uint32 supernet,uint64 gatewayEpoch,uint64 tick,bytes32 lotDigest,bytes32 jobId,uint32 attempt,address operator,bytes32 inputDigest,uint64 acceptBlock)"
    );
    bytes32 internal constant DELIVERY_RECEIPT_TYPE = keccak256(
        "DeliveryReceipt(uint32 supernet,uint64 gatewayEpoch,uint64 tick,bytes32 lotDigest,bytes32 jobId,uint32 attempt,address operator,bytes32 statementDigest)"
    );

    /// @dev The bid belongs to a tick and an operator; the job of the key plays no part.
    function bidCommitment(AwardKey memory key, bytes32 lotDigest, bytes32 commitment) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                BID_COMMITMENT_TYPE, key.supernet, key.gatewayEpoch, key.tick, lotDigest, key.operator, commitment
            )
        );
    }

    function accept(AwardKey memory key, bytes32 lotDigest, bytes32 inputDigest, uint64 acceptBlock)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                ACCEPT_TYPE,
                key.supernet,
                key.gatewayEpoch,
                key.tick,
                lotDigest,
                key.jobId,
                key.attempt,
                key.operator,
                inputDigest,
                acceptBlock
            )
        );
    }

    function deliveryReceipt(AwardKey memory key, bytes32 lotDigest, bytes32 statementDigest)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                DELIVERY_RECEIPT_TYPE,
                key.supernet,
                key.gatewayEpoch,
                key.tick,
                lotDigest,
                key.jobId,
                key.attempt,
                key.operator,
                statementDigest
            )
        );
    }

    /// @return Signer of a struct in a domain; zero when the signature is malformed or has a high s.
    function signer(bytes32 domainSeparator, bytes32 structHash, bytes memory signature)
        internal
        pure
        returns (address)
    {
        (address recovered,,) =
            ECDSA.tryRecover(MessageHashUtils.toTypedDataHash(domainSeparator, structHash), signature);
        return recovered;
    }
}
