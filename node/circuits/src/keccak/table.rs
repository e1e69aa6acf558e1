//! The committed table: messages packed into rows, and the states that they pass through.

use super::permutation::{ROUNDS, State, round};
use super::shape::{COLUMNS, ENDED, KeccakShape, RATE_LANES, START};
use super::{DIGEST_BYTES, KeccakError, RATE_BYTES, blocks};
use rayon::prelude::*;

/// One word a row and committed lane (`docs/circuits/keccak.md` §2), and the states of every permutation.
#[derive(Clone, Debug)]
pub struct Table {
    /// Row-major lanes: block, previous output, start, ended.
    pub rows: Vec<[u64; COLUMNS]>,
    /// `states[r][i]`: state of permutation i before round r; `states[24]` are the outputs.
    pub states: Vec<Vec<State>>,
}

/// Rate lanes of each block of the padded message.
fn padded_blocks(message: &[u8]) -> Vec<[u64; RATE_LANES]> {
    let mut padded = vec![0; blocks(message.len()) * RATE_BYTES];
    padded[..message.len()].copy_from_slice(message);
    padded[message.len()] ^= 0x01;
    if let Some(last) = padded.last_mut() {
        *last ^= 0x80;
    }
    padded
        .chunks_exact(RATE_BYTES)
        .map(|block| {
            std::array::from_fn(|lane| {
                block[8 * lane..8 * lane + 8].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
            })
        })
        .collect()
}

impl Table {
    /// Packs the messages so that the last one ends at row N - 2, and runs the permutations.
    ///
    /// # Errors
    /// [`KeccakError::NoMessages`], [`KeccakError::TooManyBlocks`].
    pub fn new(shape: &KeccakShape, messages: &[impl AsRef<[u8]>]) -> Result<Self, KeccakError> {
        let needed: usize = messages.iter().map(|message| blocks(message.as_ref().len())).sum();
        let capacity = shape.capacity();
        if needed == 0 {
            return Err(KeccakError::NoMessages);
        }
        if needed > capacity {
            return Err(KeccakError::TooManyBlocks { needed, capacity });
        }
        let mut rows = vec![[0; COLUMNS]; shape.permutations()];
        let mut next = capacity - needed;
        for message in messages {
            rows[next][START] = u64::MAX;
            for block in padded_blocks(message.as_ref()) {
                rows[next][..RATE_LANES].copy_from_slice(&block);
                next += 1;
            }
            rows[next][ENDED] = u64::MAX;
        }
        Ok(Self::run(rows, |_, row| input_state(row)))
    }

    /// Runs the permutations from the state that `input` derives from each row (by its index, and once
    /// its previous output is filled in). The first start found breaks the circle in which row 0 follows
    /// row N - 1.
    pub(super) fn run(mut rows: Vec<[u64; COLUMNS]>, input: impl Fn(usize, &[u64; COLUMNS]) -> State) -> Self {
        let count = rows.len();
        let first = rows.iter().position(|row| row[START] != 0).unwrap_or(0);
        let mut states = vec![vec![[0; 25]; count]; ROUNDS + 1];
        let mut output: State = [0; 25];
        for i in (first..first + count).map(|i| i % count) {
            rows[i][RATE_LANES..START].copy_from_slice(&output);
            let mut state = input(i, &rows[i]);
            for (r, states) in states.iter_mut().enumerate() {
                states[i] = state;
                if r < ROUNDS {
                    state = round(&state, r);
                }
            }
            output = state;
        }
        // the row of the first start, visited first, follows the row visited last
        rows[first][RATE_LANES..START].copy_from_slice(&output);
        Self { rows, states }
    }

    /// Digests of the messages, in order.
    pub fn digests(&self) -> Vec<[u8; DIGEST_BYTES]> {
        let ended = self.rows.iter().filter(|row| row[ENDED] != 0);
        ended
            .map(|row| {
                let mut digest = [0; DIGEST_BYTES];
                for (bytes, word) in digest.chunks_exact_mut(8).zip(&row[RATE_LANES..]) {
                    bytes.copy_from_slice(&word.to_le_bytes());
                }
                digest
            })
            .collect()
    }

    /// The bytes of a lane, row after row: the coefficients of its polynomial.
    pub fn lane_bytes(&self, lane: usize) -> impl Iterator<Item = u8> + '_ {
        self.rows.iter().flat_map(move |row| row[lane].to_le_bytes())
    }

    /// States before theta, mapped in parallel.
    pub fn map_states(&self, round: usize, f: impl Fn(&State) -> State + Sync + Send) -> Vec<State> {
        self.states[round].par_iter().map(f).collect()
    }
}

/// The state that a row's permutation starts from: block XOR previous output, which a start clears.
pub(super) fn input_state(row: &[u64; COLUMNS]) -> State {
    std::array::from_fn(|lane| {
        let block = if lane < RATE_LANES { row[lane] } else { 0 };
        block ^ (row[RATE_LANES + lane] & !row[START])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Profile;
    use alloy_primitives::keccak256;
    use gavel_types::statement::Kind;

    #[test]
    fn digests_agree_with_a_reference() -> Result<(), KeccakError> {
        let shape = KeccakShape::new(6, Profile::Test, Kind::Extract)?;
        let lengths = [0, 1, 7, 8, 134, 135, 136, 137, 271, 272, 273, 407, 408, 532, 1087];
        let messages: Vec<Vec<u8>> = lengths.iter().map(|&n| (0..n).map(|k| (k * 7 + n) as u8).collect()).collect();
        let digests = Table::new(&shape, &messages)?.digests();
        assert_eq!(digests.len(), messages.len());
        for (message, digest) in messages.iter().zip(digests) {
            assert_eq!(keccak256(message), digest, "length {}", message.len());
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() -> Result<(), KeccakError> {
        let shape = KeccakShape::new(4, Profile::Test, Kind::Extract)?;
        assert!(Table::new(&shape, &[[1u8; 10]; 15]).is_ok());
        let refused = Table::new(&shape, &[[1u8; 10]; 16]);
        assert!(matches!(refused, Err(KeccakError::TooManyBlocks { needed: 16, capacity: 15 })));
        assert!(matches!(Table::new(&shape, &[[0u8; 0]; 0]), Err(KeccakError::NoMessages)));
        assert!(KeccakShape::new(3, Profile::Test, Kind::Extract).is_err());
        Ok(())
    }
}
