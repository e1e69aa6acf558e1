//! The last layer over Goldilocks Poseidon: from a shrunk proof of any kind to eight public inputs.
//!
//! It verifies the proof under a key of the circuit set that word 1 of the statement names, opens
//! the words digest and exposes SHA-256 of the sixteen words as eight u32, most significant first.
//! Shrunk to the degree of the common shape, it is what the final layer verifies under a constant
//! key: new circuits change the set root in the statement, never that key.

use alloy_primitives::B256;
use gavel_types::statement::Kind;
use plonky2::field::types::Field;
use plonky2::iop::witness::PartialWitness;

use crate::circuit::{self, Circuit, Common, Proof, VerifierKey};
use crate::error::CircuitError;
use crate::preprocess::{Finish, FromScratch};
use crate::recursion::chain::Chain;
use crate::recursion::{CircuitSet, ShrunkProof, SlotTarget, shape, verify_slot};
use crate::security::Profile;
use crate::sha256::digest_of_fixed;
use crate::statement::limbs;
use crate::{Builder, F};

/// Public inputs of the statement layer: the limbs of the statement digest.
pub const PUBLIC_INPUTS: usize = 8;

/// The layer with the chain that shrinks it.
pub struct StatementLayer {
    circuit: Circuit,
    slot: SlotTarget,
    chain: Chain,
}

impl StatementLayer {
    /// Builds the layer from scratch.
    ///
    /// # Errors
    /// [`CircuitError::TooManyRows`], [`CircuitError::Shape`].
    pub fn build(profile: Profile) -> Result<Self, CircuitError> {
        StatementLayer::build_with(profile, &FromScratch)
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// [`CircuitError::TooManyRows`], [`CircuitError::Shape`], and what `finish` fails with.
    pub fn build_with(profile: Profile, finish: &dyn Finish) -> Result<Self, CircuitError> {
        let mut b = Builder::new(profile.recursion_config());
        // Free here: the slot binds it to word 1, and the contract compares that word.
        let set_root = b.add_virtual_hash();
        let slot = verify_slot(&mut b, shape::common(profile), &Kind::ALL, set_root);
        let digest = digest_of_fixed(&mut b, &slot.words().0);
        b.register_public_inputs(&digest.0);
        let circuit = finish.finish("statement", b)?;
        let base = (&circuit.common, &circuit.verifier_only);
        let chain = Chain::build(profile, "statement", None, base, finish)?;
        Ok(StatementLayer { circuit, slot, chain })
    }

    /// Proves the statement digest of a child of any kind.
    ///
    /// # Errors
    /// [`CircuitError::UnknownCircuit`], [`CircuitError::Witness`] when the child is not valid.
    pub fn prove(&self, child: &ShrunkProof, set: &CircuitSet) -> Result<Proof, CircuitError> {
        let mut pw = PartialWitness::new();
        self.slot.set_witness(&mut pw, child, set)?;
        self.chain.prove(&circuit::prove(&self.circuit, pw)?)
    }

    /// Verifies a proof against a statement digest.
    ///
    /// # Errors
    /// [`CircuitError::Statement`] for another digest, [`CircuitError::Verify`].
    pub fn verify(&self, proof: &Proof, statement_digest: &B256) -> Result<(), CircuitError> {
        if proof.public_inputs != limbs(statement_digest).map(F::from_canonical_u32) {
            return Err(CircuitError::Statement);
        }
        circuit::verify(self.key(), self.common(), proof)
    }

    /// Shape of the shrunk proof: a constant of the final layer.
    pub fn common(&self) -> &Common {
        &self.chain.last().common
    }

    /// Key of the shrunk proof: a constant of the final layer.
    pub fn key(&self) -> &VerifierKey {
        &self.chain.last().verifier_only
    }

    /// Rows (log2): the layer itself, then every shrinking step.
    pub fn degree_bits(&self) -> Vec<usize> {
        std::iter::once(self.circuit.common.degree_bits()).chain(self.chain.degree_bits()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recursion::trivial::Trivial;
    use crate::tamper;

    const PROFILE: Profile = Profile::Test;

    fn child() -> (CircuitSet, ShrunkProof) {
        let query = Trivial::build(PROFILE, Kind::Query, 0);
        let answer = Trivial::build(PROFILE, Kind::Answer, 0);
        let set = CircuitSet::new(vec![query.shrink.entry(), answer.shrink.entry()]).unwrap();
        let child = answer.prove(&set);
        (set, child)
    }

    #[test]
    fn the_statement_digest_comes_out() {
        let (set, child) = child();
        let layer = StatementLayer::build(PROFILE).unwrap();
        assert_eq!(layer.degree_bits().last(), Some(&shape::degree_bits(PROFILE)));
        assert_eq!(layer.common().num_public_inputs, PUBLIC_INPUTS);
        let proof = layer.prove(&child, &set).unwrap();
        layer.verify(&proof, &child.statement.digest()).unwrap();
        assert!(matches!(layer.verify(&proof, &B256::ZERO), Err(CircuitError::Statement)));
        for index in 0..PUBLIC_INPUTS {
            let mut proof = proof.clone();
            proof.public_inputs[index] += F::ONE;
            let outcome = circuit::verify(layer.key(), layer.common(), &proof);
            assert!(matches!(outcome, Err(CircuitError::Verify(_))), "limb {index}: {outcome:?}");
        }
    }

    /// A child of another set than the one that its words name.
    #[test]
    fn a_child_of_another_set_is_rejected() {
        let (set, child) = child();
        let other = CircuitSet::new(set.entries()[1..].to_vec()).unwrap();
        let moved = ShrunkProof { circuit: 0, ..child };
        let layer = StatementLayer::build(PROFILE).unwrap();
        let mut pw = PartialWitness::new();
        layer.slot.set_unchecked(&mut pw, &moved, &other).unwrap();
        let proof = tamper::prove_forced(&layer.circuit, pw).unwrap();
        let outcome = circuit::verify(&layer.circuit.verifier_only, &layer.circuit.common, &proof);
        assert!(matches!(outcome, Err(CircuitError::Verify(_))), "{outcome:?}");
    }

    /// Words 1 and 0 with the digest of a real proof: SHA-256 is over the words that it commits to.
    #[test]
    fn other_words_than_the_proof_s_are_rejected() {
        let (set, mut child) = child();
        child.statement.output.result_digest.0[31] ^= 1;
        let layer = StatementLayer::build(PROFILE).unwrap();
        let mut pw = PartialWitness::new();
        layer.slot.set_unchecked(&mut pw, &child, &set).unwrap();
        let proof = tamper::prove_forced(&layer.circuit, pw).unwrap();
        let outcome = circuit::verify(&layer.circuit.verifier_only, &layer.circuit.common, &proof);
        assert!(matches!(outcome, Err(CircuitError::Verify(_))));
    }
}
