//! The outbox sender on a real node: deaths, lost and stuck transactions, foreign nonces, reorganisations.

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use gavel_chain::{
    bindings::token::Erc20,
    sender::{Intent, Outcome, Policy, Sender},
};
use gavel_testkit::{Anvil, AnvilOptions, TestkitError, keys, outbox::MortalOutbox, uniswap};

const POLICY: Policy = Policy {
    confirmations: 2,
    bump_after: 2,
    bump_percent: 25,
    priority_fee: 1_000_000_000,
    max_fee: 1_000_000_000_000,
    in_flight: 4,
};

/// A payment that can be counted at its receiver.
fn payment(key: &str, to: Address) -> Intent {
    Intent { key: key.into(), to, data: Bytes::new(), value: U256::from(1), gas_limit: None }
}

struct Setup {
    anvil: Anvil,
    outbox: MortalOutbox,
    receiver: Address,
}

async fn setup() -> Result<Setup, TestkitError> {
    let anvil = Anvil::start(AnvilOptions::default()).await?;
    anvil.wallet("sender").await?;
    anvil.hold_transactions(true).await?;
    Ok(Setup { anvil, outbox: MortalOutbox::default(), receiver: keys::address("receiver") })
}

impl Setup {
    /// A sender as a freshly started process has it.
    fn sender(&self) -> Result<Sender<MortalOutbox>, TestkitError> {
        let client = self.anvil.client().clone();
        Ok(Sender::new(client, keys::secret("sender"), self.outbox.clone(), POLICY)?)
    }

    async fn paid(&self) -> Result<U256, TestkitError> {
        Ok(self.anvil.client().balance(self.receiver).await?)
    }

    /// Takes turns and mines blocks until all rows of `keys` are closed.
    async fn settle(&self, sender: &mut Sender<MortalOutbox>, keys: &[&str]) -> Result<(), TestkitError> {
        for _ in 0..20 {
            sender.turn().await?;
            if keys.iter().all(|key| self.outbox.row(key).is_some_and(|row| row.outcome.is_some())) {
                return Ok(());
            }
            self.anvil.mine(1).await?;
        }
        panic!("not settled: {keys:?}")
    }
}

#[tokio::test]
async fn intents_are_mined_once_each_in_order() -> Result<(), TestkitError> {
    let setup = setup().await?;
    let mut sender = setup.sender()?;
    for key in ["a", "b", "c", "a"] {
        sender.put(payment(key, setup.receiver)).await?;
    }
    setup.settle(&mut sender, &["a", "b", "c"]).await?;
    assert_eq!(setup.paid().await?, U256::from(3));
    let nonces: Vec<u64> = ["a", "b", "c"].iter().map(|key| setup.outbox.row(key).unwrap().attempts[0].nonce).collect();
    assert_eq!(nonces, [0, 1, 2]);
    Ok(())
}

