//! Honest proofs, natively.

use super::{Argument, KeccakError, Outcome, commitment, fold, messages, shape};
use crate::keccak::{KeccakShape, verify};
use crate::security::Profile;
use gavel_types::statement::Kind;

#[test]
fn every_block_border_is_proven() -> Outcome {
    let shape = shape(5)?;
    let messages = messages(&[0, 1, 32, 135, 136, 137, 271, 272, 273, 407, 408, 532]);
    let argument = Argument::commit(&shape, &messages)?;
    let commitment = commitment(&messages);
    let proof = argument.prove(commitment)?;
    let bus = verify(&shape, commitment, &proof)?;
    assert_eq!(bus.challenges, argument.challenges(commitment));
    assert_eq!(bus.sum, fold(bus.challenges, &messages));
    Ok(())
}

#[test]
fn full_and_nearly_empty_shapes_are_proven() -> Outcome {
    let shape = shape(4)?;
    for lengths in [vec![10; 15], vec![15 * 136 - 1], vec![0]] {
        let messages = messages(&lengths);
        let commitment = commitment(&messages);
        let proof = Argument::commit(&shape, &messages)?.prove(commitment)?;
        let bus = verify(&shape, commitment, &proof)?;
        assert_eq!(bus.sum, fold(bus.challenges, &messages));
    }
    Ok(())
}

#[test]
fn another_shape_profile_kind_or_consumer_is_refused() -> Outcome {
    let honest = shape(4)?;
    let messages = messages(&[5, 200]);
    let read = commitment(&messages);
    let proof = Argument::commit(&honest, &messages)?.prove(read)?;
    assert!(verify(&honest, read, &proof).is_ok());
    let others = [
        KeccakShape::new(5, Profile::Test, Kind::Extract)?,
        KeccakShape::new(4, Profile::Production, Kind::Extract)?,
        KeccakShape::new(4, Profile::Test, Kind::Query)?,
    ];
    for other in others {
        assert!(verify(&other, read, &proof).is_err(), "{other:?}");
    }
    let other_reading = commitment(&messages[..1]);
    assert!(matches!(verify(&honest, other_reading, &proof), Err(KeccakError::Rejected(_))));
    Ok(())
}
