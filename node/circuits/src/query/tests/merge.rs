use gavel_types::statement::Statement;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::witness::PartialWitness;

use super::fixture::{any_case, block_hash, overflowing_case, pair_case, rng, set_root};
use super::{Child, force, forced, rejected};
use crate::circuit::{self, Circuit};
use crate::query::merge_circuit::{add_merge, merge_statement};
use crate::query::targets::StatesTarget;
use crate::query::{Constraint, QueryError, States, interval_word};
use crate::recursion::PublicInputs;
use crate::security::Profile;
use crate::statement::statement_digest;
use crate::{Builder, CircuitError, F};

type Part = (Statement, States);
/// A name and what it changes.
type Change<T> = (&'static str, fn(&mut T));

/// A merge over the words of two results that nobody verified.
struct Bare {
    circuit: Circuit,
    children: [Child; 2],
    states: [StatesTarget; 2],
    set_root: HashOutTarget,
}

impl Bare {
    fn build(without: Option<Constraint>) -> Self {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let set_root = b.add_virtual_hash();
        let children: [Child; 2] = std::array::from_fn(|_| Child::new(&mut b));
        let states = add_merge(&mut b, set_root, children.each_ref().map(|child| &child.words), without);
        Bare { circuit: circuit::build(b), children, states, set_root }
    }

    fn witness(&self, parts: [&Part; 2]) -> PartialWitness<F> {
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, self.set_root, set_root()).unwrap();
        for (i, (statement, states)) in parts.into_iter().enumerate() {
            self.children[i].set(&mut pw, statement);
            self.states[i].set(&mut pw, states).unwrap();
        }
        pw
    }

    fn forced(&self, left: &Part, right: &Part) -> Result<PublicInputs, CircuitError> {
        forced(&self.circuit, self.witness([left, right]))
    }
}

fn merged(left: &Part, right: &Part) -> Part {
    merge_statement(&left.0, &left.1, &right.0, &right.1).unwrap()
}

fn agrees(bare: &Bare, left: &Part, right: &Part) -> Part {
    let joined = merged(left, right);
    let proof = circuit::prove(&bare.circuit, bare.witness([left, right])).unwrap();
    circuit::verify(&bare.circuit.verifier_only, &bare.circuit.common, &proof).unwrap();
    let inputs = PublicInputs::try_from(proof.public_inputs.as_slice()).unwrap();
    assert_eq!(inputs.words_digest, statement_digest(&joined.0));
    joined
}

/// Five chunks of one request.
fn chunks() -> Vec<Part> {
    let values: Vec<(u64, u64)> = (0..10).map(|i| (8 + 3 * i, 20 - i)).collect();
    pair_case(&values).chunks(2).iter().map(|chunk| chunk.query()).collect()
}

#[test]
fn merges_agree_with_one_scan_over_all_rows() {
    let bare = Bare::build(None);
    let mut rng = rng(2);
    for _ in 0..4 {
        let case = any_case(&mut rng, 8);
        let parts: Vec<Part> = case.chunks(3).iter().map(|chunk| chunk.query()).collect();
        let left = agrees(&bare, &parts[0], &parts[1]);
        let (statement, states) = agrees(&bare, &left, &parts[2]);
        assert_eq!(states, case.states());
        assert_eq!(statement.output.row_count, 8);
    }
    let parts: Vec<Part> = overflowing_case().chunks(1).iter().map(|chunk| chunk.query()).collect();
    let left = agrees(&bare, &parts[0], &parts[1]);
    assert!(left.1.outputs[5].overflow);
    let (_, states) = agrees(&bare, &left, &parts[2]);
    assert!(states.outputs[5].overflow);
}

