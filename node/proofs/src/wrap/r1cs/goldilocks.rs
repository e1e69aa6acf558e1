//! Goldilocks elements as integers in BN254 scalars, reduced only when a bound demands it.
//!
//! A [`Lazy`] stands for an integer between `-below` and `above`; the element is that integer
//! mod p. The bounds live in the value, every operation computes them, and one that could leave
//! the scalar field reduces its operands first, so no equation can wrap around the BN254 modulus.

use std::sync::LazyLock;

use alloy_primitives::U256;
use ark_bn254::Fr;
use ark_ff::{BigInt, Field, PrimeField};
use gavel_circuits::F;
use plonky2::field::types::{Field as _, Field64, PrimeField64};

use super::linear::Lc;
use super::system::{Rule, System};

/// Bounds must add up to less than 2^252, a bit under half of the BN254 modulus.
const MAX_BITS: usize = 252;

static ORDER_INVERSE: LazyLock<Fr> = LazyLock::new(|| Fr::from(F::ORDER).inverse().expect("p is not r"));

/// An integer that represents a Goldilocks element.
#[derive(Clone, Debug)]
pub struct Lazy {
    lc: Lc,
    below: U256,
    above: U256,
}

impl Lazy {
    /// A combination known to be in `0..2^bits`.
    pub fn bounded(lc: Lc, bits: usize) -> Self {
        Self { lc, below: U256::ZERO, above: (U256::from(1u64) << bits) - U256::from(1u64) }
    }

    /// A constant, by the representative of least magnitude.
    pub fn constant(element: F) -> Self {
        let (magnitude, negative) = least(element);
        let lc = Lc::constant(signed(magnitude, negative));
        let magnitude = U256::from(magnitude);
        let (below, above) = if negative { (magnitude, U256::ZERO) } else { (U256::ZERO, magnitude) };
        Self { lc, below, above }
    }

    /// A variable below 2^64 with the given value.
    pub fn witness(system: &mut System, value: F) -> Self {
        let element = Self::bounded(system.witness(Fr::from(value.to_canonical_u64())), 64);
        system.range(&element.lc, 64, Rule::OpenedRange);
        element
    }

    /// Zero.
    pub fn zero() -> Self {
        Self { lc: Lc::zero(), below: U256::ZERO, above: U256::ZERO }
    }

    /// The combination.
    pub fn lc(&self) -> &Lc {
        &self.lc
    }

    /// Bits of the width of the interval.
    pub fn width(&self) -> usize {
        (self.below + self.above).bit_len()
    }

    fn checked(self) -> Self {
        assert!(self.width() <= MAX_BITS, "a lazily reduced value could wrap: {} bits", self.width());
        self
    }

    /// `self + other`.
    pub fn plus(&self, other: &Lazy) -> Self {
        let (below, above) = (self.below + other.below, self.above + other.above);
        Self { lc: self.lc.plus(&other.lc), below, above }.checked()
    }

    /// `self - other`.
    pub fn minus(&self, other: &Lazy) -> Self {
        let (below, above) = (self.below + other.above, self.above + other.below);
        Self { lc: self.lc.minus(&other.lc), below, above }.checked()
    }

