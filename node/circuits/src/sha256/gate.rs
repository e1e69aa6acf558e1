//! The gates of SHA-256.
//!
//! A bit `x` is a wire holding the sign `1 - 2x`: then XOR of three bits is a product, `ch` and
//! `maj` are half-sums, and every constraint has degree at most 3. With `M = 2^32 - 1` and
//! `S(v) = sum of 2^i v_i`, a word is `(M - S(signs)) / 2`.

use std::marker::PhantomData;
use std::ops::{Add, Mul, Sub};

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::packed::PackedField;
use plonky2::field::types::Field;
use plonky2::gates::gate::Gate;
use plonky2::gates::packed_util::PackedEvaluableBase;
use plonky2::gates::util::StridedConstraintConsumer;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::{SimpleGenerator, WitnessGeneratorRef};
use plonky2::plonk::circuit_data::CommonCircuitData;
use plonky2::plonk::vars::{
    EvaluationTargets, EvaluationVars, EvaluationVarsBase, EvaluationVarsBaseBatch, EvaluationVarsBasePacked,
};
use plonky2::util::reducing::ReducingFactorTarget;
use plonky2::util::serialization::{Buffer, IoError, IoResult, Read, Write};

use super::generator::Sha256Generator;
use crate::{Builder, D, F};

/// What a row computes. Columns: inputs, outputs, signs of the words taken apart, carry bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `w[t-2], w[t-15], w[t-7], w[t-16]` → `w[t]`; takes apart the first two.
    Schedule,
    /// `e, f, g, h, w, d` → `t1, e'`; the gate's constant is the round's; takes apart `e, f, g`.
    Lower,
    /// `a, b, c, t1` → `a'`; takes apart `a, b, c`.
    Upper,
}

impl Step {
    /// Columns holding inputs, from column 0 on.
    pub const fn inputs(self) -> usize {
        match self {
            Step::Schedule | Step::Upper => 4,
            Step::Lower => 6,
        }
    }

    /// Columns holding outputs, after the inputs.
    pub const fn outputs(self) -> usize {
        match self {
            Step::Lower => 2,
            Step::Schedule | Step::Upper => 1,
        }
    }

    /// Inputs taken apart into signs: the first so many.
    pub const fn split(self) -> usize {
        match self {
            Step::Schedule => 2,
            Step::Lower | Step::Upper => 3,
        }
    }

    /// Carry bits of the reduction modulo 2^32: sums of 4, 6 and 7 words.
    pub const fn carries(self) -> usize {
        match self {
            Step::Schedule => 2,
            Step::Lower | Step::Upper => 3,
        }
    }

    /// First column of the signs of the `i`-th word, least significant bit first.
    pub const fn signs(self, i: usize) -> usize {
        self.inputs() + self.outputs() + 32 * i
    }

    /// First column of the carry bits, least significant first.
    pub const fn carry(self) -> usize {
        self.signs(self.split())
    }

    fn from_tag(tag: u8) -> IoResult<Self> {
        [Step::Schedule, Step::Lower, Step::Upper].into_iter().find(|step| *step as u8 == tag).ok_or(IoError)
    }
}

/// One row of SHA-256.
#[derive(Clone, Copy, Debug)]
pub struct Sha256Gate(pub Step);

/// What constraints are evaluated over: field values or targets of a verifying circuit.
trait Algebra {
    type V: Copy;
    fn constant(&mut self, value: F) -> Self::V;
    fn add(&mut self, x: Self::V, y: Self::V) -> Self::V;
    fn sub(&mut self, x: Self::V, y: Self::V) -> Self::V;
    fn mul(&mut self, x: Self::V, y: Self::V) -> Self::V;
    /// `factor * x + y`
    fn scale_add(&mut self, factor: F, x: Self::V, y: Self::V) -> Self::V;
    /// `x * y - z`
    fn mul_sub(&mut self, x: Self::V, y: Self::V, z: Self::V) -> Self::V;
    /// Sum of `2^i terms[i]`.
    fn weighted(&mut self, terms: &[Self::V]) -> Self::V;
}

struct Values<T>(PhantomData<T>);

impl<T> Algebra for Values<T>
where
    T: Copy + From<F> + Add<Output = T> + Sub<Output = T> + Mul<Output = T>,
{
    type V = T;

    fn constant(&mut self, value: F) -> T {
        T::from(value)
    }

    fn add(&mut self, x: T, y: T) -> T {
        x + y
    }

    fn sub(&mut self, x: T, y: T) -> T {
        x - y
    }

    fn mul(&mut self, x: T, y: T) -> T {
        x * y
    }

    fn scale_add(&mut self, factor: F, x: T, y: T) -> T {
        T::from(factor) * x + y
    }

    fn mul_sub(&mut self, x: T, y: T, z: T) -> T {
        x * y - z
    }

    fn weighted(&mut self, terms: &[T]) -> T {
        terms.iter().rev().fold(T::from(F::ZERO), |sum, term| sum + sum + *term)
    }
}

