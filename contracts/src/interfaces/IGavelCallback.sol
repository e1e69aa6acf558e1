// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Status } from "../types/Query.sol";

/// @title What a dapp implements to be called back
interface IGavelCallback {
    /// @notice Called once with the result of a settled request, by the QueryRequests contract that the request was
    /// made at. When it reverts, the result stays readable and the call can be repeated.
    function onResult(bytes32 requestId, Status status, bytes32[] calldata result) external;
}
