//! A request from its confirmation on-chain to one of its ends.

use gavel_types::id::RequestId;

use crate::job::JobFailure;
use crate::transition::{IllegalTransition, Now};

/// A request as the gateway works on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTask {
    pub id: RequestId,
    /// Last block at which it can be settled.
    pub deadline: u64,
    pub state: RequestState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Jobs are planned; none has been awarded.
    Planned,
    /// Work has been awarded.
    Running,
    /// The final proof is there; the settlement is on its way.
    Settling,
    Settled,
    /// The gateway gives up; its transaction is on its way.
    Failing(RequestFailure),
    Failed(RequestFailure),
    Refunded,
    Cancelled,
    /// A reorg took the request back.
    Withdrawn,
}

/// Why a request fails. The numbers are `FailureReason` of the contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RequestFailure {
    /// Nobody bid under the ceiling, even at its maximum.
    NoBids = 1,
    /// A job failed as often as the limit admits.
    AttemptsExhausted = 2,
    /// The table or query text does not compile to the digests of the request.
    TextMismatch = 3,
    /// The data or the work is outside what can be proven.
    Unprovable = 4,
    /// The work cannot be done before the deadline.
    DeadlineTooClose = 5,
    /// The fee pays for no work at all.
    FeeTooLow = 6,
    Other = 7,
    /// What the request may commit is more than the gateway's bond would ever be put at risk for.
    BondTooLow = 8,
}

impl RequestFailure {
    pub const ALL: [RequestFailure; 8] = [
        RequestFailure::NoBids,
        RequestFailure::AttemptsExhausted,
        RequestFailure::TextMismatch,
        RequestFailure::Unprovable,
        RequestFailure::DeadlineTooClose,
        RequestFailure::FeeTooLow,
        RequestFailure::Other,
        RequestFailure::BondTooLow,
    ];

    pub const fn explanation(self) -> &'static str {
        match self {
            RequestFailure::NoBids => "nobody bid under the ceiling that the fee admits",
            RequestFailure::AttemptsExhausted => "a job failed too often",
            RequestFailure::TextMismatch => "the registered text does not compile to the request's digests",
            RequestFailure::Unprovable => "the data or the work is outside what can be proven",
            RequestFailure::DeadlineTooClose => "the work cannot be done before the deadline",
            RequestFailure::FeeTooLow => "the fee pays for no work",
            RequestFailure::Other => "another reason",
            RequestFailure::BondTooLow => "the gateway's bond does not cover the request",
        }
    }
}

