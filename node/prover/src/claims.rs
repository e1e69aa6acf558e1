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
const REQUEST_OPEN: u8 = 1;

/// Where the payment of a delivered job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Payment {
    /// The operator was paid by this claim.
    Claimed,
    /// Paid when its request has ended.
    RequestOpen,
    /// Paid before, or delivered after the claim window.
    Closed,
}

/// A delivered job of the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredAward {
    pub award: B256,
    pub price_wei: String,
    pub payment: Payment,
}

/// Claims every delivered job of a checkpoint whose request has ended, with the gateway's receipt where the chain does
/// not know of the delivery. The money goes to the operator, whoever sends the claim.
///
/// # Errors
/// [`ProverError::Chain`] when the chain cannot be read or a claim fails; what was claimed before it stays claimed.
pub async fn claim_delivered(
    reader: &Reader,
    wallet: &Wallet,
    checkpoint: &Checkpoint,
) -> Result<Vec<DeliveredAward>, ProverError> {
    let mut claimed = Vec::new();
    for (award, record) in checkpoint.delivered_awards()? {
        let stored = reader.award(award.0, BlockId::latest()).await?;
        let payment = match stored.state {
            RESERVED | DELIVERED => {
                let request = reader.request(stored.payer, BlockId::latest()).await?;
                if request.state == REQUEST_OPEN {
                    Payment::RequestOpen
                } else {
                    claim(reader, wallet, award, &record, stored.state).await?;
                    Payment::Claimed
                }
            }
            _ => Payment::Closed,
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
    state: u8,
) -> Result<(), ChainError> {
    let book = reader.deployment().gavel.auction_book;
    match &record.receipt {
        Some(receipt) if state == RESERVED => {
            wallet.send(book, &AuctionBook::claimWithReceiptCall::from(receipt)).await?;
        }
        _ => _ = wallet.send(book, &AuctionBook::claimCall { awardId: award.0 }).await?,
    }
    Ok(())
}
