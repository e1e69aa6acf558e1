//! Hundreds of ticks by seed: operators that are late, silent or lost, messages that arrive twice,
//! and a driver that is killed between any two commits and goes on from what it committed.

mod market;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use gavel_domain::auction::allocation::FirstPrice;
use gavel_domain::auction::{AnnouncedLot, Auction, AuctionEffect, AuctionEvent, Phase};
use gavel_domain::award::{Award, AwardEffect, AwardEvent, AwardState};
use gavel_domain::capacity::Capacities;
use gavel_domain::job::{Job, JobEffect, JobEvent, JobState};
use gavel_domain::reputation::{CoolDownRule, Reputation};
use gavel_domain::transition::Now;
use gavel_types::id::{Attempt, AwardId, JobId, OperatorId, Tick};
use gavel_types::unit::WorkUnits;
use market::{Operator, auction, job, key, lot, wei};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RULE: CoolDownRule = CoolDownRule { first_blocks: 3, maximum_blocks: 40 };
const UNITS: u64 = 10;

/// What a driver has committed. Cloning it is a restart.
#[derive(Clone)]
struct Committed {
    jobs: BTreeMap<JobId, Job>,
    awards: BTreeMap<AwardId, Award>,
    reputations: BTreeMap<OperatorId, Reputation>,
    barred: BTreeSet<(JobId, OperatorId)>,
    auction: Option<Auction>,
    last_tick: u64,
    failed_requests: usize,
}

