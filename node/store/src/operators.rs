//! What the chain says of operators, texts and reports; reputations, refused bids and cursors.

use alloy_primitives::B256;
use gavel_domain::reputation::Reputation;
use gavel_types::id::{AwardId, LotDigest, OperatorId};

use crate::column::{Columns, int};
use crate::error::StoreError;
use crate::store::Transaction;

/// A refused commitment or opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub lot: LotDigest,
    pub operator: OperatorId,
    pub reason: String,
    pub at_block: u64,
}

impl Transaction {
    /// An operator's reputation; a new one when nothing is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reputation(&mut self, operator: OperatorId) -> Result<Reputation, StoreError> {
        let row = sqlx::query("SELECT * FROM reputations WHERE operator = ?")
            .bind(operator.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        let Some(row) = row else { return Ok(Reputation::new(operator)) };
        let columns = Columns(&row);
        Ok(Reputation {
            operator,
            cool_down_blocks: columns.uint("cool_down_blocks")?,
            excluded_until: columns.uint("excluded_until")?,
            failures: columns.uint("failures")?,
            deliveries: columns.uint("deliveries")?,
        })
    }

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_reputation(&mut self, reputation: &Reputation) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO reputations VALUES (?, ?, ?, ?, ?)")
            .bind(reputation.operator.0.as_slice())
            .bind(int("cool_down_blocks", reputation.cool_down_blocks)?)
            .bind(int("excluded_until", reputation.excluded_until)?)
            .bind(int("failures", reputation.failures)?)
            .bind(int("deliveries", reputation.deliveries)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_refusal(&mut self, refusal: &Refusal) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO refusals (lot_digest, operator, reason, at_block) VALUES (?, ?, ?, ?)")
            .bind(refusal.lot.0.as_slice())
            .bind(refusal.operator.0.as_slice())
            .bind(&refusal.reason)
            .bind(int("at_block", refusal.at_block)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Refusals on a lot, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refusals(&mut self, lot: LotDigest) -> Result<Vec<Refusal>, StoreError> {
        let rows = sqlx::query("SELECT * FROM refusals WHERE lot_digest = ? ORDER BY id")
            .bind(lot.0.as_slice())
            .fetch_all(self.connection())
            .await?;
        rows.iter()
            .map(|row| {
                let columns = Columns(row);
                Ok(Refusal {
                    lot: LotDigest(columns.word("lot_digest")?),
                    operator: OperatorId(columns.address("operator")?),
                    reason: columns.text("reason")?,
                    at_block: columns.uint("at_block")?,
                })
            })
            .collect()
    }

    /// Where a reader of the chain stands, in its own notation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cursor(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT position FROM cursors WHERE name = ?")
            .bind(name)
            .fetch_optional(self.connection())
            .await?;
        row.map(|row| Columns(&row).text("position")).transpose()
    }

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_cursor(&mut self, name: &str, position: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO cursors VALUES (?, ?)")
            .bind(name)
            .bind(position)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Bytes that any table references as an input or proof, to tell garbage from objects.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn referenced_objects(&mut self) -> Result<Vec<B256>, StoreError> {
        let rows = sqlx::query(
            "SELECT input_digest AS digest FROM jobs WHERE input_digest IS NOT NULL \
             UNION SELECT proof_digest FROM jobs WHERE proof_digest IS NOT NULL",
        )
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(|row| Columns(row).word("digest")).collect()
    }

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_operator(&mut self, operator: OperatorId) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO operators VALUES (?)")
            .bind(operator.0.as_slice())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Operators that ever registered, by address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn operators(&mut self) -> Result<Vec<OperatorId>, StoreError> {
        let rows = sqlx::query("SELECT operator FROM operators ORDER BY operator").fetch_all(self.connection()).await?;
        rows.iter().map(|row| Columns(row).address("operator").map(OperatorId)).collect()
    }

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_text(&mut self, digest: B256, text_hash: B256, text: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)")
            .bind(digest.as_slice())
            .bind(text_hash.as_slice())
            .bind(text)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// The text that was registered under a digest with this hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn text(&mut self, digest: B256, text_hash: B256) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT text FROM texts WHERE digest = ? AND text_hash = ?")
            .bind(digest.as_slice())
            .bind(text_hash.as_slice())
            .fetch_optional(self.connection())
            .await?;
        row.map(|row| Columns(&row).text("text")).transpose()
    }

    /// Notes a miss report of a block.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_report(&mut self, award: AwardId, answer_until: u64, block: u64) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO reports VALUES (?, ?, ?, NULL)")
            .bind(award.0.as_slice())
            .bind(int("answer_until", answer_until)?)
            .bind(int("report_block", block)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn close_report(&mut self, award: AwardId, block: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE reports SET closed_block = ? WHERE award_id = ?")
            .bind(int("closed_block", block)?)
            .bind(award.0.as_slice())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Takes back what a block said of reports.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn withdraw_reports(&mut self, block: u64) -> Result<(), StoreError> {
        let block = int("report_block", block)?;
        sqlx::query("UPDATE reports SET closed_block = NULL WHERE closed_block >= ?")
            .bind(block)
            .execute(self.connection())
            .await?;
        sqlx::query("DELETE FROM reports WHERE report_block >= ?").bind(block).execute(self.connection()).await?;
        Ok(())
    }

    /// Whether a report of an award is known, and open.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(&mut self, award: AwardId) -> Result<Option<bool>, StoreError> {
        let row = sqlx::query("SELECT closed_block FROM reports WHERE award_id = ?")
            .bind(award.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        row.map(|row| Ok(Columns(&row).uint_or_null("closed_block")?.is_none())).transpose()
    }

    /// Open reports with the last block of their answer windows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_reports(&mut self) -> Result<Vec<(AwardId, u64)>, StoreError> {
        let rows =
            sqlx::query("SELECT award_id, answer_until FROM reports WHERE closed_block IS NULL ORDER BY award_id")
                .fetch_all(self.connection())
                .await?;
        rows.iter()
            .map(|row| Ok((AwardId(Columns(row).word("award_id")?), Columns(row).uint("answer_until")?)))
            .collect()
    }
}
