//! Ready jobs into lots.

use alloy_primitives::B256;
use gavel_types::id::TickKey;
use gavel_types::job::JobTerms;
use gavel_types::lot::Lot;
use gavel_types::unit::{Class, WeiPerUnit, WorkUnits};

/// A job whose inputs are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyJob {
    pub terms: JobTerms,
    pub ceiling: WeiPerUnit,
}

/// How lots are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotRule {
    pub circuit_set: B256,
    pub max_jobs: usize,
    pub max_units: WorkUnits,
    pub accept_blocks: u64,
    /// Longest proving window that the contracts admit.
    pub max_proving_blocks: u64,
    /// Blocks that one unit takes, in thousandths, by class; from calibration under load.
    pub milliblocks_per_unit: [u64; 3],
    /// Blocks that every lot gets on top, by class.
    pub spare_blocks: [u64; 3],
}

impl LotRule {
    /// Blocks within which a lot of so many units is proven.
    pub fn proving_blocks(&self, class: Class, units: WorkUnits) -> u64 {
        let index = class as usize;
        let work = units.0.saturating_mul(self.milliblocks_per_unit[index]).div_ceil(1000);
        work.saturating_add(self.spare_blocks[index]).min(self.max_proving_blocks)
    }

    /// Cuts jobs into lots of one class, in the order given. A job above `max_units` is a lot of its own.
    pub fn lots(&self, key: TickKey, ready: &[ReadyJob]) -> Vec<Lot> {
        let mut groups: Vec<(Class, Vec<ReadyJob>)> = Vec::new();
        for job in ready {
            let class = job.terms.kind.class();
            let open = groups.iter_mut().rev().find(|(other, _)| *other == class);
            match open {
                Some((_, jobs)) if self.fits(jobs, job) => jobs.push(*job),
                _ => groups.push((class, vec![*job])),
            }
        }
        let lot = |(number, (class, jobs)): (usize, (Class, Vec<ReadyJob>))| {
            let units = WorkUnits(jobs.iter().fold(0, |sum: u64, job| sum.saturating_add(job.terms.units.0)));
            Lot {
                key,
                number: number as u32,
                class,
                // The lot's price holds for each job, so the poorest payer bounds it.
                ceiling: jobs.iter().map(|job| job.ceiling).min().unwrap_or_default(),
                accept_blocks: self.accept_blocks,
                proving_blocks: self.proving_blocks(class, units),
                circuit_set: self.circuit_set,
                jobs: jobs.into_iter().map(|job| job.terms).collect(),
            }
        };
        groups.into_iter().enumerate().map(lot).collect()
    }

    fn fits(&self, jobs: &[ReadyJob], next: &ReadyJob) -> bool {
        let units = jobs.iter().fold(next.terms.units.0, |sum, job| sum.saturating_add(job.terms.units.0));
        jobs.len() < self.max_jobs && units <= self.max_units.0
    }
}

#[cfg(test)]
mod tests {
    use gavel_types::id::{GatewayEpoch, JobId, RequestId, SupernetId, Tick};
    use gavel_types::job::JobKind;

    use super::*;

    #[test]
    fn lots_hold_one_class_and_the_lowest_ceiling() {
        let rule = LotRule {
            circuit_set: B256::ZERO,
            max_jobs: 2,
            max_units: WorkUnits(20),
            accept_blocks: 5,
            max_proving_blocks: 17,
            milliblocks_per_unit: [500, 500, 500],
            spare_blocks: [1, 2, 3],
        };
        let job = |index, kind, units, ceiling: u64| ReadyJob {
            terms: JobTerms {
                job: JobId::derive(RequestId(B256::ZERO), index),
                payer: RequestId(B256::ZERO),
                kind,
                units: WorkUnits(units),
                claim_digest: B256::ZERO,
            },
            ceiling: WeiPerUnit(alloy_primitives::U256::from(ceiling)),
        };
        let ready = [
            job(0, JobKind::Query, 5, 9),
            job(1, JobKind::Extract, 50, 9),
            job(2, JobKind::Merge, 6, 7),
            job(3, JobKind::Query, 1, 9),
        ];
        let key = TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(1), tick: Tick(1) };
        let lots = rule.lots(key, &ready);
        let shape: Vec<_> = lots.iter().map(|lot| (lot.class, lot.jobs.len(), lot.proving_blocks)).collect();
        assert_eq!(shape, [(Class::Small, 2, 7), (Class::Medium, 1, 17), (Class::Small, 1, 2)]);
        assert_eq!(lots[0].ceiling.0, alloy_primitives::U256::from(7));
        assert!(lots.iter().all(|lot| lot.digest().is_ok()));
    }
}
