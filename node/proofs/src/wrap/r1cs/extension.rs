//! The quadratic extension of Goldilocks, X^2 = 7, over lazily reduced coordinates.

use gavel_circuits::F;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::Field;

use super::goldilocks::{Lazy, MAX_BITS};
use super::system::System;

/// Element of the extension in the field of the native verifier.
pub type Native = QuadraticExtension<F>;

/// X^2.
const NON_RESIDUE: u64 = 7;
/// Bits that `a0 b0 + 7 a1 b1` is longer than one product.
const PRODUCT_SLACK: usize = 4;

/// `coordinates[0] + coordinates[1] X`.
#[derive(Clone, Debug)]
pub struct Ext(pub [Lazy; 2]);

impl Ext {
    /// Zero.
    pub fn zero() -> Self {
        Self([Lazy::zero(), Lazy::zero()])
    }

    /// A constant of the base field.
    pub fn constant(element: F) -> Self {
        Self::base(Lazy::constant(element))
    }

    /// An element of the base field.
    pub fn base(element: Lazy) -> Self {
        Self([element, Lazy::zero()])
    }

    fn map(&self, f: impl FnMut(&Lazy) -> Lazy) -> Self {
        Self(self.0.each_ref().map(f))
    }

    /// `self + other`.
    pub fn plus(&self, other: &Ext) -> Self {
        Self(std::array::from_fn(|i| self.0[i].plus(&other.0[i])))
    }

    /// `self - other`.
    pub fn minus(&self, other: &Ext) -> Self {
        Self(std::array::from_fn(|i| self.0[i].minus(&other.0[i])))
    }

    /// `self + constant`.
    pub fn plus_constant(&self, constant: F) -> Self {
        self.plus(&Ext::constant(constant))
    }

    /// `factor * self` for a constant.
    pub fn scaled(&self, factor: F) -> Self {
        self.map(|coordinate| coordinate.scaled(factor))
    }

    fn width(&self) -> usize {
        self.0.iter().map(Lazy::width).max().unwrap_or(0)
    }

    /// `factor * self` for an element of the base field, with `slack` bits left.
    pub fn times_base(&self, system: &mut System, factor: &Lazy, slack: usize) -> Self {
        let (mut ext, mut factor) = (self.clone(), factor.clone());
        while ext.width() + factor.width() + slack > MAX_BITS {
            // Once for both coordinates.
            if ext.width() >= factor.width() {
                ext = ext.reduce(system);
            } else {
                factor = factor.reduce(system);
            }
        }
        ext.map(|coordinate| coordinate.times(system, &factor, slack))
    }

    /// `self * other`, unreduced, with `slack` bits left for what is added to it.
    pub fn times(&self, system: &mut System, other: &Ext, slack: usize) -> Self {
        let (mut left, mut right) = (self.clone(), other.clone());
        while left.width() + right.width() + PRODUCT_SLACK + slack > MAX_BITS {
            let wider = if left.width() >= right.width() { &mut left } else { &mut right };
            *wider = wider.reduce(system);
        }
        let [a0, a1] = &left.0;
        let [b0, b1] = &right.0;
        let mut product = |a: &Lazy, b: &Lazy| a.times(system, b, 0);
        let (low, high) = (product(a0, b0), product(a1, b1));
        let (mixed, other) = (product(a0, b1), product(a1, b0));
        Ext([low.plus(&high.scaled(F::from_canonical_u64(NON_RESIDUE))), mixed.plus(&other)])
    }

    /// `self * other`, reduced.
    pub fn product(&self, system: &mut System, other: &Ext) -> Self {
        self.times(system, other, 0).reduce(system)
    }

    /// `a * b * c` of reduced elements, unreduced.
    pub fn triple(system: &mut System, a: &Ext, b: &Ext, c: &Ext) -> Self {
        a.times(system, b, 70).times(system, c, 0)
    }

    /// Both coordinates below 2^64.
    pub fn reduce(&self, system: &mut System) -> Self {
        self.map(|coordinate| coordinate.reduce(system))
    }

    /// Reduces coordinates wider than `bits`.
    pub fn within(&self, system: &mut System, bits: usize) -> Self {
        self.map(|coordinate| coordinate.within(system, bits))
    }

    /// Constrains the element to zero.
    pub fn enforce_zero(&self, system: &mut System) {
        self.0.iter().for_each(|coordinate| coordinate.enforce_zero(system));
    }

    /// A reduced element `q` with `q * divisor = self`; satisfiable for a zero divisor only if
    /// `self` is zero too.
    pub fn divided_by(&self, system: &mut System, divisor: &Ext) -> Self {
        let inverse = divisor.value().try_inverse().unwrap_or(Native::ZERO);
        let quotient = Ext::witness(system, self.value() * inverse);
        quotient.times(system, divisor, 2).minus(self).enforce_zero(system);
        quotient
    }

    /// A reduced element with the given value.
    pub fn witness(system: &mut System, value: Native) -> Self {
        Self(value.0.map(|coordinate| Lazy::witness(system, coordinate)))
    }

    /// Powers 0 to `count - 1`, reduced.
    pub fn powers(&self, system: &mut System, count: usize) -> Vec<Ext> {
        let mut powers = vec![Ext::constant(F::ONE), self.clone()];
        while powers.len() < count {
            let next = powers[powers.len() - 1].product(system, self);
            powers.push(next);
        }
        powers.truncate(count);
        powers
    }

    /// The element.
    pub fn value(&self) -> Native {
        QuadraticExtension(self.0.each_ref().map(Lazy::value))
    }
}
