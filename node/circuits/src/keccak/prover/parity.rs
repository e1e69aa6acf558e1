//! Layer "parity": claims on column parities and weighted sums become claims on the lanes before theta.

use super::apply::{Columns, Theta, pattern_values, rotate};
use super::rounds::{Layout, Rounds, add, folded_signs, pass};
use super::{Claims, Scratch};
use crate::keccak::KeccakError;
use crate::keccak::extension::{Dot, Ext, Fold, dot, eq_table, powers, product, signed};
use crate::keccak::proof::{APPLY_CLAIMS, Sumcheck};
use crate::keccak::shape::STATE_LANES;
use crate::keccak::transcript::Transcript;
use plonky2::field::types::Field;
use rayon::prelude::*;

/// Per column: five lanes, and the fifth with the column's weight multiplied in.
const UNIT: usize = 6;
const STRIDE: usize = 320 * UNIT;

/// Proves the layer; `above` are the claims that [`super::apply::prove`] left.
pub fn prove(
    transcript: &mut Transcript,
    scratch: &mut Scratch,
    theta: &Theta,
    above: &Claims,
) -> Result<(Sumcheck<Ext>, Claims), KeccakError> {
    let n = above.i.len();
    let half = theta.columns.len() / 2;
    let batch = powers(transcript.challenge(), APPLY_CLAIMS);
    let mut rounds = Rounds::new(transcript, dot(&batch, &above.values));
    let eq_z = eq_table(&above.z);
    // weight of the parity of column (x, z), and of lane (x, y) at z
    let columns: Vec<Ext> = (0..320)
        .map(|k| {
            let (x, z) = (k % 5, k / 5);
            batch[5 + x] * eq_z[z] + batch[10 + x] * eq_z[rotate(z, 1)]
        })
        .collect();
    let lanes: Vec<Vec<Ext>> = (0..STATE_LANES)
        .map(|lane| (0..64).map(|z| batch[lane % 5] * eq_z[z] * theta.rotated[lane][z]).collect())
        .collect();
    // the linear part of each instance
    let values = pattern_values(|x, y, z| lanes[x + 5 * y][z]);
    let mut linear: Vec<Ext> = theta
        .columns
        .par_iter()
        .map(|columns| (0..320).fold(Ext::ZERO, |sum, k| sum + values[k][usize::from(columns[k])]))
        .collect();

    let eq = eq_table(&above.i[1..]);
    let mut q = first_round(&theta.columns, &columns, &eq);
    add_linear(&mut q, &linear, &eq);
    let r = rounds.send_factored(above.i[0], &q)?;
    bind_linear(&mut linear, Fold::new(r));

    let signs = folded_signs(&[r]);
    let table = &mut scratch.parity;
    table.resize(half * STRIDE, Ext::ZERO);
    let (low, high) = theta.columns.split_at(half);
    (table.par_chunks_mut(STRIDE), low, high).into_par_iter().for_each(|(table, low, high)| {
        for (k, unit) in table.chunks_exact_mut(UNIT).enumerate() {
            let (low, high) = (usize::from(low[k]), usize::from(high[k]));
            for (y, value) in unit[..5].iter_mut().enumerate() {
                *value = signs[(low >> y & 1) | (high >> y & 1) << 1];
            }
            unit[5] = product(unit[4], columns[k]);
        }
    });
    let mut bind = None;
    for k in 1..n {
        let eq = eq_table(&above.i[k + 1..]);
        let layout = Layout { stride: STRIDE, unit: UNIT };
        let mut q: [Ext; 5] = pass(table, layout, bind, &eq, pair);
        add_linear(&mut q, &linear, &eq);
        let fold = Fold::new(rounds.send_factored(above.i[k], &q)?);
        bind_linear(&mut linear, fold);
        bind = Some(fold);
    }
    if let Some(fold) = bind {
        let (low, high) = table.split_at_mut(STRIDE);
        fold.apply_all(low, high);
    }

    let mut tables: Vec<Vec<Ext>> =
        (0..STATE_LANES).map(|lane| (0..64).map(|z| table[(z * 5 + lane % 5) * UNIT + lane / 5]).collect()).collect();
    tables.extend((0..5).map(|x| (0..64).map(|z| columns[z * 5 + x]).collect::<Vec<Ext>>()));
    tables.extend(lanes);
    rounds.finish_plain(&mut tables, 6, |v| {
        let mut sum = Dot::default();
        for x in 0..5 {
            sum.add(v[25 + x], (v[x] * v[x + 5]) * (v[x + 10] * v[x + 15]) * v[x + 20]);
        }
        for lane in 0..STATE_LANES {
            sum.add(v[lane], v[30 + lane]);
        }
        sum.finish()
    });
    let values: Vec<Ext> = tables[..STATE_LANES].iter().map(|table| table[0]).collect();
    rounds.transcript.absorb(&values);
    let z = rounds.point.split_off(n);
    let claims = Claims { z, i: rounds.point, values: values.clone() };
    Ok((Sumcheck { factored: rounds.factored, plain: rounds.plain, claims: values }, claims))
}

