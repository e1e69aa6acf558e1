//! From a base proof of any size to the common shape.

use gavel_types::statement::Kind;

use super::PUBLIC_INPUTS;
use super::chain::Chain;
use super::set::SetEntry;
use crate::circuit::{Common, Proof, VerifierKey};
use crate::error::CircuitError;
use crate::preprocess::{Finish, FromScratch};
use crate::security::Profile;

/// The chain of one base circuit, ending in exactly the common shape.
pub struct Shrink {
    kind: Kind,
    pub(crate) chain: Chain,
}

impl Shrink {
    /// [`Shrink::build_with`] from scratch.
    ///
    /// # Errors
    /// As [`Shrink::build_with`].
    pub fn build(profile: Profile, kind: Kind, base: &Common, key: &VerifierKey) -> Result<Self, CircuitError> {
        Shrink::build_with(profile, kind, &format!("{kind:?}"), (base, key), &FromScratch)
    }

    /// The chain for one base circuit. A base that one circuit of the common shape cannot verify
    /// gets a step at its natural size in between.
    ///
    /// # Errors
    /// [`CircuitError::PublicInputs`] when the base does not have nine;
    /// [`CircuitError::TooManyRows`] when steps do not get smaller; what `finish` fails with.
    pub fn build_with(
        profile: Profile,
        kind: Kind,
        name: &str,
        base: (&Common, &VerifierKey),
        finish: &dyn Finish,
    ) -> Result<Self, CircuitError> {
        let got = base.0.num_public_inputs;
        if got != PUBLIC_INPUTS {
            return Err(CircuitError::PublicInputs { expected: PUBLIC_INPUTS, got });
        }
        Ok(Shrink { kind, chain: Chain::build(profile, name, Some(kind), base, finish)? })
    }

    /// Shrinks a base proof.
    ///
    /// # Errors
    /// [`CircuitError::Witness`] or [`CircuitError::Prove`] when the base proof is not valid.
    pub fn prove(&self, base: &Proof) -> Result<Proof, CircuitError> {
        self.chain.prove(base)
    }

    /// The entry of the last step in the circuit set.
    pub fn entry(&self) -> SetEntry {
        SetEntry { kind: self.kind, key: self.key().clone() }
    }

    /// Verifier key of the last step.
    pub fn key(&self) -> &VerifierKey {
        &self.chain.last().verifier_only
    }

    /// Rows (log2) of every step, first to last.
    pub fn degree_bits(&self) -> Vec<usize> {
        self.chain.degree_bits()
    }
}
