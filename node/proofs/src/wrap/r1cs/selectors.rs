//! Which selector polynomial switches which gate on.

use std::ops::Range;

use gavel_circuits::{D, F};
use plonky2::field::types::Field;
use plonky2::plonk::circuit_data::CommonCircuitData;
use serde::Deserialize;

use super::extension::Ext;
use super::system::System;
use crate::wrap::WrapError;

/// Value of a selector on rows of other groups.
const UNUSED: u64 = u32::MAX as u64;

/// plonky2's selector layout. Its fields are private there; serialisation is the way to read them.
#[derive(Debug, Deserialize)]
pub struct Selectors {
    selector_indices: Vec<usize>,
    groups: Vec<Range<usize>>,
}

impl Selectors {
    /// Reads the layout of a circuit.
    ///
    /// # Errors
    /// [`WrapError::Plonky2`] if plonky2 serialises it in another form.
    pub fn of(common: &CommonCircuitData<F, D>) -> Result<Self, WrapError> {
        let value = serde_json::to_value(&common.selectors_info).map_err(WrapError::plonky2)?;
        serde_json::from_value(value).map_err(WrapError::plonky2)
    }

    /// Number of selector polynomials.
    pub fn count(&self) -> usize {
        self.groups.len()
    }

    /// `prod (i - s)` over the other gates of the group, and over [`UNUSED`] if there are several
    /// groups: non-zero on rows of gate `gate` only.
    pub fn filter(&self, system: &mut System, gate: usize, constants: &[Ext]) -> Ext {
        let selector = &constants[self.selector_indices[gate]];
        let group = self.groups[self.selector_indices[gate]].clone();
        let others = group.filter(|i| *i != gate).map(|i| i as u64);
        let unused = (self.count() > 1).then_some(UNUSED);
        let mut filter = Ext::constant(F::ONE);
        for i in others.chain(unused) {
            let factor = Ext::constant(F::from_canonical_u64(i)).minus(selector);
            filter = filter.times(system, &factor, 0);
        }
        filter.reduce(system)
    }
}
