// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IStakeCapacity } from "../../src/interfaces/IStakeCapacity.sol";
import { ISupernetRegistry } from "../../src/interfaces/ISupernetRegistry.sol";
import { SkipReason } from "../../src/types/Market.sol";
import { Capacity } from "../../src/types/Registration.sol";
import { StrategyWeight, SupernetConfig } from "../../src/types/Supernet.sol";
import { Market } from "../fixture/Market.sol";

contract StakeCapacityTest is Market {
    function _reserve(uint64 units) private returns (SkipReason reason, uint64 expiry) {
        vm.prank(address(book));
        return capacity.reserve(NET, operator, units, 10, 60);
    }

    function _reserved() private view returns (uint64) {
        return capacity.capacity(NET, operator).reserved;
    }

    function test_onlyTheAuctionBookReserves() external {
        bytes memory error = abi.encodeWithSelector(IStakeCapacity.NotAuctionBook.selector, address(this));
        vm.expectRevert(error);
        capacity.reserve(NET, operator, 1, 1, 1);
        vm.expectRevert(error);
        capacity.release(NET, operator, 1, 1);
        vm.expectRevert(error);
        capacity.invalidate(NET, operator);
    }

    function test_unitsAreWeightedStakeOverSlash() external {
        assertEq(capacity.slashableStake(NET, operator), 1_500 ether);
        assertEq(capacity.syncCapacity(NET, operator), 1_500);
        core.allocate(operator, strategyB, 0.3e18);
        assertEq(capacity.syncCapacity(NET, operator), 1_150);
        assertEq(capacity.syncCapacity(NET, stranger), 0);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.SupernetUnknown.selector, 9));
        capacity.syncCapacity(9, operator);
    }

    function test_belowTheMinimumThereIsNone() external {
        core.allocate(operator, strategyA, 0);
        core.allocate(operator, strategyB, 0.02e18);
        assertEq(capacity.syncCapacity(NET, operator), 10);
        core.allocate(operator, strategyB, 0.0199e18);
        assertEq(capacity.syncCapacity(NET, operator), 0);
    }

    function test_queuedStakeIsNoCapacityButAtRisk() external {
        core.queue(operator, strategyA, 400 ether);
        assertEq(capacity.slashableStake(NET, operator), 1_100 ether);
        assertEq(capacity.stakeAtRisk(NET, operator), 1_500 ether);
    }

    function test_reservesUpToTheCapacity() external {
        (SkipReason reason, uint64 expiry) = _reserve(1_500);
        assertEq(uint8(reason), uint8(SkipReason.None));
        assertEq(expiry, block.number + 180);
        (reason,) = _reserve(1);
        assertEq(uint8(reason), uint8(SkipReason.CapacityExceeded));
        Capacity memory now_ = capacity.capacity(NET, operator);
        assertEq(now_.total, 1_500);
        assertEq(now_.reserved, 1_500);
        assertEq(now_.free, 0);
        assertTrue(now_.fresh);
    }

    function test_lossesStopNewAwards() external {
        _reserve(1_000);
        core.allocate(operator, strategyA, 0.2e18);
        vm.expectEmit(address(capacity));
        emit IStakeCapacity.CapacityBelowReserved(NET, operator, 700, 1_000);
        capacity.syncCapacity(NET, operator);
        (SkipReason reason,) = _reserve(1);
        assertEq(uint8(reason), uint8(SkipReason.CapacityExceeded));
        assertEq(capacity.capacity(NET, operator).free, 0);
    }

    function test_staleAndInvalidatedCapacityReservesNothing() external {
        _mine(100);
        (SkipReason reason,) = _reserve(1);
        assertEq(uint8(reason), uint8(SkipReason.None));
        _mine(1);
        (reason,) = _reserve(1);
        assertEq(uint8(reason), uint8(SkipReason.CapacityStale));
        capacity.syncCapacity(NET, operator);
        vm.prank(address(book));
        capacity.invalidate(NET, operator);
        (reason,) = _reserve(1);
        assertEq(uint8(reason), uint8(SkipReason.CapacityStale));
    }

    function test_capacityOfAnEarlierConfigurationReservesNothing() external {
        SupernetConfig memory config = _config();
        config.stake.slashWeiPerUnit = 3 ether;
        vm.prank(owner);
        registry.announceConfig(NET, config);
        vm.roll(block.number + registry.changeDelay());
        assertEq(capacity.syncCapacity(NET, operator), 1_500);
        registry.applyConfig(NET, config);
        (SkipReason reason,) = _reserve(1);
        assertEq(uint8(reason), uint8(SkipReason.CapacityStale));
        _mine(1);
        assertEq(capacity.syncCapacity(NET, operator), 500);
        (reason,) = _reserve(500);
        assertEq(uint8(reason), uint8(SkipReason.None));
    }

    function test_shorterDelaysOfTheCoreLeaveNoCapacity() external {
        core.setDeallocationDelay(999);
        assertEq(capacity.syncCapacity(NET, operator), 0);
        core.setDeallocationDelay(1_000);
        assertEq(capacity.syncCapacity(NET, operator), 1_500);
    }

    function test_strategiesOutsideTheSetDoNotCount() external {
        vm.prank(address(account));
        core.removeStrategiesFromOperatorSet(address(account), NET, _one(strategyA));
        StrategyWeight[] memory counted = capacity.countedStrategies(NET);
        assertEq(counted.length, 1);
        assertEq(counted[0].strategy, strategyB);
        assertEq(capacity.slashableStake(NET, operator), 500 ether);
        assertEq(capacity.stakeAtRisk(NET, operator), 500 ether);
    }

    function _one(address item) private pure returns (address[] memory items) {
        items = new address[](1);
        items[0] = item;
    }

    function test_windowsMustFitTheSupernet() external {
        vm.startPrank(address(book));
        (SkipReason reason,) = capacity.reserve(NET, operator, 1, 21, 1);
        assertEq(uint8(reason), uint8(SkipReason.WindowTooLong));
        (reason,) = capacity.reserve(NET, operator, 1, 1, 101);
        assertEq(uint8(reason), uint8(SkipReason.WindowTooLong));
    }

    function test_expiredUnitsAreReleasedLazily() external {
        (, uint64 expiry) = _reserve(700);
        uint64 bucketEnd = (expiry / capacity.bucketBlocks() + 1) * capacity.bucketBlocks() - 1;
        vm.roll(bucketEnd);
        assertEq(_reserved(), 700);
        vm.roll(bucketEnd + 1);
        assertEq(_reserved(), 0);
        capacity.syncCapacity(NET, operator);
        (SkipReason reason,) = _reserve(1_500);
        assertEq(uint8(reason), uint8(SkipReason.None));
        // Released already: giving them back again must not free the new ones.
        vm.prank(address(book));
        capacity.release(NET, operator, 700, expiry);
        assertEq(_reserved(), 1_500);
    }

    function test_longSilenceReleasesEverything() external {
        _reserve(700);
        _mine(100_000);
        assertEq(_reserved(), 0);
        capacity.syncCapacity(NET, operator);
        _reserve(3);
        assertEq(_reserved(), 3);
    }

    function test_releaseBeforeExpiry() external {
        (, uint64 first) = _reserve(700);
        _mine(40);
        (, uint64 second) = _reserve(100);
        vm.startPrank(address(book));
        capacity.release(NET, operator, 700, first);
        assertEq(_reserved(), 100);
        capacity.release(NET, operator, 100, second);
        assertEq(_reserved(), 0);
    }

    function test_supernetsAndOperatorsAreApart() external {
        _reserve(700);
        assertEq(capacity.capacity(NET, rival).reserved, 0);
        assertEq(capacity.capacity(OTHER_NET, operator).reserved, 0);
    }
}