struct World {
    rng: ChaCha8Rng,
    operators: Vec<(Operator, u64)>,
    capacity: u64,
    state: Committed,
    now: Now,
    seen_ticks: BTreeSet<u64>,
    receipts: BTreeSet<AwardId>,
    proofs: BTreeMap<AwardId, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let operators: Vec<_> = (1..=rng.gen_range(2..6)).map(|id| (Operator::new(id), rng.gen_range(5..50))).collect();
        let jobs = (0..rng.gen_range(3..12))
            .map(|index| {
                let terms = job(index, UNITS);
                let queued =
                    Job { terms, attempt: Attempt(0), waiting_since: 0, attempt_limit: 8, state: JobState::Queued };
                (terms.job, queued)
            })
            .collect();
        let state = Committed {
            jobs,
            awards: BTreeMap::new(),
            reputations: operators.iter().map(|(o, _)| (o.id, Reputation::new(o.id))).collect(),
            barred: BTreeSet::new(),
            auction: None,
            last_tick: 0,
            failed_requests: 0,
        };
        let capacity = rng.gen_range(1..4) * UNITS;
        let (seen_ticks, receipts, proofs) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        Self { rng, operators, capacity, state, now: Now { block: 1, millis: 0 }, seen_ticks, receipts, proofs }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.gen_ratio(percent, 100)
    }

    /// Runs a step on a copy and commits it, unless the driver is killed before.
    fn commit(&mut self, step: impl FnOnce(&mut Committed, Now)) -> bool {
        let mut copy = self.state.clone();
        step(&mut copy, self.now);
        let killed = self.chance(7);
        if !killed {
            self.state = copy;
            self.check();
        }
        !killed
    }

    fn capacities(&self) -> Capacities {
        self.operators.iter().map(|(o, _)| (o.id, WorkUnits(self.capacity - reserved(&self.state, o.id)))).collect()
    }

    fn check(&self) {
        for (operator, _) in &self.operators {
            assert!(reserved(&self.state, operator.id) <= self.capacity, "over-committed");
        }
        for job in self.state.jobs.values().filter(|job| !job.is_ended()) {
            let working = |award: &&Award| {
                award.job == job.terms.job
                    && award.is_live()
                    && !matches!(award.state, AwardState::Accepted { given_up: true, .. })
            };
            let live = self.state.awards.values().filter(working).count();
            assert!(live <= 1, "a job is awarded to one operator at a time");
            assert_eq!(live == 1, job.award().is_some(), "{:?}", job.state);
        }
    }

    fn tick(&mut self) {
        self.now.millis += 1_000;
        let number = self.state.last_tick + 1;
        let queued: Vec<JobId> =
            self.state.jobs.values().filter(|job| job.state == JobState::Queued).map(|job| job.terms.job).collect();
        let lots: Vec<AnnouncedLot> = queued
            .iter()
            .enumerate()
            .map(|(index, id)| {
                let mut lot = lot(key(number), index as u32, UNITS, 50).lot;
                lot.jobs = vec![self.state.jobs[id].terms];
                AnnouncedLot::try_from(lot).unwrap()
            })
            .collect();
        if lots.is_empty() {
            return;
        }
        let opened = self.commit(|state, now| {
            for lot in &lots {
                let event = JobEvent::Announced { tick: Tick(number), lot: lot.digest };
                step_job(state, now, lot.lot.jobs[0].job, event);
            }
            let mut auction = auction(key(number), lots.clone());
            auction.phase = Phase::Open { until: now.millis + 500 };
            state.auction = Some(auction);
            state.last_tick = number;
        });
        if !opened {
            return;
        }
        assert!(self.seen_ticks.insert(number), "a tick is used once");
        self.bid(&lots);
        self.now.millis += 500;
        let capacities = self.capacities();
        while !self
            .commit(|state, now| step_auction(state, now, AuctionEvent::CloseDue { capacities: capacities.clone() }))
        {
        }
        if matches!(self.state.auction.as_ref().map(|auction| &auction.phase), Some(Phase::Sealed { .. })) {
            let until = self.now.millis + 500;
            while !self.commit(|state, now| step_auction(state, now, AuctionEvent::Published { until })) {}
            self.open();
            self.now.millis += 500;
            while !self.commit(|state, now| step_auction(state, now, AuctionEvent::OpeningsDue)) {}
        }
        self.state.auction = None;
    }

    fn bid(&mut self, lots: &[AnnouncedLot]) {
        for (operator, price) in self.operators.clone() {
            for lot in lots {
                let bid = operator.bid(lot.lot.key, lot.digest, price);
                let late = self.chance(10);
                let times = if self.chance(10) { 2 } else { 1 };
                for _ in 0..times {
                    let mut standing = operator.standing(self.capacities().free(operator.id).0);
                    standing.excluded_until = self.state.reputations[&operator.id].excluded_until;
                    let barred = self.state.barred.iter().filter(|(_, who)| *who == operator.id);
                    standing.barred = barred.map(|(job, _)| *job).collect();
                    let event = AuctionEvent::Commit { bid: bid.clone(), standing: Some(standing) };
                    let skew = if late { 600 } else { 0 };
                    self.commit(|state, mut now| {
                        now.millis += skew;
                        step_auction(state, now, event);
                    });
                }
            }
        }
    }

    fn open(&mut self) {
        let Some(auction) = self.state.auction.clone() else { return };
        for (lot, id) in auction.bids.keys().copied().collect::<Vec<_>>() {
            let (operator, price) = self.operators.iter().find(|(o, _)| o.id == id).cloned().unwrap();
            if self.chance(10) {
                continue;
            }
            let wrong = self.chance(5);
            let price = if wrong { price + 1 } else { price };
            let opening = operator.opening(auction.key, lot, price);
            self.commit(|state, now| step_auction(state, now, AuctionEvent::Open(opening)));
        }
    }

    /// A block: anchors, acceptances, proofs, deadlines, in any order.
    fn block(&mut self) {
        self.now.block += 1;
        let mut awards: Vec<AwardId> = self.state.awards.keys().copied().collect();
        let turn = self.rng.gen_range(0..awards.len().max(1));
        awards.rotate_left(turn);
        for id in awards {
            let award = self.state.awards[&id].clone();
            let block = self.now.block;
            let event = match award.state {
                AwardState::Signed if self.chance(60) => {
                    if self.chance(8) {
                        AwardEvent::SkippedByAnchor
                    } else {
                        AwardEvent::Anchored { block }
                    }
                }
                AwardState::Anchored { .. } if self.chance(40) => {
                    let accept = AwardEvent::Accepted { accept_block: block, input_digest: B256::ZERO };
                    if award.check_accept(self.now, block, B256::ZERO, B256::ZERO).is_err() {
                        AwardEvent::DeadlineCheck
                    } else if self.chance(10) {
                        AwardEvent::Declined
                    } else {
                        accept
                    }
                }
                AwardState::Accepted { .. } if self.chance(12) => AwardEvent::ProverLost,
                AwardState::Accepted { .. } if self.chance(5) => AwardEvent::ProofRefused,
                AwardState::Accepted { .. } | AwardState::Missed { .. } if self.chance(25) => {
                    *self.proofs.entry(id).or_default() += 1;
                    AwardEvent::Delivered { statement: B256::repeat_byte(1) }
                }
                _ => AwardEvent::DeadlineCheck,
            };
            if self.commit(|state, now| step_award(state, now, id, event))
                && matches!(self.state.awards[&id].state, AwardState::Delivered { .. })
            {
                self.receipts.insert(id);
            }
        }
    }
}

fn reserved(state: &Committed, operator: OperatorId) -> u64 {
    state.awards.values().filter(|award| award.operator == operator && award.is_live()).map(|award| award.units.0).sum()
}

fn step_job(state: &mut Committed, now: Now, id: JobId, event: JobEvent) {
    let (job, effects) = state.jobs[&id].clone().step(now, event).unwrap();
    for effect in effects {
        match effect {
            JobEffect::Exclude { operator } => _ = state.barred.insert((id, operator)),
            JobEffect::FailRequest { .. } => state.failed_requests += 1,
            JobEffect::UnlockDependants => {}
        }
    }
    state.jobs.insert(id, job);
}

fn penalise(state: &mut Committed, now: Now, operator: OperatorId) {
    let reputation = state.reputations[&operator].failed(RULE, now.block);
    state.reputations.insert(operator, reputation);
}

