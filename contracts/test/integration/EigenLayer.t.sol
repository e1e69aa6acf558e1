// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IOperatorRegistrar } from "../../src/interfaces/IOperatorRegistrar.sol";
import { IAllocationManager, OperatorSet, SlashingParams } from "../../src/interfaces/eigenlayer/IEigenLayerCore.sol";
import { MarketHash } from "../../src/libraries/MarketHash.sol";
import { AwardEntry, AwardState, LotTerms, SkipReason } from "../../src/types/Market.sol";
import { MissEvidence } from "../../src/types/Miss.sol";
import { Request } from "../../src/types/Query.sol";
import { RegistrationData } from "../../src/types/Registration.sol";
import { SupernetConfig } from "../../src/types/Supernet.sol";
import { Market } from "../fixture/Market.sol";
import { ICoreAllocations, ICoreDelegations, RealCore, Token } from "../fixture/RealCore.sol";

/// @notice The contracts on the real EigenLayer core with delays of 1,000 and 1,200 blocks, which pass here. The
/// windows of the supernet fill the shorter one to the block: whatever leaves stays slashable for what it promised.
contract EigenLayerTest is Market {
    uint32 private constant DEALLOCATION = 1_000;
    uint32 private constant WITHDRAWAL = 1_200;
    uint64 private constant WAD = 1e18;
    uint256 private constant DEPOSIT = 0.05 ether;

    RealCore private real;
    ICoreAllocations private allocations;
    ICoreDelegations private delegations;
    Token private tokenA;
    Token private tokenB;
    address private restaker = makeAddr("restaker");
    bool private ready;

    function setUp() public override {
        ready = vm.exists(".gavel/eigenlayer/AllocationManager.hex");
        if (!ready) return;
        vm.roll(50_000);
        vm.warp(100 days);
        vm.txGasPrice(5 gwei);
        vm.fee(1 gwei);
        real = new RealCore(DEALLOCATION, WITHDRAWAL, 3);
        (allocations, delegations) = (real.allocations(), real.delegations());
        (tokenA, tokenB) = (new Token(), new Token());
        strategyA = real.factory().deployNewStrategy(address(tokenA));
        strategyB = real.factory().deployNewStrategy(address(tokenB));
        if (strategyB < strategyA) {
            (strategyA, strategyB, tokenA, tokenB) = (strategyB, strategyA, tokenB, tokenA);
        }
        _deploy(allocations, delegations, real.permissions(), real.rewards());
        _open(NET);
        requests.registerTable(TABLE, TABLE_TEXT);
        requests.registerQuery(QUERY, QUERY_TEXT);
        vm.deal(dapp, 1_000 ether);
        vm.deal(stranger, 1_000 ether);

        vm.prank(operator);
        delegations.registerAsOperator(address(0), 0, "");
        _mine(4);
        _restake(restaker, SHARES);
        _allocate(WAD);
        _register();
        capacity.syncCapacity(NET, operator);
    }

    modifier onRealCore() {
        if (!ready && vm.envOr("CI", false)) revert("CI runs scripts/eigenlayer first");
        if (!ready) vm.skip(true, "run scripts/eigenlayer first");
        _;
    }

    /// @dev 100 + 20 + 100 + 50 + 40 + 690 = 1,000
    function _config() internal view override returns (SupernetConfig memory config) {
        config = super._config();
        config.windows.margin = 690;
    }

    function _restake(address who, uint256 amount) private {
        tokenA.mint(who, amount);
        tokenB.mint(who, amount);
        vm.startPrank(who);
        tokenA.approve(address(real.strategies()), amount);
        tokenB.approve(address(real.strategies()), amount);
        real.strategies().depositIntoStrategy(strategyA, address(tokenA), amount);
        real.strategies().depositIntoStrategy(strategyB, address(tokenB), amount);
        delegations.delegateTo(operator, ICoreDelegations.SignatureWithExpiry("", 0), 0);
        vm.stopPrank();
    }

    function _allocate(uint64 magnitude) private {
        ICoreAllocations.AllocateParams[] memory params = new ICoreAllocations.AllocateParams[](1);
        params[0].operatorSet = OperatorSet(address(account), NET);
        params[0].strategies = _strategies();
        params[0].newMagnitudes = new uint64[](2);
        (params[0].newMagnitudes[0], params[0].newMagnitudes[1]) = (magnitude, magnitude);
        vm.prank(operator);
        allocations.modifyAllocations(operator, params);
    }

    function _register() private {
        bytes memory data = abi.encode(RegistrationData(vm.addr(bidSecret), 7));
        vm.prank(operator);
        allocations.registerForOperatorSets(
            operator, ICoreAllocations.RegisterParams(address(account), _ids(NET), data)
        );
    }

    function _deregister() private {
        vm.prank(operator);
        allocations.deregisterFromOperatorSets(ICoreAllocations.DeregisterParams(operator, address(account), _ids(NET)));
    }

    function _withdrawAll() private {
        ICoreDelegations.QueuedWithdrawalParams[] memory params = new ICoreDelegations.QueuedWithdrawalParams[](1);
        params[0].strategies = _strategies();
        params[0].depositShares = new uint256[](2);
        (params[0].depositShares[0], params[0].depositShares[1]) = (SHARES, SHARES);
        params[0].withdrawer = restaker;
        vm.prank(restaker);
        delegations.queueWithdrawals(params);
    }

    function _strategies() private view returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (strategyA, strategyB);
    }

    /// @dev Award, acceptance, report: all that a slash needs. The windows of the lot are the longest allowed.
    function _missAndReport() private returns (bytes32 awardId) {
        bytes32 requestId = _ask();
        LotTerms memory lot = _longLot(requestId);
        AwardEntry memory entry = _entry(requestId, 0, operator);
        _anchor(1, MarketHash.bidLeaf(_commitment(lot, operator)), lot, entry);
        awardId = book.awardIdOf(_key(requestId, 1, 0, operator));
        assertEq(uint8(book.award(awardId).state), uint8(AwardState.Reserved));
        uint64 acceptBlock = uint64(block.number + 20);
        vm.roll(acceptBlock + 101);
        MissEvidence memory evidence = _evidenceFor(requestId, lot, acceptBlock);
        vm.prank(stranger);
        slasher.reportMiss{ value: DEPOSIT }(evidence);
        _mine(41);
    }

    function _longLot(bytes32 requestId) private view returns (LotTerms memory lot) {
        lot = _lot(requestId, 1);
        (lot.acceptBlocks, lot.provingBlocks) = (20, 100);
    }

    function _stake() private view returns (uint256) {
        return capacity.stakeAtRisk(NET, operator);
    }

    // Joining

    function test_capacityFollowsTheAllocation() external onRealCore {
        assertEq(capacity.capacity(NET, operator).total, 1_500);
        _restake(makeAddr("second restaker"), 200 ether);
        assertEq(capacity.syncCapacity(NET, operator), 1_800);
    }

    function test_registrationNeedsStakeFirst() external onRealCore {
        address poor = makeAddr("poor");
        vm.prank(poor);
        delegations.registerAsOperator(address(0), 0, "");
        bytes memory data = abi.encode(RegistrationData(vm.addr(5), 7));
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistrar.StakeTooLow.selector, NET, poor, 0, 10 ether));
        vm.prank(poor);
        allocations.registerForOperatorSets(poor, ICoreAllocations.RegisterParams(address(account), _ids(NET), data));
    }

    // Slashing

    function test_slashTakesTheHarmFromTheRestaker() external onRealCore {
        bytes32 awardId = _missAndReport();
        uint256 before = _stake();
        slasher.executeSlash(awardId);
        assertApproxEqAbs(before - _stake(), 40 ether, 5_000);
        assertGe(before - _stake(), 40 ether);
        assertLt(allocations.getMaxMagnitude(operator, strategyA), WAD);
        assertEq(allocations.getMaxMagnitude(operator, strategyA), allocations.getMaxMagnitude(operator, strategyB));
        (uint256[] memory withdrawable,) = delegations.getWithdrawableShares(restaker, _strategies());
        assertLt(withdrawable[0], SHARES);
        assertEq(withdrawable[0], withdrawable[1], "the same fraction of both");
    }

    function test_onlyTheSlasherIsAppointed() external onRealCore {
        bytes4 right = IAllocationManager.slashOperator.selector;
        address[] memory appointees = real.permissions().getAppointees(address(account), address(allocations), right);
        assertEq(appointees.length, 1);
        assertEq(appointees[0], address(slasher));
        assertEq(real.permissions().getPendingAdmins(address(account)).length, 0);
        address[] memory admins = real.permissions().getAdmins(address(account));
        assertEq(admins.length, 1);
        assertEq(admins[0], address(account), "nobody but the account itself");
        address[5] memory others = [owner, guardian, gatewayOwner, gatewayKey, address(book)];
        for (uint256 i; i < others.length; ++i) {
            assertFalse(real.permissions().canCall(address(account), others[i], address(allocations), right));
            vm.prank(others[i]);
            vm.expectRevert(ICoreAllocations.InvalidPermissions.selector);
            allocations.slashOperator(
                address(account), SlashingParams(operator, NET, _strategies(), new uint256[](2), "")
            );
        }
    }

    // Leaving

    /// @dev Stake and operator start to leave in the block of the sync; the award is made on the oldest capacity that
    /// counts, with the longest windows, and slashed in the very last block.
    function test_leavingStakeIsSlashableToTheLastBlock() external onRealCore {
        _allocate(1);
        _withdrawAll();
        _mine(100);
        bytes32 awardId = _missAndReport();
        uint64 last = book.award(awardId).expiryBlock;
        assertEq(last, 50_004 + DEALLOCATION, "the windows fill the delay");
        vm.roll(last);
        uint256 before = _stake();
        assertApproxEqAbs(before, 1_500 ether, 5_000, "all of it is in the queue");
        slasher.executeSlash(awardId);
        assertApproxEqAbs(before - _stake(), 40 ether, 5_000);
    }

    function test_deregisteredOperatorIsSlashable() external onRealCore {
        bytes32 awardId = _missAndReport();
        _deregister();
        assertEq(uint8(registrar.eligibility(NET, operator, 0)), uint8(SkipReason.OperatorLeaving));
        assertEq(capacity.syncCapacity(NET, operator), 0);
        uint256 before = _stake();
        vm.roll(book.award(awardId).expiryBlock);
        slasher.executeSlash(awardId);
        assertApproxEqAbs(before - _stake(), 40 ether, 5_000);
    }

    function test_pendingDeallocationAndQueueAreNoCapacity() external onRealCore {
        _allocate(0.4e18);
        assertEq(capacity.syncCapacity(NET, operator), 1_500, "slashable for as long as an award of now lives");
        _mine(1);
        assertEq(capacity.syncCapacity(NET, operator), 600, "and not a block longer");
        assertEq(_stake(), 1_500 ether, "but at risk until it is over");
        _withdrawAll();
        assertEq(capacity.syncCapacity(NET, operator), 0);
        _mine(DEALLOCATION + 1);
        assertApproxEqAbs(_stake(), 600 ether, 5_000);
        _mine(WITHDRAWAL);
        assertEq(_stake(), 0);
    }

    function test_operatorLeavesAndReturnsAfterTheDelay() external onRealCore {
        _deregister();
        _mine(DEALLOCATION);
        assertTrue(allocations.isOperatorSlashable(operator, OperatorSet(address(account), NET)));
        _mine(1);
        assertFalse(allocations.isOperatorSlashable(operator, OperatorSet(address(account), NET)));
        _register();
        assertEq(capacity.syncCapacity(NET, operator), 1_500);
    }
}
