//! What the error terms count in a circuit, bounded for all circuits of the stack.

use plonky2::gates::gate::Gate;
use plonky2::gates::poseidon::PoseidonGate;

use crate::circuit::Common;
use crate::extract::machine::{Row, RowGate};
use crate::gates::{BorrowGate, WindowGate};
use crate::sha256::gate::{Sha256Gate, Step};
use crate::{D, F};

/// Routed wires of recursion circuits; the final layer has fewer.
pub const ROUTED_WIRES: usize = 80;
/// Largest degree of a constraint, and number of chunks of a quotient.
pub const QUOTIENT_DEGREE: usize = 8;
/// Looked-up values in a row of a lookup gate: two routed wires each.
pub const LOOKUPS_PER_ROW: usize = ROUTED_WIRES / 2;
/// Lookup tables of one circuit.
const TABLES: usize = 1;
/// Constants, wiring, wires, products and quotients of a plonk layer with lookups, both openings.
const POLYNOMIALS: usize = 350;

/// What the terms of a plonk layer count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Constraints of the largest gate.
    pub gate: usize,
    /// Constraints that powers of one challenge combine.
    pub batched: usize,
    /// Polynomials that FRI combines, once for each point at which they are opened.
    pub polynomials: usize,
    pub routed: usize,
    pub quotient_degree: usize,
}

impl Counts {
    /// Upper bounds for every circuit with so many challenges.
    pub fn bound(challenges: usize) -> Self {
        let gate = gate_constraints();
        let sums = LOOKUPS_PER_ROW.div_ceil(QUOTIENT_DEGREE - 1);
        let argument = permutation_constraints(ROUTED_WIRES / QUOTIENT_DEGREE) + lookup_constraints(TABLES, sums);
        Counts {
            gate,
            batched: gate + challenges * argument,
            polynomials: POLYNOMIALS,
            routed: ROUTED_WIRES,
            quotient_degree: QUOTIENT_DEGREE,
        }
    }

    /// The counts of one circuit.
    pub fn of(common: &Common) -> Self {
        let (config, challenges) = (&common.config, common.config.num_challenges);
        let lookups = match common.num_lookup_polys {
            0 => 0,
            polynomials => lookup_constraints(common.luts.len(), polynomials - 1),
        };
        let argument = permutation_constraints(common.num_partial_products + 1) + lookups;
        let products = 1 + common.num_partial_products;
        // Products and sums of lookups are opened at the next row too, partial products are not.
        let own = products + common.quotient_degree_factor + common.num_lookup_polys;
        let next = 1 + common.num_lookup_polys;
        Counts {
            gate: common.num_gate_constraints,
            batched: common.num_gate_constraints + challenges * argument,
            polynomials: common.num_constants + config.num_routed_wires + config.num_wires + challenges * (own + next),
            routed: config.num_routed_wires,
            quotient_degree: common.quotient_degree_factor,
        }
    }

    /// Whether nothing of `other` is above these.
    pub fn cover(&self, other: &Counts) -> bool {
        self.gate >= other.gate
            && self.batched >= other.batched
            && self.polynomials >= other.polynomials
            && self.routed >= other.routed
            && self.quotient_degree >= other.quotient_degree
    }
}

/// Constraints of one permutation argument: the first row, and one for each chunk of wires.
const fn permutation_constraints(chunks: usize) -> usize {
    1 + chunks
}

/// Constraints of one lookup argument with so many tables and polynomials of sums, as plonky2's
/// `check_lookup_constraints` lists them.
const fn lookup_constraints(tables: usize, sums: usize) -> usize {
    4 + tables + 2 * sums
}

/// Constraints of the largest gate: of ours, and of plonky2's largest.
fn gate_constraints() -> usize {
    let rows = Row::ALL.map(|row| RowGate::new(row).num_constraints());
    let hashes = [Step::Schedule, Step::Lower, Step::Upper].map(|step| Sha256Gate(step).num_constraints());
    let others = [
        Gate::<F, D>::num_constraints(&PoseidonGate::<F, D>::new()),
        BorrowGate.num_constraints(),
        WindowGate.num_constraints(),
    ];
    rows.into_iter().chain(hashes).chain(others).fold(0, usize::max)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use plonky2::field::types::Field;
    use plonky2::hash::hash_types::HashOut;
    use plonky2::hash::merkle_tree::MerkleCap;

    use super::*;
    use crate::circuit::{self, Circuit, VerifierKey};
    use crate::extract::{ExtractCircuit, ExtractShape};
    use crate::preprocess::Finish;
    use crate::query::{AnswerCircuit, MergeCircuit, QueryCircuit, QueryShape};
    use crate::recursion::chain::Chain;
    use crate::recursion::shape;
    use crate::security::Profile;
    use crate::statement_layer::StatementLayer;
    use crate::{Builder, CircuitError};

    /// Notes the shape of what it is given, and builds nothing.
    #[derive(Default)]
    struct Survey(Mutex<Vec<(String, Common)>>);

    impl Finish for Survey {
        fn finish(&self, name: &str, builder: Builder) -> Result<Circuit, CircuitError> {
            self.0.lock().unwrap().push((name.into(), circuit::shape_of(builder)));
            Err(CircuitError::Store("only the shape is wanted".into()))
        }
    }

    /// Every base circuit of the production profile, and the first step that shrinks each.
    fn production_circuits() -> Vec<(String, Common)> {
        let profile = Profile::Production;
        let survey = Survey::default();
        for shape in [ExtractShape::small(profile), ExtractShape::large(profile)] {
            assert!(ExtractCircuit::build_with(shape.unwrap(), &survey).is_err());
        }
        for shape in [QueryShape::STANDARD, QueryShape::WIDE] {
            assert!(QueryCircuit::build(profile, shape, &survey).is_err());
        }
        assert!(MergeCircuit::build(profile, &survey).is_err());
        assert!(AnswerCircuit::build(profile, &survey).is_err());
        assert!(StatementLayer::build_with(profile, &survey).is_err());
        let bases = survey.0.lock().unwrap().clone();
        assert_eq!(bases.len(), 7);
        let zero = HashOut { elements: [F::ZERO; 4] };
        let key = VerifierKey { constants_sigmas_cap: MerkleCap(vec![zero; 16]), circuit_digest: zero };
        for (name, common) in &bases {
            assert!(Chain::build(profile, name, None, (common, &key), &survey).is_err());
        }
        let mut all = survey.0.into_inner().unwrap();
        assert_eq!(all.len(), 14);
        all.push(("common shape".into(), shape::common(profile).clone()));
        all
    }

    #[test]
    fn the_bounds_cover_every_production_circuit() {
        let bound = Counts::bound(Profile::Production.recursion_config().num_challenges);
        let circuits = production_circuits();
        for (name, common) in &circuits {
            let counts = Counts::of(common);
            println!("{name}: 2^{} rows, {counts:?}", common.degree_bits());
            assert!(bound.cover(&counts), "{name}: {counts:?} above {bound:?}");
        }
        // The bound of a gate is that of a gate in use, not merely above it.
        let largest = circuits.iter().map(|(_, common)| common.num_gate_constraints).max();
        assert_eq!(largest, Some(bound.gate));
    }
}
