//! Jobs and awards under every order of events.

mod market;

use alloy_primitives::B256;
use gavel_domain::award::{AcceptRefusal, Award, AwardEffect, AwardEvent, AwardState};
use gavel_domain::job::{AwardEnd, Job, JobEffect, JobEvent, JobFailure, JobState};
use gavel_domain::reputation::Failure;
use gavel_domain::transition::Now;
use gavel_types::id::{Attempt, AwardId, LotDigest, OperatorId, Tick};
use gavel_types::unit::WorkUnits;
use market::{Operator, job, key, wei};
use proptest::prelude::*;

const INPUT: B256 = B256::repeat_byte(7);
const LOT: LotDigest = LotDigest(B256::repeat_byte(8));
const STATEMENT: B256 = B256::repeat_byte(9);

fn at(block: u64) -> Now {
    Now { block, millis: 0 }
}

fn award(attempt: u32) -> Award {
    let (operator, terms) = (Operator::new(1).id, job(0, 10));
    Award {
        id: AwardId::derive(key(1), terms.job, Attempt(attempt), operator),
        key: key(1),
        lot: LOT,
        job: terms.job,
        attempt: Attempt(attempt),
        operator,
        units: WorkUnits(10),
        price: wei(3),
        accept_blocks: 5,
        proving_blocks: 20,
        state: AwardState::Signed,
    }
}

fn queued() -> Job {
    Job { terms: job(0, 10), attempt: Attempt(0), waiting_since: 0, attempt_limit: 3, state: JobState::Queued }
}

fn run(award: Award, steps: &[(u64, AwardEvent)]) -> (Award, Vec<AwardEffect>) {
    steps.iter().fold((award, Vec::new()), |(award, _), (block, event)| award.step(at(*block), *event).unwrap())
}

const ACCEPTED: AwardEvent = AwardEvent::Accepted { accept_block: 12, input_digest: INPUT };

#[test]
fn an_award_is_accepted_inside_its_window_only() {
    let signed = award(0);
    assert_eq!(signed.check_accept(at(10), 10, INPUT, INPUT), Err(AcceptRefusal::NotAnchored { award: signed.id }));
    let (anchored, effects) = run(signed, &[(10, AwardEvent::Anchored { block: 10 })]);
    assert_eq!(effects, [AwardEffect::AnnounceAnchored]);
    let refused = |block, accept| anchored.check_accept(at(block), accept, INPUT, INPUT).unwrap_err();
    assert!(matches!(refused(12, 9), AcceptRefusal::OutsideWindow { first: 10, last: 15, got: 9, .. }));
    assert!(matches!(refused(12, 16), AcceptRefusal::OutsideWindow { .. }));
    assert!(matches!(refused(16, 15), AcceptRefusal::Expired { last: 15, head: 16, .. }));
    assert!(matches!(refused(12, 14), AcceptRefusal::Future { head: 12, got: 14 }));
    assert_eq!(anchored.check_accept(at(12), 12, INPUT, INPUT), Ok(()));
    assert!(matches!(anchored.check_accept(at(12), 12, B256::ZERO, INPUT), Err(AcceptRefusal::WrongInputs { .. })));
}

#[test]
fn silence_after_an_anchor_is_a_failure() {
    let (lapsed, effects) = run(award(0), &[(10, AwardEvent::Anchored { block: 10 }), (16, AwardEvent::DeadlineCheck)]);
    assert_eq!(lapsed.state, AwardState::Lapsed);
    let expected = [AwardEffect::EndForJob(AwardEnd::NotAccepted), AwardEffect::Penalise(Failure::NotAccepted)];
    assert_eq!(effects, expected);
}