impl From<JobFailure> for RequestFailure {
    fn from(failure: JobFailure) -> Self {
        match failure {
            JobFailure::NoBidUnderCeiling => RequestFailure::NoBids,
            JobFailure::AttemptLimit => RequestFailure::AttemptsExhausted,
            JobFailure::RequestEnded => RequestFailure::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEvent {
    /// A first award was signed.
    WorkAwarded,
    /// The final proof is stored.
    Proved,
    /// The gateway cannot finish it.
    GiveUp(RequestFailure),
    /// What the chain says; it is right whatever the gateway believes.
    SettledOnChain,
    FailedOnChain(RequestFailure),
    RefundedOnChain,
    CancelledOnChain,
    /// The block that held the request is gone.
    Reorged,
    /// The request is in a block again.
    SeenAgain,
    /// The block that ended the request is gone.
    EndReorged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEffect {
    SendSettle,
    SendFail(RequestFailure),
    /// No job of the request is announced any more; open awards that nobody accepted are void.
    EndJobs,
    /// Jobs that ended with the request are queued again.
    ReviveJobs,
}

impl RequestTask {
    pub fn is_ended(&self) -> bool {
        use RequestState::{Cancelled, Failed, Refunded, Settled, Withdrawn};
        matches!(self.state, Settled | Failed(_) | Refunded | Cancelled | Withdrawn)
    }

    /// Whether jobs of the request are still announced.
    pub fn is_working(&self) -> bool {
        matches!(self.state, RequestState::Planned | RequestState::Running)
    }

    /// # Errors
    /// [`IllegalTransition`] when the state does not admit the event.
    pub fn step(self, now: Now, event: RequestEvent) -> Result<(Self, Vec<RequestEffect>), IllegalTransition> {
        use RequestState::{Cancelled, Failed, Failing, Planned, Refunded, Running, Settled, Settling, Withdrawn};
        let (state, effects) = match (self.state, event) {
            (Planned | Running, RequestEvent::WorkAwarded) => (Running, Vec::new()),
            (Planned | Running, RequestEvent::Proved) if now.block <= self.deadline => {
                (Settling, vec![RequestEffect::SendSettle])
            }
            // Past the deadline only a refund is possible: the state waits for it.
            (state @ (Planned | Running), RequestEvent::Proved) => (state, Vec::new()),
            (Planned | Running, RequestEvent::GiveUp(reason)) => {
                (Failing(reason), vec![RequestEffect::EndJobs, RequestEffect::SendFail(reason)])
            }
            // The settlement did not come in time.
            (Settling, RequestEvent::GiveUp(reason)) if now.block > self.deadline => {
                (Failing(reason), vec![RequestEffect::EndJobs, RequestEffect::SendFail(reason)])
            }
            // Several jobs may fail at once; the first reason stands.
            (state @ (Failing(_) | Settling), RequestEvent::GiveUp(_)) => (state, Vec::new()),
            (Withdrawn, RequestEvent::SeenAgain) => (Planned, vec![RequestEffect::ReviveJobs]),
            // Only the gateway fails a request, and it still wants to.
            (Failed(reason), RequestEvent::EndReorged) => (Failing(reason), vec![RequestEffect::SendFail(reason)]),
            (Settled | Refunded | Cancelled, RequestEvent::EndReorged) => (Planned, vec![RequestEffect::ReviveJobs]),
            (state, RequestEvent::SeenAgain | RequestEvent::EndReorged) => (state, Vec::new()),
            (_, RequestEvent::SettledOnChain) => (Settled, vec![RequestEffect::EndJobs]),
            (_, RequestEvent::FailedOnChain(reason)) => (Failed(reason), vec![RequestEffect::EndJobs]),
            (_, RequestEvent::RefundedOnChain) => (Refunded, vec![RequestEffect::EndJobs]),
            (_, RequestEvent::CancelledOnChain) => (Cancelled, vec![RequestEffect::EndJobs]),
            (_, RequestEvent::Reorged) => (Withdrawn, vec![RequestEffect::EndJobs]),
            (state, event) => return Err(IllegalTransition::new("request", self.id, &state, &event)),
        };
        Ok((Self { state, ..self }, effects))
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    fn task(state: RequestState) -> RequestTask {
        RequestTask { id: RequestId(B256::ZERO), deadline: 10, state }
    }

    #[test]
    fn settles_until_the_deadline_only() {
        let at = |block| Now { block, millis: 0 };
        let (settling, effects) = task(RequestState::Running).step(at(10), RequestEvent::Proved).unwrap();
        assert_eq!((settling.state, effects), (RequestState::Settling, vec![RequestEffect::SendSettle]));
        let (late, effects) = task(RequestState::Running).step(at(11), RequestEvent::Proved).unwrap();
        assert_eq!((late.state, effects), (RequestState::Running, vec![]));
    }

    #[test]
    fn the_chain_is_right() {
        for state in
            [RequestState::Planned, RequestState::Settling, RequestState::Failing(RequestFailure::AttemptsExhausted)]
        {
            let (ended, _) = task(state).step(Now::default(), RequestEvent::RefundedOnChain).unwrap();
            assert!(ended.is_ended());
        }
    }

    #[test]
    fn an_end_that_is_reorganised_away_is_no_end() {
        use RequestState::{Cancelled, Failed, Failing, Planned, Settled, Settling};
        let reason = RequestFailure::NoBids;
        for (ended, open) in [(Settled, Planned), (Cancelled, Planned), (Failed(reason), Failing(reason))] {
            let (task, effects) = task(ended).step(Now::default(), RequestEvent::EndReorged).unwrap();
            assert_eq!((task.state, effects.len()), (open, 1));
        }
        let (task, effects) = task(Settling).step(Now::default(), RequestEvent::EndReorged).unwrap();
        assert_eq!((task.state, effects), (Settling, vec![]));
    }

    #[test]
    fn a_settlement_that_is_late_becomes_a_refund() {
        let give_up = RequestEvent::GiveUp(RequestFailure::DeadlineTooClose);
        let at = |block| task(RequestState::Settling).step(Now { block, millis: 0 }, give_up).unwrap().0.state;
        assert_eq!(at(10), RequestState::Settling);
        assert_eq!(at(11), RequestState::Failing(RequestFailure::DeadlineTooClose));
    }

    #[test]
    fn an_ended_request_is_not_worked_on() {
        for event in [RequestEvent::WorkAwarded, RequestEvent::Proved, RequestEvent::GiveUp(RequestFailure::Unprovable)]
        {
            assert!(task(RequestState::Settled).step(Now::default(), event).is_err());
        }
    }
}
