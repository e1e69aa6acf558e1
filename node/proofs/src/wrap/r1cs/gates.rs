//! Constraints of plonky2's gates at the opened point.

use gavel_circuits::{D, F};
use plonky2::field::types::Field;
use plonky2::gates::arithmetic_base::ArithmeticGate;
use plonky2::gates::arithmetic_extension::ArithmeticExtensionGate;
use plonky2::gates::base_sum::BaseSumGate;
use plonky2::gates::constant::ConstantGate;
use plonky2::gates::coset_interpolation::CosetInterpolationGate;
use plonky2::gates::gate::GateRef;
use plonky2::gates::multiplication_extension::MulExtensionGate;
use plonky2::gates::noop::NoopGate;
use plonky2::gates::poseidon::PoseidonGate;
use plonky2::gates::poseidon_mds::PoseidonMdsGate;
use plonky2::gates::public_input::PublicInputGate;
use plonky2::gates::random_access::RandomAccessGate;
use plonky2::gates::reducing::ReducingGate;
use plonky2::gates::reducing_extension::ReducingExtensionGate;
use plonky2::hash::poseidon::SPONGE_WIDTH;

use super::algebra::Algebra;
use super::extension::Ext;
use super::goldilocks::Lazy;
use super::poseidon::{State, mds};
use super::system::System;
use super::{gate_interpolation, gate_poseidon};
use crate::wrap::WrapError;

/// What a gate sees of a row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Constants without the selectors.
    pub constants: &'a [Ext],
    /// All wires.
    pub wires: &'a [Ext],
    /// Hash of the public inputs.
    pub public_inputs: &'a [Lazy; 4],
}

impl Row<'_> {
    /// Element of the extension algebra on wires `start` and `start + 1`.
    pub fn algebra(&self, start: usize) -> Algebra {
        Algebra([self.wires[start].clone(), self.wires[start + 1].clone()])
    }
}

/// The constraints of a gate: constraint j is `plain[j] + sum(factor * terms[j])`. Common factors
/// stay outside so that they are multiplied once, after the terms are folded with a challenge.
#[derive(Debug, Default)]
pub struct Constraints {
    /// Summands without a factor.
    pub plain: Vec<Ext>,
    /// Summands with a common factor.
    pub scaled: Vec<(Ext, Vec<Ext>)>,
}

impl Constraints {
    fn plain(plain: Vec<Ext>) -> Self {
        Self { plain, scaled: Vec::new() }
    }
}

/// Unfiltered constraints of a gate, in plonky2's order.
///
/// # Errors
/// [`WrapError::Gate`] for a gate that the final layer is not known to use.
pub fn evaluate(system: &mut System, gate: &GateRef<F, D>, row: Row) -> Result<Constraints, WrapError> {
    let any = gate.0.as_any();
    if any.is::<NoopGate>() {
        return Ok(Constraints::default());
    }
    if let Some(gate) = any.downcast_ref::<ConstantGate>() {
        let count = gate_constraints(gate);
        return Ok(Constraints::plain((0..count).map(|i| row.constants[i].minus(&row.wires[i])).collect()));
    }
    if any.is::<PublicInputGate>() {
        let difference = |(wire, hash): (&Ext, &Lazy)| wire.minus(&Ext::base(hash.clone()));
        return Ok(Constraints::plain(row.wires.iter().zip(row.public_inputs).map(difference).collect()));
    }
    if let Some(gate) = any.downcast_ref::<BaseSumGate<2>>() {
        return Ok(base_sum(system, gate.num_limbs, row));
    }
    if let Some(gate) = any.downcast_ref::<ArithmeticGate>() {
        return Ok(arithmetic(system, gate.num_ops, row));
    }
    if let Some(gate) = any.downcast_ref::<ArithmeticExtensionGate<D>>() {
        return Ok(arithmetic_extension(system, gate.num_ops, row));
    }
    if let Some(gate) = any.downcast_ref::<MulExtensionGate<D>>() {
        return Ok(multiplication(system, gate.num_ops, row));
    }
    if let Some(gate) = any.downcast_ref::<ReducingGate<D>>() {
        let coefficients = (0..gate.num_coeffs).map(|i| Algebra::base(row.wires[3 * D + i].clone())).collect();
        return Ok(reducing(system, row, coefficients, 3 * D + gate.num_coeffs));
    }
    if let Some(gate) = any.downcast_ref::<ReducingExtensionGate<D>>() {
        let coefficients = (0..gate.num_coeffs).map(|i| row.algebra(3 * D + D * i)).collect();
        return Ok(reducing(system, row, coefficients, 3 * D + D * gate.num_coeffs));
    }
    if let Some(gate) = any.downcast_ref::<RandomAccessGate<F, D>>() {
        return Ok(random_access(system, gate, row));
    }
    if any.is::<PoseidonMdsGate<F, D>>() {
        return Ok(poseidon_mds(row));
    }
    if let Some(gate) = any.downcast_ref::<CosetInterpolationGate<F, D>>() {
        return Ok(Constraints::plain(gate_interpolation::evaluate(system, gate, row)));
    }
    if any.is::<PoseidonGate<F, D>>() {
        return Ok(Constraints::plain(gate_poseidon::evaluate(system, row)));
    }
    Err(WrapError::Gate(gate.0.id()))
}

fn gate_constraints(gate: &impl plonky2::gates::gate::Gate<F, D>) -> usize {
    gate.num_constraints()
}

