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

/// `(1-x)(1-y)` and `xy` for every coordinate. (Products take less of a row than sums, and the builder
/// computes the complements of a point once.)
pub fn pair_weights<A: Algebra>(a: &mut A, x: &[A::Value], y: &[A::Value]) -> PairWeights<A::Value> {
    let mut weights = PairWeights { zero: Vec::new(), one: Vec::new() };
    for (&x, &y) in x.iter().zip(y) {
        let (not_x, not_y) = (a.complement(x), a.complement(y));
        weights.zero.push(a.mul(not_x, not_y));
        weights.one.push(a.mul(x, y));
    }
    weights
}

/// eq of the two points of [`pair_weights`], and `Σ_v eq(x, v) eq(y, v + 1)` with v + 1 taken modulo 2^m.
pub fn eq_and_successor<A: Algebra>(
    a: &mut A,
    x: &[A::Value],
    y: &[A::Value],
    weights: &PairWeights<A::Value>,
) -> (A::Value, A::Value) {
    // from the top: the bits read so far are equal, or a carry went through all of them
    let mut same = a.constant(1);
    let mut carried = a.constant(1);
    for (k, (&x, &y)) in x.iter().zip(y).enumerate() {
        let (not_x, not_y) = (a.complement(x), a.complement(y));
        let zero_to_one = a.mul(not_x, y);
        let one_to_zero = a.mul(x, not_y);
        let stops = a.mul(zero_to_one, same);
        carried = a.mul_add(one_to_zero, carried, stops);
        let equal = a.add(weights.zero[k], weights.one[k]);
        same = a.mul(same, equal);
    }
    (same, carried)
}

/// eq of the two points of [`pair_weights`].
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

/// Low bits of the lane position in [`rotated`]; as many are high.
const LOW: usize = 3;

/// `Σ_v W(v) eq(point, v + k mod 64)` for each rotation `k`, W being given by its bit weights. With l and
/// h the low and high three bits of k: the low half of v + k carries into the high half or not, and a
/// carry there is a shift by h + 1 instead of h.
pub fn rotated<A: Algebra>(
    a: &mut A,
    weights: &PairWeights<A::Value>,
    point: &[A::Value],
    rotations: &[u32],
) -> BTreeMap<u32, A::Value> {
    let half = |from: usize| {
        let part = from..from + LOW;
        let weights =
            PairWeights { zero: weights.zero[part.clone()].to_vec(), one: weights.one[part.clone()].to_vec() };
        (weights, point[part].to_vec())
    };
    let (weights, point) = half(0);
    // the last carry leaves the word
    let high: Vec<A::Value> = additions(a, &weights, &point)
        .into_iter()
        .map(|(without, with)| with.map_or(without, |with| a.add(without, with)))
        .collect();
    let (weights, point) = half(LOW);
    let low = additions(a, &weights, &point);
    let mut sums = BTreeMap::new();
    for &rotation in rotations {
        let (l, h) = (rotation as usize % high.len(), rotation as usize / high.len());
        let (without, with) = low[l];
        let mut sum = a.mul(without, high[h]);
        if let Some(with) = with {
            sum = a.mul_add(with, high[(h + 1) % high.len()], sum);
        }
        sums.insert(rotation, sum);
    }
    sums
}

/// For each k below 2^m, `Σ_v W(v) eq(point, v + k)` over those v whose sum does not leave the m bits, and
/// `Σ_v W(v) eq(point, v + k - 2^m)` over the others (none for k = 0).
fn additions<A: Algebra>(
    a: &mut A,
    weights: &PairWeights<A::Value>,
    point: &[A::Value],
) -> Vec<(A::Value, Option<A::Value>)> {
    let mut sums = vec![(a.constant(1), None)];
    // from the lowest bit
    for k in (0..point.len()).rev() {
        let (zero, one, y) = (weights.zero[k], weights.one[k], point[k]);
        // from bit of v (0 or 1) to bit of the sum
        let not_y = a.complement(y);
        let (zero_to_zero, zero_to_one) = (a.mul(zero, not_y), a.mul(zero, y));
        let (one_to_zero, one_to_one) = (a.mul(one, not_y), a.mul(one, y));
        let unchanged = a.add(zero_to_zero, one_to_one);
        let clear: Vec<_> = sums
            .iter()
            .map(|&(without, with)| {
                let stays = a.mul(without, unchanged);
                match with {
                    None => (stays, None),
                    Some(with) => (a.mul_add(with, zero_to_one, stays), Some(a.mul(with, one_to_zero))),
                }
            })
            .collect();
        let set: Vec<_> = sums
            .iter()
            .map(|&(without, with)| {
                let flips = a.mul(without, zero_to_one);
                let carries = a.mul(without, one_to_zero);
                (flips, Some(with.map_or(carries, |with| a.mul_add(with, unchanged, carries))))
            })
            .collect();
        sums = [clear, set].concat();
    }
    sums
}
