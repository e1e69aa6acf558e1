//! Extension elements opened at an extension point: the algebra in which gates over the extension
//! are evaluated.

use gavel_circuits::F;
use plonky2::field::types::Field;

use super::extension::Ext;
use super::system::System;

/// `coordinates[0] + coordinates[1] Y` with Y^2 = 7.
#[derive(Clone, Debug)]
pub struct Algebra(pub [Ext; 2]);

impl Algebra {
    /// An element with one coordinate.
    pub fn base(element: Ext) -> Self {
        Self([element, Ext::zero()])
    }

    /// A constant.
    pub fn constant(element: F) -> Self {
        Self::base(Ext::constant(element))
    }

    /// `self + other`.
    pub fn plus(&self, other: &Algebra) -> Self {
        Self(std::array::from_fn(|i| self.0[i].plus(&other.0[i])))
    }

    /// `self - other`.
    pub fn minus(&self, other: &Algebra) -> Self {
        Self(std::array::from_fn(|i| self.0[i].minus(&other.0[i])))
    }

    /// `factor * self` for a constant.
    pub fn scaled(&self, factor: F) -> Self {
        Self(self.0.each_ref().map(|coordinate| coordinate.scaled(factor)))
    }

    /// `self * other`, unreduced.
    pub fn times(&self, system: &mut System, other: &Algebra) -> Self {
        // Room for the factor 7, one addition here and a few by the caller.
        let mut product = |i: usize, j: usize| self.0[i].times(system, &other.0[j], 10);
        let low = product(0, 0).plus(&product(1, 1).scaled(F::from_canonical_u64(7)));
        let high = product(0, 1).plus(&product(1, 0));
        Self([low, high])
    }

    /// Every coordinate below 2^64.
    pub fn reduce(&self, system: &mut System) -> Self {
        Self(self.0.each_ref().map(|coordinate| coordinate.reduce(system)))
    }
}
