//! Layer "apply": claims on the lanes before chi become claims on column parities and on weighted
//! sums of lanes (theta's use of the parities, rho, pi).

use super::rounds::{Layout, Rounds, add, folded_signs, pass, spread};
use super::{Claims, Scratch};
use crate::keccak::KeccakError;
use crate::keccak::extension::{Dot, Ext, Fold, eq_table, powers, product, small};
use crate::keccak::permutation::{ROTATIONS, State, parities, pi};
use crate::keccak::proof::{APPLY_CLAIMS, Sumcheck};
use crate::keccak::shape::STATE_LANES;
use crate::keccak::transcript::Transcript;
use plonky2::field::types::Field;
use rayon::prelude::*;

/// Per bit position: five weighted sums R_x, five parities C_x.
const UNIT: usize = 10;
const STRIDE: usize = 64 * UNIT;
/// Column patterns of a state: bit y of entry 5z + x is bit z of lane (x, y).
pub type Columns = [u8; 320];

/// The states before theta in the forms that both theta layers use.
pub struct Theta {
    pub columns: Vec<Columns>,
    parities: Vec<[u64; 5]>,
    /// `d^L eq(z₀, z + ρ_L)`, lane after lane.
    pub rotated: Vec<Vec<Ext>>,
}

/// The next bit position but `by`, around the lane.
pub fn rotate(z: usize, by: u32) -> usize {
    (z + by as usize) % 64
}

/// For each column position, the value of every pattern of five ±1 bits under its weights.
pub fn pattern_values(weight: impl Fn(usize, usize, usize) -> Ext) -> Vec<[Ext; 32]> {
    (0..320)
        .map(|k| {
            let (x, z) = (k % 5, k / 5);
            let weights: [Ext; 5] = std::array::from_fn(|y| weight(x, y, z));
            let mut values = [Ext::ZERO; 32];
            values[0] = weights.iter().copied().sum();
            for pattern in 1..32usize {
                let y = pattern.trailing_zeros() as usize;
                values[pattern] = values[pattern & (pattern - 1)] - weights[y] - weights[y];
            }
            values
        })
        .collect()
}

fn columns(state: &State) -> Columns {
    let mut columns = [0; 320];
    for x in 0..5 {
        for byte in 0..8 {
            let bits = (0..5).fold(0, |bits, y| bits | spread(state[x + 5 * y].to_le_bytes()[byte]) << y);
            for (j, pattern) in bits.to_le_bytes().into_iter().enumerate() {
                columns[(8 * byte + j) * 5 + x] = pattern;
            }
        }
    }
    columns
}

/// Proves the layer for the states `before` theta. `above` are claims on the lanes before chi.
pub fn prove(
    transcript: &mut Transcript,
    scratch: &mut Scratch,
    before: &[State],
    above: &Claims,
) -> Result<(Sumcheck<Ext>, Claims, Theta), KeccakError> {
    let n = above.i.len();
    let half = before.len() / 2;
    let batch = powers(transcript.challenge(), STATE_LANES);
    let claim = (0..STATE_LANES).fold(Ext::ZERO, |sum, lane| sum + batch[lane] * above.values[pi(lane)]);
    let mut rounds = Rounds::new(transcript, claim);
    let eq_z = eq_table(&above.z);
    let rotated: Vec<Vec<Ext>> = (0..STATE_LANES)
        .map(|lane| (0..64).map(|z| batch[lane] * eq_z[rotate(z, ROTATIONS[lane])]).collect())
        .collect();
    let theta = Theta {
        columns: before.par_iter().map(columns).collect(),
        parities: before.par_iter().map(parities).collect(),
        rotated,
    };
    let sums = pattern_values(|x, y, z| theta.rotated[x + 5 * y][z]);
    let table = &mut scratch.apply;
    table.resize(before.len() * STRIDE, Ext::ZERO);
    (table.par_chunks_mut(STRIDE), &theta.columns).into_par_iter().for_each(|(table, columns)| {
        for k in 0..320 {
            table[k / 5 * UNIT + k % 5] = sums[k][usize::from(columns[k])];
        }
    });

    let q = first_round(table, &theta.parities, &eq_table(&above.i[1..]));
    let r = rounds.send_factored(above.i[0], &q)?;
    let (fold, signs) = (Fold::new(r), folded_signs(&[r]));
    let (low, high) = table.split_at_mut(half * STRIDE);
    let (parity_low, parity_high) = theta.parities.split_at(half);
    (low.par_chunks_mut(STRIDE), high.par_chunks(STRIDE), parity_low, parity_high).into_par_iter().for_each(
        |(low, high, parity_low, parity_high)| {
            for z in 0..64 {
                for x in 0..5 {
                    let k = z * UNIT + x;
                    low[k] = fold.apply(low[k], high[k]);
                    low[k + 5] = signs[(parity_low[x] >> z & 1 | (parity_high[x] >> z & 1) << 1) as usize];
                }
            }
        },
    );
    table.truncate(half * STRIDE);

    let mut bind = None;
    for k in 1..n {
        let eq = eq_table(&above.i[k + 1..]);
        let layout = Layout { stride: STRIDE, unit: STRIDE };
        let q: [Ext; 3] = pass(table, layout, bind, &eq, pair);
        bind = Some(Fold::new(rounds.send_factored(above.i[k], &q)?));
    }
    if let Some(fold) = bind {
        let (low, high) = table.split_at_mut(STRIDE);
        fold.apply_all(low, high);
    }

    let mut tables: Vec<Vec<Ext>> = (0..UNIT).map(|k| (0..64).map(|z| table[z * UNIT + k]).collect()).collect();
    // parities of the bit position before
    tables.extend((0..5).map(|x| (0..64).map(|z| table[rotate(z, 63) * UNIT + 5 + x]).collect::<Vec<Ext>>()));
    rounds.finish_plain(&mut tables, 3, |v| {
        let mut sum = Dot::default();
        for x in 0..5 {
            sum.add(v[x], v[5 + (x + 4) % 5] * v[10 + (x + 1) % 5]);
        }
        sum.finish()
    });
    let values: Vec<Ext> = tables[..APPLY_CLAIMS].iter().map(|table| table[0]).collect();
    rounds.transcript.absorb(&values);
    let z = rounds.point.split_off(n);
    let claims = Claims { z, i: rounds.point, values: values.clone() };
    Ok((Sumcheck { factored: rounds.factored, plain: rounds.plain, claims: values }, claims, theta))
}

