// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { OperatorRecord } from "../types/Registration.sol";
import { SkipReason } from "../types/Market.sol";
import { IAVSRegistrar } from "./eigenlayer/IEigenLayerCore.sol";

/// @title Admission of operators, their bid keys and classes
/// @notice The core calls it when an operator joins or leaves an operator set. Leaving never reverts.
interface IOperatorRegistrar is IAVSRegistrar {
    event OperatorRegistered(uint32 indexed supernet, address indexed operator, uint8 classes);
    event OperatorLeft(uint32 indexed supernet, address indexed operator);
    event BidKeySet(address indexed operator, address indexed key, uint64 validFrom);
    event ClassesSet(uint32 indexed supernet, address indexed operator, uint8 classes);
    event AllowedSet(uint32 indexed supernet, address indexed operator, bool allowed);

    error NotAllocationManager(address caller);
    error AnotherAvs(address avs);
    error SupernetUnknown(uint32 supernet);
    error NotAllowed(uint32 supernet, address operator);
    error StakeTooLow(uint32 supernet, address operator, uint256 stake, uint256 minimum);
    error BidKeyZero();
    error ClassesUnknown(uint8 classes);
    error OperatorUnknown(address operator);
    error RotationPending(uint64 validFrom);
    error NotOwner(address caller);

    /// @notice Rotates the caller's bid key. The new key is valid {rotationDelay} blocks from now and the old one
    /// until then, so that whoever checks a signature for a block knows the key of that block beforehand.
    function setBidKey(address key) external;

    /// @notice Changes the classes that the caller serves in a supernet; holds for awards from now on.
    function setClasses(uint32 supernet, uint8 classes) external;

    /// @notice Puts an operator on the allow-list of a supernet, or takes it off (for new registrations). Registry
    /// owner only.
    function setAllowed(uint32 supernet, address operator, bool allowed) external;

    function isAllowed(uint32 supernet, address operator) external view returns (bool);

    function rotationDelay() external view returns (uint64);

    /// @notice Bid key of an operator at a block; zero when it had none.
    function bidKeyAt(address operator, uint64 blockNumber) external view returns (address);

    /// @notice Whether `key` was a bid key of the operator at or before a block.
    function wasBidKey(address operator, address key, uint64 blockNumber) external view returns (bool);

    function operatorRecord(uint32 supernet, address operator) external view returns (OperatorRecord memory);

    /// @notice `None` when the operator may be given work of a class.
    function eligibility(uint32 supernet, address operator, uint8 class) external view returns (SkipReason);
}