#[test]
fn results_that_are_not_neighbours_are_rejected() {
    let bare = Bare::build(None);
    let parts = chunks();
    let pair = merged(&parts[0], &parts[1]);
    let overlapping = merged(&parts[1], &parts[2]);
    bare.forced(&parts[1], &parts[2]).unwrap();
    let cases: [(&str, &Part, &Part); 5] = [
        ("duplicated", &parts[1], &parts[1]),
        ("one missing between", &parts[0], &parts[2]),
        ("swapped", &parts[2], &parts[1]),
        ("overlapping", &pair, &overlapping),
        ("subtree dropped", &pair, &parts[3]),
    ];
    for (what, left, right) in cases {
        rejected(bare.forced(left, right), what);
        let error = merge_statement(&left.0, &left.1, &right.0, &right.1).unwrap_err();
        assert!(matches!(error, QueryError::Join { .. }), "{what}: {error}");
    }
    // Linked by hash, but numbers do not follow; and the other way round.
    let mut renumbered = parts[2].clone();
    renumbered.0.output.roots[0] = interval_word(105, 106);
    rejected(bare.forced(&parts[1], &renumbered), "number gap");
    let mut unlinked = parts[2].clone();
    unlinked.0.claim.inputs = block_hash(7);
    rejected(bare.forced(&parts[1], &unlinked), "other parent hash");
}

#[test]
fn results_of_another_request_are_rejected() {
    let bare = Bare::build(None);
    let parts = chunks();
    let changes: [Change<Statement>; 6] = [
        ("chain", |s| s.claim.chain_id += 1),
        ("table", |s| s.claim.table_id.0[3] ^= 1),
        ("query", |s| s.claim.query_digest.0[3] ^= 1),
        ("parameters", |s| s.claim.params_digest.0[3] ^= 1),
        ("first block", |s| s.claim.from_block -= 1),
        ("last block", |s| s.claim.to_block += 1),
    ];
    for (what, change) in changes {
        let mut right = parts[2].clone();
        change(&mut right.0);
        rejected(bare.forced(&parts[1], &right), what);
        let error = merge_statement(&parts[1].0, &parts[1].1, &right.0, &right.1).unwrap_err();
        assert!(matches!(error, QueryError::Join { .. }), "{what}: {error}");
    }
}

#[test]
fn forged_states_are_rejected() {
    let bare = Bare::build(None);
    let parts = chunks();
    let changes: [Change<States>; 5] = [
        ("sum", |s| s.outputs[0].value += alloy_primitives::U256::ONE),
        ("minimum", |s| s.outputs[2].value -= alloy_primitives::U256::ONE),
        ("count", |s| s.matched += 1),
        ("rows in range", |s| s.in_range += 1),
        ("overflow", |s| s.outputs[0].overflow = true),
    ];
    for (what, change) in changes {
        let mut left = parts[1].clone();
        change(&mut left.1);
        rejected(bare.forced(&left, &parts[2]), what);
        let error = merge_statement(&left.0, &left.1, &parts[2].0, &parts[2].1).unwrap_err();
        assert!(matches!(error, QueryError::States { .. }), "{what}: {error}");
    }
    // States of one growth read as another: the digest has the growth.
    let mut pw = bare.witness([&parts[1], &parts[2]]);
    bare.states.iter().for_each(|states| force(&mut pw, states.outputs[2].growth, 1));
    rejected(forced(&bare.circuit, pw), "minimum read as a sum");
}

#[test]
fn each_tamper_passes_without_the_constraint_against_it() {
    let parts = chunks();
    let mut unlinked = parts[2].clone();
    unlinked.0.claim.inputs = block_hash(7);
    Bare::build(Some(Constraint::HashLink)).forced(&parts[1], &unlinked).unwrap();

    let mut renumbered = parts[2].clone();
    renumbered.0.output.roots[0] = interval_word(105, 106);
    Bare::build(Some(Constraint::NextBlock)).forced(&parts[1], &renumbered).unwrap();

    let mut forged = parts[1].clone();
    forged.1.matched += 1;
    Bare::build(Some(Constraint::LeftStates)).forced(&forged, &parts[2]).unwrap();
}
