// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { MerkleProof } from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { IAuctionBook } from "../interfaces/IAuctionBook.sol";
import { IOperatorRegistrar } from "../interfaces/IOperatorRegistrar.sol";
import { ISlasher } from "../interfaces/ISlasher.sol";
import { IStakeCapacity } from "../interfaces/IStakeCapacity.sol";
import { ISupernetRegistry } from "../interfaces/ISupernetRegistry.sol";
import { IAllocationManager, SlashingParams } from "../interfaces/eigenlayer/IEigenLayerCore.sol";
import { DevelopmentChains } from "../libraries/DevelopmentChains.sol";
import { MarketHash } from "../libraries/MarketHash.sol";
import { Messages } from "../libraries/Messages.sol";
import { Payouts } from "../settlement/Payouts.sol";
import { AwardKey, AwardRecord, AwardState } from "../types/Market.sol";
import { MissEvidence, MissReport, ReportState } from "../types/Miss.sol";
import { StrategyWeight, Windows } from "../types/Supernet.sol";

contract Slasher is ISlasher, Payouts {
    uint256 private constant WAD = 1e18;
    string private constant REASON = "accepted job missed";

    ISupernetRegistry public immutable registry;
    IAuctionBook public immutable auctionBook;
    IOperatorRegistrar public immutable registrar;
    IStakeCapacity public immutable capacity;
    IAllocationManager public immutable allocations;
    address public immutable account;

    mapping(bytes32 awardId => MissReport) private _reports;

    /// @dev A gateway that withholds its DeliveryReceipt could have an honest operator slashed, because a receipt is
    /// the only answer so far. Until an operator can answer with the proof itself, this contract has no place on a
    /// chain with real stake.
    constructor(
        ISupernetRegistry registry_,
        IAuctionBook auctionBook_,
        IOperatorRegistrar registrar_,
        IStakeCapacity capacity_,
        IAllocationManager allocations_,
        address account_
    ) {
        if (!DevelopmentChains.isHere()) revert DevelopmentOnly(block.chainid);
        registry = registry_;
        auctionBook = auctionBook_;
        registrar = registrar_;
        capacity = capacity_;
        allocations = allocations_;
        account = account_;
    }

    /// @inheritdoc ISlasher
    function reportMiss(MissEvidence calldata evidence) external payable {
        bytes32 awardId = MarketHash.awardId(evidence.key);
        AwardRecord memory award = auctionBook.award(awardId);
        if (!_isOpen(award.state)) revert AwardNotReportable(awardId, uint8(award.state));
        if (_reports[awardId].state != ReportState.None) revert ReportExists(awardId);
        _checkLot(awardId, award, evidence);
        _checkBid(award, evidence);
        _checkAcceptance(award, evidence);

        uint256 needed = registry.stakeTerms(award.supernet).reportDeposit;
        if (msg.value < needed || msg.value > type(uint128).max) revert DepositTooLow(msg.value, needed);
        Windows memory w = registry.windows(award.supernet);
        uint256 last = uint256(award.awardBlock) + award.acceptBlocks + award.provingBlocks + w.report;
        uint256 answerUntil = block.number + w.answer;
        // The second holds too when the windows were lengthened after the award.
        if (block.number > last || answerUntil >= award.expiryBlock) {
            revert ReportWindowClosed(uint64(last), block.number);
        }
        _reports[awardId] = MissReport({
            reporter: msg.sender,
            deposit: uint128(msg.value),
            answerUntil: uint64(answerUntil),
            executeUntil: award.expiryBlock,
            state: ReportState.Open
        });
        emit MissReported(awardId, award.operator, msg.sender, msg.value, uint64(answerUntil));
    }

    /// @inheritdoc ISlasher
    function answer(AwardKey calldata key, bytes32 statementDigest, bytes calldata signature) external {
        bytes32 awardId = MarketHash.awardId(key);
        // An anchor may have told of the delivery since the report.
        if (!_isDelivered(auctionBook.award(awardId).state)) {
            auctionBook.proveDelivery(key, statementDigest, signature);
        }
        dismiss(awardId);
    }

    /// @inheritdoc ISlasher
    function dismiss(bytes32 awardId) public nonReentrant {
        MissReport storage report_ = _open(awardId);
        AwardRecord memory award = auctionBook.award(awardId);
        if (!_isDelivered(award.state)) revert AwardNotDelivered(awardId);
        report_.state = ReportState.Dismissed;
        emit ReportDismissed(awardId, award.operator, report_.deposit);
        _pay(award.operator, report_.deposit);
    }

    /// @inheritdoc ISlasher
    function executeSlash(bytes32 awardId) external nonReentrant {
        // Checks
        MissReport storage report_ = _open(awardId);
        if (block.number <= report_.answerUntil) revert AnswerWindowOpen(report_.answerUntil, block.number);
        if (block.number > report_.executeUntil) revert ExecutionWindowClosed(report_.executeUntil, block.number);
        AwardRecord memory award = auctionBook.award(awardId);
        if (!_isOpen(award.state)) revert AwardDelivered(awardId);
        uint256 harm = uint256(award.units) * registry.stakeTerms(award.supernet).slashWeiPerUnit;
        uint256 stake = capacity.stakeAtRisk(award.supernet, award.operator);
        if (stake == 0) revert NothingToSlash(award.supernet, award.operator);
        // The same fraction of every strategy, so that together it is the harm, or all there is.
        uint256 wad = harm >= stake ? WAD : Math.mulDiv(harm, WAD, stake, Math.Rounding.Ceil);

        // Effects
        report_.state = ReportState.Executed;
        emit Slashed(awardId, award.supernet, award.operator, harm, wad);
        auctionBook.markSlashed(awardId);

        // Interactions
        _slash(award.supernet, award.operator, wad);
        _pay(report_.reporter, report_.deposit);
    }

    /// @inheritdoc ISlasher
    function lapse(bytes32 awardId) external nonReentrant {
        MissReport storage report_ = _open(awardId);
        if (block.number <= report_.executeUntil) revert ExecutionWindowOpen(report_.executeUntil, block.number);
        if (_isDelivered(auctionBook.award(awardId).state)) revert AwardDelivered(awardId);
        report_.state = ReportState.Lapsed;
        emit ReportLapsed(awardId);
        _pay(report_.reporter, report_.deposit);
    }

    /// @inheritdoc ISlasher
    function report(bytes32 awardId) external view returns (MissReport memory) {
        return _reports[awardId];
    }

    /// @dev The one call of `slashOperator`.
    function _slash(uint32 supernet, address operator, uint256 wad) private {
        StrategyWeight[] memory weights = capacity.countedStrategies(supernet);
        address[] memory strategies = new address[](weights.length);
        uint256[] memory wads = new uint256[](weights.length);
        for (uint256 i; i < weights.length; ++i) {
            strategies[i] = weights[i].strategy;
            wads[i] = wad;
        }
        allocations.slashOperator(account, SlashingParams(operator, supernet, strategies, wads, REASON));
    }

    /// @dev The lot is the one of the award, and the job with its units is in it.
    function _checkLot(bytes32 awardId, AwardRecord memory award, MissEvidence calldata evidence) private pure {
        bytes32 digest = MarketHash.lotDigest(evidence.lot);
        if (digest != award.lotDigest) revert LotMismatch(award.lotDigest, digest);
        if (
            evidence.job.jobId != evidence.key.jobId || evidence.job.payer != award.payer
                || evidence.job.units != award.units
        ) revert JobMismatch(awardId);
        bytes32 leaf = MarketHash.jobLeaf(evidence.job);
        if (!MerkleProof.verifyCalldata(evidence.jobProof, evidence.lot.jobsRoot, leaf)) {
            revert JobNotInLot(evidence.lot.jobsRoot);
        }
    }

    /// @dev The operator bid this price for this lot, and the gateway fixed the bid before it was opened.
    function _checkBid(AwardRecord memory award, MissEvidence calldata evidence) private view {
        AwardKey calldata key = evidence.key;
        // Both factors were bounded when the award was made; what is opened here is not.
        if (evidence.priceWeiPerUnit > award.price || evidence.priceWeiPerUnit * award.units != award.price) {
            revert PriceMismatch(award.price, evidence.priceWeiPerUnit);
        }
        bytes32 commitment =
            MarketHash.commitment(award.lotDigest, key.operator, evidence.priceWeiPerUnit, evidence.salt);
        bytes32 bidsRoot = auctionBook.tickRecord(key.supernet, key.tick).bidsRoot;
        if (!MerkleProof.verifyCalldata(evidence.bidProof, bidsRoot, MarketHash.bidLeaf(commitment))) {
            revert BidNotInRoot(bidsRoot, commitment);
        }
        bytes32 structHash = Messages.bidCommitment(key, award.lotDigest, commitment);
        address signer = Messages.signer(registry.domainSeparator(), structHash, evidence.bidSignature);
        // A key that was rotated between bid and award signs all the same; the acceptance needs the current one.
        if (signer == address(0) || !registrar.wasBidKey(key.operator, signer, award.awardBlock)) {
            revert BidSignatureInvalid(key.operator, signer);
        }
    }

    /// @dev The operator accepted in time, and its proving window has passed.
    function _checkAcceptance(AwardRecord memory award, MissEvidence calldata evidence) private view {
        uint64 lastAccept = award.awardBlock + award.acceptBlocks;
        if (evidence.acceptBlock < award.awardBlock || evidence.acceptBlock > lastAccept) {
            revert AcceptOutOfWindow(evidence.acceptBlock, award.awardBlock, lastAccept);
        }
        uint64 lastProving = evidence.acceptBlock + award.provingBlocks;
        if (block.number <= lastProving) revert ProvingWindowOpen(lastProving, block.number);
        bytes32 structHash = Messages.accept(evidence.key, award.lotDigest, evidence.inputDigest, evidence.acceptBlock);
        address signer = Messages.signer(registry.domainSeparator(), structHash, evidence.acceptSignature);
        address expected = registrar.bidKeyAt(evidence.key.operator, evidence.acceptBlock);
        if (signer == address(0) || signer != expected) revert AcceptSignatureInvalid(expected, signer);
    }

    function _open(bytes32 awardId) private view returns (MissReport storage report_) {
        report_ = _reports[awardId];
        if (report_.state != ReportState.Open) revert ReportNotOpen(awardId, uint8(report_.state));
    }

    /// @dev Not delivered, as far as anyone has shown. A struck award was perhaps bid for after all.
    function _isOpen(AwardState state) private pure returns (bool) {
        return state == AwardState.Reserved || state == AwardState.Struck;
    }

    function _isDelivered(AwardState state) private pure returns (bool) {
        return state == AwardState.Delivered || state == AwardState.Paid || state == AwardState.Lapsed;
    }
}
