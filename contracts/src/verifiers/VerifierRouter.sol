// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";
import { IProofVerifier } from "../interfaces/IProofVerifier.sol";
import { IVerifierRouter } from "../interfaces/IVerifierRouter.sol";
import { VerifierEntry } from "../types/Verifier.sol";

contract VerifierRouter is IVerifierRouter, Ownable2Step {
    /// @inheritdoc IVerifierRouter
    address public guardian;

    mapping(bytes32 verifierId => VerifierEntry) private _entries;

    constructor(address owner_, address guardian_) Ownable(owner_) {
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    /// @inheritdoc IVerifierRouter
    function addVerifier(IProofVerifier verifier, bytes32 keyHash, bytes32 circuitSetRoot)
        external
        onlyOwner
        returns (bytes32 verifierId)
    {
        if (circuitSetRoot == 0) revert CircuitSetZero();
        bytes32 got = verifier.keyHash();
        if (got != keyHash) revert KeyHashMismatch(keyHash, got);
        verifierId = keccak256(abi.encode(verifier, keyHash, circuitSetRoot));
        if (_known(verifierId)) revert VerifierExists(verifierId);
        _entries[verifierId] = VerifierEntry(verifier, false, keyHash, circuitSetRoot);
        emit VerifierAdded(verifierId, verifier, keyHash, circuitSetRoot);
    }

    /// @inheritdoc IVerifierRouter
    function freeze(bytes32 verifierId) external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender, guardian);
        if (!_known(verifierId)) revert VerifierUnknown(verifierId);
        if (_entries[verifierId].frozen) revert VerifierIsFrozen(verifierId);
        _entries[verifierId].frozen = true;
        emit VerifierFrozen(verifierId);
    }

    /// @inheritdoc IVerifierRouter
    function setGuardian(address guardian_) external onlyOwner {
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    /// @inheritdoc IVerifierRouter
    function verify(bytes32 verifierId, bytes32 statementDigest, bytes calldata proof) external view returns (bool) {
        VerifierEntry memory found = entry(verifierId);
        if (found.frozen) revert VerifierIsFrozen(verifierId);
        return found.verifier.verify(statementDigest, proof);
    }

    /// @inheritdoc IVerifierRouter
    function entry(bytes32 verifierId) public view returns (VerifierEntry memory) {
        if (!_known(verifierId)) revert VerifierUnknown(verifierId);
        return _entries[verifierId];
    }

    /// @inheritdoc IVerifierRouter
    function isFrozen(bytes32 verifierId) external view returns (bool) {
        return _entries[verifierId].frozen;
    }

    function _known(bytes32 verifierId) private view returns (bool) {
        return address(_entries[verifierId].verifier) != address(0);
    }
}
