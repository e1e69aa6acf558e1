// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAuctionBook } from "../../src/interfaces/IAuctionBook.sol";
import { IFeeEscrow } from "../../src/interfaces/IFeeEscrow.sol";
import { MarketHash } from "../../src/libraries/MarketHash.sol";
import { Messages } from "../../src/libraries/Messages.sol";
import {
    AwardEntry,
    AwardKey,
    AwardRecord,
    AwardState,
    LotTerms,
    SkipReason,
    TickRecord
} from "../../src/types/Market.sol";
import { FailureReason, Request } from "../../src/types/Query.sol";
import { Market } from "../fixture/Market.sol";

contract AuctionBookTest is Market {
    bytes32 private requestId;
    Request private asked;

    function setUp() public override {
        super.setUp();
        asked = _request();
        requestId = _ask(asked);
    }

    /// @dev Anchors an entry that must be skipped, and checks that nothing moved.
    function _skipped(LotTerms memory lot, AwardEntry memory entry, SkipReason reason) private {
        uint64 tick = book.lastTick(NET) + 1;
        bytes32 jobId = MarketHash.jobId(entry.payer, entry.jobIndex);
        bytes32 awardId =
            book.awardIdOf(AwardKey(NET, registry.gateway(NET).epoch, tick, jobId, entry.attempt, entry.operator));
        uint256 committed = escrow.bond(NET).committed;
        uint64 reserved = capacity.capacity(NET, operator).reserved;
        vm.expectEmit(address(book));
        emit IAuctionBook.AwardSkipped(awardId, entry.payer, entry.operator, jobId, reason);
        _anchor(tick, 0, lot, entry);
        assertEq(book.lastTick(NET), tick, "the tick itself is anchored");
        assertEq(uint8(book.award(awardId).state), uint8(AwardState.None));
        assertEq(escrow.bond(NET).committed, committed);
        assertEq(capacity.capacity(NET, operator).reserved, reserved);
    }

    function _next() private view returns (LotTerms memory lot, AwardEntry memory entry) {
        lot = _lot(requestId, book.lastTick(NET) + 1);
        entry = _entry(requestId, 0, operator);
    }

    // Ticks

    function test_onlyTheGatewayKeyAnchors() external {
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.NotGateway.selector, NET, address(this), gatewayKey));
        book.anchorTick(NET, 1, 0, 0, 0, new LotTerms[](0), new AwardEntry[](0), new bytes32[](0));
        address next = vm.addr(77);
        vm.prank(gatewayOwner);
        registry.startGatewayEpoch(NET, next);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.NotGateway.selector, NET, gatewayKey, next));
        vm.prank(gatewayKey);
        book.anchorTick(NET, 1, 0, 0, 0, new LotTerms[](0), new AwardEntry[](0), new bytes32[](0));
    }

    function test_ticksAscendAndGapsAreNamed() external {
        vm.startPrank(gatewayKey);
        vm.expectEmit(address(book));
        emit IAuctionBook.TickAnchored(NET, 5, 1, 1, QUERY, 3, TABLE);
        book.anchorTick(NET, 5, QUERY, 3, TABLE, new LotTerms[](0), new AwardEntry[](0), new bytes32[](0));
        for (uint64 tick = 0; tick <= 5; tick += 5) {
            vm.expectRevert(abi.encodeWithSelector(IAuctionBook.TickNotAfter.selector, NET, tick, 5));
            book.anchorTick(NET, tick, 0, 0, 0, new LotTerms[](0), new AwardEntry[](0), new bytes32[](0));
        }
        TickRecord memory record = book.tickRecord(NET, 5);
        assertEq(record.bidsRoot, QUERY);
        assertEq(record.gatewayEpoch, 1);
        assertEq(record.anchorBlock, block.number);
        assertEq(record.count, 3);
        assertEq(book.lastTick(OTHER_NET), 0, "supernets count for themselves");
    }

    // Awards

    function test_awardIsReservedCommittedAndStored() external {
        bytes32 awardId = _award(requestId);
        AwardRecord memory award = book.award(awardId);
        assertEq(award.operator, operator);
        assertEq(award.units, UNITS);
        assertEq(award.supernet, NET);
        assertEq(uint8(award.state), uint8(AwardState.Reserved));
        assertEq(award.price, JOB_PRICE);
        assertEq(award.awardBlock, block.number);
        assertEq(award.expiryBlock, block.number + 10 + 60 + 50 + 40 + 20);
        assertEq(award.acceptBlocks, 10);
        assertEq(award.provingBlocks, 60);
        assertEq(award.lotDigest, MarketHash.lotDigest(_lot(requestId, 1)));
        assertEq(award.payer, requestId);
        assertEq(capacity.capacity(NET, operator).reserved, UNITS);
        assertEq(escrow.account(requestId).committed, JOB_PRICE);
        assertEq(escrow.bond(NET).committed, JOB_PRICE);
    }

    function test_skipsLots() external {
        (LotTerms memory lot, AwardEntry memory entry) = _next();
        entry.lot = 1;
        _skipped(lot, entry, SkipReason.UnknownLot);
        (lot, entry) = _next();
        lot.tick++;
        _skipped(lot, entry, SkipReason.LotOfAnotherTick);
        (lot, entry) = _next();
        lot.gatewayEpoch++;
        _skipped(lot, entry, SkipReason.LotOfAnotherTick);
        (lot, entry) = _next();
        lot.supernet = OTHER_NET;
        _skipped(lot, entry, SkipReason.LotOfAnotherTick);
        (lot, entry) = _next();
        lot.class = 3;
        _skipped(lot, entry, SkipReason.UnknownClass);
        (lot, entry) = _next();
        lot.ceilingWeiPerUnit = 1e13 + 1;
        _skipped(lot, entry, SkipReason.CeilingAboveMaximum);
        (lot, entry) = _next();
        lot.acceptBlocks = 21;
        _skipped(lot, entry, SkipReason.WindowTooLong);
        (lot, entry) = _next();
        lot.provingBlocks = 101;
        _skipped(lot, entry, SkipReason.WindowTooLong);
        (lot, entry) = _next();
        lot.provingBlocks = type(uint64).max;
        _skipped(lot, entry, SkipReason.WindowTooLong);
    }

    function test_skipsPricesAndUnits() external {
        (LotTerms memory lot, AwardEntry memory entry) = _next();
        entry.priceWeiPerUnit = 2 * PRICE + 1;
        _skipped(lot, entry, SkipReason.PriceAboveCeiling);
        (lot, entry) = _next();
        entry.priceWeiPerUnit = type(uint256).max;
        _skipped(lot, entry, SkipReason.PriceAboveCeiling);
        (lot, entry) = _next();
        entry.units = 0;
        _skipped(lot, entry, SkipReason.NoUnits);
        (lot, entry) = _next();
        entry.units = UNITS + 1;
        _skipped(lot, entry, SkipReason.NoUnits);
    }

    function test_skipsOperators() external {
        (LotTerms memory lot, AwardEntry memory entry) = _next();
        entry.operator = stranger;
        _skipped(lot, entry, SkipReason.OperatorNotRegistered);

        vm.prank(operator);
        registrar.setClasses(NET, 6);
        (lot, entry) = _next();
        _skipped(lot, entry, SkipReason.ClassNotServed);
        vm.prank(operator);
        registrar.setClasses(NET, 7);

        (lot, entry) = _next();
        (lot.units, entry.units) = (1_501, 1_501);
        _skipped(lot, entry, SkipReason.CapacityExceeded);

        core.deregister(operator, address(account), _ids(NET));
        (lot, entry) = _next();
        _skipped(lot, entry, SkipReason.OperatorLeaving);

        _mine(101);
        (lot, entry) = _next();
        entry.operator = rival;
        _skipped(lot, entry, SkipReason.CapacityStale);
    }

    function test_skipsMoney() external {
        (LotTerms memory lot, AwardEntry memory entry) = _next();
        entry.payer = keccak256("nobody's request");
        _skipped(lot, entry, SkipReason.RequestNotOpen);

        Request memory small = asked;
        small.maxFee = requests.minimumFee(NET, 0) + JOB_PRICE - 1;
        bytes32 smallId = _ask(small);
        (lot, entry) = _next();
        entry.payer = smallId;
        _skipped(lot, entry, SkipReason.FeeExceeded);

        vm.startPrank(gatewayOwner);
        escrow.announceBondWithdrawal(NET, uint128(BOND - JOB_PRICE + 1));
        vm.stopPrank();
        (lot, entry) = _next();
        _skipped(lot, entry, SkipReason.BondExceeded);
        vm.prank(gatewayOwner);
        escrow.announceBondWithdrawal(NET, 0);

        vm.prank(gatewayKey);
        requests.fail(requestId, FailureReason.NoBids);
        (lot, entry) = _next();
        _skipped(lot, entry, SkipReason.RequestNotOpen);
    }

    function test_skipsRequestsPastTheirDeadline() external {
        vm.roll(asked.deadline + 1);
        capacity.syncCapacity(NET, operator);
        (LotTerms memory lot, AwardEntry memory entry) = _next();
        _skipped(lot, entry, SkipReason.RequestNotOpen);
    }

    function test_skipsRequestsOfAnotherSupernet() external {
        Request memory other = asked;
        other.supernet = OTHER_NET;
        (LotTerms memory lot, AwardEntry memory entry) = _next();
        entry.payer = _ask(other);
        _skipped(lot, entry, SkipReason.RequestNotOpen);
    }

    function test_skipsWhilePausedAndTakesDeliveries() external {
        bytes32 awardId = _award(requestId);
        vm.prank(owner);
        registry.setPaused(NET, true);
        LotTerms memory lot = _lot(requestId, 2);
        _skipped(lot, _entry(requestId, 1, rival), SkipReason.Paused);
        _anchorDelivered(3, awardId);
        assertEq(uint8(book.award(awardId).state), uint8(AwardState.Delivered));
    }

    function test_skipsDuplicatesAndKeepsTheRest() external {
        LotTerms[] memory lots = new LotTerms[](1);
        lots[0] = _lot(requestId, 1);
        AwardEntry[] memory awards = new AwardEntry[](3);
        awards[0] = _entry(requestId, 0, operator);
        awards[1] = _entry(requestId, 0, operator);
        awards[2] = _entry(requestId, 0, rival);
        vm.prank(gatewayKey);
        book.anchorTick(NET, 1, 0, 0, 0, lots, awards, new bytes32[](0));
        assertEq(escrow.account(requestId).committed, 2 * JOB_PRICE);
        assertEq(capacity.capacity(NET, operator).reserved, UNITS);
        assertEq(capacity.capacity(NET, rival).reserved, UNITS);
    }

    /// @dev Whatever an entry contains, the tick goes through.
    function testFuzz_anchorNeverReverts(LotTerms memory lot, AwardEntry memory entry, bytes32 delivered, bool ours)
        external
    {
        if (ours) (lot.supernet, lot.gatewayEpoch, lot.tick, entry.lot) = (NET, 1, 1, 0);
        if (ours) (entry.operator, entry.payer) = (operator, requestId);
        LotTerms[] memory lots = new LotTerms[](1);
        lots[0] = lot;
        AwardEntry[] memory awards = new AwardEntry[](1);
        awards[0] = entry;
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = delivered;
        vm.prank(gatewayKey);
        book.anchorTick(NET, 1, 0, 0, 0, lots, awards, ids);
        assertEq(book.lastTick(NET), 1);
    }

    // Deliveries

    function test_deliveredReleasesOnceAndOnlyOnesOwn() external {
        bytes32 awardId = _award(requestId);
        vm.startPrank(gatewayKey);
        bytes32[] memory delivered = new bytes32[](1);
        delivered[0] = awardId;
        vm.expectEmit(address(book));
        emit IAuctionBook.DeliveryIgnored(awardId);
        book.anchorTick(OTHER_NET, 1, 0, 0, 0, new LotTerms[](0), new AwardEntry[](0), delivered);
        vm.stopPrank();
        assertEq(uint8(book.award(awardId).state), uint8(AwardState.Reserved));
        _anchorDelivered(2, awardId);
        assertEq(capacity.capacity(NET, operator).reserved, 0);
        vm.expectEmit(address(book));
        emit IAuctionBook.DeliveryIgnored(awardId);
        _anchorDelivered(3, awardId);
        assertEq(escrow.account(requestId).delivered, JOB_PRICE);
    }

    function test_receiptNeedsTheEpochsKeyAndALowS() external {
        bytes32 awardId = _award(requestId);
        AwardKey memory key = _key(requestId, 1, 0, operator);
        bytes memory receipt = _receipt(key);

        vm.expectRevert(IAuctionBook.SignatureInvalid.selector);
        book.proveDelivery(key, STATEMENT, _highS(receipt));
        vm.expectRevert(IAuctionBook.SignatureInvalid.selector);
        book.proveDelivery(key, STATEMENT, hex"1234");
        bytes memory forged = _sign(bidSecret, Messages.deliveryReceipt(key, book.award(awardId).lotDigest, STATEMENT));
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.WrongSigner.selector, gatewayKey, vm.addr(bidSecret)));
        book.proveDelivery(key, STATEMENT, forged);

        // A new epoch does not take an old receipt away.
        vm.prank(gatewayOwner);
        registry.startGatewayEpoch(NET, vm.addr(77));
        book.proveDelivery(key, STATEMENT, receipt);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotOpen.selector, awardId, AwardState.Delivered));
        book.proveDelivery(key, STATEMENT, receipt);
    }

    // Claims

    function test_claimNeedsDeliveryAndTheEndAndIsOnce() external {
        bytes32 awardId = _award(requestId);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotDelivered.selector, awardId, AwardState.Reserved));
        book.claim(awardId);
        AwardKey memory key = _key(requestId, 1, 0, operator);
        bytes memory receipt = _receipt(key);
        vm.expectRevert(abi.encodeWithSelector(IFeeEscrow.AccountNotEnded.selector, requestId));
        book.claimWithReceipt(key, STATEMENT, receipt);
        _settle(requestId, asked, 0);
        book.claimWithReceipt(key, STATEMENT, receipt);
        assertEq(operator.balance, JOB_PRICE);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotDelivered.selector, awardId, AwardState.Paid));
        book.claim(awardId);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotOpen.selector, awardId, AwardState.Paid));
        book.claimWithReceipt(key, STATEMENT, receipt);
        assertEq(operator.balance, JOB_PRICE);
    }

    // Strikes and slashes

    function test_strikeByTheOperatorOnly() external {
        bytes32 awardId = _award(requestId);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.NotOperator.selector, awardId, address(this), operator));
        book.strike(awardId);
        vm.startPrank(operator);
        book.strike(awardId);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotOpen.selector, awardId, AwardState.Struck));
        book.strike(awardId);
        vm.stopPrank();
        assertEq(escrow.account(requestId).committed, 0);
        assertEq(escrow.bond(NET).committed, 0);
        assertEq(capacity.capacity(NET, operator).reserved, UNITS, "or striking would free the units of a miss");
        AwardKey memory key = _key(requestId, 1, 0, operator);
        bytes memory receipt = _receipt(key);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotOpen.selector, awardId, AwardState.Struck));
        book.proveDelivery(key, STATEMENT, receipt);
    }

    function test_onlyTheSlasherMarks() external {
        bytes32 awardId = _award(requestId);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.NotSlasher.selector, address(this), address(slasher)));
        book.markSlashed(awardId);
        _anchorDelivered(2, awardId);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotOpen.selector, awardId, AwardState.Delivered));
        vm.prank(address(slasher));
        book.markSlashed(awardId);
    }
}
