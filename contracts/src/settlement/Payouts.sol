// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { SafeTransferLib } from "solady/utils/SafeTransferLib.sol";
import { IPayouts } from "../interfaces/IPayouts.sol";

/// @notice Sends ETH, and keeps what a recipient refuses as its credit.
abstract contract Payouts is IPayouts, ReentrancyGuardTransient {
    /// @dev Enough for a contract wallet's receive function, too little to matter to whoever pays the gas.
    uint256 internal constant PAYMENT_GAS = 50_000;
    /// @dev Gas that must be left before a payment: the stipend survives the 63/64 rule, and the credit can be booked.
    uint256 private constant GAS_BEFORE_PAYMENT = PAYMENT_GAS * 64 / 63 + 40_000;

    /// @inheritdoc IPayouts
    mapping(address owner => uint256 amount) public credit;

    /// @inheritdoc IPayouts
    function withdrawCredit(address owner, address to) external nonReentrant {
        if (to != owner && msg.sender != owner) revert NotCreditOwner(msg.sender, owner);
        uint256 amount = credit[owner];
        if (amount == 0) revert CreditZero(owner);
        credit[owner] = 0;
        emit CreditWithdrawn(owner, to, amount);
        _send(to, amount);
    }

    /// @dev Pays or credits. Comes after every effect of the caller, because the recipient runs code.
    function _pay(address to, uint256 amount) internal {
        if (amount == 0) return;
        // Without this check the caller could starve the transfer and turn a payment into a credit.
        if (gasleft() < GAS_BEFORE_PAYMENT) revert GasTooLowToPay(gasleft(), GAS_BEFORE_PAYMENT);
        if (SafeTransferLib.trySafeTransferETH(to, amount, PAYMENT_GAS)) {
            emit Paid(to, amount);
        } else {
            credit[to] += amount;
            emit Credited(to, amount);
        }
    }

    /// @dev Pays or reverts.
    function _send(address to, uint256 amount) internal {
        if (!SafeTransferLib.trySafeTransferETH(to, amount, gasleft())) revert TransferFailed(to, amount);
    }
}
