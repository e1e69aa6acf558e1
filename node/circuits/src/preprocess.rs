//! Finishing circuits, from scratch or from a stored commitment.
//!
//! Most of the time of [`circuit::build`] goes into the Merkle tree over a circuit's constants and
//! wiring. Everything else is rebuilt quickly from the code, so only that tree is worth storing:
//! its digests, the constants' coefficients, and a fingerprint of the circuit that they belong to.

use plonky2::field::polynomial::{PolynomialCoeffs, PolynomialValues};
use plonky2::field::types::{Field, Field64, PrimeField64};
use plonky2::fri::oracle::PolynomialBatch;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::merkle_tree::{MerkleCap, MerkleTree};
use plonky2::iop::target::Target;
use plonky2::plonk::circuit_data::{CircuitData, VerifierOnlyCircuitData};
use plonky2::plonk::config::{GenericConfig, Hasher};
use plonky2::util::{log2_strict, reverse_index_bits_in_place, transpose};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::circuit::{self, Circuit, VerifierKey};
use crate::error::CircuitError;
use crate::{Builder, C, D, F};

/// How circuits are finished.
pub trait Finish: Sync {
    /// Turns a complete builder into a circuit. `name` is unique among the circuits of a profile.
    ///
    /// # Errors
    /// Implementations that store circuits may fail with [`CircuitError::Stale`] when what they
    /// stored belongs to another circuit of that name, and with [`CircuitError::Store`].
    fn finish(&self, name: &str, builder: Builder) -> Result<Circuit, CircuitError>;
}

/// Builds everything anew.
pub struct FromScratch;

impl Finish for FromScratch {
    fn finish(&self, _name: &str, builder: Builder) -> Result<Circuit, CircuitError> {
        Ok(circuit::build(builder))
    }
}

/// The costly part of a circuit.
#[derive(Clone, PartialEq, Eq)]
pub struct Preprocessed {
    /// SHA-256 of gates, wiring and generators: equal for equal circuits only.
    pub fingerprint: [u8; 32],
    key: VerifierKey,
    /// Coefficients of the selector and constant polynomials.
    constants: Vec<PolynomialCoeffs<F>>,
    /// Nodes of the Merkle tree below the cap, in plonky2's order.
    digests: Vec<HashOut<F>>,
}

impl Preprocessed {
    /// Takes the costly part out of a circuit.
    pub fn of(circuit: &Circuit) -> Self {
        let commitment = &circuit.prover_only.constants_sigmas_commitment;
        Preprocessed {
            fingerprint: fingerprint(circuit),
            key: circuit.verifier_only.clone(),
            constants: commitment.polynomials[..circuit.common.num_constants].to_vec(),
            digests: commitment.merkle_tree.digests.clone(),
        }
    }

    /// Builds a circuit with its costly part given.
    ///
    /// # Errors
    /// [`CircuitError::Stale`] when the part belongs to another circuit.
    pub fn restore(&self, name: &str, builder: Builder) -> Result<Circuit, CircuitError> {
        let stale = || CircuitError::Stale { name: name.into() };
        let mut circuit = builder.build_with_options::<C>(false);
        let rate_bits = circuit.common.config.fri_config.rate_bits;
        let leaves = circuit.common.degree() << rate_bits;
        let nodes = 2 * (leaves - circuit.common.config.fri_config.num_cap_elements());
        let fits = fingerprint(&circuit) == self.fingerprint
            && self.constants.len() == circuit.common.num_constants
            && self.constants.iter().all(|poly| poly.len() == circuit.common.degree())
            && self.digests.len() == nodes;
        if !fits {
            return Err(stale());
        }
        complete(&mut circuit, self.constants.clone(), self.digests.clone(), self.key.clone());
        Ok(circuit)
    }

    /// As bytes: fingerprint, then counts and field elements in little-endian order.
    pub fn to_bytes(&self) -> Vec<u8> {
        let cap = &self.key.constants_sigmas_cap.0;
        let degree = self.constants.first().map_or(0, |poly| poly.len());
        let mut out = self.fingerprint.to_vec();
        for count in [self.constants.len(), degree, cap.len(), self.digests.len()] {
            out.extend((count as u64).to_le_bytes());
        }
        let mut put = |element: &F| out.extend(element.to_canonical_u64().to_le_bytes());
        self.key.circuit_digest.elements.iter().for_each(&mut put);
        self.constants.iter().flat_map(|poly| &poly.coeffs).for_each(&mut put);
        cap.iter().chain(&self.digests).flat_map(|node| &node.elements).for_each(&mut put);
        out
    }

