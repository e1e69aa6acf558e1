//! The final plonky2 layer: one Goldilocks proof verified, proven with BN254 hashes.

use ark_bn254::Fr;
use gavel_circuits::security::Profile;
use gavel_circuits::{Builder, C, D, F};
use plonky2::field::extension::Extendable;
use plonky2::field::polynomial::PolynomialCoeffs;
use plonky2::field::types::Field;
use plonky2::fri::proof::{FriInitialTreeProof, FriProof, FriQueryRound, FriQueryStep};
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::merkle_proofs::MerkleProof;
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_data::{CircuitData, CommonCircuitData, VerifierOnlyCircuitData};
use plonky2::plonk::proof::{OpeningSet, Proof, ProofWithPublicInputs, ProofWithPublicInputsTarget};

use super::hash::{Digest, FinalConfig};
use super::{WrapError, stored};

/// Public inputs of the final layer: the statement digest as u32 words, most significant first.
pub const DIGEST_WORDS: usize = 8;

/// A proof of the final layer.
pub type FinalProof = ProofWithPublicInputs<F, FinalConfig, D>;

/// Prover and verifier data of the layer.
pub(super) type FinalData = CircuitData<F, FinalConfig, D>;

/// Circuit that verifies one proof of a fixed inner circuit and exposes its eight public inputs.
#[derive(Debug)]
pub struct FinalLayer {
    /// Prover and verifier data; the R1CS is a function of the verifier half.
    pub(super) data: FinalData,
    inner: ProofWithPublicInputsTarget<D>,
}

impl FinalLayer {
    /// Builds the circuit around the inner circuit, whose key becomes a constant.
    ///
    /// # Errors
    /// [`WrapError::InnerPublicInputs`] unless the inner circuit has eight public inputs.
    pub fn build(
        profile: Profile,
        inner_common: &CommonCircuitData<F, D>,
        inner_verifier: &VerifierOnlyCircuitData<C, D>,
    ) -> Result<Self, WrapError> {
        let (builder, inner) = circuit(profile, inner_common, inner_verifier)?;
        Ok(Self { data: builder.build::<FinalConfig>(), inner })
    }

    /// Builds the circuit with its costly part from [`FinalLayer::stored`].
    ///
    /// # Errors
    /// [`WrapError::Stored`] if that belongs to another circuit, and as [`FinalLayer::build`].
    pub fn restore(
        profile: Profile,
        inner_common: &CommonCircuitData<F, D>,
        inner_verifier: &VerifierOnlyCircuitData<C, D>,
        stored: &[u8],
    ) -> Result<Self, WrapError> {
        let (builder, inner) = circuit(profile, inner_common, inner_verifier)?;
        let mut data = builder.build_with_options::<FinalConfig>(false);
        stored::restore(&mut data, stored)?;
        Ok(Self { data, inner })
    }

    /// The costly part of the circuit, for [`FinalLayer::restore`].
    pub fn stored(&self) -> Vec<u8> {
        stored::to_bytes(&self.data)
    }

    /// Proves that `inner` verifies.
    ///
    /// # Errors
    /// [`WrapError::Plonky2`] if `inner` does not verify or is of another shape.
    pub fn prove(&self, inner: &ProofWithPublicInputs<F, C, D>) -> Result<FinalProof, WrapError> {
        let mut witness = PartialWitness::new();
        witness.set_proof_with_pis_target(&self.inner, inner).map_err(WrapError::plonky2)?;
        self.data.prove(witness).map_err(WrapError::plonky2)
    }

    /// A proof of the right shape with every value zero: what the constraints are made from when
    /// only their coefficients matter.
    pub fn blank_proof(&self) -> FinalProof {
        blank_proof(&self.data.common)
    }

    /// Checks a proof natively.
    ///
    /// # Errors
    /// [`WrapError::Plonky2`] if the proof does not verify.
    pub fn verify(&self, proof: &FinalProof) -> Result<(), WrapError> {
        self.data.verify(proof.clone()).map_err(WrapError::plonky2)
    }
}

