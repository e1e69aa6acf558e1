//! Transactions owed to the chain: the row first, then every signed attempt, then the outcome.

use alloy_primitives::{Address, B256, U256};
use sqlx::sqlite::SqliteRow;

use crate::column::{Columns, int, number};
use crate::error::StoreError;
use crate::store::Transaction;

/// A transaction that is wanted. The key names it for ever: the same key is the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxIntent {
    pub key: String,
    pub to: Address,
    pub data: Vec<u8>,
    /// Wei.
    pub value: U256,
    pub gas_limit: Option<u64>,
}

/// A signed transaction that may have been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxAttempt {
    pub nonce: u64,
    pub hash: B256,
    pub raw: Vec<u8>,
    /// Wei per gas.
    pub max_fee: u128,
    /// Wei per gas.
    pub priority_fee: u128,
    /// The newest block when it was signed.
    pub signed_at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxOutcome {
    Succeeded {
        hash: B256,
        block_number: u64,
        block_hash: B256,
        gas_used: u64,
    },
    /// Its purpose is gone.
    Dropped {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: i64,
    pub intent: OutboxIntent,
    /// Oldest first.
    pub attempts: Vec<OutboxAttempt>,
    pub outcome: Option<OutboxOutcome>,
}

impl Transaction {
    /// Adds an intent of an account; a key that exists changes nothing, except that a dropped one is wanted again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_intent(&mut self, account: Address, intent: &OutboxIntent) -> Result<OutboxRow, StoreError> {
        sqlx::query(
            "INSERT INTO outbox (key, account, recipient, data, value, gas_limit) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (account, key) DO NOTHING",
        )
        .bind(&intent.key)
        .bind(account.as_slice())
        .bind(intent.to.as_slice())
        .bind(&intent.data)
        .bind(number(intent.value))
        .bind(intent.gas_limit.map(|gas| int("gas_limit", gas)).transpose()?)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "UPDATE outbox SET outcome = NULL, reason = NULL WHERE account = ? AND key = ? AND outcome = 'dropped'",
        )
        .bind(account.as_slice())
        .bind(&intent.key)
        .execute(self.connection())
        .await?;
        let found = self.intent(account, &intent.key).await?;
        found.ok_or_else(|| StoreError::Missing { table: "outbox", key: intent.key.clone() })
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn intent(&mut self, account: Address, key: &str) -> Result<Option<OutboxRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM outbox WHERE account = ? AND key = ?")
            .bind(account.as_slice())
            .bind(key)
            .fetch_optional(self.connection())
            .await?;
        match row {
            Some(row) => self.read_outbox(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Rows of an account without an outcome, in the order in which they were added.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_intents(&mut self, account: Address) -> Result<Vec<OutboxRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM outbox WHERE account = ? AND outcome IS NULL ORDER BY id")
            .bind(account.as_slice())
            .fetch_all(self.connection())
            .await?;
        let mut open = Vec::with_capacity(rows.len());
        for row in &rows {
            open.push(self.read_outbox(row).await?);
        }
        Ok(open)
    }

    /// Adds an attempt; called before it is sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_attempt(&mut self, row: i64, attempt: &OutboxAttempt) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO outbox_attempts SELECT ?1, count(*), ?2, ?3, ?4, ?5, ?6, ?7 FROM outbox_attempts \
             WHERE outbox_id = ?1",
        )
        .bind(row)
        .bind(int("nonce", attempt.nonce)?)
        .bind(attempt.hash.as_slice())
        .bind(&attempt.raw)
        .bind(attempt.max_fee.to_be_bytes().to_vec())
        .bind(attempt.priority_fee.to_be_bytes().to_vec())
        .bind(int("signed_at", attempt.signed_at)?)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Closes a row.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it is not open.
    pub async fn finish_intent(&mut self, row: i64, outcome: &OutboxOutcome) -> Result<(), StoreError> {
        let (name, mined, reason) = match outcome {
            OutboxOutcome::Succeeded { hash, block_number, block_hash, gas_used } => {
                let (block, gas) = (int("block_number", *block_number)?, int("gas_used", *gas_used)?);
                ("succeeded", Some((hash, block, block_hash, gas)), None)
            }
            OutboxOutcome::Dropped { reason } => ("dropped", None, Some(reason)),
        };
        let done = sqlx::query(
            "UPDATE outbox SET outcome = ?, outcome_hash = ?, block_number = ?, block_hash = ?, gas_used = ?, \
             reason = ? WHERE id = ? AND outcome IS NULL",
        )
        .bind(name)
        .bind(mined.as_ref().map(|(hash, ..)| hash.as_slice()))
        .bind(mined.as_ref().map(|(_, block, ..)| *block))
        .bind(mined.as_ref().map(|(_, _, hash, _)| hash.as_slice()))
        .bind(mined.as_ref().map(|(.., gas)| *gas))
        .bind(reason)
        .bind(row)
        .execute(self.connection())
        .await?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Missing { table: "open outbox row", key: row.to_string() }),
        }
    }

    /// Closes an open row whose purpose is gone, unless it has more attempts than the `attempts` that are known
    /// to be dead: one that may still be mined keeps its nonce.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn drop_intent(
        &mut self,
        account: Address,
        key: &str,
        attempts: usize,
        reason: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET outcome = 'dropped', reason = ? WHERE account = ? AND key = ? AND outcome IS NULL \
             AND (SELECT count(*) FROM outbox_attempts WHERE outbox_id = outbox.id) <= ?",
        )
        .bind(reason)
        .bind(account.as_slice())
        .bind(key)
        .bind(attempts as i64)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Opens what was mined in a block that is gone: its attempts are looked for and sent again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reopen_mined_in(&mut self, block_hash: B256) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "UPDATE outbox SET outcome = NULL, outcome_hash = NULL, block_number = NULL, block_hash = NULL, \
             gas_used = NULL WHERE block_hash = ? RETURNING key",
        )
        .bind(block_hash.as_slice())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(|row| Columns(row).text("key")).collect()
    }

    /// As [`Transaction::reopen_mined_in`], for every other block of this number than the one that is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reopen_mined_beside(&mut self, number: u64, block_hash: B256) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "UPDATE outbox SET outcome = NULL, outcome_hash = NULL, block_number = NULL, block_hash = NULL, \
             gas_used = NULL WHERE block_number = ? AND block_hash <> ? RETURNING key",
        )
        .bind(int("block_number", number)?)
        .bind(block_hash.as_slice())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(|row| Columns(row).text("key")).collect()
    }

    async fn read_outbox(&mut self, row: &SqliteRow) -> Result<OutboxRow, StoreError> {
        let columns = Columns(row);
        let id = columns.signed("id")?;
        let attempts = sqlx::query("SELECT * FROM outbox_attempts WHERE outbox_id = ? ORDER BY position")
            .bind(id)
            .fetch_all(self.connection())
            .await?;
        let attempt = |row: &SqliteRow| -> Result<OutboxAttempt, StoreError> {
            let columns = Columns(row);
            Ok(OutboxAttempt {
                nonce: columns.uint("nonce")?,
                hash: columns.word("hash")?,
                raw: columns.bytes("raw")?,
                max_fee: columns.wide("max_fee")?,
                priority_fee: columns.wide("priority_fee")?,
                signed_at: columns.uint("signed_at")?,
            })
        };
        let outcome = match columns.text_or_null("outcome")?.as_deref() {
            None => None,
            Some("dropped") => Some(OutboxOutcome::Dropped { reason: columns.text("reason")? }),
            Some(_) => Some(OutboxOutcome::Succeeded {
                hash: columns.word("outcome_hash")?,
                block_number: columns.uint("block_number")?,
                block_hash: columns.word("block_hash")?,
                gas_used: columns.uint("gas_used")?,
            }),
        };
        Ok(OutboxRow {
            id,
            intent: OutboxIntent {
                key: columns.text("key")?,
                to: columns.address("recipient")?,
                data: columns.bytes("data")?,
                value: columns.number("value")?,
                gas_limit: columns.uint_or_null("gas_limit")?,
            },
            attempts: attempts.iter().map(attempt).collect::<Result<_, _>>()?,
            outcome,
        })
    }
}
