// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { ISupernetRegistry } from "../../src/interfaces/ISupernetRegistry.sol";
import { Gateway, StrategyWeight, SupernetConfig } from "../../src/types/Supernet.sol";
import { Market } from "../fixture/Market.sol";

contract SupernetRegistryTest is Market {
    function _refused(SupernetConfig memory config, bytes memory error) private {
        vm.prank(owner);
        vm.expectRevert(error);
        registry.openSupernet(7, config, gatewayOwner, gatewayKey);
        vm.prank(owner);
        vm.expectRevert(error);
        registry.announceConfig(NET, config);
    }

    function test_delaysFollowTheCore() external view {
        assertEq(registry.changeDelay(), 1_200 + 2 + 100, "longer than both");
        assertEq(registry.coreWindow(), 1_000, "the shorter of both");
    }

    function test_onlyTheOwnerGoverns() external {
        bytes memory error = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this));
        vm.expectRevert(error);
        registry.openSupernet(7, _config(), gatewayOwner, gatewayKey);
        vm.expectRevert(error);
        registry.announceConfig(NET, _config());
        vm.expectRevert(error);
        registry.cancelConfig(NET);
        vm.expectRevert(error);
        registry.setPaused(NET, true);
    }

    function test_opensOnceWithARealGateway() external {
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.SupernetExists.selector, NET));
        registry.openSupernet(NET, _config(), gatewayOwner, gatewayKey);
        vm.expectRevert(ISupernetRegistry.SupernetZero.selector);
        registry.openSupernet(0, _config(), gatewayOwner, gatewayKey);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.GatewayZero.selector, address(0), gatewayKey));
        registry.openSupernet(7, _config(), address(0), gatewayKey);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.GatewayZero.selector, gatewayOwner, address(0)));
        registry.openSupernet(7, _config(), gatewayOwner, address(0));
    }

    function test_readsBackItsConfiguration() external view {
        assertEq(abi.encode(registry.config(NET)), abi.encode(_config()));
        assertTrue(registry.isVerifierListed(NET, verifierId));
        assertFalse(registry.isVerifierListed(NET, QUERY));
    }

    function test_refusesPrices() external {
        SupernetConfig memory config = _config();
        config.prices.gatewayShareBps = 9_001;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.SharesTooLarge.selector, 9_001, 1_000));
        config = _config();
        config.prices.treasury = address(0);
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.TreasuryZero.selector));
        config = _config();
        config.prices.maxPriceWeiPerUnit = 0;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.PriceOutOfRange.selector, 0));
        config.prices.maxPriceWeiPerUnit = 1 << 96;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.PriceOutOfRange.selector, 1 << 96));
        config = _config();
        config.prices.maxCallbackGas = 10_000_000;
        _refused(
            config, abi.encodeWithSelector(ISupernetRegistry.SettlementGasTooHigh.selector, 10_600_000, 10_000_000)
        );
    }

    function test_refusesWindows() external {
        SupernetConfig memory config = _config();
        config.windows.answer = 0;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.WindowZero.selector));
        config = _config();
        // 100 + 20 + 100 + 50 + 40 + 20 = 330 of 1,000
        config.windows.report += 671;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.WindowsTooLong.selector, 1_001, 1_000));
        config = _config();
        config.windows.claim = 119;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.ClaimWindowTooShort.selector, 119, 120));
    }

    function test_refusesStakeTerms() external {
        SupernetConfig memory config = _config();
        config.stake.slashWeiPerUnit = 0;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.SlashPerUnitZero.selector));
        config = _config();
        config.stake.reportDeposit = 0;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.ReportDepositZero.selector));
        config = _config();
        config.strategies = new StrategyWeight[](0);
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.StrategiesEmpty.selector));
        config = _config();
        config.strategies[1].strategy = strategyA;
        _refused(
            config, abi.encodeWithSelector(ISupernetRegistry.StrategiesNotAscending.selector, strategyA, strategyA)
        );
        config = _config();
        config.strategies[1].weight = 0;
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.WeightZero.selector, strategyB));
        config = _config();
        config.strategies = new StrategyWeight[](17);
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.TooMany.selector, 17, 16));
        config = _config();
        config.verifierIds = new bytes32[](33);
        _refused(config, abi.encodeWithSelector(ISupernetRegistry.TooMany.selector, 33, 32));
    }

    function test_configChangesAfterItsDelay() external {
        SupernetConfig memory next = _config();
        next.stake.slashWeiPerUnit = 2 ether;
        next.strategies = new StrategyWeight[](1);
        next.strategies[0] = StrategyWeight(strategyB, 1e18);
        bytes32 hash = keccak256(abi.encode(next));
        bytes memory unknown = abi.encodeWithSelector(ISupernetRegistry.ConfigNotAnnounced.selector, NET, hash);
        vm.expectRevert(unknown);
        registry.applyConfig(NET, next);

        vm.prank(owner);
        registry.announceConfig(NET, next);
        uint64 at = uint64(block.number) + registry.changeDelay();
        vm.roll(at - 1);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.ConfigTooEarly.selector, NET, at));
        registry.applyConfig(NET, next);
        vm.roll(at);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.ConfigNotAnnounced.selector, OTHER_NET, hash));
        registry.applyConfig(OTHER_NET, next);
        registry.applyConfig(NET, next);
        assertEq(abi.encode(registry.config(NET)), abi.encode(next));
        vm.expectRevert(unknown);
        registry.applyConfig(NET, next);
    }

    function test_announcementIsReplacedOrCancelled() external {
        SupernetConfig memory first = _config();
        first.unitsTable = TABLE;
        SupernetConfig memory second = _config();
        second.unitsTable = QUERY;
        vm.startPrank(owner);
        registry.announceConfig(NET, first);
        registry.announceConfig(NET, second);
        vm.roll(block.number + registry.changeDelay());
        vm.expectRevert(
            abi.encodeWithSelector(ISupernetRegistry.ConfigNotAnnounced.selector, NET, keccak256(abi.encode(first)))
        );
        registry.applyConfig(NET, first);
        registry.cancelConfig(NET);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.ConfigNotAnnounced.selector, NET, bytes32(0)));
        registry.cancelConfig(NET);
    }

    function test_epochsKeepTheirKeys() external {
        vm.expectRevert(
            abi.encodeWithSelector(ISupernetRegistry.NotGatewayOwner.selector, NET, address(this), gatewayOwner)
        );
        registry.startGatewayEpoch(NET, stranger);
        vm.startPrank(gatewayOwner);
        vm.expectRevert(abi.encodeWithSelector(ISupernetRegistry.GatewayZero.selector, gatewayOwner, address(0)));
        registry.startGatewayEpoch(NET, address(0));
        registry.startGatewayEpoch(NET, stranger);
        Gateway memory gateway = registry.gateway(NET);
        assertEq(gateway.epoch, 2);
        assertEq(gateway.key, stranger);
        assertEq(gateway.validFrom, block.number);
        assertEq(registry.gatewayKey(NET, 1), gatewayKey);
        assertEq(registry.gatewayKey(NET, 2), stranger);
        assertEq(registry.gatewayKey(NET, 3), address(0));
    }

    function test_unknownSupernet() external {
        bytes memory error = abi.encodeWithSelector(ISupernetRegistry.SupernetUnknown.selector, 9);
        vm.expectRevert(error);
        registry.gateway(9);
        vm.expectRevert(error);
        registry.windows(9);
        vm.expectRevert(error);
        registry.prices(9);
        vm.expectRevert(error);
        registry.strategies(9);
    }

    function test_domainFollowsTheChain() external {
        bytes32 here = registry.domainSeparator();
        vm.chainId(1);
        assertNotEq(registry.domainSeparator(), here);
    }
}
