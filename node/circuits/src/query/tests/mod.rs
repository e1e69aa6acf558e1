//! Circuits against the native meaning, and tampers (`docs/circuits/query.md`, "Tampers").

mod answer;
mod fixture;
mod merge;
mod recursion;
mod scan;
mod slots;

use gavel_types::statement::Statement;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::target::Target;
use plonky2::iop::witness::PartialWitness;

use crate::circuit::{self, Circuit};
use crate::recursion::PublicInputs;
use crate::statement::{WordsTarget, limbs, statement_digest};
use crate::{Builder, CircuitError, F, tamper};

/// The words of a child that nobody verified, bound by their digest as a slot binds them.
struct Child {
    words: WordsTarget,
    digest: HashOutTarget,
}

impl Child {
    fn new(b: &mut Builder) -> Self {
        let words = WordsTarget::new_virtual(b);
        let digest = b.add_virtual_hash();
        let computed = words.digest(b);
        b.connect_hashes(computed, digest);
        Child { words, digest }
    }

    fn set(&self, pw: &mut PartialWitness<F>, statement: &Statement) {
        // What a circuit connects is one value here, so that a child which contradicts another is
        // left with a digest that its words do not have.
        circuit::set_hash(pw, self.digest, statement_digest(statement)).unwrap();
        for (target, limb) in self.words.limbs().into_iter().zip(statement.words().iter().flat_map(limbs)) {
            force(pw, target, limb.into());
        }
    }
}

/// Sets a target whatever was set before.
fn force(pw: &mut PartialWitness<F>, target: Target, value: u64) {
    pw.target_values.insert(target, F::from_canonical_u64(value));
}

/// Proves by force, verifies, and returns what was proven.
fn forced(circuit: &Circuit, pw: PartialWitness<F>) -> Result<PublicInputs, CircuitError> {
    let proof = tamper::prove_forced(circuit, pw)?;
    circuit::verify(&circuit.verifier_only, &circuit.common, &proof)?;
    PublicInputs::try_from(proof.public_inputs.as_slice())
}

fn rejected(result: Result<PublicInputs, CircuitError>, what: &str) {
    assert!(matches!(result, Err(CircuitError::Verify(_))), "{what}: {result:?}");
}
