// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A verifier of one key
interface IProofVerifier {
    /// @notice Whether a proof shows a statement.
    /// @param statementDigest SHA-256 of the statement's sixteen words; its halves are the public inputs.
    /// @param proof For Groth16: `abi.encode(uint256[8])` as A.x, A.y, B.x.c1, B.x.c0, B.y.c1, B.y.c0, C.x, C.y.
    /// @return False for anything that is not a valid proof; reverts never.
    function verify(bytes32 statementDigest, bytes calldata proof) external view returns (bool);

    /// @notice Digest of the verifying key: `keccak256(abi.encode(key))`.
    function keyHash() external view returns (bytes32);
}
