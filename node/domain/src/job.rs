//! A job: `Queued → Auctioning → Assigned → Proving → Verifying → Proved`, or `Failed`.

use alloy_primitives::B256;
use gavel_types::id::{Attempt, AwardId, LotDigest, OperatorId, Tick};
use gavel_types::job::JobTerms;

use crate::transition::{IllegalTransition, Now};

/// A job with everything that decides its next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub terms: JobTerms,
    /// Awards that ended without a proof.
    pub attempt: Attempt,
    /// Block since which the job waits for a bid: its planning, or the end of its last award.
    pub waiting_since: u64,
    pub attempt_limit: u32,
    pub state: JobState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    Queued,
    Auctioning { tick: Tick, lot: LotDigest },
    Assigned { award: AwardId },
    Proving { award: AwardId },
    Verifying { award: AwardId },
    Proved { award: AwardId, statement: B256 },
    Failed { reason: JobFailure },
}

/// Why a job will not be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobFailure {
    /// Nobody bid under the ceiling, even at its maximum.
    NoBidUnderCeiling,
    /// As many awards failed as the limit admits.
    AttemptLimit,
    /// The request ended otherwise.
    RequestEnded,
}

/// Why an award ended without a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardEnd {
    /// The anchoring transaction reserved nothing.
    Skipped,
    /// The operator did not accept in time.
    NotAccepted,
    /// The operator refused the inputs or the work.
    Declined,
    /// The operator is silent; it may still deliver until its deadline.
    Lost,
    /// The proving blocks passed.
    Missed,
    /// The proof that was delivered is not of this job.
    InvalidProof,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent {
    Announced {
        tick: Tick,
        lot: LotDigest,
    },
    /// The lot found no winner.
    LotVoid {
        lot: LotDigest,
    },
    Awarded {
        lot: LotDigest,
        award: AwardId,
    },
    Accepted {
        award: AwardId,
    },
    /// A proof arrived and is being checked.
    Delivered {
        award: AwardId,
    },
    /// A stored proof was verified; it may come from an award that was given up before.
    Verified {
        award: AwardId,
        statement: B256,
    },
    AwardEnded {
        award: AwardId,
        operator: OperatorId,
        end: AwardEnd,
    },
    CeilingExhausted,
    RequestEnded,
    /// The request is there again after a reorg.
    Revived,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEffect {
    /// Jobs that wait for this one may be ready.
    UnlockDependants,
    /// The operator is not asked again for this job.
    Exclude { operator: OperatorId },
    /// The task cannot be finished.
    FailRequest { reason: JobFailure },
}

impl Job {
    pub fn is_ended(&self) -> bool {
        matches!(self.state, JobState::Proved { .. } | JobState::Failed { .. })
    }

    /// The award that the job waits for.
    pub fn award(&self) -> Option<AwardId> {
        match self.state {
            JobState::Assigned { award } | JobState::Proving { award } | JobState::Verifying { award } => Some(award),
            _ => None,
        }
    }

    /// # Errors
    /// [`IllegalTransition`] when the state does not admit the event.
    pub fn step(self, now: Now, event: JobEvent) -> Result<(Self, Vec<JobEffect>), IllegalTransition> {
        use JobState::{Assigned, Auctioning, Failed, Proved, Proving, Queued, Verifying};
        let state = match (self.state, event) {
            (Queued, JobEvent::Announced { tick, lot }) => Auctioning { tick, lot },
            (Auctioning { lot, .. }, JobEvent::LotVoid { lot: void }) if lot == void => Queued,
            (Auctioning { lot, .. }, JobEvent::Awarded { lot: awarded, award }) if lot == awarded => Assigned { award },
            (Assigned { award }, JobEvent::Accepted { award: accepted }) if award == accepted => Proving { award },
            (Proving { award }, JobEvent::Delivered { award: delivered }) if award == delivered => Verifying { award },
            // A proof counts whoever made it: the award that was given up, or the one at work.
            (
                Queued | Auctioning { .. } | Assigned { .. } | Proving { .. } | Verifying { .. },
                JobEvent::Verified { award, statement },
            ) => return Ok((self.with(Proved { award, statement }), vec![JobEffect::UnlockDependants])),
            (Proved { .. } | Failed { .. }, JobEvent::Verified { .. }) => return Ok((self, Vec::new())),
            (_, JobEvent::AwardEnded { award, operator, end }) => {
                return Ok(self.award_ended(now, award, operator, end));
            }
            (Queued, JobEvent::CeilingExhausted) => return Ok(self.fail(JobFailure::NoBidUnderCeiling)),
            (Proved { .. } | Failed { .. }, JobEvent::RequestEnded) => self.state,
            (Failed { reason: JobFailure::RequestEnded }, JobEvent::Revived) => Queued,
            (_, JobEvent::Revived) => self.state,
            (_, JobEvent::RequestEnded) => Failed { reason: JobFailure::RequestEnded },
            (state, event) => return Err(IllegalTransition::new("job", self.terms.job, &state, &event)),
        };
        Ok((self.with(state), Vec::new()))
    }

    fn award_ended(self, now: Now, award: AwardId, operator: OperatorId, end: AwardEnd) -> (Self, Vec<JobEffect>) {
        let exclude = match end {
            AwardEnd::Skipped => Vec::new(),
            _ => vec![JobEffect::Exclude { operator }],
        };
        if self.award() != Some(award) {
            // Given up before, or ended: the job is elsewhere already.
            return (self, exclude);
        }
        let attempt = Attempt(self.attempt.0 + 1);
        let job = Self { attempt, waiting_since: now.block, ..self };
        let (job, mut effects) = if attempt.0 >= job.attempt_limit {
            job.fail(JobFailure::AttemptLimit)
        } else {
            (job.with(JobState::Queued), Vec::new())
        };
        effects.splice(0..0, exclude);
        (job, effects)
    }

    fn fail(self, reason: JobFailure) -> (Self, Vec<JobEffect>) {
        (self.with(JobState::Failed { reason }), vec![JobEffect::FailRequest { reason }])
    }

    fn with(self, state: JobState) -> Self {
        Self { state, ..self }
    }
}