    /// Reads [`Preprocessed::to_bytes`].
    ///
    /// # Errors
    /// [`CircuitError::Encoding`] unless the bytes are exactly what `to_bytes` writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CircuitError> {
        let (fingerprint, rest) = bytes.split_first_chunk::<32>().ok_or(CircuitError::Encoding)?;
        let (words, []) = rest.as_chunks::<8>() else { return Err(CircuitError::Encoding) };
        let (counts, elements) = words.split_first_chunk::<4>().ok_or(CircuitError::Encoding)?;
        let [constants, degree, cap, digests] = counts.map(|count| u64::from_le_bytes(count) as usize);
        let expected = cap.checked_add(digests).and_then(|nodes| nodes.checked_add(1)?.checked_mul(4));
        let coefficients = constants.checked_mul(degree);
        let total = expected.zip(coefficients).and_then(|(hashes, coefficients)| hashes.checked_add(coefficients));
        if total != Some(elements.len()) || degree == 0 {
            return Err(CircuitError::Encoding);
        }
        let elements: Vec<F> = elements
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .map(|value| (value < F::ORDER).then(|| F::from_canonical_u64(value)).ok_or(CircuitError::Encoding))
            .collect::<Result<_, _>>()?;
        let (digest, rest) = elements.split_at(4);
        let (coefficients, nodes) = rest.split_at(constants * degree);
        let nodes: Vec<HashOut<F>> = nodes.chunks_exact(4).map(HashOut::from_partial).collect();
        let (cap, digests) = nodes.split_at(cap);
        Ok(Preprocessed {
            fingerprint: *fingerprint,
            key: VerifierKey {
                constants_sigmas_cap: MerkleCap(cap.to_vec()),
                circuit_digest: HashOut::from_partial(digest),
            },
            constants: coefficients.chunks_exact(degree).map(|poly| PolynomialCoeffs::new(poly.to_vec())).collect(),
            digests: digests.to_vec(),
        })
    }

    /// Key of the circuit.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }
}

/// Gives a circuit that was built without its commitment the coefficients of its constants, the nodes
/// of its Merkle tree below the cap, and its key. Nothing here compares them with the circuit.
pub fn complete<K: GenericConfig<D, F = F>>(
    circuit: &mut CircuitData<F, K, D>,
    constants: Vec<PolynomialCoeffs<F>>,
    digests: Vec<<K::Hasher as Hasher<F>>::Hash>,
    key: VerifierOnlyCircuitData<K, D>,
) {
    let (rate_bits, degree) = (circuit.common.config.fri_config.rate_bits, circuit.common.degree());
    let prover = &mut circuit.prover_only;
    let wiring = transpose(&prover.sigmas).into_par_iter().map(|column| PolynomialValues::new(column).ifft());
    let polynomials: Vec<_> = constants.into_par_iter().chain(wiring).collect();
    let roots = prover.fft_root_table.as_ref();
    let extended: Vec<Vec<F>> = polynomials
        .par_iter()
        .map(|poly| poly.lde(rate_bits).coset_fft_with_options(F::coset_shift(), Some(rate_bits), roots).values)
        .collect();
    let mut leaves = transpose(&extended);
    reverse_index_bits_in_place(&mut leaves);
    prover.constants_sigmas_commitment = PolynomialBatch {
        polynomials,
        merkle_tree: MerkleTree { leaves, digests, cap: key.constants_sigmas_cap.clone() },
        degree_log: log2_strict(degree),
        rate_bits,
        blinding: false,
    };
    prover.circuit_digest = key.circuit_digest;
    circuit.verifier_only = key;
}

/// SHA-256 over everything that determines a circuit: shape, gates, public inputs, wiring, and
/// the generators, which know the place and the constants of every gate.
pub fn fingerprint<K: GenericConfig<D, F = F>>(circuit: &CircuitData<F, K, D>) -> [u8; 32] {
    let (common, prover) = (&circuit.common, &circuit.prover_only);
    let mut hasher = Sha256::new();
    hasher.update(format!("{:?}{:?}{}", common.config, common.fri_params, common.num_public_inputs));
    common.gates.iter().for_each(|gate| hasher.update(gate.0.id()));
    for target in &prover.public_inputs {
        let index = match target {
            Target::Wire(wire) => [0, wire.row, wire.column],
            Target::VirtualTarget { index } => [1, *index, 0],
        };
        index.iter().for_each(|part| hasher.update(part.to_le_bytes()));
    }
    let mut wiring = Vec::with_capacity(8 * prover.representative_map.len());
    prover.representative_map.iter().for_each(|index| wiring.extend(index.to_le_bytes()));
    hasher.update(&wiring);
    let mut bytes = Vec::new();
    for generator in &prover.generators {
        bytes.clear();
        hasher.update(generator.0.id());
        // Writing to a vector does not fail.
        let _ = generator.0.serialize(&mut bytes, common);
        hasher.update(&bytes);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use plonky2::iop::witness::PartialWitness;

    use super::*;
    use crate::security::Profile;
    use crate::sha256::digest_of_fixed;
    use crate::statement::WordTarget;

    fn sample(constant: u64) -> (Builder, WordTarget) {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let word = WordTarget::new_virtual(&mut b);
        let digest = digest_of_fixed(&mut b, &[word]);
        let shifted = b.add_const(digest.0[0], F::from_canonical_u64(constant));
        b.register_public_input(shifted);
        (b, word)
    }

    #[test]
    fn a_restored_circuit_proves_under_the_same_key() {
        let (b, word) = sample(1);
        let built = circuit::build(b);
        let stored = Preprocessed::from_bytes(&Preprocessed::of(&built).to_bytes()).unwrap();
        let restored = stored.restore("sample", sample(1).0).unwrap();
        assert!(restored.verifier_only == built.verifier_only && restored.common == built.common);
        let mut pw = PartialWitness::new();
        word.set(&mut pw, &[7; 32].into()).unwrap();
        let proof = circuit::prove(&restored, pw).unwrap();
        circuit::verify(&built.verifier_only, &built.common, &proof).unwrap();
    }

    #[test]
    fn what_belongs_to_another_circuit_is_refused() {
        let stored = Preprocessed::of(&circuit::build(sample(1).0));
        assert!(matches!(stored.restore("sample", sample(2).0), Err(CircuitError::Stale { .. })));
        let bytes = stored.to_bytes();
        assert!(matches!(Preprocessed::from_bytes(&bytes[..bytes.len() - 8]), Err(CircuitError::Encoding)));
    }
}
