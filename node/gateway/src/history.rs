//! Who bid what for a request's jobs, read from the gateway's database while it runs or not.

use std::path::Path;

use alloy_primitives::{Address, B256};
use gavel_domain::auction::{AnnouncedLot, Phase};
use gavel_store::{Store, StoredTick};
use gavel_types::id::RequestId;
use serde::Serialize;

use crate::assemble::DATABASE;
use crate::error::GatewayError;

/// One lot's auction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LotAuction {
    pub epoch: u64,
    pub tick: u64,
    pub lot_digest: B256,
    pub class: String,
    /// Highest price for a work unit, decimal.
    pub ceiling_wei_per_unit: String,
    pub jobs: Vec<AuctionedJob>,
    /// By operator.
    pub bids: Vec<LotBid>,
    pub winner: Option<Address>,
    /// Bids, openings and acceptances that were refused, and why.
    pub refusals: Vec<RefusedBid>,
}

/// What an operator sent for a lot in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedBid {
    pub operator: Address,
    pub reason: String,
}

/// A job of a lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuctionedJob {
    pub job_id: B256,
    pub kind: String,
    pub units: u64,
}

/// A bid that was committed to; the price is known when it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LotBid {
    pub operator: Address,
    /// Decimal.
    pub wei_per_unit: Option<String>,
}

/// Every auction of a request's jobs, oldest first.
///
/// # Errors
/// [`GatewayError::File`] when there is no database in `data_dir`, [`GatewayError::Store`].
pub async fn auctions(data_dir: &Path, request: RequestId) -> Result<Vec<LotAuction>, GatewayError> {
    let mut transaction = open(data_dir).await?.read().await?;
    let mut found = Vec::new();
    for key in transaction.ticks_of_request(request).await? {
        let tick = transaction.tick(key).await?;
        for lot in tick.lots.iter().filter(|lot| lot.lot.jobs.iter().any(|job| job.payer == request)) {
            let refusals = transaction.refusals(lot.digest).await?.into_iter();
            let refusals = refusals.map(|refusal| RefusedBid { operator: refusal.operator.0, reason: refusal.reason });
            found.push(auction(&tick, lot, refusals.collect()));
        }
    }
    Ok(found)
}

/// The database of a gateway, which has to be there.
pub(crate) async fn open(data_dir: &Path) -> Result<Store, GatewayError> {
    let file = data_dir.join(DATABASE);
    // Opening would create it.
    std::fs::metadata(&file).map_err(|source| GatewayError::File { path: file.clone(), source })?;
    Ok(Store::open(&file).await?)
}

fn auction(tick: &StoredTick, lot: &AnnouncedLot, refusals: Vec<RefusedBid>) -> LotAuction {
    let bids = tick.bids.iter().filter(|((digest, _), _)| *digest == lot.digest);
    let winner = match &tick.phase {
        Phase::Awarded { outcomes } => outcomes.iter().find(|outcome| outcome.lot == lot.digest),
        _ => None,
    };
    LotAuction {
        epoch: lot.lot.key.epoch.0,
        tick: lot.lot.key.tick.0,
        lot_digest: lot.digest.0,
        class: lot.lot.class.to_string(),
        ceiling_wei_per_unit: lot.lot.ceiling.0.to_string(),
        jobs: lot
            .lot
            .jobs
            .iter()
            .map(|job| AuctionedJob { job_id: job.job.0, kind: job.kind.to_string(), units: job.units.0 })
            .collect(),
        bids: bids
            .map(|((_, operator), bid)| LotBid {
                operator: operator.0,
                wei_per_unit: bid.opened.map(|(price, _)| price.0.to_string()),
            })
            .collect(),
        winner: winner.and_then(|outcome| outcome.winner).map(|(operator, _)| operator.0),
        refusals,
    }
}
