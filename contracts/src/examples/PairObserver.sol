// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { GavelConsumer } from "../GavelConsumer.sol";
import { IQueryRequests } from "../interfaces/IQueryRequests.sol";
import { Request, Status } from "../types/Query.sol";

/// @title Example: keeps proven statistics of a trading pair
/// @notice Asks for anything over the pair's history and stores what comes back.
contract PairObserver is GavelConsumer {
    struct Observation {
        Status status;
        uint64 receivedAt;
        bytes32[] values;
    }

    event Asked(bytes32 indexed requestId, address indexed by);
    event Observed(bytes32 indexed requestId, Status status, bytes32[] values);

    mapping(bytes32 requestId => Observation) private _observations;

    /// @notice The latest answered request.
    bytes32 public latest;

    constructor(IQueryRequests gavel_) GavelConsumer(gavel_) { }

    /// @notice Asks with the fee sent along. The callback is set to this contract.
    function ask(Request memory request) external payable returns (bytes32 requestId) {
        request.maxFee = msg.value;
        requestId = _ask(request);
        emit Asked(requestId, msg.sender);
    }

    function observation(bytes32 requestId) external view returns (Observation memory) {
        return _observations[requestId];
    }

    /// @inheritdoc GavelConsumer
    function _receiveResult(bytes32 requestId, Status status, bytes32[] memory result) internal override {
        _observations[requestId] = Observation(status, uint64(block.number), result);
        latest = requestId;
        emit Observed(requestId, status, result);
    }
}
