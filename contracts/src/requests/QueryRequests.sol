// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { IFeeEscrow } from "../interfaces/IFeeEscrow.sol";
import { IGavelCallback } from "../interfaces/IGavelCallback.sol";
import { IQueryRequests } from "../interfaces/IQueryRequests.sol";
import { ISupernetRegistry } from "../interfaces/ISupernetRegistry.sol";
import { IVerifierRouter } from "../interfaces/IVerifierRouter.sol";
import { BlockHashes } from "../libraries/BlockHashes.sol";
import { StatementWords } from "../libraries/StatementWords.sol";
import { Prices, Windows } from "../types/Supernet.sol";
import { Answer, FailureReason, Request, RequestRecord, RequestState, Status } from "../types/Query.sol";

/// @dev Settlement lives here and not in a contract of its own: it moves the same state machine as cancel, fail and
/// refund, and two contracts could disagree about it. The money is in FeeEscrow.
contract QueryRequests is IQueryRequests, ReentrancyGuardTransient {
    /// @notice Longest registered text, in bytes.
    uint256 public constant MOST_TEXT = 16_384;
    /// @notice Most parameter words.
    uint256 public constant MOST_PARAMS = 16;
    /// @notice Most result words.
    uint256 public constant MOST_RESULTS = 32;

    /// @dev Gas of a settlement that its own measurement cannot see: the transaction's base cost, the least calldata,
    /// the reimbursement itself, less what the EVM gives back for the slots that the escrow clears. Below the truth
    /// (measured at 53,000), so that settling earns nothing.
    uint256 private constant UNMEASURED_GAS = 45_000;
    /// @dev Gas kept for what follows a callback.
    uint256 private constant GAS_AFTER_CALLBACK = 250_000;
    /// @dev Cost of the call itself, on top of what the callee gets.
    uint256 private constant CALL_COST = 10_000;

    ISupernetRegistry public immutable registry;
    IFeeEscrow public immutable escrow;
    IVerifierRouter public immutable router;

    mapping(bytes32 requestId => RequestRecord) private _records;
    mapping(bytes32 requestId => bytes32[]) private _results;
    mapping(bytes32 text => bool) private _tables;
    mapping(bytes32 text => bool) private _queries;
    /// @inheritdoc IQueryRequests
    mapping(address requester => uint256) public nextNonce;

    constructor(ISupernetRegistry registry_, IFeeEscrow escrow_, IVerifierRouter router_) {
        registry = registry_;
        escrow = escrow_;
        router = router_;
    }

    // Texts

    /// @inheritdoc IQueryRequests
    function registerTable(bytes32 tableId, string calldata text) external {
        bytes32 textHash = _register(_tables, tableId, text);
        emit TableRegistered(tableId, textHash, text);
    }

    /// @inheritdoc IQueryRequests
    function registerQuery(bytes32 queryDigest, string calldata text) external {
        bytes32 textHash = _register(_queries, queryDigest, text);
        emit QueryRegistered(queryDigest, textHash, text);
    }

    // Requests

    /// @inheritdoc IQueryRequests
    /// @dev Not guarded against reentrance, so that a callback may ask the next question: it only adds.
    function requestQuery(Request calldata request) external payable returns (bytes32 requestId) {
        _checkTerms(request);
        bytes32 anchorHash = _anchorHash(request);
        uint128 reserve = _checkMoney(request);

        uint256 nonce = nextNonce[msg.sender]++;
        requestId = requestIdOf(request, msg.sender, nonce, anchorHash);
        _records[requestId] = RequestRecord({
            anchorHash: anchorHash,
            verifierId: request.verifierId,
            requester: msg.sender,
            deadline: request.deadline,
            supernet: request.supernet,
            rowCount: 0,
            state: RequestState.Open,
            status: Status.None,
            callbackDone: request.callback == address(0)
        });
        emit QueryRequested(requestId, msg.sender, request.supernet, nonce, anchorHash, request);
        escrow.lock{ value: msg.value }(
            requestId,
            request.supernet,
            request.refundTo,
            request.deadline,
            reserve,
            registry.prices(request.supernet).baseFee
        );
    }

    /// @inheritdoc IQueryRequests
    function settle(
        bytes32 requestId,
        Request calldata request,
        address requester,
        uint256 nonce,
        Answer calldata answer,
        bytes calldata proof
    ) external nonReentrant {
        uint256 gasAtStart = gasleft();

        // Checks
        RequestRecord storage record = _open(requestId);
        if (block.number > record.deadline) revert DeadlinePassed(record.deadline, block.number);
        _checkFields(requestId, request, requester, nonce, record.anchorHash);
        if (answer.status == Status.None) revert StatusUnknown(answer.status);
        if (answer.result.length > MOST_RESULTS) revert TooManyWords(answer.result.length, MOST_RESULTS);
        bytes32 digest = statementDigest(request, record.anchorHash, answer);
        if (!router.verify(record.verifierId, digest, proof)) revert ProofRejected(requestId, digest);

        // Effects
        record.state = RequestState.Settled;
        record.status = answer.status;
        record.rowCount = answer.rowCount;
        _results[requestId] = answer.result;
        emit RequestSettled(requestId, answer.status, answer.rowCount, answer.result, msg.sender);

        // Interactions
        escrow.settle(requestId);
        if (!record.callbackDone) _callBack(requestId, record, request, answer.result);
        escrow.reimburse(requestId, msg.sender, _reimbursement(record.supernet, gasAtStart));
    }

    /// @inheritdoc IQueryRequests
    function retryCallback(bytes32 requestId, Request calldata request, address requester, uint256 nonce)
        external
        nonReentrant
    {
        RequestRecord storage record = _records[requestId];
        if (record.state != RequestState.Settled) revert NotSettled(requestId, record.state);
        if (record.callbackDone) revert CallbackDone(requestId);
        _checkFields(requestId, request, requester, nonce, record.anchorHash);
        _callBack(requestId, record, request, _results[requestId]);
    }

    /// @inheritdoc IQueryRequests
    function fail(bytes32 requestId, FailureReason reason) external nonReentrant {
        RequestRecord storage record = _open(requestId);
        address key = registry.gateway(record.supernet).key;
        if (msg.sender != key) revert NotGateway(record.supernet, msg.sender, key);
        if (reason == FailureReason.None) revert FailureReasonMissing();
        record.state = RequestState.Failed;
        emit RequestFailed(requestId, reason);
        escrow.refund(requestId);
    }

    /// @inheritdoc IQueryRequests
    function cancel(bytes32 requestId) external nonReentrant {
        RequestRecord storage record = _open(requestId);
        if (msg.sender != record.requester) revert NotRequester(requestId, msg.sender, record.requester);
        uint256 committed = escrow.committedOf(requestId);
        if (committed != 0) revert WorkCommitted(requestId, committed);
        record.state = RequestState.Cancelled;
        emit RequestCancelled(requestId);
        escrow.refund(requestId);
    }

    /// @inheritdoc IQueryRequests
    function refund(bytes32 requestId) external nonReentrant {
        RequestRecord storage record = _open(requestId);
        bool frozen = router.isFrozen(record.verifierId);
        if (!frozen && block.number <= record.deadline) revert DeadlineNotPassed(record.deadline, block.number);
        record.state = RequestState.Refunded;
        emit RequestRefunded(requestId, frozen);
        escrow.refund(requestId);
    }

    // Views

    /// @inheritdoc IQueryRequests
    function getResult(bytes32 requestId)
        external
        view
        returns (Status status, uint64 rowCount, bytes32[] memory result)
    {
        RequestRecord storage record = _records[requestId];
        if (record.state != RequestState.Settled) revert NotSettled(requestId, record.state);
        return (record.status, record.rowCount, _results[requestId]);
    }

    /// @inheritdoc IQueryRequests
    function requestRecord(bytes32 requestId) external view returns (RequestRecord memory) {
        return _records[requestId];
    }

    /// @inheritdoc IQueryRequests
    function requestIdOf(Request calldata request, address requester, uint256 nonce, bytes32 anchorHash)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, address(this), requester, nonce, request, anchorHash));
    }

    /// @inheritdoc IQueryRequests
    function statementDigest(Request calldata request, bytes32 anchorHash, Answer calldata answer)
        public
        view
        returns (bytes32)
    {
        bytes32 circuitSetRoot = router.entry(request.verifierId).circuitSetRoot;
        return StatementWords.answerDigest(request, circuitSetRoot, anchorHash, answer);
    }

    /// @inheritdoc IQueryRequests
    function minimumFee(uint32 supernet, uint64 callbackGas) external view returns (uint256) {
        Prices memory prices = registry.prices(supernet);
        return uint256(prices.baseFee) + _reserve(prices, callbackGas);
    }

    /// @inheritdoc IQueryRequests
    function isTableRegistered(bytes32 tableId, bytes32 textHash) public view returns (bool) {
        return _tables[_textKey(tableId, textHash)];
    }

    /// @inheritdoc IQueryRequests
    function isQueryRegistered(bytes32 queryDigest, bytes32 textHash) public view returns (bool) {
        return _queries[_textKey(queryDigest, textHash)];
    }

    // Parts of a request's checks

    function _checkTerms(Request calldata request) private view {
        uint32 supernet = request.supernet;
        if (!registry.exists(supernet)) revert SupernetUnknown(supernet);
        if (registry.isPaused(supernet)) revert SupernetPaused(supernet);
        if (!registry.isVerifierListed(supernet, request.verifierId)) {
            revert VerifierNotListed(supernet, request.verifierId);
        }
        if (router.entry(request.verifierId).frozen) revert VerifierFrozen(request.verifierId);
        if (!isTableRegistered(request.tableId, request.tableTextHash)) {
            revert TableUnknown(request.tableId, request.tableTextHash);
        }
        if (!isQueryRegistered(request.queryDigest, request.queryTextHash)) {
            revert QueryUnknown(request.queryDigest, request.queryTextHash);
        }
        if (request.params.length > MOST_PARAMS) revert TooManyWords(request.params.length, MOST_PARAMS);
    }

    function _anchorHash(Request calldata request) private view returns (bytes32 anchorHash) {
        Windows memory windows = registry.windows(request.supernet);
        if (request.fromBlock > request.toBlock) revert RangeEmpty(request.fromBlock, request.toBlock);
        uint256 blocks = uint256(request.toBlock) - request.fromBlock + 1;
        if (blocks > windows.maxRange) revert RangeTooLong(blocks, windows.maxRange);
        if (request.toBlock >= block.number) revert BlockInFuture(request.toBlock, block.number);
        anchorHash = BlockHashes.read(request.toBlock);
        if (anchorHash == 0) revert BlockOutOfReach(request.toBlock, block.number);
        uint256 earliest = block.number + windows.minDeadline;
        if (request.deadline < earliest) revert DeadlineTooClose(request.deadline, earliest);
    }

    function _checkMoney(Request calldata request) private view returns (uint128 reserve) {
        if (request.feeToken != address(0)) revert FeeTokenUnsupported(request.feeToken);
        if (msg.value != request.maxFee) revert FeeNotSent(request.maxFee, msg.value);
        if (request.refundTo == address(0)) revert RefundToZero();
        Prices memory prices = registry.prices(request.supernet);
        if (request.callbackGas > prices.maxCallbackGas) {
            revert CallbackGasTooHigh(request.callbackGas, prices.maxCallbackGas);
        }
        if (request.callback == address(0) && request.callbackGas != 0) revert CallbackMissing(request.callbackGas);
        reserve = _reserve(prices, request.callbackGas);
        uint256 minimum = uint256(prices.baseFee) + reserve;
        if (request.maxFee < minimum) revert FeeTooLow(request.maxFee, minimum);
    }

    /// @dev The registry bounds the gas, so that the product fits.
    function _reserve(Prices memory prices, uint64 callbackGas) private pure returns (uint128) {
        return uint128((uint256(callbackGas) + prices.settleGas) * prices.quotedGasPrice);
    }

    // Parts of a settlement

    function _open(bytes32 requestId) private view returns (RequestRecord storage record) {
        record = _records[requestId];
        if (record.state != RequestState.Open) revert NotOpen(requestId, record.state);
    }

    function _checkFields(
        bytes32 requestId,
        Request calldata request,
        address requester,
        uint256 nonce,
        bytes32 anchorHash
    ) private view {
        bytes32 got = requestIdOf(request, requester, nonce, anchorHash);
        if (got != requestId) revert FieldsMismatch(requestId, got);
    }

    /// @dev Runs the callback with exactly the gas that was asked for. Its failure is recorded and nothing more.
    function _callBack(
        bytes32 requestId,
        RequestRecord storage record,
        Request calldata request,
        bytes32[] memory result
    ) private {
        bytes memory data = abi.encodeCall(IGavelCallback.onResult, (requestId, record.status, result));
        uint256 callbackGas = request.callbackGas;
        // A call gets at most 63/64 of the gas that is left. Whoever settles must not starve the callback.
        uint256 needed = (callbackGas + CALL_COST) * 64 / 63 + GAS_AFTER_CALLBACK;
        if (gasleft() < needed) revert GasTooLow(gasleft(), needed);
        address callback = request.callback;
        bool success;
        // No return data is copied: the callee could make it as long as its gas allows, and the caller pay for it.
        assembly ("memory-safe") {
            success := call(callbackGas, callback, 0, add(data, 0x20), mload(data), 0, 0)
        }
        if (success) record.callbackDone = true;
        emit CallbackRun(requestId, success);
    }

    /// @dev Gas used so far and known to follow, at the price of this transaction or what the supernet pays at most.
    function _reimbursement(uint32 supernet, uint256 gasAtStart) private view returns (uint256) {
        Prices memory prices = registry.prices(supernet);
        uint256 price = block.basefee + prices.settleTip;
        if (tx.gasprice < price) price = tx.gasprice;
        if (prices.quotedGasPrice < price) price = prices.quotedGasPrice;
        return (gasAtStart - gasleft() + UNMEASURED_GAS) * price;
    }

    // Parts of a registration

    function _register(mapping(bytes32 => bool) storage texts, bytes32 digest, string calldata text)
        private
        returns (bytes32 textHash)
    {
        uint256 length = bytes(text).length;
        if (length > MOST_TEXT) revert TextTooLong(length, MOST_TEXT);
        textHash = keccak256(bytes(text));
        texts[_textKey(digest, textHash)] = true;
    }

    function _textKey(bytes32 digest, bytes32 textHash) private pure returns (bytes32) {
        return keccak256(abi.encode(digest, textHash));
    }
}
