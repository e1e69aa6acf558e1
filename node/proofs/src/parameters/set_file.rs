//! The circuit set as bytes: for each circuit its kind, then digest and cap as u64, big-endian.

use gavel_circuits::F;
use gavel_circuits::circuit::VerifierKey;
use gavel_circuits::recursion::SetEntry;
use gavel_types::statement::Kind;
use plonky2::field::types::{Field, Field64, PrimeField64};
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::merkle_tree::MerkleCap;

/// Hashes of a cap.
const CAP: usize = 16;
/// Bytes of one circuit.
const ENTRY: usize = 1 + 32 * (1 + CAP);

/// Writes entries.
pub fn to_bytes(entries: &[SetEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ENTRY * entries.len());
    for SetEntry { kind, key } in entries {
        bytes.push(*kind as u8);
        for hash in std::iter::once(&key.circuit_digest).chain(&key.constants_sigmas_cap.0) {
            hash.elements.iter().for_each(|element| bytes.extend(element.to_canonical_u64().to_be_bytes()));
        }
    }
    bytes
}

/// Reads [`to_bytes`]; `None` for anything else.
pub fn from_bytes(bytes: &[u8]) -> Option<Vec<SetEntry>> {
    let (entries, []) = bytes.as_chunks::<ENTRY>() else { return None };
    entries.iter().map(read).collect()
}

fn read([kind, hashes @ ..]: &[u8; ENTRY]) -> Option<SetEntry> {
    let kind = Kind::try_from(u32::from(*kind)).ok()?;
    let elements: Option<Vec<F>> = hashes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| u64::from_be_bytes(*bytes))
        .map(|value| (value < F::ORDER).then(|| F::from_canonical_u64(value)))
        .collect();
    let mut hashes = elements?.chunks_exact(4).map(HashOut::from_partial).collect::<Vec<_>>();
    let circuit_digest = hashes.remove(0);
    Some(SetEntry { kind, key: VerifierKey { constants_sigmas_cap: MerkleCap(hashes), circuit_digest } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_read_back_and_nothing_else_does() {
        let hash = |value: u64| HashOut { elements: [0, 1, 2, 3].map(|i| F::from_canonical_u64(value + i)) };
        let key = VerifierKey {
            constants_sigmas_cap: MerkleCap((0..CAP as u64).map(hash).collect()),
            circuit_digest: hash(99),
        };
        let entries = [Kind::Extract, Kind::Answer].map(|kind| SetEntry { kind, key: key.clone() });
        let bytes = to_bytes(&entries);
        assert_eq!(from_bytes(&bytes).as_deref(), Some(&entries[..]));
        assert_eq!(from_bytes(&bytes[1..]), None);
        let mut unreduced = bytes.clone();
        unreduced[1..9].fill(0xff);
        assert_eq!(from_bytes(&unreduced), None);
    }
}
