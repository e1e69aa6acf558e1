//! The store as the sender's outbox.

use alloy::primitives::Bytes;
use alloy_primitives::Address;
use gavel_chain::BlockRef;
use gavel_chain::sender::{Attempt, Intent, Outbox, Outcome, Row};
use gavel_store::{Lease, OutboxAttempt, OutboxIntent, OutboxOutcome, OutboxRow, Store, StoreError};

/// Outbox rows of one lease holder.
#[derive(Clone, Debug)]
pub struct StoreOutbox {
    store: Store,
    lease: Lease,
}

impl StoreOutbox {
    pub fn new(store: Store, lease: Lease) -> Self {
        Self { store, lease }
    }
}

impl Outbox for StoreOutbox {
    type Error = StoreError;

    async fn put(&self, account: Address, intent: Intent) -> Result<Row, StoreError> {
        let mut transaction = self.store.write(&self.lease).await?;
        let intent = OutboxIntent {
            key: intent.key,
            to: intent.to,
            data: intent.data.to_vec(),
            value: intent.value,
            gas_limit: intent.gas_limit,
        };
        let row = transaction.put_intent(account, &intent).await?;
        transaction.commit().await?;
        Ok(to_row(row))
    }

    async fn open(&self, account: Address) -> Result<Vec<Row>, StoreError> {
        let rows = self.store.read().await?.open_intents(account).await?;
        Ok(rows.into_iter().map(to_row).collect())
    }

    async fn record(&self, row: i64, attempt: Attempt) -> Result<(), StoreError> {
        let mut transaction = self.store.write(&self.lease).await?;
        let attempt = OutboxAttempt {
            nonce: attempt.nonce,
            hash: attempt.hash,
            raw: attempt.raw.to_vec(),
            max_fee: attempt.max_fee,
            priority_fee: attempt.priority_fee,
            signed_at: attempt.signed_at,
        };
        transaction.put_attempt(row, &attempt).await?;
        transaction.commit().await
    }

    async fn finish(&self, row: i64, outcome: Outcome) -> Result<(), StoreError> {
        let mut transaction = self.store.write(&self.lease).await?;
        let outcome = match outcome {
            Outcome::Succeeded { hash, block, gas_used } => {
                OutboxOutcome::Succeeded { hash, block_number: block.number, block_hash: block.hash, gas_used }
            }
            Outcome::Dropped { reason } => OutboxOutcome::Dropped { reason },
        };
        transaction.finish_intent(row, &outcome).await?;
        transaction.commit().await
    }
}

fn to_row(row: OutboxRow) -> Row {
    let attempt = |attempt: OutboxAttempt| Attempt {
        nonce: attempt.nonce,
        hash: attempt.hash,
        raw: Bytes::from(attempt.raw),
        max_fee: attempt.max_fee,
        priority_fee: attempt.priority_fee,
        signed_at: attempt.signed_at,
    };
    let outcome = row.outcome.map(|outcome| match outcome {
        OutboxOutcome::Succeeded { hash, block_number, block_hash, gas_used } => {
            Outcome::Succeeded { hash, block: BlockRef { number: block_number, hash: block_hash }, gas_used }
        }
        OutboxOutcome::Dropped { reason } => Outcome::Dropped { reason },
    });
    Row {
        id: row.id,
        intent: Intent {
            key: row.intent.key,
            to: row.intent.to,
            data: Bytes::from(row.intent.data),
            value: row.intent.value,
            gas_limit: row.intent.gas_limit,
        },
        attempts: row.attempts.into_iter().map(attempt).collect(),
        outcome,
    }
}
