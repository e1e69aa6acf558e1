//! Honest proofs, natively.

use super::{Argument, KeccakError, KeccakShape, Outcome, commitment, fold, messages, read, shape, verify};
use crate::security::Profile;
use gavel_types::statement::Kind;

#[test]
fn every_block_border_is_proven() -> Outcome {
    let shape = shape(5)?;
    let messages = messages(&[0, 1, 32, 135, 136, 137, 271, 272, 273, 407, 408, 532]);
    let reading = read(&messages);
    let argument = Argument::commit(&shape, &messages)?;
    let commitment = commitment(&reading);
    let proof = argument.prove(commitment)?;
    let bus = verify(&shape, commitment, &proof)?;
    assert_eq!(bus.challenges, argument.challenges(commitment));
    assert_eq!(bus.sum, fold(bus.challenges, &reading));
    Ok(())
}

#[test]
fn full_and_nearly_empty_shapes_are_proven() -> Outcome {
    for (log, lengths) in [(4, vec![10; 15]), (4, vec![15 * 136 - 1]), (4, vec![0]), (6, vec![532; 15])] {
        let shape = shape(log)?;
        let messages = messages(&lengths);
        let reading = read(&messages);
        let commitment = commitment(&reading);
        let proof = Argument::commit(&shape, &messages)?.prove(commitment)?;
        let bus = verify(&shape, commitment, &proof)?;
        assert_eq!(bus.sum, fold(bus.challenges, &reading));
    }
    Ok(())
}

#[test]
fn another_shape_profile_kind_or_consumer_is_refused() -> Outcome {
    let honest = shape(4)?;
    let messages = messages(&[5, 200]);
    let reading = commitment(&read(&messages));
    let proof = Argument::commit(&honest, &messages)?.prove(reading)?;
    assert!(verify(&honest, reading, &proof).is_ok());
    let others = [
        KeccakShape::new(5, Profile::Test, Kind::Extract)?,
        KeccakShape::new(4, Profile::Production, Kind::Extract)?,
        KeccakShape::new(4, Profile::Test, Kind::Query)?,
    ];
    for other in others {
        assert!(verify(&other, reading, &proof).is_err(), "{other:?}");
    }
    let other_reading = commitment(&read(&messages[..1]));
    assert!(matches!(verify(&honest, other_reading, &proof), Err(KeccakError::Rejected(_))));
    Ok(())
}
