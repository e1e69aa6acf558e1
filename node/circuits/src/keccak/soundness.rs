//! What a cheating prover's chance is bounded by, besides the low-degree test (`docs/circuits/keccak.md` §7).

use super::RATE_BYTES;
use super::consumer::MAX_MESSAGE_BYTES;
use super::permutation::ROUNDS;
use super::proof::{APPLY_CLAIMS, BYTE_VALUES, LOG_SLOTS};
use super::shape::{COLUMNS, KeccakShape, LOG_LANE, STATE_LANES};

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

/// The terms for a consumer with at most `slots` messages.
pub fn terms(shape: &KeccakShape, slots: u64) -> [Term; 6] {
    let n = shape.log_permutations() as u64;
    let [z, lanes, columns] = [LOG_LANE, STATE_LANES, COLUMNS].map(|v| v as u64);
    let rows = 1u64 << shape.log_rows();
    let levels = (shape.log_rows() + LOG_SLOTS) as u64;
    // degree in α and β of the consumer's fold, or of the table's if that is larger
    let consumer_blocks = slots * (MAX_MESSAGE_BYTES as u64 / RATE_BYTES as u64 + 1);
    let blocks = consumer_blocks.max(shape.permutations() as u64) + 1;
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
    use crate::keccak::KeccakError;
    use crate::security::Profile;
    use gavel_types::statement::Kind;

    #[test]
    fn every_term_of_a_production_batch_is_small() -> Result<(), KeccakError> {
        let shape = KeccakShape::new(10, Profile::Production, Kind::Extract)?;
        for term in terms(&shape, 512) {
            assert!(term.bits() > 107.0, "{}: {} bits", term.name, term.bits());
        }
        Ok(())
    }
}
