// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAuctionBook } from "../../src/interfaces/IAuctionBook.sol";
import { ISlasher } from "../../src/interfaces/ISlasher.sol";
import { Messages } from "../../src/libraries/Messages.sol";
import { MarketHash } from "../../src/libraries/MarketHash.sol";
import { AwardEntry, AwardKey, AwardState, LotTerms } from "../../src/types/Market.sol";
import { MissEvidence } from "../../src/types/Miss.sol";
import { Market } from "../fixture/Market.sol";

/// @notice A true signature, shown where it does not belong.
contract ReplayTest is Market {
    bytes32 private requestId;
    AwardKey private first;
    AwardKey private second;
    bytes private receipt;

    function setUp() public override {
        super.setUp();
        requestId = _ask();
        _award(requestId, 1, 0, operator);
        _award(requestId, 2, 0, operator);
        first = _key(requestId, 1, 0, operator);
        second = _key(requestId, 2, 0, operator);
        receipt = _receipt(first);
    }

    function _refusedReceipt(AwardKey memory key, bytes memory signature) private {
        // Another digest recovers another signer, whoever it is.
        vm.expectPartialRevert(IAuctionBook.WrongSigner.selector);
        book.proveDelivery(key, STATEMENT, signature);
    }

    function test_receiptOfAnotherTick() external {
        _refusedReceipt(second, receipt);
        book.proveDelivery(first, STATEMENT, receipt);
    }

    function test_receiptOfAnotherStatement() external {
        vm.expectPartialRevert(IAuctionBook.WrongSigner.selector);
        book.proveDelivery(first, TABLE, receipt);
    }

    function test_receiptOfAnotherLot() external {
        bytes memory other = _sign(gatewaySecret, Messages.deliveryReceipt(first, TABLE, STATEMENT));
        _refusedReceipt(first, other);
    }

    function test_receiptOfAnotherAttemptOrOperatorNamesNoAward() external {
        AwardKey memory key = first;
        key.attempt = 1;
        bytes32 unknown = book.awardIdOf(key);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotOpen.selector, unknown, AwardState.None));
        book.proveDelivery(key, STATEMENT, receipt);
        key = _key(requestId, 1, 0, rival);
        unknown = book.awardIdOf(key);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotOpen.selector, unknown, AwardState.None));
        book.proveDelivery(key, STATEMENT, receipt);
    }

    function test_receiptOfAnotherSupernet() external {
        AwardKey memory key = first;
        key.supernet = OTHER_NET;
        bytes32 unknown = book.awardIdOf(key);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.AwardNotOpen.selector, unknown, AwardState.None));
        book.proveDelivery(key, STATEMENT, receipt);
    }

    function test_receiptOfAnotherChainOrRegistry() external {
        bytes32 structHash = Messages.deliveryReceipt(first, book.award(book.awardIdOf(first)).lotDigest, STATEMENT);
        bytes32 here = registry.domainSeparator();
        vm.chainId(1337);
        bytes32 there = registry.domainSeparator();
        assertNotEq(here, there);
        vm.chainId(31337);
        _refusedReceipt(first, _signIn(there, gatewaySecret, structHash));
        bytes32 elsewhere = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Gavel"),
                keccak256("1"),
                block.chainid,
                address(book)
            )
        );
        _refusedReceipt(first, _signIn(elsewhere, gatewaySecret, structHash));
    }

    function test_receiptOfAnotherEpochsKey() external {
        uint256 nextSecret = 4711;
        vm.prank(gatewayOwner);
        registry.startGatewayEpoch(NET, vm.addr(nextSecret));
        bytes32 structHash = Messages.deliveryReceipt(first, book.award(book.awardIdOf(first)).lotDigest, STATEMENT);
        bytes memory signature = _sign(nextSecret, structHash);
        vm.expectRevert(abi.encodeWithSelector(IAuctionBook.WrongSigner.selector, gatewayKey, vm.addr(nextSecret)));
        book.proveDelivery(first, STATEMENT, signature);
    }

    function test_acceptAndReceiptAreDifferentTypes() external {
        bytes32 lotDigest = book.award(book.awardIdOf(first)).lotDigest;
        bytes memory accept = _sign(gatewaySecret, Messages.accept(first, lotDigest, STATEMENT, 0));
        _refusedReceipt(first, accept);
    }

    // Miss reports

    function test_bidOrAcceptOfAnotherTickOrJob() external {
        uint64 acceptBlock = uint64(block.number + 1);
        vm.roll(acceptBlock + 61);
        MissEvidence memory good = _evidence(requestId, 2, acceptBlock);
        MissEvidence memory other = _evidence(requestId, 1, acceptBlock);

        MissEvidence memory mixed = _evidence(requestId, 2, acceptBlock);
        mixed.bidSignature = other.bidSignature;
        vm.expectPartialRevert(ISlasher.BidSignatureInvalid.selector);
        slasher.reportMiss{ value: 0.05 ether }(mixed);

        mixed = _evidence(requestId, 2, acceptBlock);
        mixed.acceptSignature = other.acceptSignature;
        vm.expectPartialRevert(ISlasher.AcceptSignatureInvalid.selector);
        slasher.reportMiss{ value: 0.05 ether }(mixed);

        mixed = _evidence(requestId, 2, acceptBlock);
        mixed.acceptBlock++;
        vm.roll(acceptBlock + 62);
        vm.expectPartialRevert(ISlasher.AcceptSignatureInvalid.selector);
        slasher.reportMiss{ value: 0.05 ether }(mixed);

        slasher.reportMiss{ value: 0.05 ether }(good);
    }

    function test_bidThatTheTickDidNotFix() external {
        // The gateway anchors an award, but another bid than the one it shows later.
        LotTerms memory lot = _lot(requestId, 3);
        AwardEntry memory entry = _entry(requestId, 0, operator);
        _anchor(3, MarketHash.bidLeaf(TABLE), lot, entry);
        uint64 acceptBlock = uint64(block.number);
        vm.roll(acceptBlock + 61);
        MissEvidence memory evidence = _evidence(requestId, 3, acceptBlock);
        vm.expectPartialRevert(ISlasher.BidNotInRoot.selector);
        slasher.reportMiss{ value: 0.05 ether }(evidence);
    }

    function test_operatorsOfOtherKeysCannotBeFramed() external {
        _award(requestId, 4, 0, rival);
        uint64 acceptBlock = uint64(block.number);
        vm.roll(acceptBlock + 61);
        MissEvidence memory evidence = _evidence(requestId, 4, acceptBlock);
        evidence.key = _key(requestId, 4, 0, rival);
        evidence.bidSignature = _sign(
            bidSecret,
            Messages.bidCommitment(evidence.key, MarketHash.lotDigest(evidence.lot), _commitment(evidence.lot, rival))
        );
        vm.expectRevert(abi.encodeWithSelector(ISlasher.BidSignatureInvalid.selector, rival, vm.addr(bidSecret)));
        slasher.reportMiss{ value: 0.05 ether }(evidence);
    }
}
