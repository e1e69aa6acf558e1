//! Proofs of false statements, for tests (`docs/circuits/recursion.md`, "Tampers").
//!
//! An attacker need not run our generators. [`forced_witness`] runs them but lets what is already
//! set win: a tampered input keeps its value, everything that follows from it is recomputed, and
//! the only constraints left unsatisfied are those that stand against the tamper. The verifier has
//! to reject the proof; built without the constraint under test, it accepts.

use plonky2::iop::generator::GeneratedValues;
use plonky2::iop::witness::{PartialWitness, PartitionWitness};

use crate::circuit::{self, Circuit, Proof};
use crate::error::CircuitError;
use crate::{Builder, F};

/// Generates a witness in which the values of `inputs` stand even where a generator or a copy
/// constraint says otherwise.
///
/// # Errors
/// [`CircuitError::Witness`] when inputs are missing.
pub fn forced_witness(circuit: &Circuit, inputs: PartialWitness<F>) -> Result<PartitionWitness<'_, F>, CircuitError> {
    let prover = &circuit.prover_only;
    let common = &circuit.common;
    let mut witness = PartitionWitness::new(common.config.num_wires, common.degree(), &prover.representative_map);
    let mut fresh = Vec::new();
    for (target, value) in inputs.target_values {
        circuit::overwrite(&mut witness, target, value);
    }
    let mut finished = vec![false; prover.generators.len()];
    let mut pending: Vec<usize> = (0..prover.generators.len()).collect();
    let mut buffer = GeneratedValues::empty();
    while !pending.is_empty() {
        for index in pending.drain(..) {
            if finished[index] {
                continue;
            }
            finished[index] = prover.generators[index].0.run(&witness, &mut buffer);
            for (target, value) in buffer.target_values.drain(..) {
                // A second, different value is what a tamper causes: the first one stays.
                if let Ok(Some(representative)) = witness.set_target_returning_rep(target, value) {
                    fresh.push(representative);
                }
            }
        }
        for representative in fresh.drain(..) {
            if let Some(watchers) = prover.generator_indices_by_watches.get(&representative) {
                pending.extend(watchers.iter().filter(|index| !finished[**index]));
            }
        }
    }
    match finished.iter().filter(|done| !**done).count() {
        0 => Ok(witness),
        missing => Err(CircuitError::Witness(format!("{missing} generators lack inputs"))),
    }
}

/// Proves from a [`forced_witness`].
///
/// # Errors
/// As [`forced_witness`] and [`circuit::prove_witness`].
pub fn prove_forced(circuit: &Circuit, inputs: PartialWitness<F>) -> Result<Proof, CircuitError> {
    circuit::prove_witness(circuit, forced_witness(circuit, inputs)?)
}

/// Builds `circuit`, proves `inputs` by force and verifies.
///
/// # Errors
/// [`CircuitError::Verify`] when the verifier rejects, as it must for a tamper.
pub fn check_forced(builder: Builder, inputs: PartialWitness<F>) -> Result<(), CircuitError> {
    let built = circuit::build(builder);
    let proof = prove_forced(&built, inputs)?;
    circuit::verify(&built.verifier_only, &built.common, &proof)
}
