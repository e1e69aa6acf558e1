//! plonky2's vanishing polynomials at the opened point against the quotient.

use gavel_circuits::{D, F};
use plonky2::field::types::Field;
use plonky2::plonk::circuit_data::CommonCircuitData;

use super::extension::Ext;
use super::gates::{self, Constraints, Row};
use super::goldilocks::Lazy;
use super::selectors::Selectors;
use super::system::System;
use crate::wrap::WrapError;

/// Width that a constraint may have to be multiplied with a challenge and summed.
const TERM_BITS: usize = 176;

/// Opened values, each with coordinates below 2^64 (`plonky2::plonk::proof::OpeningSet`).
#[derive(Debug)]
pub struct Openings {
    pub constants: Vec<Ext>,
    pub sigmas: Vec<Ext>,
    pub wires: Vec<Ext>,
    pub zs: Vec<Ext>,
    pub zs_next: Vec<Ext>,
    pub partial_products: Vec<Ext>,
    pub quotients: Vec<Ext>,
}

/// Challenges of the Plonk part.
#[derive(Debug)]
pub struct PlonkChallenges {
    pub betas: Vec<Lazy>,
    pub gammas: Vec<Lazy>,
    pub alphas: Vec<Lazy>,
    pub zeta: Ext,
}

/// Constrains `vanishing_i(zeta) = Z_H(zeta) * quotient_i(zeta)` for every challenge i.
///
/// # Errors
/// [`WrapError::Gate`] for a gate without a gadget.
pub fn check(
    system: &mut System,
    common: &CommonCircuitData<F, D>,
    openings: &Openings,
    challenges: &PlonkChallenges,
    public_inputs: &[Lazy; 4],
) -> Result<(), WrapError> {
    let selectors = Selectors::of(common)?;
    let count = common.config.num_challenges;
    let zeta = &challenges.zeta;
    let zeta_n = (0..common.degree_bits()).fold(zeta.clone(), |power, _| power.product(system, &power));
    let z_h = zeta_n.plus_constant(F::NEG_ONE);

    // L_0(zeta) = (zeta^n - 1) / (n (zeta - 1)).
    let divisor = zeta.plus_constant(F::NEG_ONE).scaled(F::from_canonical_usize(common.degree()));
    let l_0 = z_h.divided_by(system, &divisor);
    let mut terms: Vec<Ext> = openings.zs.iter().map(|z| l_0.times(system, &z.plus_constant(F::NEG_ONE), 0)).collect();
    system.section("permutation argument");
    for i in 0..count {
        terms.extend(partial_products(system, common, openings, challenges, i));
    }

    system.section("gate constraints");
    let row = Row {
        constants: &openings.constants[selectors.count() + common.num_lookup_selectors..],
        wires: &openings.wires,
        public_inputs,
    };
    let mut gates = Vec::with_capacity(common.gates.len());
    for (i, gate) in common.gates.iter().enumerate() {
        let constraints = gates::evaluate(system, gate, row)?;
        if !constraints.plain.is_empty() {
            let filter = selectors.filter(system, i, &openings.constants);
            gates.push((filter, narrowed(system, constraints)));
        }
    }

    system.section("vanishing identity");
    let zeta_powers = zeta_n.powers(system, common.quotient_degree_factor);
    for (alpha, quotients) in challenges.alphas.iter().zip(openings.quotients.chunks(common.quotient_degree_factor)) {
        let powers = powers(system, alpha, terms.len() + common.num_gate_constraints);
        let mut vanishing = fold(system, &terms, &powers);
        for (filter, constraints) in &gates {
            let gate = fold_constraints(system, constraints, &powers[terms.len()..]);
            vanishing = vanishing.plus(&filter.times(system, &gate, 0));
        }
        let mut quotient = Ext::zero();
        for (chunk, power) in quotients.iter().zip(&zeta_powers) {
            quotient = quotient.plus(&chunk.times(system, power, 0));
        }
        let quotient = quotient.reduce(system);
        vanishing.minus(&z_h.times(system, &quotient, 0)).enforce_zero(system);
    }
    Ok(())
}

