//! Plonky2 under concrete types: build, prove and verify, compiled once in this crate.
//!
//! Every function here is free of type parameters, so a crate that calls it links against the code
//! of this one instead of compiling plonky2's generic prover again. Use these in place of the
//! methods of [`CircuitData`].

use plonky2::field::types::Field;
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, PartitionWitness, WitnessWrite};
use plonky2::plonk::circuit_data::{
    CircuitData, CommonCircuitData, VerifierCircuitData, VerifierCircuitTarget, VerifierOnlyCircuitData,
};
use plonky2::plonk::config::Hasher;
use plonky2::plonk::proof::{ProofWithPublicInputs, ProofWithPublicInputsTarget};
use plonky2::plonk::prover::prove_with_partition_witness;
use plonky2::util::timing::TimingTree;

use crate::error::CircuitError;
use crate::{Builder, C, D, F};

/// A built circuit with everything that proving needs.
pub type Circuit = CircuitData<F, C, D>;
/// What a verifier must know of a circuit besides its [`VerifierKey`]: gates, degree, FRI shape.
pub type Common = CommonCircuitData<F, D>;
/// Commitment to a circuit's constants and wiring, with its digest.
pub type VerifierKey = VerifierOnlyCircuitData<C, D>;
/// A proof with its public inputs.
pub type Proof = ProofWithPublicInputs<F, C, D>;
/// A proof as a witness of another circuit.
pub type ProofTarget = ProofWithPublicInputsTarget<D>;

/// Finishes a circuit: preprocesses constants and wiring.
pub fn build(builder: Builder) -> Circuit {
    builder.build::<C>()
}

/// Everything of [`build`] but the commitment: cheap, for shapes and row counts only.
pub fn shape_of(builder: Builder) -> Common {
    builder.mock_build::<C>().common
}

/// Runs the generators and proves.
///
/// # Errors
/// [`CircuitError::Witness`] when a generator contradicts an input (the usual sign of inputs that
/// do not satisfy the circuit) and when an input is missing.
pub fn prove(circuit: &Circuit, inputs: PartialWitness<F>) -> Result<Proof, CircuitError> {
    prove_witness(circuit, witness(circuit, inputs)?)
}

/// Runs the generators over `inputs`.
///
/// # Errors
/// [`CircuitError::Witness`], as for [`prove`].
pub fn witness(circuit: &Circuit, inputs: PartialWitness<F>) -> Result<PartitionWitness<'_, F>, CircuitError> {
    generate_partial_witness::<F, C, D>(inputs, &circuit.prover_only, &circuit.common)
        .map_err(|error| CircuitError::Witness(error.to_string()))
}

/// Proves from a complete witness without looking whether it satisfies the circuit. A witness that
/// does not gives a proof that [`verify`] rejects: this is what tamper tests rest on.
///
/// # Errors
/// [`CircuitError::Prove`] when the prover cannot go on (a division by zero in the permutation
/// argument, an opening point inside the domain).
pub fn prove_witness(circuit: &Circuit, witness: PartitionWitness<'_, F>) -> Result<Proof, CircuitError> {
    prove_with_partition_witness::<F, C, D>(&circuit.prover_only, &circuit.common, witness, &mut TimingTree::default())
        .map_err(|error| CircuitError::Prove(error.to_string()))
}

/// Changes one value of a generated witness, together with everything wired to it.
pub fn overwrite(witness: &mut PartitionWitness<'_, F>, target: Target, value: F) {
    let index = witness.representative_map[target.index(witness.num_wires, witness.degree)];
    witness.values[index] = Some(value);
}

/// Verifies a proof.
///
/// # Errors
/// [`CircuitError::Verify`] with plonky2's reason.
pub fn verify(key: &VerifierKey, common: &Common, proof: &Proof) -> Result<(), CircuitError> {
    let data = VerifierCircuitData { verifier_only: key.clone(), common: common.clone() };
    data.verify(proof.clone()).map_err(|error| CircuitError::Verify(error.to_string()))
}

