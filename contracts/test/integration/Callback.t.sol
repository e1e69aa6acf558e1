// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { GavelConsumer } from "../../src/GavelConsumer.sol";
import { PairObserver } from "../../src/examples/PairObserver.sol";
import { IGavelCallback } from "../../src/interfaces/IGavelCallback.sol";
import { IQueryRequests } from "../../src/interfaces/IQueryRequests.sol";
import { Request, RequestState, Status } from "../../src/types/Query.sol";
import { Market } from "../fixture/Market.sol";

/// @notice A dapp that misbehaves in every way at its callback.
contract RudeDapp is IGavelCallback {
    enum Manner {
        Polite,
        Revert,
        BurnGas,
        LongRevert,
        Reenter,
        AskAgain
    }

    IQueryRequests private immutable _gavel;
    Manner public manner;
    uint256 public received;
    uint256 public gasGiven;
    bytes public reentry;
    bool public reentered;
    bytes32 public next;

    constructor(IQueryRequests gavel) payable {
        _gavel = gavel;
    }

    function behave(Manner manner_, bytes calldata reentry_) external {
        manner = manner_;
        reentry = reentry_;
    }

    function ask(Request calldata request) public returns (bytes32) {
        return _gavel.requestQuery{ value: request.maxFee }(request);
    }

    function onResult(bytes32, Status, bytes32[] calldata) external {
        gasGiven = gasleft();
        if (manner == Manner.Revert) revert("rude");
        if (manner == Manner.BurnGas) while (true) { }
        if (manner == Manner.LongRevert) {
            assembly {
                revert(0, 200000)
            }
        }
        if (manner == Manner.Reenter) (reentered,) = address(_gavel).call(reentry);
        if (manner == Manner.AskAgain) next = this.ask(abi.decode(reentry, (Request)));
        ++received;
    }
}

