//! SHA-256 over u32 words: 186 rows a block (`docs/circuits/statement.md`, "SHA-256").
//!
//! Three custom gates do the work ([`gate`]): two rows for each of the 64 rounds, one for each of
//! the 48 scheduled words. Words travel as field elements; a gate that needs bits takes its
//! operands apart itself, which is also what keeps them in 32 bits.

pub mod gate;
mod generator;

#[cfg(test)]
mod gate_tests;
#[cfg(test)]
mod tests;

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};

use crate::statement::{WORD_LIMBS, WordTarget};
use crate::{Builder, F};
use gate::{Sha256Gate, Step};

/// Words that [`digest_of_words`] takes at most.
pub const MAX_WORDS: usize = 8;

/// First 32 bits of the fractional parts of the square roots of the first 8 primes (FIPS 180-4).
const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4).
#[rustfmt::skip]
const ROUND: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// The state before the first block.
pub fn initial_state(b: &mut Builder) -> [Target; 8] {
    INITIAL.map(|word| b.constant(F::from_canonical_u32(word)))
}

/// Compresses one block into the state. Constrains all 16 block words and all 8 results to 32
/// bits; the incoming state must be in 32 bits already (a constant or an earlier result is).
pub fn compress(b: &mut Builder, state: [Target; 8], block: [Target; 16]) -> [Target; 8] {
    // The schedule takes apart words 1 to 61; word 0 only ever is an addend.
    b.range_check(block[0], 32);
    compress_unchecked(b, state, block)
}

/// [`compress`] but for the range check of word 0.
fn compress_unchecked(b: &mut Builder, state: [Target; 8], block: [Target; 16]) -> [Target; 8] {
    // Words 62 and 63 may exceed 32 bits by their free carry: rounds add them up and reduce the
    // sum modulo 2^32.
    let mut schedule = block.to_vec();
    for t in 16..64 {
        let inputs = [t - 2, t - 15, t - 7, t - 16].map(|i| schedule[i]);
        let [word] = step(b, Step::Schedule, F::ZERO, inputs);
        schedule.push(word);
    }
    let [mut a, mut bb, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for (constant, word) in ROUND.into_iter().zip(schedule) {
        let constant = F::from_canonical_u32(constant);
        let [t1, next_e] = step(b, Step::Lower, constant, [e, f, g, h, word, d]);
        let [next_a] = step(b, Step::Upper, F::ZERO, [a, bb, c, t1]);
        [a, bb, c, d, e, f, g, h] = [next_a, a, bb, c, next_e, e, f, g];
    }
    let rounds = [a, bb, c, d, e, f, g, h];
    std::array::from_fn(|i| add_mod(b, state[i], rounds[i]))
}

/// One row of a gate: connects the inputs and returns the outputs.
fn step<const I: usize, const O: usize>(b: &mut Builder, kind: Step, constant: F, inputs: [Target; I]) -> [Target; O] {
    let row = b.add_gate(Sha256Gate(kind), vec![constant]);
    for (column, input) in inputs.into_iter().enumerate() {
        b.connect(input, Target::wire(row, column));
    }
    std::array::from_fn(|i| Target::wire(row, I + i))
}

/// `x + y` modulo 2^32, in 32 bits; `x` is in 32 bits, and `y` too but for a multiple of 2^32.
fn add_mod(b: &mut Builder, x: Target, y: Target) -> Target {
    let sum = b.add(x, y);
    let carry = b.add_virtual_bool_target_safe();
    let low = b.mul_const_add(-F::from_canonical_u64(1 << 32), carry.target, sum);
    b.add_simple_generator(generator::Carry { sum, carry: carry.target });
    b.range_check(low, 32);
    low
}

/// SHA-256 of a fixed number of words laid end to end; checks every limb to 32 bits.
pub fn digest_of_fixed(b: &mut Builder, words: &[WordTarget]) -> WordTarget {
    let bits = u32::try_from(words.len() * 256).expect("a statement has few words");
    let mut message: Vec<Target> = words.iter().flat_map(|word| word.0).collect();
    message.push(b.constant(F::from_canonical_u32(1 << 31)));
    let zero = b.zero();
    while message.len() % 16 != 15 {
        message.push(zero);
    }
    message.push(b.constant(F::from_canonical_u32(bits)));
    let mut state = initial_state(b);
    for block in message.chunks_exact(16) {
        state = compress(b, state, std::array::from_fn(|i| block[i]));
    }
    WordTarget(state)
}

/// SHA-256 of the first `count` of up to [`MAX_WORDS`] words; constrains `count` to at most
/// `words.len()` and every limb in use to 32 bits. Words from `count` on do not matter. 190 rows
/// for every two words and for the padding.
pub fn digest_of_words(b: &mut Builder, words: &[[Target; WORD_LIMBS]], count: Target) -> [Target; 8] {
    assert!(words.len() <= MAX_WORDS, "at most {MAX_WORDS} words");
    let blocks = words.len() / 2 + 1;
    // is_count[i] says that count = i; exactly one holds.
    let is_count: Vec<BoolTarget> = (0..=words.len())
        .map(|i| {
            let i = b.constant(F::from_canonical_usize(i));
            b.is_equal(count, i)
        })
        .collect();
    let found = b.add_many(is_count.iter().map(|flag| flag.target));
    b.assert_one(found);

    let zero = b.zero();
    let top_bit = b.constant(F::from_canonical_u32(1 << 31));
    let mut message = Vec::with_capacity(16 * blocks);
    // Sum of is_count[..=i]: one from the end of the message on.
    let mut ended = zero;
    for place in 0..2 * blocks {
        let ends_here = is_count.get(place).map_or(zero, |flag| flag.target);
        ended = b.add(ended, ends_here);
        for limb in 0..WORD_LIMBS {
            let value = words.get(place).map_or(zero, |word| word[limb]);
            // (1 - ended) * value
            let kept = b.arithmetic(-F::ONE, F::ONE, ended, value, value);
            message.push(if limb == 0 { b.mul_add(ends_here, top_bit, kept) } else { kept });
        }
    }
    // The block that a message of i words ends in holds its length in bits.
    for (i, flag) in is_count.iter().enumerate() {
        let last = 16 * (i / 2) + 15;
        message[last] = b.mul_const_add(F::from_canonical_usize(256 * i), flag.target, message[last]);
    }

    let mut state = initial_state(b);
    let mut digest = [zero; 8];
    for (block, chunk) in message.chunks_exact(16).enumerate() {
        state = compress(b, state, std::array::from_fn(|i| chunk[i]));
        let counts = is_count[2 * block..].iter().take(2);
        let ends_here = b.add_many(counts.map(|flag| flag.target));
        for (sum, limb) in digest.iter_mut().zip(state) {
            *sum = b.mul_add(ends_here, limb, *sum);
        }
    }
    digest
}
