//! Requests are taken while a share of the bond covers what they may commit; the oldest goes first.

use alloy_primitives::U256;
use gavel_domain::bond::{Admission, most_committed};
use gavel_domain::ceiling::CeilingSchedule;
use gavel_domain::job::Job;
use gavel_domain::request::{RequestEvent, RequestFailure};
use gavel_types::id::RequestId;
use gavel_types::unit::WorkUnits;

use crate::engine::{Gateway, Plan};
use crate::error::GatewayError;
use crate::steps::Due;

/// A planned request that is not taken yet. Not stored: a restart plans it again.
pub(crate) struct Candidate {
    pub request: RequestId,
    pub plan: Plan,
    pub units: WorkUnits,
    pub ceiling: CeilingSchedule,
    /// The most that it can commit, in wei.
    most: U256,
    deadline: u64,
    /// That it waits was said.
    told: bool,
}

/// Where a request was made: block, and index of its event there.
pub(crate) type Place = (u64, u64);

impl Gateway {
    /// Puts a planned request in the queue for free bond, and takes what fits.
    pub(crate) async fn wait_for_bond(&mut self, id: RequestId, plan: Plan) -> Result<(), GatewayError> {
        let Some(row) = self.context.store.read().await?.request(id).await? else { return Ok(()) };
        let units = WorkUnits(plan.jobs.iter().fold(0, |sum: u64, job| sum.saturating_add(job.units.0)));
        let rule = &self.context.rule;
        let ceiling = CeilingSchedule::of_request(
            plan.work_fee,
            units,
            self.context.supernet_terms().max_price,
            rule.ceiling_start_percent,
            rule.ceiling_ramp_blocks,
            rule.patience_blocks,
        );
        let most = most_committed(plan.work_fee, ceiling.maximum, units, rule.attempt_limit);
        let deadline = row.value.task.deadline;
        let candidate = Candidate { request: id, plan, units, ceiling, most, deadline, told: false };
        self.waiting.insert((row.value.block_number, row.value.log_index), candidate);
        self.admit_waiting().await
    }

    /// Looks through the queue: every new block, and when a request joins it.
    pub(crate) async fn admit_waiting(&mut self) -> Result<(), GatewayError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let bond = match self.context.chain.bond().await {
            Ok(bond) => bond,
            Err(error) => {
                tracing::warn!(%error, "the bond cannot be read; planned requests wait");
                return Ok(());
            }
        };
        // What running requests have committed counts twice, which errs to the safe side: the two come from
        // different blocks.
        let mut committed = bond.committed.saturating_add(self.most_of_taken().await?);
        let (mut blocked, share) = (false, self.context.rule.bond_share());
        for (place, mut candidate) in std::mem::take(&mut self.waiting) {
            let (id, most) = (candidate.request, candidate.most);
            let row = self.context.store.read().await?.request(id).await?;
            if !row.is_some_and(|row| row.value.task.is_working()) {
                continue;
            }
            let late = self.head.saturating_add(self.least_blocks(&candidate) + 1) > candidate.deadline;
            match share.admit(bond.cover, committed, most) {
                Admission::Taken if !blocked => {
                    self.take(&candidate).await?;
                    committed = committed.saturating_add(most);
                }
                Admission::Taken | Admission::Waits if !late => {
                    blocked = true;
                    if !std::mem::replace(&mut candidate.told, true) {
                        tracing::warn!(request = %id, %most, %committed, bond = %bond.cover, "waits for free bond");
                    }
                    self.waiting.insert(place, candidate);
                }
                _ => {
                    tracing::warn!(request = %id, %most, bond = %bond.cover, "the share of the bond does not cover it");
                    let mut steps = self.steps().await?;
                    steps.apply(Due::Request(id, RequestEvent::GiveUp(RequestFailure::BondTooLow))).await?;
                    self.finish(steps).await?;
                }
            }
        }
        Ok(())
    }

    /// Fewest blocks in which the plan could be worked off.
    fn least_blocks(&self, candidate: &Candidate) -> u64 {
        let jobs = &candidate.plan.jobs;
        let rows: Vec<Job> =
            jobs.iter().enumerate().map(|(at, job)| self.job_row(candidate.request, at as u32, job).job).collect();
        let needs =
            jobs.iter().enumerate().flat_map(|(at, job)| job.needs.iter().map(move |need| (at, *need as usize)));
        self.context.rule.pace().least_blocks(&rows, &needs.collect::<Vec<_>>())
    }

    /// The most that requests which were taken can commit, in wei.
    async fn most_of_taken(&self) -> Result<U256, GatewayError> {
        let mut read = self.context.store.read().await?;
        let mut sum = U256::ZERO;
        for row in read.open_requests().await? {
            let row = row.value;
            let jobs = read.jobs_of(row.task.id).await?;
            let units = jobs.iter().fold(0, |sum: u64, job| sum.saturating_add(job.value.job.terms.units.0));
            if row.task.is_working() {
                let (units, attempts) = (WorkUnits(units), self.context.rule.attempt_limit);
                sum = sum.saturating_add(most_committed(row.work_fee, row.ceiling.maximum, units, attempts));
            }
        }
        Ok(sum)
    }
}
