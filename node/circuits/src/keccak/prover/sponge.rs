//! Layer "sponge": one sumcheck for three things. Round 0's claims on input states are derived from
//! blocks and previous outputs; the output claims are moved to the next row; the bus is summed.

use super::rounds::{Rounds, add};
use super::{Claims, evaluate_lanes};
use crate::keccak::RATE_BYTES;
use crate::keccak::extension::{Dot, Ext, Fold, dot, eq_table, powers, product, small};
use crate::keccak::proof::Sumcheck;
use crate::keccak::shape::{COLUMNS, ENDED, LOG_LANE, RATE_LANES, START, STATE_LANES};
use crate::keccak::stream::Challenges;
use crate::keccak::table::Table;
use crate::keccak::transcript::Transcript;
use plonky2::field::types::Field;
use rayon::prelude::*;

/// What the layer works on at one bit of one row; every field is multilinear in the position.
#[derive(Clone, Copy)]
struct Cell {
    /// Block lanes M_L.
    block: [Ext; RATE_LANES],
    /// `c^L (P_L - 1)` of the rate lanes.
    previous: [Ext; RATE_LANES],
    rest: [Ext; REST],
}

/// `1 + S`.
const CONTINUES: usize = 0;
/// `1 - E`.
const ENDS: usize = 1;
/// `Σ c^L (P_L - 1)` over the capacity lanes.
const CAPACITY: usize = 2;
/// `2 Σ_{L<17} c^L M_L + 2 Σ_{L≥17} c^L`.
const FRESH: usize = 3;
/// `½ eq(z_a, z) eq(i_a, i)`.
const INPUT_WEIGHT: usize = 4;
/// `ρ eq(z_o, z) eq(i_o, i - 1)`.
const OUTPUT_WEIGHT: usize = 5;
/// `ρ² u(z) w(i)`.
const BUS_WEIGHT: usize = 6;
/// `Σ d^L P_L`.
const OUTPUT: usize = 7;
/// The bus without digests.
const BUS: usize = 8;
/// `¼ β³ Σ_{L<4} α^{24-8L} (1 - P_L)`.
const DIGEST: usize = 9;
const REST: usize = 10;

impl Cell {
    /// The summand: degree 4 in each variable.
    #[inline(always)]
    fn summand(&self) -> Ext {
        let rest = &self.rest;
        let mut carried = Dot::default();
        for (&block, &previous) in self.block.iter().zip(&self.previous) {
            carried.add(block, previous);
        }
        let carried = carried.finish() + rest[CAPACITY];
        let mut sum = Dot::default();
        sum.add(rest[INPUT_WEIGHT], product(rest[CONTINUES], carried) + rest[FRESH]);
        sum.add(rest[OUTPUT_WEIGHT], rest[OUTPUT]);
        sum.add(rest[BUS_WEIGHT], product(rest[ENDS], rest[DIGEST]) + rest[BUS]);
        sum.finish()
    }

    #[inline(always)]
    fn zip(&mut self, other: &Self, f: impl Fn(Ext, Ext) -> Ext) {
        for (a, &b) in self.block.iter_mut().zip(&other.block) {
            *a = f(*a, b);
        }
        for (a, &b) in self.previous.iter_mut().zip(&other.previous) {
            *a = f(*a, b);
        }
        for (a, &b) in self.rest.iter_mut().zip(&other.rest) {
            *a = f(*a, b);
        }
    }
}

/// Coefficients of the layer.
struct Batch {
    inputs: Vec<Ext>,
    outputs: Vec<Ext>,
    rho: Ext,
    /// `½ α^{128-8L}`.
    block: Vec<Ext>,
    /// `¼ β³ α^{24-8L}`.
    digest: Vec<Ext>,
    /// `½ β`, `½ β²`.
    flags: [Ext; 2],
}