/// Checks of the permutation argument for challenge `i`: for every chunk of routed wires,
/// `previous * prod(w + beta k x + gamma) - next * prod(w + beta sigma + gamma)`.
fn partial_products(
    system: &mut System,
    common: &CommonCircuitData<F, D>,
    openings: &Openings,
    challenges: &PlonkChallenges,
    i: usize,
) -> Vec<Ext> {
    let (beta, gamma) = (&challenges.betas[i], &challenges.gammas[i]);
    let count = common.num_partial_products;
    let partials = &openings.partial_products[count * i..count * (i + 1)];
    let beta_zeta = challenges.zeta.times_base(system, beta, 0).reduce(system);
    let beta_zeta_square = beta_zeta.product(system, &beta_zeta);
    let beta_square = beta.times(system, beta, 0).reduce(system);

    let size = common.quotient_degree_factor;
    let shifted: Vec<Ext> = openings.wires[..common.config.num_routed_wires]
        .iter()
        .map(|wire| wire.plus(&Ext::base(gamma.clone())))
        .collect();
    let chunks = shifted.chunks(size).zip(openings.sigmas.chunks(size)).zip(common.k_is.chunks(size));
    let mut previous = openings.zs[i].clone();
    let mut checks = Vec::new();
    for (chunk, ((wires, sigmas), ks)) in chunks.enumerate() {
        let next = partials.get(chunk).unwrap_or(&openings.zs_next[i]);
        let mut numerator = vec![previous.clone()];
        let mut denominator = vec![next.clone()];
        for ((u, s), k) in wires.chunks(2).zip(sigmas.chunks(2)).zip(ks.chunks(2)) {
            let ([u0, u1], [s0, s1], &[k0, k1]) = (u, s, k) else {
                // An odd wire at the end of the routed ones.
                numerator.push(u[0].plus(&beta_zeta.scaled(k[0])).reduce(system));
                denominator.push(u[0].plus(&s[0].times_base(system, beta, 0)).reduce(system));
                continue;
            };
            // (u0 + b s0)(u1 + b s1) = u0 u1 + b (u0 s1 + u1 s0) + b^2 s0 s1: one reduction a pair.
            let product = u0.times(system, u1, 0);
            let cross = u0.scaled(k1).plus(&u1.scaled(k0)).times(system, &beta_zeta, 8);
            numerator.push(product.plus(&cross).plus(&beta_zeta_square.scaled(k0 * k1)).reduce(system));
            let cross = u0.times(system, s1, 0).plus(&u1.times(system, s0, 0));
            let cross = cross.times_base(system, beta, 8);
            let square = s0.times(system, s1, 0).times_base(system, &beta_square, 8);
            denominator.push(product.plus(&cross).plus(&square).reduce(system));
        }
        let check = product(system, &numerator).minus(&product(system, &denominator));
        checks.push(check.within(system, TERM_BITS));
        previous = next.clone();
    }
    checks
}

/// Product of reduced factors, unreduced.
fn product(system: &mut System, factors: &[Ext]) -> Ext {
    factors.iter().skip(1).fold(factors[0].clone(), |product, factor| product.times(system, factor, 2))
}

/// Powers of a base-field challenge, reduced.
fn powers(system: &mut System, base: &Lazy, count: usize) -> Vec<Lazy> {
    let mut powers = vec![Lazy::constant(F::ONE), base.clone()];
    while powers.len() < count {
        let next = powers[powers.len() - 1].times(system, base, 0).reduce(system);
        powers.push(next);
    }
    powers
}

/// `sum(power * term)`, unreduced.
fn fold(system: &mut System, terms: &[Ext], powers: &[Lazy]) -> Ext {
    terms.iter().zip(powers).fold(Ext::zero(), |sum, (term, power)| sum.plus(&term.times_base(system, power, 8)))
}

fn narrowed(system: &mut System, mut constraints: Constraints) -> Constraints {
    let scaled = constraints.scaled.iter_mut().flat_map(|(_, terms)| terms.iter_mut());
    for term in constraints.plain.iter_mut().chain(scaled) {
        *term = term.within(system, TERM_BITS);
    }
    constraints
}

