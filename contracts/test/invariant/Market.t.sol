// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Test } from "forge-std/Test.sol";
import { MarketHandler } from "../fixture/MarketHandler.sol";

/// @notice What holds after any sequence of actions of anybody (protocol §5, §6).
contract MarketInvariants is Test {
    /// @dev The core rounds a slash up to whole magnitudes: 1,000 ether of shares are 1,000 wei a magnitude.
    uint256 private constant SLASH_ROUNDING = 1 gwei;

    MarketHandler private handler;

    function setUp() external {
        handler = new MarketHandler();
        vm.deal(address(handler), 1_000_000 ether);
        handler.setUp();
        targetContract(address(handler));
        // The fuzzer gives its senders ether: none of them may be a contract whose balance is checked.
        targetSender(makeAddr("fuzzer"));
        targetSelector(FuzzSelector(address(handler), _actions()));
    }

    /// @notice The play is not idle: one long game does everything at least once, and the invariants hold after it.
    function test_playReachesEverything() external {
        bytes4[] memory actions = _actions();
        for (uint256 i; i < 900; ++i) {
            bytes32 seed = keccak256(abi.encode("play", i));
            bytes4 action = actions[uint256(seed) % actions.length];
            bytes32 other = keccak256(abi.encode(seed));
            // Refusals are part of the play. Spare arguments are ignored.
            (bool success,) = address(handler).call(abi.encodePacked(action, seed, other));
            success;
        }
        string[15] memory all = [
            "ask",
            "award",
            "deliver",
            "claim",
            "strike",
            "settle",
            "fail",
            "cancel",
            "refund",
            "sweep",
            "report",
            "dismiss",
            "executeSlash",
            "lapse",
            "withdrawBond"
        ];
        for (uint256 i; i < all.length; ++i) {
            assertGt(handler.done(all[i]), 0, all[i]);
        }
        invariant_escrowHoldsExactlyWhatItOwes();
        invariant_bondCoversWhatIsCommitted();
        invariant_everyAwardIsPaidOnceAtItsPrice();
        invariant_reservedUnitsAreCoveredByStake();
        invariant_depositsAreHeld();
    }

    /// @notice Escrow = accounts + bonds + credits, to the wei.
    function invariant_escrowHoldsExactlyWhatItOwes() public view {
        (uint256 accounts, uint256 bonds, uint256 credits) = handler.obligations();
        assertEq(handler.escrowBalance(), accounts + bonds + credits);
    }

    /// @notice The bond covers every committed price of unsettled requests, and counts nothing else.
    function invariant_bondCoversWhatIsCommitted() public view {
        (uint256 committed, uint256 balance) = handler.bondCommitted();
        assertEq(committed, handler.bondLiabilities());
        assertLe(committed, balance);
    }

    /// @notice Operators have got the prices of their paid awards, each once.
    function invariant_everyAwardIsPaidOnceAtItsPrice() public view {
        (uint256 paid, uint256 received) = handler.payments();
        assertEq(paid, received);
    }

    /// @notice The books of reserved units agree, and the stake covers them.
    function invariant_reservedUnitsAreCoveredByStake() public view {
        address[2] memory operators = handler.operators();
        for (uint256 i; i < 2; ++i) {
            uint256 reserved = handler.reservedUnits(operators[i]);
            assertEq(reserved, handler.liveUnits(operators[i]));
            assertLe(reserved * handler.slashWeiPerUnit(), handler.atRisk(operators[i]) + SLASH_ROUNDING);
        }
    }

    /// @notice Terminal states exclude each other and stay.
    function invariant_endsAreFinal() public {
        assertTrue(handler.endsAreFinal());
    }

    /// @notice The slasher holds the deposits of open reports.
    function invariant_depositsAreHeld() public view {
        assertEq(handler.slasherBalance(), handler.deposits());
    }

    function _actions() private view returns (bytes4[] memory selectors) {
        selectors = new bytes4[](13);
        selectors[0] = handler.ask.selector;
        selectors[1] = handler.award.selector;
        selectors[2] = handler.awardTwice.selector;
        selectors[3] = handler.deliver.selector;
        selectors[4] = handler.claim.selector;
        selectors[5] = handler.strike.selector;
        selectors[6] = handler.settle.selector;
        selectors[7] = handler.giveUp.selector;
        selectors[8] = handler.sweep.selector;
        selectors[9] = handler.report.selector;
        selectors[10] = handler.decide.selector;
        selectors[11] = handler.govern.selector;
        selectors[12] = handler.mine.selector;
    }
}
