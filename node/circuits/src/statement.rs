//! The sixteen words of a statement in circuits (`docs/circuits/statement.md`).
//!
//! A word is eight u32 limbs, most significant first; the digest that every proof carries is
//! Poseidon of the 128 limbs. A Goldilocks digest fills a word as four canonical u64, element 0
//! first, each big-endian.

use alloy_primitives::B256 as Word;
use gavel_types::statement::{Kind, STATEMENT_VERSION, STATEMENT_WORDS, Statement};
use plonky2::field::types::{Field, Field64, PrimeField64};
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::iop::target::Target;
use plonky2::iop::witness::PartialWitness;

use crate::circuit::{self, hash_in_circuit};
use crate::error::CircuitError;
use crate::{Builder, F};

/// Limbs of 32 bits in a word.
pub const WORD_LIMBS: usize = 8;

/// The eight u32 limbs of a word, most significant first.
pub fn limbs(word: &Word) -> [u32; WORD_LIMBS] {
    std::array::from_fn(|i| u32::from_be_bytes(std::array::from_fn(|k| word.0[4 * i + k])))
}

/// A digest as a word.
pub fn word_from_hash(hash: HashOut<F>) -> Word {
    let mut word = Word::ZERO;
    for (bytes, element) in word.0.chunks_exact_mut(8).zip(hash.elements) {
        bytes.copy_from_slice(&element.to_canonical_u64().to_be_bytes());
    }
    word
}

/// The digest in a word.
///
/// # Errors
/// [`CircuitError::NonCanonicalDigest`] when a limb is not below the field's order.
pub fn hash_from_word(word: &Word) -> Result<HashOut<F>, CircuitError> {
    let mut elements = [F::ZERO; 4];
    for (limb, (bytes, element)) in word.0.chunks_exact(8).zip(&mut elements).enumerate() {
        let value = u64::from_be_bytes(std::array::from_fn(|k| bytes[k]));
        if value >= F::ORDER {
            return Err(CircuitError::NonCanonicalDigest { limb, value });
        }
        *element = F::from_canonical_u64(value);
    }
    Ok(HashOut { elements })
}

/// Poseidon of the limbs of all words.
pub fn words_digest(words: &[Word; STATEMENT_WORDS]) -> HashOut<F> {
    let limbs: Vec<F> = words.iter().flat_map(limbs).map(F::from_canonical_u32).collect();
    circuit::hash(&limbs)
}

/// [`words_digest`] of a statement.
pub fn statement_digest(statement: &Statement) -> HashOut<F> {
    words_digest(&statement.words())
}

/// A word in a circuit. Nothing here checks that limbs have 32 bits unless it says so: limbs that
/// come out of a verified proof have been checked where they were made.
#[derive(Clone, Copy, Debug)]
pub struct WordTarget(pub [Target; WORD_LIMBS]);

impl WordTarget {
    /// Unconstrained limbs; see [`WordTarget::range_check`].
    pub fn new_virtual(b: &mut Builder) -> Self {
        WordTarget(std::array::from_fn(|_| b.add_virtual_target()))
    }

    /// A constant.
    pub fn constant(b: &mut Builder, word: &Word) -> Self {
        WordTarget(limbs(word).map(|limb| b.constant(F::from_canonical_u32(limb))))
    }

    /// All bits zero.
    pub fn zero(b: &mut Builder) -> Self {
        WordTarget([b.zero(); WORD_LIMBS])
    }

    /// An integer of two u32 limbs, both checked by the caller.
    pub fn from_u64_limbs(b: &mut Builder, high: Target, low: Target) -> Self {
        let mut word = WordTarget::zero(b);
        word.0[6] = high;
        word.0[7] = low;
        word
    }

    /// An integer below 2^32, checked by the caller.
    pub fn from_u32(b: &mut Builder, low: Target) -> Self {
        let zero = b.zero();
        WordTarget::from_u64_limbs(b, zero, low)
    }

