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

/// Constants of the row, if the gate has any: 5, 6, …
fn constants(gate: &dyn Gate<F, D>) -> Vec<Ext> {
    (5..).take(gate.num_constants()).map(Ext::from_canonical_usize).collect()
}

fn evaluate(gate: &dyn Gate<F, D>, wires: &[Ext]) -> Vec<Ext> {
    let (local_constants, public_inputs_hash) = (&constants(gate)[..], &HashOut::ZERO);
    gate.eval_unfiltered(EvaluationVars { local_constants, local_wires: wires, public_inputs_hash })
}

pub fn check<G: Gate<F, D>>(gate: &G) {
    base_points(gate);
    degrees(gate);
    circuits(gate);
}

/// Enough that the packed evaluation has a full vector and a rest.
const POINTS: usize = 7;

/// Base-field points, one by one and together.
fn base_points(gate: &dyn Gate<F, D>) {
    let (points, wires) = (POINTS, gate.num_wires());
    let values: Vec<F> = F::rand_vec(points * wires);
    let constants: Vec<F> = constants(gate).iter().flat_map(|constant| [constant.0[0]; POINTS]).collect();
    let batch = EvaluationVarsBaseBatch::new(points, &constants, &values, &HashOut::ZERO);
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
    let constants: Vec<_> = constants(gate).iter().map(|value| b.constant_extension(*value)).collect();
    let public_inputs_hash = &b.constant_hash(HashOut::ZERO);
    let vars = EvaluationTargets { local_constants: &constants, local_wires: &wires, public_inputs_hash };
    let got = gate.eval_unfiltered_circuit(&mut b, vars);
    for (got, expected) in got.into_iter().zip(evaluate(gate, &values)) {
        let expected = b.constant_extension(expected);
        b.connect_extension(got, expected);
    }
    let built = circuit::build(b);
    circuit::prove(&built, PartialWitness::new()).unwrap();
}
