//! Multilinear functions that the verifier evaluates by itself: eq, its rotations and shifts.

use super::Algebra;
use crate::F;
use plonky2::field::types::Field;
use std::collections::BTreeMap;

/// Per coordinate of two points: the weight of both bits being 0, and of both being 1.
pub struct PairWeights<V> {
    pub zero: Vec<V>,
    pub one: Vec<V>,
}

/// `(1-a)(1-b)` and `ab` for every coordinate.
pub fn pair_weights<A: Algebra>(a: &mut A, x: &[A::Value], y: &[A::Value]) -> PairWeights<A::Value> {
    let one = a.constant(1);
    let mut weights = PairWeights { zero: Vec::new(), one: Vec::new() };
    for (&x, &y) in x.iter().zip(y) {
        let both = a.mul(x, y);
        let sum = a.add(x, y);
        let rest = a.sub(both, sum);
        weights.zero.push(a.add(rest, one));
        weights.one.push(both);
    }
    weights
}

/// The bit weights `1 - x`, `x` of one point.
pub fn bit_weights<A: Algebra>(a: &mut A, x: &[A::Value]) -> PairWeights<A::Value> {
    PairWeights { zero: x.iter().map(|&x| a.complement(x)).collect(), one: x.to_vec() }
}

/// `Π (zero + one)`: eq of the two points of [`pair_weights`].
pub fn total<A: Algebra>(a: &mut A, weights: &PairWeights<A::Value>) -> A::Value {
    let sums: Vec<A::Value> = weights.zero.iter().zip(&weights.one).map(|(&x, &y)| a.add(x, y)).collect();
    a.product(&sums)
}

/// `eq(x, y)`.
pub fn eq<A: Algebra>(a: &mut A, x: &[A::Value], y: &[A::Value]) -> A::Value {
    let mut product = a.constant(1);
    for (&x, &y) in x.iter().zip(y) {
        // 1 - x - y + 2xy
        let sum = a.add(x, y);
        let rest = a.arithmetic(F::TWO, F::NEG_ONE, x, y, sum);
        product = a.mul_add(rest, product, product);
    }
    product
}

/// `eq(point, v)` for every v.
pub fn eq_table<A: Algebra>(a: &mut A, point: &[A::Value]) -> Vec<A::Value> {
    let mut table = vec![a.constant(1)];
    for &x in point {
        let mut next = Vec::with_capacity(2 * table.len());
        for &v in &table {
            let high = a.mul(v, x);
            next.push(a.sub(v, high));
            next.push(high);
        }
        table = next;
    }
    table
}

/// `Π_k (x_k ? 1 : f_k)` extended to field elements: `Π (f_k + x_k (1 - f_k))`.
pub fn tensor<A: Algebra>(a: &mut A, point: &[A::Value], factors: &[A::Value]) -> A::Value {
    let terms: Vec<A::Value> = point
        .iter()
        .zip(factors)
        .map(|(&x, &factor)| {
            let slope = a.complement(factor);
            a.mul_add(x, slope, factor)
        })
        .collect();
    a.product(&terms)
}

/// `Σ_v W(v) eq(point, v + k mod 2^m)` for each `k` in `shifts`, W being given by its bit weights. An
/// addition with carry from the lowest bit; shifts with equal low bits share their prefix.
pub fn shifted<A: Algebra>(
    a: &mut A,
    weights: &PairWeights<A::Value>,
    point: &[A::Value],
    shifts: &[u32],
) -> BTreeMap<u32, A::Value> {
    let bits = point.len();
    // low bits of the shift -> sums of prefixes without and with a carry
    let mut level: BTreeMap<u32, (A::Value, Option<A::Value>)> = BTreeMap::from([(0, (a.constant(1), None))]);
    for bit in 0..bits {
        let k = bits - 1 - bit;
        let (zero, one, y) = (weights.zero[k], weights.one[k], point[k]);
        // from bit of v (0 or 1) to bit of the sum
        let zero_to_one = a.mul(zero, y);
        let zero_to_zero = a.sub(zero, zero_to_one);
        let one_to_one = a.mul(one, y);
        let one_to_zero = a.sub(one, one_to_one);
        let unchanged = a.add(zero_to_zero, one_to_one);
        let mut next = BTreeMap::new();
        for &shift in shifts {
            let key = shift & ((2 << bit) - 1);
            if next.contains_key(&key) {
                continue;
            }
            let (without, with) = level[&(shift & ((1 << bit) - 1))];
            let sums = if shift >> bit & 1 == 0 {
                let stays = a.mul(without, unchanged);
                match with {
                    None => (stays, None),
                    Some(with) => (a.mul_add(with, zero_to_one, stays), Some(a.mul(with, one_to_zero))),
                }
            } else {
                let flips = a.mul(without, zero_to_one);
                let carries = a.mul(without, one_to_zero);
                (flips, Some(with.map_or(carries, |with| a.mul_add(with, unchanged, carries))))
            };
            next.insert(key, sums);
        }
        level = next;
    }
    // the last carry leaves the word: addition modulo 2^m
    level
        .into_iter()
        .map(|(shift, (without, with))| (shift, with.map_or(without, |with| a.add(without, with))))
        .collect()
}
