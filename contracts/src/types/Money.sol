// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Where a request's money stands.
enum AccountState {
    None,
    Open,
    Settled,
    Refunded
}

/// @notice The escrow account of a request, in wei.
/// @param uncommitted Fee that no award has taken.
/// @param committed Prices of awards whose delivery is not shown yet.
/// @param delivered Prices of delivered awards that are not paid yet.
/// @param reserve Rest of the settlement reserve.
/// @param baseFee Rest of the base fee.
/// @param deadline Last block at which awards are taken on.
/// @param claimUntil After the end: last block at which a delivery can still be shown.
/// @dev Of a refunded account `committed` and `delivered` are owed by the gateway's bond.
struct FeeAccount {
    uint128 uncommitted;
    uint128 committed;
    uint128 delivered;
    uint128 reserve;
    uint128 baseFee;
    uint64 deadline;
    uint64 claimUntil;
    address refundTo;
    uint32 supernet;
    AccountState state;
}

/// @notice The gateway's bond in a supernet, in wei.
/// @param balance What lies in the contract.
/// @param committed What awards of unsettled requests may still claim from it.
/// @param withdrawing Announced withdrawal; covers no new award.
/// @param withdrawableAt Block from which it can be withdrawn.
struct Bond {
    uint128 balance;
    uint128 committed;
    uint128 withdrawing;
    uint64 withdrawableAt;
}
