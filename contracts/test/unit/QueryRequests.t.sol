// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IQueryRequests } from "../../src/interfaces/IQueryRequests.sol";
import { IVerifierRouter } from "../../src/interfaces/IVerifierRouter.sol";
import { ISupernetRegistry } from "../../src/interfaces/ISupernetRegistry.sol";
import { Answer, FailureReason, Request, RequestRecord, RequestState, Status } from "../../src/types/Query.sol";
import { Market } from "../fixture/Market.sol";
import { KnownSetup } from "../fixture/KnownSetup.sol";

contract QueryRequestsTest is Market {
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    function _refused(Request memory request, bytes memory error) private {
        vm.expectRevert(error);
        vm.prank(dapp);
        requests.requestQuery{ value: request.maxFee }(request);
    }

    // Texts

    function test_registerTable() external {
        string memory text = "name = \"other\"";
        bytes32 textHash = keccak256(bytes(text));
        vm.expectEmit(address(requests));
        emit IQueryRequests.TableRegistered(TABLE, textHash, text);
        requests.registerTable(TABLE, text);
        assertTrue(requests.isTableRegistered(TABLE, textHash));
        assertFalse(requests.isQueryRegistered(TABLE, textHash), "tables are no queries");
        requests.registerTable(TABLE, text);
        assertTrue(requests.isTableRegistered(TABLE, keccak256(bytes(TABLE_TEXT))), "a wrong text squats nothing");
    }

    function test_registerTooLongText() external {
        string memory text = string(new bytes(16_385));
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.TextTooLong.selector, 16_385, 16_384));
        requests.registerTable(TABLE, text);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.TextTooLong.selector, 16_385, 16_384));
        requests.registerQuery(QUERY, text);
    }

    // Requests

    function test_requestStoresHashesAndLocksTheFee() external {
        Request memory request = _request();
        bytes32 anchorHash = blockhash(request.toBlock);
        bytes32 expected = requests.requestIdOf(request, dapp, 0, anchorHash);
        vm.expectEmit(address(requests));
        emit IQueryRequests.QueryRequested(expected, dapp, NET, 0, anchorHash, request);
        bytes32 requestId = _ask(request);
        assertEq(requestId, expected);
        RequestRecord memory record = requests.requestRecord(requestId);
        assertEq(record.anchorHash, anchorHash);
        assertEq(record.requester, dapp);
        assertEq(uint8(record.state), uint8(RequestState.Open));
        assertTrue(record.callbackDone, "there is none to run");
        assertEq(requests.nextNonce(dapp), 1);
        assertEq(address(escrow).balance, 2 * BOND + 1 ether);
        assertNotEq(_ask(request), requestId, "the nonce makes the second one another");
    }

    function test_requestIdBindsEverything() external {
        Request memory request = _request();
        bytes32 id = requests.requestIdOf(request, dapp, 0, bytes32(uint256(1)));
        assertNotEq(requests.requestIdOf(request, stranger, 0, bytes32(uint256(1))), id);
        assertNotEq(requests.requestIdOf(request, dapp, 1, bytes32(uint256(1))), id);
        assertNotEq(requests.requestIdOf(request, dapp, 0, bytes32(uint256(2))), id);
        request.params[0] = 0;
        assertNotEq(requests.requestIdOf(request, dapp, 0, bytes32(uint256(1))), id);
        request = _request();
        vm.chainId(1);
        assertNotEq(requests.requestIdOf(request, dapp, 0, bytes32(uint256(1))), id);
    }

    function test_refusesUnknownNames() external {
        Request memory request = _request();
        request.supernet = 9;
        _refused(request, abi.encodeWithSelector(IQueryRequests.SupernetUnknown.selector, 9));
        request = _request();
        request.tableTextHash = QUERY;
        _refused(request, abi.encodeWithSelector(IQueryRequests.TableUnknown.selector, TABLE, QUERY));
        request = _request();
        request.queryDigest = TABLE;
        _refused(request, abi.encodeWithSelector(IQueryRequests.QueryUnknown.selector, TABLE, request.queryTextHash));
        request = _request();
        request.verifierId = QUERY;
        _refused(request, abi.encodeWithSelector(IQueryRequests.VerifierNotListed.selector, NET, QUERY));
    }

    function test_refusesWhenPausedOrFrozen() external {
        vm.prank(owner);
        registry.setPaused(NET, true);
        _refused(_request(), abi.encodeWithSelector(IQueryRequests.SupernetPaused.selector, NET));
        vm.prank(owner);
        registry.setPaused(NET, false);
        vm.prank(guardian);
        router.freeze(verifierId);
        _refused(_request(), abi.encodeWithSelector(IQueryRequests.VerifierFrozen.selector, verifierId));
    }

    function test_refusesRanges() external {
        uint256 here = block.number;
        Request memory request = _request();
        (request.fromBlock, request.toBlock) = (uint64(here - 3), uint64(here - 4));
        _refused(request, abi.encodeWithSelector(IQueryRequests.RangeEmpty.selector, here - 3, here - 4));
        request.toBlock = uint64(here);
        _refused(request, abi.encodeWithSelector(IQueryRequests.BlockInFuture.selector, here, here));
        request.fromBlock = uint64(here - 1001);
        request.toBlock = uint64(here - 1);
        _refused(request, abi.encodeWithSelector(IQueryRequests.RangeTooLong.selector, 1001, 1000));
        request.fromBlock = uint64(here - 9_000);
        request.toBlock = uint64(here - 8_500);
        _refused(request, abi.encodeWithSelector(IQueryRequests.BlockOutOfReach.selector, here - 8_500, here));
        request.fromBlock = 0;
        request.toBlock = type(uint64).max;
        _refused(request, abi.encodeWithSelector(IQueryRequests.RangeTooLong.selector, 1 << 64, 1000));
    }

    function test_readsOldHashesFromTheHistoryContract() external {
        Request memory request = _request();
        request.fromBlock = uint64(block.number - 400);
        request.toBlock = uint64(block.number - 300);
        bytes32 old = keccak256("an old block");
        vm.mockCall(HISTORY, abi.encode(uint256(request.toBlock)), abi.encode(old));
        bytes32 requestId = _ask(request);
        assertEq(requests.requestRecord(requestId).anchorHash, old);
    }

    function test_evmReachEndsWhereHistoryStarts() external {
        Request memory request = _request();
        request.fromBlock = request.toBlock = uint64(block.number - 256);
        assertEq(requests.requestRecord(_ask(request)).anchorHash, blockhash(request.toBlock));
        request.fromBlock = request.toBlock = uint64(block.number - 257);
        vm.mockCall(HISTORY, abi.encode(uint256(request.toBlock)), "");
        _refused(
            request, abi.encodeWithSelector(IQueryRequests.BlockOutOfReach.selector, request.toBlock, block.number)
        );
    }

    function test_refusesMoney() external {
        Request memory request = _request();
        request.feeToken = strategyA;
        _refused(request, abi.encodeWithSelector(IQueryRequests.FeeTokenUnsupported.selector, strategyA));

        request = _request();
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.FeeNotSent.selector, 1 ether, 1));
        vm.prank(dapp);
        requests.requestQuery{ value: 1 }(request);

        uint256 minimum = requests.minimumFee(NET, 100_000);
        assertEq(minimum, 0.01 ether + 700_000 * 10 gwei);
        (request.callback, request.callbackGas) = (stranger, 100_000);
        request.maxFee = minimum - 1;
        _refused(request, abi.encodeWithSelector(IQueryRequests.FeeTooLow.selector, minimum - 1, minimum));
        request.maxFee = minimum;
        _ask(request);

        request = _request();
        request.refundTo = address(0);
        _refused(request, abi.encodeWithSelector(IQueryRequests.RefundToZero.selector));
    }

    function test_refusesDeadlineCallbackAndParams() external {
        Request memory request = _request();
        request.deadline = uint64(block.number + 19);
        _refused(
            request,
            abi.encodeWithSelector(IQueryRequests.DeadlineTooClose.selector, request.deadline, block.number + 20)
        );
        request = _request();
        (request.callback, request.callbackGas) = (stranger, 500_001);
        _refused(request, abi.encodeWithSelector(IQueryRequests.CallbackGasTooHigh.selector, 500_001, 500_000));
        (request.callback, request.callbackGas) = (address(0), 1);
        _refused(request, abi.encodeWithSelector(IQueryRequests.CallbackMissing.selector, 1));
        request = _request();
        request.params = _words(17);
        _refused(request, abi.encodeWithSelector(IQueryRequests.TooManyWords.selector, 17, 16));
    }

    // Settlement

    function test_settleRefusesWhatIsNotProven() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 anchorHash = requests.requestRecord(requestId).anchorHash;
        Answer memory answer = _answer();
        bytes memory proof = _prove(requestId, request, answer);

        answer.result[0] = bytes32(uint256(7));
        bytes32 digest = requests.statementDigest(request, anchorHash, answer);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.ProofRejected.selector, requestId, digest));
        requests.settle(requestId, request, dapp, 0, answer, proof);

        answer = _answer();
        answer.rowCount = 27;
        digest = requests.statementDigest(request, anchorHash, answer);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.ProofRejected.selector, requestId, digest));
        requests.settle(requestId, request, dapp, 0, answer, proof);

        answer = _answer();
        answer.status = Status.Empty;
        digest = requests.statementDigest(request, anchorHash, answer);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.ProofRejected.selector, requestId, digest));
        requests.settle(requestId, request, dapp, 0, answer, proof);

        answer.status = Status.None;
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.StatusUnknown.selector, Status.None));
        requests.settle(requestId, request, dapp, 0, answer, proof);

        answer = _answer();
        answer.result = _words(33);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.TooManyWords.selector, 33, 32));
        requests.settle(requestId, request, dapp, 0, answer, proof);

        digest = requests.statementDigest(request, anchorHash, _answer());
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.ProofRejected.selector, requestId, digest));
        requests.settle(requestId, request, dapp, 0, _answer(), hex"00");
        requests.settle(requestId, request, dapp, 0, _answer(), proof);
    }

    function testFuzz_settleBindsEveryField(uint256 field) external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes memory proof = _prove(requestId, request, _answer());
        (address requester, uint256 nonce) = (dapp, 0);
        field = bound(field, 0, 16);
        if (field == 0) request.supernet++;
        if (field == 1) request.verifierId = QUERY;
        if (field == 2) request.feeToken = stranger;
        if (field == 3) request.tableId = QUERY;
        if (field == 4) request.tableTextHash = QUERY;
        if (field == 5) request.queryDigest = TABLE;
        if (field == 6) request.queryTextHash = TABLE;
        if (field == 7) request.params[0] = 0;
        if (field == 8) request.fromBlock--;
        if (field == 9) request.toBlock++;
        if (field == 10) request.maxFee++;
        if (field == 11) request.deadline++;
        if (field == 12) request.callback = stranger;
        if (field == 13) request.callbackGas++;
        if (field == 14) request.refundTo = stranger;
        if (field == 15) requester = stranger;
        if (field == 16) nonce++;
        bytes32 got = requests.requestIdOf(request, requester, nonce, requests.requestRecord(requestId).anchorHash);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.FieldsMismatch.selector, requestId, got));
        requests.settle(requestId, request, requester, nonce, _answer(), proof);
    }

    function test_proofOfOneRequestDoesNotSettleAnother() external {
        Request memory first = _request();
        Request memory second = _request();
        second.params[0] = bytes32(uint256(5));
        bytes32 firstId = _ask(first);
        bytes32 secondId = _ask(second);
        bytes memory proof = _prove(firstId, first, _answer());
        bytes32 digest = requests.statementDigest(second, requests.requestRecord(secondId).anchorHash, _answer());
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.ProofRejected.selector, secondId, digest));
        requests.settle(secondId, second, dapp, 1, _answer(), proof);
    }

    function test_proofOfAnotherChainDoesNotSettle() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 anchorHash = requests.requestRecord(requestId).anchorHash;
        vm.chainId(1);
        bytes32 digestThere = requests.statementDigest(request, anchorHash, _answer());
        vm.chainId(31337);
        bytes32 digest = requests.statementDigest(request, anchorHash, _answer());
        assertNotEq(digest, digestThere);
        bytes memory proof = KnownSetup.prove(digestThere, 17);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.ProofRejected.selector, requestId, digest));
        requests.settle(requestId, request, dapp, 0, _answer(), proof);
    }

    function test_settleUntilTheDeadlineAndNotAfter() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        uint256 snapshot = vm.snapshotState();
        vm.roll(request.deadline);
        _settle(requestId, request, 0);
        vm.revertToState(snapshot);

        vm.roll(request.deadline + 1);
        bytes memory proof = _prove(requestId, request, _answer());
        vm.expectRevert(
            abi.encodeWithSelector(IQueryRequests.DeadlinePassed.selector, request.deadline, request.deadline + 1)
        );
        requests.settle(requestId, request, dapp, 0, _answer(), proof);
    }

    function test_settleNeedsAnUnfrozenVerifier() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes memory proof = _prove(requestId, request, _answer());
        vm.prank(guardian);
        router.freeze(verifierId);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.VerifierIsFrozen.selector, verifierId));
        requests.settle(requestId, request, dapp, 0, _answer(), proof);
    }

    function test_reimbursementIsBelowTheCostOfSettling() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes memory proof = _prove(requestId, request, _answer());
        bytes memory data = abi.encodeCall(IQueryRequests.settle, (requestId, request, dapp, 0, _answer(), proof));
        uint256 intrinsic = 21_000;
        for (uint256 i; i < data.length; ++i) {
            intrinsic += data[i] == 0 ? 4 : 16;
        }
        uint256 before = stranger.balance;
        vm.prank(stranger);
        (bool success,) = address(requests).call(data);
        assertTrue(success);
        // Two slots of the escrow are cleared, 4,800 gas each. (Here their content is of the same transaction, so that
        // the EVM's own counter says more.)
        uint256 spent = (intrinsic + vm.lastCallGas().gasTotalUsed - 9_600) * 2 gwei;
        // Base fee 1 gwei and tip 1 gwei are below the transaction's 5 gwei and the quoted 10 gwei.
        uint256 reimbursed = stranger.balance - before;
        assertLe(reimbursed, spent, "settling earns nothing");
        assertGe(reimbursed, spent * 9 / 10, "and costs little");
    }

    function test_reimbursementTakesTheLowestPrice() external {
        for (uint256 i; i < 3; ++i) {
            uint256 snapshot = vm.snapshotState();
            if (i == 1) vm.txGasPrice(1);
            if (i == 2) vm.fee(1_000 gwei);
            if (i == 2) vm.txGasPrice(1_000 gwei);
            Request memory request = _request();
            bytes32 requestId = _ask(request);
            uint256 before = stranger.balance;
            _settle(requestId, request, 0);
            uint256 reimbursed = stranger.balance - before;
            if (i == 0) assertGt(reimbursed, 0);
            if (i == 1) assertLt(reimbursed, 600_000);
            if (i == 2) assertLe(reimbursed, 600_000 * 10 gwei, "never more than the reserve");
            vm.revertToState(snapshot);
        }
    }

    // Ends

    function test_failByTheGatewayOnly() external {
        bytes32 requestId = _ask();
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.NotGateway.selector, NET, address(this), gatewayKey));
        requests.fail(requestId, FailureReason.NoBids);
        vm.startPrank(gatewayKey);
        vm.expectRevert(IQueryRequests.FailureReasonMissing.selector);
        requests.fail(requestId, FailureReason.None);
        requests.fail(requestId, FailureReason.NoBids);
        assertEq(refundTo.balance, 1 ether);
    }

    function test_cancelByTheRequesterWhileNothingIsCommitted() external {
        bytes32 requestId = _ask();
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.NotRequester.selector, requestId, address(this), dapp));
        requests.cancel(requestId);
        bytes32 awardId = _award(requestId);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.WorkCommitted.selector, requestId, JOB_PRICE));
        vm.prank(dapp);
        requests.cancel(requestId);
        vm.prank(operator);
        book.strike(awardId);
        vm.prank(dapp);
        requests.cancel(requestId);
        assertEq(refundTo.balance, 1 ether);
    }

    function test_refundAfterTheDeadlineOnly() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        vm.roll(request.deadline);
        vm.expectRevert(
            abi.encodeWithSelector(IQueryRequests.DeadlineNotPassed.selector, request.deadline, request.deadline)
        );
        requests.refund(requestId);
        vm.roll(request.deadline + 1);
        requests.refund(requestId);
        assertEq(refundTo.balance, 1 ether);
    }

    function test_pauseDoesNotBlockSettlementOrRefund() external {
        Request memory request = _request();
        bytes32 first = _ask(request);
        bytes32 second = _ask(request);
        bytes32 awardId = _award(first);
        vm.prank(owner);
        registry.setPaused(NET, true);
        _anchorDelivered(2, awardId);
        _settle(first, request, 0);
        book.claim(awardId);
        vm.roll(request.deadline + 1);
        requests.refund(second);
        assertEq(address(escrow).balance, 2 * BOND);
    }

    /// @dev Every way out, after every way out.
    function test_terminalStatesExcludeEachOther() external {
        for (uint256 end = 2; end <= 5; ++end) {
            uint256 snapshot = vm.snapshotState();
            Request memory request = _request();
            bytes32 requestId = _ask(request);
            bytes memory proof = _prove(requestId, request, _answer());
            if (end == uint8(RequestState.Settled)) _settle(requestId, request, 0);
            vm.prank(gatewayKey);
            if (end == uint8(RequestState.Failed)) requests.fail(requestId, FailureReason.Other);
            vm.stopPrank();
            vm.startPrank(dapp);
            if (end == uint8(RequestState.Cancelled)) requests.cancel(requestId);
            vm.stopPrank();
            if (end == uint8(RequestState.Refunded)) {
                vm.roll(request.deadline + 1);
                requests.refund(requestId);
                vm.roll(request.deadline);
            }
            assertEq(uint8(requests.requestRecord(requestId).state), end);
            bytes memory error = abi.encodeWithSelector(IQueryRequests.NotOpen.selector, requestId, end);
            vm.expectRevert(error);
            requests.settle(requestId, request, dapp, 0, _answer(), proof);
            vm.expectRevert(error);
            vm.prank(gatewayKey);
            requests.fail(requestId, FailureReason.Other);
            vm.expectRevert(error);
            vm.prank(dapp);
            requests.cancel(requestId);
            vm.roll(request.deadline + 1);
            vm.expectRevert(error);
            requests.refund(requestId);
            if (end != uint8(RequestState.Settled)) {
                vm.expectRevert(abi.encodeWithSelector(IQueryRequests.NotSettled.selector, requestId, end));
                requests.getResult(requestId);
            }
            vm.revertToState(snapshot);
        }
    }

    function test_unknownRequest() external {
        bytes32 requestId = keccak256("nobody's");
        bytes memory error = abi.encodeWithSelector(IQueryRequests.NotOpen.selector, requestId, RequestState.None);
        vm.expectRevert(error);
        requests.refund(requestId);
        vm.expectRevert(error);
        requests.settle(requestId, _request(), dapp, 0, _answer(), "");
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.NotSettled.selector, requestId, RequestState.None));
        requests.retryCallback(requestId, _request(), dapp, 0);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.SupernetUnknown.selector, 9));
        requests.minimumFee(9, 0);
    }
}
