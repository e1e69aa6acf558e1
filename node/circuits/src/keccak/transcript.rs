//! The Fiat-Shamir transcript (`docs/circuits/keccak.md` §6).

use super::extension::Ext;
use super::shape::KeccakShape;
use super::stream::Challenges;
use crate::{D, F};
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::challenger::Challenger;

/// Merkle cap of a commitment.
pub type Cap = MerkleCap<F, PoseidonHash>;

/// A transcript past step 2: everything is committed, and the bus challenges are drawn.
#[derive(Clone)]
pub struct Transcript {
    /// Also drives plonky2's low-degree test.
    pub challenger: Challenger<F, PoseidonHash>,
}

impl Transcript {
    /// Absorbs the shape, the cap of the table and the consumer's commitment, and draws the bus challenges.
    pub fn start(shape: &KeccakShape, cap: &Cap, consumer_commitment: HashOut<F>) -> (Self, Challenges) {
        let mut challenger = Challenger::new();
        challenger.observe_elements(&shape.header());
        challenger.observe_cap::<PoseidonHash>(cap);
        challenger.observe_hash::<PoseidonHash>(consumer_commitment);
        let mut transcript = Self { challenger };
        let challenges = Challenges { alpha: transcript.challenge(), beta: transcript.challenge() };
        (transcript, challenges)
    }

    /// A transcript that absorbed no commitment at all, to show what that would allow.
    #[cfg(test)]
    pub fn unbound() -> (Self, Challenges) {
        let mut transcript = Self { challenger: Challenger::new() };
        let challenges = Challenges { alpha: transcript.challenge(), beta: transcript.challenge() };
        (transcript, challenges)
    }

    /// Absorbs extension elements.
    pub fn absorb(&mut self, values: &[Ext]) {
        self.challenger.observe_extension_elements::<D>(values);
    }

    /// Absorbs the cap of a further commitment.
    pub fn absorb_cap(&mut self, cap: &Cap) {
        self.challenger.observe_cap::<PoseidonHash>(cap);
    }

    /// Draws one challenge.
    pub fn challenge(&mut self) -> Ext {
        self.challenger.get_extension_challenge::<D>()
    }

    /// Draws several.
    pub fn challenges(&mut self, count: usize) -> Vec<Ext> {
        (0..count).map(|_| self.challenge()).collect()
    }
}
