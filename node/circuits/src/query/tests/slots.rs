//! The circuits of queries, merges and answers against children of every kind, at the test profile.

use gavel_types::statement::{Kind, Statement};
use plonky2::field::types::Field;
use plonky2::iop::witness::PartialWitness;

use super::fixture::{Case, pair_case};
use crate::circuit::{self, Circuit};
use crate::preprocess::FromScratch;
use crate::query::{AnswerCircuit, MergeCircuit, QueryCircuit, QueryShape};
use crate::recursion::trivial::Trivial;
use crate::recursion::{CircuitSet, ShrunkProof};
use crate::security::Profile;
use crate::statement::word_from_hash;
use crate::{CircuitError, F, tamper};

/// A circuit of each kind, all in the set, that states whatever it is told.
struct World {
    tellers: Vec<Trivial>,
    set: CircuitSet,
}

impl World {
    fn new() -> Self {
        let tellers: Vec<Trivial> = Kind::ALL.into_iter().map(|kind| Trivial::build(Profile::Test, kind, 0)).collect();
        let set = CircuitSet::new(tellers.iter().map(|teller| teller.shrink.entry()).collect()).unwrap();
        World { tellers, set }
    }

    /// A proof of `statement` in everything but its kind.
    fn child(&self, kind: Kind, statement: &Statement) -> ShrunkProof {
        let mut statement = statement.clone();
        statement.claim.kind = kind;
        statement.claim.circuit_set = word_from_hash(self.set.root());
        let circuit = self.tellers.iter().position(|teller| teller.kind == kind).unwrap();
        let teller = &self.tellers[circuit];
        let base = teller.prove_base(&statement, &self.set);
        ShrunkProof { proof: teller.shrink.prove(&base).unwrap(), circuit, statement }
    }
}

/// The verifier takes the forced proof exactly if the kinds are the right ones; no public input of
/// what it takes can be changed.
fn judge(circuit: &Circuit, inputs: PartialWitness<F>, admitted: bool, what: &str) {
    let proof = tamper::prove_forced(circuit, inputs).unwrap();
    let verify = |proof: &circuit::Proof| circuit::verify(&circuit.verifier_only, &circuit.common, proof);
    let rejected = |outcome: Result<(), CircuitError>| matches!(outcome, Err(CircuitError::Verify(_)));
    if !admitted {
        return assert!(rejected(verify(&proof)), "{what}");
    }
    verify(&proof).unwrap_or_else(|error| panic!("{what}: {error}"));
    for index in 0..proof.public_inputs.len() {
        let mut changed = proof.clone();
        changed.public_inputs[index] += F::ONE;
        assert!(rejected(verify(&changed)), "{what}, public input {index}");
    }
}

fn case() -> Case {
    pair_case(&[(20, 1), (9, 8), (30, 6), (40, 7), (15, 9)])
}

#[test]
fn a_query_takes_extractions_only() {
    let world = World::new();
    let case = case().chunks(3).remove(0);
    let extraction = case.extraction(world.set.root());
    let query = QueryCircuit::build(Profile::Test, QueryShape::TINY, &FromScratch).unwrap();
    for kind in Kind::ALL {
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, query.set_root, world.set.root()).unwrap();
        query.slot.set_unchecked(&mut pw, &world.child(kind, &extraction), &world.set).unwrap();
        query.scan.set(&mut pw, &case.request(), &case.rows).unwrap();
        judge(&query.circuit, pw, kind == Kind::Extract, &format!("{kind:?}"));
    }
}

#[test]
fn a_merge_takes_partial_results_only() {
    let world = World::new();
    let parts: Vec<_> = case().chunks(3).iter().map(Case::query).collect();
    let merge = MergeCircuit::build(Profile::Test, &FromScratch).unwrap();
    let pairs = [
        (Kind::Query, Kind::Merge),
        (Kind::Extract, Kind::Query),
        (Kind::Answer, Kind::Query),
        (Kind::Merge, Kind::Extract),
        (Kind::Merge, Kind::Answer),
    ];
    let partial = |kind| matches!(kind, Kind::Query | Kind::Merge);
    for (left, right) in pairs {
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, merge.set_root, world.set.root()).unwrap();
        for (side, kind) in [left, right].into_iter().enumerate() {
            let (statement, states) = &parts[side];
            merge.slots[side].set_unchecked(&mut pw, &world.child(kind, statement), &world.set).unwrap();
            merge.states[side].set(&mut pw, states).unwrap();
        }
        judge(&merge.circuit, pw, partial(left) && partial(right), &format!("{left:?}, {right:?}"));
    }
}

#[test]
fn an_answer_takes_partial_results_only() {
    let world = World::new();
    let case = case();
    let (statement, states) = case.query();
    let answer = AnswerCircuit::build(Profile::Test, &FromScratch).unwrap();
    for kind in Kind::ALL {
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, answer.set_root, world.set.root()).unwrap();
        answer.slot.set_unchecked(&mut pw, &world.child(kind, &statement), &world.set).unwrap();
        answer.answer.set(&mut pw, &case.request(), &states).unwrap();
        judge(&answer.circuit, pw, matches!(kind, Kind::Query | Kind::Merge), &format!("{kind:?}"));
    }
}
