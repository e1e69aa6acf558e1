//! Attacks on rounds, lookup and opening.

use super::{
    Argument, Check, KeccakError, KeccakShape, Outcome, Read, Table, Transcript, Witness, assert_only_stops,
    commitment, fold, messages, read, read_with, shape, verify, verify_with,
};
use crate::F;
use crate::keccak::extension::Ext;
use crate::keccak::permutation::{ROUNDS, round};
use crate::keccak::proof::{KeccakProof, Sumcheck};
use crate::keccak::prover::opening;
use crate::keccak::shape::{COLUMNS, RATE_LANES, START};
use crate::keccak::table::input_state;
use plonky2::field::types::Field;

#[test]
fn a_flipped_state_bit_is_found_in_its_round() -> Outcome {
    let shape = shape(4)?;
    let messages = messages(&[20, 300]);
    let mut table = Table::new(&shape, &messages)?;
    // one bit of the last block's state before round 12, and all that follows from it
    let row = shape.capacity() - 1;
    table.states[12][row][7] ^= 1 << 33;
    for r in 12..ROUNDS {
        table.states[r + 1][row] = round(&table.states[r][row], r);
    }
    let output = table.states[ROUNDS][row];
    table.rows[row + 1][RATE_LANES..RATE_LANES + 25].copy_from_slice(&output);
    // the row after is a filler that goes on from there
    let table = continue_from(table, row + 1);
    let reading = read_with(&messages, &table);
    assert_ne!(reading, read(&messages));
    assert_only_stops(|check| check == Check::Chi(11), &shape, &table, &reading)
}

/// Runs the fillers from row `from` around to the first message again.
fn continue_from(mut table: Table, from: usize) -> Table {
    let count = table.rows.len();
    let first = table.rows.iter().position(|row| row[START] != 0).unwrap_or(0);
    for i in (from..count).chain(0..first) {
        let mut state = input_state(&table.rows[i]);
        for r in 0..=ROUNDS {
            table.states[r][i] = state;
            if r < ROUNDS {
                state = round(&state, r);
            }
        }
        table.rows[(i + 1) % count][RATE_LANES..RATE_LANES + 25].copy_from_slice(&state);
    }
    table
}

/// Proofs whose committed lanes differ from what the layers ran on.
struct Committed {
    shape: KeccakShape,
    honest: Table,
    reading: Vec<Read>,
}

impl Committed {
    fn new() -> Result<Self, KeccakError> {
        let shape = shape(4)?;
        let messages = messages(&[20, 300]);
        Ok(Self { shape, honest: Table::new(&shape, &messages)?, reading: read(&messages) })
    }

    fn check(&self, argument: &Argument, bytes: &Table, check: Check, ignored: fn(Check) -> bool) -> Outcome {
        let commitment = commitment(&self.reading);
        let start = Transcript::start(&self.shape, argument.cap(), commitment);
        let sum = fold(start.1, &self.reading);
        let proof = argument.prove_with(start.clone(), &Witness { bits: &self.honest, bytes, sum })?;
        match verify(&self.shape, commitment, &proof) {
            Err(KeccakError::Rejected(failed)) => assert_eq!(failed, check),
            other => panic!("a forged proof gave {other:?}"),
        }
        verify_with(&self.shape, start, &proof, ignored).map(|_| ())
    }
}

#[test]
fn committed_bytes_are_the_ones_that_were_hashed() -> Outcome {
    let case = Committed::new()?;
    for lane in [0, 16, RATE_LANES, RATE_LANES + 24, COLUMNS - 1] {
        let mut altered = case.honest.clone();
        altered.rows[13][lane] ^= 1 << 40;
        let argument = Argument::from_table(&case.shape, altered.clone());
        // looked up as hashed: the opening fails; looked up as committed: the bits differ
        case.check(&argument, &case.honest, Check::Opening, |check| check == Check::Opening)?;
        case.check(&argument, &altered, Check::Bytes, |check| check == Check::Bytes)?;
    }
    Ok(())
}

#[test]
fn committed_values_are_bytes() -> Outcome {
    let case = Committed::new()?;
    let mut argument = Argument::from_table(&case.shape, case.honest.clone());
    let mut lanes: Vec<Vec<F>> = argument.lanes.polynomials.iter().map(|p| p.coeffs.clone()).collect();
    lanes[3][8 * 13] += F::from_canonical_u64(256);
    argument.lanes = opening::commit(&case.shape, lanes);
    case.check(&argument, &case.honest, Check::Opening, |check| check == Check::Opening)
}

