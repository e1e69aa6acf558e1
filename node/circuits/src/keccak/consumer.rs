//! The consumer's side of the bus, in a circuit (`docs/circuits/keccak.md` §4).
//!
//! About five rows a message. Everything that enters a [`MessageTarget`] must be determined by the
//! `consumer_commitment` that the argument was verified with, or the binding is void.

use super::RATE_BYTES;
use crate::{Builder, D, F};
use plonky2::field::extension::Extendable;
use plonky2::field::types::{Field, PrimeField64};
use plonky2::hash::hash_types::RichField;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::{GeneratedValues, SimpleGenerator};
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartitionWitness, Witness, WitnessWrite};
use plonky2::plonk::circuit_data::CommonCircuitData;
use plonky2::util::reducing::ReducingFactorTarget;
use plonky2::util::serialization::{Buffer, IoResult, Read, Write};

/// Bits of the number of padding bytes minus one.
const PADDING_BITS: usize = 8;
/// Bits of the number of blocks minus one.
const BLOCK_BITS: usize = 4;
/// Longest message, in bytes, that [`StreamTarget::absorb`] accepts.
pub const MAX_MESSAGE_BYTES: usize = (RATE_BYTES << BLOCK_BITS) - 1;

/// What a verified argument gives to the circuit around it.
#[derive(Clone, Copy, Debug)]
pub struct BusTarget {
    /// Separates bytes.
    pub alpha: ExtensionTarget<D>,
    /// Separates blocks, flags and digests.
    pub beta: ExtensionTarget<D>,
    /// Fold of the proven list.
    pub sum: ExtensionTarget<D>,
}

/// One message as the consumer read it.
#[derive(Clone, Copy, Debug)]
pub struct MessageTarget {
    /// False: the slot is empty and the other fields are ignored, but `length` must still be one that
    /// exists (zero will do).
    pub active: BoolTarget,
    /// Bytes before padding; at most [`MAX_MESSAGE_BYTES`]. It must be the number of coefficients in `fingerprint`.
    pub length: Target,
    /// `Σ b_k α^{length-1-k}` over the unpadded bytes.
    pub fingerprint: ExtensionTarget<D>,
    /// `Σ d_k α^{31-k}` over the 32 bytes of the digest.
    pub digest: ExtensionTarget<D>,
}

/// `Σ bytes[k] α^{len-1-k}`: about one row per 43 bytes.
pub fn fingerprint(b: &mut Builder, alpha: ExtensionTarget<D>, bytes: &[Target]) -> ExtensionTarget<D> {
    let ascending: Vec<Target> = bytes.iter().rev().copied().collect();
    ReducingFactorTarget::new(alpha).reduce_base(&ascending, b)
}

/// The eight big-endian u32 limbs of 32 bytes. Sound only for range-checked bytes.
pub fn limbs(b: &mut Builder, bytes: &[Target; 32]) -> [Target; 8] {
    let shift = F::from_canonical_u64(256);
    std::array::from_fn(|limb| {
        bytes[4 * limb + 1..4 * limb + 4].iter().fold(bytes[4 * limb], |sum, &byte| b.mul_const_add(shift, sum, byte))
    })
}

/// Folds messages in order, as [`super::Stream`] does natively.
#[derive(Clone, Debug)]
pub struct StreamTarget {
    sum: ExtensionTarget<D>,
    value: ExtensionTarget<D>,
    alpha: ExtensionTarget<D>,
    /// `α^{2^k} - 1`.
    padding_factors: Vec<ExtensionTarget<D>>,
    /// `α^{136·2^k} - 1`.
    block_factors: Vec<ExtensionTarget<D>>,
    /// `α^136`.
    block: ExtensionTarget<D>,
    /// `β·o`, o being the fingerprint of eight bytes ff.
    start: ExtensionTarget<D>,
    /// `β²·o + 128·α^136`.
    tail: ExtensionTarget<D>,
    /// `β³`.
    digest: ExtensionTarget<D>,
}

impl StreamTarget {
    /// The empty list, to be folded at the challenges of `bus` (about 4 rows).
    pub fn new(b: &mut Builder, bus: &BusTarget) -> Self {
        let one = b.one_extension();
        let squares = |b: &mut Builder, first: ExtensionTarget<D>, count: usize| {
            let mut ladder = vec![first];
            while ladder.len() < count {
                let last = ladder[ladder.len() - 1];
                ladder.push(b.mul_extension(last, last));
            }
            ladder
        };
        let ladder = squares(b, bus.alpha, PADDING_BITS);
        let block = b.mul_extension(ladder[7], ladder[3]); // 136 = 128 + 8
        let blocks = squares(b, block, BLOCK_BITS);
        let minus_one =
            |b: &mut Builder, v: &[ExtensionTarget<D>]| v.iter().map(|&x| b.sub_extension(x, one)).collect();
        let padding_factors = minus_one(b, &ladder);
        let block_factors = minus_one(b, &blocks);
        let byte = b.constant(F::from_canonical_u64(255));
        let flag = fingerprint(b, bus.alpha, &[byte; 8]);
        let start = b.mul_extension(bus.beta, flag);
        let ended = b.mul_extension(bus.beta, start);
        let tail = b.arithmetic_extension(F::from_canonical_u64(128), F::ONE, block, one, ended);
        let beta_squared = b.mul_extension(bus.beta, bus.beta);
        let digest = b.mul_extension(beta_squared, bus.beta);
        let value = b.zero_extension();
        let alpha = bus.alpha;
        Self { sum: bus.sum, value, alpha, padding_factors, block_factors, block, start, tail, digest }
    }