#[tokio::test]
async fn a_death_between_row_and_send_loses_and_doubles_nothing() -> Result<(), TestkitError> {
    let setup = setup().await?;
    let mut first = setup.sender()?;
    first.put(payment("a", setup.receiver)).await?;
    setup.outbox.die_after_recording();
    first.turn().await.unwrap_err();
    drop(first);

    let mut second = setup.sender()?;
    second.put(payment("a", setup.receiver)).await?;
    setup.settle(&mut second, &["a"]).await?;
    let row = setup.outbox.row("a").unwrap();
    assert_eq!(row.attempts.len(), 1, "the recorded transaction itself was sent");
    assert!(matches!(row.outcome, Some(Outcome::Succeeded { hash, .. }) if hash == row.attempts[0].hash));
    assert_eq!(setup.paid().await?, U256::from(1));

    // And a restart after it was mined, before that was written down.
    let mut third = setup.sender()?;
    third.put(payment("b", setup.receiver)).await?;
    third.turn().await?;
    drop(third);
    setup.anvil.mine(5).await?;
    setup.sender()?.turn().await?;
    assert!(matches!(setup.outbox.row("b").unwrap().outcome, Some(Outcome::Succeeded { .. })));
    assert_eq!(setup.paid().await?, U256::from(2));
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_the_node_forgot_is_sent_again() -> Result<(), TestkitError> {
    let setup = setup().await?;
    let mut sender = setup.sender()?;
    sender.put(payment("a", setup.receiver)).await?;
    sender.turn().await?;
    let hash = setup.outbox.row("a").unwrap().attempts[0].hash;
    setup.anvil.forget_transaction(hash).await?;
    setup.settle(&mut sender, &["a"]).await?;
    assert_eq!(setup.outbox.row("a").unwrap().attempts.len(), 1);
    assert_eq!(setup.paid().await?, U256::from(1));
    Ok(())
}

#[tokio::test]
async fn fees_rise_at_the_same_nonce_until_it_is_mined() -> Result<(), TestkitError> {
    let setup = setup().await?;
    let mut sender = setup.sender()?;
    sender.put(payment("a", setup.receiver)).await?;
    sender.turn().await?;
    // The base fee jumps above what the first attempt offers.
    for _ in 0..POLICY.bump_after {
        setup.anvil.next_base_fee(50_000_000_000).await?;
        setup.anvil.mine(1).await?;
    }
    sender.turn().await?;
    let row = setup.outbox.row("a").unwrap();
    assert_eq!(row.attempts.len(), 2, "{:?}", row.attempts);
    assert_eq!(row.attempts[0].nonce, row.attempts[1].nonce);
    assert!(row.attempts[1].max_fee > 50_000_000_000);
    setup.settle(&mut sender, &["a"]).await?;
    let row = setup.outbox.row("a").unwrap();
    assert!(matches!(row.outcome, Some(Outcome::Succeeded { hash, .. }) if hash == row.attempts[1].hash));
    assert_eq!(setup.paid().await?, U256::from(1));
    Ok(())
}

#[tokio::test]
async fn a_nonce_used_elsewhere_is_replaced_once_that_is_final() -> Result<(), TestkitError> {
    let setup = setup().await?;
    let mut sender = setup.sender()?;
    sender.put(payment("a", setup.receiver)).await?;
    setup.outbox.die_after_recording();
    sender.turn().await.unwrap_err();
    // Somebody uses the key against the rules, and the nonce with it.
    setup.anvil.hold_transactions(false).await?;
    setup.anvil.wallet("sender").await?.pay(keys::address("somebody else"), U256::from(1)).await?;
    setup.anvil.hold_transactions(true).await?;
    setup.settle(&mut sender, &["a"]).await?;
    let row = setup.outbox.row("a").unwrap();
    assert_eq!(row.attempts.iter().map(|attempt| attempt.nonce).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(setup.paid().await?, U256::from(1));
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_a_reorganisation_removed_is_mined_again() -> Result<(), TestkitError> {
    let setup = setup().await?;
    setup.anvil.mine(5).await?;
    let mut sender = setup.sender()?;
    sender.put(payment("a", setup.receiver)).await?;
    sender.turn().await?;
    setup.anvil.mine(1).await?;
    assert_eq!(setup.paid().await?, U256::from(1));
    sender.turn().await?;
    assert!(setup.outbox.row("a").unwrap().outcome.is_none(), "not deep enough yet");
    setup.anvil.reorganise(2).await?;
    assert_eq!(setup.paid().await?, U256::ZERO);
    setup.settle(&mut sender, &["a"]).await?;
    assert_eq!(setup.paid().await?, U256::from(1));
    Ok(())
}

/// A transfer of one token, which reverts while the sender has none.
fn transfer(key: &str, token: Address, to: Address) -> Intent {
    let data = Erc20::transferCall { to, amount: U256::from(1) }.abi_encode().into();
    Intent { data, value: U256::ZERO, ..payment(key, token) }
}

#[tokio::test]
async fn what_is_refused_is_tried_again_until_it_succeeds() -> Result<(), TestkitError> {
    let setup = setup().await?;
    setup.anvil.hold_transactions(false).await?;
    let owner = setup.anvil.wallet("owner").await?;
    let token = uniswap::deploy_token(&owner, U256::from(1)).await?;
    let mut sender = setup.sender()?;
    sender.put(transfer("too early", token, setup.receiver)).await?;
    let refused = sender.turn().await?.refused;
    assert_eq!((refused.len(), refused[0].attempts), (1, 0));
    assert!(refused[0].reason.contains("underflow"), "{refused:?}");
    assert!(sender.turn().await?.refused.is_empty(), "the same block is not asked twice");
    setup.anvil.mine(1).await?;
    assert_eq!(sender.turn().await?.refused, refused);
    owner.send(token, &Erc20::transferCall { to: sender.account(), amount: U256::from(1) }).await?;
    setup.settle(&mut sender, &["too early"]).await?;
    assert!(matches!(setup.outbox.row("too early").unwrap().outcome, Some(Outcome::Succeeded { .. })));
    Ok(())
}

#[tokio::test]
async fn what_was_reverted_gets_another_nonce() -> Result<(), TestkitError> {
    let setup = setup().await?;
    setup.anvil.hold_transactions(false).await?;
    let owner = setup.anvil.wallet("owner").await?;
    let token = uniswap::deploy_token(&owner, U256::from(1)).await?;
    let mut sender = setup.sender()?;
    // With a gas limit nothing is estimated: it is mined and reverted.
    sender.put(Intent { gas_limit: Some(100_000), ..transfer("a", token, setup.receiver) }).await?;
    sender.turn().await?;
    setup.anvil.mine(2).await?;
    let refused = sender.turn().await?.refused;
    assert!(refused.len() == 1 && refused[0].reason.contains("was reverted"), "{refused:?}");
    owner.send(token, &Erc20::transferCall { to: sender.account(), amount: U256::from(1) }).await?;
    setup.settle(&mut sender, &["a"]).await?;
    let row = setup.outbox.row("a").unwrap();
    assert_eq!(row.attempts.iter().map(|attempt| attempt.nonce).collect::<Vec<_>>(), [0, 1]);
    assert!(matches!(row.outcome, Some(Outcome::Succeeded { hash, .. }) if hash == row.attempts[1].hash));
    Ok(())
}

#[tokio::test]
async fn without_funds_nothing_is_signed_until_there_are_some() -> Result<(), TestkitError> {
    let setup = setup().await?;
    setup.anvil.hold_transactions(false).await?;
    let client = setup.anvil.client().clone();
    let mut sender = Sender::new(client, keys::secret("pauper"), setup.outbox.clone(), POLICY)?;
    for key in ["a", "b"] {
        sender.put(Intent { gas_limit: Some(30_000), ..payment(key, setup.receiver) }).await?;
    }
    let rich = setup.anvil.wallet("rich").await?;
    for _ in 0..3 {
        rich.pay(sender.account(), U256::from(1)).await?;
        sender.turn().await?;
        assert!(["a", "b"].iter().all(|key| setup.outbox.row(key).unwrap().attempts.is_empty()));
    }
    setup.anvil.fund(sender.account()).await?;
    setup.settle(&mut sender, &["a", "b"]).await?;
    assert!(["a", "b"].iter().all(|key| setup.outbox.row(key).unwrap().attempts.len() == 1));
    Ok(())
}
