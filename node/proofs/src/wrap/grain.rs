//! The Grain LFSR in self-shrinking mode that Poseidon parameters are drawn from.

use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, PrimeField};

/// Generator state: 80 bits, oldest first.
pub struct Grain {
    bits: [bool; 80],
    head: usize,
}

impl Grain {
    /// Seeds the register for a prime field of 254 bits and the S-box x^alpha.
    pub fn new(width: usize, full_rounds: usize, partial_rounds: usize) -> Self {
        let field_bits = Fr::MODULUS_BIT_SIZE as usize;
        // (value, bits): prime field, x^alpha, field size, width, rounds, padding of ones.
        let fields = [
            (1, 2),
            (0, 4),
            (field_bits, 12),
            (width, 12),
            (full_rounds, 10),
            (partial_rounds, 10),
            ((1 << 30) - 1, 30),
        ];
        let mut bits = [false; 80];
        let seed = fields.iter().flat_map(|&(value, size)| (0..size).rev().map(move |i| (value >> i) & 1 == 1));
        bits.iter_mut().zip(seed).for_each(|(bit, seed)| *bit = seed);
        let mut grain = Self { bits, head: 0 };
        for _ in 0..160 {
            grain.clock();
        }
        grain
    }

    fn clock(&mut self) -> bool {
        let bit = [62, 51, 38, 23, 13, 0].iter().fold(false, |acc, tap| acc ^ self.bits[(self.head + tap) % 80]);
        self.bits[self.head] = bit;
        self.head = (self.head + 1) % 80;
        bit
    }

    /// A bit of output: of each pair, the second bit counts if the first is set.
    fn bit(&mut self) -> bool {
        loop {
            let keep = self.clock();
            let bit = self.clock();
            if keep {
                return bit;
            }
        }
    }

    fn integer(&mut self) -> BigInt<4> {
        let bits: Vec<bool> = (0..Fr::MODULUS_BIT_SIZE).map(|_| self.bit()).collect();
        BigInt::from_bits_be(&bits)
    }

    /// A uniform field element, by rejection.
    pub fn field_element(&mut self) -> Fr {
        loop {
            if let Some(element) = Fr::from_bigint(self.integer()) {
                return element;
            }
        }
    }

    /// A field element by reduction, as the script draws matrix entries.
    pub fn reduced_element(&mut self) -> Fr {
        Fr::from_le_bytes_mod_order(&self.integer().to_bytes_le())
    }
}
