//! The EigenLayer core that the testkit deploys behaves as the facts say.

use std::time::Instant;

use alloy::primitives::{Address, U256};
use gavel_chain::bindings::{eigenlayer as core, token::Erc20};
use gavel_testkit::{
    Anvil, AnvilOptions, TestkitError,
    eigenlayer::{self, Delays},
    uniswap::{self, tokens},
};

#[tokio::test]
async fn the_core_deploys_and_takes_a_delegated_deposit() -> Result<(), TestkitError> {
    let start = Instant::now();
    let anvil = Anvil::start(AnvilOptions::default()).await?;
    println!("anvil {:?}", start.elapsed());
    let deployer = anvil.wallet("deployer").await?;
    let core = eigenlayer::deploy(&deployer, Delays::NETWORK).await?;
    println!("core {:?}", start.elapsed());
    assert_eq!(anvil.client().head().await?, 31);

    let token = uniswap::deploy_token(&deployer, tokens(10_000)).await?;
    let strategy = eigenlayer::new_strategy(&deployer, &core, token).await?;
    let operator = anvil.wallet("operator").await?;
    let register = core::DelegationManager::registerAsOperatorCall {
        initDelegationApprover: Address::ZERO,
        allocationDelay: 0,
        metadataURI: String::new(),
    };
    operator.send(core.delegation_manager, &register).await?;
    let restaker = anvil.wallet("restaker").await?;
    deployer.send(token, &Erc20::transferCall { to: restaker.address(), amount: tokens(1_000) }).await?;
    eigenlayer::restake(&restaker, &core, (token, strategy), operator.address(), tokens(1_000)).await?;
    let delegation = core::DelegationManager::new(core.delegation_manager, anvil.client().provider());
    let shares = delegation.operatorShares(operator.address(), strategy).call().await.unwrap();
    assert_eq!(shares, tokens(1_000));
    println!("all {:?}", start.elapsed());

    let again = operator.send(core.delegation_manager, &register).await.unwrap_err();
    println!("{again}");
    Ok(())
}

#[tokio::test]
async fn the_trader_trades_in_some_blocks_and_not_in_others() -> Result<(), TestkitError> {
    let start = Instant::now();
    let anvil = Anvil::start(AnvilOptions::default()).await?;
    let trader = anvil.wallet("trader").await?;
    let market = uniswap::deploy(&trader).await?;
    let trades = uniswap::trade(&anvil, &trader, &market, 26, 7).await?;
    println!("{trades:?} {:?}", start.elapsed());
    assert_eq!(trades.last_block - trades.first_block + 1, 26);
    assert!(trades.busy_blocks > 3 && trades.quiet_blocks > 3);
    let pair = uniswap::Pair::new(market.pair, anvil.client().provider());
    let reserves = pair.getReserves().call().await.unwrap();
    assert_ne!(U256::from(reserves.reserve0), tokens(1_000_000));
    Ok(())
}
