// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AwardKey, JobTerms, LotTerms } from "./Market.sol";

/// @notice Everything that shows an accepted job was missed.
/// @param key The stored award.
/// @param lot Terms that the operator bid for; they give `lotDigest`.
/// @param job The job inside the lot.
/// @param jobProof Path of the job to `lot.jobsRoot`.
/// @param priceWeiPerUnit Opened price; with `salt` it gives the commitment.
/// @param bidSignature The operator's BidCommitment, signed with a bid key.
/// @param bidProof Path of the commitment to the tick's `bidsRoot`.
/// @param acceptBlock Block at which the operator accepted.
/// @param acceptSignature The operator's Accept, signed with the bid key of that block.
struct MissEvidence {
    AwardKey key;
    LotTerms lot;
    JobTerms job;
    bytes32[] jobProof;
    uint256 priceWeiPerUnit;
    bytes32 salt;
    bytes bidSignature;
    bytes32[] bidProof;
    bytes32 inputDigest;
    uint64 acceptBlock;
    bytes acceptSignature;
}

/// @notice Where a miss report stands. `Dismissed`, `Executed` and `Lapsed` are final.
enum ReportState {
    None,
    Open,
    Dismissed,
    Executed,
    Lapsed
}

/// @notice A miss report.
/// @param answerUntil Last block of the answer window; a slash can be executed after it.
/// @param executeUntil Last block at which the slash can be executed.
struct MissReport {
    address reporter;
    uint128 deposit;
    uint64 answerUntil;
    uint64 executeUntil;
    ReportState state;
}
