//! Bytes outside the machine: range-checked by the same lookup table.

use alloy_primitives::B256;
use plonky2::field::types::Field;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

use super::machine::window::PACKED_BYTES;
use crate::keccak::consumer::limbs;
use crate::statement::WordTarget;
use crate::{Builder, F};

/// The lookup table from a byte to its high nibble.
#[derive(Clone, Copy, Debug)]
pub struct ByteTable(pub usize);

impl ByteTable {
    /// Adds the table to a circuit.
    pub fn new(b: &mut Builder) -> Self {
        let inputs: Vec<u16> = (0..256).collect();
        ByteTable(b.add_lookup_table_from_fn(|byte| byte >> 4, &inputs))
    }

    /// Range-checks a byte and returns its high nibble.
    pub fn high(&self, b: &mut Builder, byte: Target) -> Target {
        b.add_lookup_from_index(byte, self.0)
    }
}

/// A byte string of fixed length, every byte range-checked.
#[derive(Clone, Debug)]
pub struct BytesTarget {
    pub bytes: Vec<Target>,
    high: Vec<Target>,
}

impl BytesTarget {
    /// `count` new bytes: one lookup each, forty in a row.
    pub fn new(b: &mut Builder, table: &ByteTable, count: usize) -> Self {
        let bytes = b.add_virtual_targets(count);
        let high = bytes.iter().map(|byte| table.high(b, *byte)).collect();
        BytesTarget { bytes, high }
    }

    /// High and low nibble of every byte.
    pub fn nibbles(&self, b: &mut Builder) -> Vec<Target> {
        let sixteen = -F::from_canonical_u64(16);
        let split = |(byte, high): (&Target, &Target)| [*high, b.mul_const_add(sixteen, *high, *byte)];
        self.bytes.iter().zip(&self.high).flat_map(split).collect()
    }

    /// The bytes in elements of [`PACKED_BYTES`], least significant first.
    pub fn packs(&self, b: &mut Builder) -> Vec<Target> {
        let shift = F::from_canonical_u64(256);
        let pack = |chunk: &[Target]| {
            let reversed = chunk.iter().rev().copied();
            reversed.reduce(|sum, byte| b.mul_const_add(shift, sum, byte)).expect("chunks are not empty")
        };
        self.bytes.chunks(PACKED_BYTES).map(pack).collect()
    }

    /// Big-endian u32 limbs of a multiple of four bytes.
    pub fn limbs(&self, b: &mut Builder) -> Vec<Target> {
        let shift = F::from_canonical_u64(256);
        let join = |chunk: &[Target]| {
            let bytes = chunk.iter().copied();
            bytes.reduce(|sum, byte| b.mul_const_add(shift, sum, byte)).expect("chunks are not empty")
        };
        self.bytes.chunks(4).map(join).collect()
    }

    /// Thirty-two bytes as a word.
    ///
    /// # Panics
    /// When there are not 32 bytes, which is a mistake in the circuit.
    pub fn word(&self, b: &mut Builder) -> WordTarget {
        let bytes: &[Target; 32] = self.bytes[..].try_into().expect("a word has 32 bytes");
        WordTarget(limbs(b, bytes))
    }

    /// Sets the bytes.
    ///
    /// # Errors
    /// When a byte was set to another value before.
    pub fn set(&self, pw: &mut PartialWitness<F>, bytes: &[u8]) -> anyhow::Result<()> {
        let mut pairs = self.bytes.iter().zip(bytes);
        pairs.try_for_each(|(target, byte)| pw.set_target(*target, F::from_canonical_u8(*byte)))
    }
}

/// [`BytesTarget::packs`] natively.
pub fn packs(word: &B256) -> Vec<F> {
    let shift = F::from_canonical_u64(256);
    let pack = |chunk: &[u8]| chunk.iter().rev().fold(F::ZERO, |sum, byte| sum * shift + F::from_canonical_u8(*byte));
    word.chunks(PACKED_BYTES).map(pack).collect()
}
