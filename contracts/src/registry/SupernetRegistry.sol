// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";
import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { ISupernetRegistry } from "../interfaces/ISupernetRegistry.sol";
import { IAllocationManager, IDelegationManager } from "../interfaces/eigenlayer/IEigenLayerCore.sol";
import { Gateway, Prices, StakeTerms, StrategyWeight, SupernetConfig, Windows } from "../types/Supernet.sol";

contract SupernetRegistry is ISupernetRegistry, Ownable2Step, EIP712 {
    uint256 private constant BPS = 10_000;
    uint256 private constant MOST_STRATEGIES = 16;
    uint256 private constant MOST_VERIFIERS = 32;
    /// @dev A settlement must fit into a block whatever the callback asks for.
    uint256 private constant MOST_SETTLEMENT_GAS = 10_000_000;

    struct Announcement {
        bytes32 configHash;
        uint64 applicableAt;
    }

    /// @inheritdoc ISupernetRegistry
    uint64 public immutable changeDelay;
    /// @inheritdoc ISupernetRegistry
    uint64 public immutable coreWindow;

    mapping(uint32 supernet => SupernetConfig) private _configs;
    mapping(uint32 supernet => Gateway) private _gateways;
    mapping(uint32 supernet => Announcement) private _announcements;
    /// @inheritdoc ISupernetRegistry
    mapping(uint32 supernet => mapping(uint64 epoch => address)) public gatewayKey;
    /// @inheritdoc ISupernetRegistry
    mapping(uint32 supernet => bool) public isPaused;
    /// @inheritdoc ISupernetRegistry
    mapping(uint32 supernet => uint64) public configuredAt;

    /// @param notice Blocks beyond the core's delays that a change is announced ahead: time to read it.
    constructor(address owner_, IAllocationManager allocations, IDelegationManager delegations, uint64 notice)
        Ownable(owner_)
        EIP712("Gavel", "1")
    {
        uint64 deallocation = allocations.DEALLOCATION_DELAY();
        uint64 withdrawal = delegations.minWithdrawalDelayBlocks();
        // Who reacts in the next block is out one block after the delay.
        changeDelay = (deallocation > withdrawal ? deallocation : withdrawal) + 2 + notice;
        coreWindow = deallocation < withdrawal ? deallocation : withdrawal;
    }

    modifier onlyKnown(uint32 supernet) {
        if (!exists(supernet)) revert SupernetUnknown(supernet);
        _;
    }

    /// @inheritdoc ISupernetRegistry
    function openSupernet(uint32 supernet, SupernetConfig calldata config_, address gatewayOwner, address gatewayKey_)
        external
        onlyOwner
    {
        if (supernet == 0) revert SupernetZero();
        if (exists(supernet)) revert SupernetExists(supernet);
        if (gatewayOwner == address(0)) revert GatewayZero(gatewayOwner, gatewayKey_);
        _check(config_);
        _gateways[supernet].owner = gatewayOwner;
        _store(supernet, config_);
        emit SupernetOpened(supernet, gatewayOwner, config_);
        _startEpoch(supernet, gatewayKey_);
    }

    /// @inheritdoc ISupernetRegistry
    function announceConfig(uint32 supernet, SupernetConfig calldata config_) external onlyOwner onlyKnown(supernet) {
        _check(config_);
        bytes32 configHash = keccak256(abi.encode(config_));
        uint64 applicableAt = uint64(block.number) + changeDelay;
        _announcements[supernet] = Announcement(configHash, applicableAt);
        emit ConfigAnnounced(supernet, configHash, applicableAt, config_);
    }

    /// @inheritdoc ISupernetRegistry
    function cancelConfig(uint32 supernet) external onlyOwner {
        bytes32 configHash = _announcements[supernet].configHash;
        if (configHash == 0) revert ConfigNotAnnounced(supernet, configHash);
        delete _announcements[supernet];
        emit ConfigCancelled(supernet, configHash);
    }

    /// @inheritdoc ISupernetRegistry
    function applyConfig(uint32 supernet, SupernetConfig calldata config_) external {
        bytes32 configHash = keccak256(abi.encode(config_));
        Announcement memory announced = _announcements[supernet];
        if (announced.configHash != configHash) revert ConfigNotAnnounced(supernet, configHash);
        if (block.number < announced.applicableAt) revert ConfigTooEarly(supernet, announced.applicableAt);
        delete _announcements[supernet];
        _store(supernet, config_);
        configuredAt[supernet] = uint64(block.number);
        emit ConfigApplied(supernet, configHash);
    }

    /// @inheritdoc ISupernetRegistry
    function startGatewayEpoch(uint32 supernet, address key) external onlyKnown(supernet) {
        address gatewayOwner = _gateways[supernet].owner;
        if (msg.sender != gatewayOwner) revert NotGatewayOwner(supernet, msg.sender, gatewayOwner);
        _startEpoch(supernet, key);
    }

    /// @inheritdoc ISupernetRegistry
    function setPaused(uint32 supernet, bool paused) external onlyOwner onlyKnown(supernet) {
        isPaused[supernet] = paused;
        emit PausedSet(supernet, paused);
    }

    /// @inheritdoc ISupernetRegistry
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc ISupernetRegistry
    function exists(uint32 supernet) public view returns (bool) {
        return _gateways[supernet].owner != address(0);
    }

    /// @inheritdoc ISupernetRegistry
    function gateway(uint32 supernet) external view onlyKnown(supernet) returns (Gateway memory) {
        return _gateways[supernet];
    }

    /// @inheritdoc ISupernetRegistry
    function config(uint32 supernet) external view onlyKnown(supernet) returns (SupernetConfig memory) {
        return _configs[supernet];
    }

    /// @inheritdoc ISupernetRegistry
    function prices(uint32 supernet) external view onlyKnown(supernet) returns (Prices memory) {
        return _configs[supernet].prices;
    }

    /// @inheritdoc ISupernetRegistry
    function windows(uint32 supernet) external view onlyKnown(supernet) returns (Windows memory) {
        return _configs[supernet].windows;
    }

    /// @inheritdoc ISupernetRegistry
    function stakeTerms(uint32 supernet) external view onlyKnown(supernet) returns (StakeTerms memory) {
        return _configs[supernet].stake;
    }

    /// @inheritdoc ISupernetRegistry
    function strategies(uint32 supernet) external view onlyKnown(supernet) returns (StrategyWeight[] memory) {
        return _configs[supernet].strategies;
    }

    /// @inheritdoc ISupernetRegistry
    function hasOpenAdmission(uint32 supernet) external view onlyKnown(supernet) returns (bool) {
        return _configs[supernet].openAdmission;
    }

    /// @inheritdoc ISupernetRegistry
    function isVerifierListed(uint32 supernet, bytes32 verifierId) external view returns (bool) {
        bytes32[] storage ids = _configs[supernet].verifierIds;
        for (uint256 i; i < ids.length; ++i) {
            if (ids[i] == verifierId) return true;
        }
        return false;
    }

    /// @inheritdoc ISupernetRegistry
    function owner() public view override(ISupernetRegistry, Ownable) returns (address) {
        return super.owner();
    }

    function _startEpoch(uint32 supernet, address key) private {
        Gateway storage gateway_ = _gateways[supernet];
        if (key == address(0)) revert GatewayZero(gateway_.owner, key);
        uint64 epoch = gateway_.epoch + 1;
        gateway_.key = key;
        gateway_.epoch = epoch;
        gateway_.validFrom = uint64(block.number);
        gatewayKey[supernet][epoch] = key;
        emit GatewayEpochStarted(supernet, epoch, key, uint64(block.number));
    }

    function _store(uint32 supernet, SupernetConfig calldata config_) private {
        SupernetConfig storage stored = _configs[supernet];
        stored.prices = config_.prices;
        stored.windows = config_.windows;
        stored.stake = config_.stake;
        stored.openAdmission = config_.openAdmission;
        stored.unitsTable = config_.unitsTable;
        stored.verifierIds = config_.verifierIds;
        delete stored.strategies;
        for (uint256 i; i < config_.strategies.length; ++i) {
            stored.strategies.push(config_.strategies[i]);
        }
    }

    function _check(SupernetConfig calldata config_) private view {
        Prices calldata prices_ = config_.prices;
        uint256 shares = uint256(prices_.gatewayShareBps) + prices_.protocolShareBps;
        if (shares > BPS) revert SharesTooLarge(prices_.gatewayShareBps, prices_.protocolShareBps);
        if (prices_.protocolShareBps != 0 && prices_.treasury == address(0)) revert TreasuryZero();
        // 96 bits: the price of 2^32 units fits into the 128 bits of an award.
        if (prices_.maxPriceWeiPerUnit == 0 || prices_.maxPriceWeiPerUnit > type(uint96).max) {
            revert PriceOutOfRange(prices_.maxPriceWeiPerUnit);
        }
        uint256 settlementGas = uint256(prices_.maxCallbackGas) + prices_.settleGas;
        if (settlementGas > MOST_SETTLEMENT_GAS) revert SettlementGasTooHigh(settlementGas, MOST_SETTLEMENT_GAS);

        _check(config_.windows);
        if (config_.stake.slashWeiPerUnit == 0) revert SlashPerUnitZero();
        // A free report would cost its reporter nothing and the operator an answer.
        if (config_.stake.reportDeposit == 0) revert ReportDepositZero();

        StrategyWeight[] calldata weights = config_.strategies;
        if (weights.length == 0) revert StrategiesEmpty();
        if (weights.length > MOST_STRATEGIES) revert TooMany(weights.length, MOST_STRATEGIES);
        address previous = address(0);
        for (uint256 i; i < weights.length; ++i) {
            if (weights[i].strategy <= previous) revert StrategiesNotAscending(previous, weights[i].strategy);
            if (weights[i].weight == 0) revert WeightZero(weights[i].strategy);
            previous = weights[i].strategy;
        }
        if (config_.verifierIds.length > MOST_VERIFIERS) revert TooMany(config_.verifierIds.length, MOST_VERIFIERS);
    }

    function _check(Windows calldata w) private view {
        if (
            w.minDeadline == 0 || w.maxRange == 0 || w.maxAccept == 0 || w.maxProving == 0 || w.report == 0
                || w.answer == 0 || w.margin == 0 || w.capacityFresh == 0
        ) revert WindowZero();
        // Stake that starts to leave right after a sync stays slashable for `coreWindow` blocks; the oldest award that
        // relies on that sync can be slashed for so long:
        uint256 longest = uint256(w.capacityFresh) + w.maxAccept + w.maxProving + w.report + w.answer + w.margin;
        if (longest > coreWindow) revert WindowsTooLong(longest, coreWindow);
        uint256 work = uint256(w.maxAccept) + w.maxProving;
        if (w.claim < work) revert ClaimWindowTooShort(w.claim, work);
    }
}
