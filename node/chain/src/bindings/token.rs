//! The part of ERC-20 that Gavel uses.

use alloy::sol;

sol! {
    #[sol(rpc)]
    contract Erc20 {
        event Transfer(address indexed from, address indexed to, uint256 value);

        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 amount) external returns (bool);
        function transfer(address to, uint256 amount) external returns (bool);
    }
}
