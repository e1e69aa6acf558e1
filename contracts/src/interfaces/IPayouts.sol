// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Payments that no recipient can block
/// @notice ETH is sent with bounded gas; what a recipient does not take becomes its credit.
interface IPayouts {
    event Paid(address indexed to, uint256 amount);
    event Credited(address indexed to, uint256 amount);
    event CreditWithdrawn(address indexed owner, address indexed to, uint256 amount);

    error GasTooLowToPay(uint256 gas, uint256 needed);
    error CreditZero(address owner);
    error NotCreditOwner(address caller, address owner);
    error TransferFailed(address to, uint256 amount);

    /// @notice Pays a credit out with all gas: to its owner by anyone, elsewhere by the owner only.
    function withdrawCredit(address owner, address to) external;

    function credit(address owner) external view returns (uint256);
}
