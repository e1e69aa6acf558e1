//! Aggregate states: what a query knows after some rows (`docs/circuits/query.md`, "States").

use alloy_primitives::U256;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use serde::{Deserialize, Serialize};

use super::error::QueryError;
use super::program::{Function, MAX_OUTPUTS, Output};
use crate::F;
use crate::circuit::hash;
use crate::table::u256_limbs;

pub(super) const TAG_STATES: u64 = 106;

/// Counts of rows stay below 2^COUNT_BITS, so that a product with a 32-bit limb cannot wrap.
pub const COUNT_BITS: usize = 31;

/// How a state grows. Counts live beside the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Growth {
    /// No value of its own: a count, or no output.
    None = 0,
    /// Sum modulo 2^256, with a flag once it has left 256 bits.
    Sum = 1,
    /// Minimum; of complements for MAX. All ones over no rows.
    Min = 2,
}

impl From<Function> for Growth {
    fn from(function: Function) -> Self {
        match function {
            Function::Count => Growth::None,
            Function::Sum | Function::Avg => Growth::Sum,
            Function::Min | Function::Max => Growth::Min,
        }
    }
}

/// State of one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutputState {
    pub growth: Growth,
    pub overflow: bool,
    pub value: U256,
}

impl OutputState {
    /// Over no rows.
    pub fn empty(growth: Growth) -> Self {
        let value = if growth == Growth::Min { U256::MAX } else { U256::ZERO };
        OutputState { growth, overflow: false, value }
    }

    /// Over two disjoint sets of rows, both with the growth of `self`.
    pub fn join(self, other: OutputState) -> Self {
        match self.growth {
            Growth::None => self,
            Growth::Sum => {
                let (value, carry) = self.value.overflowing_add(other.value);
                OutputState { growth: self.growth, overflow: self.overflow | other.overflow | carry, value }
            }
            Growth::Min => OutputState { value: self.value.min(other.value), ..self },
        }
    }
}

/// States of all outputs with the two counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct States {
    /// Rows that the WHERE accepts inside the request's range.
    pub matched: u32,
    /// Rows inside the request's range.
    pub in_range: u32,
    pub outputs: [OutputState; MAX_OUTPUTS],
}

impl States {
    /// Over no rows.
    pub fn empty(outputs: &[Output]) -> Self {
        let growth = |i: usize| outputs.get(i).map_or(Growth::None, |output| output.function.into());
        States { matched: 0, in_range: 0, outputs: std::array::from_fn(|i| OutputState::empty(growth(i))) }
    }

    /// Over two disjoint sets of rows.
    ///
    /// # Errors
    /// [`QueryError::Join`] when the outputs grow differently or a count leaves its bound.
    pub fn join(&self, other: &States) -> Result<Self, QueryError> {
        let add = |what, left: u32, right: u32| match left.checked_add(right) {
            Some(sum) if sum >> COUNT_BITS == 0 => Ok(sum),
            _ => Err(QueryError::Join { what, left: left.to_string(), right: right.to_string() }),
        };
        let mut outputs = self.outputs;
        for (left, right) in outputs.iter_mut().zip(&other.outputs) {
            if left.growth != right.growth {
                let (left, right) = (format!("{:?}", left.growth), format!("{:?}", right.growth));
                return Err(QueryError::Join { what: "kinds of state", left, right });
            }
            *left = left.join(*right);
        }
        Ok(States {
            matched: add("matched rows", self.matched, other.matched)?,
            in_range: add("rows in range", self.in_range, other.in_range)?,
            outputs,
        })
    }

    /// Word 13: Poseidon of `tag, matched, in range, eight of (growth, overflow, value (8))`.
    pub fn digest(&self) -> HashOut<F> {
        let mut input = vec![F::from_canonical_u64(TAG_STATES)];
        input.extend([self.matched, self.in_range].map(F::from_canonical_u32));
        for state in &self.outputs {
            input.push(F::from_canonical_u8(state.growth as u8));
            input.push(F::from_bool(state.overflow));
            input.extend(u256_limbs(state.value));
        }
        hash(&input)
    }
}
