// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IFeeEscrow } from "../../src/interfaces/IFeeEscrow.sol";
import { IPayouts } from "../../src/interfaces/IPayouts.sol";
import { AwardKey } from "../../src/types/Market.sol";
import { FailureReason, Request } from "../../src/types/Query.sol";
import { Market } from "../fixture/Market.sol";

/// @notice Refuses money until told otherwise, and burns what gas it gets.
contract Refuser {
    bool public takes;

    function take(bool takes_) external {
        takes = takes_;
    }

    receive() external payable {
        if (takes) return;
        while (true) { }
    }
}

/// @notice Tries to get paid again while it is being paid.
contract Thief {
    address private _target;
    bytes private _call;
    uint256 public tries;

    function plan(address target, bytes calldata call_) external {
        (_target, _call) = (target, call_);
    }

    receive() external payable {
        ++tries;
        (bool success,) = _target.call(_call);
        require(!success, "stolen");
    }
}

contract FeeEscrowTest is Market {
    function test_onlyItsContractsMoveMoney() external {
        bytes memory notRequests = abi.encodeWithSelector(IFeeEscrow.NotQueryRequests.selector, address(this));
        bytes memory notBook = abi.encodeWithSelector(IFeeEscrow.NotAuctionBook.selector, address(this));
        vm.expectRevert(notRequests);
        escrow.lock(TABLE, NET, refundTo, 0, 0, 0);
        vm.expectRevert(notRequests);
        escrow.settle(TABLE);
        vm.expectRevert(notRequests);
        escrow.refund(TABLE);
        vm.expectRevert(notRequests);
        escrow.reimburse(TABLE, stranger, 1);
        vm.expectRevert(notBook);
        escrow.commit(TABLE, NET, 1);
        vm.expectRevert(notBook);
        escrow.deliver(TABLE, 1);
        vm.expectRevert(notBook);
        escrow.release(TABLE, 1);
        vm.expectRevert(notBook);
        escrow.payAward(TABLE, 1, operator);
    }

    function test_accountsOpenAndEndOnce() external {
        bytes32 requestId = _ask();
        vm.deal(address(requests), 1 ether);
        vm.startPrank(address(requests));
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.AccountExists.selector, requestId));
        escrow.lock{ value: 1 }(requestId, NET, refundTo, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.FeeTooLow.selector, 1, 2));
        escrow.lock{ value: 1 }(TABLE, NET, refundTo, 0, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.AccountNotEnded.selector, requestId));
        escrow.reimburse(requestId, stranger, 1);
        escrow.refund(requestId);
        bytes memory error = abi.encodeWithSelector(IFeeEscrow.AccountNotOpen.selector, requestId);
        vm.expectRevert(error);
        escrow.refund(requestId);
        vm.expectRevert(error);
        escrow.settle(requestId);
    }

    function test_sweepAfterTheClaimWindowOnly() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        _award(requestId);
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.AccountNotEnded.selector, requestId));
        escrow.sweep(requestId);
        _settle(requestId, request, 0);
        uint64 until = escrow.account(requestId).claimUntil;
        assertEq(until, block.number + 150);
        vm.roll(until);
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.ClaimWindowOpen.selector, requestId, until));
        escrow.sweep(requestId);
        vm.roll(until + 1);
        uint256 before = refundTo.balance;
        escrow.sweep(requestId);
        assertEq(refundTo.balance, before + JOB_PRICE);
        escrow.sweep(requestId);
        assertEq(refundTo.balance, before + JOB_PRICE, "once");
        assertEq(address(escrow).balance, 2 * BOND);
    }

    function test_deliveredMoneyIsNotSweptAndNeverLapses() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 awardId = _award(requestId);
        _anchorDelivered(2, awardId);
        _settle(requestId, request, 0);
        vm.roll(escrow.account(requestId).claimUntil + 10_000);
        escrow.sweep(requestId);
        book.claim(awardId);
        assertEq(operator.balance, JOB_PRICE);
    }

    function test_strikeAfterSettlementReturnsThePrice() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 awardId = _award(requestId);
        _settle(requestId, request, 0);
        uint256 before = refundTo.balance;
        vm.prank(operator);
        book.strike(awardId);
        assertEq(refundTo.balance, before + JOB_PRICE);
        assertEq(address(escrow).balance, 2 * BOND);
    }

    function test_strikeAfterRefundFreesTheBond() external {
        bytes32 requestId = _ask();
        bytes32 awardId = _award(requestId);
        vm.prank(gatewayKey);
        requests.fail(requestId, FailureReason.Other);
        assertEq(escrow.bond(NET).committed, JOB_PRICE);
        vm.prank(operator);
        book.strike(awardId);
        assertEq(escrow.bond(NET).committed, 0);
        assertEq(address(escrow).balance, 2 * BOND);
    }

    function test_strikeAfterSweepMovesNothing() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 awardId = _award(requestId);
        _settle(requestId, request, 0);
        vm.roll(escrow.account(requestId).claimUntil + 1);
        escrow.sweep(requestId);
        uint256 before = refundTo.balance;
        vm.prank(operator);
        book.strike(awardId);
        assertEq(refundTo.balance, before);
        assertEq(address(escrow).balance, 2 * BOND);
    }

    // Recipients that refuse

    function test_recipientThatRefusesBlocksNobody() external {
        Refuser refuser = new Refuser();
        Request memory request = _request();
        request.refundTo = address(refuser);
        bytes32 requestId = _ask(request);
        _settle(requestId, request, 0);
        uint256 credit = escrow.credit(address(refuser));
        assertGt(credit, 0.9 ether);
        assertEq(address(escrow).balance, 2 * BOND + credit);

        vm.expectRevert(abi.encodeWithSelector(IPayouts.NotCreditOwner.selector, address(this), address(refuser)));
        escrow.withdrawCredit(address(refuser), address(this));
        refuser.take(true);
        escrow.withdrawCredit(address(refuser), address(refuser));
        assertEq(address(refuser).balance, credit);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.CreditZero.selector, address(refuser)));
        escrow.withdrawCredit(address(refuser), address(refuser));
    }

    function test_creditOwnerSendsItElsewhere() external {
        Refuser refuser = new Refuser();
        Request memory request = _request();
        request.refundTo = address(refuser);
        bytes32 requestId = _ask(request);
        vm.prank(gatewayKey);
        requests.fail(requestId, FailureReason.Other);
        vm.startPrank(address(refuser));
        vm.expectRevert(abi.encodeWithSelector(IPayouts.TransferFailed.selector, address(verifier), 1 ether));
        escrow.withdrawCredit(address(refuser), address(verifier));
        escrow.withdrawCredit(address(refuser), treasury);
        assertEq(treasury.balance, 1 ether);
    }

    /// @dev With any gas a refund either reverts or arrives: it never becomes a credit that nobody wanted.
    function testFuzz_paymentsAreNotStarved(uint256 gasGiven) external {
        bytes32 requestId = _ask();
        gasGiven = bound(gasGiven, 30_000, 250_000);
        vm.prank(gatewayKey);
        (bool success,) =
            address(requests).call{ gas: gasGiven }(abi.encodeCall(requests.fail, (requestId, FailureReason.Other)));
        assertEq(refundTo.balance, success ? 1 ether : 0);
        assertEq(escrow.credit(refundTo), 0);
    }

    function test_reentranceTakesNothingTwice() external {
        Thief thief = new Thief();
        Request memory request = _request();
        request.refundTo = address(thief);
        bytes32 first = _ask(request);
        bytes32 awardId = _award(first);
        bytes memory proof = _prove(first, request, _answer());
        bytes[5] memory calls = [
            abi.encodeCall(requests.refund, (first)),
            abi.encodeCall(requests.settle, (first, request, dapp, 0, _answer(), proof)),
            abi.encodeCall(escrow.sweep, (first)),
            abi.encodeCall(book.claim, (awardId)),
            abi.encodeCall(escrow.withdrawCredit, (address(thief), address(thief)))
        ];
        for (uint256 i; i < calls.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            address target = i < 2 ? address(requests) : i == 3 ? address(book) : address(escrow);
            thief.plan(target, calls[i]);
            vm.roll(request.deadline + 1);
            requests.refund(first);
            // Out of gas or refused: the money arrived as credit or was paid once, never more.
            assertEq(address(thief).balance + escrow.credit(address(thief)), 1 ether);
            vm.revertToState(snapshot);
        }
    }

    // Bonds

    function test_bondWithdrawalIsAnnouncedDelayedAndBounded() external {
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.SupernetUnknown.selector, 9));
        escrow.depositBond{ value: 1 }(9);
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.NotGatewayOwner.selector, NET, address(this), gatewayOwner));
        escrow.announceBondWithdrawal(NET, 1);
        bytes32 requestId = _ask();
        _award(requestId);

        vm.startPrank(gatewayOwner);
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.BondTooLow.selector, BOND, BOND + 1));
        escrow.announceBondWithdrawal(NET, uint128(BOND + 1));
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.WithdrawalNotAnnounced.selector, NET));
        escrow.withdrawBond(NET);
        escrow.announceBondWithdrawal(NET, uint128(BOND));
        uint64 at = uint64(block.number) + registry.changeDelay();
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.WithdrawalTooEarly.selector, at));
        escrow.withdrawBond(NET);
        vm.roll(at);
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.BondCommitted.selector, BOND, BOND, JOB_PRICE));
        escrow.withdrawBond(NET);
        requests.refund(requestId);
        vm.roll(escrow.account(requestId).claimUntil + 1);
        escrow.sweep(requestId);
        escrow.withdrawBond(NET);
        assertEq(gatewayOwner.balance, BOND);
        assertEq(escrow.bond(NET).balance, 0);
        assertEq(escrow.bond(OTHER_NET).balance, BOND, "bonds are apart");
        vm.stopPrank();
    }

    function test_etherIsNotTakenByAccident() external {
        (bool success,) = address(escrow).call{ value: 1 }("");
        assertFalse(success);
        (success,) = address(requests).call{ value: 1 }("");
        assertFalse(success);
    }

    function test_secondAttemptIsPaidBesideTheFirst() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        _award(requestId, 1, 0, operator);
        bytes32 second = _award(requestId, 2, 1, rival);
        _anchorDelivered(3, second);
        _settle(requestId, request, 0);
        book.claim(second);
        // The first operator did deliver after all, and shows it within the window.
        AwardKey memory key = _key(requestId, 1, 0, operator);
        book.claimWithReceipt(key, STATEMENT, _receipt(key));
        assertEq(operator.balance, JOB_PRICE);
        assertEq(rival.balance, JOB_PRICE);
        assertEq(address(escrow).balance, 2 * BOND);
    }
}
