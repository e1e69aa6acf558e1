// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Checkpoints } from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import { IOperatorRegistrar } from "../interfaces/IOperatorRegistrar.sol";
import { IStakeCapacity } from "../interfaces/IStakeCapacity.sol";
import { ISupernetRegistry } from "../interfaces/ISupernetRegistry.sol";
import { IAVSRegistrar } from "../interfaces/eigenlayer/IEigenLayerCore.sol";
import { SkipReason } from "../types/Market.sol";
import { OperatorRecord, RegistrationData } from "../types/Registration.sol";

contract OperatorRegistrar is IOperatorRegistrar {
    using Checkpoints for Checkpoints.Trace160;

    uint8 private constant ALL_CLASSES = 7;

    ISupernetRegistry public immutable registry;
    IStakeCapacity public immutable capacity;
    address public immutable account;
    address public immutable allocations;
    /// @inheritdoc IOperatorRegistrar
    uint64 public immutable rotationDelay;

    mapping(uint32 supernet => mapping(address operator => OperatorRecord)) private _operators;
    /// @dev Bid keys by the block from which they are valid.
    mapping(address operator => Checkpoints.Trace160) private _bidKeys;
    /// @dev The block at which a key first became valid, plus one.
    mapping(address operator => mapping(address key => uint64)) private _firstValid;
    /// @inheritdoc IOperatorRegistrar
    mapping(uint32 supernet => mapping(address operator => bool)) public isAllowed;

    /// @param rotationDelay_ Blocks until a rotated bid key is valid; at least as long as bids are in flight.
    constructor(
        ISupernetRegistry registry_,
        IStakeCapacity capacity_,
        address account_,
        address allocations_,
        uint64 rotationDelay_
    ) {
        registry = registry_;
        capacity = capacity_;
        account = account_;
        allocations = allocations_;
        rotationDelay = rotationDelay_;
    }

    modifier onlyAllocations() {
        if (msg.sender != allocations) revert NotAllocationManager(msg.sender);
        _;
    }

    /// @inheritdoc IAVSRegistrar
    /// @dev The core has added the operator before it calls, so that its stake counts as slashable already.
    function registerOperator(address operator, address avs, uint32[] calldata supernets, bytes calldata data)
        external
        onlyAllocations
    {
        if (avs != account) revert AnotherAvs(avs);
        RegistrationData memory registration = abi.decode(data, (RegistrationData));
        if (registration.bidKey == address(0)) revert BidKeyZero();
        _checkClasses(registration.classes);

        for (uint256 i; i < supernets.length; ++i) {
            uint32 supernet = supernets[i];
            if (!registry.exists(supernet)) revert SupernetUnknown(supernet);
            if (!registry.hasOpenAdmission(supernet) && !isAllowed[supernet][operator]) {
                revert NotAllowed(supernet, operator);
            }
            uint256 minimum = registry.stakeTerms(supernet).minStake;
            uint256 stake = capacity.slashableStake(supernet, operator);
            if (stake < minimum) revert StakeTooLow(supernet, operator, stake, minimum);
            _operators[supernet][operator] = OperatorRecord({
                registered: true, leaving: false, classes: registration.classes, since: uint64(block.number)
            });
            emit OperatorRegistered(supernet, operator, registration.classes);
        }

        Checkpoints.Trace160 storage keys = _bidKeys[operator];
        if (keys.length() == 0) _setKey(operator, registration.bidKey, uint64(block.number));
        else if (address(keys.latest()) != registration.bidKey) _rotate(operator, registration.bidKey);
    }

    /// @inheritdoc IAVSRegistrar
    /// @dev Never reverts for the core, whatever the sets: leaving must always be possible.
    function deregisterOperator(address operator, address avs, uint32[] calldata supernets) external onlyAllocations {
        if (avs != account) return;
        for (uint256 i; i < supernets.length; ++i) {
            OperatorRecord storage record = _operators[supernets[i]][operator];
            if (!record.registered) continue;
            record.leaving = true;
            record.since = uint64(block.number);
            emit OperatorLeft(supernets[i], operator);
        }
    }

    /// @inheritdoc IAVSRegistrar
    function supportsAVS(address avs) external view returns (bool) {
        return avs == account;
    }

    /// @inheritdoc IOperatorRegistrar
    function setBidKey(address key) external {
        if (_bidKeys[msg.sender].length() == 0) revert OperatorUnknown(msg.sender);
        if (key == address(0)) revert BidKeyZero();
        _rotate(msg.sender, key);
    }

    /// @inheritdoc IOperatorRegistrar
    function setClasses(uint32 supernet, uint8 classes) external {
        OperatorRecord storage record = _operators[supernet][msg.sender];
        if (!record.registered) revert OperatorUnknown(msg.sender);
        _checkClasses(classes);
        record.classes = classes;
        emit ClassesSet(supernet, msg.sender, classes);
    }

    /// @inheritdoc IOperatorRegistrar
    function setAllowed(uint32 supernet, address operator, bool allowed) external {
        if (msg.sender != registry.owner()) revert NotOwner(msg.sender);
        if (!registry.exists(supernet)) revert SupernetUnknown(supernet);
        isAllowed[supernet][operator] = allowed;
        emit AllowedSet(supernet, operator, allowed);
    }

    /// @inheritdoc IOperatorRegistrar
    function bidKeyAt(address operator, uint64 blockNumber) external view returns (address) {
        return address(_bidKeys[operator].upperLookupRecent(blockNumber));
    }

    /// @inheritdoc IOperatorRegistrar
    function wasBidKey(address operator, address key, uint64 blockNumber) external view returns (bool) {
        uint64 first = _firstValid[operator][key];
        return first != 0 && first - 1 <= blockNumber;
    }

    /// @inheritdoc IOperatorRegistrar
    function operatorRecord(uint32 supernet, address operator) external view returns (OperatorRecord memory) {
        return _operators[supernet][operator];
    }

    /// @inheritdoc IOperatorRegistrar
    function eligibility(uint32 supernet, address operator, uint8 class) external view returns (SkipReason) {
        OperatorRecord memory record = _operators[supernet][operator];
        if (!record.registered) return SkipReason.OperatorNotRegistered;
        if (record.leaving) return SkipReason.OperatorLeaving;
        if ((uint256(record.classes) >> class) & 1 == 0) return SkipReason.ClassNotServed;
        return SkipReason.None;
    }

    function _rotate(address operator, address key) private {
        (, uint96 latest,) = _bidKeys[operator].latestCheckpoint();
        // One rotation at a time: a chain of them would hide the key that signs now.
        if (latest > block.number) revert RotationPending(uint64(latest));
        _setKey(operator, key, uint64(block.number) + rotationDelay);
    }

    function _setKey(address operator, address key, uint64 validFrom) private {
        _bidKeys[operator].push(validFrom, uint160(key));
        if (_firstValid[operator][key] == 0) _firstValid[operator][key] = validFrom + 1;
        emit BidKeySet(operator, key, validFrom);
    }

    function _checkClasses(uint8 classes) private pure {
        if (classes == 0 || classes > ALL_CLASSES) revert ClassesUnknown(classes);
    }
}
