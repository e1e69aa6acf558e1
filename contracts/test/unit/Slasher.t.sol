// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ISlasher } from "../../src/interfaces/ISlasher.sol";
import { MarketHash } from "../../src/libraries/MarketHash.sol";
import { Messages } from "../../src/libraries/Messages.sol";
import { Slasher } from "../../src/slashing/Slasher.sol";
import { AwardKey, AwardState } from "../../src/types/Market.sol";
import { MissEvidence, MissReport, ReportState } from "../../src/types/Miss.sol";
import { CoreDouble } from "../fixture/CoreDouble.sol";
import { Market } from "../fixture/Market.sol";

contract SlasherTest is Market {
    uint256 private constant DEPOSIT = 0.05 ether;

    bytes32 private requestId;
    bytes32 private awardId;
    uint64 private acceptBlock;

    function setUp() public override {
        super.setUp();
        requestId = _ask();
        awardId = _award(requestId);
        acceptBlock = uint64(block.number + 4);
        // The proving window of 60 ends in the block before.
        vm.roll(acceptBlock + 61);
    }

    function _report() private {
        MissEvidence memory evidence = _evidence(requestId, 1, acceptBlock);
        vm.prank(stranger);
        slasher.reportMiss{ value: DEPOSIT }(evidence);
    }

    function _refused(MissEvidence memory evidence, bytes memory error) private {
        vm.expectRevert(error);
        slasher.reportMiss{ value: DEPOSIT }(evidence);
    }

    function _good() private view returns (MissEvidence memory) {
        return _evidence(requestId, 1, acceptBlock);
    }

    function test_deploysOnDevelopmentChainsOnly() external {
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.DevelopmentOnly.selector, 1));
        new Slasher(registry, book, registrar, capacity, core, address(account));
    }

    function test_reportOpensAnAnswerWindow() external {
        _report();
        MissReport memory report = slasher.report(awardId);
        assertEq(report.reporter, stranger);
        assertEq(report.deposit, DEPOSIT);
        assertEq(report.answerUntil, block.number + 40);
        assertEq(report.executeUntil, book.award(awardId).expiryBlock);
        assertEq(uint8(report.state), uint8(ReportState.Open));
        _refused(_good(), abi.encodeWithSelector(ISlasher.ReportExists.selector, awardId));
    }

    function test_refusesOtherAwardsLotsAndJobs() external {
        MissEvidence memory evidence = _good();
        evidence.key.attempt = 1;
        bytes32 unknown = book.awardIdOf(evidence.key);
        _refused(evidence, abi.encodeWithSelector(ISlasher.AwardNotReportable.selector, unknown, AwardState.None));

        evidence = _good();
        evidence.lot.provingBlocks = 1;
        bytes32 got = MarketHash.lotDigest(evidence.lot);
        bytes32 expected = book.award(awardId).lotDigest;
        _refused(evidence, abi.encodeWithSelector(ISlasher.LotMismatch.selector, expected, got));

        evidence = _good();
        evidence.job.units--;
        _refused(evidence, abi.encodeWithSelector(ISlasher.JobMismatch.selector, awardId));
        evidence = _good();
        evidence.job.jobId = TABLE;
        _refused(evidence, abi.encodeWithSelector(ISlasher.JobMismatch.selector, awardId));
        evidence = _good();
        evidence.job.payer = TABLE;
        _refused(evidence, abi.encodeWithSelector(ISlasher.JobMismatch.selector, awardId));
        evidence = _good();
        evidence.job.claimDigest = TABLE;
        _refused(evidence, abi.encodeWithSelector(ISlasher.JobNotInLot.selector, evidence.lot.jobsRoot));
    }

    function test_refusesBids() external {
        MissEvidence memory evidence = _good();
        evidence.priceWeiPerUnit++;
        _refused(evidence, abi.encodeWithSelector(ISlasher.PriceMismatch.selector, JOB_PRICE, PRICE + 1));
        evidence.priceWeiPerUnit = type(uint256).max;
        _refused(evidence, abi.encodeWithSelector(ISlasher.PriceMismatch.selector, JOB_PRICE, type(uint256).max));

        evidence = _good();
        evidence.salt = TABLE;
        bytes32 commitment = MarketHash.commitment(MarketHash.lotDigest(evidence.lot), operator, PRICE, TABLE);
        bytes32 root = book.tickRecord(NET, 1).bidsRoot;
        _refused(evidence, abi.encodeWithSelector(ISlasher.BidNotInRoot.selector, root, commitment));

        evidence = _good();
        evidence.bidSignature = _highS(evidence.bidSignature);
        _refused(evidence, abi.encodeWithSelector(ISlasher.BidSignatureInvalid.selector, operator, address(0)));
        bytes32 structHash = Messages.bidCommitment(
            evidence.key, MarketHash.lotDigest(evidence.lot), _commitment(evidence.lot, operator)
        );
        evidence.bidSignature = _sign(rivalSecret, structHash);
        _refused(
            evidence, abi.encodeWithSelector(ISlasher.BidSignatureInvalid.selector, operator, vm.addr(rivalSecret))
        );
    }

    function test_refusesAcceptances() external {
        uint64 awarded = acceptBlock - 4;
        uint64[2] memory outside = [awarded - 1, awarded + 11];
        for (uint256 i; i < 2; ++i) {
            MissEvidence memory early = _evidence(requestId, 1, outside[i]);
            _refused(
                early, abi.encodeWithSelector(ISlasher.AcceptOutOfWindow.selector, outside[i], awarded, awarded + 10)
            );
        }
        MissEvidence memory evidence = _good();
        evidence.inputDigest = TABLE;
        vm.expectRevert();
        slasher.reportMiss{ value: DEPOSIT }(evidence);
        evidence = _good();
        evidence.acceptSignature = _highS(evidence.acceptSignature);
        _refused(
            evidence, abi.encodeWithSelector(ISlasher.AcceptSignatureInvalid.selector, vm.addr(bidSecret), address(0))
        );
        evidence.acceptSignature = "";
        _refused(
            evidence, abi.encodeWithSelector(ISlasher.AcceptSignatureInvalid.selector, vm.addr(bidSecret), address(0))
        );
    }

    function test_refusesBeforeTheProvingWindowEnds() external {
        vm.roll(acceptBlock + 60);
        _refused(
            _good(), abi.encodeWithSelector(ISlasher.ProvingWindowOpen.selector, acceptBlock + 60, acceptBlock + 60)
        );
    }

    function test_refusesAfterTheReportWindow() external {
        uint64 last = acceptBlock - 4 + 10 + 60 + 50;
        vm.roll(last + 1);
        _refused(_good(), abi.encodeWithSelector(ISlasher.ReportWindowClosed.selector, last, last + 1));
        vm.roll(last);
        _report();
    }

    function test_refusesSmallDeposits() external {
        MissEvidence memory evidence = _good();
        vm.expectRevert(abi.encodeWithSelector(ISlasher.DepositTooLow.selector, DEPOSIT - 1, DEPOSIT));
        slasher.reportMiss{ value: DEPOSIT - 1 }(evidence);
    }

    function test_refusesDeliveredAwards() external {
        _anchorDelivered(2, awardId);
        _refused(_good(), abi.encodeWithSelector(ISlasher.AwardNotReportable.selector, awardId, AwardState.Delivered));
    }

    function test_rotatedKeyDoesNotEscape() external {
        vm.prank(operator);
        registrar.setBidKey(vm.addr(99));
        vm.roll(block.number + 30);
        _report();
        assertEq(uint8(slasher.report(awardId).state), uint8(ReportState.Open));
    }

    function test_struckAwardIsStillReportable() external {
        vm.prank(operator);
        book.strike(awardId);
        _report();
        _mine(41);
        slasher.executeSlash(awardId);
        assertEq(core.slashes(), 1);
        assertEq(escrow.account(requestId).committed, 0);
        assertEq(escrow.bond(NET).committed, 0);
    }

    function test_executesAfterTheAnswerWindowOnly() external {
        vm.expectRevert(abi.encodeWithSelector(ISlasher.ReportNotOpen.selector, awardId, ReportState.None));
        slasher.executeSlash(awardId);
        _report();
        uint64 until = slasher.report(awardId).answerUntil;
        vm.roll(until);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.AnswerWindowOpen.selector, until, until));
        slasher.executeSlash(awardId);
        vm.roll(until + 1);
        slasher.executeSlash(awardId);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.ReportNotOpen.selector, awardId, ReportState.Executed));
        slasher.executeSlash(awardId);
        assertEq(core.slashes(), 1);
    }

    function test_receiptAnswersUntilTheSlashIsExecuted() external {
        _report();
        _mine(45);
        AwardKey memory key = _key(requestId, 1, 0, operator);
        slasher.answer(key, STATEMENT, _receipt(key));
        assertEq(operator.balance, DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.ReportNotOpen.selector, awardId, ReportState.Dismissed));
        slasher.executeSlash(awardId);
        _refused(_good(), abi.encodeWithSelector(ISlasher.AwardNotReportable.selector, awardId, AwardState.Delivered));
    }

    function test_anchoredDeliveryEndsTheReport() external {
        _report();
        vm.expectRevert(abi.encodeWithSelector(ISlasher.AwardNotDelivered.selector, awardId));
        slasher.dismiss(awardId);
        _anchorDelivered(2, awardId);
        _mine(41);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.AwardDelivered.selector, awardId));
        slasher.executeSlash(awardId);
        slasher.dismiss(awardId);
        assertEq(operator.balance, DEPOSIT);
        assertEq(address(slasher).balance, 0);
    }

    function test_receiptAnswersAfterAnAnchoredDelivery() external {
        _report();
        _anchorDelivered(2, awardId);
        AwardKey memory key = _key(requestId, 1, 0, operator);
        slasher.answer(key, STATEMENT, _receipt(key));
        assertEq(operator.balance, DEPOSIT);
    }

    function test_lapsesWhenTheReservationExpired() external {
        _report();
        core.pauseSlashing(true);
        _mine(41);
        vm.expectRevert(CoreDouble.CurrentlyPaused.selector);
        slasher.executeSlash(awardId);
        uint64 last = book.award(awardId).expiryBlock;
        vm.roll(last);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.ExecutionWindowOpen.selector, last, last));
        slasher.lapse(awardId);
        vm.roll(last + 1);
        core.pauseSlashing(false);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.ExecutionWindowClosed.selector, last, last + 1));
        slasher.executeSlash(awardId);
        uint256 before = stranger.balance;
        slasher.lapse(awardId);
        assertEq(stranger.balance, before + DEPOSIT);
        assertEq(core.slashes(), 0);
    }

    function test_deliveredReportDoesNotLapse() external {
        _report();
        _anchorDelivered(2, awardId);
        vm.roll(book.award(awardId).expiryBlock + 1);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.AwardDelivered.selector, awardId));
        slasher.lapse(awardId);
    }

    function test_deregisteredOperatorIsStillSlashed() external {
        core.deregister(operator, address(account), _ids(NET));
        _report();
        _mine(41);
        slasher.executeSlash(awardId);
        assertEq(core.slashes(), 1);
    }

    function test_queuedStakeCountsInTheFraction() external {
        core.queue(operator, strategyA, 600 ether);
        _report();
        _mine(41);
        slasher.executeSlash(awardId);
        (uint256 shares, uint256 queued,,) = core.stakes(operator, strategyA);
        (uint256 sharesB,,,) = core.stakes(operator, strategyB);
        uint256 taken = (SHARES - shares - queued) + (SHARES - sharesB) / 2;
        assertApproxEqAbs(taken, 40 ether, 3_000);
    }

    function test_takesAllWhenThereIsLess() external {
        core.allocate(operator, strategyA, 0);
        core.allocate(operator, strategyB, 0.05e18);
        _report();
        _mine(41);
        slasher.executeSlash(awardId);
        (,, uint64 magnitude, uint64 current) = core.stakes(operator, strategyB);
        assertEq(current, 0, "25 ether of stake are less than 40");
        assertEq(magnitude, 0.95e18);
    }

    function test_nothingToSlashStaysOpen() external {
        core.allocate(operator, strategyA, 0);
        core.allocate(operator, strategyB, 0);
        _report();
        _mine(41);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.NothingToSlash.selector, NET, operator));
        slasher.executeSlash(awardId);
    }

    function testFuzz_slashIsTheHarmNotTheBid(uint256 magnitudeA, uint256 magnitudeB, uint256 queued) external {
        core.allocate(operator, strategyA, uint64(bound(magnitudeA, 1e15, 1e18)));
        core.allocate(operator, strategyB, uint64(bound(magnitudeB, 1e15, 1e18)));
        core.queue(operator, strategyA, bound(queued, 0, SHARES));
        uint256 before = capacity.stakeAtRisk(NET, operator);
        _report();
        _mine(41);
        slasher.executeSlash(awardId);
        uint256 taken = _takenStake();
        uint256 harm = before < 40 ether ? before : 40 ether;
        assertApproxEqAbs(taken, harm, 5_000);
    }

    function _takenStake() private view returns (uint256) {
        (uint256 sharesA, uint256 queuedA,,) = core.stakes(operator, strategyA);
        (uint256 sharesB,,,) = core.stakes(operator, strategyB);
        return (SHARES - sharesA - queuedA) + (SHARES - sharesB) / 2;
    }
}
