// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IFeeEscrow } from "../interfaces/IFeeEscrow.sol";
import { ISupernetRegistry } from "../interfaces/ISupernetRegistry.sol";
import { SkipReason } from "../types/Market.sol";
import { AccountState, Bond, FeeAccount } from "../types/Money.sol";
import { Prices } from "../types/Supernet.sol";
import { Payouts } from "./Payouts.sol";

contract FeeEscrow is IFeeEscrow, Payouts {
    uint256 private constant BPS = 10_000;

    ISupernetRegistry public immutable registry;
    address public immutable queryRequests;
    address public immutable auctionBook;

    mapping(bytes32 requestId => FeeAccount) private _accounts;
    mapping(uint32 supernet => Bond) private _bonds;

    constructor(ISupernetRegistry registry_, address queryRequests_, address auctionBook_) {
        registry = registry_;
        queryRequests = queryRequests_;
        auctionBook = auctionBook_;
    }

    modifier onlyQueryRequests() {
        if (msg.sender != queryRequests) revert NotQueryRequests(msg.sender);
        _;
    }

    modifier onlyAuctionBook() {
        if (msg.sender != auctionBook) revert NotAuctionBook(msg.sender);
        _;
    }

    // Requests

    /// @inheritdoc IFeeEscrow
    function lock(
        bytes32 requestId,
        uint32 supernet,
        address refundTo,
        uint64 deadline,
        uint128 reserve,
        uint128 baseFee
    ) external payable onlyQueryRequests {
        FeeAccount storage account_ = _accounts[requestId];
        if (account_.state != AccountState.None) revert AccountExists(requestId);
        uint256 held = uint256(reserve) + baseFee;
        if (msg.value < held) revert FeeTooLow(msg.value, held);
        account_.uncommitted = _wei(msg.value - held);
        account_.reserve = reserve;
        account_.baseFee = baseFee;
        account_.deadline = deadline;
        account_.refundTo = refundTo;
        account_.supernet = supernet;
        account_.state = AccountState.Open;
        emit Locked(requestId, supernet, msg.value, reserve, baseFee);
    }

    /// @inheritdoc IFeeEscrow
    function settle(bytes32 requestId) external onlyQueryRequests nonReentrant {
        FeeAccount storage account_ = _open(requestId);
        uint32 supernet = account_.supernet;
        Prices memory prices = registry.prices(supernet);
        uint128 baseFee = account_.baseFee;
        uint256 gatewayShare = uint256(baseFee) * prices.gatewayShareBps / BPS;
        uint256 protocolShare = uint256(baseFee) * prices.protocolShareBps / BPS;
        uint256 back = uint256(account_.uncommitted) + baseFee - gatewayShare - protocolShare;

        account_.uncommitted = 0;
        account_.baseFee = 0;
        // From here on the fee itself covers the awards.
        _bonds[supernet].committed -= account_.committed + account_.delivered;
        uint64 claimUntil = _end(account_, AccountState.Settled);
        emit Ended(requestId, true, back, claimUntil);

        _pay(registry.gateway(supernet).owner, gatewayShare);
        _pay(prices.treasury, protocolShare);
        _pay(account_.refundTo, back);
    }

    /// @inheritdoc IFeeEscrow
    function reimburse(bytes32 requestId, address settler, uint256 amount) external onlyQueryRequests nonReentrant {
        FeeAccount storage account_ = _accounts[requestId];
        if (account_.state != AccountState.Settled) revert AccountNotEnded(requestId);
        uint256 reserve = account_.reserve;
        account_.reserve = 0;
        if (amount > reserve) amount = reserve;
        emit Reimbursed(requestId, settler, amount);
        _pay(settler, amount);
        _pay(account_.refundTo, reserve - amount);
    }

    /// @inheritdoc IFeeEscrow
    function refund(bytes32 requestId) external onlyQueryRequests nonReentrant {
        FeeAccount storage account_ = _open(requestId);
        // The whole fee: what awards took is owed by the bond now, where it stays counted.
        uint256 back = uint256(account_.uncommitted) + account_.committed + account_.delivered + account_.reserve
            + account_.baseFee;
        account_.uncommitted = 0;
        account_.reserve = 0;
        account_.baseFee = 0;
        uint64 claimUntil = _end(account_, AccountState.Refunded);
        emit Ended(requestId, false, back, claimUntil);
        _pay(account_.refundTo, back);
    }

    // Awards

    /// @inheritdoc IFeeEscrow
    function commit(bytes32 requestId, uint32 supernet, uint128 price)
        external
        onlyAuctionBook
        returns (SkipReason reason)
    {
        FeeAccount storage account_ = _accounts[requestId];
        if (account_.state != AccountState.Open || account_.supernet != supernet || block.number > account_.deadline) {
            return SkipReason.RequestNotOpen;
        }
        if (price > account_.uncommitted) return SkipReason.FeeExceeded;
        Bond storage bond_ = _bonds[supernet];
        if (uint256(bond_.committed) + bond_.withdrawing + price > bond_.balance) return SkipReason.BondExceeded;

        account_.uncommitted -= price;
        account_.committed += price;
        bond_.committed += price;
        emit Committed(requestId, price);
    }

    /// @inheritdoc IFeeEscrow
    function deliver(bytes32 requestId, uint128 price) external onlyAuctionBook returns (bool payable_) {
        FeeAccount storage account_ = _accounts[requestId];
        if (account_.state != AccountState.Open && block.number > account_.claimUntil) return false;
        account_.committed -= price;
        account_.delivered += price;
        return true;
    }

    /// @inheritdoc IFeeEscrow
    function release(bytes32 requestId, uint128 price) external onlyAuctionBook nonReentrant {
        FeeAccount storage account_ = _accounts[requestId];
        // Swept: it is where it belongs already.
        if (account_.committed < price) return;
        account_.committed -= price;
        emit Released(requestId, price);
        if (account_.state == AccountState.Settled) {
            _pay(account_.refundTo, price);
            return;
        }
        _bonds[account_.supernet].committed -= price;
        if (account_.state == AccountState.Open) account_.uncommitted += price;
    }

    /// @inheritdoc IFeeEscrow
    function payAward(bytes32 requestId, uint128 price, address operator) external onlyAuctionBook nonReentrant {
        FeeAccount storage account_ = _accounts[requestId];
        bool fromBond = account_.state == AccountState.Refunded;
        if (!fromBond && account_.state != AccountState.Settled) revert AccountNotEnded(requestId);
        account_.delivered -= price;
        if (fromBond) {
            Bond storage bond_ = _bonds[account_.supernet];
            bond_.committed -= price;
            bond_.balance -= price;
        }
        emit AwardPaid(requestId, operator, price, fromBond);
        _pay(operator, price);
    }

    /// @inheritdoc IFeeEscrow
    function sweep(bytes32 requestId) external nonReentrant {
        FeeAccount storage account_ = _accounts[requestId];
        AccountState state = account_.state;
        if (state != AccountState.Settled && state != AccountState.Refunded) revert AccountNotEnded(requestId);
        if (block.number <= account_.claimUntil) revert ClaimWindowOpen(requestId, account_.claimUntil);
        uint128 amount = account_.committed;
        account_.committed = 0;
        emit Swept(requestId, amount);
        if (state == AccountState.Refunded) _bonds[account_.supernet].committed -= amount;
        else _pay(account_.refundTo, amount);
    }

    // Bonds

    /// @inheritdoc IFeeEscrow
    function depositBond(uint32 supernet) external payable {
        if (!registry.exists(supernet)) revert SupernetUnknown(supernet);
        _bonds[supernet].balance += _wei(msg.value);
        emit BondDeposited(supernet, msg.sender, msg.value);
    }

    /// @inheritdoc IFeeEscrow
    function announceBondWithdrawal(uint32 supernet, uint128 amount) external {
        _onlyGatewayOwner(supernet);
        Bond storage bond_ = _bonds[supernet];
        if (amount > bond_.balance) revert BondTooLow(bond_.balance, amount);
        bond_.withdrawing = amount;
        bond_.withdrawableAt = uint64(block.number) + registry.changeDelay();
        emit BondWithdrawalAnnounced(supernet, amount, bond_.withdrawableAt);
    }

    /// @inheritdoc IFeeEscrow
    function withdrawBond(uint32 supernet) external nonReentrant {
        address owner = _onlyGatewayOwner(supernet);
        Bond storage bond_ = _bonds[supernet];
        uint128 amount = bond_.withdrawing;
        if (amount == 0) revert WithdrawalNotAnnounced(supernet);
        if (block.number < bond_.withdrawableAt) revert WithdrawalTooEarly(bond_.withdrawableAt);
        if (uint256(bond_.committed) + amount > bond_.balance) {
            revert BondCommitted(bond_.balance, amount, bond_.committed);
        }
        bond_.withdrawing = 0;
        bond_.balance -= amount;
        emit BondWithdrawn(supernet, owner, amount);
        _send(owner, amount);
    }

    // Views

    /// @inheritdoc IFeeEscrow
    function committedOf(bytes32 requestId) external view returns (uint256) {
        FeeAccount storage account_ = _accounts[requestId];
        return uint256(account_.committed) + account_.delivered;
    }

    /// @inheritdoc IFeeEscrow
    function account(bytes32 requestId) external view returns (FeeAccount memory) {
        return _accounts[requestId];
    }

    /// @inheritdoc IFeeEscrow
    function bond(uint32 supernet) external view returns (Bond memory) {
        return _bonds[supernet];
    }

    function _open(bytes32 requestId) private view returns (FeeAccount storage account_) {
        account_ = _accounts[requestId];
        if (account_.state != AccountState.Open) revert AccountNotOpen(requestId);
    }

    function _end(FeeAccount storage account_, AccountState state) private returns (uint64 claimUntil) {
        claimUntil = uint64(block.number) + registry.windows(account_.supernet).claim;
        account_.claimUntil = claimUntil;
        account_.state = state;
    }

    function _onlyGatewayOwner(uint32 supernet) private view returns (address owner) {
        owner = registry.gateway(supernet).owner;
        if (msg.sender != owner) revert NotGatewayOwner(supernet, msg.sender, owner);
    }

    function _wei(uint256 amount) private pure returns (uint128) {
        if (amount > type(uint128).max) revert AmountTooLarge(amount);
        return uint128(amount);
    }
}
