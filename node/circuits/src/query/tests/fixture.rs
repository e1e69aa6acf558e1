//! Seeded tables, programs, rows and extractions.

use alloy_primitives::{Address, B256, U256};
use gavel_types::statement::{Claim, Kind, Output as StatementOutput, Statement, Status};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::F;
use crate::query::program::*;
use crate::query::{Answer, Request, States, query_statement};
use crate::statement::word_from_hash;
use crate::table::{ColumnLayout, Extraction, MAX_COLUMNS, MAX_SLOTS, Row, TableSpec, row_chain_digest};

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A request that owns its parts.
#[derive(Clone, Debug)]
pub struct Case {
    pub table: TableSpec,
    pub program: Program,
    pub params: Vec<U256>,
    pub from: u64,
    pub to: u64,
    pub rows: Vec<Row>,
}

impl Case {
    pub fn request(&self) -> Request<'_> {
        Request { table: &self.table, program: &self.program, params: &self.params, from: self.from, to: self.to }
    }

    pub fn states(&self) -> States {
        self.request().scan(&self.rows).unwrap()
    }

    pub fn answer(&self) -> Answer {
        self.request().answer(&self.states())
    }

    /// The same request over other rows.
    pub fn over(&self, rows: &[Row]) -> Case {
        Case { rows: rows.to_vec(), ..self.clone() }
    }

    /// The request over the rows of each chunk of `length`.
    pub fn chunks(&self, length: usize) -> Vec<Case> {
        self.rows.chunks(length).map(|rows| self.over(rows)).collect()
    }

    /// What the query over the rows states, with its states.
    pub fn query(&self) -> (Statement, States) {
        query_statement(&self.request(), &self.extraction(set_root()), &self.rows).unwrap()
    }

    /// What an extraction of the rows states.
    pub fn extraction(&self, set_root: HashOut<F>) -> Statement {
        extraction(&self.table, &self.rows, set_root)
    }
}

pub fn set_root() -> HashOut<F> {
    HashOut { elements: [11, 12, 13, 14].map(F::from_canonical_u64) }
}

/// Hash of a block of the made-up chain.
pub fn block_hash(number: u64) -> B256 {
    B256::from(U256::from(number) * U256::from(0x1234_5678_9abc_def1u64))
}

pub fn extraction(table: &TableSpec, rows: &[Row], set_root: HashOut<F>) -> Statement {
    let (first, last) = (rows[0].number, rows[rows.len() - 1].number);
    let chain = row_chain_digest(table.extraction(), rows).unwrap();
    Statement {
        claim: Claim {
            kind: Kind::Extract,
            circuit_set: word_from_hash(set_root),
            chain_id: table.extraction().chain_id(),
            table_id: word_from_hash(table.table_id()),
            query_digest: B256::ZERO,
            params_digest: B256::ZERO,
            from_block: first,
            to_block: last,
            anchor_hash: block_hash(last),
            inputs: block_hash(first - 1),
        },
        output: StatementOutput {
            status: Status::Ok,
            row_count: rows.len() as u64,
            roots: [word_from_hash(chain), B256::ZERO, B256::ZERO],
            result_digest: B256::ZERO,
        },
    }
}