    /// `sum(factor * element) + constant`, in one pass.
    pub fn linear<'a>(terms: impl IntoIterator<Item = (F, &'a Lazy)>, constant: F) -> Self {
        terms.into_iter().fold(Self::constant(constant), |sum, (factor, element)| sum.plus(&element.scaled(factor)))
    }

    /// `factor * self` for a constant.
    pub fn scaled(&self, factor: F) -> Self {
        let (magnitude, negative) = least(factor);
        let lc = self.lc.scaled(signed(magnitude, negative));
        let magnitude = U256::from(magnitude);
        assert!(self.width() + magnitude.bit_len() <= MAX_BITS, "a scaled value could wrap");
        let (mut below, mut above) = (self.below * magnitude, self.above * magnitude);
        if negative {
            std::mem::swap(&mut below, &mut above);
        }
        Self { lc, below, above }.checked()
    }

    /// `self * other`, with `slack` bits left for what is added to it.
    pub fn times(&self, system: &mut System, other: &Lazy, slack: usize) -> Self {
        let (left, right) = fitted(system, self, other, slack);
        let lc = system.product(&left.lc, &right.lc);
        let (below, above) = product_bounds(&left, &right);
        Self { lc, below, above }.checked()
    }

    /// The multiple of p that makes every value non-negative, and the bits of the quotient then.
    fn shift(&self) -> (Fr, usize) {
        let order = U256::from(F::ORDER);
        let shift = self.below.div_ceil(order) * order;
        let quotient = (self.above + shift) / order;
        (from_u256(shift), quotient.bit_len())
    }

    /// The same element as one variable below 2^64: as many constraints as the interval has bits.
    pub fn reduce(&self, system: &mut System) -> Self {
        self.reduce_with(system, false)
    }

    /// The same element as one variable below p.
    pub fn reduce_canonical(&self, system: &mut System) -> Self {
        self.reduce_with(system, true)
    }

    fn reduce_with(&self, system: &mut System, canonical: bool) -> Self {
        if !canonical && self.below.is_zero() && self.above.bit_len() <= 64 {
            return self.clone();
        }
        if self.lc.as_constant().is_some() {
            return Self::constant(self.value());
        }
        let (shift, quotient_bits) = self.shift();
        let dividend = self.lc.plus_constant(shift);
        let remainder = system.witness(Fr::from(remainder(dividend.value().into_bigint())));
        let reduced = Self::bounded(remainder, 64);
        if canonical {
            enforce_canonical(system, reduced.lc());
        } else {
            system.range(reduced.lc(), 64, Rule::OpenedRange);
        }
        let quotient = dividend.minus(reduced.lc()).scaled(*ORDER_INVERSE);
        system.range(&quotient, quotient_bits, Rule::QuotientRange);
        reduced
    }

    /// Reduces if the interval is wider than `bits`.
    pub fn within(&self, system: &mut System, bits: usize) -> Self {
        if self.width() <= bits { self.clone() } else { self.reduce(system) }
    }

    /// Constrains the element to zero.
    pub fn enforce_zero(&self, system: &mut System) {
        let (shift, quotient_bits) = self.shift();
        let quotient = self.lc.plus_constant(shift).scaled(*ORDER_INVERSE);
        system.range(&quotient, quotient_bits, Rule::QuotientRange);
    }

    /// The element.
    pub fn value(&self) -> F {
        let (shift, _) = self.shift();
        F::from_canonical_u64(remainder((self.lc.value() + shift).into_bigint()))
    }
}

/// Constrains a combination to be below p, and thereby below 2^64; returns its bits.
pub fn enforce_canonical(system: &mut System, lc: &Lc) -> Vec<Lc> {
    let bits = system.bits(lc, 64);
    if system.enforces(Rule::Canonical) {
        // p = 2^64 - 2^32 + 1: the value is below p unless the high half is all ones and the low
        // half is not zero.
        let low = Lc::sum(bits[..32].iter().zip(super::system::POWERS.iter().copied()));
        let high = lc.minus(&low).scaled(Fr::from(1u64 << 32).inverse().expect("not zero"));
        let missing = high.plus_constant(-Fr::from(u64::from(u32::MAX)));
        let inverse = system.witness(missing.value().inverse().unwrap_or_default());
        let not_full = system.product(&missing, &inverse);
        let full = Lc::constant(Fr::ONE).minus(&not_full);
        system.enforce(&missing, &full, &Lc::zero());
        system.enforce(&full, &low, &Lc::zero());
    }
    bits
}

/// Magnitude and sign of the representative of least magnitude.
fn least(element: F) -> (u64, bool) {
    let value = element.to_canonical_u64();
    if value > F::ORDER / 2 { (F::ORDER - value, true) } else { (value, false) }
}

fn signed(magnitude: u64, negative: bool) -> Fr {
    let magnitude = Fr::from(magnitude);
    if negative { -magnitude } else { magnitude }
}

fn product_bounds(left: &Lazy, right: &Lazy) -> (U256, U256) {
    let below = (left.below * right.above).max(left.above * right.below);
    let above = (left.above * right.above).max(left.below * right.below);
    (below, above)
}

/// Both operands, reduced as far as their product needs it.
fn fitted(system: &mut System, left: &Lazy, right: &Lazy, slack: usize) -> (Lazy, Lazy) {
    let (mut left, mut right) = (left.clone(), right.clone());
    while left.width() + right.width() + slack > MAX_BITS {
        let wider = if left.width() >= right.width() { &mut left } else { &mut right };
        *wider = wider.reduce(system);
    }
    (left, right)
}

/// `value mod p`.
fn remainder(value: BigInt<4>) -> u64 {
    let fold = |rest: u128, limb: &u64| ((rest << 64) | u128::from(*limb)) % u128::from(F::ORDER);
    value.0.iter().rev().fold(0, fold) as u64
}

fn from_u256(value: U256) -> Fr {
    Fr::from_bigint(BigInt(value.into_limbs())).expect("bounds are below the modulus")
}
