// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IOperatorRegistrar } from "../../src/interfaces/IOperatorRegistrar.sol";
import { SkipReason } from "../../src/types/Market.sol";
import { OperatorRecord, RegistrationData } from "../../src/types/Registration.sol";
import { SupernetConfig } from "../../src/types/Supernet.sol";
import { Market } from "../fixture/Market.sol";

contract OperatorRegistrarTest is Market {
    address private newcomer = makeAddr("newcomer");
    address private newKey = vm.addr(55);

    function _join(uint32 supernet, RegistrationData memory data) private {
        core.register(newcomer, address(account), _ids(supernet), abi.encode(data));
    }

    function _refused(uint32 supernet, RegistrationData memory data, bytes memory error) private {
        vm.expectRevert(error);
        _join(supernet, data);
    }

    function _closeAdmission() private {
        SupernetConfig memory config = _config();
        config.openAdmission = false;
        vm.prank(owner);
        registry.announceConfig(NET, config);
        vm.roll(block.number + registry.changeDelay());
        registry.applyConfig(NET, config);
    }

    function test_onlyTheCoreCalls() external {
        bytes memory error = abi.encodeWithSelector(IOperatorRegistrar.NotAllocationManager.selector, address(this));
        vm.expectRevert(error);
        registrar.registerOperator(newcomer, address(account), _ids(NET), "");
        vm.expectRevert(error);
        registrar.deregisterOperator(newcomer, address(account), _ids(NET));
        assertTrue(registrar.supportsAVS(address(account)));
        assertFalse(registrar.supportsAVS(stranger));
    }

    function test_admitsWithStakeKeyAndClasses() external {
        core.stake(newcomer, strategyA, 10 ether);
        _join(NET, RegistrationData(newKey, 3));
        OperatorRecord memory record = registrar.operatorRecord(NET, newcomer);
        assertTrue(record.registered);
        assertFalse(record.leaving);
        assertEq(record.classes, 3);
        assertEq(record.since, block.number);
        assertEq(registrar.bidKeyAt(newcomer, uint64(block.number)), newKey);
        assertEq(registrar.bidKeyAt(newcomer, uint64(block.number - 1)), address(0));
        assertEq(uint8(registrar.eligibility(NET, newcomer, 0)), uint8(SkipReason.None));
        assertEq(uint8(registrar.eligibility(NET, newcomer, 2)), uint8(SkipReason.ClassNotServed));
        assertEq(uint8(registrar.eligibility(OTHER_NET, newcomer, 0)), uint8(SkipReason.OperatorNotRegistered));
    }

    function test_refusesRegistrations() external {
        core.stake(newcomer, strategyA, 10 ether - 1);
        _refused(
            NET,
            RegistrationData(newKey, 7),
            abi.encodeWithSelector(IOperatorRegistrar.StakeTooLow.selector, NET, newcomer, 10 ether - 1, 10 ether)
        );
        core.stake(newcomer, strategyA, 1);
        _refused(NET, RegistrationData(address(0), 7), abi.encodeWithSelector(IOperatorRegistrar.BidKeyZero.selector));
        _refused(
            NET, RegistrationData(newKey, 0), abi.encodeWithSelector(IOperatorRegistrar.ClassesUnknown.selector, 0)
        );
        _refused(
            NET, RegistrationData(newKey, 8), abi.encodeWithSelector(IOperatorRegistrar.ClassesUnknown.selector, 8)
        );
        _refused(9, RegistrationData(newKey, 7), abi.encodeWithSelector(IOperatorRegistrar.SupernetUnknown.selector, 9));
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistrar.AnotherAvs.selector, stranger));
        vm.prank(address(core));
        registrar.registerOperator(newcomer, stranger, _ids(NET), abi.encode(RegistrationData(newKey, 7)));
    }

    function test_allowListAdmits() external {
        _closeAdmission();
        core.stake(newcomer, strategyA, 10 ether);
        bytes memory error = abi.encodeWithSelector(IOperatorRegistrar.NotAllowed.selector, NET, newcomer);
        _refused(NET, RegistrationData(newKey, 7), error);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistrar.NotOwner.selector, address(this)));
        registrar.setAllowed(NET, newcomer, true);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistrar.SupernetUnknown.selector, 9));
        registrar.setAllowed(9, newcomer, true);
        registrar.setAllowed(NET, newcomer, true);
        vm.stopPrank();
        _join(NET, RegistrationData(newKey, 7));
        assertTrue(registrar.operatorRecord(NET, newcomer).registered);
    }

    /// @dev Whatever is named, the call of the core goes through.
    function testFuzz_leavingNeverReverts(address who, address avs, uint32[] calldata ids) external {
        vm.prank(address(core));
        registrar.deregisterOperator(who, avs, ids);
        vm.prank(address(core));
        registrar.deregisterOperator(operator, address(account), ids);
    }

    function test_leavingStopsAwardsAndMayReturn() external {
        core.deregister(operator, address(account), _ids(NET));
        assertEq(uint8(registrar.eligibility(NET, operator, 0)), uint8(SkipReason.OperatorLeaving));
        assertEq(capacity.syncCapacity(NET, operator), 0);
        vm.roll(block.number + 1_001);
        core.register(operator, address(account), _ids(NET), abi.encode(RegistrationData(vm.addr(bidSecret), 7)));
        assertEq(uint8(registrar.eligibility(NET, operator, 0)), uint8(SkipReason.None));
        assertEq(capacity.syncCapacity(NET, operator), 1_500);
    }

    function test_bidKeyRotatesWithNotice() external {
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistrar.OperatorUnknown.selector, address(this)));
        registrar.setBidKey(newKey);
        vm.startPrank(operator);
        vm.expectRevert(IOperatorRegistrar.BidKeyZero.selector);
        registrar.setBidKey(address(0));
        registrar.setBidKey(newKey);
        uint64 from = uint64(block.number) + 30;
        assertEq(registrar.bidKeyAt(operator, from - 1), vm.addr(bidSecret));
        assertEq(registrar.bidKeyAt(operator, from), newKey);
        assertFalse(registrar.wasBidKey(operator, newKey, from - 1));
        assertTrue(registrar.wasBidKey(operator, newKey, from));
        assertTrue(registrar.wasBidKey(operator, vm.addr(bidSecret), from + 1_000), "once is for ever");
        assertFalse(registrar.wasBidKey(rival, newKey, from));
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistrar.RotationPending.selector, from));
        registrar.setBidKey(stranger);
        vm.roll(from);
        registrar.setBidKey(vm.addr(bidSecret));
        assertEq(registrar.bidKeyAt(operator, from + 30), vm.addr(bidSecret));
    }

    function test_classesChangeAtOnce() external {
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistrar.OperatorUnknown.selector, address(this)));
        registrar.setClasses(NET, 1);
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistrar.ClassesUnknown.selector, 0));
        registrar.setClasses(NET, 0);
        registrar.setClasses(NET, 4);
        assertEq(uint8(registrar.eligibility(NET, operator, 0)), uint8(SkipReason.ClassNotServed));
        assertEq(uint8(registrar.eligibility(NET, operator, 2)), uint8(SkipReason.None));
    }
}
