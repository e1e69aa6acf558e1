//! Lots of a tick and who won them.

use gavel_domain::auction::AnnouncedLot;
use gavel_domain::auction::allocation::LotOutcome;
use gavel_types::id::{LotDigest, OperatorId, TickKey};
use gavel_types::job::JobTerms;
use gavel_types::lot::{Lot, LotError};
use gavel_types::unit::{Class, WeiPerUnit};
use sqlx::sqlite::SqliteRow;

use crate::auctions::{TickColumns, read_key};
use crate::column::{Columns, int, number};
use crate::error::StoreError;
use crate::jobs::read_job;
use crate::store::Transaction;

impl Transaction {
    pub(crate) async fn insert_lots(&mut self, tick: TickColumns, lots: &[AnnouncedLot]) -> Result<(), StoreError> {
        for AnnouncedLot { lot, digest, .. } in lots {
            sqlx::query("INSERT INTO lots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)")
                .bind(digest.0.as_slice())
                .bind(tick.supernet)
                .bind(tick.epoch)
                .bind(tick.tick)
                .bind(lot.number)
                .bind(lot.class as u8)
                .bind(number(lot.ceiling.0))
                .bind(int("accept_blocks", lot.accept_blocks)?)
                .bind(int("proving_blocks", lot.proving_blocks)?)
                .bind(lot.circuit_set.as_slice())
                .execute(self.connection())
                .await?;
            for (position, job) in lot.jobs.iter().enumerate() {
                sqlx::query("INSERT INTO lot_jobs VALUES (?, ?, ?)")
                    .bind(digest.0.as_slice())
                    .bind(position as i64)
                    .bind(job.job.0.as_slice())
                    .execute(self.connection())
                    .await?;
            }
        }
        Ok(())
    }

    /// Stores who won which lot.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_outcomes(&mut self, outcomes: &[LotOutcome]) -> Result<(), StoreError> {
        for outcome in outcomes {
            let (winner, price) = outcome.winner.unzip();
            sqlx::query("UPDATE lots SET winner = ?, price = ? WHERE lot_digest = ?")
                .bind(winner.as_ref().map(|operator| operator.0.as_slice()))
                .bind(price.map(|price| number(price.0)))
                .bind(outcome.lot.0.as_slice())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// Lot by its digest.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such lot.
    pub async fn lot(&mut self, digest: LotDigest) -> Result<AnnouncedLot, StoreError> {
        let row = sqlx::query("SELECT * FROM lots WHERE lot_digest = ?")
            .bind(digest.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        let row = row.ok_or_else(|| StoreError::Missing { table: "lot", key: digest.to_string() })?;
        self.read_lot(&row).await
    }

    /// Lots of a tick in ascending number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lots_of(&mut self, key: TickKey) -> Result<Vec<AnnouncedLot>, StoreError> {
        let columns = TickColumns::new(key)?;
        let rows = sqlx::query("SELECT * FROM lots WHERE supernet = ? AND epoch = ? AND tick = ? ORDER BY number")
            .bind(columns.supernet)
            .bind(columns.epoch)
            .bind(columns.tick)
            .fetch_all(self.connection())
            .await?;
        let mut lots = Vec::with_capacity(rows.len());
        for row in &rows {
            lots.push(self.read_lot(row).await?);
        }
        Ok(lots)
    }

    async fn read_lot(&mut self, row: &SqliteRow) -> Result<AnnouncedLot, StoreError> {
        let columns = Columns(row);
        let digest = columns.word("lot_digest")?;
        let jobs = sqlx::query(
            "SELECT jobs.* FROM lot_jobs JOIN jobs USING (job_id) WHERE lot_jobs.lot_digest = ? \
             ORDER BY lot_jobs.position",
        )
        .bind(digest.as_slice())
        .fetch_all(self.connection())
        .await?;
        let jobs: Vec<JobTerms> =
            jobs.iter().map(|row| read_job(row).map(|job| job.value.job.terms)).collect::<Result<_, _>>()?;
        let lot = Lot {
            key: read_key(&columns)?,
            number: columns.narrow("number")?,
            class: columns.small("class", "class", |class: u8| Class::try_from(class).ok())?,
            ceiling: WeiPerUnit(columns.number("ceiling")?),
            accept_blocks: columns.uint("accept_blocks")?,
            proving_blocks: columns.uint("proving_blocks")?,
            circuit_set: columns.word("circuit_set")?,
            jobs,
        };
        let damaged =
            |got: String| StoreError::Column { column: "lot_digest", value: got, expected: "digest of the stored lot" };
        let lot = AnnouncedLot::try_from(lot).map_err(|error: LotError| damaged(error.to_string()))?;
        if lot.digest.0 == digest { Ok(lot) } else { Err(damaged(lot.digest.to_string())) }
    }

    pub(crate) async fn outcome(&mut self, lot: LotDigest) -> Result<LotOutcome, StoreError> {
        let row = sqlx::query("SELECT winner, price FROM lots WHERE lot_digest = ?")
            .bind(lot.0.as_slice())
            .fetch_one(self.connection())
            .await?;
        let columns = Columns(&row);
        let winner = columns.address_or_null("winner")?.zip(columns.number_or_null("price")?);
        Ok(LotOutcome { lot, winner: winner.map(|(operator, price)| (OperatorId(operator), WeiPerUnit(price))) })
    }
}