/// Canonical bytes of a proof.
pub fn proof_to_bytes(proof: &Proof) -> Vec<u8> {
    proof.to_bytes()
}

/// Reads [`proof_to_bytes`] back and accepts canonical bytes only: exact length, every field
/// element reduced.
///
/// # Errors
/// [`CircuitError::Encoding`].
pub fn proof_from_bytes(bytes: &[u8], common: &Common) -> Result<Proof, CircuitError> {
    let proof = Proof::from_bytes(bytes.to_vec(), common).map_err(|_| CircuitError::Encoding)?;
    if proof.to_bytes() == bytes { Ok(proof) } else { Err(CircuitError::Encoding) }
}

/// A new proof witness of shape `common`.
pub fn add_proof(b: &mut Builder, common: &Common) -> ProofTarget {
    b.add_virtual_proof_with_pis(common)
}

/// A new verifier-key witness for proofs of shape `common`.
pub fn add_key(b: &mut Builder, common: &Common) -> VerifierCircuitTarget {
    b.add_virtual_verifier_data(common.config.fri_config.cap_height)
}

/// A verifier key as a constant of the circuit.
pub fn constant_key(b: &mut Builder, key: &VerifierKey) -> VerifierCircuitTarget {
    b.constant_verifier_data::<C>(key)
}

/// Constrains `proof` to verify under `key`. The public inputs are those of `proof`.
pub fn verify_in_circuit(b: &mut Builder, proof: &ProofTarget, key: &VerifierCircuitTarget, common: &Common) {
    b.verify_proof::<C>(proof, key, common);
}

/// Sets a proof witness.
///
/// # Errors
/// [`CircuitError::Witness`] when a target was set before to another value.
pub fn set_proof(pw: &mut PartialWitness<F>, target: &ProofTarget, proof: &Proof) -> Result<(), CircuitError> {
    pw.set_proof_with_pis_target(target, proof).map_err(CircuitError::set)
}

/// Sets a verifier-key witness.
///
/// # Errors
/// As [`set_proof`].
pub fn set_key(
    pw: &mut PartialWitness<F>,
    target: &VerifierCircuitTarget,
    key: &VerifierKey,
) -> Result<(), CircuitError> {
    pw.set_verifier_data_target(target, key).map_err(CircuitError::set)
}

/// Sets one target.
///
/// # Errors
/// As [`set_proof`].
pub fn set(pw: &mut PartialWitness<F>, target: Target, value: F) -> Result<(), CircuitError> {
    pw.set_target(target, value).map_err(CircuitError::set)
}

/// Sets a boolean.
///
/// # Errors
/// As [`set_proof`].
pub fn set_bool(pw: &mut PartialWitness<F>, target: BoolTarget, value: bool) -> Result<(), CircuitError> {
    set(pw, target.target, F::from_bool(value))
}

/// Sets a digest.
///
/// # Errors
/// As [`set_proof`].
pub fn set_hash(pw: &mut PartialWitness<F>, target: HashOutTarget, value: HashOut<F>) -> Result<(), CircuitError> {
    target.elements.into_iter().zip(value.elements).try_for_each(|(t, v)| set(pw, t, v))
}

/// Poseidon sponge without padding: callers fix the length or put it in front.
pub fn hash(inputs: &[F]) -> HashOut<F> {
    PoseidonHash::hash_no_pad(inputs)
}

/// Poseidon compression of two digests, as in Merkle trees.
pub fn hash_pair(left: HashOut<F>, right: HashOut<F>) -> HashOut<F> {
    PoseidonHash::two_to_one(left, right)
}

/// [`hash`] in a circuit: one row for every eight inputs.
pub fn hash_in_circuit(b: &mut Builder, inputs: Vec<Target>) -> HashOutTarget {
    b.hash_n_to_hash_no_pad::<PoseidonHash>(inputs)
}
