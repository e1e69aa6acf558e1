//! Layer chi + iota: claims on a round's output become claims on the lanes before chi.
//!
//! The first two rounds work on bits: their polynomial only depends on how often each pattern of
//! three 4-bit groups (four instances of a lane and of its two neighbours) occurs, so one weighted
//! histogram of 4,096 patterns gives both, whatever the challenges.

use super::rounds::{Layout, Rounds, folded_signs, pass, spread};
use super::{Claims, Scratch};
use crate::keccak::KeccakError;
use crate::keccak::extension::{Dot, Ext, Fold, eq_table, powers, product, signed, small};
use crate::keccak::permutation::{ROUND_CONSTANTS, State, row_neighbours};
use crate::keccak::proof::Sumcheck;
use crate::keccak::shape::STATE_LANES;
use crate::keccak::transcript::Transcript;
use plonky2::field::types::Field;
use rayon::prelude::*;

/// Patterns of three groups of four bits.
const PATTERNS: usize = 4096;
/// Lanes, then the same lanes with their weights multiplied in.
const UNIT: usize = 2 * STATE_LANES;
const STRIDE: usize = 64 * UNIT;

/// Group bits of four instances i, i + q, i + 2q, i + 3q (q = N/4) for one lane: one byte a bit position.
type Groups = [u8; 64];

/// Proves the layer of `round` for the states `before` chi.
pub fn prove(
    transcript: &mut Transcript,
    scratch: &mut Scratch,
    before: &[State],
    round: usize,
    above: &Claims,
) -> Result<(Sumcheck<Ext>, Claims), KeccakError> {
    let n = above.i.len();
    let iota = |z: usize| ROUND_CONSTANTS[round] >> z & 1 == 1;
    let batch = powers(transcript.challenge(), STATE_LANES);
    let claim = batch.iter().zip(&above.values).fold(Ext::ZERO, |sum, (&c, &v)| sum + c * v);
    let mut rounds = Rounds::new(transcript, claim);
    let eq_z = eq_table(&above.z);
    let quarter = before.len() / 4;
    let groups = group(before);
    let counts = histogram(&groups, &eq_z, &eq_table(&above.i[2..]), &batch, iota);

    let r1 = rounds.send_factored(above.i[0], &first_round(&counts, above.i[1]))?;
    let r2 = rounds.send_factored(above.i[1], &second_round(&counts, r1))?;

    // the rest on tables; weights carry c^L, eq in z, iota's sign and the half of chi
    let half = small(2).inverse();
    let weights: Vec<Ext> = (0..64)
        .flat_map(|z| {
            let weight = eq_z[z] * half;
            batch.iter().enumerate().map(move |(lane, &c)| if lane == 0 && iota(z) { -weight * c } else { weight * c })
        })
        .collect();
    let signs = folded_signs(&[r1, r2]);
    let table = &mut scratch.chi;
    table.resize(quarter * STRIDE, Ext::ZERO);
    (table.par_chunks_mut(STRIDE), groups.par_chunks(STATE_LANES)).into_par_iter().for_each(|(table, groups)| {
        for (z, unit) in table.chunks_exact_mut(UNIT).enumerate() {
            for lane in 0..STATE_LANES {
                let value = signs[usize::from(groups[lane][z])];
                unit[lane] = value;
                unit[STATE_LANES + lane] = product(value, weights[z * STATE_LANES + lane]);
            }
        }
    });
    let mut bind = None;
    for k in 2..n {
        let eq = eq_table(&above.i[k + 1..]);
        let layout = Layout { stride: STRIDE, unit: UNIT };
        let q: [Ext; 3] = pass(table, layout, bind, &eq, pair);
        bind = Some(Fold::new(rounds.send_factored(above.i[k], &q)?));
    }
    if let Some(fold) = bind {
        let (low, high) = table.split_at_mut(STRIDE);
        fold.apply_all(low, high);
    }

    let mut tables: Vec<Vec<Ext>> =
        (0..STATE_LANES).map(|lane| (0..64).map(|z| table[z * UNIT + lane]).collect()).collect();
    tables.push(eq_z.iter().map(|&v| v * half).collect());
    tables.push((0..64).map(|z| if iota(z) { -eq_z[z] * half } else { eq_z[z] * half }).collect());
    rounds.finish_plain(&mut tables, 4, |v| {
        let mut rest = Dot::default();
        for (lane, &c) in batch.iter().enumerate().skip(1) {
            rest.add(c, twice_chi(v, lane));
        }
        rest.finish() * v[STATE_LANES] + v[STATE_LANES + 1] * twice_chi(v, 0)
    });
    let values: Vec<Ext> = tables[..STATE_LANES].iter().map(|table| table[0]).collect();
    rounds.transcript.absorb(&values);
    let z = rounds.point.split_off(n);
    let claims = Claims { z, i: rounds.point, values: values.clone() };
    Ok((Sumcheck { factored: rounds.factored, plain: rounds.plain, claims: values }, claims))
}

/// Twice chi of one lane, on ±1: `a(1 + c + b(c - 1))`.
fn twice_chi(v: &[Ext], lane: usize) -> Ext {
    let (first, second) = row_neighbours(lane);
    let u = v[second] - Ext::ONE;
    v[lane] * (u + v[first] * u + small(2))
}

