// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A dapp's question and its terms. Field order is that of the hash.
/// @param verifierId Entry of the VerifierRouter: pins the key and the circuit set.
/// @param feeToken Token of the fee; zero is ETH, the only one now.
/// @param tableId Digest of the table, from `gavel query compile`.
/// @param tableTextHash Keccak-256 of the table's registered text.
/// @param queryDigest Digest of the compiled query.
/// @param queryTextHash Keccak-256 of the query's registered text.
/// @param params Parameter words, `$1` first.
/// @param fromBlock First block, inclusive.
/// @param toBlock Last block, inclusive: the anchor.
/// @param maxFee Wei locked; what is not spent goes back.
/// @param deadline Last block at which the request can be settled.
/// @param callback Contract that gets `onResult`; zero: none.
/// @param callbackGas Gas of the callback.
/// @param refundTo Gets what is not spent.
struct Request {
    uint32 supernet;
    bytes32 verifierId;
    address feeToken;
    bytes32 tableId;
    bytes32 tableTextHash;
    bytes32 queryDigest;
    bytes32 queryTextHash;
    bytes32[] params;
    uint64 fromBlock;
    uint64 toBlock;
    uint256 maxFee;
    uint64 deadline;
    address callback;
    uint64 callbackGas;
    address refundTo;
}

/// @notice How an answer came out: word 10 of the statement.
enum Status {
    None,
    Ok,
    Empty,
    Overflow,
    DivisionByZero
}

/// @notice The output half of an answer's statement, with the result in clear.
/// @param rowCount Rows inside the range (word 11).
/// @param result Result words in the order of the SELECT list; their SHA-256 is word 15.
struct Answer {
    Status status;
    uint64 rowCount;
    bytes32[] result;
}

/// @notice Where a request stands. All but `Open` are final and exclude each other.
enum RequestState {
    None,
    Open,
    Settled,
    Failed,
    Cancelled,
    Refunded
}

/// @notice Why the gateway gave a request up.
enum FailureReason {
    None,
    NoBids,
    AttemptsExhausted,
    TextMismatch,
    Unprovable,
    DeadlineTooClose,
    FeeTooLow,
    Other,
    BondTooLow
}

/// @notice What is stored of a request.
/// @param callbackDone True once the callback returned, or when there is none.
struct RequestRecord {
    bytes32 anchorHash;
    bytes32 verifierId;
    address requester;
    uint64 deadline;
    uint32 supernet;
    uint64 rowCount;
    RequestState state;
    Status status;
    bool callbackDone;
}