#[test]
fn every_message_is_needed() -> Outcome {
    let shape = shape(4)?;
    let messages = messages(&[20, 300]);
    let commitment = commitment(&read(&messages));
    let honest = Argument::commit(&shape, &messages)?.prove(commitment)?;
    verify(&shape, commitment, &honest)?;
    let rejected = |what: &str, alter: &dyn Fn(&mut KeccakProof)| {
        let mut proof = honest.clone();
        alter(&mut proof);
        assert_ne!(proof, honest, "{what} was not altered");
        assert!(verify(&shape, commitment, &proof).is_err(), "{what} altered");
    };
    let one = Ext::ONE;
    let bump = |values: &mut [Ext], k: usize| values[k] += one;
    for k in [0, 1, 25] {
        rejected("outputs", &|proof| bump(&mut proof.messages.outputs, k));
    }
    for r in [0, 11, 23] {
        for layer in 0..3 {
            alter_sumcheck(&|alter| {
                rejected("a layer of a round", &|proof| alter(&mut proof.messages.rounds[r][layer]));
            });
        }
    }
    for k in [0, 16, 17, 41, 42, 43] {
        rejected("sponge claims", &|proof| bump(&mut proof.messages.sponge.claims, k));
    }
    for round in [0, 5, 9] {
        for k in 0..4 {
            rejected("sponge rounds", &|proof| bump(&mut proof.messages.sponge.plain[round], k));
        }
    }
    for v in [0, 1, 128, 255] {
        rejected("byte values", &|proof| bump(&mut proof.messages.values, v));
    }
    for level in [0, 1, 7, 12] {
        for k in 0..4 {
            rejected("tree claims", &|proof| bump(&mut proof.messages.tree[level].claims, k));
        }
        if level > 0 {
            for k in 0..2 {
                rejected("tree rounds", &|proof| bump(&mut proof.messages.tree[level].factored[0], k));
            }
        }
    }
    for k in [0, 20, COLUMNS - 1, COLUMNS, COLUMNS + 1] {
        rejected("openings", &|proof| bump(&mut proof.messages.at_point, k));
        rejected("inverse openings", &|proof| bump(&mut proof.messages.at_inverse, k));
    }
    rejected("cap", &|proof| proof.cap.0[3].elements[1] += F::ONE);
    rejected("quotient cap", &|proof| proof.quotient_cap.0[0].elements[0] += F::ONE);
    rejected("final polynomial", &|proof| bump(&mut proof.fri.final_poly.coeffs, 2));
    rejected("query leaf", &|proof| {
        proof.fri.query_round_proofs[0].initial_trees_proof.evals_proofs[0].0[5] += F::ONE;
    });
    rejected("query path", &|proof| {
        proof.fri.query_round_proofs[1].initial_trees_proof.evals_proofs[1].1.siblings[0].elements[0] += F::ONE;
    });
    rejected("truncated", &|proof| {
        proof.messages.tree.pop();
    });
    rejected("truncated rounds", &|proof| {
        proof.messages.rounds.pop();
    });
    rejected("longer message", &|proof| proof.messages.rounds[0][0].factored[0].push(Ext::ZERO));
    rejected("short cap", &|proof| {
        proof.cap.0.pop();
    });
    rejected("fewer queries", &|proof| {
        proof.fri.query_round_proofs.pop();
    });
    rejected("longer leaf", &|proof| {
        proof.fri.query_round_proofs[0].initial_trees_proof.evals_proofs[1].0.push(F::ZERO);
    });
    rejected("shorter path", &|proof| {
        proof.fri.query_round_proofs[1].initial_trees_proof.evals_proofs[0].1.siblings.pop();
    });
    Ok(())
}

/// A change of one layer's messages.
type Alteration<'a> = &'a dyn Fn(&mut Sumcheck<Ext>);

/// Calls `test` with alterations of every kind of message in a layer.
fn alter_sumcheck(test: &dyn Fn(Alteration<'_>)) {
    for k in [0, 2] {
        test(&|sumcheck| sumcheck.factored[1][k] += Ext::ONE);
        test(&|sumcheck| sumcheck.plain[2][k] += Ext::ONE);
    }
    for k in [0, 14] {
        test(&|sumcheck| sumcheck.claims[k] += Ext::ONE);
    }
}
