// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Terms of a lot, the preimage of `lotDigest`.
/// @param class Memory class: 0 small, 1 medium, 2 large.
/// @param units Sum of the jobs' work units.
/// @param jobsRoot Merkle root over the leaves of {JobTerms}.
struct LotTerms {
    uint32 supernet;
    uint64 gatewayEpoch;
    uint64 tick;
    uint32 lot;
    uint8 class;
    uint64 units;
    uint256 ceilingWeiPerUnit;
    uint64 acceptBlocks;
    uint64 provingBlocks;
    bytes32 jobsRoot;
    bytes32 circuitSetRoot;
}

/// @notice A job as a lot's root commits to it.
/// @param payer The request that pays.
/// @param kind 1 extract, 2 query, 3 merge, 4 answer, 5 wrap.
/// @param claimDigest SHA-256 of the claim words.
struct JobTerms {
    bytes32 jobId;
    bytes32 payer;
    uint8 kind;
    uint64 units;
    bytes32 claimDigest;
}

/// @notice What names an award: its hash is the award id.
struct AwardKey {
    uint32 supernet;
    uint64 gatewayEpoch;
    uint64 tick;
    bytes32 jobId;
    uint32 attempt;
    address operator;
}

/// @notice One award in an anchoring transaction.
/// @param lot Index into the lots of the same transaction.
/// @param payer The request; the job id is `keccak256(abi.encode(payer, jobIndex))`.
struct AwardEntry {
    uint32 lot;
    bytes32 payer;
    uint32 jobIndex;
    uint32 attempt;
    address operator;
    uint64 units;
    uint256 priceWeiPerUnit;
}

/// @notice Where an award stands. `Paid`, `Struck`, `Slashed` and `Lapsed` are final.
/// @dev Lapsed: delivered, but shown only after the claim window, when its money had gone back.
enum AwardState {
    None,
    Reserved,
    Delivered,
    Paid,
    Struck,
    Slashed,
    Lapsed
}

/// @notice A stored award.
/// @param price Wei for the whole job.
/// @param expiryBlock Last block at which it can be slashed and its units count as reserved.
struct AwardRecord {
    address operator;
    uint64 units;
    uint32 supernet;
    AwardState state;
    uint128 price;
    uint64 awardBlock;
    uint64 expiryBlock;
    uint64 acceptBlocks;
    uint64 provingBlocks;
    bytes32 lotDigest;
    bytes32 payer;
}

/// @notice An anchored tick.
struct TickRecord {
    bytes32 bidsRoot;
    uint64 gatewayEpoch;
    uint64 anchorBlock;
    uint32 count;
}

/// @notice Why an award was not reserved.
enum SkipReason {
    None,
    UnknownLot,
    LotOfAnotherTick,
    UnknownClass,
    CeilingAboveMaximum,
    PriceAboveCeiling,
    NoUnits,
    PriceOverflow,
    WindowTooLong,
    Duplicate,
    OperatorNotRegistered,
    OperatorLeaving,
    ClassNotServed,
    CapacityStale,
    CapacityExceeded,
    RequestNotOpen,
    FeeExceeded,
    BondExceeded,
    Paused
}
