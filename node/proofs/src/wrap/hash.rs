//! Hash and transcript of the final layer, native over BN254 (`docs/circuits/wrap.md`).
//!
//! Three Goldilocks elements are packed into one BN254 scalar on the way in; a scalar becomes
//! Goldilocks elements on the way out as its digits in base p, which are canonical and unique.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use gavel_circuits::F;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::{Field, Field64, PrimeField64};
use plonky2::hash::hashing::PlonkyPermutation;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::config::{GenericConfig, GenericHashOut, Hasher};
use serde::{Deserialize, Serialize};

use super::poseidon2::{SPONGE, compress, from_limbs, limbs};

/// Goldilocks elements packed into one scalar.
pub const PACK: usize = 3;
/// Scalars absorbed by one permutation of width 16.
pub const RATE_SCALARS: usize = 15;
/// Goldilocks elements absorbed by one permutation.
pub const RATE: usize = PACK * RATE_SCALARS;
/// Capacity of a leaf sponge before its length is added.
const LEAF_TAG: u64 = 1 << 32;
/// Initial capacity of the transcript.
const TRANSCRIPT_TAG: u64 = 2 << 32;

/// Capacity that a sponge over a leaf of `elements` Goldilocks elements starts from.
pub fn leaf_capacity(elements: usize) -> Fr {
    Fr::from(LEAF_TAG + elements as u64)
}

/// Capacity that the transcript starts from.
pub fn transcript_capacity() -> Fr {
    Fr::from(TRANSCRIPT_TAG)
}

/// `a + b 2^64 + c 2^128` for up to three canonical elements: injective, and below the modulus.
pub fn pack(elements: &[F]) -> Fr {
    debug_assert!(elements.len() <= PACK);
    let mut packed = [0; 4];
    packed.iter_mut().zip(elements).for_each(|(limb, element)| *limb = element.to_canonical_u64());
    from_limbs(packed).expect("192 bits are below the modulus")
}

/// Digits of a scalar in base p, least significant first; the fourth is at most 2^62.
pub fn digits(scalar: Fr) -> [u64; 4] {
    let mut rest = limbs(scalar);
    let mut digits = [0; 4];
    for digit in &mut digits[..PACK] {
        let mut remainder = 0u128;
        for limb in rest.iter_mut().rev() {
            let dividend = (remainder << 64) | u128::from(*limb);
            *limb = (dividend / u128::from(F::ORDER)) as u64;
            remainder = dividend % u128::from(F::ORDER);
        }
        *digit = remainder as u64;
    }
    digits[PACK] = rest[0];
    digits
}

/// A Merkle node: one BN254 scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub Fr);

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        limbs(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_limbs(<[u64; 4]>::deserialize(deserializer)?)
            .map(Digest)
            .ok_or_else(|| serde::de::Error::custom("a Merkle node is not below the BN254 modulus"))
    }
}

impl GenericHashOut<F> for Digest {
    /// 32 bytes, little-endian.
    fn to_bytes(&self) -> Vec<u8> {
        limbs(self.0).iter().flat_map(|limb| limb.to_le_bytes()).collect()
    }

    /// Reads 32 little-endian bytes; plonky2 leaves no way to report a value above the modulus, so
    /// the two highest bits are cleared and what is still above it is reduced.
    fn from_bytes(bytes: &[u8]) -> Self {
        use ark_ff::PrimeField;
        Digest(Fr::from_le_bytes_mod_order(bytes))
    }

    /// The four digits in base p: what the transcript absorbs.
    fn to_vec(&self) -> Vec<F> {
        digits(self.0).map(F::from_canonical_u64).to_vec()
    }
}

/// Poseidon2 over BN254: width 16 for leaves, width 2 for nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalHasher;

impl Hasher<F> for FinalHasher {
    const HASH_SIZE: usize = 32;
    type Hash = Digest;
    type Permutation = Transcript;

    fn hash_no_pad(input: &[F]) -> Digest {
        let mut state = [Fr::ZERO; RATE_SCALARS + 1];
        state[RATE_SCALARS] = leaf_capacity(input.len());
        for block in input.chunks(RATE) {
            for (element, packed) in state.iter_mut().zip(block.chunks(PACK)) {
                *element += pack(packed);
            }
            SPONGE.permute(&mut state);
        }
        Digest(state[0])
    }

    /// Always hashes, so that no leaf is its own digest.
    fn hash_or_noop(inputs: &[F]) -> Digest {
        Self::hash_no_pad(inputs)
    }

