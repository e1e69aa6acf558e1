//! Layer "lookup": from claims on bits to one claim on the committed bytes.

use super::points::{eq, eq_table};
use super::{Algebra, Claims, OpeningClaim, factored_rounds};
use crate::F;
use crate::keccak::error::Check;
use crate::keccak::proof::{BYTE_VALUES, LOG_SLOTS, Messages, Sumcheck};
use crate::keccak::shape::{COLUMNS, LOG_LANE_BYTES};
use plonky2::field::types::Field;

/// Verifies the layer; `bits` are claims on the bits of every committed lane.
pub fn verify<A: Algebra>(a: &mut A, messages: &Messages<A::Value>, bits: &Claims<A::Value>) -> OpeningClaim<A::Value> {
    let batch = a.challenge();
    let values = &messages.values;
    a.absorb(values);
    // Σ_v F[v] T[v] against the batched claims
    let bytes = byte_signs(a, &bits.z[LOG_LANE_BYTES..]);
    let mut sum = a.constant(0);
    for (&byte, &value) in bytes.iter().zip(values) {
        sum = a.mul_add(byte, value, sum);
    }
    let claim = a.horner(batch, &bits.values);
    a.assert_equal(Check::Bytes, sum, claim);

    // Σ_v T[v]/(γ - v) is what the tree must sum to, two at a time
    let gamma = a.challenge();
    let minus_one = a.constant(-1);
    let mut root = a.constant(0);
    let mut pole = gamma;
    for pair in values.chunks_exact(2) {
        let next = a.add(minus_one, pole);
        let numerator = a.mul(pair[1], pole);
        let numerator = a.mul_add(pair[0], next, numerator);
        let denominator = a.mul(pole, next);
        let inverse = a.inverse(Check::LookupRoot, denominator);
        root = a.mul_add(numerator, inverse, root);
        pole = a.add(minus_one, next);
    }
    debug_assert_eq!(values.len(), BYTE_VALUES);
    let leaf = verify_tree(a, &messages.tree, root);

    let (slots, row) = leaf.point.split_at(LOG_SLOTS);
    let columns = eq_table(a, slots)[..COLUMNS].to_vec();
    let target: Vec<A::Value> = bits.i.iter().chain(&bits.z[..LOG_LANE_BYTES]).copied().collect();
    let weight = eq(a, row, &target);
    let lanes = a.horner(batch, &columns);
    let numerator = a.mul(weight, lanes);
    a.assert_equal(Check::LookupLeaf, numerator, leaf.numerator);
    let value = a.sub(gamma, leaf.denominator);
    OpeningClaim { columns, row: row.to_vec(), value }
}

/// `F[v] = Σ_k eq(low, k)(1 - 2·bit_k(v))`, which is 1 - 2·(the weights of the set bits).
fn byte_signs<A: Algebra>(a: &mut A, low: &[A::Value]) -> Vec<A::Value> {
    let one = a.constant(1);
    let weights = eq_table(a, low);
    let mut signs = vec![one];
    for weight in weights {
        for k in 0..signs.len() {
            let sign = a.arithmetic(-F::TWO, F::ONE, weight, one, signs[k]);
            signs.push(sign);
        }
    }
    signs
}

/// Claims on numerator and denominator of the leaves, at one point.
struct Leaf<V> {
    point: Vec<V>,
    numerator: V,
    denominator: V,
}

/// The fractional-sum tree, root first; `root` is the value of the root.
fn verify_tree<A: Algebra>(a: &mut A, tree: &[Sumcheck<A::Value>], root: A::Value) -> Leaf<A::Value> {
    let zero = a.constant(0);
    let mut leaf = Leaf { point: Vec::new(), numerator: zero, denominator: zero };
    for (level, messages) in tree.iter().enumerate() {
        let tau = if level == 0 { zero } else { a.challenge() };
        let mut claim = a.mul_add(tau, leaf.denominator, leaf.numerator);
        let mut point = factored_rounds(a, messages, &leaf.point, &mut claim);
        a.absorb(&messages.claims);
        let [p0, p1, q0, q1] = [0, 1, 2, 3].map(|k| messages.claims[k]);
        // p0 q1 + q0 (p1 + τ q1)
        let mixed = a.mul_add(tau, q1, p1);
        let cross = a.mul(p0, q1);
        let cross = a.mul_add(q0, mixed, cross);
        if level == 0 {
            // numerator = root · denominator; a zero denominator here is caught by the leaves, of
            // which none is zero
            let denominator = a.mul(q0, q1);
            let expected = a.mul(root, denominator);
            a.assert_equal(Check::LookupRoot, cross, expected);
        } else {
            a.assert_equal(Check::LookupTree(level), cross, claim);
        }
        let child = a.challenge();
        let slope = a.sub(p1, p0);
        leaf.numerator = a.mul_add(child, slope, p0);
        let slope = a.sub(q1, q0);
        leaf.denominator = a.mul_add(child, slope, q0);
        point.insert(0, child);
        leaf.point = point;
    }
    leaf
}
