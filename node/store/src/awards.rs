//! Awards with every signature that was given or received for them.

use gavel_domain::award::{Award, AwardState};
use gavel_types::id::{Attempt, AwardId, JobId, LotDigest, OperatorId, TickKey};
use gavel_types::signature::SignatureBytes;
use gavel_types::unit::{WeiPerUnit, WorkUnits};
use sqlx::sqlite::SqliteRow;

use crate::Versioned;
use crate::auctions::{TickColumns, read_key};
use crate::column::{Columns, int, number};
use crate::error::StoreError;
use crate::store::{Transaction, one_row};

/// Signatures around an award.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwardSignatures {
    /// The gateway's.
    pub award: SignatureBytes,
    /// The operator's.
    pub accept: Option<SignatureBytes>,
    /// The gateway's, under the delivery receipt.
    pub receipt: Option<SignatureBytes>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwardRow {
    pub award: Award,
    pub signatures: AwardSignatures,
    /// Tick whose anchor listed the delivery.
    pub delivery_tick: Option<u64>,
    /// Kept from acceptance on, also when the award has ended otherwise: what a report needs.
    pub accept: Option<(u64, alloy_primitives::B256)>,
}

/// The columns of a state. What was known before stays: a report needs the acceptance.
struct StateColumns {
    state: &'static str,
    anchored: Option<u64>,
    accept: Option<(u64, alloy_primitives::B256)>,
    given_up: bool,
    statement: Option<alloy_primitives::B256>,
}

impl From<AwardState> for StateColumns {
    fn from(state: AwardState) -> Self {
        let plain = |state| Self { state, anchored: None, accept: None, given_up: false, statement: None };
        match state {
            AwardState::Signed => plain("signed"),
            AwardState::Anchored { block } => Self { anchored: Some(block), ..plain("anchored") },
            AwardState::Accepted { anchored, accept_block, input_digest, given_up } => Self {
                anchored: Some(anchored),
                accept: Some((accept_block, input_digest)),
                given_up,
                ..plain("accepted")
            },
            AwardState::Delivered { statement } => Self { statement: Some(statement), ..plain("delivered") },
            AwardState::Skipped => plain("skipped"),
            AwardState::Lapsed => plain("lapsed"),
            AwardState::Missed { accept_block, input_digest } => {
                Self { accept: Some((accept_block, input_digest)), ..plain("missed") }
            }
            AwardState::Void => plain("void"),
        }
    }
}

fn read_state(columns: &Columns<'_>) -> Result<AwardState, StoreError> {
    Ok(match columns.text("state")?.as_str() {
        "signed" => AwardState::Signed,
        "anchored" => AwardState::Anchored { block: columns.uint("anchored_block")? },
        "accepted" => AwardState::Accepted {
            anchored: columns.uint("anchored_block")?,
            accept_block: columns.uint("accept_block")?,
            input_digest: columns.word("input_digest")?,
            given_up: columns.uint("given_up")? != 0,
        },
        "delivered" => AwardState::Delivered { statement: columns.word("statement_digest")? },
        "skipped" => AwardState::Skipped,
        "lapsed" => AwardState::Lapsed,
        "missed" => AwardState::Missed {
            accept_block: columns.uint("accept_block")?,
            input_digest: columns.word("input_digest")?,
        },
        "void" => AwardState::Void,
        other => return columns.unknown("state", other, "award state"),
    })
}

