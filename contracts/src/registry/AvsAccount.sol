// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { IAvsAccount } from "../interfaces/IAvsAccount.sol";
import { ISupernetRegistry } from "../interfaces/ISupernetRegistry.sol";
import {
    CreateSetParams,
    IAllocationManager,
    IPermissionController,
    IRewardsCoordinator,
    OperatorReward,
    OperatorSet,
    RewardsSubmission
} from "../interfaces/eigenlayer/IEigenLayerCore.sol";
import { StrategyWeight } from "../types/Supernet.sol";

contract AvsAccount is IAvsAccount, Ownable2Step {
    using SafeERC20 for IERC20;

    ISupernetRegistry public immutable registry;
    IAllocationManager public immutable allocations;
    IPermissionController public immutable permissions;
    IRewardsCoordinator public immutable rewards;

    /// @inheritdoc IAvsAccount
    address public registrar;
    /// @inheritdoc IAvsAccount
    address public slasher;

    mapping(bytes32 change => uint64) private _applicableAt;

    constructor(
        address owner_,
        ISupernetRegistry registry_,
        IAllocationManager allocations_,
        IPermissionController permissions_,
        IRewardsCoordinator rewards_
    ) Ownable(owner_) {
        registry = registry_;
        allocations = allocations_;
        permissions = permissions_;
        rewards = rewards_;
    }

    /// @inheritdoc IAvsAccount
    function createSet(uint32 supernet, address[] calldata strategies) external onlyOwner {
        if (!registry.exists(supernet)) revert SupernetUnknown(supernet);
        CreateSetParams[] memory sets = new CreateSetParams[](1);
        sets[0] = CreateSetParams(supernet, strategies);
        allocations.createOperatorSets(address(this), sets);
    }

    /// @inheritdoc IAvsAccount
    function setMetadataURI(string calldata uri) external onlyOwner {
        allocations.updateAVSMetadataURI(address(this), uri);
    }

    /// @inheritdoc IAvsAccount
    function announce(ChangeKind kind, uint32 supernet, address target) external onlyOwner {
        _checkNames(kind, supernet, target);
        bytes32 change = _key(kind, supernet, target);
        if (_applicableAt[change] != 0) revert ChangeAnnouncedAlready(_applicableAt[change]);
        uint64 at = uint64(block.number) + changeDelay();
        _applicableAt[change] = at;
        emit ChangeAnnounced(kind, supernet, target, at);
    }

    /// @inheritdoc IAvsAccount
    function cancel(ChangeKind kind, uint32 supernet, address target) external onlyOwner {
        bytes32 change = _key(kind, supernet, target);
        if (_applicableAt[change] == 0) revert ChangeNotAnnounced(kind, supernet, target);
        delete _applicableAt[change];
        emit ChangeCancelled(kind, supernet, target);
    }

    /// @inheritdoc IAvsAccount
    function execute(ChangeKind kind, uint32 supernet, address target) external onlyOwner {
        _checkNames(kind, supernet, target);
        if (!_isFirst(kind)) {
            bytes32 change = _key(kind, supernet, target);
            uint64 at = _applicableAt[change];
            if (at == 0) revert ChangeNotAnnounced(kind, supernet, target);
            if (block.number < at) revert ChangeTooEarly(at);
            delete _applicableAt[change];
        }
        emit ChangeApplied(kind, supernet, target);
        if (kind == ChangeKind.Registrar) _setRegistrar(target);
        else if (kind == ChangeKind.Slasher) _setSlasher(target);
        else if (kind == ChangeKind.AddStrategy) _addStrategy(supernet, target);
        else _removeStrategy(supernet, target);
    }

    /// @inheritdoc IAvsAccount
    function submitRewards(uint32 supernet, RewardsSubmission[] calldata submissions) external onlyOwner {
        for (uint256 i; i < submissions.length; ++i) {
            OperatorReward[] calldata paid = submissions[i].operatorRewards;
            uint256 total;
            for (uint256 j; j < paid.length; ++j) {
                total += paid[j].amount;
            }
            IERC20 token = IERC20(submissions[i].token);
            token.safeTransferFrom(msg.sender, address(this), total);
            // Two submissions may use one token: the allowances add up until the call below takes them.
            token.safeIncreaseAllowance(address(rewards), total);
        }
        emit RewardsSubmitted(supernet, submissions.length);
        rewards.createOperatorDirectedOperatorSetRewardsSubmission(OperatorSet(address(this), supernet), submissions);
    }

    /// @inheritdoc IAvsAccount
    function changeDelay() public view returns (uint64) {
        return registry.changeDelay();
    }

    /// @inheritdoc IAvsAccount
    function applicableAt(ChangeKind kind, uint32 supernet, address target) external view returns (uint64) {
        return _applicableAt[_key(kind, supernet, target)];
    }

    function _setRegistrar(address target) private {
        registrar = target;
        allocations.setAVSRegistrar(address(this), target);
    }

    function _setSlasher(address target) private {
        address previous = slasher;
        slasher = target;
        bytes4 right = IAllocationManager.slashOperator.selector;
        if (previous != address(0)) {
            permissions.removeAppointee(address(this), previous, address(allocations), right);
        }
        permissions.setAppointee(address(this), target, address(allocations), right);
    }

    function _addStrategy(uint32 supernet, address target) private {
        allocations.addStrategiesToOperatorSet(address(this), supernet, _one(target));
    }

    function _removeStrategy(uint32 supernet, address target) private {
        StrategyWeight[] memory counted = registry.strategies(supernet);
        for (uint256 i; i < counted.length; ++i) {
            // A slash names every counted strategy; the core refuses one that is not in the set.
            if (counted[i].strategy == target) revert StrategyCounted(supernet, target);
        }
        allocations.removeStrategiesFromOperatorSet(address(this), supernet, _one(target));
    }

    function _isFirst(ChangeKind kind) private view returns (bool) {
        return (kind == ChangeKind.Registrar && registrar == address(0))
            || (kind == ChangeKind.Slasher && slasher == address(0));
    }

    function _checkNames(ChangeKind kind, uint32 supernet, address target) private pure {
        if (target == address(0)) revert TargetZero();
        bool global = kind == ChangeKind.Registrar || kind == ChangeKind.Slasher;
        if (global && supernet != 0) revert SupernetNotZero(supernet);
    }

    function _key(ChangeKind kind, uint32 supernet, address target) private pure returns (bytes32) {
        return keccak256(abi.encode(kind, supernet, target));
    }

    function _one(address item) private pure returns (address[] memory items) {
        items = new address[](1);
        items[0] = item;
    }
}
