// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAuctionBook } from "../interfaces/IAuctionBook.sol";
import { IAvsAccount } from "../interfaces/IAvsAccount.sol";
import { IFeeEscrow } from "../interfaces/IFeeEscrow.sol";
import { IOperatorRegistrar } from "../interfaces/IOperatorRegistrar.sol";
import { IStakeCapacity } from "../interfaces/IStakeCapacity.sol";
import { ISupernetRegistry } from "../interfaces/ISupernetRegistry.sol";
import { MarketHash } from "../libraries/MarketHash.sol";
import { Messages } from "../libraries/Messages.sol";
import { AwardEntry, AwardKey, AwardRecord, AwardState, LotTerms, SkipReason, TickRecord } from "../types/Market.sol";
import { Gateway } from "../types/Supernet.sol";

contract AuctionBook is IAuctionBook {
    uint8 private constant LAST_CLASS = 2;

    /// @dev {AwardRecord} in four slots. EigenLayer, too, counts blocks in 32 bits.
    struct Stored {
        address operator;
        uint64 units;
        uint32 supernet;
        uint128 price;
        uint32 awardBlock;
        uint32 expiryBlock;
        uint24 acceptBlocks;
        uint24 provingBlocks;
        AwardState state;
        bytes32 lotDigest;
        bytes32 payer;
    }

    /// @dev What is the same for every award of a tick.
    struct Anchor {
        uint32 supernet;
        uint64 epoch;
        uint64 tick;
        uint256 maxPrice;
        bool paused;
    }

    ISupernetRegistry public immutable registry;
    IOperatorRegistrar public immutable registrar;
    IStakeCapacity public immutable capacity;
    IFeeEscrow public immutable escrow;
    IAvsAccount public immutable account;

    mapping(bytes32 awardId => Stored) private _awards;
    mapping(uint32 supernet => mapping(uint64 tick => TickRecord)) private _ticks;
    /// @inheritdoc IAuctionBook
    mapping(uint32 supernet => uint64) public lastTick;

    constructor(
        ISupernetRegistry registry_,
        IOperatorRegistrar registrar_,
        IStakeCapacity capacity_,
        IFeeEscrow escrow_,
        IAvsAccount account_
    ) {
        registry = registry_;
        registrar = registrar_;
        capacity = capacity_;
        escrow = escrow_;
        account = account_;
    }

    /// @inheritdoc IAuctionBook
    function anchorTick(
        uint32 supernet,
        uint64 tick,
        bytes32 bidsRoot,
        uint32 count,
        bytes32 capacityRoot,
        LotTerms[] calldata lots,
        AwardEntry[] calldata awards,
        bytes32[] calldata delivered
    ) external {
        Anchor memory anchor = _authorised(supernet, tick);
        _recordTick(anchor, bidsRoot, count, capacityRoot);
        // Deliveries first: they free capacity that the awards may use.
        _takeDeliveries(supernet, delivered);
        for (uint256 i; i < awards.length; ++i) {
            _award(anchor, lots, awards[i]);
        }
    }

    /// @inheritdoc IAuctionBook
    function proveDelivery(AwardKey calldata key, bytes32 statementDigest, bytes calldata signature) external {
        _proveDelivery(key, statementDigest, signature);
    }

    /// @inheritdoc IAuctionBook
    function claim(bytes32 awardId) external {
        _claim(awardId);
    }

    /// @inheritdoc IAuctionBook
    function claimWithReceipt(AwardKey calldata key, bytes32 statementDigest, bytes calldata signature) external {
        _claim(_proveDelivery(key, statementDigest, signature));
    }

    /// @inheritdoc IAuctionBook
    function strike(bytes32 awardId) external {
        Stored storage stored = _awards[awardId];
        if (stored.state != AwardState.Reserved) revert AwardNotOpen(awardId, uint8(stored.state));
        if (msg.sender != stored.operator) revert NotOperator(awardId, msg.sender, stored.operator);
        stored.state = AwardState.Struck;
        emit Struck(awardId, stored.operator);
        escrow.release(stored.payer, stored.price);
    }

    /// @inheritdoc IAuctionBook
    function markSlashed(bytes32 awardId) external {
        address slasher = account.slasher();
        if (msg.sender != slasher) revert NotSlasher(msg.sender, slasher);
        Stored storage stored = _awards[awardId];
        AwardState state = stored.state;
        if (state != AwardState.Reserved && state != AwardState.Struck) revert AwardNotOpen(awardId, uint8(state));
        stored.state = AwardState.Slashed;
        emit AwardSlashed(awardId, stored.operator);
        capacity.release(stored.supernet, stored.operator, stored.units, stored.expiryBlock);
        // The units came back, but not the stake behind them.
        capacity.invalidate(stored.supernet, stored.operator);
        if (state == AwardState.Reserved) escrow.release(stored.payer, stored.price);
    }

    /// @inheritdoc IAuctionBook
    function awardIdOf(AwardKey calldata key) external pure returns (bytes32) {
        return MarketHash.awardId(key);
    }

    /// @inheritdoc IAuctionBook
    function award(bytes32 awardId) external view returns (AwardRecord memory) {
        Stored memory stored = _awards[awardId];
        return AwardRecord({
            operator: stored.operator,
            units: stored.units,
            supernet: stored.supernet,
            state: stored.state,
            price: stored.price,
            awardBlock: stored.awardBlock,
            expiryBlock: stored.expiryBlock,
            acceptBlocks: stored.acceptBlocks,
            provingBlocks: stored.provingBlocks,
            lotDigest: stored.lotDigest,
            payer: stored.payer
        });
    }

    /// @inheritdoc IAuctionBook
    function tickRecord(uint32 supernet, uint64 tick) external view returns (TickRecord memory) {
        return _ticks[supernet][tick];
    }

    function _authorised(uint32 supernet, uint64 tick) private view returns (Anchor memory) {
        Gateway memory gateway = registry.gateway(supernet);
        if (msg.sender != gateway.key) revert NotGateway(supernet, msg.sender, gateway.key);
        return Anchor({
            supernet: supernet,
            epoch: gateway.epoch,
            tick: tick,
            maxPrice: registry.prices(supernet).maxPriceWeiPerUnit,
            paused: registry.isPaused(supernet)
        });
    }

    function _recordTick(Anchor memory anchor, bytes32 bidsRoot, uint32 count, bytes32 capacityRoot) private {
        uint64 last = lastTick[anchor.supernet];
        if (anchor.tick <= last) revert TickNotAfter(anchor.supernet, anchor.tick, last);
        lastTick[anchor.supernet] = anchor.tick;
        _ticks[anchor.supernet][anchor.tick] = TickRecord(bidsRoot, anchor.epoch, uint64(block.number), count);
        emit TickAnchored(anchor.supernet, anchor.tick, anchor.epoch, last + 1, bidsRoot, count, capacityRoot);
    }

    function _takeDeliveries(uint32 supernet, bytes32[] calldata delivered) private {
        for (uint256 i; i < delivered.length; ++i) {
            Stored storage stored = _awards[delivered[i]];
            if (stored.state == AwardState.Reserved && stored.supernet == supernet) _deliver(delivered[i], stored);
            else emit DeliveryIgnored(delivered[i]);
        }
    }

    /// @dev Reserves and stores one award, or says why not. Nothing in here may revert for what the entry contains.
    function _award(Anchor memory anchor, LotTerms[] calldata lots, AwardEntry calldata entry) private {
        bytes32 jobId = MarketHash.jobId(entry.payer, entry.jobIndex);
        bytes32 awardId = MarketHash.awardId(
            AwardKey(anchor.supernet, anchor.epoch, anchor.tick, jobId, entry.attempt, entry.operator)
        );
        SkipReason reason = _check(anchor, lots, entry, awardId);
        uint64 expiryBlock;
        if (reason == SkipReason.None) (reason, expiryBlock) = _reserve(anchor.supernet, lots[entry.lot], entry);
        if (reason != SkipReason.None) {
            emit AwardSkipped(awardId, entry.payer, entry.operator, jobId, reason);
            return;
        }
        _store(awardId, jobId, anchor.supernet, lots[entry.lot], entry, expiryBlock);
    }

    function _check(Anchor memory anchor, LotTerms[] calldata lots, AwardEntry calldata entry, bytes32 awardId)
        private
        view
        returns (SkipReason)
    {
        if (anchor.paused) return SkipReason.Paused;
        if (entry.lot >= lots.length) return SkipReason.UnknownLot;
        LotTerms calldata lot = lots[entry.lot];
        if (lot.supernet != anchor.supernet || lot.gatewayEpoch != anchor.epoch || lot.tick != anchor.tick) {
            return SkipReason.LotOfAnotherTick;
        }
        if (lot.class > LAST_CLASS) return SkipReason.UnknownClass;
        if (lot.ceilingWeiPerUnit > anchor.maxPrice) return SkipReason.CeilingAboveMaximum;
        if (entry.priceWeiPerUnit > lot.ceilingWeiPerUnit) return SkipReason.PriceAboveCeiling;
        if (entry.units == 0 || entry.units > lot.units) return SkipReason.NoUnits;
        // The registry keeps the highest price below 96 bits: the product fits into 160.
        if (entry.priceWeiPerUnit * entry.units > type(uint128).max) return SkipReason.PriceOverflow;
        if (lot.acceptBlocks > type(uint24).max || lot.provingBlocks > type(uint24).max) {
            return SkipReason.WindowTooLong;
        }
        if (_awards[awardId].state != AwardState.None) return SkipReason.Duplicate;
        return registrar.eligibility(anchor.supernet, entry.operator, lot.class);
    }

    function _reserve(uint32 supernet, LotTerms calldata lot, AwardEntry calldata entry)
        private
        returns (SkipReason reason, uint64 expiryBlock)
    {
        (reason, expiryBlock) =
            capacity.reserve(supernet, entry.operator, entry.units, lot.acceptBlocks, lot.provingBlocks);
        if (reason != SkipReason.None) return (reason, 0);
        reason = escrow.commit(entry.payer, supernet, _price(entry));
        if (reason != SkipReason.None) capacity.release(supernet, entry.operator, entry.units, expiryBlock);
    }

    function _store(
        bytes32 awardId,
        bytes32 jobId,
        uint32 supernet,
        LotTerms calldata lot,
        AwardEntry calldata entry,
        uint64 expiryBlock
    ) private {
        Stored memory stored = Stored({
            operator: entry.operator,
            units: entry.units,
            supernet: supernet,
            price: _price(entry),
            awardBlock: uint32(block.number),
            expiryBlock: uint32(expiryBlock),
            acceptBlocks: uint24(lot.acceptBlocks),
            provingBlocks: uint24(lot.provingBlocks),
            state: AwardState.Reserved,
            lotDigest: MarketHash.lotDigest(lot),
            payer: entry.payer
        });
        _awards[awardId] = stored;
        emit Awarded(
            awardId,
            entry.payer,
            entry.operator,
            jobId,
            entry.attempt,
            stored.lotDigest,
            entry.units,
            stored.price,
            expiryBlock
        );
    }

    function _proveDelivery(AwardKey calldata key, bytes32 statementDigest, bytes calldata signature)
        private
        returns (bytes32 awardId)
    {
        awardId = MarketHash.awardId(key);
        Stored storage stored = _awards[awardId];
        if (stored.state != AwardState.Reserved) revert AwardNotOpen(awardId, uint8(stored.state));
        bytes32 structHash = Messages.deliveryReceipt(key, stored.lotDigest, statementDigest);
        address signer = Messages.signer(registry.domainSeparator(), structHash, signature);
        address expected = registry.gatewayKey(key.supernet, key.gatewayEpoch);
        if (signer == address(0)) revert SignatureInvalid();
        if (signer != expected) revert WrongSigner(expected, signer);
        _deliver(awardId, stored);
    }

    function _deliver(bytes32 awardId, Stored storage stored) private {
        bool payable_ = escrow.deliver(stored.payer, stored.price);
        stored.state = payable_ ? AwardState.Delivered : AwardState.Lapsed;
        capacity.release(stored.supernet, stored.operator, stored.units, stored.expiryBlock);
        if (payable_) emit Delivered(awardId, stored.operator);
        else emit DeliveredTooLate(awardId, stored.operator);
    }

    function _claim(bytes32 awardId) private {
        Stored storage stored = _awards[awardId];
        if (stored.state != AwardState.Delivered) revert AwardNotDelivered(awardId, uint8(stored.state));
        stored.state = AwardState.Paid;
        emit Claimed(awardId, stored.operator, stored.price);
        escrow.payAward(stored.payer, stored.price, stored.operator);
    }

    function _price(AwardEntry calldata entry) private pure returns (uint128) {
        return uint128(entry.priceWeiPerUnit * entry.units);
    }
}