/// Proves the layer; `inputs` are the claims on input states, `outputs` those on output states.
pub fn prove(
    transcript: &mut Transcript,
    table: &Table,
    Challenges { alpha, beta }: Challenges,
    bus: Ext,
    outputs: &Claims,
    inputs: &Claims,
) -> (Sumcheck<Ext>, Claims) {
    let (n, count) = (inputs.i.len(), table.rows.len());
    let [c, d, rho] = std::array::from_fn(|_| transcript.challenge());
    let half = small(2).inverse();
    let lane_powers = |lanes: usize| {
        let mut powers = powers(alpha.exp_u64(8), lanes);
        powers.reverse();
        powers
    };
    let batch = Batch {
        inputs: powers(c, STATE_LANES),
        outputs: powers(d, STATE_LANES),
        rho,
        block: lane_powers(RATE_LANES).iter().map(|&v| v * half).collect(),
        digest: lane_powers(4).iter().map(|&v| v * half * half * beta.cube()).collect(),
        flags: [beta * half, beta * beta * half],
    };
    let claim = dot(&batch.inputs, &inputs.values) + rho * dot(&batch.outputs, &outputs.values) + rho * rho * bus;
    let mut rounds = Rounds::new(transcript, claim);

    let byte = powers(alpha, 8);
    let weights = Weights {
        input: (eq_table(&inputs.i), eq_table(&inputs.z)),
        output: (eq_table(&outputs.i), eq_table(&outputs.z)),
        rows: powers(alpha.exp_u64(RATE_BYTES as u64), count),
        bits: (0..64).map(|z| byte[7 - z / 8] * small(1 << (z % 8))).collect(),
    };
    let mut cells: Vec<Cell> = (0..count * 64)
        .into_par_iter()
        .map(|k| cell(&table.rows[k / 64], &batch, k % 64, weights.at(&batch, k / 64, k % 64, count)))
        .collect();
    while cells.len() > 1 {
        let middle = cells.len() / 2;
        let (low, high) = cells.split_at_mut(middle);
        let values = (&*low, &*high).into_par_iter().map(|(low, high)| line(low, high)).reduce(|| [Ext::ZERO; 4], add);
        let fold = Fold::new(rounds.send_plain(&values));
        (low, &*high).into_par_iter().for_each(|(low, high)| low.zip(high, |a, b| fold.apply(a, b)));
        cells.truncate(middle);
    }

    let (i, z) = rounds.point.split_at(n);
    debug_assert_eq!(z.len(), LOG_LANE);
    let values = evaluate_lanes::<COLUMNS>(&table.rows, z, i);
    rounds.transcript.absorb(&values);
    let claims = Claims { z: z.to_vec(), i: i.to_vec(), values: values.clone() };
    (Sumcheck { factored: rounds.factored, plain: rounds.plain, claims: values }, claims)
}

/// Weights as tables over i and over z.
struct Weights {
    input: (Vec<Ext>, Vec<Ext>),
    output: (Vec<Ext>, Vec<Ext>),
    /// Powers of α^136; row i takes the one at N - 1 - i.
    rows: Vec<Ext>,
    bits: Vec<Ext>,
}

impl Weights {
    fn at(&self, batch: &Batch, i: usize, z: usize, count: usize) -> [Ext; 3] {
        let half = small(2).inverse();
        [
            self.input.0[i] * self.input.1[z] * half,
            self.output.0[(i + count - 1) % count] * self.output.1[z] * batch.rho,
            self.rows[count - 1 - i] * self.bits[z] * batch.rho * batch.rho,
        ]
    }
}

/// The cell of bit z of a row.
fn cell(row: &[u64; COLUMNS], batch: &Batch, z: usize, weights: [Ext; 3]) -> Cell {
    let set = |lane: usize| row[lane] >> z & 1 == 1;
    let sign = |lane: usize, weight: Ext| if set(lane) { -weight } else { weight };
    // weight·(1 - x): twice the weight for a set bit
    let twice = |lane: usize, weight: Ext| if set(lane) { weight + weight } else { Ext::ZERO };
    let two = small(2);
    let mut rest = [Ext::ZERO; REST];
    rest[CONTINUES] = if set(START) { Ext::ZERO } else { two };
    rest[ENDS] = if set(ENDED) { two } else { Ext::ZERO };
    for (lane, &c) in batch.inputs.iter().enumerate() {
        if lane < RATE_LANES {
            rest[FRESH] += sign(lane, c + c);
        } else {
            rest[FRESH] += c + c;
            rest[CAPACITY] -= twice(RATE_LANES + lane, c);
        }
        rest[OUTPUT] += sign(RATE_LANES + lane, batch.outputs[lane]);
    }
    [rest[INPUT_WEIGHT], rest[OUTPUT_WEIGHT], rest[BUS_WEIGHT]] = weights;
    for (lane, &weight) in batch.block.iter().enumerate() {
        rest[BUS] += twice(lane, weight);
    }
    rest[BUS] += twice(START, batch.flags[0]) + twice(ENDED, batch.flags[1]);
    for (lane, &weight) in batch.digest.iter().enumerate() {
        rest[DIGEST] += twice(RATE_LANES + lane, weight);
    }
    Cell {
        block: std::array::from_fn(|lane| sign(lane, Ext::ONE)),
        previous: std::array::from_fn(|lane| -twice(RATE_LANES + lane, batch.inputs[lane])),
        rest,
    }
}

/// The summand between two cells, at 0, 2, 3 and 4.
fn line(low: &Cell, high: &Cell) -> [Ext; 4] {
    let mut slope = *high;
    slope.zip(low, |a, b| a - b);
    let mut current = *high;
    let mut values = [low.summand(), Ext::ZERO, Ext::ZERO, Ext::ZERO];
    for value in &mut values[1..] {
        current.zip(&slope, |a, b| a + b);
        *value = current.summand();
    }
    values
}
