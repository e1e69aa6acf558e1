//! The keys of a table in a circuit: five messages that every chunk hashes first, and the nibbles
//! of their hashes.

use plonky2::field::types::Field;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::target::Target;
use plonky2::iop::witness::PartialWitness;

use super::bytes::{ByteTable, BytesTarget, packs};
use super::chunk::Keys;
use crate::keccak::consumer::{MessageTarget, StreamTarget, fingerprint};
use crate::table::{ExtractionTarget, MAX_SLOTS};
use crate::{Builder, D, F};

/// Preimages and hashes of the address and the slot keys.
#[derive(Clone, Debug)]
pub struct KeysTarget {
    messages: Vec<BytesTarget>,
    digests: Vec<BytesTarget>,
}

/// Folds of the nibbles of the hashed keys.
#[derive(Clone, Debug)]
pub struct KeyFolds {
    pub account: ExtensionTarget<D>,
    pub slots: [ExtensionTarget<D>; MAX_SLOTS],
}

impl KeysTarget {
    /// Keys whose preimages are those of `table`.
    pub fn new(b: &mut Builder, bytes: &ByteTable, table: &ExtractionTarget) -> Self {
        let lengths = std::iter::once(20).chain([32; MAX_SLOTS]);
        let messages: Vec<BytesTarget> = lengths.map(|length| BytesTarget::new(b, bytes, length)).collect();
        let limbs = std::iter::once(&table.contract[..]).chain(table.slots.iter().map(|slot| &slot[..]));
        for (message, limbs) in messages.iter().zip(limbs) {
            let own = message.limbs(b);
            own.iter().zip(limbs).for_each(|(own, limb)| b.connect(*own, *limb));
        }
        let digests = messages.iter().map(|_| BytesTarget::new(b, bytes, 32)).collect();
        KeysTarget { messages, digests }
    }

    /// The hashes for the commitment. The preimages are committed by the digest of the table.
    pub fn packs(&self, b: &mut Builder) -> Vec<Target> {
        self.digests.iter().flat_map(|digest| digest.packs(b)).collect()
    }

    /// Puts the messages at the front of the stream and folds the keys.
    pub fn bind(&self, b: &mut Builder, alpha: ExtensionTarget<D>, stream: &mut StreamTarget) -> KeyFolds {
        let mut folds = vec![];
        for (message, digest) in self.messages.iter().zip(&self.digests) {
            let entry = MessageTarget {
                active: b._true(),
                length: b.constant(F::from_canonical_usize(message.bytes.len())),
                fingerprint: fingerprint(b, alpha, &message.bytes),
                digest: fingerprint(b, alpha, &digest.bytes),
            };
            stream.absorb(b, &entry);
            let nibbles = digest.nibbles(b);
            folds.push(fingerprint(b, alpha, &nibbles));
        }
        KeyFolds { account: folds[0], slots: std::array::from_fn(|j| folds[1 + j]) }
    }

    /// Sets preimages and hashes.
    ///
    /// # Errors
    /// When a byte was set to another value before.
    pub fn set(&self, pw: &mut PartialWitness<F>, keys: &Keys) -> anyhow::Result<()> {
        let mut messages = self.messages.iter().zip(&keys.messages);
        messages.try_for_each(|(target, message)| target.set(pw, message))?;
        let mut digests = self.digests.iter().zip(keys.digests());
        digests.try_for_each(|(target, digest)| target.set(pw, digest.as_slice()))
    }
}

/// [`KeysTarget::packs`] natively.
pub fn key_packs(keys: &Keys) -> Vec<F> {
    keys.digests().iter().flat_map(packs).collect()
}