    /// A digest in its canonical form: 8 range checks (8 rows) and a comparison with the order.
    pub fn from_hash(b: &mut Builder, hash: HashOutTarget) -> Self {
        let mut word = WordTarget::zero(b);
        for (i, element) in hash.elements.into_iter().enumerate() {
            let (high, low) = split_canonical(b, element);
            word.0[2 * i] = high;
            word.0[2 * i + 1] = low;
        }
        word
    }

    /// The digest whose limbs the word holds, modulo the field's order.
    pub fn to_hash(&self, b: &mut Builder) -> HashOutTarget {
        HashOutTarget { elements: std::array::from_fn(|i| join(b, self.0[2 * i], self.0[2 * i + 1])) }
    }

    /// Constrains the word to be below 2^64 and returns its (high, low) u32 limbs.
    pub fn u64_limbs(&self, b: &mut Builder) -> (Target, Target) {
        let zero = b.zero();
        self.0[..6].iter().for_each(|limb| b.connect(*limb, zero));
        (self.0[6], self.0[7])
    }

    /// Constrains the word to be below 2^64 and returns it modulo the field's order. The value is
    /// exact for anything below 2^63 (block numbers, chain ids, counts).
    pub fn to_u64(&self, b: &mut Builder) -> Target {
        let (high, low) = self.u64_limbs(b);
        join(b, high, low)
    }

    /// Constrains every limb to 32 bits: 8 rows.
    pub fn range_check(&self, b: &mut Builder) {
        self.0.iter().for_each(|limb| b.range_check(*limb, 32));
    }

    /// Constrains two words to be equal, limb by limb.
    pub fn connect(&self, b: &mut Builder, other: &WordTarget) {
        self.0.iter().zip(other.0).for_each(|(x, y)| b.connect(*x, y));
    }

    /// Sets the limbs of a virtual word.
    ///
    /// # Errors
    /// [`CircuitError::Witness`] when a limb was set to something else.
    pub fn set(&self, pw: &mut PartialWitness<F>, word: &Word) -> Result<(), CircuitError> {
        self.0.iter().zip(limbs(word)).try_for_each(|(t, limb)| circuit::set(pw, *t, F::from_canonical_u32(limb)))
    }
}

/// The sixteen words of a statement in a circuit.
#[derive(Clone, Debug)]
pub struct WordsTarget(pub [WordTarget; STATEMENT_WORDS]);

impl WordsTarget {
    /// Unconstrained limbs.
    pub fn new_virtual(b: &mut Builder) -> Self {
        WordsTarget(std::array::from_fn(|_| WordTarget::new_virtual(b)))
    }

    /// All words zero: the start for a base circuit that fills in what it states.
    pub fn zero(b: &mut Builder) -> Self {
        WordsTarget([WordTarget::zero(b); STATEMENT_WORDS])
    }

    /// Poseidon of the 128 limbs: 16 rows.
    pub fn digest(&self, b: &mut Builder) -> HashOutTarget {
        hash_in_circuit(b, self.limbs())
    }

    /// All limbs in order.
    pub fn limbs(&self) -> Vec<Target> {
        self.0.iter().flat_map(|word| word.0).collect()
    }

    /// Sets virtual words.
    ///
    /// # Errors
    /// [`CircuitError::Witness`] when a limb was set to something else.
    pub fn set(&self, pw: &mut PartialWitness<F>, words: &[Word; STATEMENT_WORDS]) -> Result<(), CircuitError> {
        self.0.iter().zip(words).try_for_each(|(target, word)| target.set(pw, word))
    }
}

impl std::ops::Index<usize> for WordsTarget {
    type Output = WordTarget;

    fn index(&self, word: usize) -> &WordTarget {
        &self.0[word]
    }
}

impl std::ops::IndexMut<usize> for WordsTarget {
    fn index_mut(&mut self, word: usize) -> &mut WordTarget {
        &mut self.0[word]
    }
}

