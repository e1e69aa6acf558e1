//! Query circuits: a universal evaluator over extracted rows, joining, and the answer
//! (`docs/circuits/query.md`, `merge.md`, `answer.md`).

mod answer_circuit;
mod error;
mod interval;
mod merge_circuit;
mod native;
mod program;
mod query_circuit;
mod registers;
mod scan;
mod scan_witness;
mod state;
mod targets;

pub use answer_circuit::{AnswerCircuit, answer_statement};
pub use error::QueryError;
pub use interval::{interval_of, interval_word};
pub use merge_circuit::{MergeCircuit, Partial, merge_statement};
pub use native::{Answer, Request, words_digest};
pub use program::{
    BLOCK_NUMBER, BLOCK_TIMESTAMP, Comparison, Function, MAX_OUTPUTS, MAX_PARAMS, MAX_PREDICATES, MAX_REGISTERS,
    Operand, Output, Predicate, Program, check_params, params_digest,
};
pub use query_circuit::{QueryCircuit, QueryInput, QueryShape, query_statement};
pub use scan::MAX_ROWS;
pub use state::{COUNT_BITS, Growth, OutputState, States};

#[cfg(test)]
mod tests;

/// A constraint that a test leaves out, to show that the tamper which it stops passes without it.
/// Circuits for use are built with none left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Constraint {
    /// Query: the rows are those of the extraction.
    RowChain,
    /// Query: there are as many rows as the extraction says.
    RowCount,
    /// Query: columns are cut out of slots that the table has.
    ColumnSlot,
    /// Query: a row attains the minimum.
    MinimumAttained,
    /// Query: the overflow flag follows from the carry.
    OverflowFlag,
    /// Merge: the right interval starts at the left one's last hash.
    HashLink,
    /// Merge: the right interval starts one block after the left one ends.
    NextBlock,
    /// Merge: the states are those in the left statement.
    LeftStates,
    /// Answer: the remainder of an average is below the count.
    Remainder,
    /// Answer: the status follows from the states.
    Status,
    /// Answer: the interval ends at the request's last block.
    LastBlock,
}
