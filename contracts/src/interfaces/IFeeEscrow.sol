// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Bond, FeeAccount } from "../types/Money.sol";
import { SkipReason } from "../types/Market.sol";
import { IPayouts } from "./IPayouts.sol";

/// @title Fees of requests and bonds of gateways
/// @notice Holds ETH only. What it owes is never more than what it holds: accounts + bonds + credits. Whoever cannot
/// be paid directly gets a credit, so that no recipient can block anybody else's money.
interface IFeeEscrow is IPayouts {
    event Locked(bytes32 indexed requestId, uint32 indexed supernet, uint256 fee, uint256 reserve, uint256 baseFee);
    event Committed(bytes32 indexed requestId, uint256 price);
    event Released(bytes32 indexed requestId, uint256 price);
    event Ended(bytes32 indexed requestId, bool settled, uint256 refund, uint64 claimUntil);
    event AwardPaid(bytes32 indexed requestId, address indexed operator, uint256 price, bool fromBond);
    event Swept(bytes32 indexed requestId, uint256 amount);
    event Reimbursed(bytes32 indexed requestId, address indexed settler, uint256 amount);
    event BondDeposited(uint32 indexed supernet, address indexed from, uint256 amount);
    event BondWithdrawalAnnounced(uint32 indexed supernet, uint256 amount, uint64 withdrawableAt);
    event BondWithdrawn(uint32 indexed supernet, address indexed to, uint256 amount);

    error NotQueryRequests(address caller);
    error NotAuctionBook(address caller);
    error AccountExists(bytes32 requestId);
    error AccountNotOpen(bytes32 requestId);
    error AccountNotEnded(bytes32 requestId);
    error FeeTooLow(uint256 fee, uint256 needed);
    error ClaimWindowOpen(bytes32 requestId, uint64 claimUntil);
    error SupernetUnknown(uint32 supernet);
    error NotGatewayOwner(uint32 supernet, address caller, address owner);
    error BondTooLow(uint256 balance, uint256 wanted);
    error WithdrawalNotAnnounced(uint32 supernet);
    error WithdrawalTooEarly(uint64 withdrawableAt);
    error BondCommitted(uint256 balance, uint256 withdrawing, uint256 committed);
    error AmountTooLarge(uint256 amount);

    /// @notice Opens the account of a request with the fee sent. QueryRequests only.
    function lock(
        bytes32 requestId,
        uint32 supernet,
        address refundTo,
        uint64 deadline,
        uint128 reserve,
        uint128 baseFee
    ) external payable;

    /// @notice Ends an account as settled: pays the shares, gives back what no award has taken. QueryRequests only.
    function settle(bytes32 requestId) external;

    /// @notice Pays the settler from the reserve and gives back the rest of it. QueryRequests only, after {settle}.
    function reimburse(bytes32 requestId, address settler, uint256 amount) external;

    /// @notice Ends an account without a result: the whole fee goes back. QueryRequests only.
    function refund(bytes32 requestId) external;

    /// @notice Takes an award's price from the uncommitted fee, covered by the bond. AuctionBook only.
    /// @return reason `None` when committed.
    function commit(bytes32 requestId, uint32 supernet, uint128 price) external returns (SkipReason reason);

    /// @notice Marks a price as delivered, so that it does not lapse. AuctionBook only.
    /// @return payable_ False when the claim window has passed and the money went back.
    function deliver(bytes32 requestId, uint128 price) external returns (bool payable_);

    /// @notice Gives back the price of an award that was struck or slashed. AuctionBook only.
    function release(bytes32 requestId, uint128 price) external;

    /// @notice Pays a delivered award of a request that has ended: from its fee when settled, else from the bond.
    /// AuctionBook only.
    function payAward(bytes32 requestId, uint128 price, address operator) external;

    /// @notice Gives back what awards never shown as delivered still hold, after the claim window. Anyone.
    function sweep(bytes32 requestId) external;

    /// @notice Adds to the gateway's bond. Anyone.
    function depositBond(uint32 supernet) external payable;

    /// @notice Announces a withdrawal of the bond (replaces an earlier one; zero cancels). The amount covers no new
    /// award from now on. Gateway owner only.
    function announceBondWithdrawal(uint32 supernet, uint128 amount) external;

    /// @notice Withdraws what was announced, to the gateway owner. Gateway owner only.
    function withdrawBond(uint32 supernet) external;

    /// @notice Zero while nothing is committed: whether the requester may cancel.
    function committedOf(bytes32 requestId) external view returns (uint256);

    function account(bytes32 requestId) external view returns (FeeAccount memory);
    function bond(uint32 supernet) external view returns (Bond memory);
}
