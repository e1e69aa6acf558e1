//! Recursion under one key (`docs/circuits/recursion.md`).
//!
//! Every base circuit exposes nine public inputs, `kind, set_root[4], words_digest[4]`. Its proof
//! is shrunk into the one common shape of [`shape`], and whatever verifies it afterwards takes the
//! verifier key as a witness and checks it against the [`CircuitSet`].

pub mod chain;
pub mod set;
pub mod shape;
pub mod shrink;
pub mod slot;

#[cfg(test)]
mod tampers;
#[cfg(test)]
pub(crate) mod trivial;

pub use set::{CircuitSet, SET_CAPACITY, SET_DEPTH, SetEntry};
pub use shrink::Shrink;
pub use slot::{ShrunkProof, SlotTarget, verify_slot};

use gavel_types::statement::Kind;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::iop::target::Target;

use crate::error::CircuitError;
use crate::statement::WordsTarget;
use crate::{Builder, F};

/// Public inputs of a base circuit and of a shrunk proof.
pub const PUBLIC_INPUTS: usize = 9;

/// The nine public inputs, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicInputs {
    pub kind: F,
    pub set_root: HashOut<F>,
    pub words_digest: HashOut<F>,
}

impl TryFrom<&[F]> for PublicInputs {
    type Error = CircuitError;

    fn try_from(inputs: &[F]) -> Result<Self, CircuitError> {
        let inputs: &[F; PUBLIC_INPUTS] =
            inputs.try_into().map_err(|_| CircuitError::PublicInputs { expected: PUBLIC_INPUTS, got: inputs.len() })?;
        Ok(PublicInputs {
            kind: inputs[0],
            set_root: HashOut { elements: std::array::from_fn(|i| inputs[1 + i]) },
            words_digest: HashOut { elements: std::array::from_fn(|i| inputs[5 + i]) },
        })
    }
}

/// Registers the public inputs of a base circuit: its kind as a constant, the set root that word 1
/// holds, and the digest of the words. 17 rows. The caller has checked that limbs are u32; word 0
/// and word 1 are filled in here.
pub fn register_statement(b: &mut Builder, kind: Kind, set_root: HashOutTarget, words: &mut WordsTarget) {
    words[0] = crate::statement::header_word(b, kind);
    words[1] = crate::statement::WordTarget::from_hash(b, set_root);
    let digest = words.digest(b);
    let kind = kind_target(b, kind);
    b.register_public_input(kind);
    b.register_public_inputs(&set_root.elements);
    b.register_public_inputs(&digest.elements);
}

/// A kind as a constant.
pub fn kind_target(b: &mut Builder, kind: Kind) -> Target {
    b.constant(kind_element(kind))
}

/// A kind as the first public input.
pub fn kind_element(kind: Kind) -> F {
    F::from_canonical_u8(kind as u8)
}
