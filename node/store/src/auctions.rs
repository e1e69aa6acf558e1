//! Ticks, their phases, and the capacity vectors that were signed.

use std::collections::BTreeMap;

use gavel_domain::auction::bid::Bid;
use gavel_domain::auction::{AnnouncedLot, BidKey, Phase};
use gavel_domain::capacity::Capacities;
use gavel_types::id::{GatewayEpoch, OperatorId, SupernetId, Tick, TickKey};
use gavel_types::message::{Signed, TickClose};
use gavel_types::unit::WorkUnits;
use sqlx::sqlite::SqliteRow;

use crate::column::{Columns, int};
use crate::error::StoreError;
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
        self.insert_lots(tick, lots).await
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
