//! Sumcheck rounds: from evaluations of the round polynomial to what is sent of it.

use crate::keccak::KeccakError;
use crate::keccak::extension::{Dot, Ext, Fold, horner, signed, small};
use crate::keccak::transcript::Transcript;
use plonky2::field::types::Field;
use rayon::prelude::*;

/// A sumcheck under way.
pub struct Rounds<'a> {
    pub transcript: &'a mut Transcript,
    /// What the rest must sum to.
    pub claim: Ext,
    /// Challenges so far.
    pub point: Vec<Ext>,
    /// Messages of rounds with a factor taken out.
    pub factored: Vec<Vec<Ext>>,
    /// Messages of other rounds.
    pub plain: Vec<Vec<Ext>>,
}

impl<'a> Rounds<'a> {
    pub fn new(transcript: &'a mut Transcript, claim: Ext) -> Self {
        Self { transcript, claim, point: Vec::new(), factored: Vec::new(), plain: Vec::new() }
    }

    /// A round whose polynomial is eq(a, t)·q(t). `q` holds q at 0 and at infinity (its leading
    /// coefficient), then for degree 3 at -1, for degree 5 at -1, 2 and -2.
    pub fn send_factored(&mut self, a: Ext, q: &[Ext]) -> Result<Ext, KeccakError> {
        // (1 - a) q(0) + a q(1) is the claim
        let inverse = a.try_inverse().ok_or(KeccakError::DegenerateChallenge)?;
        let at_one = (self.claim - (Ext::ONE - a) * q[0]) * inverse;
        let coefficients = match *q {
            [zero, top] => vec![zero, at_one - zero - top, top],
            [zero, top, minus_one] => {
                let half = small(2).inverse();
                let even = (at_one + minus_one) * half - zero;
                let odd = (at_one - minus_one) * half - top;
                vec![zero, odd, even, top]
            }
            [zero, top, minus_one, two, minus_two] => {
                let [half, third, quarter] = [2, 3, 4].map(|v| small(v).inverse());
                // c2 + c4 and c2 + 4·c4
                let even_one = (at_one + minus_one) * half - zero;
                let even_two = ((two + minus_two) * half - zero) * quarter;
                let c4 = (even_two - even_one) * third;
                // c1 + c3 and c1 + 4·c3
                let odd_one = (at_one - minus_one) * half - top;
                let odd_two = (two - minus_two) * quarter - small(16) * top;
                let c3 = (odd_two - odd_one) * third;
                vec![zero, odd_one - c3, even_one - c4, c3, c4, top]
            }
            _ => unreachable!("rounds have degree 2, 3 or 5"),
        };
        let message = suffix_sums(&coefficients[1..]);
        let r = self.draw(&coefficients, &message);
        self.factored.push(message);
        Ok(r)
    }

    /// A round given by its values at 0, 2, 3, …, d; the value at 1 follows from the claim.
    pub fn send_plain(&mut self, values: &[Ext]) -> Ext {
        let mut all = vec![values[0], self.claim - values[0]];
        all.extend(&values[1..]);
        let coefficients = interpolate(&all);
        let mut message = vec![coefficients[0]];
        message.extend(suffix_sums(&coefficients[2..]));
        let r = self.draw(&coefficients, &message);
        self.plain.push(message);
        r
    }

    fn draw(&mut self, coefficients: &[Ext], message: &[Ext]) -> Ext {
        self.transcript.absorb(message);
        let r = self.transcript.challenge();
        self.claim = horner(coefficients, r);
        self.point.push(r);
        r
    }

    /// All rounds over small tables with a summand of the given degree in them.
    pub fn finish_plain(&mut self, tables: &mut [Vec<Ext>], degree: usize, summand: impl Fn(&[Ext]) -> Ext) {
        let mut current = vec![Ext::ZERO; tables.len()];
        while tables[0].len() > 1 {
            let half = tables[0].len() / 2;
            let mut values = vec![Ext::ZERO; degree];
            for k in 0..half {
                for (value, table) in current.iter_mut().zip(tables.iter()) {
                    *value = table[k];
                }
                values[0] += summand(&current);
                for t in 1..=degree {
                    for (value, table) in current.iter_mut().zip(tables.iter()) {
                        *value += table[k + half] - table[k];
                    }
                    if t > 1 {
                        values[t - 1] += summand(&current);
                    }
                }
            }
            let fold = Fold::new(self.send_plain(&values));
            for table in tables.iter_mut() {
                let (low, high) = table.split_at_mut(half);
                fold.apply_all(low, high);
                table.truncate(half);
            }
        }
    }
}

/// `Σ_{j≥k} c_j` for each k: the coefficients of a polynomial in the basis 1, t, t(t-1), t²(t-1), …, in
/// which the verifier reads off its value at 1 and evaluates it with the fewest operations.
fn suffix_sums(coefficients: &[Ext]) -> Vec<Ext> {
    let mut sums = coefficients.to_vec();
    for k in (0..sums.len().saturating_sub(1)).rev() {
        let next = sums[k + 1];
        sums[k] += next;
    }
    sums
}