/// See [`FinalLayer::blank_proof`].
pub(super) fn blank_proof(common: &CommonCircuitData<F, D>) -> FinalProof {
    let parameters = &common.fri_params;
    let zero = <F as Extendable<D>>::Extension::ZERO;
    let values = |count: usize| vec![zero; count];
    let nodes = |count: usize| vec![Digest(Fr::from(0u64)); count];
    let cap = || MerkleCap(nodes(1 << parameters.config.cap_height));
    let path = |leaf_bits: usize| MerkleProof { siblings: nodes(leaf_bits - parameters.config.cap_height) };
    let challenges = common.config.num_challenges;
    let tables = [
        common.num_constants + common.config.num_routed_wires,
        common.config.num_wires,
        challenges * (1 + common.num_partial_products),
        challenges * common.quotient_degree_factor,
    ];
    let query = || {
        let rows = tables.iter().map(|columns| (vec![F::ZERO; *columns], path(parameters.lde_bits())));
        let mut bits = parameters.lde_bits();
        let steps = parameters.reduction_arity_bits.iter().map(|arity| {
            bits -= arity;
            FriQueryStep { evals: values(1 << arity), merkle_proof: path(bits) }
        });
        FriQueryRound {
            initial_trees_proof: FriInitialTreeProof { evals_proofs: rows.collect() },
            steps: steps.collect(),
        }
    };
    let opening_proof = FriProof {
        commit_phase_merkle_caps: parameters.reduction_arity_bits.iter().map(|_| cap()).collect(),
        query_round_proofs: (0..parameters.config.num_query_rounds).map(|_| query()).collect(),
        final_poly: PolynomialCoeffs::new(values(parameters.final_poly_len())),
        pow_witness: F::ZERO,
    };
    let openings = OpeningSet {
        constants: values(common.num_constants),
        plonk_sigmas: values(common.config.num_routed_wires),
        wires: values(common.config.num_wires),
        plonk_zs: values(challenges),
        plonk_zs_next: values(challenges),
        partial_products: values(challenges * common.num_partial_products),
        quotient_polys: values(challenges * common.quotient_degree_factor),
        lookup_zs: Vec::new(),
        lookup_zs_next: Vec::new(),
    };
    let proof = Proof {
        wires_cap: cap(),
        plonk_zs_partial_products_cap: cap(),
        quotient_polys_cap: cap(),
        openings,
        opening_proof,
    };
    FinalProof { proof, public_inputs: vec![F::ZERO; DIGEST_WORDS] }
}

/// The circuit of the layer, and the proof that it verifies.
fn circuit(
    profile: Profile,
    inner_common: &CommonCircuitData<F, D>,
    inner_verifier: &VerifierOnlyCircuitData<C, D>,
) -> Result<(Builder, ProofWithPublicInputsTarget<D>), WrapError> {
    if inner_common.num_public_inputs != DIGEST_WORDS {
        return Err(WrapError::InnerPublicInputs { expected: DIGEST_WORDS, got: inner_common.num_public_inputs });
    }
    let mut builder = Builder::new(profile.final_layer_config());
    let inner = builder.add_virtual_proof_with_pis(inner_common);
    let verifier = builder.constant_verifier_data(inner_verifier);
    builder.verify_proof::<C>(&inner, &verifier, inner_common);
    builder.register_public_inputs(&inner.public_inputs);
    Ok((builder, inner))
}

