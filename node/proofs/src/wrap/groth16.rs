//! Groth16 over the R1CS verifier: development setup, key file, proofs.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use alloy_primitives::B256;
use ark_bn254::{Bn254, Fr};
use ark_ff::{PrimeField, UniformRand};
use ark_groth16::r1cs_to_qap::{LibsnarkReduction, R1CSToQAP};
use ark_groth16::{Groth16, ProvingKey};
use ark_poly::EvaluationDomain;
use ark_relations::gr1cs::{ConstraintSystemRef, Matrix, SynthesisError};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::SeedableRng;
use rand::rngs::OsRng;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::WrapError;
use super::evm::{Groth16Proof, VerifyingKey};
use super::final_layer::{FinalLayer, FinalProof};
use super::r1cs::system::System;
use super::r1cs::verifier::synthesize;

/// Seed of the development setup. Whoever knows it can forge proofs, and everybody does: keys made
/// from it deploy to development chains only.
pub const DEVELOPMENT_SEED: [u8; 32] = *b"gavel development setup insecure";

/// First bytes of a key file.
const MAGIC: [u8; 8] = *b"gavelwk1";

/// Groth16 proving key of one final layer.
#[derive(Debug)]
pub struct WrapKey {
    proving: ProvingKey<Bn254>,
    fingerprint: B256,
}

/// SHA-256 of the setup seed and of every coefficient of the constraint matrices: two builds with
/// the same fingerprint have the same key.
///
/// # Errors
/// [`WrapError::Gate`] if the final layer uses a gate without constraints here.
pub fn fingerprint(layer: &FinalLayer) -> Result<B256, WrapError> {
    Ok(fingerprint_of(&blank_system(layer)?))
}

/// The system of a layer with its matrices, on a proof of zeros.
fn blank_system(layer: &FinalLayer) -> Result<System, WrapError> {
    let mut system = System::new(true);
    synthesize(&mut system, &layer.data.common, &layer.data.verifier_only, &layer.blank_proof())?;
    Ok(system)
}

fn fingerprint_of(system: &System) -> B256 {
    let matrices = system.digest().expect("recorded");
    B256::from(<[u8; 32]>::from(Sha256::new().chain_update(DEVELOPMENT_SEED).chain_update(matrices).finalize()))
}

impl WrapKey {
    /// The development key of a layer: deterministic, one party, not for real value.
    ///
    /// # Errors
    /// [`WrapError::Gate`] if the final layer uses a gate without constraints here.
    pub fn setup(layer: &FinalLayer) -> Result<Self, WrapError> {
        let system = blank_system(layer)?;
        let fingerprint = fingerprint_of(&system);
        let mut rng = ChaCha20Rng::from_seed(fingerprint.0);
        let proving = Groth16::<Bn254>::generate_random_parameters_with_reduction(&system, &mut rng)?;
        Ok(Self { proving, fingerprint })
    }

    /// Writes the key to a file.
    ///
    /// # Errors
    /// [`WrapError::KeyFile`] if that fails.
    pub fn save(&self, path: &Path) -> Result<(), WrapError> {
        let failed = |error: &dyn std::fmt::Display| WrapError::KeyFile(path.to_owned(), error.to_string());
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(|e| failed(&e))?);
        file.write_all(&MAGIC).and_then(|()| file.write_all(&self.fingerprint.0)).map_err(|e| failed(&e))?;
        self.proving.serialize_uncompressed(&mut file).map_err(|e| failed(&e))?;
        file.into_inner().map_err(|e| failed(&e))?.sync_all().map_err(|e| failed(&e))
    }

    /// Reads a key file without checking its points: a damaged key yields proofs that do not
    /// verify, and [`WrapKey::prove`] verifies what it made.
    ///
    /// # Errors
    /// [`WrapError::KeyFile`] if it cannot be read, [`WrapError::KeyFingerprint`] if it belongs to
    /// other constraints than `expected`.
    pub fn load(path: &Path, expected: B256) -> Result<Self, WrapError> {
        let failed = |error: &dyn std::fmt::Display| WrapError::KeyFile(path.to_owned(), error.to_string());
        let mut file = BufReader::with_capacity(1 << 20, File::open(path).map_err(|e| failed(&e))?);
        let (mut magic, mut fingerprint) = ([0; 8], B256::ZERO);
        file.read_exact(&mut magic).and_then(|()| file.read_exact(&mut fingerprint.0)).map_err(|e| failed(&e))?;
        if magic != MAGIC {
            return Err(failed(&"not a wrap key"));
        }
        if fingerprint != expected {
            return Err(WrapError::KeyFingerprint { expected, got: fingerprint });
        }
        let proving = ProvingKey::deserialize_uncompressed_unchecked(&mut file).map_err(|e| failed(&e))?;
        Ok(Self { proving, fingerprint })
    }

    /// Identity of the key, see [`fingerprint`].
    pub fn fingerprint(&self) -> B256 {
        self.fingerprint
    }

    /// The verifying half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::new(&self.proving.vk)
    }

    /// Wraps a proof of the final layer. The result verifies against the digest that the proof's
    /// public inputs spell.
    ///
    /// # Errors
    /// [`WrapError::Plonky2`] if the final proof does not verify natively, [`WrapError::Unsatisfied`]
    /// if only the constraints refuse it, [`WrapError::KeyMismatch`] and [`WrapError::DamagedKey`] if
    /// the key is not the one of this layer.
    pub fn prove(&self, layer: &FinalLayer, proof: &FinalProof) -> Result<Groth16Proof, WrapError> {
        layer.verify(proof)?;
        let mut system = System::new(false);
        synthesize(&mut system, &layer.data.common, &layer.data.verifier_only, proof)?;
        if let Some(constraint) = system.first_violated() {
            return Err(WrapError::Unsatisfied { constraint });
        }
        let queries = self.proving.a_query.len();
        if queries != system.variables() {
            return Err(WrapError::KeyMismatch { expected: queries, got: system.variables() });
        }
        let (instances, constraints) = (system.instances(), system.constraints());
        let (assignment, products) = system.into_assignment();
        // Rows evaluated already, in the shape that arkworks hands to the reduction below.
        let rows = products.map(|values| vec![values.into_iter().map(|value| (value, 0)).collect()]);
        let proof = Groth16::<Bn254, EvaluatedReduction>::create_proof_with_reduction_and_matrices(
            &self.proving,
            Fr::rand(&mut OsRng),
            Fr::rand(&mut OsRng),
            &rows,
            instances,
            constraints,
            &assignment,
        )?;
        let proof = Groth16Proof::new(&proof);
        let inputs: [Fr; 2] = [assignment[1], assignment[2]];
        if !proof.verify_inputs(&self.verifying_key(), inputs)? {
            return Err(WrapError::DamagedKey);
        }
        Ok(proof)
    }
}

