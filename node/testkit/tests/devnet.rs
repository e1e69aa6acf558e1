//! Operators on the real EigenLayer core: stake, capacity, slashes, leaving.

use alloy::primitives::{Address, U256};
use gavel_chain::{
    bindings::eigenlayer::{DelegationManager, QueuedWithdrawalParams},
    operator::{self, Operator},
};
use gavel_testkit::{
    TestkitError,
    devnet::{Description, Devnet, DevnetOptions, OperatorAccounts},
    gavel::setup_without_circuits,
    uniswap::tokens,
};
use gavel_types::unit::Class;

async fn devnet() -> Result<Devnet, TestkitError> {
    let mut options = DevnetOptions::new(setup_without_circuits())?;
    options.traded_blocks = 0;
    Devnet::start(options, |_| {}).await
}

/// What a restaker could withdraw.
async fn withdrawable(devnet: &Devnet, restaker: Address) -> U256 {
    let core = &devnet.deployment().eigenlayer;
    let delegation = DelegationManager::new(core.delegation_manager, devnet.client().provider());
    let strategies = vec![devnet.deployment().restake.strategy];
    delegation.getWithdrawableShares(restaker, strategies).call().await.unwrap().withdrawableShares[0]
}

#[tokio::test]
async fn a_whole_network_starts_and_describes_itself() -> Result<(), TestkitError> {
    let start = std::time::Instant::now();
    let mut options = DevnetOptions::new(setup_without_circuits())?;
    options.traded_blocks = 26;
    let mut steps = Vec::new();
    let devnet = Devnet::start(options, |step| steps.push(step.to_owned())).await?;
    println!("{:?} {steps:?}", start.elapsed());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devnet.json");
    devnet.description.write(&path)?;
    assert_eq!(Description::read(&path)?, devnet.description);
    let deployment = gavel_chain::deployment::Deployment::read(&path).unwrap();
    assert_eq!(&deployment, devnet.deployment());
    Ok(())
}

#[tokio::test]
async fn capacity_follows_slashable_stake() -> Result<(), TestkitError> {
    let devnet = devnet().await?;
    let accounts = devnet.add_operator(1, tokens(1_000)).await?;
    let owner = accounts.owner.address;
    let status = devnet.status(owner).await?;
    assert_eq!(status.slashable_stake, tokens(1_000));
    assert_eq!((status.capacity.total, status.capacity.free, status.capacity.fresh), (2_000, 2_000, true));
    assert_eq!((status.bid_key, status.classes), (Some(accounts.bid.address), 7));

    // A queued withdrawal stops counting at once; the contract learns of it at the next sync.
    let restaker = devnet.wallet(&accounts.restaker)?;
    let params = QueuedWithdrawalParams {
        strategies: vec![devnet.deployment().restake.strategy],
        depositShares: vec![tokens(400)],
        withdrawer: restaker.address(),
    };
    let queue = DelegationManager::queueWithdrawalsCall { params: vec![params] };
    restaker.send(devnet.deployment().eigenlayer.delegation_manager, &queue).await?;
    operator::sync_capacity(&restaker, devnet.deployment(), owner).await?;
    assert_eq!(devnet.status(owner).await?.capacity.total, 1_200);

    // Half of the magnitude taken back: it counts no longer, though it stays slashable for a while.
    let wallet = devnet.wallet(&accounts.owner)?;
    Operator { wallet: &wallet, deployment: devnet.deployment() }.allocate(operator::FULL_MAGNITUDE / 2).await?;
    operator::sync_capacity(&restaker, devnet.deployment(), owner).await?;
    assert_eq!(devnet.status(owner).await?.capacity.total, 600);
    assert_eq!(withdrawable(&devnet, restaker.address()).await, tokens(600));
    Ok(())
}

#[tokio::test]
async fn an_operator_without_stake_is_refused_by_name() -> Result<(), TestkitError> {
    let devnet = devnet().await?;
    let accounts = OperatorAccounts::of(1);
    let owner = devnet.wallet(&accounts.owner)?;
    let operator = Operator { wallet: &owner, deployment: devnet.deployment() };
    operator.register_with_core(0, "").await?;
    // Before the allocation delay is in force nothing can be allocated.
    let early = operator.allocate(operator::FULL_MAGNITUDE).await.unwrap_err();
    assert!(early.to_string().contains("UninitializedAllocationDelay"), "{early}");
    devnet.anvil.mine(operator.blocks_until_allocation().await?.into()).await?;
    devnet.restake(&accounts, tokens(99)).await?;
    operator.allocate(operator::FULL_MAGNITUDE).await?;
    let refused = operator.join(accounts.bid.address, [Class::Small].into_iter().collect()).await.unwrap_err();
    assert!(refused.to_string().contains("StakeTooLow"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn an_operator_leaves_and_gets_no_new_capacity() -> Result<(), TestkitError> {
    let mut options = DevnetOptions::new(setup_without_circuits())?.with_short_delays();
    options.traded_blocks = 0;
    let devnet = Devnet::start(options, |_| {}).await?;
    let accounts = devnet.add_operator(1, tokens(1_000)).await?;
    let owner = devnet.wallet(&accounts.owner)?;
    let operator = Operator { wallet: &owner, deployment: devnet.deployment() };
    operator.leave().await?;
    let status = devnet.status(owner.address()).await?;
    assert!(status.leaving, "{status:?}");
    operator::sync_capacity(&owner, devnet.deployment(), owner.address()).await?;
    assert_eq!(devnet.status(owner.address()).await?.capacity.total, 0);

    // Inside the window it cannot come back; afterwards it can.
    let accounts_key = accounts.bid.address;
    let early = operator.join(accounts_key, [Class::Small].into_iter().collect()).await.unwrap_err();
    assert!(early.to_string().contains("AlreadyMemberOfSet"), "{early}");
    devnet.anvil.mine(40).await?;
    operator.join(accounts_key, [Class::Small].into_iter().collect()).await?;
    let status = devnet.status(owner.address()).await?;
    assert_eq!((status.leaving, status.capacity.total), (false, 2_000));
    Ok(())
}
