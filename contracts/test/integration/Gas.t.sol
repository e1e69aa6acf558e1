// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AwardEntry, AwardKey, LotTerms } from "../../src/types/Market.sol";
import { MissEvidence } from "../../src/types/Miss.sol";
import { PairObserver } from "../../src/examples/PairObserver.sol";
import { Request } from "../../src/types/Query.sol";
import { KnownSetup } from "../fixture/KnownSetup.sol";
import { Market } from "../fixture/Market.sol";

/// @notice Gas of what is sent every day, execution only. Committed in contracts/snapshots; `FORGE_SNAPSHOT_CHECK=true
/// forge test` fails when a figure differs.
contract GasTest is Market {
    function test_request() external {
        Request memory request = _request();
        vm.prank(dapp);
        requests.requestQuery{ value: 1 ether }(request);
        vm.snapshotGasLastCall("market", "requestQuery");
    }

    function test_anchorOneAward() external {
        bytes32 requestId = _ask();
        _anchor(1, TABLE, _lot(requestId, 1), _entry(requestId, 0, operator));
        vm.snapshotGasLastCall("market", "anchorTick: one award");
    }

    function test_anchorSixAwardsAndDeliveries() external {
        bytes32 requestId = _ask();
        LotTerms[] memory lots = new LotTerms[](1);
        lots[0] = _lot(requestId, 1);
        AwardEntry[] memory awards = new AwardEntry[](6);
        bytes32[] memory delivered = new bytes32[](6);
        for (uint32 i; i < 6; ++i) {
            awards[i] = _entry(requestId, i, i % 2 == 0 ? operator : rival);
            delivered[i] = book.awardIdOf(_key(requestId, 1, i, awards[i].operator));
        }
        vm.startPrank(gatewayKey);
        book.anchorTick(NET, 1, TABLE, 6, QUERY, lots, awards, new bytes32[](0));
        vm.snapshotGasLastCall("market", "anchorTick: six awards");
        book.anchorTick(NET, 2, TABLE, 6, QUERY, new LotTerms[](0), new AwardEntry[](0), delivered);
        vm.snapshotGasLastCall("market", "anchorTick: six deliveries");
        vm.stopPrank();
        assertEq(escrow.account(requestId).delivered, 6 * JOB_PRICE);
    }

    function test_settleAndClaim() external {
        Request memory request = _request();
        bytes32 requestId = _ask(request);
        bytes32 awardId = _award(requestId);
        _anchorDelivered(2, awardId);
        _settle(requestId, request, 0);
        vm.snapshotGasLastCall("market", "settle: two results, no callback");
        book.claim(awardId);
        vm.snapshotGasLastCall("market", "claim");
    }

    function test_settleWithCallback() external {
        PairObserver observer = new PairObserver(requests);
        Request memory request = _request();
        request.callbackGas = 300_000;
        bytes32 requestId = observer.ask{ value: 1 ether }(request);
        request.callback = address(observer);
        bytes memory proof = _prove(requestId, request, _answer());
        vm.prank(stranger);
        requests.settle(requestId, request, address(observer), 0, _answer(), proof);
        vm.snapshotGasLastCall("market", "settle: two results, example dapp");
        assertEq(observer.latest(), requestId);
    }

    function test_miss() external {
        bytes32 requestId = _ask();
        bytes32 awardId = _award(requestId);
        uint64 acceptBlock = uint64(block.number);
        vm.roll(acceptBlock + 61);
        MissEvidence memory evidence = _evidence(requestId, 1, acceptBlock);
        vm.prank(stranger);
        slasher.reportMiss{ value: 0.05 ether }(evidence);
        vm.snapshotGasLastCall("market", "reportMiss");
        uint256 snapshot = vm.snapshotState();
        AwardKey memory key = _key(requestId, 1, 0, operator);
        slasher.answer(key, STATEMENT, _receipt(key));
        vm.snapshotGasLastCall("market", "answer");
        vm.revertToState(snapshot);
        _mine(41);
        slasher.executeSlash(awardId);
        assertEq(core.slashes(), 1);
    }

    function test_verify() external {
        bytes memory proof = KnownSetup.prove(STATEMENT, 17);
        assertTrue(verifier.verify(STATEMENT, proof));
        vm.snapshotGasLastCall("market", "Groth16Verifier.verify");
    }
}
