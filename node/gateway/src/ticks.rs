//! The auction of a tick, step by step, each stored before anybody hears of it.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use gavel_domain::auction::allocation::FirstPrice;
use gavel_domain::auction::bid::Standing;
use gavel_domain::auction::{AnnouncedLot, Auction, AuctionEffect, AuctionEvent, Opening, Phase};
use gavel_domain::award::{Award, AwardState};
use gavel_domain::batch::ReadyJob;
use gavel_domain::capacity::Capacities;
use gavel_domain::ceiling::affordable;
use gavel_domain::job::{JobEvent, JobState};
use gavel_rpc::message::{Announcement, PublishedClose, RefusalCode, ToProver};
use gavel_store::{Refusal, RequestRow};
use gavel_types::id::{AwardId, LotDigest, OperatorId, RequestId, Tick, TickKey};
use gavel_types::message::{Award as AwardMessage, BidCommitment, CommitReceipt, OpeningReceipt, Signed, TickClose};
use gavel_types::unit::{WeiPerUnit, WorkUnits};

use crate::chain::{AnchoredAward, Owed, lot_index};
use crate::clock::millis;
use crate::engine::Gateway;
use crate::error::GatewayError;
use crate::steps::{Due, Steps};

/// Pause between looks for ready jobs, in milliseconds.
const TICK_CHECK: u64 = 300;
/// Time that provers get to come back after a restart, in milliseconds.
const RESUME_GRACE: u64 = 3_000;

impl Gateway {
    /// Goes on with the tick that was under way, with fresh windows.
    pub(crate) async fn resume_tick(&mut self) -> Result<(), GatewayError> {
        self.auction = None;
        let unfinished = self.context.store.read().await?.unfinished_ticks().await?;
        let (last, older) = match unfinished.split_last() {
            Some((last, older)) => (*last, older),
            None => return Ok(()),
        };
        for key in older.iter().chain((last.epoch != self.context.epoch).then_some(&last)) {
            self.abandon_tick(*key).await?;
        }
        if last.epoch != self.context.epoch {
            return Ok(());
        }
        let stored = self.context.store.read().await?.tick(last).await?;
        let rule = &self.context.rule;
        let phase = match stored.phase {
            Phase::Open { .. } => Phase::Open { until: millis() + rule.commit_millis + RESUME_GRACE },
            Phase::Opening { close, capacities, .. } => {
                Phase::Opening { close, capacities, until: millis() + rule.open_millis + RESUME_GRACE }
            }
            phase => phase,
        };
        let mut steps = self.steps().await?;
        steps.tx.set_tick_phase(last, &phase).await?;
        self.finish(steps).await?;
        tracing::info!(tick = %last, phase = phase.name(), "tick resumed");
        self.last_tick_millis = millis();
        self.auction = Some(Auction::restore(self.context.domain.clone(), last, stored.lots, stored.bids, phase));
        Ok(())
    }

    /// A tick that cannot be finished: its jobs go back to the queue.
    async fn abandon_tick(&mut self, key: TickKey) -> Result<(), GatewayError> {
        let lots = self.context.store.read().await?.lots_of(key).await?;
        let mut steps = self.steps().await?;
        for lot in &lots {
            void_lot(&mut steps, lot).await?;
        }
        steps.tx.set_tick_phase(key, &Phase::Void).await?;
        tracing::warn!(tick = %key, "tick abandoned");
        self.finish(steps).await
    }