#[test]
fn a_skipped_award_costs_the_operator_nothing() {
    let (skipped, effects) = run(award(0), &[(10, AwardEvent::SkippedByAnchor)]);
    assert_eq!(skipped.state, AwardState::Skipped);
    assert_eq!(effects, [AwardEffect::EndForJob(AwardEnd::Skipped)]);
    let (job, effects) = assigned(&skipped)
        .step(at(10), JobEvent::AwardEnded { award: skipped.id, operator: skipped.operator, end: AwardEnd::Skipped })
        .unwrap();
    assert_eq!((job.state, job.attempt, effects), (JobState::Queued, Attempt(1), vec![]));
}

#[test]
fn only_an_accepted_award_is_missed() {
    let anchored = [(10, AwardEvent::Anchored { block: 10 }), (12, ACCEPTED)];
    let (accepted, _) = run(award(0), &anchored);
    assert_eq!(accepted.proving_deadline(), Some(32));
    let (still, effects) = run(accepted.clone(), &[(32, AwardEvent::DeadlineCheck)]);
    assert_eq!((still.state, effects.len()), (accepted.state, 0));
    let (missed, effects) = run(accepted, &[(33, AwardEvent::DeadlineCheck)]);
    assert!(matches!(missed.state, AwardState::Missed { accept_block: 12, .. }));
    assert!(effects.contains(&AwardEffect::ReportMiss));
    // A delivery after all still earns a receipt, which answers the report.
    let (late, effects) = run(missed, &[(40, AwardEvent::Delivered { statement: STATEMENT })]);
    assert_eq!(late.state, AwardState::Delivered { statement: STATEMENT });
    assert!(effects.contains(&AwardEffect::SignReceipt { statement: STATEMENT }));
}

#[test]
fn a_lost_prover_may_come_back() {
    let (lost, effects) =
        run(award(0), &[(10, AwardEvent::Anchored { block: 10 }), (12, ACCEPTED), (14, AwardEvent::ProverLost)]);
    assert_eq!(effects, [AwardEffect::EndForJob(AwardEnd::Lost)]);
    let (delivered, effects) = run(lost.clone(), &[(20, AwardEvent::Delivered { statement: STATEMENT })]);
    assert!(matches!(delivered.state, AwardState::Delivered { .. }));
    assert!(effects.contains(&AwardEffect::Reward));
    // The job takes that proof although it has been queued again.
    let ended = JobEvent::AwardEnded { award: lost.id, operator: lost.operator, end: AwardEnd::Lost };
    let (job, _) = assigned(&lost).step(at(14), ended).unwrap();
    let (job, effects) = job.step(at(20), JobEvent::Verified { award: lost.id, statement: STATEMENT }).unwrap();
    assert!(matches!(job.state, JobState::Proved { .. }));
    assert_eq!(effects, [JobEffect::UnlockDependants]);
    let (_, effects) = run(lost, &[(33, AwardEvent::DeadlineCheck)]);
    assert!(!effects.iter().any(|effect| matches!(effect, AwardEffect::EndForJob(_))), "queued once");
}

fn assigned(award: &Award) -> Job {
    Job { state: JobState::Assigned { award: award.id }, ..queued() }
}

#[test]
fn the_attempt_limit_fails_the_request() {
    let mut job = queued();
    for attempt in 0..3 {
        let award = award(attempt);
        let lot = LOT;
        job = job.step(at(1), JobEvent::Announced { tick: Tick(1), lot }).unwrap().0;
        job = job.step(at(1), JobEvent::Awarded { lot, award: award.id }).unwrap().0;
        let ended = JobEvent::AwardEnded { award: award.id, operator: award.operator, end: AwardEnd::Missed };
        let (next, effects) = job.step(at(1), ended).unwrap();
        assert_eq!(effects[0], JobEffect::Exclude { operator: award.operator });
        assert_eq!(effects.len(), if attempt == 2 { 2 } else { 1 });
        job = next;
    }
    assert_eq!(job.state, JobState::Failed { reason: JobFailure::AttemptLimit });
}

