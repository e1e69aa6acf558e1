//! Random queries as SQL text, against a naive evaluation with big integers that shares no code
//! with the evaluator.

use alloy_primitives::U256;
use gavel_circuits::query::{Request, States};
use gavel_circuits::table::Row;
use gavel_types::statement::Status;
use gavel_workloads::coprocessor::{Query, Table};
use num_bigint::BigUint;
use proptest::prelude::*;

const TABLE: &str = r#"
name = "t"
chain_id = 5
contract = "0x00000000000000000000000000000000000000aa"
columns = [
    { name = "low", type = "uint8", slot = 1 },
    { name = "mid", type = "uint104", slot = 1, offset_bytes = 3 },
    { name = "high", type = "uint64", slot = 1, offset_bytes = 24 },
    { name = "whole", type = "uint256", slot = 7 },
    { name = "owner", type = "address", slot = 9, offset_bytes = 12 },
    { name = "flag", type = "bool", slot = 9, offset_bytes = 11 },
]
"#;

/// Name, slot position, offset and width in bytes; none for the block columns.
const COLUMNS: [(&str, usize, usize, usize); 4] =
    [("low", 0, 0, 1), ("mid", 0, 3, 13), ("high", 0, 24, 8), ("whole", 1, 0, 32)];
const NUMBERS: [&str; 6] = ["low", "mid", "high", "whole", "block_number", "block_timestamp"];
const FUNCTIONS: [&str; 5] = ["COUNT", "SUM", "AVG", "MIN", "MAX"];
const SYMBOLS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

#[derive(Clone, Debug)]
enum Right {
    Literal(U256),
    Param(usize),
    Column(usize),
    From,
    To,
}

#[derive(Clone, Debug)]
struct Case {
    outputs: Vec<(usize, usize)>,
    comparisons: Vec<(usize, usize, Right)>,
    params: [U256; 2],
    slots: Vec<[U256; 3]>,
    first: u64,
    skip: u64,
    cut: u64,
}

fn any_word() -> impl Strategy<Value = U256> {
    (any::<[u8; 32]>(), 0usize..=256).prop_map(|(bytes, bits)| {
        let value = U256::from_be_bytes(bytes);
        if bits == 0 { U256::ZERO } else { value >> (256 - bits) }
    })
}

fn any_right() -> impl Strategy<Value = Right> {
    prop_oneof![
        any_word().prop_map(Right::Literal),
        (0usize..2).prop_map(Right::Param),
        (0usize..6).prop_map(Right::Column),
        Just(Right::From),
        Just(Right::To),
    ]
}

fn any_case() -> impl Strategy<Value = Case> {
    let outputs = prop::collection::vec((0usize..5, 0usize..6), 1..=8);
    let comparisons = prop::collection::vec((0usize..6, 0usize..6, any_right()), 0..=3);
    let slots = prop::collection::vec([any_word(), any_word(), any_word()], 1..12);
    (outputs, comparisons, [any_word(), any_word()], slots, 1u64..1 << 40, 0u64..3, 0u64..3).prop_map(
        |(outputs, comparisons, params, slots, first, skip, cut)| Case {
            outputs,
            comparisons,
            params,
            slots,
            first,
            skip,
            cut,
        },
    )
}

impl Case {
    fn last(&self) -> u64 {
        self.first + self.slots.len() as u64 - 1
    }

    fn from(&self) -> u64 {
        (self.first + self.skip).min(self.last())
    }

    fn to(&self) -> u64 {
        (self.last() - self.cut.min(self.last() - self.from())).max(self.from())
    }

    fn sql(&self) -> String {
        let results = self.outputs.iter().enumerate().map(|(i, (function, column))| match FUNCTIONS[*function] {
            "COUNT" => format!("COUNT(*) AS r{i}"),
            function => format!("{function}({}) AS r{i}", NUMBERS[*column]),
        });
        let comparisons = self.comparisons.iter().map(|(left, symbol, right)| {
            let right = match right {
                Right::Literal(value) => value.to_string(),
                Right::Param(i) => format!("${}", i + 1),
                Right::Column(i) => NUMBERS[*i].into(),
                Right::From => "$from".into(),
                Right::To => "$to".into(),
            };
            format!("{} {} {right}", NUMBERS[*left], SYMBOLS[*symbol])
        });
        let comparisons: Vec<String> = comparisons.collect();
        let results = results.collect::<Vec<_>>().join(", ");
        match comparisons.is_empty() {
            true => format!("SELECT {results} FROM t"),
            false => format!("SELECT {results} FROM t WHERE {}", comparisons.join(" AND ")),
        }
    }

    fn timestamp(number: u64) -> u64 {
        1_600_000_000 + 12 * (number % 1_000_000)
    }

    /// Column value as a big integer.
    fn column(&self, row: usize, column: usize) -> BigUint {
        let number = self.first + row as u64;
        match NUMBERS[column] {
            "block_number" => number.into(),
            "block_timestamp" => Case::timestamp(number).into(),
            name => {
                let (_, slot, offset, width) = COLUMNS.iter().find(|known| known.0 == name).unwrap();
                let bytes = self.slots[row][*slot].to_le_bytes::<32>();
                BigUint::from_bytes_le(&bytes[*offset..offset + width])
            }
        }
    }

