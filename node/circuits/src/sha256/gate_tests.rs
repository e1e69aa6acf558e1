//! The gates' constraints one by one, evaluated on rows without proving them.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::gates::gate::Gate;
use plonky2::hash::hash_types::HashOut;
use plonky2::iop::witness::PartialWitness;
use plonky2::plonk::vars::EvaluationVars;

use super::*;
use crate::gates::conformance;
use crate::security::Profile;
use crate::{D, circuit};

const STEPS: [Step; 3] = [Step::Schedule, Step::Lower, Step::Upper];

/// An honest row of a gate.
#[derive(Clone)]
struct Row {
    step: Step,
    constant: F,
    wires: Vec<F>,
}

impl Row {
    fn values(&self) -> Vec<F> {
        let wires: Vec<QuadraticExtension<F>> = self.wires.iter().map(|value| (*value).into()).collect();
        let (local_constants, public_inputs_hash) = (&[self.constant.into()][..], &HashOut::ZERO);
        let vars = EvaluationVars { local_constants, local_wires: &wires, public_inputs_hash };
        Gate::<F, D>::eval_unfiltered(&Sha256Gate(self.step), vars).iter().map(|value| value.0[0]).collect()
    }

    /// Constraints that do not hold.
    fn broken(&self) -> Vec<usize> {
        let values = self.values();
        (0..values.len()).filter(|i| values[*i] != F::ZERO).collect()
    }

    /// The outputs that the last constraints ask for, whatever the other wires are: each is linear
    /// in its own output.
    fn solve_outputs(&mut self) {
        let count = self.step.outputs();
        for output in 0..count {
            let constraint = self.values().len() - count + output;
            let at_zero = self.values()[constraint];
            let wire = self.step.inputs() + output;
            self.wires[wire] += F::ONE;
            let slope = self.values()[constraint] - at_zero;
            self.wires[wire] -= F::ONE + at_zero / slope;
        }
    }

    /// Constraint that bit `i` of the word in input `word` is a sign.
    fn sign_rule(&self, word: usize, i: usize) -> usize {
        33 * word + i
    }

    /// Constraint that the signs of `word` add up to the input.
    fn sum_rule(&self, word: usize) -> usize {
        33 * word + 32
    }

    fn carry_rule(&self, i: usize) -> usize {
        33 * self.step.split() + i
    }
}

/// Rows of a real hash: schedule word 16, and the rounds of number 20.
fn rows() -> Vec<Row> {
    let mut b = Builder::new(Profile::Test.recursion_config());
    let word = WordTarget::new_virtual(&mut b);
    let first_row = b.num_gates();
    digest_of_fixed(&mut b, &[word]);
    let built = circuit::build(b);
    let mut pw = PartialWitness::new();
    word.set(&mut pw, &[0xa7; 32].into()).unwrap();
    let witness = circuit::witness(&built, pw).unwrap();
    // After the range check of word 0 come 48 schedule rows, then pairs of rounds.
    let places = [first_row + 1, first_row + 49 + 40, first_row + 50 + 40];
    let row = |(step, row): (Step, usize)| {
        let width = Gate::<F, D>::num_wires(&Sha256Gate(step));
        let index = |column| Target::wire(row, column).index(witness.num_wires, witness.degree);
        let value = |column| witness.values[witness.representative_map[index(column)]].unwrap();
        let constant = if step == Step::Lower { F::from_canonical_u32(ROUND[20]) } else { F::ZERO };
        Row { step, constant, wires: (0..width).map(value).collect() }
    };
    STEPS.into_iter().zip(places).map(row).collect()
}

#[test]
fn the_gates_conform() {
    STEPS.into_iter().for_each(|step| conformance::check(&Sha256Gate(step)));
}

/// No wire is free and no constraint is idle.
#[test]
fn every_wire_is_held_and_every_constraint_holds_one() {
    for honest in rows() {
        assert!(honest.broken().is_empty(), "{:?}", honest.step);
        let mut idle: Vec<usize> = (0..honest.values().len()).collect();
        for wire in 0..honest.wires.len() {
            let mut row = honest.clone();
            // Neither a sign nor a bit afterwards, whatever it was.
            row.wires[wire] += F::from_canonical_u64(3);
            let broken = row.broken();
            assert!(!broken.is_empty(), "{:?}, wire {wire}", row.step);
            idle.retain(|constraint| !broken.contains(constraint));
        }
        assert!(idle.is_empty(), "{:?}: {idle:?}", honest.step);
    }
}

/// A row that is right in everything else: without the one constraint named it would pass.
#[test]
fn signs_sums_and_carries_are_each_held_by_one_constraint() {
    for honest in rows() {
        let step = honest.step;
        for word in 0..step.split() {
            let mut flipped = honest.clone();
            flipped.wires[step.signs(word) + 9] *= F::NEG_ONE;
            flipped.solve_outputs();
            assert_eq!(flipped.broken(), [flipped.sum_rule(word)], "{step:?}, bit of word {word} flipped");

            // The sum stays: 2^9 · 2 less, 2^10 more.
            let mut moved = honest.clone();
            moved.wires[step.signs(word) + 9] -= F::TWO;
            moved.wires[step.signs(word) + 10] += F::ONE;
            moved.solve_outputs();
            let broken = moved.broken();
            assert!(broken.contains(&moved.sign_rule(word, 10)), "{step:?}, word {word}: {broken:?}");
            let signs = [moved.sign_rule(word, 9), moved.sign_rule(word, 10)];
            assert!(broken.iter().all(|rule| signs.contains(rule)), "{step:?}, word {word}: {broken:?}");
        }
        for bit in 0..step.carries() {
            let mut carried = honest.clone();
            carried.wires[step.carry() + bit] += F::TWO;
            let output = step.inputs() + step.outputs() - 1;
            carried.wires[output] -= F::from_canonical_u64(1 << (33 + bit));
            assert_eq!(carried.broken(), [carried.carry_rule(bit)], "{step:?}, carry {bit}");
        }
    }
}
