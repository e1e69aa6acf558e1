//! An award: `Signed → Anchored → Accepted → Delivered`, or an end without a proof.

use alloy_primitives::{B256, U256};
use gavel_types::id::{Attempt, AwardId, JobId, LotDigest, OperatorId, TickKey};
use gavel_types::unit::{PriceOverflow, WeiPerUnit, WorkUnits};

use crate::job::AwardEnd;
use crate::reputation::Failure;
use crate::transition::{IllegalTransition, Now};

/// One job given to one operator at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Award {
    pub id: AwardId,
    pub key: TickKey,
    pub lot: LotDigest,
    pub job: JobId,
    pub attempt: Attempt,
    pub operator: OperatorId,
    pub units: WorkUnits,
    pub price: WeiPerUnit,
    pub accept_blocks: u64,
    pub proving_blocks: u64,
    pub state: AwardState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardState {
    /// Signed and sent; nothing is reserved yet.
    Signed,
    /// Reserved on-chain since `block`.
    Anchored { block: u64 },
    /// The proving clock runs. `given_up`: the job has gone to somebody else, yet a proof in time
    /// is still taken and paid.
    Accepted { anchored: u64, accept_block: u64, input_digest: B256, given_up: bool },
    /// Verified, stored and acknowledged.
    Delivered { statement: B256 },
    /// The anchor reserved nothing.
    Skipped,
    /// Not accepted in time, or declined.
    Lapsed,
    /// Accepted and not delivered: may be reported.
    Missed { accept_block: u64, input_digest: B256 },
    /// Not needed any more, before the work was accepted.
    Void,
}

