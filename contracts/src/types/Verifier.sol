// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IProofVerifier } from "../interfaces/IProofVerifier.sol";

/// @notice An entry of the router. Nothing but `frozen` ever changes.
/// @param keyHash Digest of the verifying key.
/// @param circuitSetRoot Root of the circuits that a proof may come from: word 1 of the statement.
struct VerifierEntry {
    IProofVerifier verifier;
    bool frozen;
    bytes32 keyHash;
    bytes32 circuitSetRoot;
}

/// @notice A Groth16 verifying key over BN254 with two public inputs. Coordinates of G2 points as the EVM reads
/// them: imaginary part first.
/// @param ic Constant term and one point per public input.
struct VerifyingKey {
    uint256[2] alpha;
    uint256[4] beta;
    uint256[4] gamma;
    uint256[4] delta;
    uint256[2][3] ic;
}
