//! Bids: committed, opened against a close that includes them, each on disk before it is sent.

use alloy_primitives::B256;
use gavel_domain::auction::AnnouncedLot;
use gavel_rpc::ProverClient;
use gavel_rpc::message::{Announcement, FromProver, PublishedClose};
use gavel_types::id::LotDigest;
use gavel_types::lot::{bids_root, capacity_root, commitment};
use gavel_types::message::{BidCommitment, Signed};
use rand::RngCore;

use crate::checkpoint::BidRecord;
use crate::engine::Prover;
use crate::error::ProverError;

impl Prover {
    pub(crate) async fn bid(&mut self, session: &ProverClient, announcement: Announcement) -> Result<(), ProverError> {
        let lots: Vec<AnnouncedLot> = announcement
            .lots
            .into_iter()
            .filter(|lot| lot.circuit_set == self.identity.terms.circuit_set)
            .filter_map(|lot| AnnouncedLot::try_from(lot).ok())
            .collect();
        // A new tick: what was bid for before is decided.
        self.bids.retain(|_, bid| bid.lot.key.tick.0 + 8 > announcement.key.tick.0);
        let busy = self.work.values().filter(|work| !work.record.proved).count();
        let places = self.identity.concurrency.saturating_sub(busy);
        let slots = &self.slots;
        let free = |class| slots.is_free(class).unwrap_or(false);
        let chosen = self.identity.policy.choose(self.identity.operator, &lots, places, free);
        let mut commitments = Vec::with_capacity(chosen.len());
        for (lot, price) in chosen {
            // A repeated announcement gets the same commitment: a second one would be refused.
            let record = match self.checkpoint.bid(lot.digest)? {
                Some(record) => record,
                None => self.new_bid(lot, price)?,
            };
            commitments.push(self.commitment(lot.digest, &record));
            self.bids.insert(lot.digest, record);
        }
        for commitment in commitments {
            session.send(FromProver::Commit(commitment)).await?;
        }
        Ok(())
    }

    fn new_bid(&self, lot: &AnnouncedLot, price: gavel_types::unit::WeiPerUnit) -> Result<BidRecord, ProverError> {
        let mut salt = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut salt);
        let salt = B256::from(salt);
        let message = self.commitment_message(lot.digest, &lot.lot, price, salt);
        let signature = Signed::new(message, &self.identity.terms.domain, &self.identity.bid_key).signature;
        let record = BidRecord {
            lot: lot.lot.clone(),
            price,
            salt,
            signature,
            commit_receipt: None,
            opening_receipt: None,
            opened: false,
        };
        self.checkpoint.put_bid(lot.digest, &record)?;
        Ok(record)
    }

    fn commitment_message(
        &self,
        digest: LotDigest,
        lot: &gavel_types::lot::Lot,
        price: gavel_types::unit::WeiPerUnit,
        salt: B256,
    ) -> BidCommitment {
        BidCommitment {
            supernet: lot.key.supernet.0,
            gatewayEpoch: lot.key.epoch.0,
            tick: lot.key.tick.0,
            lotDigest: digest.0,
            operator: self.identity.operator.0,
            commitment: commitment(digest, self.identity.operator, price, salt).0,
        }
    }

    fn commitment(&self, digest: LotDigest, bid: &BidRecord) -> Signed<BidCommitment> {
        let message = self.commitment_message(digest, &bid.lot, bid.price, bid.salt);
        Signed { message, signature: bid.signature }
    }

    pub(crate) fn change_bid(
        &mut self,
        lot: LotDigest,
        change: impl FnOnce(&mut BidRecord),
    ) -> Result<(), ProverError> {
        if let Some(bid) = self.bids.get_mut(&lot) {
            change(bid);
            self.checkpoint.put_bid(lot, bid)?;
        }
        Ok(())
    }

    /// Opens every bid that the signed close includes, and no other.
    pub(crate) async fn open(&mut self, session: &ProverClient, published: PublishedClose) -> Result<(), ProverError> {
        let close = &published.close.message;
        let roots_hold = bids_root(published.commitments.iter().copied()) == close.bidsRoot
            && capacity_root(published.capacities.iter().copied()) == close.capacityRoot
            && published.commitments.len() == close.count as usize;
        if !self.is_gateways(&published.close) || !roots_hold {
            tracing::error!(tick = close.tick, "the close does not hold together; nothing is opened");
            return Ok(());
        }
        let operator = self.identity.operator;
        let lots: Vec<LotDigest> =
            self.bids.iter().filter(|(_, bid)| bid.lot.key.tick.0 == close.tick).map(|(lot, _)| *lot).collect();
        for lot in lots {
            let Some(bid) = self.bids.get(&lot) else { continue };
            if !published.commitments.contains(&commitment(lot, operator, bid.price, bid.salt)) {
                tracing::error!(%lot, acknowledged = bid.commit_receipt.is_some(), "our bid is not in the close");
                continue;
            }
            let opening =
                gavel_domain::auction::Opening { key: bid.lot.key, lot, operator, price: bid.price, salt: bid.salt };
            self.change_bid(lot, |bid| bid.opened = true)?;
            session.send(FromProver::Open(opening)).await?;
        }
        Ok(())
    }
}