/// The reduction of libsnark for a prover that has evaluated its constraints already: `matrices` are
/// two single rows with the values of the left and right sides. The third side is their product.
struct EvaluatedReduction;

impl R1CSToQAP for EvaluatedReduction {
    fn instance_map_with_evaluation<F: PrimeField, D: EvaluationDomain<F>>(
        cs: ConstraintSystemRef<F>,
        t: &F,
    ) -> Result<(Vec<F>, Vec<F>, Vec<F>, F, usize, usize), SynthesisError> {
        LibsnarkReduction::instance_map_with_evaluation::<F, D>(cs, t)
    }

    fn witness_map_from_matrices<F: PrimeField, D: EvaluationDomain<F>>(
        matrices: &[Matrix<F>],
        instances: usize,
        constraints: usize,
        assignment: &[F],
    ) -> Result<Vec<F>, SynthesisError> {
        let domain = D::new(constraints + instances).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let coset = domain.get_coset(F::GENERATOR).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let mut sides = [&matrices[0][0], &matrices[1][0]].map(|row| {
            let mut values: Vec<F> = row.iter().map(|(value, _)| *value).collect();
            values.resize(domain.size(), F::zero());
            values
        });
        // One more constraint for each public input, so that they are independent.
        sides[0][constraints..constraints + instances].copy_from_slice(&assignment[..instances]);
        let [mut a, mut b] = sides;
        let mut c: Vec<F> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();
        for values in [&mut a, &mut b, &mut c] {
            domain.ifft_in_place(values);
            coset.fft_in_place(values);
        }
        let vanishing = domain.evaluate_vanishing_polynomial(F::GENERATOR).inverse();
        let vanishing = vanishing.ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        a.par_iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = (*a * b - c) * vanishing);
        coset.ifft_in_place(&mut a);
        Ok(a)
    }

    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        max_power: usize,
        t: F,
        zt: F,
        delta_inverse: F,
    ) -> Result<Vec<F>, SynthesisError> {
        LibsnarkReduction::h_query_scalars::<F, D>(max_power, t, zt, delta_inverse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::final_layer::sample;
    use alloy_primitives::U256;
    use gavel_circuits::security::Profile;

    /// One setup for everything, as it is most of the time of this module's tests.
    #[test]
    fn a_final_proof_becomes_a_groth16_proof() {
        let words = [0xdead_beef, 2, 3, u32::MAX, 5, 0, 7, 0x8000_0000];
        let digest = B256::from_slice(&words.map(u32::to_be_bytes).concat());
        let (layer, proof) = sample::final_proof(Profile::Test, words);
        let time = std::time::Instant::now();
        let key = WrapKey::setup(&layer).unwrap();
        println!("setup {:?}", time.elapsed());
        assert_eq!(key.fingerprint(), fingerprint(&layer).unwrap());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        key.save(&path).unwrap();
        let key = WrapKey::load(&path, key.fingerprint()).unwrap();
        let other = WrapKey::load(&path, B256::ZERO);
        assert!(matches!(other, Err(WrapError::KeyFingerprint { .. })));

        let time = std::time::Instant::now();
        let wrapped = key.prove(&layer, &proof).unwrap();
        println!("prove {:?}", time.elapsed());
        let verifying = key.verifying_key();
        assert!(wrapped.verify(&verifying, digest).unwrap());
        assert!(!wrapped.verify(&verifying, B256::ZERO).unwrap());
        assert_eq!(Groth16Proof::from_evm(wrapped.to_evm()), wrapped);
        let mut damaged = wrapped.to_evm();
        damaged[0] += U256::from(1u64);
        let damaged = Groth16Proof::from_evm(damaged);
        assert!(matches!(damaged.verify(&verifying, digest), Err(WrapError::Point { name: "A" })));

        let mut tampered = proof.clone();
        tampered.public_inputs[7] = plonky2::field::types::Field::ONE;
        assert!(matches!(key.prove(&layer, &tampered), Err(WrapError::Plonky2(_))));
    }
}
