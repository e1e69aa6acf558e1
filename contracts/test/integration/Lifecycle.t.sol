// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AwardKey, AwardState } from "../../src/types/Market.sol";
import { MissEvidence } from "../../src/types/Miss.sol";
import { AccountState, Bond, FeeAccount } from "../../src/types/Money.sol";
import { FailureReason, Request, RequestState, Status } from "../../src/types/Query.sol";
import { Market } from "../fixture/Market.sol";

/// @notice Whole lives of requests, with every wei accounted for.
contract LifecycleTest is Market {
    function test_requestIsAnsweredPaidAndEmptied() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 awardId = _award(requestId);
        assertEq(escrow.bond(NET).committed, JOB_PRICE);

        AwardKey memory key = _key(requestId, 1, 0, operator);
        book.proveDelivery(key, STATEMENT, _receipt(key));
        assertEq(uint8(book.award(awardId).state), uint8(AwardState.Delivered));
        assertEq(capacity.capacity(NET, operator).reserved, 0);

        uint256 before = stranger.balance;
        _settle(requestId, request, 0);
        uint256 reimbursed = stranger.balance - before;
        assertGt(reimbursed, 0);
        book.claim(awardId);

        assertEq(operator.balance, JOB_PRICE, "exactly the bid");
        assertEq(gatewayOwner.balance, 0.003 ether);
        assertEq(treasury.balance, 0.001 ether);
        assertEq(refundTo.balance, 1 ether - JOB_PRICE - 0.004 ether - reimbursed);
        assertEq(address(escrow).balance, 2 * BOND, "nothing is left of the request");
        assertEq(escrow.bond(NET).committed, 0);
        (Status status, uint64 rows, bytes32[] memory result) = requests.getResult(requestId);
        assertEq(uint8(status), uint8(Status.Ok));
        assertEq(rows, 28);
        assertEq(result, _words(2));
    }

    function test_failedRequestIsRefundedInFullAndTheBondPays() external {
        bytes32 requestId = _ask();
        bytes32 awardId = _award(requestId);
        _anchorDelivered(2, awardId);
        vm.prank(gatewayKey);
        requests.fail(requestId, FailureReason.AttemptsExhausted);
        assertEq(refundTo.balance, 1 ether);
        book.claim(awardId);
        assertEq(operator.balance, JOB_PRICE);
        Bond memory bond = escrow.bond(NET);
        assertEq(bond.balance, BOND - JOB_PRICE);
        assertEq(bond.committed, 0);
        assertEq(address(escrow).balance, 2 * BOND - JOB_PRICE);
    }

    function test_deadlineRefundByStrangerThenLateReceiptLapses() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 awardId = _award(requestId);
        vm.roll(request.deadline + 1);
        vm.prank(stranger);
        requests.refund(requestId);
        assertEq(refundTo.balance, 1 ether);

        FeeAccount memory ended = escrow.account(requestId);
        assertEq(uint8(ended.state), uint8(AccountState.Refunded));
        vm.roll(ended.claimUntil + 1);
        AwardKey memory key = _key(requestId, 1, 0, operator);
        book.proveDelivery(key, STATEMENT, _receipt(key));
        assertEq(uint8(book.award(awardId).state), uint8(AwardState.Lapsed));
        escrow.sweep(requestId);
        assertEq(escrow.bond(NET).committed, 0);
        assertEq(escrow.bond(NET).balance, BOND);
    }

    function test_frozenVerifierRefundsAtOnceAndPaysTheWork() external {
        bytes32 requestId = _ask();
        bytes32 awardId = _award(requestId);
        _anchorDelivered(2, awardId);
        vm.prank(guardian);
        router.freeze(verifierId);
        requests.refund(requestId);
        assertEq(refundTo.balance, 1 ether);
        book.claim(awardId);
        assertEq(operator.balance, JOB_PRICE);
    }

    function test_missedJobIsSlashedAndItsPriceGoesBack() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 missed = _award(requestId);
        uint64 acceptBlock = uint64(block.number + 4);
        _mine(70);
        capacity.syncCapacity(NET, rival);
        bytes32 second = _award(requestId, 2, 1, rival);

        MissEvidence memory evidence = _evidence(requestId, 1, acceptBlock);
        vm.prank(stranger);
        slasher.reportMiss{ value: 0.05 ether }(evidence);
        _mine(41);
        uint256 before = stranger.balance;
        slasher.executeSlash(missed);
        assertEq(stranger.balance, before + 0.05 ether, "deposit is back");

        // 40 units at one ether: 40 of 1,500 ether of stake, and the same fraction of each strategy.
        (uint256 sharesA,, uint64 magnitudeA,) = core.stakes(operator, strategyA);
        (uint256 sharesB,, uint64 magnitudeB,) = core.stakes(operator, strategyB);
        assertEq(magnitudeA, magnitudeB);
        uint256 taken = (SHARES - sharesA) + (SHARES - sharesB) / 2;
        assertApproxEqAbs(taken, 40 ether, 2_000);
        assertGe(taken, 40 ether, "rounded against the operator");
        assertFalse(capacity.capacity(NET, operator).fresh, "capacity must be read again");

        _anchorDelivered(3, second);
        _settle(requestId, request, 0);
        book.claim(second);
        assertEq(operator.balance, 0);
        assertEq(rival.balance, JOB_PRICE);
        assertEq(address(escrow).balance, 2 * BOND);
    }

    function test_falseReportIsAnsweredAndCostsTheReporter() external {
        bytes32 requestId = _ask();
        bytes32 awardId = _award(requestId);
        uint64 acceptBlock = uint64(block.number + 4);
        _mine(70);
        MissEvidence memory evidence = _evidence(requestId, 1, acceptBlock);
        vm.prank(stranger);
        slasher.reportMiss{ value: 0.05 ether }(evidence);

        AwardKey memory key = _key(requestId, 1, 0, operator);
        slasher.answer(key, STATEMENT, _receipt(key));
        assertEq(operator.balance, 0.05 ether);
        assertEq(address(slasher).balance, 0);
        assertEq(core.slashes(), 0);
        assertEq(uint8(requests.requestRecord(requestId).state), uint8(RequestState.Open));
        assertEq(uint8(book.award(awardId).state), uint8(AwardState.Delivered));
    }
}
