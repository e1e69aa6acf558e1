//! Tests of the whole argument: small shapes, test profile.

mod roundtrip;

use super::extension::Ext;
use super::stream::{Challenges, Stream, fingerprint};
use super::{Argument, KeccakError, KeccakShape};
use crate::F;
use crate::security::Profile;
use alloy_primitives::keccak256;
use gavel_types::statement::Kind;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::config::Hasher;

type Outcome = Result<(), KeccakError>;

fn shape(log: usize) -> Result<KeccakShape, KeccakError> {
    KeccakShape::new(log, Profile::Test, Kind::Extract)
}

/// Messages of these lengths with distinct contents.
fn messages(lengths: &[usize]) -> Vec<Vec<u8>> {
    lengths.iter().enumerate().map(|(m, &n)| (0..n).map(|k| (k * 31 + 7 * m + n) as u8).collect()).collect()
}

/// What a consumer that read these messages commits to: every length, byte and digest byte.
fn commitment(messages: &[Vec<u8>]) -> HashOut<F> {
    let read: Vec<F> = messages
        .iter()
        .flat_map(|message| {
            let digest = keccak256(message);
            let bytes = message.iter().chain(&digest.0).map(|&b| F::from_canonical_u8(b));
            std::iter::once(F::from_canonical_usize(message.len())).chain(bytes.collect::<Vec<F>>())
        })
        .collect();
    PoseidonHash::hash_no_pad(&read)
}

/// The consumer's fold of messages with their true digests.
fn fold(challenges: Challenges, messages: &[Vec<u8>]) -> Ext {
    let mut stream = Stream::new(challenges);
    for message in messages {
        let digest = fingerprint(challenges.alpha, &keccak256(message).0);
        stream.absorb(message.len(), fingerprint(challenges.alpha, message), digest);
    }
    stream.value()
}
