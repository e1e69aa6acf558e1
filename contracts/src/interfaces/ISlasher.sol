// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AwardKey } from "../types/Market.sol";
import { MissEvidence, MissReport } from "../types/Miss.sol";
import { IPayouts } from "./IPayouts.sol";

/// @title Reports of missed jobs and their slashes
/// @notice Replaceable through the AVS account. The only contract with the right to slash, and it has one path to it:
/// {executeSlash}.
interface ISlasher is IPayouts {
    event MissReported(
        bytes32 indexed awardId, address indexed operator, address indexed reporter, uint256 deposit, uint64 answerUntil
    );
    event ReportDismissed(bytes32 indexed awardId, address indexed operator, uint256 deposit);
    event Slashed(
        bytes32 indexed awardId, uint32 indexed supernet, address indexed operator, uint256 stakeWei, uint256 wad
    );
    event ReportLapsed(bytes32 indexed awardId);

    error DevelopmentOnly(uint256 chainId);
    error AwardNotReportable(bytes32 awardId, uint8 state);
    error LotMismatch(bytes32 expected, bytes32 got);
    error JobMismatch(bytes32 awardId);
    error JobNotInLot(bytes32 jobsRoot);
    error PriceMismatch(uint256 awarded, uint256 opened);
    error BidNotInRoot(bytes32 bidsRoot, bytes32 commitment);
    error BidSignatureInvalid(address operator, address signer);
    error AcceptOutOfWindow(uint64 acceptBlock, uint64 first, uint64 last);
    error AcceptSignatureInvalid(address expected, address signer);
    error ProvingWindowOpen(uint64 lastBlock, uint256 current);
    error ReportWindowClosed(uint64 lastBlock, uint256 current);
    error DepositTooLow(uint256 sent, uint256 needed);
    error ReportExists(bytes32 awardId);
    error ReportNotOpen(bytes32 awardId, uint8 state);
    error AwardNotDelivered(bytes32 awardId);
    error AwardDelivered(bytes32 awardId);
    error AnswerWindowOpen(uint64 answerUntil, uint256 current);
    error ExecutionWindowClosed(uint64 executeUntil, uint256 current);
    error ExecutionWindowOpen(uint64 executeUntil, uint256 current);
    error NothingToSlash(uint32 supernet, address operator);

    /// @notice Reports that an operator accepted a job and did not deliver it. Carries the supernet's report deposit,
    /// which goes to the operator when the report is dismissed and back to the reporter otherwise. Anyone.
    function reportMiss(MissEvidence calldata evidence) external payable;

    /// @notice Answers a report with the gateway's DeliveryReceipt; pays the deposit to the operator. Anyone. The
    /// receipt is not looked at when the AuctionBook knows of the delivery already.
    function answer(AwardKey calldata key, bytes32 statementDigest, bytes calldata signature) external;

    /// @notice Dismisses a report on an award that the AuctionBook knows as delivered. Anyone.
    function dismiss(bytes32 awardId) external;

    /// @notice Slashes for an unanswered report: the work units of the award times the supernet's slash per unit,
    /// with the same fraction of every strategy. Anyone, after the answer window and before the reservation expires.
    function executeSlash(bytes32 awardId) external;

    /// @notice Closes a report that could not be executed in time; the deposit goes back. Anyone.
    function lapse(bytes32 awardId) external;

    function report(bytes32 awardId) external view returns (MissReport memory);
}
