// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Test } from "forge-std/Test.sol";
import { stdJson } from "forge-std/StdJson.sol";
import { VerifyingKey } from "../../src/types/Verifier.sol";
import { Groth16Verifier } from "../../src/verifiers/Groth16Verifier.sol";

/// @notice A proof that the real prover made under the production profile, committed as bytes with its key
/// (contracts/README.md, "The committed proof").
contract CommittedProofTest is Test {
    using stdJson for string;

    string private constant FILE = "contracts/test/golden/wrap.json";

    string private json;
    Groth16Verifier private verifier;

    function setUp() external {
        json = vm.readFile(FILE);
        VerifyingKey memory key;
        uint256[] memory words = json.readUintArray(".key.alpha");
        (key.alpha[0], key.alpha[1]) = (words[0], words[1]);
        key.beta = _four(".key.beta");
        key.gamma = _four(".key.gamma");
        key.delta = _four(".key.delta");
        for (uint256 i; i < 3; ++i) {
            words = json.readUintArray(string.concat(".key.ic[", vm.toString(i), "]"));
            (key.ic[i][0], key.ic[i][1]) = (words[0], words[1]);
        }
        verifier = new Groth16Verifier(key, json.readBool(".key.development"));
    }

    function test_verifies() external view {
        bytes32[] memory words = json.readBytes32Array(".words");
        assertEq(words.length, 16);
        bytes32 digest = sha256(abi.encodePacked(words));
        assertEq(digest, json.readBytes32(".statementDigest"));
        bytes memory proof = json.readBytes(".proof");
        assertTrue(verifier.verify(digest, proof));
        for (uint256 i; i < 16; ++i) {
            bytes32 word = words[i];
            words[i] = bytes32(uint256(word) ^ 1);
            assertFalse(verifier.verify(sha256(abi.encodePacked(words)), proof));
            words[i] = word;
        }
        for (uint256 i; i < proof.length; i += 31) {
            proof[i] ^= 0x01;
            assertFalse(verifier.verify(digest, proof));
            proof[i] ^= 0x01;
        }
    }

    function test_keyHash() external view {
        assertEq(verifier.keyHash(), json.readBytes32(".key.hash"));
    }

    function _four(string memory at) private view returns (uint256[4] memory) {
        uint256[] memory words = json.readUintArray(at);
        return [words[0], words[1], words[2], words[3]];
    }
}
