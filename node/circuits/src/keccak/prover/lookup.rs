//! Layer "lookup": claims on bits become one claim on the committed bytes. A fractional sum over
//! all bytes shows how much weight each byte value carries.

use super::Claims;
use super::rounds::{Rounds, add};
use crate::keccak::KeccakError;
use crate::keccak::extension::{Dot, Ext, Fold, eq_table, powers, product, small};
use crate::keccak::proof::{BYTE_VALUES, LOG_SLOTS, Sumcheck};
use crate::keccak::shape::{COLUMNS, LOG_LANE_BYTES};
use crate::keccak::table::Table;
use crate::keccak::transcript::Transcript;
use plonky2::field::types::Field;
use rayon::prelude::*;

/// What is to be opened: `Σ_lane columns[lane] · (the lane's bytes as multilinear function at row)`.
pub struct OpeningClaim {
    /// Weight of each lane.
    pub columns: Vec<Ext>,
    /// Point over row and byte, most significant first.
    pub row: Vec<Ext>,
}

/// Numerators and denominators of one level of the tree.
struct Level {
    numerators: Vec<Ext>,
    denominators: Vec<Ext>,
}

/// What the prover sends.
pub struct Lookup {
    pub values: Vec<Ext>,
    pub tree: Vec<Sumcheck<Ext>>,
}

/// Proves the layer; `bits` are claims on the bits of every committed lane.
pub fn prove(transcript: &mut Transcript, table: &Table, bits: &Claims) -> Result<(Lookup, OpeningClaim), KeccakError> {
    let batch = powers(transcript.challenge(), COLUMNS);
    let row: Vec<Ext> = bits.i.iter().chain(&bits.z[..LOG_LANE_BYTES]).copied().collect();
    let weights = eq_table(&row);
    let lanes: Vec<Vec<u8>> = (0..COLUMNS).into_par_iter().map(|lane| table.lane_bytes(lane).collect()).collect();
    let values = lanes
        .par_iter()
        .zip(&batch)
        .map(|(bytes, &factor)| {
            let mut sums = [Ext::ZERO; BYTE_VALUES];
            for (&byte, &weight) in bytes.iter().zip(&weights) {
                sums[usize::from(byte)] += weight;
            }
            sums.map(|sum| sum * factor)
        })
        .reduce(|| [Ext::ZERO; BYTE_VALUES], add)
        .to_vec();
    transcript.absorb(&values);

    let gamma = transcript.challenge();
    let rows = weights.len();
    let poles: Vec<Ext> = (0..BYTE_VALUES).map(|v| gamma - small(v as u64)).collect();
    let mut numerators = vec![Ext::ZERO; rows << LOG_SLOTS];
    let mut denominators = vec![gamma; rows << LOG_SLOTS];
    (numerators.par_chunks_mut(rows), denominators.par_chunks_mut(rows), &lanes, &batch).into_par_iter().for_each(
        |(numerators, denominators, bytes, &factor)| {
            for (t, &byte) in bytes.iter().enumerate() {
                numerators[t] = product(factor, weights[t]);
                denominators[t] = poles[usize::from(byte)];
            }
        },
    );
    let (tree, point) = prove_tree(transcript, Level { numerators, denominators })?;
    let (slots, row) = point.split_at(LOG_SLOTS);
    let columns = eq_table(slots)[..COLUMNS].to_vec();
    Ok((Lookup { values, tree }, OpeningClaim { columns, row: row.to_vec() }))
}

/// Proves the tree over the leaves, root first. Returns the point at the leaves.
fn prove_tree(transcript: &mut Transcript, leaves: Level) -> Result<(Vec<Sumcheck<Ext>>, Vec<Ext>), KeccakError> {
    let mut levels = vec![leaves];
    while let Some(next) = levels.last().and_then(combine) {
        levels.push(next);
    }
    let mut tree = Vec::new();
    let mut point: Vec<Ext> = Vec::new();
    let (mut numerator, mut denominator) = (Ext::ZERO, Ext::ZERO);
    while let Some(level) = levels.pop() {
        let tau = if point.is_empty() { Ext::ZERO } else { transcript.challenge() };
        let mut rounds = Rounds::new(transcript, numerator + tau * denominator);
        let claims = sum_level(&mut rounds, level, tau, &point)?;
        rounds.transcript.absorb(&claims);
        let bit = rounds.transcript.challenge();
        let child = Fold::new(bit);
        numerator = child.apply(claims[0], claims[1]);
        denominator = child.apply(claims[2], claims[3]);
        point = rounds.point;
        point.insert(0, bit);
        tree.push(Sumcheck { factored: rounds.factored, plain: Vec::new(), claims });
    }
    Ok((tree, point))
}

/// Half as many fractions, each the sum of one in the first half and one in the second.
fn combine(level: &Level) -> Option<Level> {
    let half = level.numerators.len() / 2;
    if half < 2 {
        return None;
    }
    let (p0, p1) = level.numerators.split_at(half);
    let (q0, q1) = level.denominators.split_at(half);
    let numerators = (p0, p1, q0, q1).into_par_iter().map(|(&p0, &p1, &q0, &q1)| {
        let mut sum = Dot::default();
        sum.add(p0, q1);
        sum.add(p1, q0);
        sum.finish()
    });
    let numerators = numerators.collect();
    let denominators = (q0, q1).into_par_iter().map(|(&q0, &q1)| product(q0, q1)).collect();
    Some(Level { numerators, denominators })
}

/// The rounds of one level: `Σ eq(point, x) (p0 q1 + (p1 + τ q1) q0)`. Returns p0, p1, q0, q1 at the end.
fn sum_level(rounds: &mut Rounds<'_>, level: Level, tau: Ext, point: &[Ext]) -> Result<Vec<Ext>, KeccakError> {
    let half = level.numerators.len() / 2;
    let (mut p0, mut q0) = (level.numerators, level.denominators);
    let (mut mixed, mut q1) = (p0.split_off(half), q0.split_off(half));
    mixed.par_iter_mut().zip(&q1).for_each(|(p1, &q1)| *p1 += product(tau, q1));
    for (k, &a) in point.iter().enumerate() {
        let eq = eq_table(&point[k + 1..]);
        let half = eq.len();
        let tables = [&p0, &q1, &q0, &mixed].map(|table| table.split_at(half));
        let q = (0..half)
            .into_par_iter()
            .map(|x| {
                let [p0, q1, q0, mixed] = tables.map(|(low, high)| (low[x], high[x] - low[x]));
                let mut zero = Dot::default();
                zero.add(p0.0, q1.0);
                zero.add(q0.0, mixed.0);
                let mut top = Dot::default();
                top.add(p0.1, q1.1);
                top.add(q0.1, mixed.1);
                [product(zero.finish(), eq[x]), product(top.finish(), eq[x])]
            })
            .reduce(|| [Ext::ZERO; 2], add);
        let fold = Fold::new(rounds.send_factored(a, &q)?);
        for table in [&mut p0, &mut q1, &mut q0, &mut mixed] {
            let (low, high) = table.split_at_mut(half);
            low.par_iter_mut().zip(&*high).for_each(|(low, &high)| *low = fold.apply(*low, high));
            table.truncate(half);
        }
    }
    Ok(vec![p0[0], mixed[0] - tau * q1[0], q0[0], q1[0]])
}