/// Word 0 of a statement of a fixed kind.
pub fn header_word(b: &mut Builder, kind: Kind) -> WordTarget {
    let kind = b.constant(F::from_canonical_u8(kind as u8));
    header_word_of(b, kind)
}

/// Word 0 of a statement whose kind is a target, known to be one of [`Kind::ALL`].
pub fn header_word_of(b: &mut Builder, kind: Target) -> WordTarget {
    let version = b.constant(F::from_canonical_u32(STATEMENT_VERSION));
    WordTarget::from_u64_limbs(b, version, kind)
}

/// `high * 2^32 + low`.
pub fn join(b: &mut Builder, high: Target, low: Target) -> Target {
    b.mul_const_add(F::from_canonical_u64(1 << 32), high, low)
}

/// The (high, low) u32 halves of an element's canonical form. 2^64 - p = 2^32 - 1, so the only
/// other pair with the same value has `high = 2^32 - 1` and `low != 0`.
pub fn split_canonical(b: &mut Builder, element: Target) -> (Target, Target) {
    let (low, high) = b.split_low_high(element, 32, 64);
    assert_canonical(b, high, low);
    (high, low)
}

/// Rejects u32 halves of a number that is not below the field's order.
pub fn assert_canonical(b: &mut Builder, high: Target, low: Target) {
    let top = b.constant(F::from_canonical_u32(u32::MAX));
    let is_top = b.is_equal(high, top);
    let excess = b.mul(is_top.target, low);
    b.assert_zero(excess);
}

#[cfg(test)]
mod tests {
    use plonky2::field::goldilocks_field::GoldilocksField;

    use super::*;
    use crate::security::Profile;
    use crate::tamper;

    fn element(value: u64) -> F {
        GoldilocksField::from_canonical_u64(value)
    }

    #[test]
    fn digests_go_through_words() {
        let hash = HashOut { elements: [1, u64::from(u32::MAX) << 32, 0, F::ORDER - 1].map(element) };
        assert_eq!(hash_from_word(&word_from_hash(hash)).unwrap(), hash);
        let word = Word::repeat_byte(0xff);
        assert!(matches!(hash_from_word(&word), Err(CircuitError::NonCanonicalDigest { limb: 0, .. })));
    }

    #[test]
    fn a_digest_word_in_a_circuit_is_the_native_one() {
        let hash = HashOut { elements: [5, u64::from(u32::MAX) << 32, 1 << 32, F::ORDER - 1].map(element) };
        let mut b = Builder::new(Profile::Test.recursion_config());
        let target = b.add_virtual_hash();
        let word = WordTarget::from_hash(&mut b, target);
        let back = word.to_hash(&mut b);
        b.connect_hashes(target, back);
        b.register_public_inputs(&word.0);
        let built = circuit::build(b);
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, target, hash).unwrap();
        let proof = circuit::prove(&built, pw).unwrap();
        circuit::verify(&built.verifier_only, &built.common, &proof).unwrap();
        assert_eq!(proof.public_inputs, limbs(&word_from_hash(hash)).map(F::from_canonical_u32));
    }

    /// 1 also splits as p + 1 = (2^32 - 1) * 2^32 + 2.
    fn other_split_of_one(check: bool) -> Result<(), CircuitError> {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let target = b.add_virtual_target();
        let (low, high) = b.split_low_high(target, 32, 64);
        if check {
            assert_canonical(&mut b, high, low);
        }
        b.register_public_inputs(&[high, low]);
        let built = circuit::build(b);
        let mut pw = PartialWitness::new();
        circuit::set(&mut pw, target, F::ONE)?;
        circuit::set(&mut pw, high, F::from_canonical_u32(u32::MAX))?;
        circuit::set(&mut pw, low, F::TWO)?;
        let proof = tamper::prove_forced(&built, pw)?;
        circuit::verify(&built.verifier_only, &built.common, &proof)
    }

    #[test]
    fn only_the_canonical_split_is_accepted() {
        assert!(matches!(other_split_of_one(true), Err(CircuitError::Verify(_))));
        other_split_of_one(false).unwrap();
    }
}
