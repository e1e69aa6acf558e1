//! The consumer's side of the bus, natively (`docs/circuits/keccak.md` §4).

use super::extension::{Ext, small};
use super::{RATE_BYTES, blocks};
use plonky2::field::types::Field;

/// Bus challenges, drawn after everything is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenges {
    /// Separates bytes.
    pub alpha: Ext,
    /// Separates blocks, flags and digests.
    pub beta: Ext,
}

/// What a verified argument says: the fold of its messages at the challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bus {
    /// The challenges.
    pub challenges: Challenges,
    /// Fold of the committed list.
    pub sum: Ext,
}

/// `Σ bytes[k] α^{len-1-k}`: the fingerprint of unpadded message bytes, or of the bytes of a digest.
pub fn fingerprint(alpha: Ext, bytes: &[u8]) -> Ext {
    bytes.iter().fold(Ext::ZERO, |sum, &byte| sum * alpha + small(u64::from(byte)))
}

/// Folds messages in order.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    challenges: Challenges,
    value: Ext,
}

impl Stream {
    /// The empty list.
    pub fn new(challenges: Challenges) -> Self {
        Self { challenges, value: Ext::ZERO }
    }

    /// Appends a message by its byte length, the [`fingerprint`] of its bytes and that of its digest.
    pub fn absorb(&mut self, length: usize, message: Ext, digest: Ext) {
        let Challenges { alpha, beta } = self.challenges;
        let blocks = blocks(length);
        let padding = RATE_BYTES * blocks - length;
        let padded = alpha.exp_u64(padding as u64 - 1) * (alpha * message + Ext::ONE) + small(128);
        let flag = fingerprint(alpha, &[255; 8]);
        self.value = alpha.exp_u64((RATE_BYTES * blocks) as u64) * (self.value + beta * flag)
            + alpha.exp_u64(RATE_BYTES as u64) * padded
            + beta * beta * (flag + beta * digest);
    }

    /// The fold so far.
    pub fn value(&self) -> Ext {
        self.value
    }
}
