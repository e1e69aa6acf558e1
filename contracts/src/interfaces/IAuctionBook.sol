// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AwardEntry, AwardKey, AwardRecord, LotTerms, SkipReason, TickRecord } from "../types/Market.sol";

/// @title Anchored ticks and awards
/// @notice One transaction a tick stores what the gateway awarded. An award that cannot be reserved or paid for is
/// skipped with an event; it never reverts the tick. Claims and reports read the stored award.
interface IAuctionBook {
    /// @param skippedFrom First tick since the last anchored one; equal to `tick` when none was skipped.
    event TickAnchored(
        uint32 indexed supernet,
        uint64 indexed tick,
        uint64 gatewayEpoch,
        uint64 skippedFrom,
        bytes32 bidsRoot,
        uint32 count,
        bytes32 capacityRoot
    );
    event Awarded(
        bytes32 indexed awardId,
        bytes32 indexed payer,
        address indexed operator,
        bytes32 jobId,
        uint32 attempt,
        bytes32 lotDigest,
        uint64 units,
        uint256 price,
        uint64 expiryBlock
    );
    event AwardSkipped(
        bytes32 indexed awardId, bytes32 indexed payer, address indexed operator, bytes32 jobId, SkipReason reason
    );
    event Delivered(bytes32 indexed awardId, address indexed operator);
    /// @notice A name in `delivered` that is no open award of the supernet.
    event DeliveryIgnored(bytes32 indexed awardId);
    event DeliveredTooLate(bytes32 indexed awardId, address indexed operator);
    event Claimed(bytes32 indexed awardId, address indexed operator, uint256 price);
    event Struck(bytes32 indexed awardId, address indexed operator);
    event AwardSlashed(bytes32 indexed awardId, address indexed operator);

    error NotGateway(uint32 supernet, address caller, address key);
    error TickNotAfter(uint32 supernet, uint64 tick, uint64 last);
    error AwardNotOpen(bytes32 awardId, uint8 state);
    error AwardNotDelivered(bytes32 awardId, uint8 state);
    error NotOperator(bytes32 awardId, address caller, address operator);
    error NotSlasher(address caller, address slasher);
    error WrongSigner(address expected, address got);
    error SignatureInvalid();

    /// @notice Anchors a tick: reserves the awards in order, and takes the deliveries since the last anchor. Sent
    /// with the gateway key of the current epoch. Ticks ascend; those in between are anchored as skipped.
    /// @param bidsRoot Root over the tick's commitments.
    /// @param count Number of commitments.
    /// @param capacityRoot Root over the free capacities that the awards were made with.
    /// @param delivered Award ids whose proofs the gateway took.
    function anchorTick(
        uint32 supernet,
        uint64 tick,
        bytes32 bidsRoot,
        uint32 count,
        bytes32 capacityRoot,
        LotTerms[] calldata lots,
        AwardEntry[] calldata awards,
        bytes32[] calldata delivered
    ) external;

    /// @notice Shows that an award was delivered, by the gateway's DeliveryReceipt: releases its units and makes it
    /// claimable. Anyone.
    function proveDelivery(AwardKey calldata key, bytes32 statementDigest, bytes calldata signature) external;

    /// @notice Pays a delivered award once its request has ended, at exactly its price, to its operator. Anyone.
    function claim(bytes32 awardId) external;

    /// @notice {proveDelivery} and {claim} in one.
    function claimWithReceipt(AwardKey calldata key, bytes32 statementDigest, bytes calldata signature) external;

    /// @notice The operator declares that it never bid for this award. Its price goes back to the payer; its units
    /// stay reserved until they expire, because a bid and an acceptance can still show the opposite.
    function strike(bytes32 awardId) external;

    /// @notice Records that an award was slashed. The account's slasher only.
    function markSlashed(bytes32 awardId) external;

    function awardIdOf(AwardKey calldata key) external pure returns (bytes32);
    function award(bytes32 awardId) external view returns (AwardRecord memory);
    function tickRecord(uint32 supernet, uint64 tick) external view returns (TickRecord memory);
    function lastTick(uint32 supernet) external view returns (uint64);
}
