//! Constraints of plonky2's Poseidon gate: S-box inputs are wires, so every constraint is an affine
//! form in seventh powers of wires.

use gavel_circuits::F;
use plonky2::field::types::Field;
use plonky2::hash::poseidon::{HALF_N_FULL_ROUNDS, N_PARTIAL_ROUNDS, SPONGE_WIDTH};

use super::extension::Ext;
use super::gates::Row;
use super::poseidon::{PARTIAL, SECOND_HALF, State, mds, round_constant};
use super::system::System;

const SWAP: usize = 2 * SPONGE_WIDTH;
const DELTA: usize = SWAP + 1;
const FIRST_FULL: usize = DELTA + 4;
const PARTIAL_START: usize = FIRST_FULL + SPONGE_WIDTH * (HALF_N_FULL_ROUNDS - 1);
const SECOND_FULL: usize = PARTIAL_START + N_PARTIAL_ROUNDS;

/// The constraints, in plonky2's order.
pub fn evaluate(system: &mut System, row: Row) -> Vec<Ext> {
    let wires = row.wires;
    let swap = &wires[SWAP];
    let mut constraints = vec![swap.times(system, &swap.plus_constant(F::NEG_ONE), 0)];
    for i in 0..4 {
        let difference = wires[i + 4].minus(&wires[i]);
        constraints.push(swap.times(system, &difference, 0).minus(&wires[DELTA + i]));
    }
    let mut state: State<Ext> = std::array::from_fn(|i| {
        let input = match i {
            0..4 => wires[i].plus(&wires[DELTA + i]),
            4..8 => wires[i].minus(&wires[DELTA + i - 4]),
            _ => wires[i].clone(),
        };
        input.plus_constant(round_constant(0, i))
    });
    for round in 0..HALF_N_FULL_ROUNDS {
        if round > 0 {
            let start = FIRST_FULL + SPONGE_WIDTH * (round - 1);
            replace(&mut constraints, &mut state, &wires[start..]);
        }
        let next = (round + 1 < HALF_N_FULL_ROUNDS).then_some(round + 1);
        state = mds(&state.each_ref().map(|x| seventh_power(system, x)), next);
    }
    let mut basis: Vec<Ext> = state.iter().map(|x| x.reduce(system)).collect();
    for (form, wire) in PARTIAL.sbox_inputs.iter().zip(&wires[PARTIAL_START..]) {
        constraints.push(form.at(&basis[..]).minus(wire));
        let output = seventh_power(system, wire).reduce(system);
        basis.push(output);
    }
    state = std::array::from_fn(|i| PARTIAL.outputs[i].at(&basis[..]).plus_constant(round_constant(SECOND_HALF, i)));
    for round in 0..HALF_N_FULL_ROUNDS {
        replace(&mut constraints, &mut state, &wires[SECOND_FULL + SPONGE_WIDTH * round..]);
        let next = (round + 1 < HALF_N_FULL_ROUNDS).then_some(SECOND_HALF + round + 1);
        state = mds(&state.each_ref().map(|x| seventh_power(system, x)), next);
    }
    constraints.extend((0..SPONGE_WIDTH).map(|i| state[i].minus(&wires[SPONGE_WIDTH + i])));
    constraints
}

/// Constrains the state to the next wires and goes on with those.
fn replace(constraints: &mut Vec<Ext>, state: &mut State<Ext>, wires: &[Ext]) {
    for (element, wire) in state.iter_mut().zip(wires) {
        constraints.push(element.minus(wire));
        *element = wire.clone();
    }
}

/// x^7 with two reductions: x^2, then x^6.
fn seventh_power(system: &mut System, x: &Ext) -> Ext {
    let square = x.product(system, x);
    let sixth = Ext::triple(system, &square, &square, &square).reduce(system);
    sixth.times(system, x, 8)
}
