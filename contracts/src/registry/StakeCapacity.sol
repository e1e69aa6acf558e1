// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { IOperatorRegistrar } from "../interfaces/IOperatorRegistrar.sol";
import { IStakeCapacity } from "../interfaces/IStakeCapacity.sol";
import { ISupernetRegistry } from "../interfaces/ISupernetRegistry.sol";
import { IAllocationManager, IDelegationManager, OperatorSet } from "../interfaces/eigenlayer/IEigenLayerCore.sol";
import { SkipReason } from "../types/Market.sol";
import { Capacity, OperatorRecord } from "../types/Registration.sol";
import { StakeTerms, StrategyWeight, Windows } from "../types/Supernet.sol";

contract StakeCapacity is IStakeCapacity {
    uint256 private constant WAD = 1e18;
    /// @dev Buckets that the longest reservation spans, so that a lazy release has bounded work.
    uint64 private constant BUCKETS = 64;

    /// @param cursor First bucket that is not released yet.
    struct Ledger {
        uint64 total;
        uint64 syncedAt;
        uint64 reserved;
        uint64 cursor;
    }

    ISupernetRegistry public immutable registry;
    IOperatorRegistrar public immutable registrar;
    IAllocationManager public immutable allocations;
    IDelegationManager public immutable delegations;
    address public immutable account;
    address public immutable auctionBook;
    /// @inheritdoc IStakeCapacity
    uint64 public immutable bucketBlocks;
    uint64 private immutable _coreWindow;

    mapping(uint32 supernet => mapping(address operator => Ledger)) private _ledgers;
    /// @dev Units by the bucket in which they expire. What lies below the ledger's cursor counts no more.
    mapping(uint32 supernet => mapping(address operator => mapping(uint64 bucket => uint64))) private _expiring;

    constructor(
        ISupernetRegistry registry_,
        IOperatorRegistrar registrar_,
        address account_,
        IAllocationManager allocations_,
        IDelegationManager delegations_,
        address auctionBook_
    ) {
        registry = registry_;
        registrar = registrar_;
        account = account_;
        allocations = allocations_;
        delegations = delegations_;
        auctionBook = auctionBook_;
        _coreWindow = registry_.coreWindow();
        bucketBlocks = _coreWindow / BUCKETS + 1;
    }

    modifier onlyAuctionBook() {
        if (msg.sender != auctionBook) revert NotAuctionBook(msg.sender);
        _;
    }

    /// @inheritdoc IStakeCapacity
    function syncCapacity(uint32 supernet, address operator) external returns (uint64 units) {
        StakeTerms memory terms = registry.stakeTerms(supernet);
        OperatorRecord memory record = registrar.operatorRecord(supernet, operator);
        // The core's view forgets that a deregistered operator's window ends; the registrar's record does not.
        // Nor does a shortened delay of the core let stake go unnoticed: no capacity then, until this is replaced.
        bool holds =
            allocations.DEALLOCATION_DELAY() >= _coreWindow && delegations.minWithdrawalDelayBlocks() >= _coreWindow;
        bool counts = record.registered && !record.leaving && holds;
        uint256 stake = counts ? slashableStake(supernet, operator) : 0;
        if (stake >= terms.minStake) {
            uint256 covered = stake / terms.slashWeiPerUnit;
            units = covered > type(uint64).max ? type(uint64).max : uint64(covered);
        }

        Ledger storage ledger = _ledgers[supernet][operator];
        uint64 reserved = _releaseExpired(ledger, supernet, operator);
        ledger.total = units;
        ledger.syncedAt = uint64(block.number);
        emit CapacitySynced(supernet, operator, stake, units);
        if (units < reserved) emit CapacityBelowReserved(supernet, operator, units, reserved);
    }

    /// @inheritdoc IStakeCapacity
    function reserve(uint32 supernet, address operator, uint64 units, uint64 acceptBlocks, uint64 provingBlocks)
        external
        onlyAuctionBook
        returns (SkipReason reason, uint64 expiryBlock)
    {
        Windows memory w = registry.windows(supernet);
        if (acceptBlocks > w.maxAccept || provingBlocks > w.maxProving) return (SkipReason.WindowTooLong, 0);
        uint64 lifetime = acceptBlocks + provingBlocks + w.report + w.answer + w.margin;
        // The stake was slashable for the core's window at the sync, which may be `capacityFresh` blocks old.
        if (uint256(lifetime) + w.capacityFresh > _coreWindow) return (SkipReason.WindowTooLong, 0);

        Ledger storage ledger = _ledgers[supernet][operator];
        if (!_isFresh(supernet, ledger.syncedAt, w.capacityFresh)) return (SkipReason.CapacityStale, 0);
        uint64 reserved = _releaseExpired(ledger, supernet, operator);
        if (uint256(reserved) + units > ledger.total) return (SkipReason.CapacityExceeded, 0);

        expiryBlock = uint64(block.number) + lifetime;
        ledger.reserved = reserved + units;
        _expiring[supernet][operator][expiryBlock / bucketBlocks] += units;
    }

    /// @inheritdoc IStakeCapacity
    function release(uint32 supernet, address operator, uint64 units, uint64 expiryBlock) external onlyAuctionBook {
        Ledger storage ledger = _ledgers[supernet][operator];
        uint64 reserved = _releaseExpired(ledger, supernet, operator);
        uint64 bucket = expiryBlock / bucketBlocks;
        if (bucket < ledger.cursor) return;
        _expiring[supernet][operator][bucket] -= units;
        ledger.reserved = reserved - units;
    }

    /// @inheritdoc IStakeCapacity
    function invalidate(uint32 supernet, address operator) external onlyAuctionBook {
        Ledger storage ledger = _ledgers[supernet][operator];
        ledger.total = 0;
        ledger.syncedAt = 0;
        emit CapacityInvalidated(supernet, operator);
    }

    /// @inheritdoc IStakeCapacity
    function capacity(uint32 supernet, address operator) external view returns (Capacity memory) {
        Ledger memory ledger = _ledgers[supernet][operator];
        (uint64 reserved,) = _unexpired(ledger, supernet, operator);
        return Capacity({
            total: ledger.total,
            reserved: reserved,
            free: ledger.total > reserved ? ledger.total - reserved : 0,
            syncedAt: ledger.syncedAt,
            fresh: _isFresh(supernet, ledger.syncedAt, registry.windows(supernet).capacityFresh)
        });
    }

    /// @inheritdoc IStakeCapacity
    /// @dev The core's figure leaves out queued withdrawals and, up to the block given, pending deallocations. What
    /// starts to leave later stays slashable for the core's window, which bounds the life of a reservation.
    function slashableStake(uint32 supernet, address operator) public view returns (uint256 stake) {
        StrategyWeight[] memory weights = countedStrategies(supernet);
        address[] memory operators = new address[](1);
        operators[0] = operator;
        address[] memory strategies = new address[](weights.length);
        for (uint256 i; i < weights.length; ++i) {
            strategies[i] = weights[i].strategy;
        }
        uint32 horizon = uint32(block.number + _coreWindow);
        uint256[] memory shares =
            allocations.getMinimumSlashableStake(OperatorSet(account, supernet), operators, strategies, horizon)[0];
        for (uint256 i; i < weights.length; ++i) {
            stake += Math.mulDiv(shares[i], weights[i].weight, WAD);
        }
    }

    /// @inheritdoc IStakeCapacity
    function stakeAtRisk(uint32 supernet, address operator) external view returns (uint256 stake) {
        StrategyWeight[] memory weights = countedStrategies(supernet);
        OperatorSet memory set = OperatorSet(account, supernet);
        for (uint256 i; i < weights.length; ++i) {
            address strategy = weights[i].strategy;
            uint256 most = allocations.getMaxMagnitude(operator, strategy);
            if (most == 0) continue;
            uint256 current = allocations.getAllocation(operator, set, strategy).currentMagnitude;
            uint256 shares = delegations.operatorShares(operator, strategy)
                + delegations.getSlashableSharesInQueue(operator, strategy);
            stake += Math.mulDiv(Math.mulDiv(shares, current, most), weights[i].weight, WAD);
        }
    }

    /// @inheritdoc IStakeCapacity
    /// @dev The core counts allocations to strategies outside of the set as stake, but refuses to slash them.
    function countedStrategies(uint32 supernet) public view returns (StrategyWeight[] memory counted) {
        StrategyWeight[] memory weights = registry.strategies(supernet);
        address[] memory inSet = allocations.getStrategiesInOperatorSet(OperatorSet(account, supernet));
        counted = new StrategyWeight[](weights.length);
        uint256 count;
        for (uint256 i; i < weights.length; ++i) {
            for (uint256 j; j < inSet.length; ++j) {
                if (inSet[j] == weights[i].strategy) counted[count++] = weights[i];
            }
        }
        // The order stays: the core wants strategies ascending.
        assembly ("memory-safe") {
            mstore(counted, count)
        }
    }

    /// @dev Units that were counted with an earlier configuration are no measure for this one.
    function _isFresh(uint32 supernet, uint64 syncedAt, uint32 freshBlocks) private view returns (bool) {
        return syncedAt > registry.configuredAt(supernet) && block.number <= uint256(syncedAt) + freshBlocks;
    }

    function _releaseExpired(Ledger storage ledger, uint32 supernet, address operator)
        private
        returns (uint64 reserved)
    {
        uint64 cursor;
        (reserved, cursor) = _unexpired(ledger, supernet, operator);
        ledger.reserved = reserved;
        ledger.cursor = cursor;
    }

    /// @dev Units reserved at the current block, and the bucket of the current block. Every reservation was made at or
    /// before the cursor's bucket and lives at most the core's window, so that beyond it nothing is left.
    function _unexpired(Ledger memory ledger, uint32 supernet, address operator)
        private
        view
        returns (uint64 reserved, uint64 current)
    {
        current = uint64(block.number) / bucketBlocks;
        reserved = ledger.reserved;
        if (reserved == 0) return (0, current);
        if (current > ledger.cursor + BUCKETS + 1) return (0, current);
        for (uint64 bucket = ledger.cursor; bucket < current; ++bucket) {
            reserved -= _expiring[supernet][operator][bucket];
        }
    }
}
