//! A 32-bit number as sixteen base-4 digits.

use std::ops::{Add, Mul, Sub};

use plonky2::field::types::Field;
use plonky2::iop::ext_target::ExtensionTarget;

use crate::{Builder, D, F};

/// Digits of a 32-bit number.
pub const CRUMBS: usize = 16;

/// Base-4 digits of the low 32 bits of `value`, least significant first.
pub fn crumbs_of(value: u64) -> impl Iterator<Item = F> {
    (0..CRUMBS).map(move |k| F::from_canonical_u64(value >> (2 * k) & 3))
}

/// Calls `emit` with one constraint per digit: c(c - 1)(c - 2)(c - 3), of degree 4.
pub fn range<T>(crumbs: &[T], constant: &impl Fn(u64) -> T, mut emit: impl FnMut(T))
where
    T: Copy + Add<Output = T> + Sub<Output = T> + Mul<Output = T>,
{
    for crumb in crumbs {
        // (c - 1)(c - 2) = c(c - 3) + 2
        let outer = *crumb * (*crumb - constant(3));
        emit(outer * (outer + constant(2)));
    }
}

/// The number whose digits are `crumbs`.
pub fn sum<T>(crumbs: &[T], constant: &impl Fn(u64) -> T) -> T
where
    T: Copy + Add<Output = T> + Mul<Output = T>,
{
    crumbs.iter().rev().fold(constant(0), |acc, crumb| acc * constant(4) + *crumb)
}

/// [`range`] in a circuit, in the same order.
pub fn range_circuit(b: &mut Builder, crumbs: &[ExtensionTarget<D>], out: &mut Vec<ExtensionTarget<D>>) {
    for crumb in crumbs {
        let outer = b.arithmetic_extension(F::ONE, -F::from_canonical_u64(3), *crumb, *crumb, *crumb);
        out.push(b.arithmetic_extension(F::ONE, F::TWO, outer, outer, outer));
    }
}

/// [`sum`] in a circuit.
pub fn sum_circuit(b: &mut Builder, crumbs: &[ExtensionTarget<D>]) -> ExtensionTarget<D> {
    let zero = b.zero_extension();
    crumbs.iter().rev().fold(zero, |acc, crumb| b.mul_const_add_extension(F::from_canonical_u64(4), acc, *crumb))
}
