// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Answer, Request } from "../types/Query.sol";

/// @notice The sixteen words of an answer's statement, twin of `node/types/src/statement.rs`.
library StatementWords {
    uint256 private constant VERSION = 1;
    uint256 private constant KIND_ANSWER = 4;

    /// @notice SHA-256 of the sixteen words.
    /// @param circuitSetRoot The set that the verifier entry pins.
    /// @param anchorHash Hash of `toBlock`, read from the chain.
    function answerDigest(Request calldata request, bytes32 circuitSetRoot, bytes32 anchorHash, Answer calldata answer)
        internal
        view
        returns (bytes32)
    {
        bytes32[16] memory words;
        words[0] = bytes32(VERSION << 32 | KIND_ANSWER);
        words[1] = circuitSetRoot;
        words[2] = bytes32(block.chainid);
        words[3] = request.tableId;
        words[4] = request.queryDigest;
        words[5] = sha256(abi.encodePacked(request.params));
        words[6] = bytes32(uint256(request.fromBlock));
        words[7] = bytes32(uint256(request.toBlock));
        words[8] = anchorHash;
        // Words 9 and 12 to 14 are zero for an answer.
        words[10] = bytes32(uint256(answer.status));
        words[11] = bytes32(uint256(answer.rowCount));
        words[15] = sha256(abi.encodePacked(answer.result));
        return sha256(abi.encodePacked(words));
    }
}
