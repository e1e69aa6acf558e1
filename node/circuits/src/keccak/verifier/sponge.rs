//! Layer "sponge": input states from blocks and previous outputs, outputs on the next row, the bus.

use super::points::{eq, eq_and_successor, pair_weights, tensor};
use super::{Algebra, Bus, Claims, plain_rounds};
use crate::keccak::error::Check;
use crate::keccak::proof::Sumcheck;
use crate::keccak::shape::{ENDED, LOG_LANE, LOG_LANE_BYTES, RATE_LANES, START};

/// Verifies the layer and returns the claims on the bits of every committed lane.
pub fn verify<A: Algebra>(
    a: &mut A,
    messages: &Sumcheck<A::Value>,
    bus: &Bus<A::Value>,
    outputs: &Claims<A::Value>,
    inputs: &Claims<A::Value>,
) -> Claims<A::Value> {
    let (input_batch, output_batch, rho) = (a.challenge(), a.challenge(), a.challenge());
    let from_inputs = a.horner(input_batch, &inputs.values);
    let from_outputs = a.horner(output_batch, &outputs.values);
    let mut claim = a.horner(rho, &[from_inputs, from_outputs, bus.sum]);
    let mut i = plain_rounds(a, messages, &mut claim);
    let z = i.split_off(inputs.i.len());
    a.absorb(&messages.claims);
    let values = &messages.claims;

    let state = input_state(a, values, input_batch);
    let eq_z = eq(a, &inputs.z, &z);
    let eq_i = eq(a, &inputs.i, &i);
    let input = a.product(&[state, eq_z, eq_i]);
    let input = a.divide_by_power(input, 1);

    let output = a.horner(output_batch, &values[RATE_LANES..START]);
    let eq_z = eq(a, &outputs.z, &z);
    // Σ_v eq(i_o, v) eq(i, v + 1): row i holds the output of row i - 1
    let weights = pair_weights(a, &outputs.i, &i);
    let (_, after) = eq_and_successor(a, &outputs.i, &i, &weights);
    let output = a.product(&[output, eq_z, after]);

    let terms = bus_terms(a, values, bus);
    let weight = bus_weight(a, bus.alpha, &z, &i);
    let on_bus = a.mul(terms, weight);

    let sum = a.horner(rho, &[input, output, on_bus]);
    a.assert_equal(Check::Sponge, sum, claim);
    Claims { z, i, values: values.clone() }
}

/// Twice `Σ c^L A_L` with `2·A_L = M_L (2 + (1 + S)(P_L - 1))`, M_L being 1 in the capacity.
fn input_state<A: Algebra>(a: &mut A, values: &[A::Value], batch: A::Value) -> A::Value {
    let (one, two) = (a.constant(1), a.constant(2));
    let continues = a.add(values[START], one);
    let lanes: Vec<A::Value> = values[RATE_LANES..START]
        .iter()
        .enumerate()
        .map(|(lane, &previous)| {
            let less_one = a.sub(previous, one);
            let carried = a.mul_add(continues, less_one, two);
            if lane < RATE_LANES { a.mul(values[lane], carried) } else { carried }
        })
        .collect();
    a.horner(batch, &lanes)
}

/// `½[Σ α^{128-8L}(1 - M_L) + β(1 - S) + β²(1 - E)] + ¼β³(1 - E) Σ_{L<4} α^{24-8L}(1 - P_L)`.
fn bus_terms<A: Algebra>(a: &mut A, values: &[A::Value], bus: &Bus<A::Value>) -> A::Value {
    let squared = a.mul(bus.alpha, bus.alpha);
    let fourth = a.mul(squared, squared);
    let eighth = a.mul(fourth, fourth);
    // the first lane has the highest power
    let lanes = |a: &mut A, values: &[A::Value]| {
        let bits: Vec<A::Value> = values.iter().rev().map(|&v| a.complement(v)).collect();
        a.horner(eighth, &bits)
    };
    let block = lanes(a, &values[..RATE_LANES]);
    let digest = lanes(a, &values[RATE_LANES..RATE_LANES + 4]);
    let start = a.complement(values[START]);
    let ended = a.complement(values[ENDED]);
    let half_digest = a.divide_by_power(digest, 1);
    let half_gated = a.mul(half_digest, ended);
    let doubled = a.horner(bus.beta, &[block, start, ended, half_gated]);
    a.divide_by_power(doubled, 1)
}

/// `u(z)·w(i)`: bit z weighs `2^{z mod 8} α^{7 - z div 8}`, row i `α^{136(N-1-i)}`.
fn bus_weight<A: Algebra>(a: &mut A, alpha: A::Value, z: &[A::Value], i: &[A::Value]) -> A::Value {
    // α, α², α⁴, …: enough for 136 = 128 + 8
    let mut ladder = vec![alpha];
    for k in 0..7 {
        ladder.push(a.mul(ladder[k], ladder[k]));
    }
    let mut rows = vec![a.mul(ladder[7], ladder[3])];
    for k in 1..i.len() {
        rows.push(a.mul(rows[k - 1], rows[k - 1]));
    }
    rows.reverse();
    let rows = tensor(a, i, &rows);
    let bytes = tensor(a, &z[..LOG_LANE_BYTES], &[ladder[2], ladder[1], ladder[0]]);
    // a set bit of weight 2^{2^k} multiplies, a clear one does not: 1 + z (2^{2^k} - 1)
    let one = a.constant(1);
    let bits: Vec<A::Value> = z[LOG_LANE_BYTES..LOG_LANE]
        .iter()
        .zip([15, 3, 1])
        .map(|(&z, excess)| {
            let excess = a.constant(excess);
            a.mul_add(z, excess, one)
        })
        .collect();
    let bits = a.product(&bits);
    a.product(&[rows, bytes, bits])
}
