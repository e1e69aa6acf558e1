//! Commitments and openings, each answered with a stored receipt or a reason.

use std::collections::BTreeSet;

use gavel_domain::auction::allocation::FirstPrice;
use gavel_domain::auction::bid::Standing;
use gavel_domain::auction::{AuctionEffect, AuctionEvent, Opening};
use gavel_domain::award::AwardState;
use gavel_domain::capacity::Capacities;
use gavel_rpc::message::{RefusalCode, ToProver};
use gavel_store::Refusal;
use gavel_types::id::{LotDigest, OperatorId};
use gavel_types::message::{BidCommitment, CommitReceipt, OpeningReceipt, Signed};

use crate::engine::Gateway;
use crate::error::GatewayError;

impl Gateway {
    pub(crate) async fn hear_commit(
        &mut self,
        operator: OperatorId,
        bid: Signed<BidCommitment>,
    ) -> Result<(), GatewayError> {
        let standing = self.standing(OperatorId(bid.message.operator)).await?;
        let event = AuctionEvent::Commit { bid: bid.clone(), standing };
        let Some(effects) = self.step_auction(event)? else {
            return self
                .refuse_bid(operator, LotDigest(bid.message.lotDigest), "no tick is open", RefusalCode::Bid)
                .await;
        };
        for effect in effects {
            match effect {
                AuctionEffect::StoreBid { lot, .. } => {
                    let message = &bid.message;
                    let receipt = CommitReceipt {
                        supernet: message.supernet,
                        gatewayEpoch: message.gatewayEpoch,
                        tick: message.tick,
                        lotDigest: lot.0,
                        operator: message.operator,
                        commitment: message.commitment,
                    };
                    let receipt = Signed::new(receipt, &self.context.domain, &self.context.signer);
                    let mut steps = self.steps().await?;
                    steps.tx.put_bid(&bid, &receipt.signature).await?;
                    steps.tell(operator, ToProver::CommitReceipt(receipt));
                    self.finish(steps).await?;
                }
                AuctionEffect::Reject { lot, reason, .. } => {
                    self.refuse_bid(operator, lot, &reason.to_string(), RefusalCode::Bid).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) async fn hear_opening(&mut self, operator: OperatorId, opening: Opening) -> Result<(), GatewayError> {
        if opening.operator != operator {
            return self.refuse_bid(operator, opening.lot, "opened for another operator", RefusalCode::Opening).await;
        }
        let Some(effects) = self.step_auction(AuctionEvent::Open(opening))? else {
            return self.refuse_bid(operator, opening.lot, "no tick is opening", RefusalCode::Opening).await;
        };
        for effect in effects {
            match effect {
                AuctionEffect::StoreOpening(opening, commitment) => {
                    let receipt = OpeningReceipt {
                        supernet: opening.key.supernet.0,
                        gatewayEpoch: opening.key.epoch.0,
                        tick: opening.key.tick.0,
                        lotDigest: opening.lot.0,
                        operator: opening.operator.0,
                        commitment: commitment.0,
                        priceWeiPerUnit: opening.price.0,
                    };
                    let receipt = Signed::new(receipt, &self.context.domain, &self.context.signer);
                    let mut steps = self.steps().await?;
                    steps.tx.put_opening(&opening, &receipt.signature).await?;
                    steps.tell(operator, ToProver::OpeningReceipt(receipt));
                    self.finish(steps).await?;
                }
                AuctionEffect::Reject { lot, reason, .. } => {
                    self.refuse_bid(operator, lot, &reason.to_string(), RefusalCode::Opening).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Steps the auction in memory; what it asks for is stored by the caller before anything is sent.
    pub(crate) fn step_auction(&mut self, event: AuctionEvent) -> Result<Option<Vec<AuctionEffect>>, GatewayError> {
        let now = self.now();
        let Some(auction) = self.auction.take() else { return Ok(None) };
        let (auction, effects) = auction.step(now, event, &FirstPrice)?;
        self.auction = Some(auction);
        Ok(Some(effects))
    }

    async fn refuse_bid(
        &mut self,
        operator: OperatorId,
        lot: LotDigest,
        reason: &str,
        code: RefusalCode,
    ) -> Result<(), GatewayError> {
        tracing::info!(%operator, %lot, reason, "bid refused");
        let mut steps = self.steps().await?;
        let refusal = Refusal { lot, operator, reason: reason.into(), at_block: self.head };
        steps.tx.insert_refusal(&refusal).await?;
        steps.tell(operator, ToProver::Refusal { code, subject: lot.0, reason: reason.into() });
        self.finish(steps).await
    }

    /// What the chain and this gateway know of an operator; `None` when it is not registered.
    async fn standing(&self, operator: OperatorId) -> Result<Option<Standing>, GatewayError> {
        let Some(on_chain) = self.view.operator(operator) else { return Ok(None) };
        let mut read = self.context.store.read().await?;
        let reputation = read.reputation(operator).await?;
        let barred: BTreeSet<_> = read.barred(operator).await?.into_iter().collect();
        drop(read);
        Ok(Some(Standing {
            bid_key: on_chain.bid_key,
            // The key was read as the one of the head.
            key_valid_from: 0,
            classes: on_chain.classes,
            leaving: on_chain.leaving,
            excluded_until: reputation.excluded_until,
            barred,
            free: self.capacities().await?.free(operator),
        }))
    }

    /// Free capacity of every operator: the chain's figure without what is signed and not anchored.
    pub(crate) async fn capacities(&self) -> Result<Capacities, GatewayError> {
        let eligible =
            |operator: &crate::chain::OperatorOnChain| operator.registered && !operator.leaving && operator.fresh;
        let mut capacities: Capacities = self
            .view
            .operators()
            .iter()
            .filter(|operator| eligible(operator))
            .map(|operator| (operator.operator, operator.free))
            .collect();
        for award in self.context.store.read().await?.live_awards().await? {
            let award = award.value.award;
            if award.state == AwardState::Signed {
                capacities.withhold(award.operator, award.units);
            }
        }
        Ok(capacities)
    }
}
