//! Payment of delivered jobs by the operator itself. A gateway claims for its operators; this is for when it does not.

use alloy::eips::BlockId;
use alloy_primitives::{B256, U256};
use gavel_chain::bindings::gavel::AuctionBook;
use gavel_chain::reads::Reader;
use gavel_chain::{ChainError, Wallet};
use gavel_types::id::AwardId;
use serde::Serialize;

use crate::checkpoint::{AwardRecord, Checkpoint};
use crate::error::ProverError;

/// `AwardState` and `RequestState` of the contracts (`types/Market.sol`, `types/Query.sol`).
const RESERVED: u8 = 1;
const DELIVERED: u8 = 2;
const PAID: u8 = 3;
const LAPSED: u8 = 6;
const REQUEST_OPEN: u8 = 1;

/// Where the payment of a delivered job stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "payment", content = "reason")]
pub enum Payment {
    /// The operator was paid by this claim.
    Claimed,
    /// Paid when its request has ended.
    RequestOpen,
    Paid,
    /// The delivery was not shown within the claim window.
    Late,
    /// Slashed, struck, or never anchored.
    Void,
    /// The chain does not take the claim.
    Refused(String),
}

/// A delivered job of the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredAward {
    pub award: B256,
    pub price_wei: String,
    #[serde(flatten)]
    pub payment: Payment,
}

/// Claims every delivered job of a checkpoint whose request has ended, with the gateway's receipt where the chain does
/// not know of the delivery. The money goes to the operator, whoever sends the claim. One that is refused keeps no
/// other from being claimed.
///
/// # Errors
/// [`ProverError::Chain`] when the chain cannot be read, [`ProverError::File`]; what was claimed before stays claimed.
pub async fn claim_delivered(
    reader: &Reader,
    wallet: &Wallet,
    checkpoint: &Checkpoint,
) -> Result<Vec<DeliveredAward>, ProverError> {
    let mut claimed = Vec::new();
    for (award, record) in checkpoint.delivered_awards()? {
        let stored = reader.award(award.0, BlockId::latest()).await?;
        let payment = match stored.state {
            RESERVED | DELIVERED => claim(reader, wallet, award, &record, &stored).await?,
            PAID => Payment::Paid,
            LAPSED => Payment::Late,
            _ => Payment::Void,
        };
        let price_wei = U256::from(stored.price).to_string();
        claimed.push(DeliveredAward { award: award.0, price_wei, payment });
    }
    Ok(claimed)
}

async fn claim(
    reader: &Reader,
    wallet: &Wallet,
    award: AwardId,
    record: &AwardRecord,
    stored: &AuctionBook::AwardRecord,
) -> Result<Payment, ChainError> {
    if reader.request(stored.payer, BlockId::latest()).await?.state == REQUEST_OPEN {
        return Ok(Payment::RequestOpen);
    }
    let unknown = stored.state == RESERVED;
    let last = reader.account(stored.payer, BlockId::latest()).await?.claimUntil;
    if unknown && reader.client().head().await? > last {
        return Ok(Payment::Late);
    }
    let book = reader.deployment().gavel.auction_book;
    let sent = match &record.receipt {
        Some(receipt) if unknown => wallet.send(book, &AuctionBook::claimWithReceiptCall::from(receipt)).await,
        _ => wallet.send(book, &AuctionBook::claimCall { awardId: award.0 }).await,
    };
    match sent {
        Ok(_) => Ok(Payment::Claimed),
        Err(ChainError::Reverted { reason, .. }) => Ok(Payment::Refused(reason)),
        Err(error) => Err(error),
    }
}
