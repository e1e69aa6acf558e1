//! Shrinking: a chain of circuits that each verify one proof of the circuit before.

use gavel_types::statement::Kind;
use plonky2::iop::witness::PartialWitness;

use super::{kind_target, shape};
use crate::Builder;
use crate::circuit::{self, Circuit, Common, Proof, ProofTarget, VerifierKey};
use crate::error::CircuitError;
use crate::preprocess::Finish;
use crate::security::Profile;

/// Steps at their natural size before the last one; more would mean that steps do not get smaller.
const MAX_INTERMEDIATE: usize = 2;

/// Circuits that verify each other's proofs under constant keys and pass the public inputs on
/// unchanged. The last one has the gates and the degree of the common shape.
pub struct Chain {
    steps: Vec<Step>,
}

struct Step {
    circuit: Circuit,
    inner: ProofTarget,
}

impl Chain {
    /// The chain for one circuit. With `kind`, every step checks that the first public input is
    /// that kind.
    ///
    /// # Errors
    /// [`CircuitError::TooManyRows`] when steps do not get smaller; whatever `finish` fails with.
    pub fn build(
        profile: Profile,
        name: &str,
        kind: Option<Kind>,
        (base, key): (&Common, &VerifierKey),
        finish: &dyn Finish,
    ) -> Result<Self, CircuitError> {
        let mut steps: Vec<Step> = Vec::new();
        loop {
            let (common, key) = match steps.last() {
                None => (base, key),
                Some(step) => (&step.circuit.common, &step.circuit.verifier_only),
            };
            let name = format!("{name}-shrink-{}", steps.len());
            let (b, inner) = step(profile, kind, common, key);
            if shape::fits(profile, &b) || steps.len() == MAX_INTERMEDIATE {
                let circuit = shape::build(profile, &name, b, finish)?;
                steps.push(Step { circuit, inner });
                return Ok(Chain { steps });
            }
            let circuit = finish.finish(&name, b)?;
            steps.push(Step { circuit, inner });
        }
    }

    /// Takes a proof of the base circuit through all steps.
    ///
    /// # Errors
    /// [`CircuitError::Witness`] when the proof is not valid.
    pub fn prove(&self, base: &Proof) -> Result<Proof, CircuitError> {
        let mut proof: Option<Proof> = None;
        for step in &self.steps {
            let mut pw = PartialWitness::new();
            circuit::set_proof(&mut pw, &step.inner, proof.as_ref().unwrap_or(base))?;
            proof = Some(circuit::prove(&step.circuit, pw)?);
        }
        proof.ok_or_else(|| CircuitError::Prove("a chain without steps".into()))
    }

    /// The last circuit.
    pub fn last(&self) -> &Circuit {
        &self.steps[self.steps.len() - 1].circuit
    }

    /// Rows (log2) of every step, first to last.
    pub fn degree_bits(&self) -> Vec<usize> {
        self.steps.iter().map(|step| step.circuit.common.degree_bits()).collect()
    }

    /// Puts another digest into the transcript of the last step, as an attacker may.
    #[cfg(test)]
    pub(crate) fn set_digest(&mut self, digest: plonky2::hash::hash_types::HashOut<crate::F>) {
        let last = self.steps.len() - 1;
        self.steps[last].circuit.prover_only.circuit_digest = digest;
    }
}

fn step(profile: Profile, kind: Option<Kind>, inner: &Common, key: &VerifierKey) -> (Builder, ProofTarget) {
    let mut b = Builder::new(profile.recursion_config());
    let proof = circuit::add_proof(&mut b, inner);
    let key = circuit::constant_key(&mut b, key);
    circuit::verify_in_circuit(&mut b, &proof, &key, inner);
    if let Some(kind) = kind {
        // The base circuit has this constant too; here it does not rest on the base being right.
        let kind = kind_target(&mut b, kind);
        b.connect(proof.public_inputs[0], kind);
    }
    b.register_public_inputs(&proof.public_inputs);
    (b, proof)
}
