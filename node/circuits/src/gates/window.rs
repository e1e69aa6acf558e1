//! A byte window cut out of 32-bit limbs.

use std::ops::{Add, Mul, Sub};

use anyhow::Result;
use plonky2::field::extension::Extendable;
use plonky2::field::packed::PackedField;
use plonky2::field::types::{Field, PrimeField64};
use plonky2::gates::gate::Gate;
use plonky2::gates::packed_util::PackedEvaluableBase;
use plonky2::gates::util::StridedConstraintConsumer;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::{GeneratedValues, SimpleGenerator, WitnessGeneratorRef};
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartitionWitness, Witness, WitnessWrite};
use plonky2::plonk::vars::{
    EvaluationTargets, EvaluationVars, EvaluationVarsBase, EvaluationVarsBaseBatch, EvaluationVarsBasePacked,
};
use plonky2::util::serialization::{Buffer, IoResult, Read, Write};

use super::crumbs::{self, CRUMBS};
use crate::circuit::Common;
use crate::{Builder, D, F};

type Ext = <F as Extendable<D>>::Extension;

const ROUTED: usize = 11;
/// Base-4 digits of a byte.
const BYTE_CRUMBS: usize = 4;

/// Five times, for a limb of four bytes b0 (least significant) to b3:
/// `limb = b0 + 2^8 b1 + 2^16 b2 + 2^24 b3`, `output = Σ keep_i b_i + carry_in` over all four
/// bytes, `carry_out = Σ pass_i b_i` over the lower three. The limb is thereby below 2^32; the
/// weights are free.
///
/// With weights that shift and mask (`query::registers`), a chain of eight moves a field of a
/// storage slot to the least significant byte.
#[derive(Clone, Copy, Debug)]
pub struct WindowGate;

impl WindowGate {
    /// Limbs in a row.
    pub const OPS: usize = 5;
    /// Bytes that a limb keeps, at most.
    pub const KEEP: usize = 4;
    /// Bytes that a limb passes to the limb below, at most.
    pub const PASS: usize = 3;

    pub const fn limb(op: usize) -> usize {
        ROUTED * op
    }

    pub const fn keep(op: usize, byte: usize) -> usize {
        ROUTED * op + 1 + byte
    }

    pub const fn pass(op: usize, byte: usize) -> usize {
        ROUTED * op + 1 + Self::KEEP + byte
    }

    pub const fn carry_in(op: usize) -> usize {
        ROUTED * op + 8
    }

    pub const fn output(op: usize) -> usize {
        ROUTED * op + 9
    }

    pub const fn carry_out(op: usize) -> usize {
        ROUTED * op + 10
    }

    const fn crumbs(op: usize) -> usize {
        ROUTED * Self::OPS + CRUMBS * op
    }

    fn constraints<T>(wire: impl Fn(usize) -> T, constant: impl Fn(u64) -> T, mut emit: impl FnMut(T))
    where
        T: Copy + Add<Output = T> + Sub<Output = T> + Mul<Output = T>,
    {
        for op in 0..Self::OPS {
            let digits: [T; CRUMBS] = std::array::from_fn(|k| wire(Self::crumbs(op) + k));
            let bytes: [T; Self::KEEP] =
                std::array::from_fn(|i| crumbs::sum(&digits[BYTE_CRUMBS * i..][..BYTE_CRUMBS], &constant));
            let limb = bytes.iter().rev().fold(constant(0), |acc, byte| acc * constant(256) + *byte);
            let kept =
                (0..Self::KEEP).fold(wire(Self::carry_in(op)), |acc, i| acc + bytes[i] * wire(Self::keep(op, i)));
            let passed = (0..Self::PASS).fold(constant(0), |acc, i| acc + bytes[i] * wire(Self::pass(op, i)));
            emit(limb - wire(Self::limb(op)));
            emit(kept - wire(Self::output(op)));
            emit(passed - wire(Self::carry_out(op)));
            crumbs::range(&digits, &constant, &mut emit);
        }
    }
}

impl Gate<F, D> for WindowGate {
    fn id(&self) -> String {
        "WindowGate".into()
    }

    fn serialize(&self, _dst: &mut Vec<u8>, _common: &Common) -> IoResult<()> {
        Ok(())
    }

    fn deserialize(_src: &mut Buffer, _common: &Common) -> IoResult<Self> {
        Ok(WindowGate)
    }

    fn eval_unfiltered(&self, vars: EvaluationVars<F, D>) -> Vec<Ext> {
        let mut out = Vec::with_capacity(self.num_constraints());
        Self::constraints(|i| vars.local_wires[i], Ext::from_canonical_u64, |c| out.push(c));
        out
    }

    fn eval_unfiltered_base_one(&self, vars: EvaluationVarsBase<F>, mut consumer: StridedConstraintConsumer<F>) {
        Self::constraints(|i| vars.local_wires[i], F::from_canonical_u64, |c| consumer.one(c));
    }

