// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Hashes of mined blocks: the last 256 from the EVM, the last 8,191 from the history contract of EIP-2935.
library BlockHashes {
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    uint256 private constant EVM_REACH = 256;

    /// @return hash Zero when the block is not mined or out of reach.
    function read(uint256 blockNumber) internal view returns (bytes32 hash) {
        if (blockNumber >= block.number) return 0;
        if (block.number - blockNumber <= EVM_REACH) return blockhash(blockNumber);
        (bool success, bytes memory data) = HISTORY.staticcall(abi.encode(blockNumber));
        // An old block reverts there; on a chain without the contract the answer is empty.
        if (success && data.length == 32) hash = abi.decode(data, (bytes32));
    }
}
