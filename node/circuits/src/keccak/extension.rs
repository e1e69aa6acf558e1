//! The quadratic extension that challenges are drawn from, with sums of products reduced once.

use crate::{D, F};
use plonky2::field::extension::Extendable;
use plonky2::field::types::Field;

/// Quadratic extension of [`F`].
pub type Ext = <F as Extendable<D>>::Extension;

/// A non-negative small integer as extension element.
#[inline]
pub fn small(value: u64) -> Ext {
    Ext::from(F::from_canonical_u64(value))
}

/// A signed small integer as extension element.
pub fn signed(value: i64) -> Ext {
    let magnitude = small(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// `1, x, x^2, …`, `count` of them.
pub fn powers(x: Ext, count: usize) -> Vec<Ext> {
    std::iter::successors(Some(Ext::ONE), |&last| Some(last * x)).take(count).collect()
}

/// `Σ c_k x^k`.
pub fn horner(coefficients: &[Ext], x: Ext) -> Ext {
    coefficients.iter().rev().fold(Ext::ZERO, |sum, &c| sum * x + c)
}

/// `eq(point, v)` for every bit vector v, the first coordinate being the most significant bit of the index.
pub fn eq_table(point: &[Ext]) -> Vec<Ext> {
    let mut table = vec![Ext::ONE];
    for &a in point {
        table = table.iter().flat_map(|&v| [v - v * a, v * a]).collect();
    }
    table
}
