//! Layer "opening": the identity at a random point; the low-degree test follows in plonky2.

use super::{Algebra, OpeningClaim};
use crate::F;
use crate::keccak::error::Check;
use crate::keccak::proof::Messages;
use crate::keccak::shape::COLUMNS;
use plonky2::field::types::Field;

/// Checks `f(X) w(1/X) + f(1/X) w(X) = 2v + X·Y(X) + Y(1/X)/X` at `point`, absorbs the openings and
/// returns the inverse of the point.
pub fn verify<A: Algebra>(
    a: &mut A,
    messages: &Messages<A::Value>,
    claim: &OpeningClaim<A::Value>,
    point: A::Value,
) -> A::Value {
    let inverse = a.inverse(Check::Opening, point);
    let (f, w, y) = side(a, claim, point, &messages.at_point);
    let (f_inverse, w_inverse, y_inverse) = side(a, claim, inverse, &messages.at_inverse);
    let left = a.mul(f, w_inverse);
    let left = a.mul_add(f_inverse, w, left);
    let sum = a.add(y, y_inverse);
    let right = double_plus(a, claim.value, sum);
    a.assert_equal(Check::Opening, left, right);
    a.absorb(&messages.at_point);
    a.absorb(&messages.at_inverse);
    inverse
}

/// `f(x)`, `w(x)` and `x·Y(x)` from the openings at `x`.
fn side<A: Algebra>(
    a: &mut A,
    claim: &OpeningClaim<A::Value>,
    x: A::Value,
    openings: &[A::Value],
) -> (A::Value, A::Value, A::Value) {
    let (lanes, quotient) = openings.split_at(COLUMNS);
    let mut f = a.constant(0);
    for (&weight, &lane) in claim.columns.iter().zip(lanes) {
        f = a.mul_add(weight, lane, f);
    }
    // w is a product over the bits of the row: 1 - u + u·x^{2^k}
    let one = a.constant(1);
    let mut w = one;
    let mut power = x;
    for &u in claim.row.iter().rev() {
        let less_one = a.sub(power, one);
        let factor = a.mul_add(u, less_one, one);
        w = a.mul(w, factor);
        power = a.mul(power, power);
    }
    let generator = a.generator();
    let y = a.mul_add(generator, quotient[1], quotient[0]);
    let y = a.mul(y, x);
    (f, w, y)
}

/// `2a + b`.
fn double_plus<A: Algebra>(a: &mut A, x: A::Value, y: A::Value) -> A::Value {
    let one = a.constant(1);
    a.arithmetic(F::TWO, F::ONE, x, one, y)
}
