//! The quadratic extension that challenges are drawn from, with sums of products reduced once.

use crate::{D, F};
use plonky2::field::extension::Extendable;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::goldilocks_field::GoldilocksField;
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

/// 2^64 mod p.
const EPSILON: u64 = 0xffff_ffff;

/// An unreduced sum of fewer than 2^32 products of 64-bit numbers.
#[derive(Clone, Copy, Default)]
struct Wide {
    low: u128,
    /// Carries out of `low`.
    high: u64,
}

impl Wide {
    #[inline(always)]
    fn add(&mut self, value: u128) {
        let (low, carry) = self.low.overflowing_add(value);
        self.low = low;
        self.high = self.high.wrapping_add(u64::from(carry));
    }

    /// With 2^64 = ε = 2^32 - 1, 2^96 = -1 and 2^128 = -2^32 (mod p), and m the middle 64 bits:
    /// the value is low + ε·(m mod 2^32) - (m div 2^32) - 2^32·high.
    #[inline(always)]
    fn reduce(self) -> F {
        let low = self.low as u64;
        let middle = (self.low >> 64) as u64;
        let minus = (middle >> 32) | (self.high << 32);
        let (mut value, borrow) = low.overflowing_sub(minus);
        if borrow {
            // a borrow added 2^64 = ε too much; the second correction can only follow the first
            let (corrected, again) = value.overflowing_sub(EPSILON);
            value = if again { corrected.wrapping_sub(EPSILON) } else { corrected };
        }
        let (sum, carry) = value.overflowing_add((middle & EPSILON) * EPSILON);
        // the addend is at most ε², so adding ε for the carry cannot carry again
        GoldilocksField(if carry { sum.wrapping_add(EPSILON) } else { sum })
    }
}

/// `7·x` (7 is the non-residue of the extension), not necessarily canonical.
#[inline(always)]
fn times_seven(x: u64) -> u64 {
    let product = u128::from(x) * 7;
    let (sum, carry) = (product as u64).overflowing_add((product >> 64) as u64 * EPSILON);
    if carry { sum.wrapping_add(EPSILON) } else { sum }
}

#[inline(always)]
fn wide_product(x: u64, y: u64) -> u128 {
    u128::from(x) * u128::from(y)
}

/// A sum of extension products, reduced once at the end.
#[derive(Clone, Copy, Default)]
pub struct Dot {
    zero_zero: Wide,
    one_one: Wide,
    mixed: Wide,
}

impl Dot {
    /// Adds `x·y`.
    #[inline(always)]
    pub fn add(&mut self, x: Ext, y: Ext) {
        let ([x0, x1], [y0, y1]) = (x.0.map(|v| v.0), y.0.map(|v| v.0));
        self.zero_zero.add(wide_product(x0, y0));
        self.one_one.add(wide_product(x1, y1));
        self.mixed.add(wide_product(x0, y1));
        self.mixed.add(wide_product(x1, y0));
    }

    /// The sum.
    #[inline(always)]
    pub fn finish(mut self) -> Ext {
        let residue = self.one_one.reduce();
        self.zero_zero.add(wide_product(7, residue.0));
        QuadraticExtension([self.zero_zero.reduce(), self.mixed.reduce()])
    }
}

/// `Σ x_k y_k`.
pub fn dot(x: &[Ext], y: &[Ext]) -> Ext {
    let mut sum = Dot::default();
    for (&x, &y) in x.iter().zip(y) {
        sum.add(x, y);
    }
    sum.finish()
}

/// `x·y` with two reductions, for the inner loops.
#[inline(always)]
pub fn product(x: Ext, y: Ext) -> Ext {
    let ([x0, x1], [y0, y1]) = (x.0.map(|v| v.0), y.0.map(|v| v.0));
    let mut real = Wide { low: wide_product(x0, y0), high: 0 };
    real.add(wide_product(times_seven(x1), y1));
    let mut mixed = Wide { low: wide_product(x0, y1), high: 0 };
    mixed.add(wide_product(x1, y0));
    QuadraticExtension([real.reduce(), mixed.reduce()])
}

/// Binds a variable to `r`: `a + r·(b - a)`.
#[derive(Clone, Copy)]
pub struct Fold {
    r0: u64,
    r1: u64,
    seven_r1: u64,
}

impl Fold {
    /// At the challenge `r`.
    pub fn new(r: Ext) -> Self {
        let [r0, r1] = r.0.map(|v| v.0);
        Self { r0, r1, seven_r1: times_seven(r1) }
    }

    /// `a + r·(b - a)`.
    #[inline(always)]
    pub fn apply(&self, a: Ext, b: Ext) -> Ext {
        let [d0, d1] = (b - a).0.map(|v| v.0);
        let mut real = Wide { low: wide_product(self.r0, d0), high: 0 };
        real.add(wide_product(self.seven_r1, d1));
        real.add(u128::from(a.0[0].0));
        let mut mixed = Wide { low: wide_product(self.r0, d1), high: 0 };
        mixed.add(wide_product(self.r1, d0));
        mixed.add(u128::from(a.0[1].0));
        QuadraticExtension([real.reduce(), mixed.reduce()])
    }

    /// Folds `other` into `values`, element by element.
    #[inline(always)]
    pub fn apply_all(&self, values: &mut [Ext], other: &[Ext]) {
        for (a, &b) in values.iter_mut().zip(other) {
            *a = self.apply(*a, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plonky2::field::types::{Field64, Sample};

    /// Values at the borders of the representation, and random ones.
    fn samples() -> Vec<Ext> {
        let edges = [0, 1, EPSILON, EPSILON + 1, F::ORDER - 1, F::ORDER, u64::MAX];
        let mut all: Vec<Ext> = edges
            .iter()
            .flat_map(|&a| edges.iter().map(move |&b| QuadraticExtension([GoldilocksField(a), GoldilocksField(b)])))
            .collect();
        all.extend((0..50).map(|_| Ext::rand()));
        all
    }

    #[test]
    fn lazy_products_agree_with_the_field() {
        let values = samples();
        for &x in &values {
            let mut sum = Dot::default();
            let mut expected = Ext::ZERO;
            for &y in &values {
                assert_eq!(product(x, y), x * y);
                assert_eq!(Fold::new(x).apply(y, x), y + x * (x - y));
                for _ in 0..7 {
                    sum.add(x, y);
                    expected += x * y;
                }
                assert_eq!(sum.finish(), expected);
            }
        }
    }

    #[test]
    fn eq_table_has_the_first_coordinate_on_top() {
        let point = [small(3), small(5)];
        let table = eq_table(&point);
        assert_eq!(table[0b10], small(3) * (Ext::ONE - small(5)));
    }
}
