//! Events of contracts, in order, exactly once, at a confirmation depth, and taken back when a
//! reorganisation removes their block.
//!
//! The watcher keeps nothing: [`Watcher::poll`] takes the [`Cursor`] that the caller stored and
//! returns one change with the next cursor, to be committed together. What to do next is decided
//! by [`Cursor`] without IO.

mod cursor;
mod event;

pub use cursor::{Cursor, Step, Want, WatchOptions};
pub use event::{Event, EventKey, GavelEvent};

use alloy::{primitives::Address, providers::Provider, rpc::types::Filter};

use crate::{
    client::{BlockRef, ChainClient},
    error::ChainError,
};

/// A change to what is known of the chain.
#[derive(Clone, Debug)]
pub enum Change {
    /// A block became part of the confirmed chain; `events` in log order.
    Applied { block: BlockRef, timestamp: u64, events: Vec<Event> },
    /// The newest applied block is no longer part of the chain: all its events are void.
    Withdrawn { block: BlockRef },
}

/// A change and the cursor after it.
#[derive(Clone, Debug)]
pub struct Update {
    pub cursor: Cursor,
    pub change: Change,
}

/// Watches some contracts of one chain.
#[derive(Clone, Debug)]
pub struct Watcher {
    client: ChainClient,
    contracts: Vec<Address>,
    options: WatchOptions,
}

impl Watcher {
    pub fn new(client: ChainClient, contracts: Vec<Address>, options: WatchOptions) -> Self {
        Self { client, contracts, options }
    }

    /// The next change after `cursor`, or `None` when there is none yet.
    ///
    /// # Errors
    /// [`ChainError::DeepReorg`] when more blocks vanished than are remembered; otherwise what a
    /// call fails with. Errors leave the cursor as it was: call again.
    pub async fn poll(&self, cursor: &Cursor) -> Result<Option<Update>, ChainError> {
        let head = self.client.head().await?;
        let number = match cursor.want(head, &self.options) {
            Want::Nothing => return Ok(None),
            Want::Header(number) => number,
        };
        // A shorter chain than before has no block there: the same as another block.
        let header = match self.client.header(number).await {
            Ok(header) => Some(header),
            Err(ChainError::UnknownBlock { .. }) => None,
            Err(error) => return Err(error),
        };
        let seen = header.as_ref().map(|header| (header.block(), header.parent));
        match (cursor.clone().see(seen, &self.options)?, header) {
            (Step::Unchanged, _) => Ok(None),
            (Step::Withdraw { block, cursor }, _) => {
                tracing::warn!(number = block.number, hash = %block.hash, "block withdrawn by a reorganisation");
                Ok(Some(Update { cursor, change: Change::Withdrawn { block } }))
            }
            (Step::Apply { block, cursor }, Some(header)) => {
                let events = self.events(block).await?;
                let change = Change::Applied { block, timestamp: header.timestamp, events };
                Ok(Some(Update { cursor, change }))
            }
            // A step applies only a block that was seen.
            (Step::Apply { .. }, None) => Ok(None),
        }
    }

    /// Logs by block hash, so that a reorganisation in between cannot mix two blocks.
    async fn events(&self, block: BlockRef) -> Result<Vec<Event>, ChainError> {
        let filter = Filter::new().at_block_hash(block.hash).address(self.contracts.clone());
        let logs = self
            .client
            .provider()
            .get_logs(&filter)
            .await
            .map_err(|e| ChainError::about_block("eth_getLogs", block.number, e))?;
        let mut events = logs.into_iter().map(|log| Event::from_log(block, log)).collect::<Result<Vec<_>, _>>()?;
        events.sort_by_key(|event| event.log_index);
        Ok(events)
    }
}
