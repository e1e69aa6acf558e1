//! Linear combinations that know their value.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// `sum(coefficient * variable)`, sorted by variable, with the value it takes. Variable 0 is the
/// constant one.
#[derive(Clone, Debug)]
pub struct Lc {
    /// Left empty when the system does not record its matrices.
    pub(super) terms: Vec<(u32, Fr)>,
    pub(super) value: Fr,
    /// Whether no variable went into it; known with and without recorded terms.
    pub(super) constant: bool,
}

impl Lc {
    /// The empty combination.
    pub fn zero() -> Self {
        Self::constant(Fr::ZERO)
    }

    /// A constant.
    pub fn constant(value: Fr) -> Self {
        let terms = if value == Fr::ZERO { Vec::new() } else { vec![(0, value)] };
        Self { terms, value, constant: true }
    }

    /// The value under the current assignment.
    pub fn value(&self) -> Fr {
        self.value
    }

    /// Its value, if it was made of constants only.
    pub fn as_constant(&self) -> Option<Fr> {
        self.constant.then_some(self.value)
    }

    /// `self + factor * other`.
    pub fn plus_scaled(&self, other: &Lc, factor: Fr) -> Lc {
        let value = self.value + other.value * factor;
        let constant = self.constant && other.constant;
        if other.terms.is_empty() || factor == Fr::ZERO {
            return Lc { terms: self.terms.clone(), value, constant };
        }
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        loop {
            match (left.peek(), right.peek()) {
                (Some(&&(i, a)), Some(&&(j, b))) if i == j => {
                    let sum = a + b * factor;
                    if sum != Fr::ZERO {
                        terms.push((i, sum));
                    }
                    left.next();
                    right.next();
                }
                (Some(&&(i, _)), Some(&&(j, b))) if j < i => {
                    terms.push((j, b * factor));
                    right.next();
                }
                (Some(&&term), _) => {
                    terms.push(term);
                    left.next();
                }
                (None, Some(&&(j, b))) => {
                    terms.push((j, b * factor));
                    right.next();
                }
                (None, None) => return Lc { terms, value, constant },
            }
        }
    }

    /// `self + other`.
    pub fn plus(&self, other: &Lc) -> Lc {
        self.plus_scaled(other, Fr::ONE)
    }

    /// `self - other`.
    pub fn minus(&self, other: &Lc) -> Lc {
        self.plus_scaled(other, -Fr::ONE)
    }

    /// `self + constant`.
    pub fn plus_constant(&self, constant: Fr) -> Lc {
        self.plus(&Lc::constant(constant))
    }

    /// `factor * self`.
    pub fn scaled(&self, factor: Fr) -> Lc {
        if factor == Fr::ZERO {
            return Lc::zero();
        }
        let terms = self.terms.iter().map(|(i, c)| (*i, *c * factor)).collect();
        Lc { terms, value: self.value * factor, constant: self.constant }
    }

    /// `sum(factor * lc)`.
    pub fn sum<'a>(terms: impl IntoIterator<Item = (&'a Lc, Fr)>) -> Lc {
        terms.into_iter().fold(Lc::zero(), |sum, (lc, factor)| sum.plus_scaled(lc, factor))
    }
}
