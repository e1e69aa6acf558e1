//! Two gates for 32-bit limbs, for the row scan (`docs/circuits/query.md`, "Gates").
//!
//! Both hold a limb as sixteen base-4 digits on unrouted wires, each constrained to 0..4, which
//! bounds the limb to 32 bits at no routed cost.

mod borrow;
mod crumbs;
mod window;

pub use borrow::{BorrowGate, BorrowGenerator};
pub use window::{WindowGate, WindowGenerator};

#[cfg(test)]
mod conformance {
    //! What plonky2 expects of a gate: every evaluation gives the same constraints, and no
    //! constraint exceeds the declared degree.

    use plonky2::field::extension::Extendable;
    use plonky2::field::types::{Field, Sample};
    use plonky2::gates::gate::Gate;
    use plonky2::hash::hash_types::HashOut;
    use plonky2::iop::witness::PartialWitness;
    use plonky2::plonk::vars::{EvaluationTargets, EvaluationVars, EvaluationVarsBaseBatch};

    use crate::security::Profile;
    use crate::{Builder, D, F, circuit};

    type Ext = <F as Extendable<D>>::Extension;

    fn evaluate(gate: &dyn Gate<F, D>, wires: &[Ext]) -> Vec<Ext> {
        let public_inputs_hash = &HashOut::ZERO;
        gate.eval_unfiltered(EvaluationVars { local_constants: &[], local_wires: wires, public_inputs_hash })
    }

    pub fn check<G: Gate<F, D>>(gate: &G) {
        base_points(gate);
        degrees(gate);
        circuits(gate);
    }

    /// Base-field points, enough of them that the packed evaluation has a full vector and a rest.
    fn base_points(gate: &dyn Gate<F, D>) {
        let (points, wires) = (7, gate.num_wires());
        let values: Vec<F> = F::rand_vec(points * wires);
        let batch = EvaluationVarsBaseBatch::new(points, &[], &values, &HashOut::ZERO);
        let got = gate.eval_unfiltered_base_batch(batch);
        for point in 0..points {
            let at: Vec<Ext> = (0..wires).map(|wire| values[wire * points + point].into()).collect();
            for (constraint, expected) in evaluate(gate, &at).into_iter().enumerate() {
                assert_eq!(Ext::from(got[constraint * points + point]), expected);
            }
        }
    }

    /// On a random line, a polynomial of degree d has vanishing differences of order d + 1.
    fn degrees(gate: &dyn Gate<F, D>) {
        let (start, step) = (Ext::rand_vec(gate.num_wires()), Ext::rand_vec(gate.num_wires()));
        let mut rows: Vec<Vec<Ext>> = (0..gate.degree() + 2)
            .map(|t| {
                let t = Ext::from_canonical_usize(t);
                evaluate(gate, &start.iter().zip(&step).map(|(a, b)| *a + *b * t).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(rows[0].len(), gate.num_constraints());
        while rows.len() > 1 {
            rows = rows.windows(2).map(|w| w[0].iter().zip(&w[1]).map(|(a, b)| *b - *a).collect()).collect();
        }
        assert!(rows[0].iter().all(|difference| *difference == Ext::ZERO));
    }

    fn circuits(gate: &dyn Gate<F, D>) {
        let values = Ext::rand_vec(gate.num_wires());
        let mut b = Builder::new(Profile::Test.recursion_config());
        let wires: Vec<_> = values.iter().map(|value| b.constant_extension(*value)).collect();
        let public_inputs_hash = &b.constant_hash(HashOut::ZERO);
        let vars = EvaluationTargets { local_constants: &[], local_wires: &wires, public_inputs_hash };
        let got = gate.eval_unfiltered_circuit(&mut b, vars);
        for (got, expected) in got.into_iter().zip(evaluate(gate, &values)) {
            let expected = b.constant_extension(expected);
            b.connect_extension(got, expected);
        }
        let built = circuit::build(b);
        circuit::prove(&built, PartialWitness::new()).unwrap();
    }
}
