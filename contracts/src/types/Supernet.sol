// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What a strategy's shares count for in a supernet.
/// @param strategy EigenLayer strategy; strategies of a supernet are in strictly ascending order.
/// @param weight Stake-wei per share, times 1e18 (1e18: one share counts one wei).
struct StrategyWeight {
    address strategy;
    uint128 weight;
}

/// @notice Prices and shares of a supernet, in wei unless said otherwise.
/// @param maxPriceWeiPerUnit Highest ceiling of a lot, per work unit.
/// @param baseFee Part of every settled request's fee that the shares below divide.
/// @param gatewayShareBps Share of `baseFee` for the gateway, in 1/10,000.
/// @param protocolShareBps Share of `baseFee` for `treasury`, in 1/10,000; the rest goes back to the requester.
/// @param treasury Receives the protocol share.
/// @param quotedGasPrice Wei per gas at which the settlement reserve is calculated, and the cap of reimbursements.
/// @param settleTip Wei per gas above the block's base fee that a settlement is reimbursed.
/// @param settleGas Gas of a settlement without its callback, for the reserve.
/// @param maxCallbackGas Highest callback gas that a request may ask for.
struct Prices {
    uint128 maxPriceWeiPerUnit;
    uint128 baseFee;
    uint16 gatewayShareBps;
    uint16 protocolShareBps;
    address treasury;
    uint64 quotedGasPrice;
    uint64 settleTip;
    uint64 settleGas;
    uint64 maxCallbackGas;
}

/// @notice Windows of a supernet, all in blocks.
/// @param minDeadline Least distance of a request's deadline.
/// @param maxRange Most blocks that a request may span.
/// @param maxAccept Longest accept window of a lot, from the anchored award.
/// @param maxProving Longest proving window of a lot, from acceptance.
/// @param report From the end of the proving window: how long a miss can be reported.
/// @param answer From the report: how long the operator can answer.
/// @param margin After the answer window: how long a slash can be executed.
/// @param claim From the end of a request: how long an unproven delivery can still be shown.
/// @param capacityFresh Oldest capacity that an award may rely on.
struct Windows {
    uint32 minDeadline;
    uint32 maxRange;
    uint32 maxAccept;
    uint32 maxProving;
    uint32 report;
    uint32 answer;
    uint32 margin;
    uint32 claim;
    uint32 capacityFresh;
}

/// @notice Stake terms of a supernet.
/// @param slashWeiPerUnit Stake-wei at risk per reserved work unit.
/// @param minStake Least slashable stake-wei of an operator.
/// @param reportDeposit Wei that a miss report deposits: at least what an answer costs.
struct StakeTerms {
    uint128 slashWeiPerUnit;
    uint128 minStake;
    uint128 reportDeposit;
}

/// @notice Everything configurable about a supernet.
/// @param openAdmission True: anyone with the stake may register. False: only operators on the allow-list.
/// @param unitsTable Digest of the table of work units per job kind and size that goes with the circuit set.
/// @param strategies At least one, strictly ascending by address.
/// @param verifierIds Router entries that a request may name.
struct SupernetConfig {
    Prices prices;
    Windows windows;
    StakeTerms stake;
    bool openAdmission;
    bytes32 unitsTable;
    StrategyWeight[] strategies;
    bytes32[] verifierIds;
}

/// @notice Who runs the auction of a supernet.
/// @param owner Cold account: starts epochs, owns the bond.
/// @param key Key of the current epoch: signs messages, sends anchors and failures.
/// @param epoch Current epoch, from 1.
/// @param validFrom Block from which the key is valid.
struct Gateway {
    address owner;
    address key;
    uint64 epoch;
    uint64 validFrom;
}
