//! Bids with their receipts.

use alloy_primitives::B256;
use gavel_domain::auction::Opening;
use gavel_domain::auction::bid::Bid;
use gavel_types::id::{Commitment, LotDigest, OperatorId};
use gavel_types::message::{BidCommitment, Signed};
use gavel_types::signature::SignatureBytes;
use gavel_types::unit::WeiPerUnit;

use crate::column::{Columns, number};
use crate::error::StoreError;
use crate::store::Transaction;

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

impl Transaction {
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
