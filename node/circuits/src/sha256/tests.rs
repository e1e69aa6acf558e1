use alloy_primitives::B256;
use gavel_types::statement::sha256_words;
use plonky2::iop::witness::PartialWitness;

use super::*;
use crate::circuit::{self, Circuit};
use crate::error::CircuitError;
use crate::security::Profile;
use crate::statement::limbs;
use crate::tamper;

fn sample(count: usize) -> Vec<B256> {
    (0..count).map(|i| B256::from(std::array::from_fn::<u8, 32, _>(|k| (i * 131 + k * 29 + 7) as u8))).collect()
}

fn elements(word: &B256) -> Vec<F> {
    limbs(word).map(F::from_canonical_u32).to_vec()
}

/// The gates in a verifying circuit against the same gates in the verifier.
#[test]
fn a_proof_with_these_gates_can_be_verified_in_a_circuit() {
    let target = variable(1);
    let values = sample(1);
    let inner = circuit::prove(&target.circuit, target.inputs(&values, 1)).unwrap();
    let mut b = Builder::new(Profile::Test.recursion_config());
    let proof = circuit::add_proof(&mut b, &target.circuit.common);
    let key = circuit::constant_key(&mut b, &target.circuit.verifier_only);
    circuit::verify_in_circuit(&mut b, &proof, &key, &target.circuit.common);
    b.register_public_inputs(&proof.public_inputs);
    let built = circuit::build(b);
    let mut pw = PartialWitness::new();
    circuit::set_proof(&mut pw, &proof, &inner).unwrap();
    let outer = circuit::prove(&built, pw).unwrap();
    circuit::verify(&built.verifier_only, &built.common, &outer).unwrap();
    assert_eq!(outer.public_inputs, elements(&sha256_words(&values)));
}

#[test]
fn fixed_digests_are_those_of_sha2() {
    for count in [0, 1, 16] {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let words: Vec<_> = (0..count).map(|_| WordTarget::new_virtual(&mut b)).collect();
        let before = b.num_gates();
        let digest = digest_of_fixed(&mut b, &words);
        let blocks = count / 2 + 1;
        assert!(b.num_gates() - before <= 190 * blocks + 4, "{} rows for {blocks} blocks", b.num_gates() - before);
        b.register_public_inputs(&digest.0);
        let built = circuit::build(b);
        let mut pw = PartialWitness::new();
        let values = sample(count);
        words.iter().zip(&values).for_each(|(target, word)| target.set(&mut pw, word).unwrap());
        let proof = circuit::prove(&built, pw).unwrap();
        circuit::verify(&built.verifier_only, &built.common, &proof).unwrap();
        assert_eq!(proof.public_inputs, elements(&sha256_words(&values)));
    }
}

struct Variable {
    circuit: Circuit,
    words: Vec<[Target; 8]>,
    count: Target,
}

fn variable(capacity: usize) -> Variable {
    let mut b = Builder::new(Profile::Test.recursion_config());
    let words: Vec<_> = (0..capacity).map(|_| std::array::from_fn(|_| b.add_virtual_target())).collect();
    let count = b.add_virtual_target();
    let digest = digest_of_words(&mut b, &words, count);
    b.register_public_inputs(&digest);
    Variable { circuit: circuit::build(b), words, count }
}

impl Variable {
    fn inputs(&self, values: &[B256], count: usize) -> PartialWitness<F> {
        let mut pw = PartialWitness::new();
        circuit::set(&mut pw, self.count, F::from_canonical_usize(count)).unwrap();
        for (target, word) in self.words.iter().zip(values) {
            WordTarget(*target).set(&mut pw, word).unwrap();
        }
        pw
    }
}

#[test]
fn variable_digests_are_those_of_sha2() {
    for (capacity, counts) in [(8, vec![0, 1, 2, 5, 7, 8]), (3, vec![2, 3])] {
        let target = variable(capacity);
        let values = sample(capacity);
        for count in counts {
            let proof = circuit::prove(&target.circuit, target.inputs(&values, count)).unwrap();
            circuit::verify(&target.circuit.verifier_only, &target.circuit.common, &proof).unwrap();
            assert_eq!(proof.public_inputs, elements(&sha256_words(&values[..count])), "{count} of {capacity}");
        }
    }
}

#[test]
fn a_count_beyond_the_words_is_rejected() {
    let target = variable(2);
    let proof = tamper::prove_forced(&target.circuit, target.inputs(&sample(2), 3)).unwrap();
    let outcome = circuit::verify(&target.circuit.verifier_only, &target.circuit.common, &proof);
    assert!(matches!(outcome, Err(CircuitError::Verify(_))));
}

/// Tampers inside a block: each changes one generated wire and leaves the rest consistent.
#[test]
fn a_wrong_round_sign_carry_or_word_is_rejected() {
    let mut b = Builder::new(Profile::Test.recursion_config());
    let word = WordTarget::new_virtual(&mut b);
    let first_row = b.num_gates();
    let digest = digest_of_fixed(&mut b, &[word]);
    b.register_public_inputs(&digest.0);
    let built = circuit::build(b);
    // After the range check of word 0 come 48 schedule rows, then pairs of rounds.
    let (schedule, lower, upper) = (first_row + 1, first_row + 49, first_row + 50);
    let cases = [
        Target::wire(schedule, Step::Schedule.inputs()),
        Target::wire(schedule, Step::Schedule.signs(0)),
        Target::wire(schedule, Step::Schedule.carry()),
        Target::wire(lower, Step::Lower.inputs()),
        Target::wire(lower, Step::Lower.inputs() + 1),
        Target::wire(lower, Step::Lower.signs(2) + 31),
        Target::wire(lower, Step::Lower.carry() + 2),
        Target::wire(upper, Step::Upper.inputs()),
        Target::wire(upper, Step::Upper.signs(1) + 7),
        Target::wire(upper, Step::Upper.carry()),
    ];
    let inputs = || {
        let mut pw = PartialWitness::new();
        word.set(&mut pw, &sample(1)[0]).unwrap();
        pw
    };
    let honest = circuit::witness(&built, inputs()).unwrap();
    for target in cases {
        let value = honest.values[honest.representative_map[target.index(honest.num_wires, honest.degree)]];
        let mut pw = inputs();
        let tampered = if value == Some(F::ONE) { F::NEG_ONE } else { value.unwrap() + F::ONE };
        circuit::set(&mut pw, target, tampered).unwrap();
        let proof = tamper::prove_forced(&built, pw).unwrap();
        let outcome = circuit::verify(&built.verifier_only, &built.common, &proof);
        assert!(matches!(outcome, Err(CircuitError::Verify(_))), "{target:?}");
    }
}

/// A limb of 33 bits as word 0 of a block would hash like its low 32 bits.
#[test]
fn a_limb_beyond_32_bits_is_rejected_by_the_range_check_alone() {
    let digest = |check: bool| {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let limb = b.add_virtual_target();
        let state = initial_state(&mut b);
        let zero = b.zero();
        let mut block = [zero; 16];
        block[0] = limb;
        let out = compress_unchecked(&mut b, state, block);
        if check {
            b.range_check(limb, 32);
        }
        b.register_public_inputs(&out);
        let mut pw = PartialWitness::new();
        circuit::set(&mut pw, limb, F::from_canonical_u64((1 << 32) + 5)).unwrap();
        tamper::check_forced(b, pw)
    };
    assert!(matches!(digest(true), Err(CircuitError::Verify(_))));
    digest(false).unwrap();
}