    fn eval_unfiltered_base_batch(&self, vars: EvaluationVarsBaseBatch<F>) -> Vec<F> {
        self.eval_unfiltered_base_batch_packed(vars)
    }

    fn eval_unfiltered_circuit(&self, b: &mut Builder, vars: EvaluationTargets<D>) -> Vec<ExtensionTarget<D>> {
        let mut out = Vec::with_capacity(self.num_constraints());
        let zero = b.zero_extension();
        for op in 0..Self::OPS {
            let wire = |i: usize| vars.local_wires[i];
            let digits = &vars.local_wires[Self::crumbs(op)..][..CRUMBS];
            let bytes: [_; Self::KEEP] =
                std::array::from_fn(|i| crumbs::sum_circuit(b, &digits[BYTE_CRUMBS * i..][..BYTE_CRUMBS]));
            let limb = bytes
                .iter()
                .rev()
                .fold(zero, |acc, byte| b.mul_const_add_extension(F::from_canonical_u64(256), acc, *byte));
            let kept = (0..Self::KEEP)
                .fold(wire(Self::carry_in(op)), |acc, i| b.mul_add_extension(bytes[i], wire(Self::keep(op, i)), acc));
            let passed =
                (0..Self::PASS).fold(zero, |acc, i| b.mul_add_extension(bytes[i], wire(Self::pass(op, i)), acc));
            out.push(b.sub_extension(limb, wire(Self::limb(op))));
            out.push(b.sub_extension(kept, wire(Self::output(op))));
            out.push(b.sub_extension(passed, wire(Self::carry_out(op))));
            crumbs::range_circuit(b, digits, &mut out);
        }
        out
    }

    fn generators(&self, row: usize, _constants: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
        (0..Self::OPS).map(|op| WitnessGeneratorRef::new(WindowGenerator { row, op }.adapter())).collect()
    }

    fn num_wires(&self) -> usize {
        Self::crumbs(Self::OPS)
    }

    fn num_constants(&self) -> usize {
        0
    }

    fn degree(&self) -> usize {
        4
    }

    fn num_constraints(&self) -> usize {
        Self::OPS * (3 + CRUMBS)
    }
}

impl PackedEvaluableBase<F, D> for WindowGate {
    fn eval_unfiltered_base_packed<P: PackedField<Scalar = F>>(
        &self,
        vars: EvaluationVarsBasePacked<P>,
        mut consumer: StridedConstraintConsumer<P>,
    ) {
        let constant = |value| P::from(F::from_canonical_u64(value));
        Self::constraints(|i| vars.local_wires[i], constant, |c| consumer.one(c));
    }
}

/// Fills one limb of a [`WindowGate`] from the limb, its weights and the incoming carry.
#[derive(Clone, Copy, Debug, Default)]
pub struct WindowGenerator {
    row: usize,
    op: usize,
}

impl SimpleGenerator<F, D> for WindowGenerator {
    fn id(&self) -> String {
        "WindowGenerator".into()
    }

    fn dependencies(&self) -> Vec<Target> {
        (WindowGate::limb(self.op)..=WindowGate::carry_in(self.op)).map(|i| Target::wire(self.row, i)).collect()
    }

    fn run_once(&self, witness: &PartitionWitness<F>, out: &mut GeneratedValues<F>) -> Result<()> {
        let WindowGenerator { row, op } = *self;
        let get = |i| witness.get_target(Target::wire(row, i));
        let limb = get(WindowGate::limb(op)).to_canonical_u64();
        let byte = |i: usize| F::from_canonical_u64(limb >> (8 * i) & 0xff);
        let kept = (0..WindowGate::KEEP).map(|i| byte(i) * get(WindowGate::keep(op, i)));
        let output = kept.fold(get(WindowGate::carry_in(op)), |acc, term| acc + term);
        let carry: F = (0..WindowGate::PASS).map(|i| byte(i) * get(WindowGate::pass(op, i))).sum();
        out.set_target(Target::wire(row, WindowGate::output(op)), output)?;
        out.set_target(Target::wire(row, WindowGate::carry_out(op)), carry)?;
        for (k, crumb) in crumbs::crumbs_of(limb).enumerate() {
            out.set_target(Target::wire(row, WindowGate::crumbs(op) + k), crumb)?;
        }
        Ok(())
    }

    fn serialize(&self, dst: &mut Vec<u8>, _common: &Common) -> IoResult<()> {
        dst.write_usize(self.row)?;
        dst.write_usize(self.op)
    }

    fn deserialize(src: &mut Buffer, _common: &Common) -> IoResult<Self> {
        Ok(WindowGenerator { row: src.read_usize()?, op: src.read_usize()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::conformance;

    #[test]
    fn evaluations_agree_and_have_their_degree() {
        conformance::check(&WindowGate);
    }
}
