//! Unsigned integers in circuits as 32-bit limbs, least significant first.
//!
//! Statement words have the most significant limb first; [`reversed`] goes between the two.

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};

use crate::gates::BorrowGate;
use crate::{Builder, F};

/// A 256-bit integer, limbs least significant first.
pub type U256Target = [Target; 8];

/// The other order of limbs.
pub fn reversed(limbs: &[Target; 8]) -> [Target; 8] {
    std::array::from_fn(|i| limbs[7 - i])
}

/// `x - y` modulo 2^(32 N), and whether `x < y`.
#[derive(Clone, Copy, Debug)]
pub struct Difference<const N: usize> {
    pub limbs: [Target; N],
    pub borrow: BoolTarget,
}

/// Subtracts integers whose limbs are known to be below 2^32: N sixths of a row.
pub fn sub<const N: usize>(b: &mut Builder, x: &[Target; N], y: &[Target; N]) -> Difference<N> {
    let mut borrow = b.zero();
    let limbs = std::array::from_fn(|k| {
        let (limb, out) = borrow_step(b, x[k], y[k], borrow);
        borrow = out;
        limb
    });
    Difference { limbs, borrow: BoolTarget::new_unsafe(borrow) }
}

/// `x + y` modulo 2^256, and the carry, for limbs known to be below 2^32.
pub fn add(b: &mut Builder, x: &U256Target, y: &U256Target) -> (U256Target, BoolTarget) {
    let radix = b.constant(F::from_canonical_u64(1 << 32));
    let zero = b.zero();
    let one = b.one();
    let mut carry = zero;
    let limbs = std::array::from_fn(|k| {
        // t = x + y + carry < 2^33, and t - 2^32 = limb - 2^32 (1 - carry out).
        let t = b.add(x[k], y[k]);
        let t = b.add(t, carry);
        let (limb, borrow) = borrow_step(b, t, radix, zero);
        carry = b.sub(one, borrow);
        limb
    });
    (limbs, BoolTarget::new_unsafe(carry))
}

/// One limb: `x - y - borrow = difference - 2^32 * out`; returns (difference, out).
fn borrow_step(b: &mut Builder, x: Target, y: Target, borrow: Target) -> (Target, Target) {
    let (row, op) = b.find_slot(BorrowGate, &[], &[]);
    b.connect(x, Target::wire(row, BorrowGate::x(op)));
    b.connect(y, Target::wire(row, BorrowGate::y(op)));
    b.connect(borrow, Target::wire(row, BorrowGate::borrow_in(op)));
    (Target::wire(row, BorrowGate::difference(op)), Target::wire(row, BorrowGate::borrow_out(op)))
}

/// Constrains `x` below 2^32: a sixth of a row.
pub fn range_check_u32(b: &mut Builder, x: Target) {
    let zero = b.zero();
    let (difference, out) = borrow_step(b, x, zero, zero);
    b.connect(difference, x);
    b.connect(out, zero);
}

/// Constrains `x` below 2^`bits` for `bits` in 1..=32: a third of a row.
pub fn range_check(b: &mut Builder, x: Target, bits: usize) {
    range_check_u32(b, x);
    if bits < 32 {
        // x < 2^32 makes the product exact.
        let scaled = b.mul_const(F::from_canonical_u64(1 << (32 - bits)), x);
        range_check_u32(b, scaled);
    }
}

/// Whether a sum of limbs is zero, given that it cannot reach the field's order.
pub fn all_zero(b: &mut Builder, limbs: &[Target]) -> BoolTarget {
    let sum = b.add_many(limbs);
    let zero = b.zero();
    b.is_equal(sum, zero)
}

/// Limb-wise selection.
pub fn select(b: &mut Builder, condition: BoolTarget, yes: &U256Target, no: &U256Target) -> U256Target {
    std::array::from_fn(|k| b.select(condition, yes[k], no[k]))
}

/// Zero.
pub fn zero(b: &mut Builder) -> U256Target {
    [b.zero(); 8]
}
