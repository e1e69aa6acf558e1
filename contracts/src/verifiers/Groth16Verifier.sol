// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IProofVerifier } from "../interfaces/IProofVerifier.sol";
import { DevelopmentChains } from "../libraries/DevelopmentChains.sol";
import { VerifyingKey } from "../types/Verifier.sol";

/// @title Groth16 over BN254 with two public inputs
/// @notice The key is data: development and production keys use the same code. The public inputs are the halves of a
/// digest, 128 bits each, and so below the group order whatever the digest.
contract Groth16Verifier is IProofVerifier {
    /// @notice A key whose setup was made by one party proves anything to whoever made it.
    error DevelopmentKey(uint256 chainId);
    error PointInvalid(uint256 position);

    /// @dev Order of the base field.
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 private constant PROOF_BYTES = 256;
    /// @dev The precompiles burn all their gas on a bad point; these are their prices (EIP-1108) with some room.
    uint256 private constant ADD_GAS = 500;
    uint256 private constant MUL_GAS = 8_000;
    uint256 private constant PAIRING_GAS = 200_000;

    bool public immutable isDevelopment;
    /// @inheritdoc IProofVerifier
    bytes32 public immutable keyHash;

    uint256 private immutable _alphaX;
    uint256 private immutable _alphaY;
    uint256 private immutable _beta0;
    uint256 private immutable _beta1;
    uint256 private immutable _beta2;
    uint256 private immutable _beta3;
    uint256 private immutable _gamma0;
    uint256 private immutable _gamma1;
    uint256 private immutable _gamma2;
    uint256 private immutable _gamma3;
    uint256 private immutable _delta0;
    uint256 private immutable _delta1;
    uint256 private immutable _delta2;
    uint256 private immutable _delta3;
    uint256 private immutable _constX;
    uint256 private immutable _constY;
    uint256 private immutable _highX;
    uint256 private immutable _highY;
    uint256 private immutable _lowX;
    uint256 private immutable _lowY;

    constructor(VerifyingKey memory key, bool development) {
        if (development && !DevelopmentChains.isHere()) revert DevelopmentKey(block.chainid);
        _checkG1(0, key.alpha);
        _checkG2(1, key.beta);
        _checkG2(2, key.gamma);
        _checkG2(3, key.delta);
        for (uint256 i; i < 3; ++i) {
            _checkG1(4 + i, key.ic[i]);
        }
        isDevelopment = development;
        keyHash = keccak256(abi.encode(key));
        (_alphaX, _alphaY) = (key.alpha[0], key.alpha[1]);
        (_beta0, _beta1, _beta2, _beta3) = (key.beta[0], key.beta[1], key.beta[2], key.beta[3]);
        (_gamma0, _gamma1, _gamma2, _gamma3) = (key.gamma[0], key.gamma[1], key.gamma[2], key.gamma[3]);
        (_delta0, _delta1, _delta2, _delta3) = (key.delta[0], key.delta[1], key.delta[2], key.delta[3]);
        (_constX, _constY) = (key.ic[0][0], key.ic[0][1]);
        (_highX, _highY) = (key.ic[1][0], key.ic[1][1]);
        (_lowX, _lowY) = (key.ic[2][0], key.ic[2][1]);
    }

    /// @inheritdoc IProofVerifier
    function verify(bytes32 statementDigest, bytes calldata proof) external view returns (bool) {
        if (proof.length != PROOF_BYTES) return false;
        uint256[8] memory p = abi.decode(proof, (uint256[8]));
        // The precompiles refuse coordinates from Q up; this one is negated before they see it.
        if (p[1] >= Q) return false;

        (bool valid, uint256 x, uint256 y) =
            _inputPoint(uint256(statementDigest) >> 128, uint128(uint256(statementDigest)));
        if (!valid) return false;

        // e(-A, B) · e(alpha, beta) · e(inputs, gamma) · e(C, delta) = 1
        uint256[24] memory pairs = [
            p[0],
            p[1] == 0 ? 0 : Q - p[1],
            p[2],
            p[3],
            p[4],
            p[5],
            _alphaX,
            _alphaY,
            _beta0,
            _beta1,
            _beta2,
            _beta3,
            x,
            y,
            _gamma0,
            _gamma1,
            _gamma2,
            _gamma3,
            p[6],
            p[7],
            _delta0,
            _delta1,
            _delta2,
            _delta3
        ];
        uint256 result;
        assembly ("memory-safe") {
            valid := staticcall(PAIRING_GAS, 8, pairs, 768, 0, 32)
            valid := and(valid, eq(returndatasize(), 32))
            result := mload(0)
        }
        return valid && result == 1;
    }

    /// @dev constant + high · IC1 + low · IC2
    function _inputPoint(uint256 high, uint256 low) private view returns (bool valid, uint256 x, uint256 y) {
        uint256 x2;
        uint256 y2;
        (valid, x, y) = _mul(_highX, _highY, high);
        if (!valid) return (false, 0, 0);
        (valid, x2, y2) = _mul(_lowX, _lowY, low);
        if (!valid) return (false, 0, 0);
        (valid, x, y) = _add(x, y, x2, y2);
        if (!valid) return (false, 0, 0);
        return _add(x, y, _constX, _constY);
    }

    function _add(uint256 x1, uint256 y1, uint256 x2, uint256 y2)
        private
        view
        returns (bool valid, uint256 x, uint256 y)
    {
        uint256[4] memory points = [x1, y1, x2, y2];
        assembly ("memory-safe") {
            valid := staticcall(ADD_GAS, 6, points, 128, points, 64)
            valid := and(valid, eq(returndatasize(), 64))
        }
        (x, y) = (points[0], points[1]);
    }

    function _mul(uint256 x1, uint256 y1, uint256 factor) private view returns (bool valid, uint256 x, uint256 y) {
        uint256[3] memory input = [x1, y1, factor];
        assembly ("memory-safe") {
            valid := staticcall(MUL_GAS, 7, input, 96, input, 64)
            valid := and(valid, eq(returndatasize(), 64))
        }
        (x, y) = (input[0], input[1]);
    }

    function _checkG1(uint256 position, uint256[2] memory point) private view {
        (bool valid,,) = _add(point[0], point[1], 0, 0);
        bool infinity = point[0] == 0 && point[1] == 0;
        if (!valid || infinity) revert PointInvalid(position);
    }

    /// @dev A pairing with the zero of G1 is one for every point of G2, and an error for everything else.
    function _checkG2(uint256 position, uint256[4] memory point) private view {
        uint256[6] memory pair = [0, 0, point[0], point[1], point[2], point[3]];
        bool valid;
        assembly ("memory-safe") {
            valid := staticcall(PAIRING_GAS, 8, pair, 192, 0, 32)
            valid := and(valid, eq(returndatasize(), 32))
        }
        bool infinity = point[0] | point[1] | point[2] | point[3] == 0;
        if (!valid || infinity) revert PointInvalid(position);
    }
}
