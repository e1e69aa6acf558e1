// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import { IAvsAccount } from "../../src/interfaces/IAvsAccount.sol";
import {
    IAllocationManager,
    OperatorReward,
    RewardsSubmission,
    SlashingParams,
    StrategyMultiplier
} from "../../src/interfaces/eigenlayer/IEigenLayerCore.sol";
import { CoreDouble } from "../fixture/CoreDouble.sol";
import { Market } from "../fixture/Market.sol";

contract Coin is ERC20("Coin", "COIN") {
    constructor(address to) {
        _mint(to, 1_000 ether);
    }
}

contract AvsAccountTest is Market {
    /// @dev The whole surface. A function that is not in this list fails the test, and so does a change of the list
    /// without a reason.
    function test_exposesExactlyTheseFunctions() external view {
        string[19] memory expected = [
            "acceptOwnership()",
            "allocations()",
            "announce(uint8,uint32,address)",
            "applicableAt(uint8,uint32,address)",
            "cancel(uint8,uint32,address)",
            "changeDelay()",
            "createSet(uint32,address[])",
            "execute(uint8,uint32,address)",
            "owner()",
            "pendingOwner()",
            "permissions()",
            "registrar()",
            "registry()",
            "renounceOwnership()",
            "rewards()",
            "setMetadataURI(string)",
            "slasher()",
            "submitRewards(uint32,((address,uint96)[],address,(address,uint256)[],uint32,uint32,string)[])",
            "transferOwnership(address)"
        ];
        string memory artifact = vm.readFile("contracts/out/AvsAccount.sol/AvsAccount.json");
        string[] memory functions = vm.parseJsonKeys(artifact, ".methodIdentifiers");
        assertEq(functions.length, expected.length);
        for (uint256 i; i < functions.length; ++i) {
            bool known;
            for (uint256 j; j < expected.length; ++j) {
                known = known || keccak256(bytes(functions[i])) == keccak256(bytes(expected[j]));
            }
            assertTrue(known, functions[i]);
        }
    }

    /// @dev Every path to `slashOperator`: the core takes the call from the account and its appointees; the account has
    /// no code that makes it, the one appointee is the slasher, and the slasher makes it in `executeSlash` only
    /// (Slasher.t.sol shows when). No other contract knows the selector.
    function test_everyPathToSlashOperator() external {
        bytes4 right = IAllocationManager.slashOperator.selector;
        address[8] memory others = [
            address(registry),
            address(router),
            address(registrar),
            address(capacity),
            address(escrow),
            address(requests),
            address(book),
            address(verifier)
        ];
        for (uint256 i; i < others.length; ++i) {
            assertFalse(_mentions(others[i].code, right), "knows the selector");
            _refusedAsSlasher(others[i]);
        }
        _refusedAsSlasher(owner);
        _refusedAsSlasher(guardian);
        _refusedAsSlasher(gatewayOwner);
        _refusedAsSlasher(gatewayKey);
        assertTrue(_mentions(address(slasher).code, right));
        // The account names it to appoint, and `canCall` of the core holds for the slasher alone.
        assertTrue(_mentions(address(account).code, right));
        assertTrue(_isAppointed(address(slasher)));
    }

    function _refusedAsSlasher(address caller) private {
        assertFalse(_isAppointed(caller));
        SlashingParams memory params;
        (params.operator, params.operatorSetId) = (operator, NET);
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(
                CoreDouble.InvalidPermissions.selector, caller, IAllocationManager.slashOperator.selector
            )
        );
        core.slashOperator(address(account), params);
    }

    function _isAppointed(address who) private view returns (bool) {
        bytes4 right = IAllocationManager.slashOperator.selector;
        return core.isAppointed(keccak256(abi.encode(address(account), who, address(core), right)));
    }

    function _mentions(bytes memory code, bytes4 word) private pure returns (bool) {
        for (uint256 i; i + 4 <= code.length; ++i) {
            bytes4 found = code[i] | bytes4(code[i + 1]) >> 8 | bytes4(code[i + 2]) >> 16 | bytes4(code[i + 3]) >> 24;
            if (found == word) return true;
        }
        return false;
    }

    function test_onlyTheOwner() external {
        bytes memory error = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this));
        vm.expectRevert(error);
        account.createSet(NET, new address[](0));
        vm.expectRevert(error);
        account.setMetadataURI("");
        vm.expectRevert(error);
        account.announce(IAvsAccount.ChangeKind.Slasher, 0, stranger);
        vm.expectRevert(error);
        account.cancel(IAvsAccount.ChangeKind.Slasher, 0, stranger);
        vm.expectRevert(error);
        account.execute(IAvsAccount.ChangeKind.Slasher, 0, stranger);
        vm.expectRevert(error);
        account.submitRewards(NET, new RewardsSubmission[](0));
    }

    function test_createsSetsOfOpenSupernetsOnly() external {
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.SupernetUnknown.selector, 9));
        account.createSet(9, new address[](0));
    }

    function test_slasherChangesAfterItsDelay() external {
        IAvsAccount.ChangeKind kind = IAvsAccount.ChangeKind.Slasher;
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.ChangeNotAnnounced.selector, kind, 0, stranger));
        account.execute(kind, 0, stranger);
        account.announce(kind, 0, stranger);
        uint64 at = uint64(block.number) + account.changeDelay();
        assertEq(account.applicableAt(kind, 0, stranger), at);
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.ChangeAnnouncedAlready.selector, at));
        account.announce(kind, 0, stranger);
        vm.roll(at - 1);
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.ChangeTooEarly.selector, at));
        account.execute(kind, 0, stranger);
        assertEq(account.slasher(), address(slasher));
        vm.roll(at);
        account.execute(kind, 0, stranger);
        vm.stopPrank();
        assertEq(account.slasher(), stranger);
        assertTrue(_isAppointed(stranger));
        assertFalse(_isAppointed(address(slasher)));
    }

    function test_registrarChangesAfterItsDelay() external {
        IAvsAccount.ChangeKind kind = IAvsAccount.ChangeKind.Registrar;
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.ChangeNotAnnounced.selector, kind, 0, address(registrar)));
        account.execute(kind, 0, address(registrar));
        account.announce(kind, 0, address(registrar));
        vm.roll(block.number + account.changeDelay());
        account.execute(kind, 0, address(registrar));
        assertEq(core.registrarOf(address(account)), address(registrar));
    }

    function test_strategiesChangeAfterTheirDelay() external {
        address extra = address(0xC000);
        vm.startPrank(owner);
        vm.expectRevert();
        account.execute(IAvsAccount.ChangeKind.AddStrategy, NET, extra);
        account.announce(IAvsAccount.ChangeKind.AddStrategy, NET, extra);
        account.announce(IAvsAccount.ChangeKind.RemoveStrategy, NET, extra);
        account.announce(IAvsAccount.ChangeKind.RemoveStrategy, NET, strategyA);
        vm.roll(block.number + account.changeDelay());
        account.execute(IAvsAccount.ChangeKind.AddStrategy, NET, extra);
        account.execute(IAvsAccount.ChangeKind.RemoveStrategy, NET, extra);
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.StrategyCounted.selector, NET, strategyA));
        account.execute(IAvsAccount.ChangeKind.RemoveStrategy, NET, strategyA);
    }

    function test_cancelledChangeIsGone() external {
        IAvsAccount.ChangeKind kind = IAvsAccount.ChangeKind.Slasher;
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.ChangeNotAnnounced.selector, kind, 0, stranger));
        account.cancel(kind, 0, stranger);
        account.announce(kind, 0, stranger);
        account.cancel(kind, 0, stranger);
        vm.roll(block.number + account.changeDelay());
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.ChangeNotAnnounced.selector, kind, 0, stranger));
        account.execute(kind, 0, stranger);
    }

    function test_refusesSenselessNames() external {
        vm.startPrank(owner);
        vm.expectRevert(IAvsAccount.TargetZero.selector);
        account.announce(IAvsAccount.ChangeKind.Slasher, 0, address(0));
        vm.expectRevert(abi.encodeWithSelector(IAvsAccount.SupernetNotZero.selector, NET));
        account.announce(IAvsAccount.ChangeKind.Registrar, NET, stranger);
    }

    function test_rewardsAreTheCallersTokens() external {
        Coin coin = new Coin(owner);
        RewardsSubmission[] memory submissions = new RewardsSubmission[](2);
        for (uint256 i; i < 2; ++i) {
            submissions[i].token = address(coin);
            submissions[i].strategiesAndMultipliers = new StrategyMultiplier[](1);
            submissions[i].operatorRewards = new OperatorReward[](2);
            submissions[i].operatorRewards[0] = OperatorReward(operator, 3 ether);
            submissions[i].operatorRewards[1] = OperatorReward(rival, 4 ether);
        }
        vm.startPrank(owner);
        coin.approve(address(account), 14 ether);
        account.submitRewards(NET, submissions);
        assertEq(coin.balanceOf(address(core)), 14 ether);
        assertEq(coin.balanceOf(address(account)), 0);
        assertEq(coin.allowance(address(account), address(core)), 0);
    }
}
