//! What a cheating prover's chance is bounded by, besides the low-degree test (`docs/circuits/keccak.md` §7).

use super::RATE_BYTES;
use super::permutation::ROUNDS;
use super::proof::{APPLY_CLAIMS, BYTE_VALUES, LOG_SLOTS};
use super::shape::{COLUMNS, LOG_LANE, LOG_LANE_BYTES, STATE_LANES};
use crate::D;

/// Polynomials that FRI combines: every column and both coordinates of Y, at X and at 1/X.
pub const COMBINED_POLYNOMIALS: usize = 2 * (COLUMNS + D);
/// Blocks of the list that a consumer may read, whatever it claims; every extract shape stays below.
pub const CONSUMER_BLOCKS: u64 = 1 << 13;

/// One term: the chance is at most `numerator / |E|`, times the number of codewords near a commitment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// What may go wrong.
    pub name: &'static str,
    /// Sum of degrees.
    pub numerator: u64,
}

impl Term {
    /// `log2(|E| / numerator)`, |E| being 2^128 to within a billionth of a bit.
    pub fn bits(&self) -> f64 {
        128.0 - (self.numerator as f64).log2()
    }
}

/// The terms for 2^`log_permutations` permutations.
pub fn terms(log_permutations: usize) -> [Term; 6] {
    let n = log_permutations as u64;
    let [z, lanes, columns] = [LOG_LANE, STATE_LANES, COLUMNS].map(|v| v as u64);
    let log_rows = log_permutations + LOG_LANE_BYTES;
    let rows = 1u64 << log_rows;
    let levels = (log_rows + LOG_SLOTS) as u64;
    // degree in α and β of the consumer's fold, or of the table's if that is larger
    let blocks = CONSUMER_BLOCKS.max(1 << n) + 1;
    let batches = 2 * (lanes - 1) + APPLY_CLAIMS as u64 - 1;
    // factored rounds have one degree more than what is sent, for eq
    let round = n * (4 + 4 + 6) + z * (4 + 3 + 6) + batches;
    [
        Term { name: "bus", numerator: blocks * RATE_BYTES as u64 + 3 },
        Term { name: "rounds", numerator: ROUNDS as u64 * round },
        Term { name: "sponge", numerator: 4 * (n + z) + 2 * (lanes - 1) + 2 + n + z },
        Term { name: "lookup", numerator: columns * rows + BYTE_VALUES as u64 + columns + n + z },
        Term { name: "tree", numerator: (0..levels).map(|k| 3 * k + 2).sum() },
        Term { name: "opening", numerator: 2 * rows },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::ExtractShape;

    #[test]
    fn every_term_of_every_batch_is_small() {
        for log_permutations in ExtractShape::LOG_PERMUTATIONS {
            for term in terms(log_permutations) {
                println!(
                    "2^{log_permutations} permutations, {}: {}, {:.1} bits",
                    term.name,
                    term.numerator,
                    term.bits()
                );
                assert!(term.bits() > 107.0, "2^{log_permutations}, {}: {} bits", term.name, term.bits());
            }
        }
    }
}
