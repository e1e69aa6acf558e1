//! Slots against wrong children. Every tamper is rejected with all checks in place and accepted
//! once the check that stands against it is left out.

use std::sync::LazyLock;

use gavel_types::statement::Kind;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use plonky2::iop::witness::PartialWitness;

use super::trivial::Trivial;
use super::{CircuitSet, SetEntry, ShrunkProof, SlotTarget, shape, verify_slot};
use crate::circuit;
use crate::error::CircuitError;
use crate::security::Profile;
use crate::{Builder, F};

const PROFILE: Profile = Profile::Test;

/// Two listed circuits of different kinds and one that is not listed.
struct World {
    extract: Trivial,
    query: Trivial,
    foreign: Trivial,
    set: CircuitSet,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let extract = Trivial::build(PROFILE, Kind::Extract, 0);
    let query = Trivial::build(PROFILE, Kind::Query, 600);
    let foreign = Trivial::build(PROFILE, Kind::Extract, 600);
    let set = CircuitSet::new(vec![extract.shrink.entry(), query.shrink.entry()]).unwrap();
    World { extract, query, foreign, set }
});

#[derive(Clone, Copy, PartialEq)]
enum Check {
    Kind,
    Membership,
    Root,
    Words,
}

/// A circuit with one slot for Extract under a constant root, without the checks in `omitted`.
fn slot(root: HashOut<F>, omitted: &[Check]) -> (Builder, SlotTarget) {
    let mut b = Builder::new(PROFILE.recursion_config());
    let common = shape::common(PROFILE);
    let root = b.constant_hash(root);
    let slot = SlotTarget::new(&mut b, common, &[Kind::Extract]);
    let (proof, key) = slot.inner();
    circuit::verify_in_circuit(&mut b, proof, key, common);
    let has = |check| !omitted.contains(&check);
    has(Check::Kind).then(|| slot.check_kind(&mut b));
    has(Check::Membership).then(|| slot.check_membership(&mut b, root));
    has(Check::Root).then(|| slot.check_root(&mut b, root));
    has(Check::Words).then(|| slot.check_words(&mut b));
    (b, slot)
}

/// Rejected by the full slot, accepted without `check`.
fn assert_only(check: Check, set_witness: impl Fn(&SlotTarget, &mut PartialWitness<F>)) {
    for omitted in [&[][..], &[check]] {
        let (b, slot) = slot(WORLD.set.root(), omitted);
        let mut pw = PartialWitness::new();
        set_witness(&slot, &mut pw);
        let outcome = crate::tamper::check_forced(b, pw);
        match omitted {
            [] => assert!(matches!(outcome, Err(CircuitError::Verify(_))), "{outcome:?}"),
            _ => outcome.unwrap(),
        }
    }
}

#[test]
fn children_of_admissible_kinds_are_accepted() {
    let world = &*WORLD;
    for child in [&world.extract, &world.query] {
        let child = child.prove(&world.set);
        child.verify(shape::common(PROFILE), &world.set).unwrap();
        let mut b = Builder::new(PROFILE.recursion_config());
        let root = b.constant_hash(world.set.root());
        let slot = verify_slot(&mut b, shape::common(PROFILE), &[Kind::Extract, Kind::Query], root);
        b.register_public_input(slot.kind());
        let built = circuit::build(b);
        let mut pw = PartialWitness::new();
        slot.set_witness(&mut pw, &child, &world.set).unwrap();
        let proof = circuit::prove(&built, pw).unwrap();
        circuit::verify(&built.verifier_only, &built.common, &proof).unwrap();
        assert_eq!(proof.public_inputs, [F::from_canonical_u8(child.statement.claim.kind as u8)]);
    }
}

#[test]
fn a_child_of_another_kind_is_rejected() {
    let child = WORLD.query.prove(&WORLD.set);
    assert_only(Check::Kind, |slot, pw| slot.set_unchecked(pw, &child, &WORLD.set).unwrap());
    let (_, slot) = slot(WORLD.set.root(), &[]);
    let refused = slot.set_witness(&mut PartialWitness::new(), &child, &WORLD.set);
    assert!(matches!(refused, Err(CircuitError::Kind { got: Kind::Query, .. })));
}

/// The attacker proves with his own circuit but puts the digest of a listed one in the transcript.
#[test]
fn a_foreign_cap_under_a_listed_digest_is_rejected() {
    let world = &*WORLD;
    let listed = world.set.entry(0).unwrap().key.clone();
    let key = circuit::VerifierKey {
        constants_sigmas_cap: world.foreign.shrink.key().constants_sigmas_cap.clone(),
        circuit_digest: listed.circuit_digest,
    };
    let statement = world.extract.statement(&world.set);
    let mut foreign = Trivial::build(PROFILE, Kind::Extract, 600);
    let base = foreign.prove_base(&statement, &world.set);
    foreign.shrink.chain.set_digest(listed.circuit_digest);
    let child = ShrunkProof { proof: foreign.shrink.prove(&base).unwrap(), circuit: 0, statement };
    circuit::verify(&key, shape::common(PROFILE), &child.proof).unwrap();
    let forged_set = CircuitSet::new(vec![SetEntry { kind: Kind::Extract, key }]).unwrap();
    assert_only(Check::Membership, |slot, pw| slot.set_unchecked(pw, &child, &forged_set).unwrap());
}

#[test]
fn a_child_under_another_set_root_is_rejected() {
    let world = &*WORLD;
    let other = CircuitSet::new(vec![world.extract.shrink.entry()]).unwrap();
    let child = world.extract.prove(&other);
    assert_only(Check::Root, |slot, pw| slot.set_unchecked(pw, &child, &world.set).unwrap());
}

#[test]
fn changed_words_are_rejected() {
    let world = &*WORLD;
    let mut child = world.extract.prove(&world.set);
    child.statement.output.row_count += 1;
    assert_only(Check::Words, |slot, pw| slot.set_unchecked(pw, &child, &world.set).unwrap());
    let outcome = child.verify(shape::common(PROFILE), &world.set);
    assert!(matches!(outcome, Err(CircuitError::Statement)));
}