fn step_award(state: &mut Committed, now: Now, id: AwardId, event: AwardEvent) {
    let (award, effects) = state.awards[&id].clone().step(now, event).unwrap();
    let (job, operator) = (award.job, award.operator);
    state.awards.insert(id, award);
    for effect in effects {
        match effect {
            AwardEffect::StartJob => step_job(state, now, job, JobEvent::Accepted { award: id }),
            AwardEffect::EndForJob(end) => step_job(state, now, job, JobEvent::AwardEnded { award: id, operator, end }),
            AwardEffect::Penalise(_) => penalise(state, now, operator),
            AwardEffect::SignReceipt { statement } => {
                if state.jobs[&job].state == (JobState::Proving { award: id }) {
                    step_job(state, now, job, JobEvent::Delivered { award: id });
                }
                step_job(state, now, job, JobEvent::Verified { award: id, statement });
                let others: Vec<AwardId> = state
                    .awards
                    .values()
                    .filter(|award| award.job == job && award.id != id)
                    .map(|award| award.id)
                    .collect();
                for other in others {
                    step_award(state, now, other, AwardEvent::NotNeeded);
                }
            }
            AwardEffect::Reward => {
                let reputation = state.reputations[&operator].delivered();
                state.reputations.insert(operator, reputation);
            }
            AwardEffect::AnnounceAnchored | AwardEffect::ReportMiss => {}
        }
    }
}

fn step_auction(state: &mut Committed, now: Now, event: AuctionEvent) {
    let Some(auction) = state.auction.take() else { return };
    let (auction, effects) = auction.step(now, event, &FirstPrice).unwrap();
    for effect in effects {
        match effect {
            AuctionEffect::Award { lot, operator, price } => {
                let lot = auction.lot(lot).unwrap();
                assert!(price <= lot.lot.ceiling);
                let cheaper = auction.bids.iter().filter(|((other, _), bid)| {
                    *other == lot.digest && bid.opened.is_some_and(|(offer, _)| offer < price)
                });
                // Only an operator without capacity left is passed over.
                for ((_, passed), _) in cheaper {
                    let won: u64 = auction_wins(&auction, *passed);
                    let Phase::Awarded { .. } = auction.phase else { panic!("not awarded") };
                    assert!(won > 0, "{passed} was cheaper and had capacity");
                }
                let terms = lot.lot.jobs[0];
                let attempt = state.jobs[&terms.job].attempt;
                let id = AwardId::derive(auction.key, terms.job, attempt, operator);
                let award = Award {
                    id,
                    key: auction.key,
                    lot: lot.digest,
                    job: terms.job,
                    attempt,
                    operator,
                    units: terms.units,
                    price: wei(0).max(price),
                    accept_blocks: lot.lot.accept_blocks,
                    proving_blocks: lot.lot.proving_blocks,
                    state: AwardState::Signed,
                };
                assert!(state.awards.insert(id, award).is_none(), "an award id is used once");
                step_job(state, now, terms.job, JobEvent::Awarded { lot: lot.digest, award: id });
            }
            AuctionEffect::VoidLot { lot } => {
                let id = auction.lot(lot).unwrap().lot.jobs[0].job;
                step_job(state, now, id, JobEvent::LotVoid { lot });
            }
            AuctionEffect::Penalise { operator, .. } => penalise(state, now, operator),
            _ => {}
        }
    }
    state.auction = Some(auction);
}

fn auction_wins(auction: &Auction, operator: OperatorId) -> u64 {
    match &auction.phase {
        Phase::Awarded { outcomes } => {
            outcomes.iter().filter(|outcome| outcome.winner.is_some_and(|(winner, _)| winner == operator)).count()
                as u64
        }
        _ => 0,
    }
}

#[test]
fn every_seed_ends_with_every_job_proved_or_failed() {
    let (mut proved, mut failed, mut awards, mut receipts) = (0, 0, 0, 0);
    for seed in 0..40 {
        let mut world = World::new(seed);
        for round in 0.. {
            assert!(round < 4_000, "seed {seed} does not end");
            world.tick();
            for _ in 0..3 {
                world.block();
            }
            let open = |job: &Job| !job.is_ended();
            let stranded = |world: &World| {
                // Every operator has failed what is left: nobody may bid for it any more.
                let all = world.operators.len();
                world.state.jobs.values().filter(|job| open(job)).all(|job| {
                    let barred = world.state.barred.iter().filter(|(id, _)| *id == job.terms.job).count();
                    job.state == JobState::Queued && barred == all
                })
            };
            if stranded(&world) {
                break;
            }
        }
        for job in world.state.jobs.values() {
            match job.state {
                JobState::Proved { award, .. } => {
                    proved += 1;
                    assert!(world.receipts.contains(&award), "what is proved was acknowledged");
                }
                _ => failed += 1,
            }
        }
        awards += world.state.awards.len();
        receipts += world.receipts.len();
        for award in &world.receipts {
            assert!(world.proofs.contains_key(award));
            assert!(matches!(world.state.awards[award].state, AwardState::Delivered { .. }), "a receipt is for ever");
        }
    }
    assert!(
        proved > 100 && failed > 0 && awards > proved && receipts >= proved,
        "{proved} {failed} {awards} {receipts}"
    );
}
