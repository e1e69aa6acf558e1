//! Ticks, lots, bids and the capacity vectors that were signed.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use gavel_domain::auction::allocation::LotOutcome;
use gavel_domain::auction::bid::Bid;
use gavel_domain::auction::{AnnouncedLot, BidKey, Opening, Phase};
use gavel_domain::capacity::Capacities;
use gavel_types::id::{Commitment, GatewayEpoch, LotDigest, OperatorId, SupernetId, Tick, TickKey};
use gavel_types::job::JobTerms;
use gavel_types::lot::{Lot, LotError};
use gavel_types::message::{BidCommitment, Signed, TickClose};
use gavel_types::signature::SignatureBytes;
use gavel_types::unit::{Class, WeiPerUnit, WorkUnits};
use sqlx::sqlite::SqliteRow;

use crate::column::{Columns, int, number};
use crate::error::StoreError;
use crate::jobs::read_job;
use crate::store::{Transaction, one_row};

/// A tick without its lots and bids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickRow {
    pub key: TickKey,
    pub phase: &'static str,
    /// When the phase ends, in milliseconds of the gateway's clock.
    pub until_millis: u64,
    pub close: Option<Signed<TickClose>>,
    pub anchored_block: Option<u64>,
}

/// A tick as it was left.
#[derive(Clone, Debug)]
pub struct StoredTick {
    pub row: TickRow,
    pub lots: Vec<AnnouncedLot>,
    pub bids: BTreeMap<BidKey, Bid>,
    pub phase: Phase,
}

/// A bid with every signature around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BidRow {
    pub lot: LotDigest,
    pub operator: OperatorId,
    pub bid: Bid,
    pub signature: SignatureBytes,
    pub receipt_signature: SignatureBytes,
    pub opening_signature: Option<SignatureBytes>,
}

const PHASES: [&str; 5] = ["open", "sealed", "opening", "awarded", "void"];

