// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { RewardsSubmission } from "./eigenlayer/IEigenLayerCore.sol";

/// @title The AVS account of all supernets at the EigenLayer core
/// @notice Exposes exactly what is listed here. It makes no arbitrary call and appoints no administrator, so that the
/// only way to `slashOperator` leads through {slasher}. Registrar, strategies and slasher change by announcement and
/// a delay longer than both delays of the core; the first registrar and the first slasher are set at once, when there
/// is nobody to protect yet.
interface IAvsAccount {
    enum ChangeKind {
        Registrar,
        Slasher,
        AddStrategy,
        RemoveStrategy
    }

    event ChangeAnnounced(
        ChangeKind indexed kind, uint32 indexed supernet, address indexed target, uint64 applicableAt
    );
    event ChangeCancelled(ChangeKind indexed kind, uint32 indexed supernet, address indexed target);
    event ChangeApplied(ChangeKind indexed kind, uint32 indexed supernet, address indexed target);
    event RewardsSubmitted(uint32 indexed supernet, uint256 submissions);

    error ChangeNotAnnounced(ChangeKind kind, uint32 supernet, address target);
    error ChangeTooEarly(uint64 applicableAt);
    error ChangeAnnouncedAlready(uint64 applicableAt);
    error TargetZero();
    error SupernetNotZero(uint32 supernet);
    error SupernetUnknown(uint32 supernet);
    error StrategyCounted(uint32 supernet, address strategy);

    /// @notice Creates the operator set of a supernet that is open in the registry. Owner only.
    function createSet(uint32 supernet, address[] calldata strategies) external;

    /// @notice Publishes the metadata of the AVS; the core wants it before the first set. Owner only.
    function setMetadataURI(string calldata uri) external;

    /// @notice Announces a change. `supernet` is zero for registrar and slasher. Owner only.
    function announce(ChangeKind kind, uint32 supernet, address target) external;

    /// @notice Withdraws an announced change. Owner only.
    function cancel(ChangeKind kind, uint32 supernet, address target) external;

    /// @notice Makes a change whose delay has passed, or sets the first registrar or slasher. Owner only.
    /// @dev A strategy that the registry still counts as stake of the supernet cannot be removed.
    function execute(ChangeKind kind, uint32 supernet, address target) external;

    /// @notice Submits operator-directed rewards of a supernet; the caller pays the tokens. Owner only.
    function submitRewards(uint32 supernet, RewardsSubmission[] calldata submissions) external;

    function registrar() external view returns (address);

    /// @notice The only contract that may slash.
    function slasher() external view returns (address);

    function changeDelay() external view returns (uint64);

    /// @notice Block from which an announced change can be made; zero: not announced.
    function applicableAt(ChangeKind kind, uint32 supernet, address target) external view returns (uint64);
}
