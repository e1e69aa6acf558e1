// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// The functions of the EigenLayer core (release v1.3.0) that Gavel's contracts call. Declared anew from the ABI.

struct OperatorSet {
    address avs;
    uint32 id;
}

struct CreateSetParams {
    uint32 operatorSetId;
    address[] strategies;
}

/// @param wadsToSlash Fraction of the operator's allocation to each strategy, in 1/1e18.
struct SlashingParams {
    address operator;
    uint32 operatorSetId;
    address[] strategies;
    uint256[] wadsToSlash;
    string description;
}

/// @param currentMagnitude Part of the operator's magnitude (1e18 at first) that the set can slash.
struct Allocation {
    uint64 currentMagnitude;
    int128 pendingDiff;
    uint32 effectBlock;
}

struct StrategyMultiplier {
    address strategy;
    uint96 multiplier;
}

struct OperatorReward {
    address operator;
    uint256 amount;
}

struct RewardsSubmission {
    StrategyMultiplier[] strategiesAndMultipliers;
    address token;
    OperatorReward[] operatorRewards;
    uint32 startTimestamp;
    uint32 duration;
    string description;
}

interface IAllocationManager {
    function DEALLOCATION_DELAY() external view returns (uint32);
    function updateAVSMetadataURI(address avs, string calldata metadataURI) external;
    function setAVSRegistrar(address avs, address registrar) external;
    function createOperatorSets(address avs, CreateSetParams[] calldata params) external;
    function addStrategiesToOperatorSet(address avs, uint32 operatorSetId, address[] calldata strategies) external;
    function removeStrategiesFromOperatorSet(address avs, uint32 operatorSetId, address[] calldata strategies) external;
    function slashOperator(address avs, SlashingParams calldata params) external;
    function getMinimumSlashableStake(
        OperatorSet calldata operatorSet,
        address[] calldata operators,
        address[] calldata strategies,
        uint32 futureBlock
    ) external view returns (uint256[][] memory);
    function getAllocation(address operator, OperatorSet calldata operatorSet, address strategy)
        external
        view
        returns (Allocation memory);
    function getStrategiesInOperatorSet(OperatorSet calldata operatorSet) external view returns (address[] memory);
    function getMaxMagnitude(address operator, address strategy) external view returns (uint64);
}

interface IDelegationManager {
    function minWithdrawalDelayBlocks() external view returns (uint32);
    function operatorShares(address operator, address strategy) external view returns (uint256);
    function getSlashableSharesInQueue(address operator, address strategy) external view returns (uint256);
}

interface IPermissionController {
    function setAppointee(address account, address appointee, address target, bytes4 selector) external;
    function removeAppointee(address account, address appointee, address target, bytes4 selector) external;
}

interface IRewardsCoordinator {
    function createOperatorDirectedOperatorSetRewardsSubmission(
        OperatorSet calldata operatorSet,
        RewardsSubmission[] calldata submissions
    ) external;
}

/// @notice What the core calls when an operator joins or leaves an operator set.
interface IAVSRegistrar {
    function registerOperator(address operator, address avs, uint32[] calldata operatorSetIds, bytes calldata data)
        external;
    function deregisterOperator(address operator, address avs, uint32[] calldata operatorSetIds) external;
    function supportsAVS(address avs) external view returns (bool);
}