/// The first round at 0, infinity and -1. A parity that differs between the two instances is
/// ±(1 - 2t), so a product of two is a sign times a power of 1 - 2t; sums are collected by sign and
/// by which of the two differ.
fn first_round(table: &[Ext], parities: &[[u64; 5]], eq: &[Ext]) -> [Ext; 3] {
    let half = eq.len();
    let (low, high) = table.split_at(half * STRIDE);
    let (parity_low, parity_high) = parities.split_at(half);
    (low.par_chunks(STRIDE), high.par_chunks(STRIDE), parity_low, parity_high, eq)
        .into_par_iter()
        .map(|(low, high, parity_low, parity_high, &weight)| {
            let mut values = [Ext::ZERO; 8];
            let mut slopes = [Ext::ZERO; 8];
            for x in 0..5 {
                let (left, right) = ((x + 4) % 5, (x + 1) % 5);
                let sign = parity_low[left] ^ parity_low[right].rotate_left(1);
                let left = parity_low[left] ^ parity_high[left];
                let right = (parity_low[right] ^ parity_high[right]).rotate_left(1);
                for z in 0..64 {
                    let bucket = (sign >> z & 1 | (left >> z & 1) << 1 | (right >> z & 1) << 2) as usize;
                    let value = low[z * UNIT + x];
                    values[bucket] += value;
                    slopes[bucket] += high[z * UNIT + x] - value;
                }
            }
            let signed = |v: &[Ext; 8], k: usize| v[2 * k] - v[2 * k + 1];
            let mut q = [Ext::ZERO; 3];
            for (k, at_minus_one) in [1, 3, 3, 9].into_iter().enumerate() {
                q[0] += signed(&values, k);
                q[2] += (signed(&values, k) - signed(&slopes, k)) * small(at_minus_one);
            }
            q[1] = signed(&slopes, 3) * small(4);
            q.map(|value| value * weight)
        })
        .reduce(|| [Ext::ZERO; 3], add)
}

/// The summand at 0, infinity and -1 for a pair of instances, all bit positions.
fn pair(dots: &mut [Dot; 3], low: &[Ext], high: &[Ext]) {
    let lines = |low: &[Ext], high: &[Ext]| -> [[Ext; 3]; 5] {
        std::array::from_fn(|x| {
            let slope = high[x] - low[x];
            [low[x], slope, low[x] - slope]
        })
    };
    let mut previous = lines(&low[STRIDE - 5..], &high[STRIDE - 5..]);
    for (low, high) in low.chunks_exact(UNIT).zip(high.chunks_exact(UNIT)) {
        let sums = lines(low, high);
        let parities = lines(&low[5..], &high[5..]);
        for x in 0..5 {
            for (t, dot) in dots.iter_mut().enumerate() {
                dot.add(sums[x][t], product(parities[(x + 4) % 5][t], previous[(x + 1) % 5][t]));
            }
        }
        previous = parities;
    }
}
