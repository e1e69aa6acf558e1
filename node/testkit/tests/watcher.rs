//! The watcher on a real node that reorganises.

use std::collections::BTreeSet;

use alloy::{primitives::U256, providers::Provider, rpc::types::Filter};
use gavel_chain::{
    bindings::token::Erc20,
    watcher::{Change, Cursor, Event, EventKey, WatchOptions, Watcher},
};
use gavel_testkit::{Anvil, AnvilOptions, TestkitError, keys, uniswap};

/// Polls until nothing is new, keeping the events that are in force.
async fn follow(watcher: &Watcher, cursor: &mut Cursor, in_force: &mut Vec<Event>) -> Result<usize, TestkitError> {
    let mut withdrawn = 0;
    while let Some(update) = watcher.poll(cursor).await? {
        match update.change {
            Change::Applied { events, .. } => in_force.extend(events),
            Change::Withdrawn { block } => {
                in_force.retain(|event| event.block != block);
                withdrawn += 1;
            }
        }
        // As a store would: written, and read back after a restart.
        let stored = serde_json::to_string(&update.cursor).unwrap();
        *cursor = serde_json::from_str(&stored).unwrap();
    }
    Ok(withdrawn)
}

#[tokio::test]
async fn events_are_applied_once_and_withdrawn_with_their_block() -> Result<(), TestkitError> {
    let anvil = Anvil::start(AnvilOptions::default()).await?;
    let owner = anvil.wallet("owner").await?;
    let token = uniswap::deploy_token(&owner, uniswap::tokens(1)).await?;
    let options = WatchOptions { confirmations: 1, remembered: 64 };
    let watcher = Watcher::new(anvil.client().clone(), vec![token], options);
    let mut cursor = Cursor::new(0);
    let mut in_force = Vec::new();

    let transfer = Erc20::transferCall { to: keys::address("receiver"), amount: U256::from(5) };
    for _ in 0..6 {
        owner.send(token, &transfer).await?;
    }
    follow(&watcher, &mut cursor, &mut in_force).await?;
    // The first event is the mint; the newest transfer is not confirmed yet.
    assert_eq!(in_force.len(), 1 + 5);

    anvil.reorganise(3).await?;
    owner.send(token, &transfer).await?;
    anvil.mine(2).await?;
    let withdrawn = follow(&watcher, &mut cursor, &mut in_force).await?;
    assert!(withdrawn >= 2, "{withdrawn}");

    let head = anvil.client().head().await?;
    let filter = Filter::new().address(token).from_block(0u64).to_block(head - options.confirmations);
    let logs = anvil.client().provider().get_logs(&filter).await.unwrap();
    let expected: BTreeSet<EventKey> = logs
        .iter()
        .map(|log| EventKey { block_hash: log.block_hash.unwrap(), log_index: log.log_index.unwrap() })
        .collect();
    let got: Vec<EventKey> = in_force.iter().map(Event::key).collect();
    assert_eq!(got.len(), expected.len(), "none twice");
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
    Ok(())
}