/// A 256-bit number of random length, so that comparisons meet small and large ones.
pub fn any_u256(rng: &mut ChaCha8Rng) -> U256 {
    let bits = rng.gen_range(0..=256usize);
    let value = U256::from_be_bytes(rng.r#gen::<[u8; 32]>());
    if bits == 0 { U256::ZERO } else { value >> (256 - bits) }
}

pub fn any_table(rng: &mut ChaCha8Rng) -> TableSpec {
    let mut slots: Vec<U256> = (0..rng.gen_range(1..=MAX_SLOTS)).map(|_| any_u256(rng)).collect();
    slots.sort();
    slots.dedup();
    let columns = (0..rng.gen_range(1..=MAX_COLUMNS))
        .map(|_| {
            let offset = rng.gen_range(0..32u8);
            let width = rng.gen_range(1..=32 - offset);
            ColumnLayout { slot: rng.gen_range(0..slots.len()) as u8, offset, width, type_code: width }
        })
        .collect();
    let extraction = Extraction::new(rng.r#gen(), Address::from(rng.r#gen::<[u8; 20]>()), slots).unwrap();
    TableSpec::new(extraction, columns, B256::from(rng.r#gen::<[u8; 32]>())).unwrap()
}

pub fn any_rows(rng: &mut ChaCha8Rng, table: &TableSpec, count: usize) -> Vec<Row> {
    let first = rng.gen_range(1..1u64 << 40);
    let pool: Vec<U256> = (0..3).map(|_| any_u256(rng)).collect();
    (0..count as u64)
        .map(|i| Row {
            number: first + i,
            timestamp: 12 * (first + i),
            values: (0..table.extraction().slots().len())
                // Values recur, so that equality and ties happen.
                .map(|_| if rng.gen_bool(0.5) { *pool.choose(rng).unwrap() } else { any_u256(rng) })
                .collect(),
        })
        .collect()
}

pub fn any_program(rng: &mut ChaCha8Rng, table: &TableSpec) -> Program {
    let mut ids: Vec<u8> = (0..table.columns().len() as u8).chain([BLOCK_NUMBER, BLOCK_TIMESTAMP]).collect();
    ids.shuffle(rng);
    ids.truncate(rng.gen_range(1..=MAX_REGISTERS));
    let params = rng.gen_range(0..=MAX_PARAMS as u8);
    let comparisons = [
        Comparison::Less,
        Comparison::Equal,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::NotEqual,
        Comparison::GreaterOrEqual,
    ];
    let mut predicates = vec![];
    for _ in 0..rng.gen_range(0..=3) {
        let right = match rng.gen_range(0..5) {
            1 if params > 0 => Operand::Param(rng.gen_range(0..params)),
            2 => Operand::Register(rng.gen_range(0..ids.len()) as u8),
            3 => Operand::From,
            4 => Operand::To,
            _ => Operand::Literal(any_u256(rng)),
        };
        let left = rng.gen_range(0..ids.len()) as u8;
        predicates.push(Predicate { comparison: *comparisons.choose(rng).unwrap(), left, right });
    }
    let functions = [Function::Count, Function::Sum, Function::Avg, Function::Min, Function::Max];
    let outputs = (0..rng.gen_range(1..=MAX_OUTPUTS))
        .map(|_| match *functions.choose(rng).unwrap() {
            Function::Count => Output { function: Function::Count, register: 0 },
            function => Output { function, register: rng.gen_range(0..ids.len()) as u8 },
        })
        .collect();
    Program {
        table_id: word_from_hash(table.table_id()),
        names_digest: B256::from(rng.r#gen::<[u8; 32]>()),
        params,
        registers: ids,
        predicates,
        outputs,
    }
}

/// [`pair_case`] with a third column so large that two rows overflow its sum.
pub fn overflowing_case() -> Case {
    let case = pair_case(&[(20, 1), (30, 2), (40, 3)]);
    let mut rows = case.rows.clone();
    rows.iter_mut().for_each(|row| row.values[1] = U256::ONE << 255);
    case.over(&rows)
}

/// [`pair_case`] over a table whose third column names slot `slot` of two, and its rows with
/// `value` for every slot that the table lacks: what is extracted has none.
pub fn case_of_missing_slot(slot: u8, value: u64) -> (Case, Vec<Row>) {
    let case = pair_case(&[(20, 1), (30, 2), (40, 3)]);
    let mut columns = case.table.columns().to_vec();
    columns[2].slot = slot;
    let table = TableSpec::unchecked(case.table.extraction().clone(), columns, case.table.names_digest());
    let program = Program { table_id: word_from_hash(table.table_id()), ..case.program.clone() };
    let mut invented = case.rows.clone();
    invented.iter_mut().for_each(|row| row.values.resize(MAX_SLOTS + 1, U256::from(value)));
    (Case { table, program, ..case }, invented)
}

/// A random request over `count` rows; the range cuts off rows at either end now and then.
pub fn any_case(rng: &mut ChaCha8Rng, count: usize) -> Case {
    let table = any_table(rng);
    let program = any_program(rng, &table);
    let params = (0..program.params).map(|_| any_u256(rng)).collect();
    let rows = any_rows(rng, &table, count);
    let (first, last) = (rows[0].number, rows[count - 1].number);
    let from = first + rng.gen_range(0..count as u64).min(rng.gen_range(0..3));
    let to = rng.gen_range(from..=last.max(from)).max(last - last.min(rng.gen_range(0..2))).max(from);
    Case { table, program, params, from, to, rows }
}

/// Two packed 14-byte columns and a whole slot, as a pair of reserves has, with every function:
/// `SELECT SUM(c0), AVG(c1), MIN(c1), MAX(c0), COUNT(*), SUM(c2) WHERE c0 > $1 AND c1 <> 5`.
pub fn pair_case(values: &[(u64, u64)]) -> Case {
    let extraction = Extraction::new(31337, Address::repeat_byte(0xaa), vec![U256::from(8), U256::from(9)]).unwrap();
    let column = |slot, offset, width| ColumnLayout { slot, offset, width, type_code: width };
    let columns = vec![column(0, 0, 14), column(0, 14, 14), column(1, 0, 32)];
    let table = TableSpec::new(extraction, columns, B256::repeat_byte(3)).unwrap();
    let output = |function, register| Output { function, register };
    let program = Program {
        table_id: word_from_hash(table.table_id()),
        names_digest: B256::repeat_byte(4),
        params: 1,
        registers: vec![0, 1, 2],
        predicates: vec![
            Predicate { comparison: Comparison::Greater, left: 0, right: Operand::Param(0) },
            Predicate { comparison: Comparison::NotEqual, left: 1, right: Operand::Literal(U256::from(5)) },
        ],
        outputs: vec![
            output(Function::Sum, 0),
            output(Function::Avg, 1),
            output(Function::Min, 1),
            output(Function::Max, 0),
            output(Function::Count, 0),
            output(Function::Sum, 2),
        ],
    };
    let rows: Vec<Row> = (0u64..)
        .zip(values)
        .map(|(i, (x, y))| Row {
            number: 100 + i,
            timestamp: 5_000 + 2 * i,
            values: vec![U256::from(*x) | (U256::from(*y) << 112), U256::from(7 * i)],
        })
        .collect();
    let to = 99 + rows.len() as u64;
    Case { table, program, params: vec![U256::from(10)], from: 100, to, rows }
}