/// Coefficients of the polynomial with these values at 0, 1, 2, … (Newton's form, expanded).
fn interpolate(values: &[Ext]) -> Vec<Ext> {
    let count = values.len();
    let mut differences = values.to_vec();
    for k in 1..count {
        let inverse = small(k as u64).inverse();
        for j in (k..count).rev() {
            differences[j] = (differences[j] - differences[j - 1]) * inverse;
        }
    }
    let mut coefficients = vec![Ext::ZERO; count];
    for k in (0..count).rev() {
        for j in (1..count).rev() {
            coefficients[j] = coefficients[j - 1] - coefficients[j] * small(k as u64);
        }
        coefficients[0] = differences[k] - coefficients[0] * small(k as u64);
    }
    coefficients
}

/// Instances in the first half of the table are paired with those in the second; each takes `stride`
/// elements, worked on in units of `unit`.
#[derive(Clone, Copy)]
pub struct Layout {
    pub stride: usize,
    pub unit: usize,
}

/// One pass over a table of instances: first binds the previous variable (if `bind` is given, the table
/// shrinks to half), then sums `eq[i]·kernel(instance i, instance i + half)`.
pub fn pass<const K: usize>(
    table: &mut Vec<Ext>,
    layout: Layout,
    bind: Option<Fold>,
    eq: &[Ext],
    kernel: impl Fn(&mut [Dot; K], &[Ext], &[Ext]) + Sync,
) -> [Ext; K] {
    let Layout { stride, unit } = layout;
    let part = eq.len() * stride;
    let weigh = |dots: [Dot; K], weight: Ext| dots.map(|dot| dot.finish() * weight);
    let sum = match bind {
        Some(fold) => {
            let (front, back) = table.split_at_mut(2 * part);
            let (low, high) = front.split_at_mut(part);
            let (low_next, high_next) = back.split_at(part);
            (low.par_chunks_mut(stride), high.par_chunks_mut(stride))
                .into_par_iter()
                .zip((low_next.par_chunks(stride), high_next.par_chunks(stride), eq.par_iter()))
                .map(|((low, high), (low_next, high_next, &weight))| {
                    let mut dots = [Dot::default(); K];
                    for k in (0..stride).step_by(unit) {
                        let range = k..k + unit;
                        fold.apply_all(&mut low[range.clone()], &low_next[range.clone()]);
                        fold.apply_all(&mut high[range.clone()], &high_next[range.clone()]);
                        kernel(&mut dots, &low[range.clone()], &high[range]);
                    }
                    weigh(dots, weight)
                })
                .reduce(|| [Ext::ZERO; K], add)
        }
        None => {
            let (low, high) = table.split_at(part);
            (low.par_chunks(stride), high.par_chunks(stride), eq.par_iter())
                .into_par_iter()
                .map(|(low, high, &weight)| {
                    let mut dots = [Dot::default(); K];
                    for (low, high) in low.chunks_exact(unit).zip(high.chunks_exact(unit)) {
                        kernel(&mut dots, low, high);
                    }
                    weigh(dots, weight)
                })
                .reduce(|| [Ext::ZERO; K], add)
        }
    };
    table.truncate(2 * part);
    sum
}

/// Elementwise sum.
pub fn add<const K: usize>(mut a: [Ext; K], b: [Ext; K]) -> [Ext; K] {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

/// Values of folded ±1 numbers: entry `bits` is the number that instances with those bits (bit m =
/// instance m, the top bit of m bound first) fold to at `challenges`.
pub fn folded_signs(challenges: &[Ext]) -> Vec<Ext> {
    let instances = 1 << challenges.len();
    (0..1usize << instances)
        .map(|bits| {
            let mut values: Vec<Ext> = (0..instances).map(|m| signed(1 - 2 * (bits as i64 >> m & 1))).collect();
            for &r in challenges {
                let half = values.len() / 2;
                for k in 0..half {
                    values[k] = values[k] + r * (values[k + half] - values[k]);
                }
                values.truncate(half);
            }
            values[0]
        })
        .collect()
}

/// Spreads eight bits over eight bytes: byte k of the result is bit k of `bits`.
pub fn spread(bits: u8) -> u64 {
    // copy the byte everywhere, keep bit k in byte k, and turn any non-zero byte into 1
    let kept = (u64::from(bits) * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
    ((kept + 0x7f7f_7f7f_7f7f_7f7f) >> 7) & 0x0101_0101_0101_0101
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreading_puts_each_bit_in_its_byte() {
        for bits in 0..=255u8 {
            let expected: [u8; 8] = std::array::from_fn(|k| bits >> k & 1);
            assert_eq!(spread(bits).to_le_bytes(), expected);
        }
    }

    #[test]
    fn interpolation_recovers_coefficients() {
        let coefficients: Vec<Ext> = (0..7).map(|k| small(k * k + 3)).collect();
        let values: Vec<Ext> = (0..7).map(|t| horner(&coefficients, small(t))).collect();
        assert_eq!(interpolate(&values), coefficients);
    }
}
