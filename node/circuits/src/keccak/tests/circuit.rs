//! The verifier and a consumer in a circuit. Proof tampers must stop witness generation (a connected
//! pair of values differs); values changed after generation must stop the proof.

use super::binding::forge;
use super::reader::{Reader, Reading, Variant, commitment};
use super::{Argument, F, KeccakError, Outcome, Read, Table, Transcript, Witness, messages, read, shape};
use crate::D;
use crate::keccak::extension::Ext;
use crate::keccak::proof::KeccakProof;
use crate::keccak::prover::bus_sum;
use crate::keccak::{Challenges, KeccakShape};
use plonky2::field::types::Field;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::witness::{PartitionWitness, Witness as _};
use plonky2::plonk::prover::prove_with_partition_witness;
use plonky2::util::timing::TimingTree;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Two messages with an empty slot between them.
fn case() -> Result<(KeccakShape, Vec<Vec<u8>>, Reading), KeccakError> {
    let messages = messages(&[150, 33]);
    let [first, second] = [0, 1].map(|k| Some(read(&messages)[k].clone()));
    Ok((shape(4)?, messages, [first, None, second]))
}

fn proof_for(argument: &Argument, reading: &Reading) -> Result<KeccakProof, KeccakError> {
    argument.prove(commitment(reading))
}

/// Proves from a full witness as it stands; the prover may also refuse.
fn is_accepted(reader: &Reader, witness: PartitionWitness<'_, F>) -> bool {
    let data = &reader.data;
    let prove = || {
        prove_with_partition_witness(&data.prover_only, &data.common, witness, &mut TimingTree::default())
            .is_ok_and(|proof| data.verify(proof).is_ok())
    };
    catch_unwind(AssertUnwindSafe(prove)).unwrap_or(false)
}

/// Overwrites a value and every copy of it.
fn overwrite(witness: &mut PartitionWitness<'_, F>, target: ExtensionTarget<D>, value: Ext) {
    for (target, value) in target.0.into_iter().zip(value.0) {
        let index = witness.representative_map[target.index(witness.num_wires, witness.degree)];
        witness.values[index] = Some(value);
    }
}

#[test]
fn an_honest_reading_is_proven_and_altered_values_are_not() -> Outcome {
    let (shape, messages, reading) = case()?;
    let reader = Reader::build(&shape, Variant::Complete);
    let argument = Argument::commit(&shape, &messages)?;
    let proof = proof_for(&argument, &reading)?;
    let witness = reader.witness(&proof, &reading)?;
    let challenges = argument.challenges(commitment(&reading));
    assert_eq!(witness.get_extension_target(reader.bus.alpha), challenges.alpha);
    assert_eq!(witness.get_extension_target(reader.bus.beta), challenges.beta);
    assert!(is_accepted(&reader, witness.clone()));

    // values changed after generation: a challenge that was not derived, a fold that was not computed
    for target in [reader.bus.alpha, reader.folded] {
        let mut altered = witness.clone();
        overwrite(&mut altered, target, witness.get_extension_target(target) + Ext::ONE);
        assert!(!is_accepted(&reader, altered));
    }
    Ok(())
}