impl AwardState {
    /// Whether a verified proof earns its receipt, in time or late.
    pub fn takes_proof(self) -> bool {
        matches!(self, AwardState::Accepted { .. } | AwardState::Missed { .. } | AwardState::Delivered { .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardEvent {
    Anchored {
        block: u64,
    },
    SkippedByAnchor,
    /// The block of the anchor is gone; the same awards are anchored again.
    AnchorReorged,
    Accepted {
        accept_block: u64,
        input_digest: B256,
    },
    /// The operator refuses the award before accepting it.
    Declined,
    /// The operator's session is silent.
    ProverLost,
    /// A verified proof.
    Delivered {
        statement: B256,
    },
    /// A delivered proof was refused.
    ProofRefused,
    /// Looks at the block only.
    DeadlineCheck,
    /// The request ended, or somebody else proved the job.
    NotNeeded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardEffect {
    /// Tell the operator that the accept window runs.
    AnnounceAnchored,
    StartJob,
    /// The job is free for the next tick.
    EndForJob(AwardEnd),
    Penalise(Failure),
    /// Sign and send the delivery receipt; list the award in the next anchor.
    SignReceipt {
        statement: B256,
    },
    Reward,
    ReportMiss,
}

/// Why an acceptance is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptRefusal {
    #[error("award {award} is not anchored")]
    NotAnchored { award: AwardId },
    #[error("award {award} can be accepted at blocks {first} to {last}; got {got}")]
    OutsideWindow { award: AwardId, first: u64, last: u64, got: u64 },
    #[error("award {award} could be accepted until block {last}; the head is {head}")]
    Expired { award: AwardId, last: u64, head: u64 },
    #[error("accept block {got} is past the head {head}")]
    Future { head: u64, got: u64 },
    #[error("the inputs of award {award} have digest {expected}; accepted {got}")]
    WrongInputs { award: AwardId, expected: B256, got: B256 },
}

impl Award {
    /// What the operator is paid.
    ///
    /// # Errors
    /// [`PriceOverflow`] past 256 bits.
    pub fn amount(&self) -> Result<U256, PriceOverflow> {
        self.price.times(self.units)
    }

    /// Last block at which a proof counts; `None` unless accepted.
    pub fn proving_deadline(&self) -> Option<u64> {
        match self.state {
            AwardState::Accepted { accept_block, .. } | AwardState::Missed { accept_block, .. } => {
                Some(accept_block.saturating_add(self.proving_blocks))
            }
            _ => None,
        }
    }

    /// Whether capacity is taken that the chain does not show, or shows and has not released.
    pub fn is_live(&self) -> bool {
        matches!(self.state, AwardState::Signed | AwardState::Anchored { .. } | AwardState::Accepted { .. })
    }

    /// Checks an acceptance before it becomes an event. A repeated equal one is fine.
    ///
    /// # Errors
    /// [`AcceptRefusal`] when the award is not anchored, the block is outside the window or past
    /// the head by more than one, or the inputs are others.
    pub fn check_accept(&self, now: Now, got: u64, digest: B256, inputs: B256) -> Result<(), AcceptRefusal> {
        let award = self.id;
        if digest != inputs {
            return Err(AcceptRefusal::WrongInputs { award, expected: inputs, got: digest });
        }
        let first = match self.state {
            AwardState::Anchored { block } => block,
            AwardState::Accepted { accept_block, .. } if accept_block == got => return Ok(()),
            AwardState::Accepted { anchored, .. } => anchored,
            _ => return Err(AcceptRefusal::NotAnchored { award }),
        };
        let last = first.saturating_add(self.accept_blocks);
        if got < first || got > last {
            return Err(AcceptRefusal::OutsideWindow { award, first, last, got });
        }
        if now.block > last {
            return Err(AcceptRefusal::Expired { award, last, head: now.block });
        }
        // One block of grace: the operator's node may be ahead of the gateway's.
        if got > now.block.saturating_add(1) {
            return Err(AcceptRefusal::Future { head: now.block, got });
        }
        Ok(())
    }

    /// # Errors
    /// [`IllegalTransition`] when the state does not admit the event.
    pub fn step(self, now: Now, event: AwardEvent) -> Result<(Self, Vec<AwardEffect>), IllegalTransition> {
        use AwardState::{Accepted, Anchored, Delivered, Lapsed, Missed, Signed, Skipped, Void};
        let (state, effects) = match (self.state, event) {
            (Signed, AwardEvent::Anchored { block }) => (Anchored { block }, vec![AwardEffect::AnnounceAnchored]),
            // After a reorg the same award is anchored at another block.
            (Anchored { .. }, AwardEvent::Anchored { block }) => (Anchored { block }, Vec::new()),
            (Accepted { accept_block, input_digest, given_up, .. }, AwardEvent::Anchored { block }) => {
                (Accepted { anchored: block, accept_block, input_digest, given_up }, Vec::new())
            }
            (Anchored { .. }, AwardEvent::AnchorReorged) => (Signed, Vec::new()),
            (state, AwardEvent::AnchorReorged) => (state, Vec::new()),
            // An accepted one was anchored, reorganised away and could not be anchored again: void for both sides.
            (Signed | Anchored { .. } | Accepted { given_up: false, .. }, AwardEvent::SkippedByAnchor) => {
                (Skipped, vec![AwardEffect::EndForJob(AwardEnd::Skipped)])
            }
            (Accepted { .. }, AwardEvent::SkippedByAnchor) => (Skipped, Vec::new()),
            (Anchored { block }, AwardEvent::Accepted { accept_block, input_digest }) => {
                (Accepted { anchored: block, accept_block, input_digest, given_up: false }, vec![AwardEffect::StartJob])
            }
            (Accepted { accept_block, .. }, AwardEvent::Accepted { accept_block: again, .. })
                if accept_block == again =>
            {
                (self.state, Vec::new())
            }
            (Signed | Anchored { .. }, AwardEvent::Declined) => {
                (Lapsed, vec![AwardEffect::EndForJob(AwardEnd::Declined), AwardEffect::Penalise(Failure::NotAccepted)])
            }
            (Accepted { anchored, accept_block, input_digest, given_up: false }, AwardEvent::ProverLost) => (
                Accepted { anchored, accept_block, input_digest, given_up: true },
                vec![AwardEffect::EndForJob(AwardEnd::Lost)],
            ),
            (Accepted { given_up, .. }, AwardEvent::ProofRefused) => {
                let mut effects = vec![AwardEffect::Penalise(Failure::InvalidProof)];
                if !given_up {
                    effects.insert(0, AwardEffect::EndForJob(AwardEnd::InvalidProof));
                }
                (self.given_up(), effects)
            }
            (Accepted { .. } | Missed { .. }, AwardEvent::Delivered { statement }) => {
                (Delivered { statement }, vec![AwardEffect::SignReceipt { statement }, AwardEffect::Reward])
            }
            (Delivered { statement }, AwardEvent::Delivered { statement: again }) if statement == again => {
                (self.state, Vec::new())
            }
            (_, AwardEvent::DeadlineCheck) => return Ok(self.deadline(now)),
            (Signed | Anchored { .. }, AwardEvent::NotNeeded) => (Void, Vec::new()),
            // Accepted work is paid even when the request has ended: it stays until it is delivered or missed.
            (_, AwardEvent::NotNeeded | AwardEvent::ProverLost) => (self.state, Vec::new()),
            (state, event) => return Err(IllegalTransition::new("award", self.id, &state, &event)),
        };
        Ok((Self { state, ..self }, effects))
    }

    fn given_up(&self) -> AwardState {
        match self.state {
            AwardState::Accepted { anchored, accept_block, input_digest, .. } => {
                AwardState::Accepted { anchored, accept_block, input_digest, given_up: true }
            }
            state => state,
        }
    }

    fn deadline(self, now: Now) -> (Self, Vec<AwardEffect>) {
        let (state, effects) = match self.state {
            AwardState::Anchored { block } if now.block > block.saturating_add(self.accept_blocks) => (
                AwardState::Lapsed,
                vec![AwardEffect::EndForJob(AwardEnd::NotAccepted), AwardEffect::Penalise(Failure::NotAccepted)],
            ),
            AwardState::Accepted { accept_block, input_digest, given_up, .. }
                if now.block > accept_block.saturating_add(self.proving_blocks) =>
            {
                let mut effects = vec![AwardEffect::Penalise(Failure::Missed), AwardEffect::ReportMiss];
                if !given_up {
                    effects.insert(0, AwardEffect::EndForJob(AwardEnd::Missed));
                }
                (AwardState::Missed { accept_block, input_digest }, effects)
            }
            state => (state, Vec::new()),
        };
        (Self { state, ..self }, effects)
    }
}
