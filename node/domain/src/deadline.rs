//! Whether what is left of a plan can still be done before a deadline.

use gavel_types::unit::WorkUnits;

use crate::job::{Job, JobState};

/// The fastest that work is thought to go: what takes longer even so is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Blocks that one work unit takes at least, in thousandths.
    pub milliblocks_per_unit: u64,
    /// Blocks that a job takes at least from its announcement to its acceptance.
    pub blocks_per_job: u64,
}

impl Pace {
    /// Fewest blocks until every job is proved: the longest chain of needs. `needs` are pairs of a job's index and
    /// the lower index of a job that it needs.
    pub fn least_blocks(&self, jobs: &[Job], needs: &[(usize, usize)]) -> u64 {
        let mut done = vec![0u64; jobs.len()];
        for (index, job) in jobs.iter().enumerate() {
            let ready = needs.iter().filter(|(of, _)| *of == index).filter_map(|(_, need)| done.get(*need)).max();
            done[index] = ready.copied().unwrap_or_default().saturating_add(self.left(job));
        }
        done.into_iter().max().unwrap_or_default()
    }

    fn left(&self, job: &Job) -> u64 {
        let WorkUnits(units) = job.terms.units;
        let work = units.saturating_mul(self.milliblocks_per_unit) / 1_000;
        match job.state {
            JobState::Queued | JobState::Auctioning { .. } => work.saturating_add(self.blocks_per_job),
            JobState::Assigned { .. } => work,
            // The proof may arrive at any moment.
            JobState::Proving { .. }
            | JobState::Verifying { .. }
            | JobState::Proved { .. }
            | JobState::Failed { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use gavel_types::id::{Attempt, AwardId, JobId, RequestId};
    use gavel_types::job::{JobKind, JobTerms};

    use super::*;

    #[test]
    fn the_longest_chain_of_unproved_jobs_counts() {
        let award = AwardId(B256::ZERO);
        let job = |index, units, state| Job {
            terms: JobTerms {
                job: JobId::derive(RequestId(B256::ZERO), index),
                payer: RequestId(B256::ZERO),
                kind: JobKind::Query,
                units: WorkUnits(units),
                claim_digest: B256::ZERO,
            },
            attempt: Attempt(0),
            waiting_since: 0,
            attempt_limit: 3,
            state,
        };
        let pace = Pace { milliblocks_per_unit: 500, blocks_per_job: 3 };
        let needs = [(2, 0), (2, 1), (3, 2)];
        let plan = |first, second| {
            let rest = [job(2, 10, JobState::Queued), job(3, 4, JobState::Queued)];
            [job(0, 40, first), job(1, 20, second)].into_iter().chain(rest).collect::<Vec<_>>()
        };
        let statement = B256::ZERO;
        let blocks = |first, second| pace.least_blocks(&plan(first, second), &needs);
        assert_eq!(blocks(JobState::Queued, JobState::Queued), 23 + 8 + 5);
        assert_eq!(blocks(JobState::Assigned { award }, JobState::Queued), 20 + 8 + 5);
        assert_eq!(blocks(JobState::Proved { award, statement }, JobState::Queued), 13 + 8 + 5);
        assert_eq!(blocks(JobState::Proving { award }, JobState::Proving { award }), 8 + 5);
        assert_eq!(pace.least_blocks(&[], &[]), 0);
    }
}
