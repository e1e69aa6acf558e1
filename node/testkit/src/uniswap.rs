//! A Uniswap V2 market on a development chain, from the bytecode of Uniswap's npm packages, and a
//! seeded trader.

use alloy::{
    primitives::{Address, U256},
    sol,
    sol_types::SolValue,
};
use gavel_chain::{ChainError, Wallet, bindings::token::Erc20};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{anvil::Anvil, artifact, error::TestkitError};

sol! {
    #[sol(rpc)]
    contract Factory {
        function createPair(address tokenA, address tokenB) external returns (address pair);
        function getPair(address tokenA, address tokenB) external view returns (address pair);
    }
    #[sol(rpc)]
    contract Pair {
        function token0() external view returns (address);
        function token1() external view returns (address);
        function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast);
    }
    contract Router {
        function addLiquidity(
            address tokenA, address tokenB, uint256 amountADesired, uint256 amountBDesired, uint256 amountAMin,
            uint256 amountBMin, address to, uint256 deadline
        ) external returns (uint256 amountA, uint256 amountB, uint256 liquidity);
        function swapExactTokensForTokens(
            uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline
        ) external returns (uint256[] amounts);
    }
}

const PACKAGE_CORE: &str = "@uniswap/v2-core";
const PACKAGE_PERIPHERY: &str = "@uniswap/v2-periphery";

/// Addresses of a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    pub factory: Address,
    pub router: Address,
    pub pair: Address,
    /// The pair's `token0` and `token1`.
    pub tokens: [Address; 2],
}

/// `amount` whole tokens of 18 decimals.
pub fn tokens(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

/// Deploys an ERC-20 (that of Uniswap's tests: 18 decimals) whose whole supply belongs to the wallet.
pub async fn deploy_token(wallet: &Wallet, supply: U256) -> Result<Address, TestkitError> {
    let mut code = artifact::npm(PACKAGE_CORE, "ERC20")?;
    code.extend(supply.abi_encode());
    Ok(wallet.deploy("ERC20", code).await?.0)
}

/// Deploys factory, router, two tokens and a pair with liquidity; the wallet holds the rest of the tokens.
pub async fn deploy(wallet: &Wallet) -> Result<Market, TestkitError> {
    let me = wallet.address();
    let mut code = artifact::npm(PACKAGE_CORE, "UniswapV2Factory")?;
    code.extend(me.abi_encode());
    let (factory, _) = wallet.deploy("UniswapV2Factory", code).await?;
    let (weth, _) = wallet.deploy("WETH9", artifact::npm(PACKAGE_PERIPHERY, "WETH9")?).await?;
    let mut code = artifact::npm(PACKAGE_PERIPHERY, "UniswapV2Router02")?;
    code.extend((factory, weth).abi_encode_params());
    let (router, _) = wallet.deploy("UniswapV2Router02", code).await?;

    let mut pair_tokens = [Address::ZERO; 2];
    for token in &mut pair_tokens {
        *token = deploy_token(wallet, tokens(1_000_000_000)).await?;
        wallet.send(*token, &Erc20::approveCall { spender: router, amount: U256::MAX }).await?;
    }
    // The pair orders its tokens by address.
    pair_tokens.sort();
    let [token0, token1] = pair_tokens;
    wallet.send(factory, &Factory::createPairCall { tokenA: token0, tokenB: token1 }).await?;
    let pair = Factory::new(factory, wallet.client().provider()).getPair(token0, token1).call().await;
    let pair = pair.map_err(|e| ChainError::from_contract("getPair", e))?;
    let liquidity = Router::addLiquidityCall {
        tokenA: token0,
        tokenB: token1,
        amountADesired: tokens(1_000_000),
        amountBDesired: tokens(2_500_000),
        amountAMin: U256::ZERO,
        amountBMin: U256::ZERO,
        to: me,
        deadline: U256::MAX,
    };
    wallet.send(router, &liquidity).await?;
    Ok(Market { factory, router, pair, tokens: pair_tokens })
}

/// What the trader did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trades {
    pub first_block: u64,
    pub last_block: u64,
    pub swaps: u32,
    /// Blocks without a swap.
    pub quiet_blocks: u32,
    /// Blocks with two swaps or more.
    pub busy_blocks: u32,
}

/// Trades for `blocks` blocks, 0 to 3 swaps in each by the seed; mines the blocks itself. The last
/// block always has a swap. Afterwards anvil mines one block per transaction again.
pub async fn trade(
    anvil: &Anvil,
    wallet: &Wallet,
    market: &Market,
    blocks: u32,
    seed: u64,
) -> Result<Trades, TestkitError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let first_block = anvil.client().head().await? + 1;
    let mut trades = Trades { first_block, last_block: first_block, swaps: 0, quiet_blocks: 0, busy_blocks: 0 };
    anvil.hold_transactions(true).await?;
    for block in 0..blocks {
        let swaps = if block + 1 == blocks { 1 } else { rng.gen_range(0..=3) };
        let mut pending = Vec::new();
        for _ in 0..swaps {
            let [token0, token1] = market.tokens;
            let path = if rng.r#gen() { vec![token0, token1] } else { vec![token1, token0] };
            let swap = Router::swapExactTokensForTokensCall {
                amountIn: U256::from(rng.gen_range(1_000_000u64..30_000_000_000)) * U256::from(1_000_000_000_000u64),
                amountOutMin: U256::ZERO,
                path,
                to: wallet.address(),
                deadline: U256::MAX,
            };
            pending.push(wallet.submit_with_gas(market.router, &swap, 250_000).await?);
        }
        anvil.mine(1).await?;
        for hash in pending {
            wallet.succeeded("swapExactTokensForTokens", hash).await?;
        }
        trades.swaps += swaps;
        trades.quiet_blocks += u32::from(swaps == 0);
        trades.busy_blocks += u32::from(swaps > 1);
    }
    anvil.hold_transactions(false).await?;
    trades.last_block = anvil.client().head().await?;
    Ok(trades)
}