impl Transaction {
    /// Adds an open tick with its lots.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the tick was used before.
    pub async fn insert_tick(
        &mut self,
        key: TickKey,
        lots: &[AnnouncedLot],
        now_millis: u64,
        until_millis: u64,
    ) -> Result<(), StoreError> {
        let tick = TickColumns::new(key)?;
        sqlx::query(
            "INSERT INTO ticks (supernet, epoch, tick, phase, opened_millis, until_millis, version) \
             VALUES (?, ?, ?, 'open', ?, ?, 1)",
        )
        .bind(tick.supernet)
        .bind(tick.epoch)
        .bind(tick.tick)
        .bind(int("opened_millis", now_millis)?)
        .bind(int("until_millis", until_millis)?)
        .execute(self.connection())
        .await?;
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

    /// Stores a commitment with the receipt that is about to be sent.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the operator has another commitment for the lot.
    pub async fn put_bid(&mut self, bid: &Signed<BidCommitment>, receipt: &SignatureBytes) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO bids (lot_digest, operator, commitment, signature, receipt_signature) \
             VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (lot_digest, operator) DO NOTHING",
        )
        .bind(bid.message.lotDigest.as_slice())
        .bind(bid.message.operator.as_slice())
        .bind(bid.message.commitment.as_slice())
        .bind(bid.signature.as_ref())
        .bind(receipt.as_ref())
        .execute(self.connection())
        .await?;
        let stored = self.bid(LotDigest(bid.message.lotDigest), OperatorId(bid.message.operator)).await?;
        match stored {
            Some(stored) if stored.bid.commitment.0 == bid.message.commitment => Ok(()),
            _ => Err(StoreError::Conflict { table: "bid", key: bid.message.operator.to_string(), version: 1 }),
        }
    }

    /// Stores an opening with the receipt that is about to be sent.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without a commitment.
    pub async fn put_opening(&mut self, opening: &Opening, receipt: &SignatureBytes) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE bids SET price = ?, salt = ?, opening_signature = ? WHERE lot_digest = ? AND operator = ?",
        )
        .bind(number(opening.price.0))
        .bind(opening.salt.as_slice())
        .bind(receipt.as_ref())
        .bind(opening.lot.0.as_slice())
        .bind(opening.operator.0.as_slice())
        .execute(self.connection())
        .await?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Missing { table: "bid", key: opening.operator.to_string() }),
        }
    }

    /// Stores the signed close and the vector that it commits to: `open → sealed`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the tick is no longer open.
    pub async fn seal_tick(
        &mut self,
        key: TickKey,
        close: &Signed<TickClose>,
        capacities: &Capacities,
    ) -> Result<(), StoreError> {
        let tick = TickColumns::new(key)?;
        let done = sqlx::query(
            "UPDATE ticks SET phase = 'sealed', bids_root = ?, bid_count = ?, capacity_root = ?, close_signature = ?, \
             version = version + 1 WHERE supernet = ? AND epoch = ? AND tick = ? AND phase = 'open'",
        )
        .bind(close.message.bidsRoot.as_slice())
        .bind(close.message.count)
        .bind(close.message.capacityRoot.as_slice())
        .bind(close.signature.as_ref())
        .bind(tick.supernet)
        .bind(tick.epoch)
        .bind(tick.tick)
        .execute(self.connection())
        .await?;
        one_row(&done, "tick", key, 1)?;
        for (operator, free) in capacities.iter() {
            sqlx::query("INSERT INTO capacities VALUES (?, ?, ?, ?, ?)")
                .bind(tick.supernet)
                .bind(tick.epoch)
                .bind(tick.tick)
                .bind(operator.0.as_slice())
                .bind(int("free", free.0)?)
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// `sealed → opening`, `open → void`.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such tick.
    pub async fn set_tick_phase(&mut self, key: TickKey, phase: &Phase) -> Result<(), StoreError> {
        let tick = TickColumns::new(key)?;
        let until = match phase {
            Phase::Open { until } | Phase::Opening { until, .. } => Some(int("until_millis", *until)?),
            _ => None,
        };
        let done = sqlx::query(
            "UPDATE ticks SET phase = ?, until_millis = coalesce(?, until_millis), version = version + 1 \
             WHERE supernet = ? AND epoch = ? AND tick = ?",
        )
        .bind(phase.name())
        .bind(until)
        .bind(tick.supernet)
        .bind(tick.epoch)
        .bind(tick.tick)
        .execute(self.connection())
        .await?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Missing { table: "tick", key: key.to_string() }),
        }
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

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_tick_anchored(&mut self, key: TickKey, block: u64) -> Result<(), StoreError> {
        let tick = TickColumns::new(key)?;
        sqlx::query("UPDATE ticks SET anchored_block = ? WHERE supernet = ? AND epoch = ? AND tick = ?")
            .bind(int("anchored_block", block)?)
            .bind(tick.supernet)
            .bind(tick.epoch)
            .bind(tick.tick)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// The highest tick that was used in an epoch.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_tick(&mut self, supernet: SupernetId, epoch: GatewayEpoch) -> Result<Option<Tick>, StoreError> {
        let row = sqlx::query("SELECT max(tick) AS tick FROM ticks WHERE supernet = ? AND epoch = ?")
            .bind(supernet.0)
            .bind(int("epoch", epoch.0)?)
            .fetch_one(self.connection())
            .await?;
        Ok(Columns(&row).uint_or_null("tick")?.map(Tick))
    }

    /// Ticks that were open, sealed or opening when the gateway stopped.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unfinished_ticks(&mut self) -> Result<Vec<TickKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT supernet, epoch, tick FROM ticks WHERE phase IN ('open', 'sealed', 'opening') ORDER BY epoch, tick",
        )
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(|row| read_key(&Columns(row))).collect()
    }

    /// # Errors
    /// [`StoreError::Missing`] when there is no such tick.
    pub async fn tick(&mut self, key: TickKey) -> Result<StoredTick, StoreError> {
        let columns = TickColumns::new(key)?;
        let row = sqlx::query("SELECT * FROM ticks WHERE supernet = ? AND epoch = ? AND tick = ?")
            .bind(columns.supernet)
            .bind(columns.epoch)
            .bind(columns.tick)
            .fetch_optional(self.connection())
            .await?;
        let row = row.ok_or_else(|| StoreError::Missing { table: "tick", key: key.to_string() })?;
        let row = read_tick(key, &row)?;
        let lots = self.lots_of(key).await?;
        let mut bids = BTreeMap::new();
        for lot in &lots {
            for bid in self.bids_on(lot.digest).await? {
                bids.insert((bid.lot, bid.operator), bid.bid);
            }
        }
        let phase = self.phase(&row, &lots).await?;
        Ok(StoredTick { row, lots, bids, phase })
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

    /// Bids on a lot by operator.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bids_on(&mut self, lot: LotDigest) -> Result<Vec<BidRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM bids WHERE lot_digest = ? ORDER BY operator")
            .bind(lot.0.as_slice())
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(|row| read_bid(&Columns(row))).collect()
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn bid(&mut self, lot: LotDigest, operator: OperatorId) -> Result<Option<BidRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM bids WHERE lot_digest = ? AND operator = ?")
            .bind(lot.0.as_slice())
            .bind(operator.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        row.map(|row| read_bid(&Columns(&row))).transpose()
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

    async fn phase(&mut self, row: &TickRow, lots: &[AnnouncedLot]) -> Result<Phase, StoreError> {
        let until = row.until_millis;
        let sealed = match (&row.close, row.phase) {
            (_, "open") => return Ok(Phase::Open { until }),
            (_, "void") => return Ok(Phase::Void),
            (Some(close), _) => close.message.clone(),
            (None, _) => return Err(StoreError::Missing { table: "close of tick", key: row.key.to_string() }),
        };
        if row.phase == "awarded" {
            let mut outcomes = Vec::with_capacity(lots.len());
            for lot in lots {
                outcomes.push(self.outcome(lot.digest).await?);
            }
            return Ok(Phase::Awarded { outcomes });
        }
        let capacities = self.capacities(row.key).await?;
        Ok(match row.phase {
            "sealed" => Phase::Sealed { close: sealed, capacities },
            _ => Phase::Opening { close: sealed, capacities, until },
        })
    }

    /// The capacity vector that a tick's close signed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn capacities(&mut self, key: TickKey) -> Result<Capacities, StoreError> {
        let columns = TickColumns::new(key)?;
        let rows = sqlx::query("SELECT operator, free FROM capacities WHERE supernet = ? AND epoch = ? AND tick = ?")
            .bind(columns.supernet)
            .bind(columns.epoch)
            .bind(columns.tick)
            .fetch_all(self.connection())
            .await?;
        rows.iter()
            .map(|row| Ok((OperatorId(Columns(row).address("operator")?), WorkUnits(Columns(row).uint("free")?))))
            .collect()
    }

    async fn outcome(&mut self, lot: LotDigest) -> Result<LotOutcome, StoreError> {
        let row = sqlx::query("SELECT winner, price FROM lots WHERE lot_digest = ?")
            .bind(lot.0.as_slice())
            .fetch_one(self.connection())
            .await?;
        let columns = Columns(&row);
        let winner = columns.address_or_null("winner")?.zip(columns.number_or_null("price")?);
        Ok(LotOutcome { lot, winner: winner.map(|(operator, price)| (OperatorId(operator), WeiPerUnit(price))) })
    }
}