fn read_award(row: &SqliteRow) -> Result<Versioned<AwardRow>, StoreError> {
    let columns = Columns(row);
    let award = Award {
        id: AwardId(columns.word("award_id")?),
        key: read_key(&columns)?,
        lot: LotDigest(columns.word("lot_digest")?),
        job: JobId(columns.word("job_id")?),
        attempt: Attempt(columns.narrow("attempt")?),
        operator: OperatorId(columns.address("operator")?),
        units: WorkUnits(columns.uint("units")?),
        price: WeiPerUnit(columns.number("price")?),
        accept_blocks: columns.uint("accept_blocks")?,
        proving_blocks: columns.uint("proving_blocks")?,
        state: read_state(&columns)?,
    };
    let signatures = AwardSignatures {
        award: columns.signature("signature")?,
        accept: columns.signature_or_null("accept_signature")?,
        receipt: columns.signature_or_null("receipt_signature")?,
    };
    let accept = columns.uint_or_null("accept_block")?.zip(columns.word_or_null("input_digest")?);
    let delivery_tick = columns.uint_or_null("delivery_tick")?;
    let value = AwardRow { award, signatures, delivery_tick, accept };
    Ok(Versioned { value, version: columns.signed("version")? })
}

impl Transaction {
    /// Adds an award that was just signed.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it is there already.
    pub async fn insert_award(&mut self, award: &Award, signature: &SignatureBytes) -> Result<(), StoreError> {
        let tick = TickColumns::new(award.key)?;
        sqlx::query(
            "INSERT INTO awards (award_id, supernet, epoch, tick, lot_digest, job_id, attempt, operator, units, price, \
             accept_blocks, proving_blocks, signature, state, version) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'signed', 1)",
        )
        .bind(award.id.0.as_slice())
        .bind(tick.supernet)
        .bind(tick.epoch)
        .bind(tick.tick)
        .bind(award.lot.0.as_slice())
        .bind(award.job.0.as_slice())
        .bind(award.attempt.0)
        .bind(award.operator.0.as_slice())
        .bind(int("units", award.units.0)?)
        .bind(number(award.price.0))
        .bind(int("accept_blocks", award.accept_blocks)?)
        .bind(int("proving_blocks", award.proving_blocks)?)
        .bind(signature.as_ref())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Stores a new state with the signatures that belong to it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the row has another version.
    pub async fn update_award(
        &mut self,
        award: &Award,
        signatures: &AwardSignatures,
        version: i64,
    ) -> Result<(), StoreError> {
        let state = StateColumns::from(award.state);
        let (accept_block, input) = state.accept.unzip();
        let done = sqlx::query(
            "UPDATE awards SET state = ?, anchored_block = coalesce(?, anchored_block), \
             accept_block = coalesce(?, accept_block), input_digest = coalesce(?, input_digest), given_up = ?, \
             statement_digest = ?, accept_signature = ?, receipt_signature = ?, version = version + 1 \
             WHERE award_id = ? AND version = ?",
        )
        .bind(state.state)
        .bind(state.anchored.map(|block| int("anchored_block", block)).transpose()?)
        .bind(accept_block.map(|block| int("accept_block", block)).transpose()?)
        .bind(input.as_ref().map(|word| word.as_slice()))
        .bind(state.given_up)
        .bind(state.statement.as_ref().map(|word| word.as_slice()))
        .bind(signatures.accept.as_ref().map(AsRef::<[u8]>::as_ref))
        .bind(signatures.receipt.as_ref().map(AsRef::<[u8]>::as_ref))
        .bind(award.id.0.as_slice())
        .bind(version)
        .execute(self.connection())
        .await?;
        one_row(&done, "award", award.id, version)
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn award(&mut self, id: AwardId) -> Result<Option<Versioned<AwardRow>>, StoreError> {
        let row = sqlx::query("SELECT * FROM awards WHERE award_id = ?")
            .bind(id.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        row.as_ref().map(read_award).transpose()
    }

    /// Awards that are signed, anchored or accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_awards(&mut self) -> Result<Vec<Versioned<AwardRow>>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM awards WHERE state IN ('signed', 'anchored', 'accepted') ORDER BY epoch, tick, award_id",
        )
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(read_award).collect()
    }

    /// Awards of a tick in the order of their lots and jobs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn awards_of(&mut self, key: TickKey) -> Result<Vec<Versioned<AwardRow>>, StoreError> {
        let tick = TickColumns::new(key)?;
        let rows = sqlx::query(
            "SELECT awards.* FROM awards JOIN lots USING (lot_digest) \
             JOIN lot_jobs ON lot_jobs.lot_digest = awards.lot_digest AND lot_jobs.job_id = awards.job_id \
             WHERE awards.supernet = ? AND awards.epoch = ? AND awards.tick = ? ORDER BY lots.number, lot_jobs.position",
        )
        .bind(tick.supernet)
        .bind(tick.epoch)
        .bind(tick.tick)
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(read_award).collect()
    }

