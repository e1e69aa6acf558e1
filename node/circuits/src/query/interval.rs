//! Words that queries, merges and answers have in common.

use alloy_primitives::B256;
use gavel_types::statement::Status;
use plonky2::field::types::Field;

use crate::statement::WordTarget;
use crate::{Builder, F};

/// Word 12 of queries and merges: `first << 64 | last`.
pub fn interval_word(first: u64, last: u64) -> B256 {
    let mut word = B256::ZERO;
    word[16..24].copy_from_slice(&first.to_be_bytes());
    word[24..].copy_from_slice(&last.to_be_bytes());
    word
}

/// First and last block of [`interval_word`].
pub fn interval_of(word: &B256) -> (u64, u64) {
    let part = |start: usize| u64::from_be_bytes(std::array::from_fn(|k| word[start + k]));
    (part(16), part(24))
}

/// [`interval_word`] of two words, constrained below 2^64.
pub(super) fn interval_target(b: &mut Builder, first: &WordTarget, last: &WordTarget) -> WordTarget {
    let mut word = WordTarget::zero(b);
    (word.0[4], word.0[5]) = first.u64_limbs(b);
    (word.0[6], word.0[7]) = last.u64_limbs(b);
    word
}

/// Status Ok.
pub(super) fn ok_word(b: &mut Builder) -> WordTarget {
    let ok = b.constant(F::from_canonical_u8(Status::Ok as u8));
    WordTarget::from_u32(b, ok)
}
