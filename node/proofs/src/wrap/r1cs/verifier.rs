//! The whole verifier: proof of the final layer in, two halves of the statement digest out.

use ark_bn254::Fr;
use gavel_circuits::{D, F};
use plonky2::field::extension::FieldExtension;
use plonky2::field::types::{Field, PrimeField64};
use plonky2::fri::reduction_strategies::FriReductionStrategy;
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::plonk::circuit_data::{CommonCircuitData, VerifierOnlyCircuitData};
use plonky2::plonk::config::GenericHashOut;

use super::extension::{Ext, Native};
use super::fri::{Instance, Powers, Query, scalar, verify_query};
use super::goldilocks::{Lazy, enforce_canonical};
use super::linear::Lc;
use super::poseidon;
use super::system::{POWERS, Rule, System};
use super::transcript::{Challenge, Transcript};
use super::vanishing::{self, Openings, PlonkChallenges};
use crate::wrap::WrapError;
use crate::wrap::final_layer::{DIGEST_WORDS, FinalProof};
use crate::wrap::hash::{Digest, FinalConfig, FinalHasher};

/// Adds the verifier of `proof` under a constant key to an empty system.
///
/// The public inputs are the high and the low half of the digest that the eight words of the proof
/// spell, each below 2^128.
///
/// # Errors
/// [`WrapError::Gate`] for a gate without a gadget, lookups or blinding. A proof that does not verify
/// is no error here: the system is then not satisfied.
///
/// # Panics
/// If the proof is not of the shape of `common`.
pub fn synthesize(
    system: &mut System,
    common: &CommonCircuitData<F, D>,
    key: &VerifierOnlyCircuitData<FinalConfig, D>,
    proof: &FinalProof,
) -> Result<(), WrapError> {
    let (instance, positions) = verify_openings(system, common, key, proof)?;
    for (position, round) in positions.iter().zip(&proof.proof.opening_proof.query_round_proofs) {
        system.section("queries: ranges");
        let query = reveal(system, round);
        verify_query(system, &instance, &position.bits[..instance.domain_bits], &query);
    }
    Ok(())
}

/// Everything before the queries: their instance, and a challenge for the position of each.
fn verify_openings(
    system: &mut System,
    common: &CommonCircuitData<F, D>,
    key: &VerifierOnlyCircuitData<FinalConfig, D>,
    proof: &FinalProof,
) -> Result<(Instance, Vec<Challenge>), WrapError> {
    if common.num_lookup_polys != 0 || common.fri_params.hiding {
        return Err(WrapError::Gate("lookups and blinding".into()));
    }
    let words = digest_words(system, &proof.public_inputs);
    let public_inputs = poseidon::hash(system, &words);
    let inner = &proof.proof;
    let mut transcript = Transcript::default();
    system.section("transcript and openings");

    // Everything that plonky2 observes, in its order.
    for element in fri_parameters(common) {
        transcript.absorb_constant(system, element);
    }
    for element in key.circuit_digest.to_vec() {
        transcript.absorb_constant(system, element);
    }
    for element in &public_inputs {
        transcript.absorb(system, element.lc());
    }
    let wires_cap = absorb_cap(system, &mut transcript, &inner.wires_cap);
    let count = common.config.num_challenges;
    let elements = |transcript: &mut Transcript, system: &mut System| -> Vec<Lazy> {
        (0..count).map(|_| transcript.element(system)).collect()
    };
    let betas = elements(&mut transcript, system);
    let gammas = elements(&mut transcript, system);
    let products_cap = absorb_cap(system, &mut transcript, &inner.plonk_zs_partial_products_cap);
    let alphas = elements(&mut transcript, system);
    let quotients_cap = absorb_cap(system, &mut transcript, &inner.quotient_polys_cap);
    let zeta = transcript.extension(system);
    let challenges = PlonkChallenges { betas, gammas, alphas, zeta };

    let opened = &inner.openings;
    let mut open = |values: &[Native]| -> Vec<Ext> {
        values.iter().map(|value| absorb_value(system, &mut transcript, *value)).collect()
    };
    let openings = Openings {
        constants: open(&opened.constants),
        sigmas: open(&opened.plonk_sigmas),
        wires: open(&opened.wires),
        zs: open(&opened.plonk_zs),
        partial_products: open(&opened.partial_products),
        quotients: open(&opened.quotient_polys),
        zs_next: open(&opened.plonk_zs_next),
    };
    system.section("vanishing identity");
    vanishing::check(system, common, &openings, &challenges, &public_inputs)?;

    system.section("transcript and openings");
    let alpha = transcript.extension(system);
    let mut betas = Vec::new();
    let mut fold_caps = Vec::new();
    for cap in &inner.opening_proof.commit_phase_merkle_caps {
        fold_caps.push(absorb_cap(system, &mut transcript, cap));
        betas.push(transcript.extension(system));
    }
    let final_polynomial = inner
        .opening_proof
        .final_poly
        .coeffs
        .iter()
        .map(|coefficient| absorb_value(system, &mut transcript, *coefficient))
        .collect();
    let pow_witness = system.witness(scalar(inner.opening_proof.pow_witness));
    enforce_canonical(system, &pow_witness);
    transcript.absorb(system, &pow_witness);
    let response = transcript.challenge(system);
    enforce_leading_zeros(system, &response, common.config.fri_config.proof_of_work_bits as usize);

    let columns = [&openings.constants, &openings.sigmas, &openings.wires, &openings.zs];
    let columns = columns.into_iter().chain([&openings.partial_products, &openings.quotients]);
    let columns: Vec<Ext> = columns.flatten().cloned().collect();
    let powers = Powers::new(system, &alpha, columns.len());
    let opened = [powers.fold(system, &columns).reduce(system), powers.fold(system, &openings.zs_next).reduce(system)];
    let generator = F::primitive_root_of_unity(common.degree_bits());
    let next_point = challenges.zeta.scaled(generator).reduce(system);
    let constants_cap = key.constants_sigmas_cap.0.iter().map(|Digest(node)| Lc::constant(*node)).collect();
    let instance = Instance {
        domain_bits: common.fri_params.lde_bits(),
        arities: common.fri_params.reduction_arity_bits.clone(),
        caps: vec![constants_cap, wires_cap, products_cap, quotients_cap],
        fold_caps,
        betas,
        final_polynomial,
        points: [challenges.zeta, next_point],
        alpha: powers,
        opened,
        next_columns: openings.zs_next.len(),
    };
    let queries = common.config.fri_config.num_query_rounds;
    let positions = (0..queries).map(|_| transcript.challenge(system)).collect();
    Ok((instance, positions))
}

