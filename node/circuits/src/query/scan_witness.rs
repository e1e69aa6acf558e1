//! Setting a scan's witness from a request and its rows.

use alloy_primitives::U256;
use plonky2::field::types::Field;
use plonky2::iop::target::Target;
use plonky2::iop::witness::PartialWitness;

use super::error::QueryError;
use super::native::Request;
use super::program::{Function, MAX_OUTPUTS};
use super::scan::{RowTarget, ScanTarget};
use super::targets::set_limbs;
use crate::F;
use crate::circuit;
use crate::table::{Row, u256_limbs};
use crate::uint::reversed;

impl ScanTarget {
    /// Sets everything from a validated request over rows of the table.
    ///
    /// # Errors
    /// [`QueryError::Capacity`]; those of [`Request::validate`].
    pub fn set(&self, pw: &mut PartialWitness<F>, request: &Request<'_>, rows: &[Row]) -> Result<(), QueryError> {
        if rows.len() > self.rows.len() {
            return Err(QueryError::Capacity { capacity: self.rows.len(), got: rows.len() });
        }
        request.validate()?;
        self.extraction.set_witness(pw, request.table.extraction()).map_err(circuit_error)?;
        self.columns.set_witness(pw, request.table).map_err(circuit_error)?;
        self.program.set(pw, request.program)?;
        self.params.set(pw, request.params)?;
        set_u64(pw, &self.from, request.from)?;
        set_u64(pw, &self.to, request.to)?;
        let minimised = minimised_values(request, rows);
        for (i, target) in self.rows.iter().enumerate() {
            target.set(pw, rows.get(i))?;
        }
        for j in 0..MAX_OUTPUTS {
            let values = || minimised.iter().map(|values| values[j]);
            let minimum = values().min().unwrap_or(U256::MAX);
            // Rows of the circuit without a row of the table hold all ones.
            let attaining = values().position(|value| value == minimum).unwrap_or(0);
            set_limbs(pw, &reversed(&self.minima[j]), &u256_limbs(minimum))?;
            for (i, row) in self.rows.iter().enumerate() {
                circuit::set_bool(pw, row.attains[j], i == attaining)?;
            }
        }
        Ok(())
    }
}

impl RowTarget {
    fn set(&self, pw: &mut PartialWitness<F>, row: Option<&Row>) -> Result<(), QueryError> {
        circuit::set_bool(pw, self.active, row.is_some())?;
        set_u64(pw, &self.number, row.map_or(0, |row| row.number))?;
        set_u64(pw, &self.timestamp, row.map_or(0, |row| row.timestamp))?;
        for (j, limbs) in self.values.iter().enumerate() {
            let value = row.and_then(|row| row.values.get(j)).copied().unwrap_or_default();
            set_limbs(pw, limbs, &u256_limbs(value))?;
        }
        Ok(())
    }
}

fn set_u64(pw: &mut PartialWitness<F>, limbs: &[Target; 2], value: u64) -> Result<(), QueryError> {
    set_limbs(pw, limbs, &[value & 0xffff_ffff, value >> 32].map(F::from_canonical_u64))
}

fn circuit_error(error: anyhow::Error) -> QueryError {
    QueryError::Circuit(crate::error::CircuitError::Witness(error.to_string()))
}

/// What each output minimises in each row: the value or its complement, all ones where the row
/// does not take part.
fn minimised_values(request: &Request<'_>, rows: &[Row]) -> Vec<[U256; MAX_OUTPUTS]> {
    let output = |j: usize| request.program.outputs.get(j);
    rows.iter()
        .map(|row| {
            let registers = request.registers(row);
            let keeps = request.in_range(row) && request.accepts(&registers);
            std::array::from_fn(|j| {
                let value = registers[output(j).map_or(0, |o| usize::from(o.register))];
                match (keeps, output(j).map(|o| o.function)) {
                    (false, _) => U256::MAX,
                    (true, Some(Function::Max)) => !value,
                    (true, _) => value,
                }
            })
        })
        .collect()
}