    /// Awards of a job, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn awards_of_job(&mut self, job: JobId) -> Result<Vec<Versioned<AwardRow>>, StoreError> {
        let rows = sqlx::query("SELECT * FROM awards WHERE job_id = ? ORDER BY epoch, tick")
            .bind(job.0.as_slice())
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(read_award).collect()
    }

    /// Delivered awards that no anchor has listed yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn deliveries_to_anchor(&mut self) -> Result<Vec<AwardId>, StoreError> {
        let rows = sqlx::query(
            "SELECT award_id FROM awards WHERE state = 'delivered' AND delivery_tick IS NULL ORDER BY epoch, tick, award_id",
        )
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(|row| Columns(row).word("award_id").map(AwardId)).collect()
    }

    /// Delivered awards of ended requests whose operators do not have their money yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn awards_to_claim(&mut self) -> Result<Vec<Versioned<AwardRow>>, StoreError> {
        let rows = sqlx::query(
            "SELECT awards.* FROM awards JOIN jobs USING (job_id) JOIN requests USING (request_id) \
             WHERE awards.state = 'delivered' AND awards.paid_block IS NULL \
             AND requests.state IN ('settled', 'failed', 'refunded') ORDER BY epoch, awards.tick, awards.award_id",
        )
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(read_award).collect()
    }

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_paid(&mut self, award: AwardId, block: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE awards SET paid_block = ? WHERE award_id = ?")
            .bind(int("paid_block", block)?)
            .bind(award.0.as_slice())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Whether an operator is known to have its money.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_paid(&mut self, award: AwardId) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT paid_block FROM awards WHERE award_id = ?")
            .bind(award.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        row.map_or(Ok(false), |row| Ok(Columns(&row).uint_or_null("paid_block")?.is_some()))
    }

    /// Takes back payments and anchors of a block; returns the awards that it anchored and that wait for their
    /// operators' word.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdraw_awards(&mut self, block: u64) -> Result<Vec<AwardId>, StoreError> {
        let block = int("paid_block", block)?;
        sqlx::query("UPDATE awards SET paid_block = NULL WHERE paid_block >= ?")
            .bind(block)
            .execute(self.connection())
            .await?;
        sqlx::query("UPDATE ticks SET anchored_block = NULL WHERE anchored_block >= ?")
            .bind(block)
            .execute(self.connection())
            .await?;
        let rows = sqlx::query("SELECT award_id FROM awards WHERE state = 'anchored' AND anchored_block >= ?")
            .bind(block)
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(|row| Columns(row).word("award_id").map(AwardId)).collect()
    }

    /// Takes back that a tick's anchor listed deliveries: it was not mined.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn unset_delivery_tick(&mut self, key: TickKey) -> Result<(), StoreError> {
        sqlx::query("UPDATE awards SET delivery_tick = NULL WHERE delivery_tick = ?")
            .bind(TickColumns::new(key)?.tick)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes that a tick's anchor lists deliveries.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_delivery_tick(&mut self, awards: &[AwardId], key: TickKey) -> Result<(), StoreError> {
        for award in awards {
            sqlx::query("UPDATE awards SET delivery_tick = ? WHERE award_id = ?")
                .bind(TickColumns::new(key)?.tick)
                .bind(award.0.as_slice())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}