struct Circuit<'a>(&'a mut Builder);

impl Algebra for Circuit<'_> {
    type V = ExtensionTarget<D>;

    fn constant(&mut self, value: F) -> Self::V {
        self.0.constant_extension(QuadraticExtension::from(value))
    }

    fn add(&mut self, x: Self::V, y: Self::V) -> Self::V {
        self.0.add_extension(x, y)
    }

    fn sub(&mut self, x: Self::V, y: Self::V) -> Self::V {
        self.0.sub_extension(x, y)
    }

    fn mul(&mut self, x: Self::V, y: Self::V) -> Self::V {
        self.0.mul_extension(x, y)
    }

    fn scale_add(&mut self, factor: F, x: Self::V, y: Self::V) -> Self::V {
        self.0.mul_const_add_extension(factor, x, y)
    }

    fn mul_sub(&mut self, x: Self::V, y: Self::V, z: Self::V) -> Self::V {
        self.0.mul_sub_extension(x, y, z)
    }

    fn weighted(&mut self, terms: &[Self::V]) -> Self::V {
        let two = self.constant(F::TWO);
        ReducingFactorTarget::new(two).reduce(terms, self.0)
    }
}

/// Rotations of a Σ or σ function; with `shift`, the last one is a shift (zeros come in, sign 1).
struct Sigma {
    by: [usize; 3],
    shift: bool,
}

const SCHEDULE_NEAR: Sigma = Sigma { by: [17, 19, 10], shift: true };
const SCHEDULE_FAR: Sigma = Sigma { by: [7, 18, 3], shift: true };
const LOWER: Sigma = Sigma { by: [6, 11, 25], shift: false };
const UPPER: Sigma = Sigma { by: [2, 13, 22], shift: false };

impl Sha256Gate {
    /// The constraints at one point, in a fixed order.
    fn constraints<A: Algebra>(self, a: &mut A, wires: &[A::V], constant: A::V) -> Vec<A::V> {
        let step = self.0;
        let one = a.constant(F::ONE);
        let max = a.constant(F::from_canonical_u32(u32::MAX));
        let mut out = Vec::with_capacity(Gate::<F, D>::num_constraints(&self));
        let words: Vec<&[A::V]> = (0..step.split()).map(|i| &wires[step.signs(i)..step.signs(i) + 32]).collect();
        for (word, signs) in words.iter().enumerate() {
            out.extend(signs.iter().map(|sign| a.mul_sub(*sign, *sign, one)));
            // 2 x + S(signs) - M = 0
            let sum = a.weighted(signs);
            let twice = a.scale_add(F::TWO, wires[word], sum);
            out.push(a.sub(twice, max));
        }
        let carries = &wires[step.carry()..step.carry() + step.carries()];
        out.extend(carries.iter().map(|bit| a.mul_sub(*bit, *bit, *bit)));
        let carry = a.weighted(carries);
        let overflow = F::from_canonical_u64(1 << 32);

        match step {
            Step::Schedule => {
                // 2 out = 2 x7 + 2 x16 + 2 M - S(near) - S(far) - 2 * 2^32 carry
                let near = xor3(a, words[0], &SCHEDULE_NEAR);
                let far = xor3(a, words[1], &SCHEDULE_FAR);
                let sigmas = a.add(near, far);
                let reduced = a.scale_add(overflow, carry, wires[4]);
                let difference = a.sub(reduced, wires[2]);
                let difference = a.sub(difference, wires[3]);
                let difference = a.sub(difference, max);
                out.push(a.scale_add(F::TWO, difference, sigmas));
            }
            Step::Lower => {
                let (f, g, h, w, d, t1, next) = (wires[1], wires[2], wires[3], wires[4], wires[5], wires[6], wires[7]);
                // Sign of ch: (F + G - E (F - G)) / 2.
                let terms: Vec<A::V> = (0..32)
                    .map(|i| {
                        let difference = a.sub(words[1][i], words[2][i]);
                        a.mul(words[0][i], difference)
                    })
                    .collect();
                let chosen = a.weighted(&terms);
                let sigma = xor3(a, words[0], &LOWER);
                // 4 t1 = 4 (h + w + constant) + 2 (M - S(sigma)) + (2 f + 2 g + S(E (F - G)))
                let sum = a.add(h, w);
                let sum = a.add(sum, constant);
                let sum = a.sub(t1, sum);
                let half = a.sub(sigma, max);
                let half = a.sub(half, f);
                let half = a.sub(half, g);
                let half = a.scale_add(F::TWO, sum, half);
                let doubled = a.add(half, half);
                out.push(a.sub(doubled, chosen));
                let total = a.add(d, t1);
                let reduced = a.scale_add(overflow, carry, next);
                out.push(a.sub(total, reduced));
            }
            Step::Upper => {
                let (x, y, z, t1, next) = (wires[0], wires[1], wires[2], wires[3], wires[4]);
                // Sign of maj: (A + B + C - A B C) / 2.
                let terms: Vec<A::V> = (0..32)
                    .map(|i| {
                        let pair = a.mul(words[0][i], words[1][i]);
                        a.mul(pair, words[2][i])
                    })
                    .collect();
                let product = a.weighted(&terms);
                let sigma = xor3(a, words[0], &UPPER);
                // 4 out = 4 t1 + 2 (M - S(sigma)) + (2 (a + b + c) - M + S(A B C)) - 4 * 2^32 carry
                let reduced = a.scale_add(overflow, carry, next);
                let sum = a.sub(reduced, t1);
                let half = a.sub(sigma, x);
                let half = a.sub(half, y);
                let half = a.sub(half, z);
                let half = a.scale_add(F::TWO, sum, half);
                let doubled = a.add(half, half);
                let doubled = a.sub(doubled, max);
                out.push(a.sub(doubled, product));
            }
        }
        out
    }
}