    /// Appends one message, or nothing when it is not active (about 5 rows).
    pub fn absorb(&mut self, b: &mut Builder, message: &MessageTarget) {
        let (padding, blocks) = padding_and_blocks(b, message.length);
        let one = b.one_extension();
        // α^{p-1} and α^{136·B}, one factor 1 + bit·(α^{2^k} - 1) a bit
        let pad = power_product(b, one, &padding, &self.padding_factors);
        let shift = power_product(b, self.block, &blocks, &self.block_factors);
        // Q - 128 = α^{p-1}(αH + 1)
        let marked = b.mul_add_extension(self.alpha, message.fingerprint, one);
        let padded = b.mul_extension(pad, marked);
        let tail = b.mul_add_extension(self.digest, message.digest, self.tail);
        let tail = b.mul_add_extension(self.block, padded, tail);
        let started = b.add_extension(self.value, self.start);
        let next = b.mul_add_extension(shift, started, tail);
        let change = b.sub_extension(next, self.value);
        let active = b.convert_to_ext(message.active.target);
        self.value = b.mul_add_extension(active, change, self.value);
    }

    /// The fold so far.
    pub fn value(&self) -> ExtensionTarget<D> {
        self.value
    }

    /// Constrains the list read to be the list proven.
    pub fn finish(self, b: &mut Builder) {
        b.connect_extension(self.value, self.sum);
    }
}

/// `first · Π (1 + bits[k]·factors[k])`.
fn power_product(
    b: &mut Builder,
    first: ExtensionTarget<D>,
    bits: &[BoolTarget],
    factors: &[ExtensionTarget<D>],
) -> ExtensionTarget<D> {
    bits.iter().zip(factors).fold(first, |product, (bit, &factor)| {
        let step = b.mul_extension(product, factor);
        let bit = b.convert_to_ext(bit.target);
        b.mul_add_extension(bit, step, product)
    })
}

/// Bits, least significant first, of p - 1 and B - 1 with `length + p = 136·B`, `1 ≤ p ≤ 136`.
fn padding_and_blocks(b: &mut Builder, length: Target) -> (Vec<BoolTarget>, Vec<BoolTarget>) {
    let packed = b.add_virtual_target();
    b.add_simple_generator(PaddingGenerator { length, packed });
    let (padding, blocks) = split_padding(b, length, packed);
    forbid_long_padding(b, &padding);
    (padding, blocks)
}

/// Splits `packed = (p - 1) + 2^8 (B - 1)` and constrains `length + p = 136·B`.
fn split_padding(b: &mut Builder, length: Target, packed: Target) -> (Vec<BoolTarget>, Vec<BoolTarget>) {
    let mut padding = b.split_le(packed, PADDING_BITS + BLOCK_BITS);
    let blocks = padding.split_off(PADDING_BITS);
    let padding_value = b.le_sum(padding.iter());
    let blocks_value = b.le_sum(blocks.iter());
    // length + (p - 1) - 136 (B - 1) = 135
    let sum = b.add(length, padding_value);
    let rest = b.mul_const_add(-F::from_canonical_usize(RATE_BYTES), blocks_value, sum);
    let expected = b.constant(F::from_canonical_usize(RATE_BYTES - 1));
    b.connect(rest, expected);
    (padding, blocks)
}

/// `p - 1 ≤ 135 = 10000111b`: with bit 7 set, bits 3 to 6 are clear.
fn forbid_long_padding(b: &mut Builder, padding: &[BoolTarget]) {
    let high = b.add_many(padding[3..7].iter().map(|bit| bit.target));
    let forbidden = b.mul(padding[7].target, high);
    b.assert_zero(forbidden);
}

/// Computes `(p - 1) + 2^8·(B - 1)` from a length.
#[derive(Debug, Default)]
pub struct PaddingGenerator {
    length: Target,
    packed: Target,
}

impl<T: RichField + Extendable<2> + PrimeField64> SimpleGenerator<T, 2> for PaddingGenerator {
    fn id(&self) -> String {
        "KeccakPaddingGenerator".to_string()
    }

    fn dependencies(&self) -> Vec<Target> {
        vec![self.length]
    }

    fn run_once(&self, witness: &PartitionWitness<T>, out: &mut GeneratedValues<T>) -> anyhow::Result<()> {
        let length = witness.get_target(self.length).to_canonical_u64();
        anyhow::ensure!(length <= MAX_MESSAGE_BYTES as u64, "a message of {length} bytes, at most {MAX_MESSAGE_BYTES}");
        let rate = RATE_BYTES as u64;
        let blocks = length / rate + 1;
        let padding = rate * blocks - length;
        out.set_target(self.packed, T::from_canonical_u64(padding - 1 + ((blocks - 1) << PADDING_BITS)))
    }

