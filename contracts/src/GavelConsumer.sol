// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IGavelCallback } from "./interfaces/IGavelCallback.sol";
import { IQueryRequests } from "./interfaces/IQueryRequests.sol";
import { Request, Status } from "./types/Query.sol";

/// @title Base of a dapp that asks Gavel
/// @notice Inherit it, call {_ask}, implement {_receiveResult}. Only results of one's own requests arrive, each once.
abstract contract GavelConsumer is IGavelCallback {
    /// @notice The contract that requests are made at and results come from.
    IQueryRequests public immutable gavel;

    /// @notice Requests whose result has not arrived.
    mapping(bytes32 requestId => bool) public isPending;

    error NotGavel(address caller);
    error NotPending(bytes32 requestId);

    constructor(IQueryRequests gavel_) {
        gavel = gavel_;
    }

    /// @inheritdoc IGavelCallback
    function onResult(bytes32 requestId, Status status, bytes32[] calldata result) external {
        if (msg.sender != address(gavel)) revert NotGavel(msg.sender);
        if (!isPending[requestId]) revert NotPending(requestId);
        isPending[requestId] = false;
        _receiveResult(requestId, status, result);
    }

    /// @notice Fetches a result whose callback failed, for example for want of gas. Anyone.
    function collectResult(bytes32 requestId) external {
        if (!isPending[requestId]) revert NotPending(requestId);
        (Status status,, bytes32[] memory result) = gavel.getResult(requestId);
        isPending[requestId] = false;
        _receiveResult(requestId, status, result);
    }

    /// @notice Makes a request that calls this contract back; pays `request.maxFee` from this contract's balance.
    function _ask(Request memory request) internal returns (bytes32 requestId) {
        request.callback = address(this);
        requestId = gavel.requestQuery{ value: request.maxFee }(request);
        isPending[requestId] = true;
    }

    /// @notice Takes a proven result. Runs with the request's `callbackGas`; when it reverts, anyone can repeat it.
    /// @param status Whether `result` holds values: it is all zero unless `Ok`.
    /// @param result One word per column of the SELECT list.
    function _receiveResult(bytes32 requestId, Status status, bytes32[] memory result) internal virtual;
}
