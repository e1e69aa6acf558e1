//! The part of the EigenLayer core (release v1.3.0) that operators, restakers and Gavel use.
//!
//! Interfaces of our own: only the functions that are called and the events that are read. Units:
//! magnitudes and `wads` are fractions of 1e18, delays are blocks, shares are strategy shares.

use alloy::sol;

sol! {
    #[derive(Debug, PartialEq, Eq, Hash)]
    struct OperatorSet { address avs; uint32 id; }

    #[derive(Debug)]
    struct CreateSetParams { uint32 operatorSetId; address[] strategies; }

    #[derive(Debug)]
    struct AllocateParams { OperatorSet operatorSet; address[] strategies; uint64[] newMagnitudes; }

    #[derive(Debug)]
    struct RegisterParams { address avs; uint32[] operatorSetIds; bytes data; }

    #[derive(Debug)]
    struct DeregisterParams { address operator; address avs; uint32[] operatorSetIds; }

    #[derive(Debug)]
    struct SlashingParams {
        address operator;
        uint32 operatorSetId;
        address[] strategies;
        uint256[] wadsToSlash;
        string description;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Allocation { uint64 currentMagnitude; int128 pendingDiff; uint32 effectBlock; }

    #[derive(Debug)]
    struct SignatureWithExpiry { bytes signature; uint256 expiry; }

    #[derive(Debug)]
    struct QueuedWithdrawalParams { address[] strategies; uint256[] depositShares; address withdrawer; }

    #[derive(Debug)]
    struct Withdrawal {
        address staker;
        address delegatedTo;
        address withdrawer;
        uint256 nonce;
        uint32 startBlock;
        address[] strategies;
        uint256[] scaledShares;
    }

    #[sol(rpc)]
    #[derive(Debug)]
    contract AllocationManager {
        error AlreadyMemberOfSet();
        error CurrentlyPaused();
        error InsufficientMagnitude();
        error InvalidCaller();
        error InvalidPermissions();
        error ModificationAlreadyPending();
        error NonexistentAVSMetadata();
        error OperatorNotSlashable();
        error SameMagnitude();
        error UninitializedAllocationDelay();

        event OperatorSlashed(
            address operator, OperatorSet operatorSet, address[] strategies, uint256[] wadSlashed, string description
        );
        event AllocationUpdated(
            address operator, OperatorSet operatorSet, address strategy, uint64 magnitude, uint32 effectBlock
        );

        function DEALLOCATION_DELAY() external view returns (uint32);
        function ALLOCATION_CONFIGURATION_DELAY() external view returns (uint32);
        function updateAVSMetadataURI(address avs, string metadataURI) external;
        function setAVSRegistrar(address avs, address registrar) external;
        function getAVSRegistrar(address avs) external view returns (address);
        function createOperatorSets(address avs, CreateSetParams[] params) external;
        function setAllocationDelay(address operator, uint32 delay) external;
        function getAllocationDelay(address operator) external view returns (bool isSet, uint32 delay);
        function modifyAllocations(address operator, AllocateParams[] params) external;
        function clearDeallocationQueue(address operator, address[] strategies, uint16[] numToClear) external;
        function registerForOperatorSets(address operator, RegisterParams params) external;
        function deregisterFromOperatorSets(DeregisterParams params) external;
        function slashOperator(address avs, SlashingParams params) external;
        function getMinimumSlashableStake(
            OperatorSet operatorSet, address[] operators, address[] strategies, uint32 futureBlock
        ) external view returns (uint256[][] slashableStake);
        function getAllocatedStake(OperatorSet operatorSet, address[] operators, address[] strategies)
            external view returns (uint256[][]);
        function getAllocation(address operator, OperatorSet operatorSet, address strategy)
            external view returns (Allocation);
        function getMaxMagnitude(address operator, address strategy) external view returns (uint64);
        function isMemberOfOperatorSet(address operator, OperatorSet operatorSet) external view returns (bool);
        function isOperatorSlashable(address operator, OperatorSet operatorSet) external view returns (bool);
        function isOperatorSet(OperatorSet operatorSet) external view returns (bool);
    }

    #[sol(rpc)]
    contract DelegationManager {
        event SlashingWithdrawalQueued(bytes32 withdrawalRoot, Withdrawal withdrawal, uint256[] sharesToWithdraw);

        function registerAsOperator(address initDelegationApprover, uint32 allocationDelay, string metadataURI) external;
        function isOperator(address operator) external view returns (bool);
        function isDelegated(address staker) external view returns (bool);
        function delegatedTo(address staker) external view returns (address);
        function delegateTo(address operator, SignatureWithExpiry approverSignatureAndExpiry, bytes32 approverSalt)
            external;
        function undelegate(address staker) external returns (bytes32[] withdrawalRoots);
        function queueWithdrawals(QueuedWithdrawalParams[] params) external returns (bytes32[]);
        function completeQueuedWithdrawal(Withdrawal withdrawal, address[] tokens, bool receiveAsTokens) external;
        function getQueuedWithdrawals(address staker)
            external view returns (Withdrawal[] withdrawals, uint256[][] shares);
        function getWithdrawableShares(address staker, address[] strategies)
            external view returns (uint256[] withdrawableShares, uint256[] depositShares);
        function operatorShares(address operator, address strategy) external view returns (uint256);
        function getSlashableSharesInQueue(address operator, address strategy) external view returns (uint256);
        function minWithdrawalDelayBlocks() external view returns (uint32);
    }

    #[sol(rpc)]
    contract StrategyManager {
        function depositIntoStrategy(address strategy, address token, uint256 amount) external returns (uint256 shares);
        function burnShares(address strategy) external;
        function getBurnableShares(address strategy) external view returns (uint256);
        function strategyIsWhitelistedForDeposit(address strategy) external view returns (bool);
    }

    #[sol(rpc)]
    contract StrategyFactory {
        function deployNewStrategy(address token) external returns (address newStrategy);
        function deployedStrategies(address token) external view returns (address);
        function whitelistStrategies(address[] strategies) external;
    }

    #[sol(rpc)]
    contract Strategy {
        function underlyingToken() external view returns (address);
        function totalShares() external view returns (uint256);
    }

    #[sol(rpc)]
    contract PermissionController {
        function setAppointee(address account, address appointee, address target, bytes4 selector) external;
    }
}

/// The operator set `id` of an AVS account.
pub fn operator_set(avs: alloy::primitives::Address, id: u32) -> OperatorSet {
    OperatorSet { avs, id }
}