/// A tick's key as columns.
pub(crate) struct TickColumns {
    pub supernet: u32,
    pub epoch: i64,
    pub tick: i64,
}

impl TickColumns {
    pub fn new(key: TickKey) -> Result<Self, StoreError> {
        Ok(Self { supernet: key.supernet.0, epoch: int("epoch", key.epoch.0)?, tick: int("tick", key.tick.0)? })
    }
}

pub(crate) fn read_key(columns: &Columns<'_>) -> Result<TickKey, StoreError> {
    Ok(TickKey {
        supernet: SupernetId(columns.narrow("supernet")?),
        epoch: GatewayEpoch(columns.uint("epoch")?),
        tick: Tick(columns.uint("tick")?),
    })
}

fn read_tick(key: TickKey, row: &SqliteRow) -> Result<TickRow, StoreError> {
    let columns = Columns(row);
    let text = columns.text("phase")?;
    let phase = match PHASES.into_iter().find(|phase| *phase == text) {
        Some(phase) => phase,
        None => return columns.unknown("phase", &text, "phase"),
    };
    let close = match columns.signature_or_null("close_signature")? {
        None => None,
        Some(signature) => Some(Signed {
            message: TickClose {
                supernet: key.supernet.0,
                gatewayEpoch: key.epoch.0,
                tick: key.tick.0,
                bidsRoot: columns.word("bids_root")?,
                count: columns.narrow("bid_count")?,
                capacityRoot: columns.word("capacity_root")?,
            },
            signature,
        }),
    };
    Ok(TickRow {
        key,
        phase,
        until_millis: columns.uint("until_millis")?,
        close,
        anchored_block: columns.uint_or_null("anchored_block")?,
    })
}

fn read_bid(columns: &Columns<'_>) -> Result<BidRow, StoreError> {
    let price = columns.number_or_null("price")?.map(WeiPerUnit);
    let salt: Option<B256> = columns.word_or_null("salt")?;
    Ok(BidRow {
        lot: LotDigest(columns.word("lot_digest")?),
        operator: OperatorId(columns.address("operator")?),
        bid: Bid { commitment: Commitment(columns.word("commitment")?), opened: price.zip(salt) },
        signature: columns.signature("signature")?,
        receipt_signature: columns.signature("receipt_signature")?,
        opening_signature: columns.signature_or_null("opening_signature")?,
    })
}