/// `sum = limbs in base 2`, then each limb is a bit.
fn base_sum(system: &mut System, limbs: usize, row: Row) -> Constraints {
    let bits = &row.wires[1..=limbs];
    // Powers of two as constants: the sum stays below 128 bits.
    let powers = std::iter::successors(Some(F::ONE), |power| Some(power.double()));
    let sum = bits.iter().zip(powers).fold(Ext::zero(), |sum, (bit, power)| sum.plus(&bit.scaled(power)));
    let mut plain = vec![sum.minus(&row.wires[0])];
    for bit in bits {
        let below = bit.plus_constant(F::NEG_ONE);
        plain.push(bit.times(system, &below, 0));
    }
    Constraints::plain(plain)
}

/// `output - (x * y * c0 + z * c1)` on wires x, y, z, output.
fn arithmetic(system: &mut System, operations: usize, row: Row) -> Constraints {
    let mut products = Vec::with_capacity(operations);
    for i in 0..operations {
        products.push(row.wires[4 * i].times(system, &row.wires[4 * i + 1], 0));
    }
    let addends = (0..operations).map(|i| row.wires[4 * i + 2].clone()).collect();
    let plain = (0..operations).map(|i| row.wires[4 * i + 3].clone()).collect();
    let negated = |i: usize| row.constants[i].scaled(F::NEG_ONE);
    Constraints { plain, scaled: vec![(negated(0), products), (negated(1), addends)] }
}

fn arithmetic_extension(system: &mut System, operations: usize, row: Row) -> Constraints {
    let at = |i: usize, j: usize| row.algebra(4 * D * i + D * j);
    let flat = |algebras: Vec<Algebra>| algebras.into_iter().flat_map(|algebra| algebra.0).collect::<Vec<_>>();
    let products = (0..operations).map(|i| at(i, 0).times(system, &at(i, 1))).collect();
    let addends = (0..operations).map(|i| at(i, 2)).collect();
    let outputs = (0..operations).map(|i| at(i, 3)).collect();
    let negated = |i: usize| row.constants[i].scaled(F::NEG_ONE);
    Constraints { plain: flat(outputs), scaled: vec![(negated(0), flat(products)), (negated(1), flat(addends))] }
}

fn multiplication(system: &mut System, operations: usize, row: Row) -> Constraints {
    let at = |i: usize, j: usize| row.algebra(3 * D * i + D * j);
    let products = (0..operations).flat_map(|i| at(i, 0).times(system, &at(i, 1)).0).collect();
    let plain = (0..operations).flat_map(|i| at(i, 2).0).collect();
    Constraints { plain, scaled: vec![(row.constants[0].scaled(F::NEG_ONE), products)] }
}

/// `acc * alpha + coefficient - next`; the last accumulator is the output on the first wires.
fn reducing(system: &mut System, row: Row, coefficients: Vec<Algebra>, accumulators: usize) -> Constraints {
    let alpha = row.algebra(D);
    let mut accumulator = row.algebra(2 * D);
    let mut plain = Vec::with_capacity(D * coefficients.len());
    let last = coefficients.len() - 1;
    for (i, coefficient) in coefficients.iter().enumerate() {
        let next = if i == last { row.algebra(0) } else { row.algebra(accumulators + D * i) };
        plain.extend(accumulator.times(system, &alpha).plus(coefficient).minus(&next).0);
        accumulator = next;
    }
    Constraints::plain(plain)
}

fn random_access(system: &mut System, gate: &RandomAccessGate<F, D>, row: Row) -> Constraints {
    let items = 1 << gate.bits;
    let extra = (2 + items) * gate.num_copies;
    let routed = extra + gate.num_extra_constants;
    let mut plain = Vec::new();
    for copy in 0..gate.num_copies {
        let start = (2 + items) * copy;
        let bits = &row.wires[routed + gate.bits * copy..][..gate.bits];
        for bit in bits {
            plain.push(bit.times(system, &bit.plus_constant(F::NEG_ONE), 0));
        }
        let index = bits.iter().rev().fold(Ext::zero(), |index, bit| index.scaled(F::TWO).plus(bit));
        plain.push(index.minus(&row.wires[start]));
        let mut list = row.wires[start + 2..start + 2 + items].to_vec();
        for bit in bits {
            list = list
                .chunks_exact(2)
                .map(|pair| bit.times(system, &pair[1].minus(&pair[0]), 0).plus(&pair[0]))
                .collect();
        }
        plain.push(list[0].minus(&row.wires[start + 1]));
    }
    plain.extend((0..gate.num_extra_constants).map(|i| row.constants[i].minus(&row.wires[extra + i])));
    Constraints::plain(plain)
}

fn poseidon_mds(row: Row) -> Constraints {
    let inputs: State<Algebra> = std::array::from_fn(|i| row.algebra(D * i));
    let coordinate = |j: usize| mds(&inputs.each_ref().map(|input| input.0[j].clone()), None);
    let outputs = [coordinate(0), coordinate(1)];
    let wire = |i: usize, j: usize| &row.wires[D * (SPONGE_WIDTH + i) + j];
    let difference = |i: usize, j: usize| wire(i, j).minus(&outputs[j][i]);
    Constraints::plain((0..SPONGE_WIDTH).flat_map(|i| [difference(i, 0), difference(i, 1)]).collect())
}