    fn right(&self, row: usize, right: &Right) -> BigUint {
        match right {
            Right::Literal(value) => big(*value),
            Right::Param(i) => big(self.params[*i]),
            Right::Column(i) => self.column(row, *i),
            Right::From => self.from().into(),
            Right::To => self.to().into(),
        }
    }

    /// Status and results, straight from the definitions.
    fn expected(&self) -> (Status, Vec<BigUint>) {
        let rows: Vec<usize> = (0..self.slots.len())
            .filter(|row| {
                let number = self.first + *row as u64;
                number >= self.from() && number <= self.to()
            })
            .filter(|row| {
                self.comparisons.iter().all(|(left, symbol, right)| {
                    let (left, right) = (self.column(*row, *left), self.right(*row, right));
                    match SYMBOLS[*symbol] {
                        "=" => left == right,
                        "<>" => left != right,
                        "<" => left < right,
                        "<=" => left <= right,
                        ">" => left > right,
                        _ => left >= right,
                    }
                })
            })
            .collect();
        let mut status = Status::Ok;
        let mut words = vec![];
        for (function, column) in &self.outputs {
            let values: Vec<BigUint> = rows.iter().map(|row| self.column(*row, *column)).collect();
            let sum: BigUint = values.iter().sum();
            let function = FUNCTIONS[*function];
            if matches!(function, "SUM" | "AVG") && sum.bits() > 256 {
                status = Status::Overflow;
            }
            if matches!(function, "AVG" | "MIN" | "MAX") && values.is_empty() {
                status = Status::Empty;
            }
            words.push(match function {
                "COUNT" => values.len().into(),
                "SUM" => sum,
                "AVG" => sum / values.len().max(1),
                "MIN" => values.into_iter().min().unwrap_or_default(),
                _ => values.into_iter().max().unwrap_or_default(),
            });
        }
        if status != Status::Ok {
            words.iter_mut().for_each(|word| *word = BigUint::ZERO);
        }
        (status, words)
    }
}

fn big(value: U256) -> BigUint {
    BigUint::from_bytes_be(&value.to_be_bytes::<32>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn queries_mean_what_big_integers_say(case in any_case(), split in 0usize..12) {
        let table = Table::parse(TABLE).unwrap();
        let sql = case.sql();
        // A parameter that is not used, or only the second one, is refused at compile time.
        let query = match Query::compile(&table, &sql) {
            Ok(query) => query,
            Err(error) => {
                prop_assert!(sql.contains("$2") && !sql.contains("$1"), "{sql}: {error}");
                return Ok(());
            }
        };
        let params = &case.params[..query.params().len()];
        let rows: Vec<Row> = case.slots.iter().zip(case.first..).map(|(slots, number)| Row {
            number,
            timestamp: Case::timestamp(number),
            values: slots.to_vec(),
        }).collect();
        let (from, to) = (case.from(), case.to());
        let request = Request { table: table.spec(), program: query.program(), params, from, to };
        let whole = request.scan(&rows).unwrap();
        let (left, right) = rows.split_at(split.min(rows.len()));
        let joined: States = request.scan(left).unwrap().join(&request.scan(right).unwrap()).unwrap();
        prop_assert_eq!(&joined, &whole);
        let answer = request.answer(&whole);
        let (status, words) = case.expected();
        prop_assert_eq!(answer.status, status);
        prop_assert_eq!(answer.row_count, to - from + 1);
        prop_assert_eq!(answer.words.iter().copied().map(big).collect::<Vec<_>>(), words);
        prop_assert_eq!(Query::compile(&table, query.canonical_text()).unwrap(), query);
    }
}

#[test]
fn sums_that_leave_256_bits_overflow_and_no_rows_are_empty() {
    let table = Table::parse(TABLE).unwrap();
    let row = |number| Row { number, timestamp: 9, values: vec![U256::ZERO, U256::MAX, U256::ZERO] };
    let status = |sql: &str, rows: &[Row]| {
        let query = Query::compile(&table, sql).unwrap();
        let request = Request { table: table.spec(), program: query.program(), params: &[], from: 1, to: 9 };
        let answer = request.answer(&request.scan(rows).unwrap());
        (answer.status, answer.words)
    };
    let rows = [row(1), row(2)];
    assert_eq!(status("SELECT SUM(whole) FROM t", &rows[..1]), (Status::Ok, vec![U256::MAX]));
    let zeros = vec![U256::ZERO; 2];
    assert_eq!(status("SELECT SUM(whole), COUNT(*) FROM t", &rows), (Status::Overflow, zeros.clone()));
    assert_eq!(status("SELECT AVG(whole), COUNT(*) FROM t", &rows), (Status::Overflow, zeros.clone()));
    assert_eq!(status("SELECT COUNT(*), MIN(whole) FROM t WHERE low = 1", &rows), (Status::Empty, zeros.clone()));
    assert_eq!(status("SELECT COUNT(*), SUM(whole) FROM t WHERE low = 1", &rows), (Status::Ok, zeros));
}
