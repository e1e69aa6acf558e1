// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { IProofVerifier } from "../../src/interfaces/IProofVerifier.sol";
import { IVerifierRouter } from "../../src/interfaces/IVerifierRouter.sol";
import { VerifierEntry, VerifyingKey } from "../../src/types/Verifier.sol";
import { Groth16Verifier } from "../../src/verifiers/Groth16Verifier.sol";
import { KnownSetup } from "../fixture/KnownSetup.sol";
import { Market } from "../fixture/Market.sol";

contract VerifierRouterTest is Market {
    function test_onlyTheOwnerAddsAndOnlyTheGuardianFreezes() external {
        bytes32 keyHash = verifier.keyHash();
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this)));
        router.addVerifier(verifier, keyHash, TABLE);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this)));
        router.setGuardian(stranger);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.NotGuardian.selector, owner, guardian));
        vm.prank(owner);
        router.freeze(verifierId);
        vm.prank(owner);
        router.setGuardian(stranger);
        vm.prank(stranger);
        router.freeze(verifierId);
        assertTrue(router.isFrozen(verifierId));
    }

    function test_entriesAreTheirContentAndStay() external {
        bytes32 keyHash = verifier.keyHash();
        assertEq(verifierId, keccak256(abi.encode(verifier, keyHash, CIRCUITS)));
        VerifierEntry memory entry = router.entry(verifierId);
        assertEq(address(entry.verifier), address(verifier));
        assertEq(entry.circuitSetRoot, CIRCUITS);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.VerifierExists.selector, verifierId));
        router.addVerifier(verifier, keyHash, CIRCUITS);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.KeyHashMismatch.selector, TABLE, keyHash));
        router.addVerifier(verifier, TABLE, CIRCUITS);
        vm.expectRevert(IVerifierRouter.CircuitSetZero.selector);
        router.addVerifier(verifier, keyHash, 0);
        assertNotEq(router.addVerifier(verifier, keyHash, TABLE), verifierId);
    }

    function test_unknownAndFrozenEntriesVerifyNothing() external {
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.VerifierUnknown.selector, TABLE));
        router.verify(TABLE, STATEMENT, "");
        bytes memory proof = KnownSetup.prove(STATEMENT, 17);
        assertTrue(router.verify(verifierId, STATEMENT, proof));
        vm.startPrank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.VerifierUnknown.selector, TABLE));
        router.freeze(TABLE);
        router.freeze(verifierId);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.VerifierIsFrozen.selector, verifierId));
        router.freeze(verifierId);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.VerifierIsFrozen.selector, verifierId));
        router.verify(verifierId, STATEMENT, proof);
    }
}

contract Groth16VerifierTest is Market {
    function test_developmentKeyStaysOnDevelopmentChains() external {
        VerifyingKey memory key = KnownSetup.key();
        vm.chainId(1337);
        new Groth16Verifier(key, true);
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(Groth16Verifier.DevelopmentKey.selector, 1));
        new Groth16Verifier(key, true);
        assertFalse(new Groth16Verifier(key, false).isDevelopment());
    }

    function test_keyIsPinned() external view {
        assertEq(verifier.keyHash(), keccak256(abi.encode(KnownSetup.key())));
    }

    function test_refusesBadKeys() external {
        VerifyingKey memory key = KnownSetup.key();
        key.alpha[0]++;
        _refusedKey(key, 0);
        key = KnownSetup.key();
        key.beta[3]++;
        _refusedKey(key, 1);
        key = KnownSetup.key();
        key.gamma[0] = KnownSetup.Q;
        _refusedKey(key, 2);
        key = KnownSetup.key();
        key.delta = [uint256(0), 0, 0, 0];
        _refusedKey(key, 3);
        key = KnownSetup.key();
        key.ic[2] = [uint256(0), 0];
        _refusedKey(key, 6);
    }

    function _refusedKey(VerifyingKey memory key, uint256 position) private {
        vm.expectRevert(abi.encodeWithSelector(Groth16Verifier.PointInvalid.selector, position));
        new Groth16Verifier(key, true);
    }

    function testFuzz_acceptsProofsOfItsStatementOnly(bytes32 digest, bytes32 other, uint256 secret) external view {
        secret = bound(secret, 1, KnownSetup.R - 1);
        bytes memory proof = KnownSetup.prove(digest, secret);
        assertTrue(verifier.verify(digest, proof));
        if (other != digest) assertFalse(verifier.verify(other, proof));
    }

    /// @dev The halves are inputs of their own: neither order nor carry between them may be lost.
    function test_bothHalvesCount() external view {
        bytes32 digest = bytes32(uint256(type(uint128).max));
        bytes memory proof = KnownSetup.prove(digest, 3);
        assertTrue(verifier.verify(digest, proof));
        assertFalse(verifier.verify(bytes32(uint256(type(uint128).max) << 128), proof));
        assertFalse(verifier.verify(bytes32(uint256(1) << 128), proof));
    }

    function testFuzz_anyChangedWordIsRefused(uint256 position, uint256 value) external view {
        uint256[8] memory words = abi.decode(KnownSetup.prove(STATEMENT, 17), (uint256[8]));
        position = bound(position, 0, 7);
        if (words[position] == value) return;
        words[position] = value;
        assertFalse(verifier.verify(STATEMENT, abi.encode(words)));
    }

    function test_refusesCoordinatesFromQUp() external view {
        uint256[8] memory words = abi.decode(KnownSetup.prove(STATEMENT, 17), (uint256[8]));
        for (uint256 i; i < 8; ++i) {
            uint256[8] memory changed = words;
            uint256 original = changed[i];
            unchecked {
                // The same residue: a verifier that reduced would accept it.
                changed[i] = original + KnownSetup.Q;
            }
            if (changed[i] > original) assertFalse(verifier.verify(STATEMENT, abi.encode(changed)));
            words[i] = original;
        }
    }

    function test_refusesLengths() external view {
        bytes memory proof = KnownSetup.prove(STATEMENT, 17);
        assertFalse(verifier.verify(STATEMENT, ""));
        assertFalse(verifier.verify(STATEMENT, bytes.concat(proof, hex"00")));
        assertFalse(verifier.verify(STATEMENT, new bytes(256)));
        bytes memory cut = new bytes(255);
        for (uint256 i; i < 255; ++i) {
            cut[i] = proof[i];
        }
        assertFalse(verifier.verify(STATEMENT, cut));
    }

    function test_isAProofVerifierThatNeverReverts() external view {
        uint256[8] memory huge;
        for (uint256 i; i < 8; ++i) {
            huge[i] = type(uint256).max;
        }
        assertFalse(IProofVerifier(verifier).verify(STATEMENT, abi.encode(huge)));
    }
}
