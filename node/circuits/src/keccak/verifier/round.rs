//! The 24 rounds: each takes claims on its output lanes to claims on its input lanes.

use super::points::{eq_and_successor, pair_weights, rotated, total};
use super::{Algebra, Claims, factored_rounds, plain_rounds};
use crate::F;
use crate::keccak::error::Check;
use crate::keccak::permutation::{ROTATIONS, ROUND_CONSTANTS, ROUNDS, pi, row_neighbours};
use crate::keccak::proof::Sumcheck;
use crate::keccak::shape::{LOG_LANE, STATE_LANES};
use plonky2::field::types::Field;

/// All rounds, the last of the permutation first. Returns the claims on its input.
pub fn verify_all<A: Algebra>(
    a: &mut A,
    rounds: &[[Sumcheck<A::Value>; 3]],
    outputs: &Claims<A::Value>,
) -> Claims<A::Value> {
    let mut claims = Claims { z: outputs.z.clone(), i: outputs.i.clone(), values: outputs.values.clone() };
    for (round, [chi, apply, parity]) in (0..ROUNDS).rev().zip(rounds) {
        let lanes = verify_chi(a, chi, round, &claims);
        let (columns, batch) = verify_apply(a, apply, round, &lanes);
        claims = verify_parity(a, parity, round, &lanes, &columns, batch);
    }
    claims
}

/// Claims of a layer that was batched by powers of `challenge`, at the layer's new point.
fn sumcheck<A: Algebra>(
    a: &mut A,
    messages: &Sumcheck<A::Value>,
    i: &[A::Value],
    claim: &mut A::Value,
) -> Claims<A::Value> {
    let i = factored_rounds(a, messages, i, claim);
    let z = plain_rounds(a, messages, claim);
    a.absorb(&messages.claims);
    Claims { z, i, values: messages.claims.clone() }
}

/// Chi and iota: from output lanes to the lanes before chi.
fn verify_chi<A: Algebra>(
    a: &mut A,
    messages: &Sumcheck<A::Value>,
    round: usize,
    above: &Claims<A::Value>,
) -> Claims<A::Value> {
    let one = a.constant(1);
    let batch = a.challenge();
    let mut claim = a.horner(batch, &above.values);
    let below = sumcheck(a, messages, &above.i, &mut claim);
    let b = &below.values;
    let less_one: Vec<A::Value> = b.iter().map(|&v| a.sub(v, one)).collect();
    // twice chi: a(1 + c + b(c - 1))
    let doubled: Vec<A::Value> = (0..STATE_LANES)
        .map(|lane| {
            let (first, second) = row_neighbours(lane);
            let inner = a.mul_add(b[first], less_one[second], b[second]);
            a.mul_add(b[lane], inner, b[lane])
        })
        .collect();
    let weights = pair_weights(a, &below.z, &above.z);
    let eq = total(a, &weights);
    // iota flips lane 0 at bits 2^j - 1: eq there is a product of zeros above and ones below
    let mut eq_iota = eq;
    for j in (0..=LOG_LANE).filter(|j| ROUND_CONSTANTS[round] >> ((1u64 << j) - 1) & 1 == 1) {
        let (above, below) = (&weights.zero[..LOG_LANE - j], &weights.one[LOG_LANE - j..]);
        let zeros = above.iter().fold(one, |product, &v| a.mul(product, v));
        let ones = below.iter().rev().fold(one, |product, &v| a.mul(product, v));
        eq_iota = a.arithmetic(-F::TWO, F::ONE, ones, zeros, eq_iota);
    }
    let rest = a.horner(batch, &doubled[1..]);
    let rest = a.mul(rest, batch);
    let rest = a.mul(rest, eq);
    let half = F::TWO.inverse();
    let sum = a.arithmetic(half, half, doubled[0], eq_iota, rest);
    a.assert_equal(Check::Chi(round), sum, claim);
    below
}

/// Theta's use of the parities, rho and pi: to weighted sums R_x, parities C_x and parities one bit before.
/// Returns the batching challenge as well.
fn verify_apply<A: Algebra>(
    a: &mut A,
    messages: &Sumcheck<A::Value>,
    round: usize,
    above: &Claims<A::Value>,
) -> (Claims<A::Value>, A::Value) {
    let batch = a.challenge();
    let moved: Vec<A::Value> = (0..STATE_LANES).map(|lane| above.values[pi(lane)]).collect();
    let mut claim = a.horner(batch, &moved);
    let below = sumcheck(a, messages, &above.i, &mut claim);
    let v = &below.values;
    let mut sum = a.constant(0);
    for x in 0..5 {
        let parities = a.mul(v[5 + (x + 4) % 5], v[10 + (x + 1) % 5]);
        sum = a.mul_add(v[x], parities, sum);
    }
    a.assert_equal(Check::Apply(round), sum, claim);
    (below, batch)
}

/// Column parities: to the lanes before theta. `lanes` holds the point before chi, `apply_batch` the
/// challenge that weighs the lanes in R_x.
fn verify_parity<A: Algebra>(
    a: &mut A,
    messages: &Sumcheck<A::Value>,
    round: usize,
    lanes: &Claims<A::Value>,
    above: &Claims<A::Value>,
    apply_batch: A::Value,
) -> Claims<A::Value> {
    let batch = a.challenge();
    let mut claim = a.horner(batch, &above.values);
    let below = sumcheck(a, messages, &above.i, &mut claim);
    let s = &below.values;
    let weights = pair_weights(a, &below.z, &above.z);
    let (same, next) = eq_and_successor(a, &below.z, &above.z, &weights);
    let rotated = rotated(a, &weights, &lanes.z, &ROTATIONS);
    // Σ_x g^{5+x} (same + g^5 next) Π_y s  +  Σ_x g^x Σ_y d^{x+5y} rotated·s
    let squared = a.mul(batch, batch);
    let fourth = a.mul(squared, squared);
    let fifth = a.mul(fourth, batch);
    let column = a.mul_add(fifth, next, same);
    let column = a.mul(column, fifth);
    let products: Vec<A::Value> =
        (0..5).map(|x| a.product(&[s[x], s[x + 5], s[x + 10], s[x + 15], s[x + 20]])).collect();
    let parities = a.horner(batch, &products);
    let squared = a.mul(apply_batch, apply_batch);
    let fourth = a.mul(squared, squared);
    let row = a.mul(fourth, apply_batch);
    let columns: Vec<A::Value> = (0..5)
        .map(|x| {
            let terms: Vec<A::Value> = (0..5).map(|y| a.mul(rotated[&ROTATIONS[x + 5 * y]], s[x + 5 * y])).collect();
            a.horner(row, &terms)
        })
        .collect();
    let both = a.mul(batch, apply_batch);
    let linear = a.horner(both, &columns);
    let sum = a.mul_add(column, parities, linear);
    a.assert_equal(Check::Parity(round), sum, claim);
    below
}
