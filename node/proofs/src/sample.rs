//! Seeded chains and a question about them, for tests and benchmarks.

use alloy_primitives::{Address, B256, U256};
use gavel_circuits::extract::BlockWitness;
use gavel_circuits::extract::synthetic::{ChainForm, PathForm};
use gavel_circuits::query::{Comparison, Function, Operand, Output, Predicate, Program};
use gavel_circuits::statement::word_from_hash;
use gavel_circuits::table::{ColumnLayout, Extraction, TableError, TableSpec};

use crate::job::Question;

/// Branch nodes on the account's and on the slot's path, leaf excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    pub account: usize,
    pub slot: usize,
}

/// As deep as on mainnet: 9 account nodes, 7 storage nodes.
pub const MAINNET: Depth = Depth { account: 8, slot: 6 };
/// As shallow as on a development chain.
pub const DEVNET: Depth = Depth { account: 2, slot: 1 };

/// A table of three packed columns in one slot.
///
/// # Errors
/// None for these constants; typed for the sake of callers.
pub fn table() -> Result<TableSpec, TableError> {
    let extraction = Extraction::new(1, Address::repeat_byte(0x5a), vec![U256::from(8)])?;
    let column = |offset, width| ColumnLayout { slot: 0, offset, width, type_code: width };
    TableSpec::new(extraction, vec![column(0, 14), column(14, 14), column(28, 4)], B256::repeat_byte(7))
}

/// `SELECT AVG(c1), MIN(c1), MAX(c0), COUNT(*) WHERE c0 > $1` over blocks `from` to `to`.
///
/// # Errors
/// As [`table`].
pub fn question(from: u64, to: u64) -> Result<Question, TableError> {
    let table = table()?;
    let output = |function, register| Output { function, register };
    let program = Program {
        table_id: word_from_hash(table.table_id()),
        names_digest: B256::repeat_byte(9),
        params: 1,
        registers: vec![0, 1],
        predicates: vec![Predicate { comparison: Comparison::Greater, left: 0, right: Operand::Param(0) }],
        outputs: vec![
            output(Function::Avg, 1),
            output(Function::Min, 1),
            output(Function::Max, 0),
            output(Function::Count, 0),
        ],
    };
    Ok(Question { table, program, params: vec![U256::from(1_000)], from, to })
}

/// `blocks` consecutive blocks from number `first` on.
///
/// # Errors
/// As [`table`].
pub fn chain(seed: u64, first: u64, blocks: usize, depth: Depth) -> Result<Vec<BlockWitness>, TableError> {
    let form = ChainForm {
        seed,
        fields: 21,
        first,
        blocks,
        account: PathForm::deep(depth.account),
        slots: vec![PathForm::deep(depth.slot)],
    };
    Ok(form.build(table()?.extraction()).0)
}
