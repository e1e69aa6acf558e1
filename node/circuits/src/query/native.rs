//! The meaning of a query, outside circuits.

use alloy_primitives::{B256, U256};
use gavel_types::statement::{Status, sha256_words};

use super::error::QueryError;
use super::program::{BLOCK_NUMBER, BLOCK_TIMESTAMP, Function, MAX_REGISTERS, Operand, Program, check_params};
use super::state::{Growth, States};
use crate::table::{Row, TableSpec};

/// A request: what fixes the meaning of a query over given rows.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub table: &'a TableSpec,
    pub program: &'a Program,
    /// Parameter words, as many as the program has.
    pub params: &'a [U256],
    /// First block.
    pub from: u64,
    /// Last block.
    pub to: u64,
}

/// Result of a whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: Status,
    /// Rows (blocks) inside the range.
    pub row_count: u64,
    /// One word per result; all zero unless the status is [`Status::Ok`].
    pub words: Vec<U256>,
}

impl Answer {
    /// Word 15: SHA-256 of the result words.
    pub fn digest(&self) -> B256 {
        words_digest(&self.words)
    }
}

/// SHA-256 of words laid end to end: `paramsDigest` of an answer and `resultDigest`.
pub fn words_digest(words: &[U256]) -> B256 {
    let words: Vec<B256> = words.iter().map(|word| B256::from(*word)).collect();
    sha256_words(&words)
}

impl Request<'_> {
    /// Checks program, parameters and range.
    ///
    /// # Errors
    /// Those of [`Program::validate`]; [`QueryError::ParamCount`]; [`QueryError::Range`].
    pub fn validate(&self) -> Result<(), QueryError> {
        self.program.validate(self.table)?;
        check_params(self.program, self.params)?;
        match self.from <= self.to {
            true => Ok(()),
            false => Err(QueryError::Range { from: self.from, to: self.to }),
        }
    }

    /// Whether the block lies in the request's range.
    pub fn in_range(&self, row: &Row) -> bool {
        (self.from..=self.to).contains(&row.number)
    }

    /// Value of a column by id.
    fn column(&self, row: &Row, id: u8) -> U256 {
        match id {
            BLOCK_NUMBER => U256::from(row.number),
            BLOCK_TIMESTAMP => U256::from(row.timestamp),
            _ => {
                let layout = self.table.columns()[usize::from(id)];
                let shifted = row.values[usize::from(layout.slot)] >> (8 * usize::from(layout.offset));
                let width = 8 * usize::from(layout.width);
                if width == 256 { shifted } else { shifted & ((U256::ONE << width) - U256::ONE) }
            }
        }
    }

    /// Values of all registers.
    pub fn registers(&self, row: &Row) -> [U256; MAX_REGISTERS] {
        self.program.padded_registers().map(|id| self.column(row, id))
    }

    /// Whether the WHERE accepts a row with these registers.
    pub fn accepts(&self, registers: &[U256; MAX_REGISTERS]) -> bool {
        self.program.predicates.iter().all(|predicate| {
            let right = match predicate.right {
                Operand::Literal(value) => value,
                Operand::Param(i) => self.params[usize::from(i)],
                Operand::Register(i) => registers[usize::from(i)],
                Operand::From => U256::from(self.from),
                Operand::To => U256::from(self.to),
            };
            predicate.comparison.holds(registers[usize::from(predicate.left)], right)
        })
    }

    /// Whether a row takes part: in range and accepted by the WHERE.
    pub fn keeps(&self, row: &Row) -> bool {
        self.in_range(row) && self.accepts(&self.registers(row))
    }

    /// States over `rows`; rows outside the range or the WHERE change nothing but are allowed.
    ///
    /// # Errors
    /// Those of [`Request::validate`] and [`States::join`].
    pub fn scan(&self, rows: &[Row]) -> Result<States, QueryError> {
        self.validate()?;
        rows.iter().try_fold(States::empty(&self.program.outputs), |states, row| states.join(&self.row_states(row)))
    }

    /// States over one row.
    fn row_states(&self, row: &Row) -> States {
        let mut states = States::empty(&self.program.outputs);
        let registers = self.registers(row);
        states.in_range = u32::from(self.in_range(row));
        if states.in_range == 0 || !self.accepts(&registers) {
            return states;
        }
        states.matched = 1;
        for (state, output) in states.outputs.iter_mut().zip(&self.program.outputs) {
            let value = registers[usize::from(output.register)];
            match (state.growth, output.function) {
                (Growth::None, _) => {}
                (_, Function::Max) => state.value = !value,
                _ => state.value = value,
            }
        }
        states
    }

    /// The answer that states over the whole range give. A sum that has left 256 bits makes it
    /// `Overflow`, a MIN, MAX or AVG over no rows `Empty`; both zero every word. COUNT and SUM over
    /// no rows are zero and `Ok`.
    pub fn answer(&self, states: &States) -> Answer {
        let outputs = &self.program.outputs;
        let needs_rows = |f| matches!(f, Function::Min | Function::Max | Function::Avg);
        let status = if states.outputs.iter().any(|state| state.overflow) {
            Status::Overflow
        } else if states.matched == 0 && outputs.iter().any(|output| needs_rows(output.function)) {
            Status::Empty
        } else {
            Status::Ok
        };
        let count = U256::from(states.matched);
        let word = |(output, state): (&super::program::Output, &super::state::OutputState)| match output.function {
            _ if status != Status::Ok => U256::ZERO,
            Function::Count => count,
            Function::Sum | Function::Min => state.value,
            Function::Avg => state.value / count,
            Function::Max => !state.value,
        };
        let words = outputs.iter().zip(&states.outputs).map(word).collect();
        Answer { status, row_count: states.in_range.into(), words }
    }
}
