//! The end of a tick: awards, and the anchor that reserves them.

use gavel_domain::auction::{AnnouncedLot, AuctionEffect, AuctionEvent, Phase};
use gavel_domain::award::{Award, AwardState};
use gavel_domain::job::{JobEvent, JobState};
use gavel_rpc::message::ToProver;
use gavel_types::id::{AwardId, LotDigest, OperatorId, TickKey};
use gavel_types::message::{Award as AwardMessage, Signed, TickClose};
use gavel_types::unit::WeiPerUnit;

use crate::chain::{AnchoredAward, Owed, lot_index};
use crate::engine::Gateway;
use crate::error::GatewayError;
use crate::steps::{Due, Steps};
use crate::ticks::void_lot;

impl Gateway {
    /// Decides the tick: awards, their anchor, and the jobs that stay in the queue, all at once.
    pub(crate) async fn award_tick(&mut self) -> Result<(), GatewayError> {
        let Some(effects) = self.step_auction(AuctionEvent::OpeningsDue)? else { return Ok(()) };
        let Some(auction) = self.auction.take() else { return Ok(()) };
        let key = auction.key;
        let mut steps = self.steps().await?;
        let mut awarded = Awarded::default();
        for effect in effects {
            match effect {
                AuctionEffect::Award { lot, operator, price } => {
                    if let Some(lot) = auction.lot(lot) {
                        self.award_lot(&mut steps, lot, operator, price, &mut awarded).await?;
                    }
                }
                AuctionEffect::VoidLot { lot } => {
                    if let Some(lot) = auction.lot(lot) {
                        void_lot(&mut steps, lot).await?;
                    }
                }
                AuctionEffect::Penalise { operator, failure } => steps.penalise(operator, failure).await?,
                _ => {}
            }
        }
        if let Phase::Awarded { outcomes } = &auction.phase {
            steps.tx.set_outcomes(outcomes).await?;
        }
        steps.tx.set_tick_phase(key, &auction.phase).await?;
        let stored = steps.tx.tick(key).await?;
        if let Some(close) = stored.row.close {
            self.anchor(&mut steps, key, close.message, awarded).await?;
        }
        self.finish(steps).await
    }

    async fn award_lot(
        &self,
        steps: &mut Steps,
        lot: &AnnouncedLot,
        operator: OperatorId,
        price: WeiPerUnit,
        awarded: &mut Awarded,
    ) -> Result<(), GatewayError> {
        let key = lot.lot.key;
        for terms in &lot.lot.jobs {
            let row = steps.tx.job(terms.job).await?.value;
            // The request may have ended while the lot was auctioned.
            if row.job.state != (JobState::Auctioning { tick: key.tick, lot: lot.digest }) {
                continue;
            }
            let attempt = row.job.attempt;
            let id = AwardId::derive(key, terms.job, attempt, operator);
            let award = Award {
                id,
                key,
                lot: lot.digest,
                job: terms.job,
                attempt,
                operator,
                units: terms.units,
                price,
                accept_blocks: lot.lot.accept_blocks,
                proving_blocks: lot.lot.proving_blocks,
                state: AwardState::Signed,
            };
            let message = award_message(&award);
            let signed = Signed::new(message, &self.context.domain, &self.context.signer);
            steps.tx.insert_award(&award, &signed.signature).await?;
            steps.apply(Due::Job(terms.job, JobEvent::Awarded { lot: lot.digest, award: id })).await?;
            steps.tell(operator, ToProver::Award(signed));
            if let Some(digest) = row.input_digest {
                let data = self.context.objects.get(digest).await?;
                steps.tell(operator, ToProver::Input { award: id, data });
            }
            tracing::info!(award = %id, job = %terms.kind, %operator, %price, "awarded");
            let lot_at = match lot_index(&awarded.digests, lot.digest) {
                Some(index) => index,
                None => {
                    awarded.digests.push(lot.digest);
                    awarded.lots.push(lot.lot.terms()?);
                    awarded.lots.len() as u32 - 1
                }
            };
            awarded.awards.push(AnchoredAward {
                lot: lot_at,
                payer: terms.payer,
                job_index: row.position,
                attempt: attempt.0,
                operator,
                units: terms.units,
                price,
            });
        }
        Ok(())
    }

    pub(crate) async fn anchor(
        &self,
        steps: &mut Steps,
        key: TickKey,
        close: TickClose,
        awarded: Awarded,
    ) -> Result<(), GatewayError> {
        let delivered = steps.tx.deliveries_to_anchor().await?;
        steps.tx.set_delivery_tick(&delivered, key).await?;
        let Awarded { lots, awards, .. } = awarded;
        steps.owe(&Owed::AnchorTick { key, close, lots, awards, delivered }).await
    }
}

/// Lots and awards of an anchoring transaction.
#[derive(Default)]
pub(crate) struct Awarded {
    digests: Vec<LotDigest>,
    lots: Vec<gavel_types::lot::LotTerms>,
    awards: Vec<AnchoredAward>,
}

/// The message that was signed for an award.
pub(crate) fn award_message(award: &Award) -> AwardMessage {
    AwardMessage {
        supernet: award.key.supernet.0,
        gatewayEpoch: award.key.epoch.0,
        tick: award.key.tick.0,
        lotDigest: award.lot.0,
        jobId: award.job.0,
        attempt: award.attempt.0,
        operator: award.operator.0,
        priceWeiPerUnit: award.price.0,
    }
}