contract CallbackTest is Market {
    uint64 private constant CALLBACK_GAS = 500_000;

    RudeDapp private rude;
    Request private _asked;
    bytes32 private requestId;

    function setUp() public override {
        super.setUp();
        rude = new RudeDapp{ value: 10 ether }(requests);
        Request memory request = _request();
        (request.callback, request.callbackGas) = (address(rude), CALLBACK_GAS);
        _asked = request;
        requestId = rude.ask(request);
    }

    function _settleNow() private {
        bytes memory proof = _prove(requestId, _asked, _answer());
        vm.prank(stranger);
        requests.settle(requestId, _asked, address(rude), 0, _answer(), proof);
        assertEq(uint8(requests.requestRecord(requestId).state), uint8(RequestState.Settled));
        (,, bytes32[] memory result) = requests.getResult(requestId);
        assertEq(result, _words(2), "stored whatever the callback does");
        assertEq(address(escrow).balance, 2 * BOND, "and the money is out");
    }

    function test_politeCallbackGetsItsGas() external {
        _settleNow();
        assertEq(rude.received(), 1);
        assertGe(rude.gasGiven(), CALLBACK_GAS - 1_000);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.CallbackDone.selector, requestId));
        requests.retryCallback(requestId, _asked, address(rude), 0);
    }

    function test_revertIsRecordedAndRetried() external {
        rude.behave(RudeDapp.Manner.Revert, "");
        vm.expectEmit(address(requests));
        emit IQueryRequests.CallbackRun(requestId, false);
        _settleNow();
        requests.retryCallback(requestId, _asked, address(rude), 0);
        assertEq(rude.received(), 0);
        rude.behave(RudeDapp.Manner.Polite, "");
        Request memory wrong = _asked;
        wrong.callback = stranger;
        vm.expectRevert();
        requests.retryCallback(requestId, wrong, address(rude), 0);
        requests.retryCallback(requestId, _asked, address(rude), 0);
        assertEq(rude.received(), 1);
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.CallbackDone.selector, requestId));
        requests.retryCallback(requestId, _asked, address(rude), 0);
    }

    function test_burntGasHurtsOnlyTheRequester() external {
        rude.behave(RudeDapp.Manner.BurnGas, "");
        uint256 before = stranger.balance;
        _settleNow();
        assertEq(rude.received(), 0);
        uint256 reserve = (600_000 + CALLBACK_GAS) * 10 gwei;
        assertGt(stranger.balance - before, CALLBACK_GAS * 2 gwei, "the settler is reimbursed for it");
        assertLe(stranger.balance - before, reserve);
    }

    function test_longReturnDataIsNotCopied() external {
        rude.behave(RudeDapp.Manner.LongRevert, "");
        bytes memory proof = _prove(requestId, _asked, _answer());
        requests.settle(requestId, _asked, address(rude), 0, _answer(), proof);
        assertEq(rude.received(), 0);
        assertLt(vm.lastCallGas().gasTotalUsed, 1_000_000);
    }

    function test_callbackCannotReenter() external {
        bytes memory proof = _prove(requestId, _asked, _answer());
        bytes[4] memory reentries = [
            abi.encodeCall(IQueryRequests.settle, (requestId, _asked, address(rude), 0, _answer(), proof)),
            abi.encodeCall(IQueryRequests.retryCallback, (requestId, _asked, address(rude), 0)),
            abi.encodeCall(IQueryRequests.refund, (requestId)),
            abi.encodeCall(IQueryRequests.cancel, (requestId))
        ];
        for (uint256 i; i < reentries.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            rude.behave(RudeDapp.Manner.Reenter, reentries[i]);
            _settleNow();
            assertEq(rude.received(), 1);
            assertFalse(rude.reentered());
            vm.revertToState(snapshot);
        }
    }

    function test_callbackMayAskTheNextQuestion() external {
        Request memory next = _request();
        rude.behave(RudeDapp.Manner.AskAgain, abi.encode(next));
        bytes memory proof = _prove(requestId, _asked, _answer());
        vm.prank(stranger);
        requests.settle(requestId, _asked, address(rude), 0, _answer(), proof);
        assertEq(rude.received(), 1);
        assertEq(uint8(requests.requestRecord(rude.next()).state), uint8(RequestState.Open));
        assertEq(address(escrow).balance, 2 * BOND + next.maxFee);
    }

    /// @dev With any gas a settlement either reverts or gives the callback all that was asked for.
    function testFuzz_callbackIsNeverStarved(uint256 gasGiven) external {
        gasGiven = bound(gasGiven, 200_000, 2_000_000);
        bytes memory proof = _prove(requestId, _asked, _answer());
        bytes memory data =
            abi.encodeCall(IQueryRequests.settle, (requestId, _asked, address(rude), 0, _answer(), proof));
        (bool success,) = address(requests).call{ gas: gasGiven }(data);
        if (success) {
            assertEq(rude.received(), 1);
            assertGe(rude.gasGiven(), CALLBACK_GAS - 1_000);
            assertGt(refundTo.balance, 0);
            assertEq(escrow.credit(refundTo), 0, "and the refund is not starved into a credit");
        } else {
            assertEq(uint8(requests.requestRecord(requestId).state), uint8(RequestState.Open));
        }
    }

    function test_consumerTakesOnlyItsOwnResultsOnce() external {
        PairObserver observer = new PairObserver(requests);
        Request memory request = _request();
        request.callbackGas = 300_000;
        vm.prank(dapp);
        bytes32 id = observer.ask{ value: 1 ether }(request);
        assertTrue(observer.isPending(id));

        vm.expectRevert(abi.encodeWithSelector(GavelConsumer.NotGavel.selector, address(this)));
        observer.onResult(id, Status.Ok, _words(1));
        vm.prank(address(requests));
        vm.expectRevert(abi.encodeWithSelector(GavelConsumer.NotPending.selector, requestId));
        observer.onResult(requestId, Status.Ok, _words(1));

        request.callback = address(observer);
        bytes memory proof = _prove(id, request, _answer());
        requests.settle(id, request, address(observer), 0, _answer(), proof);
        assertFalse(observer.isPending(id));
        assertEq(observer.latest(), id);
        assertEq(observer.observation(id).values, _words(2));
        assertEq(uint8(observer.observation(id).status), uint8(Status.Ok));
    }

    function test_consumerCollectsWhatItsGasDidNotReach() external {
        PairObserver observer = new PairObserver(requests);
        Request memory request = _request();
        request.callbackGas = 10_000;
        bytes32 id = observer.ask{ value: 1 ether }(request);
        request.callback = address(observer);
        bytes memory proof = _prove(id, request, _answer());
        vm.expectRevert(abi.encodeWithSelector(IQueryRequests.NotSettled.selector, id, RequestState.Open));
        observer.collectResult(id);
        requests.settle(id, request, address(observer), 0, _answer(), proof);
        assertTrue(observer.isPending(id), "too little gas");
        observer.collectResult(id);
        assertEq(observer.observation(id).values, _words(2));
        vm.expectRevert(abi.encodeWithSelector(GavelConsumer.NotPending.selector, id));
        observer.collectResult(id);
        // A retry finds nothing to do, and breaks nothing.
        requests.retryCallback(id, request, address(observer), 0);
        assertEq(observer.latest(), id);
    }
}