/// Shape of the layer around any key of an inner shape: cheap, for row and constraint counts.
///
/// # Errors
/// As [`FinalLayer::build`].
pub fn shape(
    profile: Profile,
    inner_common: &CommonCircuitData<F, D>,
) -> Result<(CommonCircuitData<F, D>, usize), WrapError> {
    let cap = vec![HashOut::ZERO; inner_common.config.fri_config.num_cap_elements()];
    let key = VerifierOnlyCircuitData { constants_sigmas_cap: MerkleCap(cap), circuit_digest: HashOut::ZERO };
    let (builder, _) = circuit(profile, inner_common, &key)?;
    let rows = builder.num_gates();
    Ok((builder.mock_build::<FinalConfig>().common, rows))
}

#[cfg(test)]
/// A small inner circuit for tests: eight words in, eight words out.
#[cfg(test)]
pub(crate) mod sample {
    use super::*;

    /// The final layer around a circuit that registers any eight u32 words, and a proof of both.
    pub(crate) fn final_proof(profile: Profile, words: [u32; DIGEST_WORDS]) -> (FinalLayer, FinalProof) {
        let mut builder = Builder::new(profile.recursion_config());
        let inputs = builder.add_virtual_targets(DIGEST_WORDS);
        inputs.iter().for_each(|word| builder.range_check(*word, 32));
        builder.register_public_inputs(&inputs);
        let inner = builder.build::<C>();
        let mut witness = PartialWitness::new();
        for (target, word) in inputs.iter().zip(words) {
            witness.set_target(*target, F::from_canonical_u32(word)).unwrap();
        }
        let proof = inner.prove(witness).unwrap();
        let built = FinalLayer::build(profile, &inner.common, &inner.verifier_only).unwrap();
        let stored = built.stored();
        let layer = FinalLayer::restore(profile, &inner.common, &inner.verifier_only, &stored).unwrap();
        let cut = FinalLayer::restore(profile, &inner.common, &inner.verifier_only, &stored[..stored.len() - 8]);
        assert!(matches!(cut, Err(WrapError::Stored(_))));
        let proof = layer.prove(&proof).unwrap();
        built.verify(&proof).unwrap();
        (layer, proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::r1cs::system::System;
    use crate::wrap::r1cs::verifier::synthesize;
    use alloy_primitives::{B256, b256};
    use gavel_circuits::recursion::shape;
    use gavel_circuits::soundness::Counts;
    use plonky2::plonk::circuit_data::VerifierOnlyCircuitData;

    /// Hash of the production matrices around a key of zeros.
    const MATRICES: B256 = b256!("be2709d69cffaeec2f9ccb5b5e77caf1bbc0e37ef4088308f134e6a5ef950dee");

    /// The production wrap stays within 2^13 rows and 2^21 constraints: past either, its cost doubles.
    #[test]
    fn the_production_shape_fits() {
        let profile = Profile::Production;
        let mut inner = shape::common(profile).clone();
        inner.num_public_inputs = DIGEST_WORDS;
        let (common, rows) = super::shape(profile, &inner).unwrap();
        assert_eq!(common.degree_bits(), 13, "{rows} rows");
        let (counts, bound) = (Counts::of(&common), Counts::bound(common.config.num_challenges));
        assert!(bound.cover(&counts), "{counts:?} above {bound:?}: docs/circuits/security.md no longer holds");
        let key = VerifierOnlyCircuitData {
            constants_sigmas_cap: MerkleCap(vec![Digest(Fr::from(0u64)); common.config.fri_config.num_cap_elements()]),
            circuit_digest: Digest(Fr::from(0u64)),
        };
        let mut system = System::new(true);
        synthesize(&mut system, &common, &key, &blank_proof(&common)).unwrap();
        let (constraints, entries) = (system.constraints(), system.entries());
        println!("{rows} rows, {constraints} constraints, {} variables, {entries} entries", system.variables());
        system.sections().iter().for_each(|(name, count)| println!("{count:>9} {name}"));
        assert!(constraints + system.instances() <= 1 << 21, "{constraints} constraints");
        let matrices = B256::from(system.digest().unwrap());
        assert_eq!(matrices, MATRICES, "the constraints changed: a new key is needed everywhere");
    }
}
