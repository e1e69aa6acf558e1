//! A query back to text: canonical SQL, and words for people.

use std::fmt::Write;

use gavel_circuits::query::{Comparison, Function, Operand, Output, Predicate};

use super::query::Query;
use super::table::Table;
use super::value_type::ValueType;

/// SQL with one spelling.
pub fn canonical_sql(table: &Table, query: &Query) -> String {
    let results = query.program.outputs.iter().zip(&query.results).map(|(output, result)| {
        let argument = match output.function {
            Function::Count => "*",
            _ => column(table, query, output.register),
        };
        format!("{}({argument}) AS {}", function_name(output.function), result.name)
    });
    let mut sql = format!("SELECT {} FROM {}", results.collect::<Vec<_>>().join(", "), table.name());
    let predicates = query.program.predicates.iter().map(|predicate| {
        let left = column(table, query, predicate.left);
        format!("{left} {} {}", symbol(predicate.comparison), operand(table, query, predicate))
    });
    let predicates = predicates.collect::<Vec<_>>();
    if !predicates.is_empty() {
        let _ = write!(sql, " WHERE {}", predicates.join(" AND "));
    }
    sql
}

/// What a proof of the query says, in sentences.
pub fn in_words(table: &Table, query: &Query) -> String {
    let extraction = table.spec().extraction();
    let mut words = format!(
        "Over every block from $from to $to of chain {}, with nothing left out, one row for each block, read from contract {}:\n",
        extraction.chain_id(),
        extraction.contract()
    );
    for (output, result) in query.program.outputs.iter().zip(&query.results) {
        let _ = writeln!(words, "  {} = {}", result.name, output_words(table, query, output));
    }
    match query.program.predicates.as_slice() {
        [] => words.push_str("over all of these rows.\n"),
        predicates => {
            words.push_str("over those of these rows in which\n");
            for (i, predicate) in predicates.iter().enumerate() {
                let joint = if i == 0 { "  " } else { "  and " };
                let left = column(table, query, predicate.left);
                let comparison = comparison_words(predicate.comparison);
                let _ = writeln!(words, "{joint}{left} {comparison} {}", operand(table, query, predicate));
            }
        }
    }
    if !query.params.is_empty() {
        let params = query.params.iter().enumerate().map(|(i, of)| format!("${} is {of}", i + 1));
        let _ = writeln!(words, "Parameters: {}.", params.collect::<Vec<_>>().join(", "));
    }
    words.push_str("Columns:\n");
    for id in &query.program.registers {
        let _ = writeln!(words, "  {}", column_words(table, *id));
    }
    words.push_str(outcome_words(query));
    words
}

fn output_words(table: &Table, query: &Query, output: &Output) -> String {
    let column = || column(table, query, output.register);
    match output.function {
        Function::Count => "the number of rows".into(),
        Function::Sum => format!("the sum of {}", column()),
        Function::Avg => format!("the sum of {} divided by the number of rows, rounded down", column()),
        Function::Min => format!("the smallest {}", column()),
        Function::Max => format!("the largest {}", column()),
    }
}

fn column_words(table: &Table, id: u8) -> String {
    let name = table.column_name(id);
    let Some(column) = table.columns().get(usize::from(id)) else {
        let of = if name == "block_number" { "number" } else { "timestamp in seconds" };
        return format!("{name}: the block's {of}");
    };
    let bytes = column.value_type.bytes();
    let end = column.offset + bytes - 1;
    let place = match (column.offset, bytes) {
        (0, 32) => String::new(),
        (_, 1) => format!(", byte {end} from the least significant"),
        (start, _) => format!(", bytes {start} to {end} from the least significant"),
    };
    format!("{name}: {} in storage slot {:#x}{place}, after the block", column.value_type, column.slot)
}

fn outcome_words(query: &Query) -> &'static str {
    let has = |functions: &[Function]| query.program.outputs.iter().any(|output| functions.contains(&output.function));
    match (has(&[Function::Sum, Function::Avg]), has(&[Function::Avg, Function::Min, Function::Max])) {
        (false, false) => "The status is always Ok.\n",
        (true, false) => "If a sum exceeds 256 bits the status is Overflow and every result is zero.\n",
        (false, true) => "If no row takes part the status is Empty and every result is zero.\n",
        (true, true) => {
            "If no row takes part the status is Empty, if a sum exceeds 256 bits Overflow; every result is zero then.\n"
        }
    }
}

fn function_name(function: Function) -> &'static str {
    match function {
        Function::Count => "COUNT",
        Function::Sum => "SUM",
        Function::Avg => "AVG",
        Function::Min => "MIN",
        Function::Max => "MAX",
    }
}

fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "<",
        Comparison::Equal => "=",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::NotEqual => "<>",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn comparison_words(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "is less than",
        Comparison::Equal => "equals",
        Comparison::LessOrEqual => "is at most",
        Comparison::Greater => "is greater than",
        Comparison::NotEqual => "differs from",
        Comparison::GreaterOrEqual => "is at least",
    }
}

fn column<'a>(table: &'a Table, query: &Query, register: u8) -> &'a str {
    table.column_name(query.program.registers[usize::from(register)])
}

fn operand(table: &Table, query: &Query, predicate: &Predicate) -> String {
    match predicate.right {
        Operand::Literal(value) => {
            let name = column(table, query, predicate.left);
            table.column(name).map_or(ValueType::U256, |(_, value_type)| value_type).show(value)
        }
        Operand::Param(index) => format!("${}", index + 1),
        Operand::Register(register) => column(table, query, register).into(),
        Operand::From => "$from".into(),
        Operand::To => "$to".into(),
    }
}
