//! The one shape of shrunk proofs: gates, degree and FRI parameters fixed per profile.

use std::sync::OnceLock;

use plonky2::gates::gate::GateRef;
use plonky2::gates::noop::NoopGate;
use plonky2::plonk::circuit_data::CircuitConfig;

use super::PUBLIC_INPUTS;
use crate::circuit::{self, Circuit, Common};
use crate::error::CircuitError;
use crate::preprocess::Finish;
use crate::security::Profile;
use crate::{Builder, D, F};

/// Rows that [`circuit::build`] adds to what a builder holds: public-input hash and gate, and the
/// constants that no gate has room for.
const CLOSING_ROWS: usize = 8;

/// log2 of the rows of a shrunk proof. One proof of 2^14 rows must be verifiable in it
/// (`docs/circuits/recursion.md` has the measured counts).
pub const fn degree_bits(profile: Profile) -> usize {
    match profile {
        Profile::Production => 13,
        Profile::Test => 11,
    }
}

/// The shape of every shrunk proof of a profile, with its nine public inputs.
pub fn common(profile: Profile) -> &'static Common {
    static PRODUCTION: OnceLock<Common> = OnceLock::new();
    static TEST: OnceLock<Common> = OnceLock::new();
    let cell = match profile {
        Profile::Production => &PRODUCTION,
        Profile::Test => &TEST,
    };
    cell.get_or_init(|| padded_shape(profile, &gates(profile), PUBLIC_INPUTS))
}

/// Brings a builder to the common shape and builds it: the fixed gate set is registered, and rows
/// are added up to the fixed degree. With [`PUBLIC_INPUTS`] public inputs the result has exactly
/// the shape [`common`].
///
/// # Errors
/// [`CircuitError::TooManyRows`] when the circuit does not fit, [`CircuitError::Shape`] when it
/// uses a gate outside the fixed set, and what `finish` fails with.
pub fn build(profile: Profile, name: &str, mut b: Builder, finish: &dyn Finish) -> Result<Circuit, CircuitError> {
    if !fits(profile, &b) {
        let (rows, limit) = (b.num_gates() + CLOSING_ROWS, 1 << degree_bits(profile));
        return Err(CircuitError::TooManyRows { name: name.into(), rows, limit });
    }
    let expected = &common(profile).gates;
    pad(&mut b, expected, degree_bits(profile));
    let circuit = finish.finish(name, b)?;
    let same = &circuit.common.gates == expected && circuit.common.degree_bits() == degree_bits(profile);
    same.then_some(circuit).ok_or_else(|| CircuitError::Shape { name: name.into() })
}

/// Whether a builder's rows fit in the common shape.
pub fn fits(profile: Profile, b: &Builder) -> bool {
    b.num_gates() + CLOSING_ROWS <= 1 << degree_bits(profile)
}

/// Registers a gate set and fills rows so that the circuit has exactly 2^`bits` of them.
fn pad(b: &mut Builder, gates: &[GateRef<F, D>], bits: usize) {
    gates.iter().for_each(|gate| b.add_gate_to_gate_set(gate.clone()));
    while b.num_gates() <= 1 << (bits - 1) {
        b.add_gate(NoopGate, vec![]);
    }
}

/// An otherwise empty circuit of the given gates and degree.
fn padded_shape(profile: Profile, gates: &[GateRef<F, D>], public_inputs: usize) -> Common {
    let mut b = Builder::new(profile.recursion_config());
    (0..public_inputs).for_each(|_| {
        b.add_virtual_public_input();
    });
    pad(&mut b, gates, degree_bits(profile));
    circuit::shape_of(b)
}

/// The gates of a verifier of its own shape: verify an empty circuit, then a circuit with the
/// gates of that verifier; a third round adds nothing, which the tests check. Which gates a
/// verifier uses does not depend on the number of queries, so one query finds them all (and the
/// constant gate, which many queries make unnecessary).
fn gates(profile: Profile) -> Vec<GateRef<F, D>> {
    let mut config = profile.recursion_config();
    config.fri_config.num_query_rounds = 1;
    config.security_bits = 0;
    let first = verifier_gates(&config, &[]);
    verifier_gates(&config, &first)
}

fn verifier_gates(config: &CircuitConfig, inner_gates: &[GateRef<F, D>]) -> Vec<GateRef<F, D>> {
    let mut inner = Builder::new(config.clone());
    pad(&mut inner, inner_gates, degree_bits(Profile::Test));
    let inner = circuit::shape_of(inner);
    let mut b = Builder::new(config.clone());
    let proof = circuit::add_proof(&mut b, &inner);
    let key = circuit::add_key(&mut b, &inner);
    circuit::verify_in_circuit(&mut b, &proof, &key, &inner);
    circuit::shape_of(b).gates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_set_is_a_fixed_point() {
        for profile in [Profile::Test, Profile::Production] {
            let gates = gates(profile);
            // Without a constant gate where the other gates have room for all constants.
            let used = verifier_gates(&profile.recursion_config(), &gates);
            assert!(used.iter().all(|gate| gates.contains(gate)));
            assert_eq!(common(profile).degree_bits(), degree_bits(profile));
        }
    }

    /// The largest proof that one production shrink has to take: 2^14 rows.
    #[test]
    fn a_production_proof_of_twice_the_size_can_be_verified_in_the_shape() {
        let profile = Profile::Production;
        let mut inner = Builder::new(profile.recursion_config());
        (0..PUBLIC_INPUTS).for_each(|_| {
            inner.add_virtual_public_input();
        });
        pad(&mut inner, &common(profile).gates, degree_bits(profile) + 1);
        let inner = circuit::shape_of(inner);
        let mut b = Builder::new(profile.recursion_config());
        let proof = circuit::add_proof(&mut b, &inner);
        let key = circuit::add_key(&mut b, &inner);
        circuit::verify_in_circuit(&mut b, &proof, &key, &inner);
        assert!(fits(profile, &b), "{} rows", b.num_gates());
    }
}