    /// Does what is due in the current tick, or opens the next.
    pub(crate) async fn advance_tick(&mut self) -> Result<(), GatewayError> {
        let now = millis();
        let Some(auction) = &self.auction else { return self.open_tick(now).await };
        match &auction.phase {
            Phase::Open { until } if now >= *until => self.close_tick().await,
            Phase::Sealed { .. } => self.publish_close().await,
            Phase::Opening { until, .. } if now >= *until || auction.all_opened() => self.award_tick().await,
            Phase::Awarded { .. } | Phase::Void => {
                self.auction = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn open_tick(&mut self, now: u64) -> Result<(), GatewayError> {
        let rule = self.context.rule.clone();
        if now < self.last_tick_millis + rule.tick_millis || now < self.next_tick_check {
            return Ok(());
        }
        self.next_tick_check = now + TICK_CHECK;
        let ready = self.ready_jobs().await?;
        if ready.is_empty() {
            return self.anchor_idle_deliveries().await;
        }
        let key = TickKey { supernet: self.context.supernet, epoch: self.context.epoch, tick: Tick(self.next_tick) };
        let lots = rule.lots(self.context.circuit_set).lots(key, &ready);
        let lots: Vec<AnnouncedLot> = lots.into_iter().map(AnnouncedLot::try_from).collect::<Result<_, _>>()?;
        let until = now + rule.commit_millis;
        let mut steps = self.steps().await?;
        steps.tx.insert_tick(key, &lots, now, until).await?;
        for lot in &lots {
            for job in &lot.lot.jobs {
                let event = JobEvent::Announced { tick: key.tick, lot: lot.digest };
                steps.apply(Due::Job(job.job, event)).await?;
            }
        }
        self.finish(steps).await?;
        self.next_tick += 1;
        self.last_tick_millis = now;
        tracing::info!(tick = %key, lots = lots.len(), "tick open");
        self.auction = Some(Auction::new(self.context.domain.clone(), key, lots, until));
        for operator in self.peers.operators() {
            self.announce(operator);
        }
        Ok(())
    }

    /// Sends the open tick's lots, as far as the operator serves their classes.
    pub(crate) fn announce(&mut self, operator: OperatorId) {
        let Some(auction) = &self.auction else { return };
        let (Phase::Open { until }, Some(classes)) = (&auction.phase, self.peers.classes(operator)) else { return };
        let lots: Vec<_> =
            auction.lots.iter().map(|lot| &lot.lot).filter(|lot| classes.contains(lot.class)).cloned().collect();
        let commit_millis = until.saturating_sub(millis());
        if !lots.is_empty() {
            let announcement = Announcement { key: auction.key, lots, commit_millis };
            self.send(operator, ToProver::Announce(announcement));
        }
    }

    /// Queued jobs with their ceilings, inputs ready; jobs at the end of their patience fail here.
    async fn ready_jobs(&mut self) -> Result<Vec<ReadyJob>, GatewayError> {
        let mut read = self.context.store.read().await?;
        let queued = read.ready_jobs().await?;
        let mut requests: BTreeMap<RequestId, RequestRow> = BTreeMap::new();
        for job in &queued {
            let payer = job.value.job.terms.payer;
            if let std::collections::btree_map::Entry::Vacant(entry) = requests.entry(payer)
                && let Some(row) = read.request(payer).await?
            {
                entry.insert(row.value);
            }
        }
        drop(read);
        let mut bounds: BTreeMap<RequestId, WeiPerUnit> = BTreeMap::new();
        for payer in requests.keys() {
            bounds.insert(*payer, self.affordable(*payer).await?);
        }
        let (mut ready, mut exhausted) = (Vec::new(), Vec::new());
        for row in queued.iter().map(|row| &row.value) {
            let terms = row.job.terms;
            let (Some(request), Some(bound)) = (requests.get(&terms.payer), bounds.get(&terms.payer)) else { continue };
            if self.head > request.request.deadline {
                // Only a refund is left; the chain will say so.
                continue;
            }
            let Some(since) = row.ready_block else {
                self.build_input(row);
                continue;
            };
            // The ceiling rises with the job's age; patience counts from the end of its last award.
            let waiting = self.head.saturating_sub(row.job.waiting_since.max(since));
            if request.ceiling.exhausted(waiting) {
                exhausted.push(terms.job);
            } else {
                let age = self.head.saturating_sub(since);
                ready.push(ReadyJob { terms, ceiling: request.ceiling.at(age).min(*bound) });
            }
        }
        if !exhausted.is_empty() {
            let mut steps = self.steps().await?;
            for job in exhausted {
                // The first of a request's jobs ends the others.
                if steps.tx.job(job).await?.value.job.state != JobState::Queued {
                    continue;
                }
                steps.apply(Due::Job(job, JobEvent::CeilingExhausted)).await?;
            }
            self.finish(steps).await?;
        }
        Ok(ready)
    }

    /// The price at which a request's free fee pays for all of its open work.
    async fn affordable(&self, payer: RequestId) -> Result<WeiPerUnit, GatewayError> {
        let mut free = self.context.chain.uncommitted(payer).await?;
        let mut read = self.context.store.read().await?;
        let mut open = 0u64;
        for job in read.jobs_of(payer).await? {
            let job = job.value.job;
            if matches!(job.state, JobState::Queued | JobState::Auctioning { .. }) {
                open = open.saturating_add(job.terms.units.0);
            }
            for award in read.awards_of_job(job.terms.job).await? {
                // Signed and not anchored: the chain does not count it yet.
                if award.value.award.state == AwardState::Signed {
                    free = free.saturating_sub(award.value.award.amount()?);
                }
            }
        }
        Ok(affordable(free, WorkUnits(open)))
    }

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
    fn step_auction(&mut self, event: AuctionEvent) -> Result<Option<Vec<AuctionEffect>>, GatewayError> {
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
    async fn capacities(&self) -> Result<Capacities, GatewayError> {
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

    async fn close_tick(&mut self) -> Result<(), GatewayError> {
        let capacities = self.capacities().await?;
        let event = AuctionEvent::CloseDue { capacities: capacities.clone() };
        let Some(effects) = self.step_auction(event)? else { return Ok(()) };
        let Some(auction) = &self.auction else { return Ok(()) };
        let key = auction.key;
        let mut steps = self.steps().await?;
        for effect in effects {
            match effect {
                AuctionEffect::PublishClose(close) => {
                    let close = Signed::new(close, &self.context.domain, &self.context.signer);
                    steps.tx.seal_tick(key, &close, &capacities).await?;
                }
                AuctionEffect::VoidLot { lot } => {
                    if let Some(lot) = auction.lot(lot) {
                        void_lot(&mut steps, lot).await?;
                    }
                }
                _ => {}
            }
        }
        if auction.phase == Phase::Void {
            tracing::info!(tick = %key, "tick void: no bids");
            steps.tx.set_tick_phase(key, &Phase::Void).await?;
        }
        self.finish(steps).await
    }

    async fn publish_close(&mut self) -> Result<(), GatewayError> {
        let until = millis() + self.context.rule.open_millis;
        self.step_auction(AuctionEvent::Published { until })?;
        let Some(auction) = &self.auction else { return Ok(()) };
        let (key, phase) = (auction.key, auction.phase.clone());
        let mut steps = self.steps().await?;
        steps.tx.set_tick_phase(key, &phase).await?;
        self.finish(steps).await?;
        tracing::info!(tick = %key, bids = self.auction.as_ref().map_or(0, |auction| auction.bids.len()), "tick closed");
        for operator in self.peers.operators() {
            self.show_close(operator).await?;
        }
        Ok(())
    }

    /// Sends the signed close with everything behind its roots.
    pub(crate) async fn show_close(&mut self, operator: OperatorId) -> Result<(), GatewayError> {
        let Some(auction) = &self.auction else { return Ok(()) };
        let Phase::Opening { capacities, until, .. } = &auction.phase else { return Ok(()) };
        let stored = self.context.store.read().await?.tick(auction.key).await?;
        let Some(close) = stored.row.close else { return Ok(()) };
        let published = PublishedClose {
            close,
            commitments: auction.bids.values().map(|bid| bid.commitment).collect(),
            capacities: capacities.iter().collect(),
            open_millis: until.saturating_sub(millis()),
        };
        self.send(operator, ToProver::Close(published));
        Ok(())
    }

    /// Decides the tick: awards, their anchor, and the jobs that stay in the queue, all at once.
    async fn award_tick(&mut self) -> Result<(), GatewayError> {
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

    async fn anchor(
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

    /// Deliveries that no tick takes along are anchored on their own, so that capacity comes back.
    async fn anchor_idle_deliveries(&mut self) -> Result<(), GatewayError> {
        let waiting = !self.context.store.read().await?.deliveries_to_anchor().await?.is_empty();
        let since = match (waiting, self.deliveries_since) {
            (false, _) => {
                self.deliveries_since = None;
                return Ok(());
            }
            (true, Some(since)) => since,
            (true, None) => {
                self.deliveries_since = Some(self.head);
                return Ok(());
            }
        };
        if self.head < since + self.context.rule.idle_anchor_blocks {
            return Ok(());
        }
        self.deliveries_since = None;
        let key = TickKey { supernet: self.context.supernet, epoch: self.context.epoch, tick: Tick(self.next_tick) };
        let now = millis();
        let close = TickClose {
            supernet: key.supernet.0,
            gatewayEpoch: key.epoch.0,
            tick: key.tick.0,
            bidsRoot: B256::ZERO,
            count: 0,
            capacityRoot: B256::ZERO,
        };
        let mut steps = self.steps().await?;
        steps.tx.insert_tick(key, &[], now, now).await?;
        steps.tx.set_tick_phase(key, &Phase::Void).await?;
        self.anchor(&mut steps, key, close, Awarded::default()).await?;
        self.next_tick += 1;
        self.last_tick_millis = now;
        self.finish(steps).await
    }
}

/// Lots and awards of an anchoring transaction.
#[derive(Default)]
struct Awarded {
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

async fn void_lot(steps: &mut Steps, lot: &AnnouncedLot) -> Result<(), GatewayError> {
    for job in &lot.lot.jobs {
        let state = steps.tx.job(job.job).await?.value.job.state;
        if state == (JobState::Auctioning { tick: lot.lot.key.tick, lot: lot.digest }) {
            steps.apply(Due::Job(job.job, JobEvent::LotVoid { lot: lot.digest })).await?;
        }
    }
    Ok(())
}
