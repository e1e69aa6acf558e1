// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Answer, FailureReason, Request, RequestRecord, RequestState, Status } from "../types/Query.sol";

/// @title Requests, their settlement and their results
/// @notice A request ends as settled, failed, cancelled or refunded, and only once. Not upgradeable.
interface IQueryRequests {
    event TableRegistered(bytes32 indexed tableId, bytes32 indexed textHash, string text);
    event QueryRegistered(bytes32 indexed queryDigest, bytes32 indexed textHash, string text);
    event QueryRequested(
        bytes32 indexed requestId,
        address indexed requester,
        uint32 indexed supernet,
        uint256 nonce,
        bytes32 anchorHash,
        Request request
    );
    event RequestSettled(bytes32 indexed requestId, Status status, uint64 rowCount, bytes32[] result, address settler);
    event RequestFailed(bytes32 indexed requestId, FailureReason reason);
    event RequestCancelled(bytes32 indexed requestId);
    event RequestRefunded(bytes32 indexed requestId, bool verifierFrozen);
    event CallbackRun(bytes32 indexed requestId, bool success);

    error TextTooLong(uint256 length, uint256 most);
    error TableUnknown(bytes32 tableId, bytes32 textHash);
    error QueryUnknown(bytes32 queryDigest, bytes32 textHash);
    error SupernetUnknown(uint32 supernet);
    error SupernetPaused(uint32 supernet);
    error VerifierNotListed(uint32 supernet, bytes32 verifierId);
    error VerifierFrozen(bytes32 verifierId);
    error FeeTokenUnsupported(address token);
    error FeeNotSent(uint256 maxFee, uint256 sent);
    error FeeTooLow(uint256 fee, uint256 minimum);
    error RangeEmpty(uint64 fromBlock, uint64 toBlock);
    error RangeTooLong(uint256 blocks, uint256 most);
    error BlockInFuture(uint64 toBlock, uint256 current);
    error BlockOutOfReach(uint64 toBlock, uint256 current);
    error DeadlineTooClose(uint64 deadline, uint256 earliest);
    error CallbackGasTooHigh(uint64 gas, uint64 most);
    error CallbackMissing(uint64 gas);
    error RefundToZero();
    error TooManyWords(uint256 got, uint256 most);
    error NotOpen(bytes32 requestId, RequestState state);
    error NotSettled(bytes32 requestId, RequestState state);
    error FieldsMismatch(bytes32 requestId, bytes32 got);
    error DeadlinePassed(uint64 deadline, uint256 current);
    error DeadlineNotPassed(uint64 deadline, uint256 current);
    error StatusUnknown(Status status);
    error ProofRejected(bytes32 requestId, bytes32 statementDigest);
    error NotGateway(uint32 supernet, address caller, address key);
    error NotRequester(bytes32 requestId, address caller, address requester);
    error WorkCommitted(bytes32 requestId, uint256 committed);
    error FailureReasonMissing();
    error CallbackDone(bytes32 requestId);
    error GasTooLow(uint256 gas, uint256 needed);

    /// @notice Publishes a table's text under its digest and the hash of the text. Anyone, any number of times; a
    /// wrong text registers something that nobody names.
    function registerTable(bytes32 tableId, string calldata text) external;

    /// @notice Publishes a query's text under its digest and the hash of the text, as {registerTable}.
    function registerQuery(bytes32 queryDigest, string calldata text) external;

    /// @notice Asks a question and locks its fee (`msg.value` = `maxFee`).
    /// @return requestId Hash of the fields, the requester, its nonce, this contract, its chain and the hash of
    /// `toBlock`.
    function requestQuery(Request calldata request) external payable returns (bytes32 requestId);

    /// @notice Settles a request with a proof of its answer, until the deadline. Stores the result, gives back what
    /// is not spent, runs the callback, reimburses the caller's gas from the settlement reserve. Anyone.
    /// @param requester Who made the request.
    /// @param nonce The requester's number of the request.
    function settle(
        bytes32 requestId,
        Request calldata request,
        address requester,
        uint256 nonce,
        Answer calldata answer,
        bytes calldata proof
    ) external;

    /// @notice Runs a callback that failed again. Anyone.
    function retryCallback(bytes32 requestId, Request calldata request, address requester, uint256 nonce) external;

    /// @notice Gives an open request up and refunds it. Sent with the gateway key of the current epoch.
    function fail(bytes32 requestId, FailureReason reason) external;

    /// @notice Takes a request back while no award is committed to it. Requester only.
    function cancel(bytes32 requestId) external;

    /// @notice Refunds an open request after its deadline, or when its verifier is frozen. Anyone.
    function refund(bytes32 requestId) external;

    /// @notice Result of a settled request.
    function getResult(bytes32 requestId)
        external
        view
        returns (Status status, uint64 rowCount, bytes32[] memory result);

    function requestRecord(bytes32 requestId) external view returns (RequestRecord memory);

    /// @notice Number of the requester's next request.
    function nextNonce(address requester) external view returns (uint256);

    /// @notice The id that a request has with these fields.
    function requestIdOf(Request calldata request, address requester, uint256 nonce, bytes32 anchorHash)
        external
        view
        returns (bytes32);

    /// @notice Digest of the statement that must be proven to settle a request with an answer.
    function statementDigest(Request calldata request, bytes32 anchorHash, Answer calldata answer)
        external
        view
        returns (bytes32);

    /// @notice Least fee of a request: base fee and settlement reserve.
    function minimumFee(uint32 supernet, uint64 callbackGas) external view returns (uint256);

    function isTableRegistered(bytes32 tableId, bytes32 textHash) external view returns (bool);
    function isQueryRegistered(bytes32 queryDigest, bytes32 textHash) external view returns (bool);
}
