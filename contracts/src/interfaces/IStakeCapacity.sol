// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Capacity } from "../types/Registration.sol";
import { StrategyWeight } from "../types/Supernet.sol";
import { SkipReason } from "../types/Market.sol";

/// @title How much work an operator's stake covers
/// @notice Units = slashable stake / `slashWeiPerUnit`, so that the reserved units times the slash per unit never
/// exceed what can be slashed. Reservations lie in buckets by expiry and are released on delivery, or lazily.
interface IStakeCapacity {
    event CapacitySynced(uint32 indexed supernet, address indexed operator, uint256 stake, uint64 units);
    /// @notice The operator's stake no longer covers what is reserved: it gets no new award until it does.
    event CapacityBelowReserved(uint32 indexed supernet, address indexed operator, uint64 units, uint64 reserved);
    event CapacityInvalidated(uint32 indexed supernet, address indexed operator);

    error NotAuctionBook(address caller);
    error SupernetUnknown(uint32 supernet);

    /// @notice Reads the slashable stake from the core and caches the units. Anyone.
    function syncCapacity(uint32 supernet, address operator) external returns (uint64 units);

    /// @notice Reserves units from now until the award can no longer be slashed. AuctionBook only; never reverts for
    /// reasons of the award.
    /// @param acceptBlocks Accept window of the lot.
    /// @param provingBlocks Proving window of the lot.
    /// @return reason `None` when reserved.
    /// @return expiryBlock Last block of the reservation.
    function reserve(uint32 supernet, address operator, uint64 units, uint64 acceptBlocks, uint64 provingBlocks)
        external
        returns (SkipReason reason, uint64 expiryBlock);

    /// @notice Gives units back before they expire. AuctionBook only.
    function release(uint32 supernet, address operator, uint64 units, uint64 expiryBlock) external;

    /// @notice Drops the cached capacity, after a slash. AuctionBook only.
    function invalidate(uint32 supernet, address operator) external;

    function capacity(uint32 supernet, address operator) external view returns (Capacity memory);

    /// @notice Stake-wei that stays slashable through the core's window whatever the operator does from now on.
    function slashableStake(uint32 supernet, address operator) external view returns (uint256);

    /// @notice Stake-wei that a slash would hit now, withdrawals in the queue included.
    function stakeAtRisk(uint32 supernet, address operator) external view returns (uint256);

    /// @notice The supernet's strategies that are in its operator set, too: what counts as stake and can be slashed.
    function countedStrategies(uint32 supernet) external view returns (StrategyWeight[] memory);

    /// @notice Blocks per expiry bucket.
    function bucketBlocks() external view returns (uint64);
}
