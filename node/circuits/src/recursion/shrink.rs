//! From a base proof of any size to the common shape.

use gavel_types::statement::Kind;
use plonky2::iop::witness::PartialWitness;

use super::set::SetEntry;
use super::{PUBLIC_INPUTS, kind_target, shape};
use crate::Builder;
use crate::circuit::{self, Circuit, Common, Proof, ProofTarget, VerifierKey};
use crate::error::CircuitError;
use crate::security::Profile;

/// A chain of circuits, each verifying one proof of the circuit before under a constant key and
/// passing its nine public inputs on; the last one has the common shape.
pub struct Shrink {
    kind: Kind,
    steps: Vec<Step>,
}

struct Step {
    circuit: Circuit,
    inner: ProofTarget,
}

impl Shrink {
    /// The chain for one base circuit. A base that one circuit of the common shape cannot verify
    /// gets a step at its natural size in between.
    ///
    /// # Errors
    /// [`CircuitError::PublicInputs`] when the base does not have nine;
    /// [`CircuitError::TooManyRows`] when steps do not get smaller.
    pub fn build(profile: Profile, kind: Kind, base: &Common, key: &VerifierKey) -> Result<Self, CircuitError> {
        if base.num_public_inputs != PUBLIC_INPUTS {
            return Err(CircuitError::PublicInputs { expected: PUBLIC_INPUTS, got: base.num_public_inputs });
        }
        let mut steps: Vec<Step> = Vec::new();
        loop {
            let (inner_common, inner_key) = match steps.last() {
                None => (base, key),
                Some(step) => (&step.circuit.common, &step.circuit.verifier_only),
            };
            let (b, inner) = step(profile, kind, inner_common, inner_key);
            match shape::build(profile, &format!("shrink {kind:?}"), b) {
                Ok(circuit) => {
                    steps.push(Step { circuit, inner });
                    return Ok(Shrink { kind, steps });
                }
                Err(CircuitError::TooManyRows { .. }) if steps.len() < 2 => {
                    let (b, inner) = step(profile, kind, inner_common, inner_key);
                    steps.push(Step { circuit: circuit::build(b), inner });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Shrinks a base proof.
    ///
    /// # Errors
    /// [`CircuitError::Witness`] or [`CircuitError::Prove`] when the base proof is not valid.
    pub fn prove(&self, base: &Proof) -> Result<Proof, CircuitError> {
        let mut proof: Option<Proof> = None;
        for step in &self.steps {
            let mut pw = PartialWitness::new();
            circuit::set_proof(&mut pw, &step.inner, proof.as_ref().unwrap_or(base))?;
            proof = Some(circuit::prove(&step.circuit, pw)?);
        }
        proof.ok_or_else(|| CircuitError::Prove("no shrinking step".into()))
    }

    /// The entry of the last step in the circuit set.
    pub fn entry(&self) -> SetEntry {
        SetEntry { kind: self.kind, key: self.key().clone() }
    }

    /// Puts another digest into the transcript of the last step, as an attacker may.
    #[cfg(test)]
    pub(crate) fn set_digest(&mut self, digest: plonky2::hash::hash_types::HashOut<crate::F>) {
        let last = self.steps.len() - 1;
        self.steps[last].circuit.prover_only.circuit_digest = digest;
    }

    /// Verifier key of the last step.
    pub fn key(&self) -> &VerifierKey {
        &self.last().verifier_only
    }

    /// Rows (log2) of every step, first to last.
    pub fn degree_bits(&self) -> Vec<usize> {
        self.steps.iter().map(|step| step.circuit.common.degree_bits()).collect()
    }

    fn last(&self) -> &Circuit {
        &self.steps[self.steps.len() - 1].circuit
    }
}

fn step(profile: Profile, kind: Kind, inner: &Common, key: &VerifierKey) -> (Builder, ProofTarget) {
    let mut b = Builder::new(profile.recursion_config());
    let proof = circuit::add_proof(&mut b, inner);
    let key = circuit::constant_key(&mut b, key);
    circuit::verify_in_circuit(&mut b, &proof, &key, inner);
    // The base circuit has this constant too; here it does not depend on the base being right.
    let kind = kind_target(&mut b, kind);
    b.connect(proof.public_inputs[0], kind);
    b.register_public_inputs(&proof.public_inputs);
    (b, proof)
}
