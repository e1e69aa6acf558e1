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
pub const MAX_BITS: usize = 252;

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
        Self::witness_scalar(system, Fr::from(value.to_canonical_u64()))
    }

    /// A variable constrained to be below 2^64.
    fn witness_scalar(system: &mut System, value: Fr) -> Self {
        let element = Self::bounded(system.witness(value), 64);
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
        let (shift, _) = self.shift();
        let remainder = remainder((self.lc.value() + shift).into_bigint());
        self.reduce_to(system, Fr::from(remainder), canonical)
    }

    /// Constrains `self = quotient * p + remainder` for a witness with the given remainder.
    fn reduce_to(&self, system: &mut System, remainder: Fr, canonical: bool) -> Self {
        let (shift, quotient_bits) = self.shift();
        let reduced = Self::bounded(system.witness(remainder), 64);
        if canonical {
            enforce_canonical(system, reduced.lc());
        } else {
            system.range(reduced.lc(), 64, Rule::OpenedRange);
        }
        let quotient = self.lc.plus_constant(shift).minus(reduced.lc()).scaled(*ORDER_INVERSE);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::r1cs::sponge::hash_leaf;
    use plonky2::field::types::Sample;

    /// Whether a gadget is satisfied with every rule, and without one of them.
    fn with_and_without(rule: Rule, gadget: impl Fn(&mut System)) -> (bool, bool) {
        [System::new(false), System::relaxed(rule)]
            .map(|mut system| {
                gadget(&mut system);
                system.is_satisfied()
            })
            .into()
    }

    #[test]
    fn lazy_arithmetic_agrees_with_the_field() {
        let mut system = System::new(true);
        for _ in 0..20 {
            let [a, b, c] = std::array::from_fn(|_| F::rand());
            let [x, y, z] = [a, b, c].map(|value| Lazy::witness(&mut system, value));
            let product = x.minus(&y).times(&mut system, &z, 0).scaled(-c);
            assert_eq!(product.value(), (a - b) * c * -c);
            assert_eq!(product.reduce(&mut system).value(), product.value());
            let longer = product.times(&mut system, &x, 0).times(&mut system, &y, 0).plus(&Lazy::constant(F::TWO));
            let reduced = longer.reduce_canonical(&mut system);
            assert_eq!(reduced.lc().value(), Fr::from(((a - b) * c * -c * a * b + F::TWO).to_canonical_u64()));
            longer.minus(&reduced).enforce_zero(&mut system);
        }
        assert!(system.is_satisfied());
        Lazy::witness(&mut system, F::ONE).enforce_zero(&mut system);
        assert!(!system.is_satisfied());
    }

    #[test]
    #[should_panic = "could wrap"]
    fn a_bound_past_the_modulus_is_refused() {
        let wide = Lazy::bounded(Lc::zero(), 252);
        let _ = wide.plus(&wide);
    }

    /// A limb of 2^64 + a beside b - 1 packs like a beside b, and is another element.
    #[test]
    fn an_opened_limb_past_64_bits_is_rejected() {
        let limb = Fr::from(u64::MAX) + Fr::from(1u64);
        let honest = hash_leaf(&mut System::new(false), &[5u64, 7].map(|x| Lc::constant(Fr::from(x))));
        let outcome = with_and_without(Rule::OpenedRange, |system| {
            let row = [limb + Fr::from(5u64), Fr::from(6u64)].map(|x| Lazy::witness_scalar(system, x).lc().clone());
            let digest = hash_leaf(system, &row);
            system.enforce_zero(&digest.minus(&honest));
        });
        assert_eq!(outcome, (false, true));
    }

    #[test]
    fn a_value_past_p_is_not_canonical() {
        for value in [0, 1, u64::from(u32::MAX) - 1] {
            let shifted = Fr::from(value) + Fr::from(F::ORDER);
            let outcome = with_and_without(Rule::Canonical, |system| {
                let witness = system.witness(shifted);
                enforce_canonical(system, &witness);
            });
            assert_eq!(outcome, (false, true), "{value} + p");
        }
        for value in [0, 1, u64::from(u32::MAX), F::ORDER - 1] {
            let mut system = System::new(false);
            let witness = system.witness(Fr::from(value));
            enforce_canonical(&mut system, &witness);
            assert!(system.is_satisfied(), "{value}");
        }
    }

    #[test]
    fn a_forged_remainder_is_rejected() {
        let outcome = with_and_without(Rule::QuotientRange, |system| {
            let x = Lazy::witness(system, F::from_canonical_u64(1 << 40));
            let square = x.times(system, &x, 0);
            let honest = square.reduce(system).lc().value();
            square.reduce_to(system, honest + Fr::from(1u64), false);
        });
        assert_eq!(outcome, (false, true));
    }
}
