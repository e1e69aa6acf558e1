//! Tables indexed by constrained bits: with all products of the bits at hand, any function of them
//! is a linear combination.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use gavel_circuits::F;
use plonky2::field::types::PrimeField64;

use super::goldilocks::Lazy;
use super::linear::Lc;
use super::system::System;

/// Bits of an index, taken group by group from the least significant end.
#[derive(Debug)]
pub struct Bits<'a> {
    bits: &'a [Lc],
    taken: usize,
}

impl<'a> Bits<'a> {
    /// All bits.
    pub fn new(bits: &'a [Lc]) -> Self {
        Self { bits, taken: 0 }
    }

    /// The next `size` bits with all their products: `2^size - size - 1` constraints.
    pub fn group(&mut self, system: &mut System, size: usize) -> Group {
        let mut products = vec![Lc::constant(Fr::ONE)];
        for bit in &self.bits[self.taken..self.taken + size] {
            for i in 0..products.len() {
                let product = system.product(&products[i], bit);
                products.push(product);
            }
        }
        let group = Group { first: self.taken, size, products };
        self.taken += size;
        group
    }
}

/// A group of bits and the products of its subsets, by bit mask.
#[derive(Debug)]
pub struct Group {
    first: usize,
    size: usize,
    products: Vec<Lc>,
}

impl Group {
    /// `f` of the positions of the bits that are set: canonical, without a constraint.
    pub fn lookup(&self, f: impl Fn(&[usize]) -> F) -> Lazy {
        let mut values: Vec<Fr> = (0..1usize << self.size)
            .map(|mask| {
                let set: Vec<usize> = (0..self.size).filter(|i| mask >> i & 1 == 1).map(|i| self.first + i).collect();
                Fr::from(f(&set).to_canonical_u64())
            })
            .collect();
        // Values by mask become coefficients of products by inclusion and exclusion.
        for bit in 0..self.size {
            for mask in 0..values.len() {
                if mask >> bit & 1 == 1 {
                    let without = values[mask ^ (1 << bit)];
                    values[mask] -= without;
                }
            }
        }
        let terms = self.products.iter().zip(values).filter(|(_, factor)| *factor != Fr::ZERO);
        Lazy::bounded(Lc::sum(terms), 64)
    }
}
