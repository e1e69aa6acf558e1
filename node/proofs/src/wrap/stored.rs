//! The costly part of a final layer, for storage: the Merkle tree over its constants and wiring.
//!
//! Hashing that tree with BN254 takes most of the time of building a layer; the rest is rebuilt
//! from the code, and checked to be the same circuit.

use gavel_circuits::F;
use gavel_circuits::preprocess::{complete, fingerprint};
use plonky2::field::polynomial::PolynomialCoeffs;
use plonky2::field::types::{Field, Field64, PrimeField64};
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::plonk::circuit_data::VerifierOnlyCircuitData;
use rayon::prelude::*;

use super::WrapError;
use super::final_layer::FinalData;
use super::hash::Digest;
use super::poseidon2::{from_limbs, limbs};

/// What [`super::FinalLayer::stored`] writes, in order: fingerprint; numbers of constant polynomials,
/// of their coefficients, of cap and of tree nodes; circuit digest; coefficients; cap; tree. All
/// integers are 64 bits, little-endian; nodes have four of them.
pub(super) fn to_bytes(data: &FinalData) -> Vec<u8> {
    let commitment = &data.prover_only.constants_sigmas_commitment;
    let constants = &commitment.polynomials[..data.common.num_constants];
    let cap = &data.verifier_only.constants_sigmas_cap.0;
    let tree = &commitment.merkle_tree.digests;
    let mut bytes = fingerprint(data).to_vec();
    let counts = [constants.len(), data.common.degree(), cap.len(), tree.len()];
    counts.iter().for_each(|count| bytes.extend((*count as u64).to_le_bytes()));
    let node = |bytes: &mut Vec<u8>, node: &Digest| {
        limbs(node.0).iter().for_each(|limb| bytes.extend(limb.to_le_bytes()));
    };
    node(&mut bytes, &data.verifier_only.circuit_digest);
    for coefficient in constants.iter().flat_map(|polynomial| &polynomial.coeffs) {
        bytes.extend(coefficient.to_canonical_u64().to_le_bytes());
    }
    cap.iter().chain(tree).for_each(|item| node(&mut bytes, item));
    bytes
}

/// Completes a circuit that was built without its commitment.
///
/// # Errors
/// [`WrapError::Stored`] when the bytes are damaged or of another circuit.
pub(super) fn restore(data: &mut FinalData, bytes: &[u8]) -> Result<(), WrapError> {
    let (stored, rest) = bytes.split_first_chunk::<32>().ok_or(WrapError::Stored("too short"))?;
    if fingerprint(data) != *stored {
        return Err(WrapError::Stored("it belongs to another circuit"));
    }
    let (words, []) = rest.as_chunks::<8>() else { return Err(WrapError::Stored("not whole words")) };
    let words: Vec<u64> = words.par_iter().map(|word| u64::from_le_bytes(*word)).collect();
    let (counts, words) = words.split_first_chunk::<4>().ok_or(WrapError::Stored("too short"))?;
    let config = &data.common.config.fri_config;
    let (constants, degree, caps) = (data.common.num_constants, data.common.degree(), config.num_cap_elements());
    let leaves = degree << config.rate_bits;
    let expected = [constants, degree, caps, 2 * (leaves - caps)];
    if counts.map(|count| count as usize) != expected {
        return Err(WrapError::Stored("unexpected counts"));
    }
    let nodes = 1 + expected[2] + expected[3];
    if words.len() != 4 * nodes + constants * degree {
        return Err(WrapError::Stored("unexpected length"));
    }
    let (digest, rest) = words.split_at(4);
    let (coefficients, nodes) = rest.split_at(constants * degree);
    let node = |limbs: &[u64]| from_limbs(std::array::from_fn(|i| limbs[i])).map(Digest);
    let nodes: Option<Vec<Digest>> = nodes.par_chunks_exact(4).map(node).collect();
    let (nodes, digest) = nodes.zip(node(digest)).ok_or(WrapError::Stored("a node past the modulus"))?;
    if coefficients.iter().any(|value| *value >= F::ORDER) {
        return Err(WrapError::Stored("a coefficient past the modulus"));
    }
    let coefficients: Vec<F> = coefficients.iter().map(|value| F::from_canonical_u64(*value)).collect();
    let (cap, tree) = nodes.split_at(caps);

    let constants = coefficients.chunks_exact(degree).map(|poly| PolynomialCoeffs::new(poly.to_vec())).collect();
    let key = VerifierOnlyCircuitData { constants_sigmas_cap: MerkleCap(cap.to_vec()), circuit_digest: digest };
    complete(data, constants, tree.to_vec(), key);
    Ok(())
}
