// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Gateway, Prices, StakeTerms, StrategyWeight, SupernetConfig, Windows } from "../types/Supernet.sol";

/// @title Supernets, their configuration and their gateways
/// @notice Never replaced: it is the `verifyingContract` of every signed message. A configuration changes by
/// announcement and a delay longer than both delays of the EigenLayer core, so that nobody's stake is bound by terms
/// that they had no time to leave.
interface ISupernetRegistry {
    event SupernetOpened(uint32 indexed supernet, address indexed gatewayOwner, SupernetConfig config);
    event ConfigAnnounced(
        uint32 indexed supernet, bytes32 indexed configHash, uint64 applicableAt, SupernetConfig config
    );
    event ConfigCancelled(uint32 indexed supernet, bytes32 indexed configHash);
    event ConfigApplied(uint32 indexed supernet, bytes32 indexed configHash);
    event GatewayEpochStarted(uint32 indexed supernet, uint64 indexed epoch, address key, uint64 validFrom);
    event PausedSet(uint32 indexed supernet, bool paused);

    error SupernetExists(uint32 supernet);
    error SupernetUnknown(uint32 supernet);
    error SupernetZero();
    error GatewayZero(address owner, address key);
    error NotGatewayOwner(uint32 supernet, address caller, address owner);
    error SharesTooLarge(uint256 gatewayShareBps, uint256 protocolShareBps);
    error TreasuryZero();
    error PriceOutOfRange(uint256 maxPriceWeiPerUnit);
    error SettlementGasTooHigh(uint256 gas, uint256 most);
    error WindowsTooLong(uint256 blocks, uint256 coreWindow);
    error WindowZero();
    error ClaimWindowTooShort(uint256 claim, uint256 needed);
    error SlashPerUnitZero();
    error ReportDepositZero();
    error StrategiesEmpty();
    error StrategiesNotAscending(address previous, address next);
    error WeightZero(address strategy);
    error TooMany(uint256 got, uint256 most);
    error ConfigNotAnnounced(uint32 supernet, bytes32 configHash);
    error ConfigTooEarly(uint32 supernet, uint64 applicableAt);

    /// @notice Opens a supernet. `supernet` is also the number of its EigenLayer operator set. Owner only.
    function openSupernet(uint32 supernet, SupernetConfig calldata config, address gatewayOwner, address gatewayKey)
        external;

    /// @notice Announces a new configuration; a later announcement replaces it. Owner only.
    function announceConfig(uint32 supernet, SupernetConfig calldata config) external;

    /// @notice Withdraws the announced configuration. Owner only.
    function cancelConfig(uint32 supernet) external;

    /// @notice Puts the announced configuration in force once its delay has passed. Anyone.
    function applyConfig(uint32 supernet, SupernetConfig calldata config) external;

    /// @notice Starts a new epoch with a new key, valid at once. Messages of older epochs stay verifiable with the
    /// keys of those epochs. Gateway owner only.
    function startGatewayEpoch(uint32 supernet, address key) external;

    /// @notice Stops new requests and new awards, and nothing else. Owner only.
    function setPaused(uint32 supernet, bool paused) external;

    /// @notice Blocks between announcement and application.
    function changeDelay() external view returns (uint64);

    /// @notice The shorter of DEALLOCATION_DELAY and MIN_WITHDRAWAL_DELAY: how long stake that leaves stays slashable.
    function coreWindow() external view returns (uint64);

    /// @notice EIP-712 domain separator of every signed message.
    function domainSeparator() external view returns (bytes32);

    /// @notice Block of the last applied change of configuration; zero when it is still the first.
    function configuredAt(uint32 supernet) external view returns (uint64);

    function exists(uint32 supernet) external view returns (bool);
    function isPaused(uint32 supernet) external view returns (bool);
    function gateway(uint32 supernet) external view returns (Gateway memory);

    /// @notice Key of an epoch; zero when there was no such epoch.
    function gatewayKey(uint32 supernet, uint64 epoch) external view returns (address);

    function config(uint32 supernet) external view returns (SupernetConfig memory);
    function prices(uint32 supernet) external view returns (Prices memory);
    function windows(uint32 supernet) external view returns (Windows memory);
    function stakeTerms(uint32 supernet) external view returns (StakeTerms memory);
    function strategies(uint32 supernet) external view returns (StrategyWeight[] memory);
    function hasOpenAdmission(uint32 supernet) external view returns (bool);
    function isVerifierListed(uint32 supernet, bytes32 verifierId) external view returns (bool);

    /// @notice Owner of the configuration.
    function owner() external view returns (address);
}