/// Constrains the highest bits of a challenge to zero.
fn enforce_leading_zeros(system: &mut System, challenge: &Challenge, count: usize) {
    if system.enforces(Rule::ProofOfWork) {
        let leading = challenge.bits[64 - count..].iter().map(|bit| (bit, Fr::from(1u64)));
        system.enforce_zero(&Lc::sum(leading));
    }
}

/// The public inputs and the eight words behind them.
fn digest_words(system: &mut System, words: &[F]) -> Vec<Lazy> {
    assert_eq!(words.len(), DIGEST_WORDS);
    let place = |i: usize| POWERS[32 * (DIGEST_WORDS / 2 - 1 - i)];
    let half = |words: &[F]| words.iter().enumerate().map(|(i, word)| scalar(*word) * place(i)).sum::<Fr>();
    let (high, low) = words.split_at(DIGEST_WORDS / 2);
    let halves = [half(high), half(low)].map(|value| system.public(value));
    let words: Vec<Lc> = words.iter().map(|word| system.witness(scalar(*word))).collect();
    for word in &words {
        system.range(word, 32, Rule::PublicWords);
    }
    for (half, words) in halves.iter().zip(words.chunks(DIGEST_WORDS / 2)) {
        let sum = Lc::sum(words.iter().enumerate().map(|(i, word)| (word, place(i))));
        system.enforce_zero(&half.minus(&sum));
    }
    words.into_iter().map(|word| Lazy::bounded(word, 32)).collect()
}

/// What `FriParams::observe` absorbs.
fn fri_parameters(common: &CommonCircuitData<F, D>) -> Vec<F> {
    let parameters = &common.fri_params;
    let config = &parameters.config;
    let mut elements: Vec<F> =
        [config.rate_bits, config.cap_height, config.proof_of_work_bits as usize].map(F::from_canonical_usize).into();
    elements.extend(FriReductionStrategy::serialize::<F>(&config.reduction_strategy));
    elements.push(F::from_canonical_usize(config.num_query_rounds));
    elements.push(F::from_bool(parameters.hiding));
    elements.push(F::from_canonical_usize(parameters.degree_bits));
    elements.extend(parameters.reduction_arity_bits.iter().map(|bits| F::from_canonical_usize(*bits)));
    elements
}