/// `S` of the signs of a Σ or σ function.
fn xor3<A: Algebra>(a: &mut A, signs: &[A::V], sigma: &Sigma) -> A::V {
    let [first, second, third] = sigma.by;
    let terms: Vec<A::V> = (0..32)
        .map(|i| {
            let pair = a.mul(signs[(i + first) % 32], signs[(i + second) % 32]);
            if sigma.shift && i + third >= 32 { pair } else { a.mul(pair, signs[(i + third) % 32]) }
        })
        .collect();
    a.weighted(&terms)
}

impl Gate<F, D> for Sha256Gate {
    fn id(&self) -> String {
        format!("{self:?}")
    }

    fn serialize(&self, dst: &mut Vec<u8>, _common: &CommonCircuitData<F, D>) -> IoResult<()> {
        dst.write_u8(self.0 as u8)
    }

    fn deserialize(src: &mut Buffer, _common: &CommonCircuitData<F, D>) -> IoResult<Self> {
        Step::from_tag(src.read_u8()?).map(Sha256Gate)
    }

    fn eval_unfiltered(&self, vars: EvaluationVars<F, D>) -> Vec<QuadraticExtension<F>> {
        self.constraints(&mut Values(PhantomData), vars.local_wires, vars.local_constants[0])
    }

    fn eval_unfiltered_base_one(&self, vars: EvaluationVarsBase<F>, mut consumer: StridedConstraintConsumer<F>) {
        let wires: Vec<F> = vars.local_wires.iter().copied().collect();
        let constraints = self.constraints(&mut Values(PhantomData), &wires, vars.local_constants[0]);
        consumer.many(constraints);
    }

    fn eval_unfiltered_base_batch(&self, vars: EvaluationVarsBaseBatch<F>) -> Vec<F> {
        self.eval_unfiltered_base_batch_packed(vars)
    }

    fn eval_unfiltered_circuit(&self, b: &mut Builder, vars: EvaluationTargets<D>) -> Vec<ExtensionTarget<D>> {
        self.constraints(&mut Circuit(b), vars.local_wires, vars.local_constants[0])
    }

    fn generators(&self, row: usize, local_constants: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
        let generator = Sha256Generator { step: self.0, row, constant: local_constants[0] };
        vec![WitnessGeneratorRef::new(generator.adapter())]
    }

    fn num_wires(&self) -> usize {
        self.0.carry() + self.0.carries()
    }

    fn num_constants(&self) -> usize {
        1
    }

    fn degree(&self) -> usize {
        3
    }

    fn num_constraints(&self) -> usize {
        33 * self.0.split() + self.0.carries() + self.0.outputs()
    }
}

impl PackedEvaluableBase<F, D> for Sha256Gate {
    fn eval_unfiltered_base_packed<P: PackedField<Scalar = F>>(
        &self,
        vars: EvaluationVarsBasePacked<P>,
        mut consumer: StridedConstraintConsumer<P>,
    ) {
        let wires: Vec<P> = vars.local_wires.iter().copied().collect();
        consumer.many(self.constraints(&mut Values(PhantomData), &wires, vars.local_constants[0]));
    }
}

impl Default for Sha256Gate {
    fn default() -> Self {
        Sha256Gate(Step::Schedule)
    }
}
