//! The consumer's commitment comes before the bus challenges, or nothing is bound.

use super::{Argument, Outcome, Read, Transcript, Witness, commitment, fold, messages, read, shape, verify};
use crate::F;
use crate::keccak::extension::Ext;
use crate::keccak::prover::bus_sum;
use crate::keccak::table::Table;
use crate::keccak::verifier::native::verify_with;
use plonky2::field::extension::FieldExtension;
use plonky2::field::types::Field;

/// Another reading with the same fold at a known α: one digest byte is raised by one, and two message
/// coefficients make up for it (both coordinates of the extension give one linear equation each).
pub fn forge(challenges: crate::keccak::Challenges, honest: &[Read]) -> Vec<Read> {
    let mut forged = honest.to_vec();
    let last = forged.len() - 1;
    forged[last].digest[0] += F::ONE;
    let difference = fold(challenges, honest) - fold(challenges, &forged);
    let effect = |k: usize| {
        let mut bumped = forged.clone();
        bumped[last].bytes[k] += F::ONE;
        let effect: Ext = fold(challenges, &bumped) - fold(challenges, &forged);
        effect.to_basefield_array()
    };
    let ([a0, a1], [b0, b1], [d0, d1]) = (effect(0), effect(1), difference.to_basefield_array());
    let determinant = (a0 * b1 - a1 * b0).inverse();
    forged[last].bytes[0] += (d0 * b1 - d1 * b0) * determinant;
    forged[last].bytes[1] += (a0 * d1 - a1 * d0) * determinant;
    forged
}

#[test]
fn a_reading_cannot_be_forged_against_challenges_fixed_in_advance() -> Outcome {
    let shape = shape(4)?;
    let messages = messages(&[40, 150]);
    let honest = read(&messages);
    let table = Table::new(&shape, &messages)?;
    let argument = Argument::from_table(&shape, table.clone());

    // a transcript that does not absorb what the consumer reads: its challenges are known beforehand
    let fixed = Transcript::start(&shape, argument.cap(), Default::default());
    let forged = forge(fixed.1, &honest);
    assert_ne!(forged, honest);
    let sum = bus_sum(fixed.1, &table);
    let proof = argument.prove_with(fixed.clone(), &Witness { bits: &table, bytes: &table, sum })?;
    let bus = verify_with(&shape, fixed, &proof, |_| false)?;
    assert_eq!(bus.sum, fold(bus.challenges, &forged), "the forged reading passes");

    // with the reading absorbed, the same proof does not verify
    assert!(verify(&shape, commitment(&forged), &proof).is_err());
    // and a proof made for the forged reading has another sum than its fold
    let proof = argument.prove(commitment(&forged))?;
    let bus = verify(&shape, commitment(&forged), &proof)?;
    assert_ne!(bus.sum, fold(bus.challenges, &forged));
    Ok(())
}

#[test]
fn challenges_follow_every_committed_byte() -> Outcome {
    let shape = shape(4)?;
    let lists = [messages(&[40, 150]), messages(&[40, 151])];
    let arguments = [Argument::commit(&shape, &lists[0])?, Argument::commit(&shape, &lists[1])?];
    let readings = lists.map(|list| commitment(&read(&list)));
    let drawn: Vec<_> =
        arguments.iter().flat_map(|argument| readings.map(|reading| argument.challenges(reading))).collect();
    for (k, challenges) in drawn.iter().enumerate() {
        assert!(!drawn[..k].contains(challenges));
    }
    Ok(())
}