    fn serialize(&self, dst: &mut Vec<u8>, _common: &CommonCircuitData<T, 2>) -> IoResult<()> {
        dst.write_target(self.length)?;
        dst.write_target(self.packed)
    }

    fn deserialize(src: &mut Buffer, _common: &CommonCircuitData<T, 2>) -> IoResult<Self> {
        Ok(Self { length: src.read_target()?, packed: src.read_target()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::C;
    use crate::keccak::extension::Ext;
    use crate::keccak::{Challenges, KeccakError, Stream, fingerprint as native_fingerprint};
    use crate::security::Profile;
    use plonky2::field::extension::FieldExtension;
    use plonky2::iop::witness::PartialWitness;

    fn witness_error(error: anyhow::Error) -> KeccakError {
        KeccakError::Witness(error.to_string())
    }

    #[test]
    fn folding_agrees_with_the_native_stream() -> Result<(), KeccakError> {
        let alpha = Ext::from_basefield_array([F::from_canonical_u64(0x1234_5678_9abc), F::TWO]);
        let beta = Ext::from_basefield_array([F::from_canonical_u64(77), F::from_canonical_u64(1 << 50)]);
        let mut stream = Stream::new(Challenges { alpha, beta });
        let mut b = Builder::new(Profile::Test.recursion_config());
        let [alpha_target, beta_target, sum] = [(); 3].map(|()| b.add_virtual_extension_target());
        let mut folded = StreamTarget::new(&mut b, &BusTarget { alpha: alpha_target, beta: beta_target, sum });
        let before = b.num_gates();
        let lengths = [0, 1, 134, 135, 136, 137, 271, 272, 1000, MAX_MESSAGE_BYTES];
        for (k, length) in lengths.into_iter().enumerate() {
            let bytes: Vec<u8> = (0..length).map(|k| (k * 3 + length) as u8).collect();
            let [message, digest] = [&bytes[..], &[k as u8; 32]].map(|v| native_fingerprint(alpha, v));
            let active = k != 3;
            if active {
                stream.absorb(length, message, digest);
            }
            let slot = MessageTarget {
                active: b.constant_bool(active),
                length: b.constant(F::from_canonical_usize(length)),
                fingerprint: b.constant_extension(message),
                digest: b.constant_extension(digest),
            };
            folded.absorb(&mut b, &slot);
        }
        assert!(b.num_gates() - before <= 5 * lengths.len(), "{} rows", b.num_gates() - before);
        folded.finish(&mut b);
        let data = b.build::<C>();
        let mut witness = PartialWitness::new();
        for (target, value) in [(alpha_target, alpha), (beta_target, beta), (sum, stream.value())] {
            witness.set_extension_target(target, value).map_err(witness_error)?;
        }
        let proof = data.prove(witness).map_err(witness_error)?;
        data.verify(proof).map_err(witness_error)
    }

    /// Proves that (p, B) belong to a length, with or without the bound on p.
    fn padding_is_accepted(length: u64, padding: u64, blocks: u64, bounded: bool) -> bool {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let packed = b.constant(F::from_canonical_u64(padding - 1 + ((blocks - 1) << PADDING_BITS)));
        let length = b.constant(F::from_canonical_u64(length));
        let (bits, _) = split_padding(&mut b, length, packed);
        if bounded {
            forbid_long_padding(&mut b, &bits);
        }
        let data = b.build::<C>();
        data.prove(PartialWitness::new()).is_ok_and(|proof| data.verify(proof).is_ok())
    }

    #[test]
    fn padding_is_the_shortest_one() {
        assert!(padding_is_accepted(20, 116, 1, true));
        assert!(padding_is_accepted(136, 136, 2, true));
        assert!(padding_is_accepted(135, 1, 1, true));
        // one block too many: only the bound stands against it
        assert!(!padding_is_accepted(20, 252, 2, true));
        assert!(padding_is_accepted(20, 252, 2, false));
        assert!(!padding_is_accepted(135, 137, 2, true));
        // another number of blocks, or of padding bytes
        assert!(!padding_is_accepted(20, 116, 2, false));
        assert!(!padding_is_accepted(20, 117, 1, false));
    }

    #[test]
    fn limbs_are_big_endian() -> Result<(), KeccakError> {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let bytes = std::array::from_fn(|k| b.constant(F::from_canonical_usize(k + 1)));
        let limbs = limbs(&mut b, &bytes);
        b.register_public_inputs(&limbs);
        let data = b.build::<C>();
        let proof = data.prove(PartialWitness::new()).map_err(witness_error)?;
        assert_eq!(proof.public_inputs[0], F::from_canonical_u64(0x0102_0304));
        assert_eq!(proof.public_inputs[7], F::from_canonical_u64(0x1d1e_1f20));
        Ok(())
    }
}
