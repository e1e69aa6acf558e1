// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Chain ids on which parts that protect no money may be deployed.
library DevelopmentChains {
    uint256 private constant FOUNDRY = 31337;
    uint256 private constant GETH_DEV = 1337;

    function isHere() internal view returns (bool) {
        return block.chainid == FOUNDRY || block.chainid == GETH_DEV;
    }
}