#[test]
fn every_kind_of_message_is_constrained() -> Outcome {
    let (shape, messages, reading) = case()?;
    let reader = Reader::build(&shape, Variant::Complete);
    let honest = proof_for(&Argument::commit(&shape, &messages)?, &reading)?;
    reader.witness(&honest, &reading)?;
    type Alter = (&'static str, fn(&mut KeccakProof));
    let alterations: [Alter; 16] = [
        ("bus sum", |p| p.messages.outputs[0] += Ext::ONE),
        ("output claim", |p| p.messages.outputs[9] += Ext::ONE),
        ("chi round", |p| p.messages.rounds[3][0].factored[1][2] += Ext::ONE),
        ("chi claim", |p| p.messages.rounds[23][0].claims[24] += Ext::ONE),
        ("apply round", |p| p.messages.rounds[0][1].plain[5][0] += Ext::ONE),
        ("apply claim", |p| p.messages.rounds[7][1].claims[14] += Ext::ONE),
        ("parity round", |p| p.messages.rounds[12][2].plain[0][5] += Ext::ONE),
        ("parity claim", |p| p.messages.rounds[23][2].claims[0] += Ext::ONE),
        ("sponge round", |p| p.messages.sponge.plain[4][1] += Ext::ONE),
        ("sponge claim", |p| p.messages.sponge.claims[42] += Ext::ONE),
        ("byte value", |p| p.messages.values[77] += Ext::ONE),
        ("tree root", |p| p.messages.tree[0].claims[0] += Ext::ONE),
        ("tree round", |p| p.messages.tree[9].factored[8][1] += Ext::ONE),
        ("opening", |p| p.messages.at_point[44] += Ext::ONE),
        ("cap", |p| p.cap.0[15].elements[3] += F::ONE),
        ("query", |p| p.fri.query_round_proofs[0].initial_trees_proof.evals_proofs[0].0[43] += F::ONE),
    ];
    for (what, alter) in alterations {
        let mut proof = honest.clone();
        alter(&mut proof);
        assert!(reader.witness(&proof, &reading).is_err(), "{what} altered");
    }
    Ok(())
}

/// Readings that differ from the messages proven.
fn false_readings(reading: &Reading) -> Vec<(&'static str, Reading)> {
    let altered = |alter: fn(&mut Reading)| {
        let mut altered = reading.clone();
        alter(&mut altered);
        altered
    };
    fn slot(reading: &mut Reading, k: usize, alter: fn(&mut Read)) {
        reading[k].as_mut().into_iter().for_each(alter);
    }
    vec![
        ("a byte", altered(|r| slot(r, 0, |read| read.bytes[140] += F::ONE))),
        ("a digest byte", altered(|r| slot(r, 2, |read| read.digest[31] += F::ONE))),
        ("a byte fewer", altered(|r| slot(r, 0, |read| read.bytes.truncate(149)))),
        ("a byte more", altered(|r| slot(r, 2, |read| read.bytes.push(F::ZERO)))),
        ("a message fewer", altered(|r| r[0] = None)),
        ("a message twice", altered(|r| r[1] = r[0].clone())),
        ("another order", altered(|r| r.swap(0, 2))),
    ]
}

#[test]
fn only_the_messages_proven_can_be_read() -> Outcome {
    let (shape, messages, reading) = case()?;
    let [complete, relaxed] = [Variant::Complete, Variant::WithoutEquality].map(|v| Reader::build(&shape, v));
    let argument = Argument::commit(&shape, &messages)?;
    for (what, reading) in false_readings(&reading) {
        let proof = proof_for(&argument, &reading)?;
        assert!(complete.witness(&proof, &reading).is_err(), "{what}");
        // the equality with the bus is what rejects
        relaxed.witness(&proof, &reading)?;
    }
    // where the empty slot stands does not matter
    let mut moved = reading;
    moved.swap(0, 1);
    complete.witness(&proof_for(&argument, &moved)?, &moved)?;
    Ok(())
}

#[test]
fn a_reading_forged_against_known_challenges_needs_the_commitment_left_out() -> Outcome {
    let (shape, messages, reading) = case()?;
    let table = Table::new(&shape, &messages)?;
    let argument = Argument::from_table(&shape, table.clone());
    let forged_at = |challenges: Challenges| -> Reading {
        let forged = forge(challenges, &read(&messages));
        let [first, second] = [0, 1].map(|k| Some(forged[k].clone()));
        [first, None, second]
    };

    // challenges that depend on nothing that was read
    let unbound = Reader::build(&shape, Variant::WithoutCommitment);
    let start = Transcript::unbound();
    let forged = forged_at(start.1);
    assert_ne!(forged, reading);
    let sum = bus_sum(start.1, &table);
    let proof = argument.prove_with(start, &Witness { bits: &table, bytes: &table, sum })?;
    let witness = unbound.witness(&proof, &forged)?;
    assert!(is_accepted(&unbound, witness));

    let complete = Reader::build(&shape, Variant::Complete);
    assert!(complete.witness(&proof, &forged).is_err());
    assert!(complete.witness(&proof_for(&argument, &forged)?, &forged).is_err());
    Ok(())
}
