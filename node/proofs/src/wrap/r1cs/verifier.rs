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
use super::transcript::Transcript;
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
/// [`WrapError::Gate`] for a gate without a gadget. A proof that does not verify is no error here:
/// the system is then not satisfied.
pub fn synthesize(
    system: &mut System,
    common: &CommonCircuitData<F, D>,
    key: &VerifierOnlyCircuitData<FinalConfig, D>,
    proof: &FinalProof,
) -> Result<(), WrapError> {
    let words = digest_words(system, &proof.public_inputs);
    let public_inputs = poseidon::hash(system, &words);
    let inner = &proof.proof;
    let mut transcript = Transcript::default();

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
    vanishing::check(system, common, &openings, &challenges, &public_inputs)?;

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
    if system.enforces(Rule::ProofOfWork) {
        let zero_bits = common.config.fri_config.proof_of_work_bits as usize;
        let leading = response.bits[64 - zero_bits..].iter().map(|bit| (bit, Fr::from(1u64)));
        system.enforce_zero(&Lc::sum(leading));
    }

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
    for round in &inner.opening_proof.query_round_proofs {
        let challenge = transcript.challenge(system);
        let query = reveal(system, round);
        verify_query(system, &instance, &challenge.bits[..instance.domain_bits], &query);
    }
    Ok(())
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
    use crate::wrap::final_layer::sample;
    use gavel_circuits::security::Profile;

    #[test]
    fn a_proof_of_the_final_layer_satisfies_the_system() {
        let words = [1, 2, 3, u32::MAX, 5, 0, 7, 0x8000_0000];
        let start = std::time::Instant::now();
        let (layer, proof) = sample::final_proof(Profile::Test, words);
        println!("final layer: {:?}", start.elapsed());
        let mut system = System::new(true);
        synthesize(&mut system, &layer.data.common, &layer.data.verifier_only, &proof).unwrap();
        println!(
            "degree {}; {} constraints, {} variables, {} entries, violated {:?}, {:?}",
            layer.data.common.degree_bits(),
            system.constraints(),
            system.variables(),
            system.entries(),
            system.first_violated(),
            start.elapsed()
        );
        assert!(system.is_satisfied());
    }
}
