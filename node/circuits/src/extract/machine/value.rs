//! What the machine's constraints are written over: field values, or targets of a verifying circuit.

use std::cell::RefCell;
use std::ops::{Add, Mul, Sub};

use plonky2::field::types::Field;
use plonky2::iop::ext_target::ExtensionTarget;

use super::rule::Rule;
use crate::{Builder, D, F};

/// A value of the base field, of an extension or of a packing, or a target.
pub trait Value: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// A constant of the same context.
    fn constant(self, value: F) -> Self;

    /// `factor * self`.
    fn scale(self, factor: F) -> Self;

    /// A small constant.
    fn small(self, value: u64) -> Self {
        self.constant(F::from_canonical_u64(value))
    }

    /// `factor * self` for a small factor.
    fn times(self, factor: u64) -> Self {
        self.scale(F::from_canonical_u64(factor))
    }

    /// `1 - self`.
    fn not(self) -> Self {
        self.small(1) - self
    }

    /// Zero exactly for 0 and 1.
    fn boolean(self) -> Self {
        self * self - self
    }
}

/// Field values.
#[derive(Clone, Copy, Debug)]
pub struct Plain<T>(pub T);

impl<T: Add<Output = T>> Add for Plain<T> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Plain(self.0 + other.0)
    }
}

impl<T: Sub<Output = T>> Sub for Plain<T> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Plain(self.0 - other.0)
    }
}

impl<T: Mul<Output = T>> Mul for Plain<T> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Plain(self.0 * other.0)
    }
}

impl<T> Value for Plain<T>
where
    T: Copy + From<F> + Add<Output = T> + Sub<Output = T> + Mul<Output = T>,
{
    fn constant(self, value: F) -> Self {
        Plain(T::from(value))
    }

    fn scale(self, factor: F) -> Self {
        Plain(self.0 * T::from(factor))
    }
}

/// A target of the circuit that verifies.
#[derive(Clone, Copy)]
pub struct Wired<'a, 'b> {
    pub builder: &'a RefCell<&'b mut Builder>,
    pub target: ExtensionTarget<D>,
}

impl Wired<'_, '_> {
    fn with(self, make: impl FnOnce(&mut Builder) -> ExtensionTarget<D>) -> Self {
        Wired { builder: self.builder, target: make(&mut self.builder.borrow_mut()) }
    }
}

impl Add for Wired<'_, '_> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.with(|b| b.add_extension(self.target, other.target))
    }
}

impl Sub for Wired<'_, '_> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.with(|b| b.sub_extension(self.target, other.target))
    }
}

impl Mul for Wired<'_, '_> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.with(|b| b.mul_extension(self.target, other.target))
    }
}

impl Value for Wired<'_, '_> {
    fn constant(self, value: F) -> Self {
        self.with(|b| b.constant_extension(value.into()))
    }

    fn scale(self, factor: F) -> Self {
        self.with(|b| b.mul_const_extension(factor, self.target))
    }
}

/// An element of the quadratic extension by two wires, `x + y·X` with `X² = 7`.
#[derive(Clone, Copy, Debug)]
pub struct Pair<V>(pub V, pub V);

impl<V: Value> Pair<V> {
    /// The wires at `column` and the one after.
    pub fn at(wires: &[V], column: usize) -> Self {
        Pair(wires[column], wires[column + 1])
    }

    /// A base value.
    pub fn base(value: V) -> Self {
        Pair(value, value.small(0))
    }

    /// Product with a base value.
    pub fn by(self, factor: V) -> Self {
        Pair(self.0 * factor, self.1 * factor)
    }

    /// Sum with a base value.
    pub fn plus(self, value: V) -> Self {
        Pair(self.0 + value, self.1)
    }

    /// `choose` 1: `self`; 0: `other`.
    pub fn or(self, choose: V, other: Self) -> Self {
        (self - other).by(choose) + other
    }
}

impl<V: Value> Add for Pair<V> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Pair(self.0 + other.0, self.1 + other.1)
    }
}

impl<V: Value> Sub for Pair<V> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Pair(self.0 - other.0, self.1 - other.1)
    }
}

impl<V: Value> Mul for Pair<V> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Pair(self.0 * other.0 + (self.1 * other.1).times(7), self.0 * other.1 + self.1 * other.0)
    }
}

/// Collects constraints: expressions that have to be zero.
pub struct Constraints<V> {
    pub list: Vec<V>,
    /// Rule of each constraint.
    pub rules: Vec<Rule>,
    /// Columns whose value a rule gives, with that value.
    pub defined: Vec<(usize, V)>,
    /// A rule that is left out, to show what it keeps off.
    pub without: Option<Rule>,
}

impl<V: Value> Constraints<V> {
    /// Nothing yet.
    pub fn new(without: Option<Rule>) -> Self {
        Constraints { list: vec![], rules: vec![], defined: vec![], without }
    }

    /// `value` has to be zero.
    pub fn zero(&mut self, rule: Rule, value: V) {
        self.rules.push(rule);
        self.list.push(if self.without == Some(rule) { value.small(0) } else { value });
    }

    /// The wire at `column` has to be `value`; a filler may take it from here.
    pub fn define(&mut self, rule: Rule, column: usize, wire: V, value: V) {
        self.zero(rule, wire - value);
        self.defined.push((column, value));
    }

    /// Both components of the element at `column` have to be `value`.
    pub fn define_pair(&mut self, rule: Rule, column: usize, wires: &[V], value: Pair<V>) {
        self.define(rule, column, wires[column], value.0);
        self.define(rule, column + 1, wires[column + 1], value.1);
    }

    /// Both components of `value` have to be zero.
    pub fn zero_pair(&mut self, rule: Rule, value: Pair<V>) {
        self.zero(rule, value.0);
        self.zero(rule, value.1);
    }
}

/// Sum of values; `one` gives the context when there are none.
pub fn sum<V: Value>(one: V, values: impl IntoIterator<Item = V>) -> V {
    values.into_iter().reduce(|x, y| x + y).unwrap_or_else(|| one.small(0))
}
