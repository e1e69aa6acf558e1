//! Constraints of plonky2's coset interpolation gate.
//!
//! The gate interpolates in segments: with `P(z) = prod (z - x_i)` and
//! `Q(z) = sum w_i v_i prod_{j != i} (z - x_j)` over the points of a segment, it continues
//! `(eval, prod)` by `(eval P(z) + prod Q(z), prod P(z))`. Points and weights are constants, so both
//! polynomials are evaluated from shared powers of z.

use gavel_circuits::{D, F};
use plonky2::field::types::Field;
use plonky2::gates::coset_interpolation::CosetInterpolationGate;

use super::algebra::Algebra;
use super::extension::Ext;
use super::gates::Row;
use super::system::System;

/// The constraints, in plonky2's order.
pub fn evaluate(system: &mut System, gate: &CosetInterpolationGate<F, D>, row: Row) -> Vec<Ext> {
    let points = 1 << gate.subgroup_bits;
    let intermediates = (points - 2) / (gate.degree - 1);
    let value = |i: usize| row.algebra(1 + D * i);
    let point_wire = 1 + D * points;
    let intermediate = point_wire + 2 * D;
    let shift = &row.wires[0];
    let z = row.algebra(intermediate + 2 * D * intermediates);
    let shifted = Algebra(z.0.each_ref().map(|coordinate| coordinate.times(system, shift, 0)));
    let mut constraints: Vec<Ext> = row.algebra(point_wire).minus(&shifted).0.into();

    let mut powers = vec![Algebra::constant(F::ONE), z.clone()];
    while powers.len() <= gate.degree {
        let next = powers[powers.len() - 1].times(system, &z).reduce(system);
        powers.push(next);
    }
    let domain = F::two_adic_subgroup(gate.subgroup_bits);
    let mut state: Option<(Algebra, Algebra)> = None;
    let mut start = 0;
    for segment in 0..=intermediates {
        let end = (1 + (gate.degree - 1) * (segment + 1)).min(points);
        let (vanishing, quotients) = segment_polynomials(&domain[start..end]);
        let p = vanishing.iter().zip(&powers).fold(zero(), |sum, (c, power)| sum.plus(&power.scaled(*c)));
        let mut q = zero();
        for (k, power) in powers[..end - start].iter().enumerate() {
            let coefficient = (start..end).fold(zero(), |sum, i| {
                sum.plus(&value(i).scaled(quotients[i - start][k] * gate.barycentric_weights[i]))
            });
            q = q.plus(&power.times(system, &coefficient));
        }
        let (p, q) = (p.reduce(system), q.reduce(system));
        let (eval, prod) = match &state {
            None => (q, p),
            Some((eval, prod)) => {
                let continued = eval.times(system, &p).plus(&prod.times(system, &q));
                (continued, prod.times(system, &p))
            }
        };
        if segment == intermediates {
            constraints.extend(row.algebra(point_wire + D).minus(&eval).0);
        } else {
            let eval_wires = row.algebra(intermediate + D * segment);
            let prod_wires = row.algebra(intermediate + D * (intermediates + segment));
            constraints.extend(eval_wires.minus(&eval).0);
            constraints.extend(prod_wires.minus(&prod).0);
            state = Some((eval_wires, prod_wires));
        }
        start = end;
    }
    constraints
}

fn zero() -> Algebra {
    Algebra::base(Ext::zero())
}

/// Coefficients of `prod (z - x_i)`, and of the same without each point.
fn segment_polynomials(points: &[F]) -> (Vec<F>, Vec<Vec<F>>) {
    let product = |skipped: Option<usize>| {
        let factors = points.iter().enumerate().filter(|(i, _)| Some(*i) != skipped);
        factors.fold(vec![F::ONE], |polynomial, (_, x)| {
            let mut next = vec![F::ZERO; polynomial.len() + 1];
            for (k, coefficient) in polynomial.iter().enumerate() {
                next[k + 1] += *coefficient;
                next[k] -= *coefficient * *x;
            }
            next
        })
    };
    (product(None), (0..points.len()).map(|i| product(Some(i))).collect())
}