fn absorb_cap(system: &mut System, transcript: &mut Transcript, cap: &MerkleCap<F, FinalHasher>) -> Vec<Lc> {
    let nodes: Vec<Lc> = cap.0.iter().map(|Digest(node)| system.witness(*node)).collect();
    nodes.iter().for_each(|node| transcript.absorb_node(system, node));
    nodes
}

/// A value sent by the prover: canonical, so that it has one transcript.
fn absorb_value(system: &mut System, transcript: &mut Transcript, value: Native) -> Ext {
    let coordinates = FieldExtension::<D>::to_basefield_array(&value);
    let value = Ext(coordinates.map(|coordinate| {
        let variable = system.witness(Fr::from(coordinate.to_canonical_u64()));
        enforce_canonical(system, &variable);
        Lazy::bounded(variable, 64)
    }));
    transcript.absorb_extension(system, &value);
    value
}

/// Witnesses of one query.
fn reveal(system: &mut System, round: &plonky2::fri::proof::FriQueryRound<F, FinalHasher, D>) -> Query {
    let siblings = |system: &mut System, nodes: &[Digest]| nodes.iter().map(|node| system.witness(node.0)).collect();
    let mut rows = Vec::new();
    for (row, proof) in &round.initial_trees_proof.evals_proofs {
        let row = row.iter().map(|element| Lazy::witness(system, *element)).collect();
        rows.push((row, siblings(system, &proof.siblings)));
    }
    let mut folds = Vec::new();
    for step in &round.steps {
        let values = step.evals.iter().map(|value| Ext::witness(system, *value)).collect();
        folds.push((values, siblings(system, &step.merkle_proof.siblings)));
    }
    Query { rows, folds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::final_layer::{FinalLayer, sample};
    use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem};
    use gavel_circuits::security::Profile;
    use plonky2::field::types::Field64;

    type Tamper<'a> = &'a dyn Fn(&mut FinalProof);

    const WORDS: [u32; DIGEST_WORDS] = [1, 2, 3, u32::MAX, 5, 0, 7, 0x8000_0000];

    fn satisfied(layer: &FinalLayer, proof: &FinalProof) -> bool {
        let mut system = System::new(false);
        synthesize(&mut system, &layer.data.common, &layer.data.verifier_only, proof).unwrap();
        system.is_satisfied()
    }

    /// One final proof for all checks, as making it takes longer than checking it.
    #[test]
    fn the_system_accepts_the_proof_and_no_tampered_one() {
        let (layer, proof) = sample::final_proof(Profile::Test, WORDS);
        let mut system = System::new(true);
        synthesize(&mut system, &layer.data.common, &layer.data.verifier_only, &proof).unwrap();
        assert!(system.is_satisfied());
        assert_eq!(system.free_witnesses(), Some(Vec::new()), "every witness is pinned by the others");
        let mut blank = System::new(true);
        synthesize(&mut blank, &layer.data.common, &layer.data.verifier_only, &layer.blank_proof()).unwrap();
        assert_eq!(blank.digest(), system.digest(), "the matrices do not depend on the proof");
        drop(blank);
        let cs = ConstraintSystem::new_ref();
        (&system).generate_constraints(cs.clone()).unwrap();
        assert!(cs.is_satisfied().unwrap(), "arkworks agrees");
        drop((cs, system));

        assert!(satisfied(&layer, &proof));
        let one = Native::ONE;
        let tampers: [(&str, Tamper); 18] = [
            ("public input", &|proof| proof.public_inputs[2] += F::ONE),
            ("wires cap", &|proof| proof.proof.wires_cap.0[5].0 += Fr::from(1u64)),
            ("products cap", &|proof| proof.proof.plonk_zs_partial_products_cap.0[0].0 += Fr::from(1u64)),
            ("quotients cap", &|proof| proof.proof.quotient_polys_cap.0[15].0 += Fr::from(1u64)),
            ("constant", &|proof| proof.proof.openings.constants[0] += one),
            ("sigma", &|proof| proof.proof.openings.plonk_sigmas[63] += one),
            ("wire", &|proof| proof.proof.openings.wires[134] += one),
            ("z", &|proof| proof.proof.openings.plonk_zs[1] += one),
            ("next z", &|proof| proof.proof.openings.plonk_zs_next[0] += one),
            ("partial product", &|proof| proof.proof.openings.partial_products[3] += one),
            ("quotient", &|proof| proof.proof.openings.quotient_polys[15] += one),
            ("fold cap", &|proof| proof.proof.opening_proof.commit_phase_merkle_caps[0].0[1].0 += Fr::from(1u64)),
            ("final polynomial", &|proof| proof.proof.opening_proof.final_poly.coeffs[4] += one),
            ("proof of work", &|proof| proof.proof.opening_proof.pow_witness += F::ONE),
            ("row", &|proof| {
                let round = &mut proof.proof.opening_proof.query_round_proofs[1];
                round.initial_trees_proof.evals_proofs[1].0[100] += F::ONE;
            }),
            ("sibling", &|proof| {
                let round = &mut proof.proof.opening_proof.query_round_proofs[0];
                round.initial_trees_proof.evals_proofs[0].1.siblings[2].0 += Fr::from(1u64);
            }),
            ("folded value", &|proof| {
                proof.proof.opening_proof.query_round_proofs[0].steps[0].evals[9] += one;
            }),
            ("queries swapped", &|proof| proof.proof.opening_proof.query_round_proofs.swap(0, 1)),
        ];
        for (name, tamper) in tampers {
            let mut tampered = proof.clone();
            tamper(&mut tampered);
            assert!(!satisfied(&layer, &tampered), "{name}");
        }
        another_key(&layer, &proof);
        a_last_polynomial_after_the_transcript(&layer, &proof);
    }

    /// The key is a constant: neither its digest nor its cap can be another one.
    fn another_key(layer: &FinalLayer, proof: &FinalProof) {
        let digest = |key: &mut VerifierOnlyCircuitData<FinalConfig, D>| key.circuit_digest.0 += Fr::from(1u64);
        let cap = |key: &mut VerifierOnlyCircuitData<FinalConfig, D>| {
            key.constants_sigmas_cap.0.iter_mut().for_each(|node| node.0 += Fr::from(1u64));
        };
        for change in [digest as fn(&mut _), cap] {
            let mut key = layer.data.verifier_only.clone();
            change(&mut key);
            let mut system = System::new(false);
            synthesize(&mut system, &layer.data.common, &key, proof).unwrap();
            assert!(!system.is_satisfied());
        }
    }

    /// A final polynomial swapped after the challenges were drawn is caught by its comparison with
    /// the last fold alone.
    fn a_last_polynomial_after_the_transcript(layer: &FinalLayer, proof: &FinalProof) {
        for (mut system, expected) in [(System::new(false), false), (System::relaxed(Rule::FinalPolynomial), true)] {
            let (mut instance, positions) =
                verify_openings(&mut system, &layer.data.common, &layer.data.verifier_only, proof).unwrap();
            instance.final_polynomial[0] = instance.final_polynomial[0].plus_constant(F::ONE);
            for (position, round) in positions.iter().zip(&proof.proof.opening_proof.query_round_proofs) {
                let query = reveal(&mut system, round);
                verify_query(&mut system, &instance, &position.bits[..instance.domain_bits], &query);
            }
            assert_eq!(system.is_satisfied(), expected);
        }
    }

    #[test]
    fn a_response_without_work_is_rejected() {
        for (value, honest) in [((1 << 48) - 1, true), (1 << 48, false), (F::ORDER - 1, false)] {
            for (mut system, relaxed) in [(System::new(false), false), (System::relaxed(Rule::ProofOfWork), true)] {
                let element = system.witness(Fr::from(value));
                let bits = enforce_canonical(&mut system, &element);
                let challenge = Challenge { element: Lazy::bounded(element, 64), bits };
                enforce_leading_zeros(&mut system, &challenge, 16);
                assert_eq!(system.is_satisfied(), honest || relaxed);
            }
        }
    }

    /// Words of more than 32 bits can spell the same digest.
    #[test]
    fn a_word_past_32_bits_is_rejected() {
        for (mut system, expected) in [(System::new(false), false), (System::relaxed(Rule::PublicWords), true)] {
            let honest = digest_words(&mut System::new(false), &[1, 0, 0, 0, 0, 0, 0, 0].map(F::from_canonical_u64));
            let forged = [0, 1 << 32, 0, 0, 0, 0, 0, 0].map(F::from_canonical_u64);
            let words = digest_words(&mut system, &forged);
            assert_ne!(words[0].value(), honest[0].value());
            assert_eq!(system.is_satisfied(), expected);
        }
    }
}
