//! The verifier, written once over [`Algebra`] and run natively and as a plonky2 circuit.

pub mod circuit;
mod lookup;
pub mod native;
mod opening;
mod points;
mod round;
mod sponge;

use super::error::Check;
use super::proof::{Messages, Sumcheck};
use super::shape::KeccakShape;
use crate::F;
use plonky2::field::types::Field;

/// Extension arithmetic, transcript and assertions, on values or on circuit targets.
trait Algebra {
    /// An extension element.
    type Value: Copy;

    fn constant(&mut self, value: i64) -> Self::Value;
    /// The square root of 7 that generates the extension.
    fn generator(&mut self) -> Self::Value;
    /// `c0·a·b + c1·c`.
    fn arithmetic(&mut self, c0: F, c1: F, a: Self::Value, b: Self::Value, c: Self::Value) -> Self::Value;
    /// The inverse; nothing passes when there is none.
    fn inverse(&mut self, check: Check, a: Self::Value) -> Self::Value;
    fn absorb(&mut self, values: &[Self::Value]);
    fn challenge(&mut self) -> Self::Value;
    fn assert_equal(&mut self, check: Check, a: Self::Value, b: Self::Value);

    fn challenges(&mut self, count: usize) -> Vec<Self::Value> {
        (0..count).map(|_| self.challenge()).collect()
    }

    fn add(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        let one = self.constant(1);
        self.arithmetic(F::ONE, F::ONE, a, one, b)
    }

    fn sub(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        let one = self.constant(1);
        self.arithmetic(F::ONE, F::NEG_ONE, a, one, b)
    }

    fn mul(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        let zero = self.constant(0);
        self.arithmetic(F::ONE, F::ZERO, a, b, zero)
    }

    /// `a·b + c`.
    fn mul_add(&mut self, a: Self::Value, b: Self::Value, c: Self::Value) -> Self::Value {
        self.arithmetic(F::ONE, F::ONE, a, b, c)
    }

    /// `1 - a`.
    fn complement(&mut self, a: Self::Value) -> Self::Value {
        let one = self.constant(1);
        self.arithmetic(F::NEG_ONE, F::ONE, a, one, one)
    }

    /// `a / 2^k`.
    fn divide_by_power(&mut self, a: Self::Value, k: u64) -> Self::Value {
        let (zero, one) = (self.constant(0), self.constant(1));
        self.arithmetic(F::TWO.inverse().exp_u64(k), F::ZERO, a, one, zero)
    }

    /// `Σ v_k x^k`.
    fn horner(&mut self, x: Self::Value, v: &[Self::Value]) -> Self::Value {
        let mut sum = v[v.len() - 1];
        for &value in v[..v.len() - 1].iter().rev() {
            sum = self.mul_add(sum, x, value);
        }
        sum
    }

    /// `Π v_k`.
    fn product(&mut self, v: &[Self::Value]) -> Self::Value {
        let mut product = v[0];
        for &value in &v[1..] {
            product = self.mul(product, value);
        }
        product
    }
}

/// Claims on lanes at one point, most significant coordinates first.
struct Claims<V> {
    z: Vec<V>,
    i: Vec<V>,
    values: Vec<V>,
}

/// Bus challenges and sum.
struct Bus<V> {
    alpha: V,
    beta: V,
    sum: V,
}

/// A claim on the committed lanes, as [`super::prover`] states it.
struct OpeningClaim<V> {
    columns: Vec<V>,
    row: Vec<V>,
    value: V,
}

/// Rounds with a factor eq(a, ·) taken out of `q(t) = q_0 + s·t + t(t-1)·e(t)`; s and e are sent, and
/// `(1-a) q(0) + a q(1) = claim` gives `q_0 = claim - a·s`.
fn factored_rounds<A: Algebra>(
    a: &mut A,
    sumcheck: &Sumcheck<A::Value>,
    at: &[A::Value],
    claim: &mut A::Value,
) -> Vec<A::Value> {
    let mut point = Vec::with_capacity(at.len());
    for (message, &coordinate) in sumcheck.factored.iter().zip(at) {
        a.absorb(message);
        let r = a.challenge();
        let constant = a.arithmetic(F::NEG_ONE, F::ONE, coordinate, message[0], *claim);
        *claim = evaluate(a, constant, message[0], &message[1..], r);
        point.push(r);
    }
    point
}

/// Other rounds: `c + s·t + t(t-1)·e(t)`; c and e are sent, and the values at 0 and 1 sum to the claim: `s = claim - 2c`.
fn plain_rounds<A: Algebra>(a: &mut A, sumcheck: &Sumcheck<A::Value>, claim: &mut A::Value) -> Vec<A::Value> {
    let mut point = Vec::with_capacity(sumcheck.plain.len());
    let one = a.constant(1);
    for message in &sumcheck.plain {
        a.absorb(message);
        let r = a.challenge();
        let slope = a.arithmetic(-F::TWO, F::ONE, message[0], one, *claim);
        *claim = evaluate(a, message[0], slope, &message[1..], r);
        point.push(r);
    }
    point
}

/// `constant + slope·r + r(r-1)·e(r)`.
fn evaluate<A: Algebra>(a: &mut A, constant: A::Value, slope: A::Value, e: &[A::Value], r: A::Value) -> A::Value {
    let bend = a.arithmetic(F::ONE, F::NEG_ONE, r, r, r);
    let rest = a.horner(r, e);
    let line = a.mul_add(slope, r, constant);
    a.mul_add(bend, rest, line)
}

/// Steps 2 to 6 of the transcript: everything but the opening. Returns the bus and the claim to open.
fn verify_layers<A: Algebra>(
    a: &mut A,
    shape: &KeccakShape,
    messages: &Messages<A::Value>,
) -> (Bus<A::Value>, OpeningClaim<A::Value>) {
    let (alpha, beta) = (a.challenge(), a.challenge());
    let (z, i) = (a.challenges(6), a.challenges(shape.log_permutations()));
    a.absorb(&messages.outputs);
    let bus = Bus { alpha, beta, sum: messages.outputs[0] };
    let outputs = Claims { z, i, values: messages.outputs[1..].to_vec() };
    let inputs = round::verify_all(a, &messages.rounds, &outputs);
    let bits = sponge::verify(a, &messages.sponge, &bus, &outputs, &inputs);
    let claim = lookup::verify(a, messages, &bits);
    (bus, claim)
}
