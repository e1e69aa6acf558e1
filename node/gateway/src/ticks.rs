//! The auction of a tick, step by step, each stored before anybody hears of it.

use std::collections::{BTreeMap, HashSet};

use alloy_primitives::B256;
use gavel_domain::auction::{AnnouncedLot, Auction, AuctionEffect, AuctionEvent, Phase};
use gavel_domain::award::AwardState;
use gavel_domain::batch::ReadyJob;
use gavel_domain::ceiling::affordable;
use gavel_domain::job::{JobEvent, JobState};
use gavel_rpc::message::{Announcement, PublishedClose, ToProver};
use gavel_store::RequestRow;
use gavel_types::id::{JobId, OperatorId, RequestId, Tick, TickKey};
use gavel_types::message::{Signed, TickClose};
use gavel_types::unit::{WeiPerUnit, WorkUnits};

use crate::awarding::Awarded;
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
        let waiting: HashSet<JobId> = queued.iter().map(|row| row.value.job.terms.job).collect();
        self.offered.retain(|job, _| waiting.contains(job));
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
            // The ceiling rises with the job's age; patience counts from the end of its last award, and from the
            // first offer of this process.
            let offered = *self.offered.entry(terms.job).or_insert(self.head);
            let waiting = self.head.saturating_sub(row.job.waiting_since.max(since).max(offered));
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

pub(crate) async fn void_lot(steps: &mut Steps, lot: &AnnouncedLot) -> Result<(), GatewayError> {
    for job in &lot.lot.jobs {
        let state = steps.tx.job(job.job).await?.value.job.state;
        if state == (JobState::Auctioning { tick: lot.lot.key.tick, lot: lot.digest }) {
            steps.apply(Due::Job(job.job, JobEvent::LotVoid { lot: lot.digest })).await?;
        }
    }
    Ok(())
}
