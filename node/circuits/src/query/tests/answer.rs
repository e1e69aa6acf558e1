use alloy_primitives::U256;
use gavel_types::statement::{Statement, Status};
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::witness::PartialWitness;

use super::fixture::{Case, any_case, overflowing_case, pair_case, rng, set_root};
use super::{Child, force, forced, rejected};
use crate::circuit::{self, Circuit};
use crate::query::answer_circuit::{AnswerTarget, add_answer, answer_statement};
use crate::query::{Constraint, QueryError, States};
use crate::recursion::PublicInputs;
use crate::security::Profile;
use crate::statement::statement_digest;
use crate::{Builder, F};

/// An answer over the words of a result that nobody verified.
struct Bare {
    circuit: Circuit,
    part: Child,
    answer: AnswerTarget,
    set_root: HashOutTarget,
}

impl Bare {
    fn build(without: Option<Constraint>) -> Self {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let set_root = b.add_virtual_hash();
        let part = Child::new(&mut b);
        let answer = add_answer(&mut b, set_root, &part.words, without);
        Bare { circuit: circuit::build(b), part, answer, set_root }
    }

    fn witness(&self, case: &Case, (part, states): &(Statement, States)) -> PartialWitness<F> {
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, self.set_root, set_root()).unwrap();
        self.part.set(&mut pw, part);
        self.answer.set(&mut pw, &case.request(), states).unwrap();
        pw
    }
}

fn agrees(bare: &Bare, case: &Case) -> Status {
    let (part, states) = case.query();
    let (statement, answer) = answer_statement(&case.request(), &part, &states).unwrap();
    assert_eq!(answer, case.answer());
    let proof = circuit::prove(&bare.circuit, bare.witness(case, &(part, states))).unwrap();
    circuit::verify(&bare.circuit.verifier_only, &bare.circuit.common, &proof).unwrap();
    let inputs = PublicInputs::try_from(proof.public_inputs.as_slice()).unwrap();
    assert_eq!(inputs.words_digest, statement_digest(&statement));
    answer.status
}

/// SUM 98, AVG 48/7 = 6, MIN 1, MAX 40, COUNT 3... over rows that all count but one.
fn pair() -> Case {
    pair_case(&[(20, 1), (9, 8), (30, 6), (40, 7), (15, 9)])
}

#[test]
fn answers_agree_with_the_native_meaning() {
    let bare = Bare::build(None);
    let mut rng = rng(3);
    for _ in 0..6 {
        let mut case = any_case(&mut rng, 5);
        case.to = case.rows[4].number;
        agrees(&bare, &case);
    }
    assert_eq!(agrees(&bare, &pair()), Status::Ok);
    assert_eq!(agrees(&bare, &overflowing_case()), Status::Overflow);
    let mut empty = pair();
    empty.params = vec![U256::MAX];
    assert_eq!(agrees(&bare, &empty), Status::Empty);
    assert_eq!(empty.answer().words, vec![U256::ZERO; 6]);
    empty.program.outputs.retain(|o| matches!(o.function as u8, 1 | 2));
    assert_eq!(agrees(&bare, &empty), Status::Ok);
}

#[test]
fn forged_answers_are_rejected() {
    let bare = Bare::build(None);
    let case = pair();
    let part = case.query();
    forced(&bare.circuit, bare.witness(&case, &part)).unwrap();
    let tamper = |what: &str, change: &dyn Fn(&mut PartialWitness<F>)| {
        let mut pw = bare.witness(&case, &part);
        change(&mut pw);
        rejected(forced(&bare.circuit, pw), what);
    };
    let answer = &bare.answer;
    tamper("quotient off by one", &|pw| force(pw, answer.divisions[1].quotient[0], 6));
    tamper("remainder not below the divisor", &|pw| too_small_quotient(answer, pw));
    tamper("status forged", &|pw| forged_status(answer, pw));
    tamper("minimum off by one", &|pw| force(pw, answer.states.outputs[2].value[0], 2));
    tamper("count off by one", &|pw| force(pw, answer.states.matched, 5));
    tamper("other parameter", &|pw| force(pw, answer.params.words[0][7], 11));
    tamper("parameter count", &|pw| force(pw, answer.params.active[1].target, 1));
    tamper("function exchanged", &|pw| {
        let functions = &answer.program.outputs[2].functions;
        force(pw, functions[4].target, 0);
        force(pw, functions[5].target, 1);
    });
    tamper("a result left off", &|pw| force(pw, answer.program.output_count, 5));

    let overflowing = overflowing_case();
    let mut pw = bare.witness(&overflowing, &overflowing.query());
    force(&mut pw, answer.states.outputs[5].overflow.target, 0);
    rejected(forced(&bare.circuit, pw), "overflow flag dropped");
}

/// 23 = 5 · 4 + 3 told as 4 · 4 + 7.
fn too_small_quotient(answer: &AnswerTarget, pw: &mut PartialWitness<F>) {
    force(pw, answer.divisions[1].quotient[0], 4);
    force(pw, answer.divisions[1].remainder, 7);
}

fn forged_status(answer: &AnswerTarget, pw: &mut PartialWitness<F>) {
    force(pw, answer.status[0].target, 0);
    force(pw, answer.status[1].target, 1);
}

#[test]
fn intervals_that_do_not_cover_the_request_are_rejected() {
    let bare = Bare::build(None);
    let case = pair();
    let later = case.over(&case.rows[1..]);
    let earlier = case.over(&case.rows[..4]);
    for (what, part) in [("starts late", later.query()), ("ends early", earlier.query())] {
        rejected(forced(&bare.circuit, bare.witness(&case, &part)), what);
        let error = answer_statement(&case.request(), &part.0, &part.1).unwrap_err();
        assert!(matches!(error, QueryError::Coverage { .. }), "{what}: {error}");
    }
    let mut longer = case.clone();
    longer.to -= 1;
    let part = longer.query();
    rejected(forced(&bare.circuit, bare.witness(&longer, &part)), "ends after the last block");
    let mut other = case.clone();
    other.program.outputs.truncate(5);
    let part = case.query();
    let error = answer_statement(&other.request(), &part.0, &part.1).unwrap_err();
    assert!(matches!(error, QueryError::Claim { what: "query", .. }), "{error}");
}

#[test]
fn each_tamper_passes_without_the_constraint_against_it() {
    let case = pair();
    let part = case.query();

    let bare = Bare::build(Some(Constraint::Remainder));
    let mut pw = bare.witness(&case, &part);
    too_small_quotient(&bare.answer, &mut pw);
    forced(&bare.circuit, pw).unwrap();

    let bare = Bare::build(Some(Constraint::Status));
    let mut pw = bare.witness(&case, &part);
    forged_status(&bare.answer, &mut pw);
    forced(&bare.circuit, pw).unwrap();

    let bare = Bare::build(Some(Constraint::LastBlock));
    let earlier = case.over(&case.rows[..4]).query();
    forced(&bare.circuit, bare.witness(&case, &earlier)).unwrap();
}