/// Group bits of every lane, quarter instance after quarter instance.
fn group(before: &[State]) -> Vec<Groups> {
    let quarter = before.len() / 4;
    (0..quarter * STATE_LANES)
        .into_par_iter()
        .map(|k| {
            let (i, lane) = (k / STATE_LANES, k % STATE_LANES);
            let words: [[u8; 8]; 4] = std::array::from_fn(|m| before[i + m * quarter][lane].to_le_bytes());
            let mut groups = [0; 64];
            for (byte, positions) in groups.chunks_exact_mut(8).enumerate() {
                let bits = (0..4).fold(0, |bits, m| bits | spread(words[m][byte]) << m);
                positions.copy_from_slice(&bits.to_le_bytes());
            }
            groups
        })
        .collect()
}

/// `Σ_L c^L Σ_{i,z} eq(i) eq(z)` of each pattern.
fn histogram(groups: &[Groups], eq_z: &[Ext], eq_i: &[Ext], batch: &[Ext], iota: impl Fn(usize) -> bool) -> Vec<Ext> {
    let flips: Groups = std::array::from_fn(|z| if iota(z) { 15 } else { 0 });
    let weights: Vec<Ext> = eq_i.iter().flat_map(|&i| eq_z.iter().map(move |&z| product(i, z))).collect();
    let lane_counts = |lane: usize| {
        let (first, second) = row_neighbours(lane);
        let flips = if lane == 0 { flips } else { [0; 64] };
        let mut counts = vec![Ext::ZERO; PATTERNS];
        for (groups, weights) in groups.chunks_exact(STATE_LANES).zip(weights.chunks_exact(64)) {
            let (a, b, c) = (&groups[lane], &groups[first], &groups[second]);
            for z in 0..64 {
                let pattern = usize::from(a[z] ^ flips[z]) | usize::from(b[z]) << 4 | usize::from(c[z]) << 8;
                counts[pattern] += weights[z];
            }
        }
        counts.iter_mut().for_each(|count| *count *= batch[lane]);
        counts
    };
    (0..STATE_LANES)
        .into_par_iter()
        .map(lane_counts)
        .reduce_with(|mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        })
        .unwrap_or_default()
}

/// The polynomial of the first round at 0, infinity and -1; the second variable is summed with its eq.
fn first_round(counts: &[Ext], second: Ext) -> [Ext; 3] {
    let mut q = [Ext::ZERO; 3];
    for (pattern, &count) in counts.iter().enumerate() {
        for (m, weight) in [(0, Ext::ONE - second), (1, second)] {
            // instances m and m + 2 differ in the first variable
            let sign = |shift: usize| 1 - 2 * (pattern >> shift & 1) as i64;
            let [a, b, c] = [0, 4, 8].map(|group| (sign(group + m), sign(group + m + 2)));
            let chi = |a: i64, b: i64, c: i64| a * (1 + c + b * (c - 1));
            let values = [
                chi(a.0, b.0, c.0),
                (a.1 - a.0) * (b.1 - b.0) * (c.1 - c.0),
                chi(2 * a.0 - a.1, 2 * b.0 - b.1, 2 * c.0 - c.1),
            ];
            let weighted = count * weight;
            for (q, value) in q.iter_mut().zip(values) {
                *q += weighted * signed(value);
            }
        }
    }
    q.map(|value| value * small(2).inverse())
}

/// The polynomial of the second round at 0, infinity and -1, the first variable being bound to `r1`.
fn second_round(counts: &[Ext], r1: Ext) -> [Ext; 3] {
    let signs = folded_signs(&[r1]);
    // a group's two folded values, as value at 0, slope, value at -1
    let lines: Vec<[Ext; 3]> = (0..16usize)
        .map(|group| {
            let [low, high] = [0, 1].map(|m| signs[(group >> m & 1) | (group >> (m + 2) & 1) << 1]);
            [low, high - low, low + low - high]
        })
        .collect();
    let mut q = [Dot::default(); 3];
    for (rest, counts) in counts.chunks_exact(16).enumerate() {
        let (b, c) = (&lines[rest & 15], &lines[rest >> 4]);
        let chi = |t: usize| {
            let u = c[t] - Ext::ONE;
            u + b[t] * u + small(2)
        };
        for (t, factor) in [chi(0), b[1] * c[1], chi(2)].into_iter().enumerate() {
            let mut sum = Dot::default();
            counts.iter().zip(&lines).for_each(|(&count, line)| sum.add(count, line[t]));
            q[t].add(sum.finish(), factor);
        }
    }
    q.map(|sum| sum.finish() * small(2).inverse())
}

/// The summand at 0, infinity and -1 for a pair of instances at one bit position.
#[inline(always)]
fn pair(dots: &mut [Dot; 3], low: &[Ext], high: &[Ext]) {
    let mut slope = [Ext::ZERO; UNIT];
    let mut minus = [Ext::ZERO; UNIT];
    for k in 0..UNIT {
        slope[k] = high[k] - low[k];
        minus[k] = low[k] - slope[k];
    }
    for lane in 0..STATE_LANES {
        let (first, second) = row_neighbours(lane);
        let chi = |v: &[Ext]| {
            let u = v[second] - Ext::ONE;
            u + product(v[first], u) + small(2)
        };
        dots[0].add(low[STATE_LANES + lane], chi(low));
        dots[1].add(slope[STATE_LANES + lane], product(slope[first], slope[second]));
        dots[2].add(minus[STATE_LANES + lane], chi(&minus));
    }
}
