//! Subtraction of 32-bit limbs with borrow.

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

const ROUTED: usize = 5;

/// Six times `x - y - borrow_in = difference - 2^32 * borrow_out`, with the difference below 2^32
/// and the outgoing borrow boolean. Nothing bounds `x`, `y` or the incoming borrow: for 32-bit
/// limbs and a bit the outputs are the only ones possible.
#[derive(Clone, Copy, Debug)]
pub struct BorrowGate;

impl BorrowGate {
    /// Subtractions in a row.
    pub const OPS: usize = 6;

    pub const fn x(op: usize) -> usize {
        ROUTED * op
    }

    pub const fn y(op: usize) -> usize {
        ROUTED * op + 1
    }

    pub const fn borrow_in(op: usize) -> usize {
        ROUTED * op + 2
    }

    pub const fn difference(op: usize) -> usize {
        ROUTED * op + 3
    }

    pub const fn borrow_out(op: usize) -> usize {
        ROUTED * op + 4
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
            let (difference, out) = (wire(Self::difference(op)), wire(Self::borrow_out(op)));
            let left = wire(Self::x(op)) - wire(Self::y(op)) - wire(Self::borrow_in(op));
            emit(left + out * constant(1 << 32) - difference);
            emit(out * out - out);
            emit(crumbs::sum(&digits, &constant) - difference);
            crumbs::range(&digits, &constant, &mut emit);
        }
    }
}

impl Gate<F, D> for BorrowGate {
    fn id(&self) -> String {
        "BorrowGate".into()
    }

    fn serialize(&self, _dst: &mut Vec<u8>, _common: &Common) -> IoResult<()> {
        Ok(())
    }

    fn deserialize(_src: &mut Buffer, _common: &Common) -> IoResult<Self> {
        Ok(BorrowGate)
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
        for op in 0..Self::OPS {
            let wire = |i: usize| vars.local_wires[i];
            let digits = &vars.local_wires[Self::crumbs(op)..][..CRUMBS];
            let left = b.sub_extension(wire(Self::x(op)), wire(Self::y(op)));
            let left = b.sub_extension(left, wire(Self::borrow_in(op)));
            let borrow = wire(Self::borrow_out(op));
            let right = b.mul_const_add_extension(F::from_canonical_u64(1 << 32), borrow, left);
            out.push(b.sub_extension(right, wire(Self::difference(op))));
            out.push(b.mul_sub_extension(borrow, borrow, borrow));
            let sum = crumbs::sum_circuit(b, digits);
            out.push(b.sub_extension(sum, wire(Self::difference(op))));
            crumbs::range_circuit(b, digits, &mut out);
        }
        out
    }

    fn generators(&self, row: usize, _constants: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
        (0..Self::OPS).map(|op| WitnessGeneratorRef::new(BorrowGenerator { row, op }.adapter())).collect()
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

impl PackedEvaluableBase<F, D> for BorrowGate {
    fn eval_unfiltered_base_packed<P: PackedField<Scalar = F>>(
        &self,
        vars: EvaluationVarsBasePacked<P>,
        mut consumer: StridedConstraintConsumer<P>,
    ) {
        let constant = |value| P::from(F::from_canonical_u64(value));
        Self::constraints(|i| vars.local_wires[i], constant, |c| consumer.one(c));
    }
}

/// Fills one subtraction of a [`BorrowGate`] from `x`, `y` and the incoming borrow.
#[derive(Clone, Copy, Debug, Default)]
pub struct BorrowGenerator {
    row: usize,
    op: usize,
}

impl SimpleGenerator<F, D> for BorrowGenerator {
    fn id(&self) -> String {
        "BorrowGenerator".into()
    }

    fn dependencies(&self) -> Vec<Target> {
        let BorrowGenerator { row, op } = *self;
        [BorrowGate::x(op), BorrowGate::y(op), BorrowGate::borrow_in(op)].map(|i| Target::wire(row, i)).into()
    }

    fn run_once(&self, witness: &PartitionWitness<F>, out: &mut GeneratedValues<F>) -> Result<()> {
        let BorrowGenerator { row, op } = *self;
        let get = |i| witness.get_target(Target::wire(row, i)).to_canonical_u64();
        let (x, y, borrow) = (get(BorrowGate::x(op)), get(BorrowGate::y(op)), get(BorrowGate::borrow_in(op)));
        let difference = i128::from(x) - i128::from(y) - i128::from(borrow);
        let low = difference.rem_euclid(1 << 32) as u64;
        out.set_target(Target::wire(row, BorrowGate::difference(op)), F::from_canonical_u64(low))?;
        out.set_target(Target::wire(row, BorrowGate::borrow_out(op)), F::from_bool(difference < 0))?;
        for (k, crumb) in crumbs::crumbs_of(low).enumerate() {
            out.set_target(Target::wire(row, BorrowGate::crumbs(op) + k), crumb)?;
        }
        Ok(())
    }

    fn serialize(&self, dst: &mut Vec<u8>, _common: &Common) -> IoResult<()> {
        dst.write_usize(self.row)?;
        dst.write_usize(self.op)
    }

    fn deserialize(src: &mut Buffer, _common: &Common) -> IoResult<Self> {
        Ok(BorrowGenerator { row: src.read_usize()?, op: src.read_usize()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::conformance;

    #[test]
    fn evaluations_agree_and_have_their_degree() {
        conformance::check(&BorrowGate);
    }
}