/// The constraints of a gate folded with powers of a challenge, reduced.
fn fold_constraints(system: &mut System, constraints: &Constraints, powers: &[Lazy]) -> Ext {
    let mut sum = fold(system, &constraints.plain, powers);
    for (factor, terms) in &constraints.scaled {
        let folded = fold(system, terms, powers).reduce(system);
        sum = sum.plus(&folded.times(system, factor, 0));
    }
    sum.reduce(system)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::r1cs::extension::Native;
    use gavel_circuits::security::Profile;
    use plonky2::field::types::Sample;
    use plonky2::gates::arithmetic_base::ArithmeticGate;
    use plonky2::gates::arithmetic_extension::ArithmeticExtensionGate;
    use plonky2::gates::base_sum::BaseSumGate;
    use plonky2::gates::constant::ConstantGate;
    use plonky2::gates::coset_interpolation::CosetInterpolationGate;
    use plonky2::gates::gate::{Gate, GateRef};
    use plonky2::gates::multiplication_extension::MulExtensionGate;
    use plonky2::gates::poseidon::PoseidonGate;
    use plonky2::gates::poseidon_mds::PoseidonMdsGate;
    use plonky2::gates::public_input::PublicInputGate;
    use plonky2::gates::random_access::RandomAccessGate;
    use plonky2::gates::reducing::ReducingGate;
    use plonky2::gates::reducing_extension::ReducingExtensionGate;
    use plonky2::hash::hash_types::HashOut;
    use plonky2::plonk::vars::EvaluationVars;
    use plonky2::util::serialization::Buffer;

    /// Every gadget against plonky2's own evaluation at random points.
    #[test]
    fn gate_constraints_agree_with_plonky2() {
        let config = Profile::Test.final_layer_config();
        let interpolation = CosetInterpolationGate::<F, D>::new(4);
        // The degree that a quotient of degree 8 asks for; only plonky2's builder can construct it.
        let common = gavel_circuits::Builder::new(config.clone()).mock_build::<gavel_circuits::C>().common;
        let mut bytes = Vec::new();
        interpolation.serialize(&mut bytes, &common).unwrap();
        bytes[8..16].copy_from_slice(&6u64.to_le_bytes());
        let interpolation_of_degree_6 =
            CosetInterpolationGate::<F, D>::deserialize(&mut Buffer::new(&bytes), &common).unwrap();
        let gates = [
            GateRef::new(ConstantGate::new(2)),
            GateRef::new(PublicInputGate),
            GateRef::new(BaseSumGate::<2>::new(63)),
            GateRef::new(ArithmeticGate::new_from_config(&config)),
            GateRef::new(ArithmeticExtensionGate::<D>::new_from_config(&config)),
            GateRef::new(MulExtensionGate::<D>::new_from_config(&config)),
            GateRef::new(ReducingGate::<D>::new(43)),
            GateRef::new(ReducingExtensionGate::<D>::new(29)),
            GateRef::new(RandomAccessGate::<F, D>::new_from_config(&config, 4)),
            GateRef::new(PoseidonMdsGate::<F, D>::new()),
            GateRef::new(PoseidonGate::<F, D>::new()),
            GateRef::new(interpolation),
            GateRef::new(interpolation_of_degree_6),
        ];
        for gate in gates {
            let wires: Vec<Native> = Native::rand_vec(135);
            let constants: Vec<Native> = Native::rand_vec(2);
            let hash = HashOut { elements: std::array::from_fn(|_| F::rand()) };
            let expected = gate.0.eval_unfiltered(EvaluationVars {
                local_constants: &constants,
                local_wires: &wires,
                public_inputs_hash: &hash,
            });
            let mut system = System::new(false);
            let mut witness = |x: &Native| Ext::witness(&mut system, *x);
            let (wires, constants): (Vec<Ext>, Vec<Ext>) =
                (wires.iter().map(&mut witness).collect(), constants.iter().map(&mut witness).collect());
            let public_inputs = hash.elements.map(|x| Lazy::witness(&mut system, x));
            let row = Row { constants: &constants, wires: &wires, public_inputs: &public_inputs };
            let before = system.constraints();
            let constraints = gates::evaluate(&mut system, &gate, row).unwrap();
            let constraints = narrowed(&mut system, constraints);
            println!("{:>6} constraints: {}", system.constraints() - before, gate.0.id());
            let got: Vec<Native> = (0..constraints.plain.len())
                .map(|j| {
                    let scaled = constraints.scaled.iter().map(|(factor, terms)| factor.value() * terms[j].value());
                    constraints.plain[j].value() + scaled.sum::<Native>()
                })
                .collect();
            assert_eq!(got, expected, "{}", gate.0.id());
            assert!(system.is_satisfied());
        }
    }
}