    fn two_to_one(left: Digest, right: Digest) -> Digest {
        Digest(compress(left.0, right.0))
    }
}

/// Duplex sponge behind plonky2's challenger. A permutation first overwrites every scalar of the
/// rate that received an element (missing neighbours are zero) and adds the number of elements to
/// the capacity; afterwards the rate reads as digits, ordered so that the challenger, which pops
/// from the end, takes digit 0 of scalar 0 first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcript {
    state: [Fr; RATE_SCALARS + 1],
    rate: [F; RATE],
    /// Bit i is set when element i was written since the last permutation.
    written: u64,
}

impl Default for Transcript {
    fn default() -> Self {
        let mut state = [Fr::ZERO; RATE_SCALARS + 1];
        state[RATE_SCALARS] = transcript_capacity();
        Self { state, rate: [F::ZERO; RATE], written: 0 }
    }
}

impl AsRef<[F]> for Transcript {
    fn as_ref(&self) -> &[F] {
        &self.rate
    }
}

impl PlonkyPermutation<F> for Transcript {
    const RATE: usize = RATE;
    const WIDTH: usize = RATE;

    /// The start of a transcript. Zero elements, all that plonky2 passes here, count as unwritten.
    fn new<I: IntoIterator<Item = F>>(elements: I) -> Self {
        let mut transcript = Self::default();
        for (i, element) in elements.into_iter().take(RATE).enumerate() {
            if element != F::ZERO {
                transcript.set_elt(element, i);
            }
        }
        transcript
    }

    fn set_elt(&mut self, element: F, index: usize) {
        self.rate[index] = element;
        self.written |= 1 << index;
    }

    fn set_from_iter<I: IntoIterator<Item = F>>(&mut self, elements: I, start: usize) {
        (start..RATE).zip(elements).for_each(|(i, element)| self.set_elt(element, i));
    }

    fn set_from_slice(&mut self, elements: &[F], start: usize) {
        self.set_from_iter(elements.iter().copied(), start);
    }

    fn permute(&mut self) {
        for (i, scalar) in self.state[..RATE_SCALARS].iter_mut().enumerate() {
            let written = (self.written >> (PACK * i)) & 0b111;
            if written != 0 {
                let element = |j: usize| if (written >> j) & 1 == 1 { self.rate[PACK * i + j] } else { F::ZERO };
                *scalar = pack(&[element(0), element(1), element(2)]);
            }
        }
        self.state[RATE_SCALARS] += Fr::from(u64::from(self.written.count_ones()));
        SPONGE.permute(&mut self.state);
        for (i, scalar) in self.state[..RATE_SCALARS].iter().enumerate() {
            for (j, digit) in digits(*scalar)[..PACK].iter().enumerate() {
                self.rate[RATE - 1 - PACK * i - j] = F::from_canonical_u64(*digit);
            }
        }
        self.written = 0;
    }

    fn squeeze(&self) -> &[F] {
        &self.rate
    }
}

/// Configuration of the final layer. Public inputs are still hashed with Goldilocks Poseidon,
/// because plonky2 computes that hash inside the circuit as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FinalConfig;

impl GenericConfig<2> for FinalConfig {
    type F = F;
    type FE = QuadraticExtension<F>;
    type Hasher = FinalHasher;
    type InnerHasher = PoseidonHash;
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{Field as _, PrimeField};

    #[test]
    fn digits_add_up_to_the_scalar() {
        for scalar in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(7u64).pow([1000u64])] {
            let base = Fr::from(F::ORDER);
            let sum = digits(scalar).iter().rev().fold(Fr::ZERO, |sum, digit| sum * base + Fr::from(*digit));
            assert_eq!(sum, scalar);
            assert!(digits(scalar)[..PACK].iter().all(|digit| *digit < F::ORDER));
        }
    }

    #[test]
    fn a_node_above_the_modulus_is_refused() {
        let modulus = postcard::to_allocvec(&Fr::MODULUS.0).unwrap();
        assert!(postcard::from_bytes::<Digest>(&modulus).is_err());
        let node = Digest(-Fr::ONE);
        assert_eq!(postcard::from_bytes::<Digest>(&postcard::to_allocvec(&node).unwrap()), Ok(node));
    }

    #[test]
    fn absorbing_zeros_differs_from_absorbing_nothing() {
        let mut nothing = Transcript::default();
        let mut zero = Transcript::default();
        zero.set_elt(F::ZERO, 0);
        nothing.permute();
        zero.permute();
        assert_ne!(nothing.squeeze(), zero.squeeze());
    }
}