fn award_event() -> impl Strategy<Value = AwardEvent> {
    prop_oneof![
        (0u64..60).prop_map(|block| AwardEvent::Anchored { block }),
        Just(AwardEvent::SkippedByAnchor),
        (0u64..60).prop_map(|accept_block| AwardEvent::Accepted { accept_block, input_digest: INPUT }),
        Just(AwardEvent::Declined),
        Just(AwardEvent::ProverLost),
        Just(AwardEvent::Delivered { statement: STATEMENT }),
        Just(AwardEvent::ProofRefused),
        Just(AwardEvent::DeadlineCheck),
        Just(AwardEvent::NotNeeded),
    ]
}

fn job_event() -> impl Strategy<Value = JobEvent> {
    let id = |attempt| award(attempt).id;
    let end = prop::sample::select(vec![
        AwardEnd::Skipped,
        AwardEnd::NotAccepted,
        AwardEnd::Declined,
        AwardEnd::Lost,
        AwardEnd::Missed,
        AwardEnd::InvalidProof,
    ]);
    prop_oneof![
        Just(JobEvent::Announced { tick: Tick(1), lot: LOT }),
        Just(JobEvent::LotVoid { lot: LOT }),
        (0u32..4).prop_map(move |n| JobEvent::Awarded { lot: LOT, award: id(n) }),
        (0u32..4).prop_map(move |n| JobEvent::Accepted { award: id(n) }),
        (0u32..4).prop_map(move |n| JobEvent::Delivered { award: id(n) }),
        (0u32..4).prop_map(move |n| JobEvent::Verified { award: id(n), statement: STATEMENT }),
        (0u32..4, end).prop_map(move |(n, end)| JobEvent::AwardEnded {
            award: id(n),
            operator: OperatorId(Default::default()),
            end
        }),
        Just(JobEvent::CeilingExhausted),
        Just(JobEvent::RequestEnded),
    ]
}

proptest! {
    #[test]
    fn an_award_ends_its_job_at_most_once_and_is_paid_at_most_once(
        steps in prop::collection::vec((0u64..80, award_event()), 0..40),
    ) {
        let (mut award, mut block) = (award(0), 0);
        let (mut ended, mut receipts, mut reports) = (0, 0, 0);
        for (later, event) in steps {
            block = block.max(later);
            let before = award.clone();
            let Ok((next, effects)) = award.step(at(block), event) else {
                award = before;
                continue;
            };
            for effect in effects {
                match effect {
                    AwardEffect::EndForJob(_) => ended += 1,
                    AwardEffect::SignReceipt { .. } => receipts += 1,
                    AwardEffect::ReportMiss => {
                        reports += 1;
                        let accepted = matches!(before.state, AwardState::Accepted { .. });
                        prop_assert!(accepted, "reported from {:?}", before.state);
                        prop_assert!(block > before.proving_deadline().unwrap());
                    }
                    _ => {}
                }
            }
            let was_final = !before.is_live() && !matches!(before.state, AwardState::Missed { .. });
            prop_assert!(!was_final || next.state == before.state);
            award = next;
        }
        prop_assert!(ended <= 1 && receipts <= 1 && reports <= 1);
    }

    #[test]
    fn a_job_ends_once_and_stays_ended(events in prop::collection::vec(job_event(), 0..60)) {
        let (mut job, mut unlocked, mut failed) = (queued(), 0, 0);
        for event in events {
            let before = job.clone();
            let Ok((next, effects)) = job.step(at(0), event) else {
                job = before;
                continue;
            };
            prop_assert!(!before.is_ended() || before.state == next.state);
            prop_assert!(next.attempt.0 <= before.attempt.0 + 1);
            unlocked += effects.iter().filter(|effect| matches!(effect, JobEffect::UnlockDependants)).count();
            failed += effects.iter().filter(|effect| matches!(effect, JobEffect::FailRequest { .. })).count();
            job = next;
        }
        prop_assert!(unlocked + failed <= 1);
        prop_assert!(job.attempt.0 <= job.attempt_limit);
    }
}