/// Adds the linear part to a round at 0, infinity, -1, 2, -2.
fn add_linear(q: &mut [Ext; 5], linear: &[Ext], eq: &[Ext]) {
    let (low, high) = linear.split_at(eq.len());
    let (low, high) = (dot(low, eq), dot(high, eq));
    let slope = high - low;
    q[0] += low;
    q[2] += low - slope;
    q[3] += high + slope;
    q[4] += low - slope - slope;
}

fn bind_linear(linear: &mut Vec<Ext>, fold: Fold) {
    let half = linear.len() / 2;
    let (low, high) = linear.split_at_mut(half);
    fold.apply_all(low, high);
    linear.truncate(half);
}

/// The products' part of the first round at 0, infinity, -1, 2, -2: a column's product is its sign times
/// (1 - 2t)^d, d being the number of bits in which the two instances differ.
fn first_round(patterns: &[Columns], columns: &[Ext], eq: &[Ext]) -> [Ext; 5] {
    let (low, high) = patterns.split_at(eq.len());
    (low, high, eq)
        .into_par_iter()
        .map(|(low, high, &weight)| {
            let mut buckets = [Ext::ZERO; 12];
            for k in 0..320 {
                let differing = (low[k] ^ high[k]).count_ones();
                buckets[(2 * differing + (low[k].count_ones() & 1)) as usize] += columns[k];
            }
            let mut q = [Ext::ZERO; 5];
            for d in 0..6 {
                let sum = buckets[2 * d] - buckets[2 * d + 1];
                let power = |base: i64| signed(base.pow(d as u32));
                q[0] += sum;
                if d == 5 {
                    q[1] = sum * power(-2);
                }
                q[2] += sum * power(3);
                q[3] += sum * power(-3);
                q[4] += sum * power(5);
            }
            q.map(|value| value * weight)
        })
        .reduce(|| [Ext::ZERO; 5], add)
}

/// A column's weighted product at 0, infinity, -1, 2, -2 for a pair of instances.
#[inline(always)]
fn pair(dots: &mut [Dot; 5], low: &[Ext], high: &[Ext]) {
    /// A product of two lines: from its values at 0 and 1 and its leading coefficient to all five.
    #[inline(always)]
    fn quadratic(a: (Ext, Ext), b: (Ext, Ext)) -> [Ext; 5] {
        let zero = product(a.0, b.0);
        let one = product(a.1, b.1);
        let top = product(a.1 - a.0, b.1 - b.0);
        let middle = one - zero - top;
        let even = zero + top;
        let twice = top + top;
        let even_two = zero + twice + twice;
        let middle_two = middle + middle;
        [zero, top, even - middle, even_two + middle_two, even_two - middle_two]
    }
    let left = quadratic((low[0], high[0]), (low[1], high[1]));
    let right = quadratic((low[2], high[2]), (low[3], high[3]));
    let slope = high[5] - low[5];
    let line = [low[5], slope, low[5] - slope, high[5] + slope, low[5] - slope - slope];
    for (t, dot) in dots.iter_mut().enumerate() {
        dot.add(line[t], product(left[t], right[t]));
    }
}
