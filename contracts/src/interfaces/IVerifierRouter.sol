// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { VerifierEntry } from "../types/Verifier.sol";
import { IProofVerifier } from "./IProofVerifier.sol";

/// @title Verifiers by content
/// @notice Entries are added and never changed; the guardian can only freeze one, for good. A frozen entry makes its
/// open requests refundable at once.
interface IVerifierRouter {
    event VerifierAdded(
        bytes32 indexed verifierId, IProofVerifier indexed verifier, bytes32 keyHash, bytes32 circuitSetRoot
    );
    event VerifierFrozen(bytes32 indexed verifierId);
    event GuardianSet(address indexed guardian);

    error VerifierExists(bytes32 verifierId);
    error VerifierUnknown(bytes32 verifierId);
    error VerifierIsFrozen(bytes32 verifierId);
    error KeyHashMismatch(bytes32 expected, bytes32 got);
    error CircuitSetZero();
    error NotGuardian(address caller, address guardian);

    /// @notice Adds an entry. Owner only.
    /// @return verifierId `keccak256(abi.encode(verifier, keyHash, circuitSetRoot))`.
    function addVerifier(IProofVerifier verifier, bytes32 keyHash, bytes32 circuitSetRoot)
        external
        returns (bytes32 verifierId);

    /// @notice Freezes an entry for good. Guardian only.
    function freeze(bytes32 verifierId) external;

    /// @notice Replaces the guardian. Owner only.
    function setGuardian(address guardian) external;

    function guardian() external view returns (address);

    /// @notice Whether a proof shows a statement under an entry. Reverts for unknown and frozen entries.
    function verify(bytes32 verifierId, bytes32 statementDigest, bytes calldata proof) external view returns (bool);

    /// @notice The entry; reverts when there is none.
    function entry(bytes32 verifierId) external view returns (VerifierEntry memory);

    function isFrozen(bytes32 verifierId) external view returns (bool);
}
