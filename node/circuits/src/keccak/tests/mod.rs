//! Tests of the whole argument: small shapes, test profile.

mod binding;
mod circuit;
mod reader;
mod roundtrip;
mod sponge;
mod states;

use super::error::Check;
use super::extension::Ext;
use super::prover::{Argument, Witness};
use super::shape::{COLUMNS, KeccakShape};
use super::stream::{Challenges, Stream, fingerprint};
use super::table::Table;
use super::transcript::Transcript;
use super::verifier::native::verify_with;
use super::{DIGEST_BYTES, KeccakError, verify};
use crate::F;
use crate::security::Profile;
use alloy_primitives::keccak256;
use gavel_types::statement::Kind;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::config::Hasher;

type Outcome = Result<(), KeccakError>;

/// One message as a consumer read it. Bytes are field elements: nothing stops a consumer's witness
/// from holding others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    bytes: Vec<F>,
    digest: Vec<F>,
}

impl Read {
    fn new(message: &[u8], digest: [u8; DIGEST_BYTES]) -> Self {
        let elements = |bytes: &[u8]| bytes.iter().map(|&byte| F::from_canonical_u8(byte)).collect();
        Self { bytes: elements(message), digest: elements(&digest) }
    }
}

fn shape(log: usize) -> Result<KeccakShape, KeccakError> {
    KeccakShape::new(log, Profile::Test, Kind::Extract)
}

/// Messages of these lengths with distinct contents.
fn messages(lengths: &[usize]) -> Vec<Vec<u8>> {
    lengths.iter().enumerate().map(|(m, &n)| (0..n).map(|k| (k * 31 + 7 * m + n) as u8).collect()).collect()
}

/// A true reading of the messages.
fn read(messages: &[Vec<u8>]) -> Vec<Read> {
    messages.iter().map(|message| Read::new(message, keccak256(message).0)).collect()
}

/// A reading of the messages with the digests that a table offers.
fn read_with(messages: &[Vec<u8>], table: &Table) -> Vec<Read> {
    messages.iter().zip(table.digests()).map(|(message, digest)| Read::new(message, digest)).collect()
}

/// What a consumer commits to: every length, byte and digest byte.
fn commitment(reading: &[Read]) -> HashOut<F> {
    let all: Vec<F> = reading
        .iter()
        .flat_map(|read| {
            let length = F::from_canonical_usize(read.bytes.len());
            std::iter::once(length).chain(read.bytes.clone()).chain(read.digest.clone())
        })
        .collect();
    PoseidonHash::hash_no_pad(&all)
}

/// `Σ elements[k] α^{len-1-k}`.
fn fold_elements(alpha: Ext, elements: &[F]) -> Ext {
    elements.iter().fold(Ext::ZERO, |sum, &element| sum * alpha + Ext::from(element))
}

/// The consumer's fold.
fn fold(challenges: Challenges, reading: &[Read]) -> Ext {
    let mut stream = Stream::new(challenges);
    for read in reading {
        let [message, digest] = [&read.bytes, &read.digest].map(|v| fold_elements(challenges.alpha, v));
        stream.absorb(read.bytes.len(), message, digest);
    }
    stream.value()
}

#[test]
fn element_and_byte_fingerprints_agree() {
    let alpha = Ext::from(F::from_canonical_u64(123_456_789));
    let message = &messages(&[50])[0];
    assert_eq!(fingerprint(alpha, message), fold_elements(alpha, &read(std::slice::from_ref(message))[0].bytes));
}

/// A dishonest prover: commits to `table`, claims the consumer's fold as bus sum, and otherwise follows
/// the protocol. The verifier must name `check`; without that check it must accept the same proof.
fn assert_only_stops(check: fn(Check) -> bool, shape: &KeccakShape, table: &Table, reading: &[Read]) -> Outcome {
    let argument = Argument::from_table(shape, table.clone());
    let commitment = commitment(reading);
    let start = Transcript::start(shape, argument.cap(), commitment);
    let sum = fold(start.1, reading);
    let proof = argument.prove_with(start.clone(), &Witness { bits: table, bytes: table, sum })?;
    match verify(shape, commitment, &proof) {
        Err(KeccakError::Rejected(failed)) => assert!(check(failed), "rejected by {failed:?}"),
        other => panic!("a forged proof gave {other:?}"),
    }
    let bus = verify_with(shape, start, &proof, check)?;
    assert_eq!(bus.sum, fold(bus.challenges, reading));
    Ok(())
}

fn is_sponge(check: Check) -> bool {
    check == Check::Sponge
}

/// Rows of an honest table.
fn rows(shape: &KeccakShape, messages: &[Vec<u8>]) -> Result<Vec<[u64; COLUMNS]>, KeccakError> {
    Ok(Table::new(shape, messages)?.rows)
}
