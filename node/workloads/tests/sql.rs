//! The SQL subset: what compiles, and how everything else is refused, with its position.

use alloy_primitives::U256;
use gavel_circuits::query::{Comparison, Function, Operand, Predicate};
use gavel_workloads::coprocessor::{ParamError, Query, SqlError, Table, ValueType};

fn table() -> Table {
    Table::parse(
        r#"
        name = "pair"
        chain_id = 1
        contract = "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc"
        columns = [
            { name = "reserve0", type = "uint112", slot = "0x8" },
            { name = "reserve1", type = "uint112", slot = "0x8", offset_bytes = 14 },
            { name = "owner", type = "address", slot = 1 },
            { name = "paused", type = "bool", slot = 1, offset_bytes = 20 },
            { name = "total", type = "uint256", slot = 2 },
        ]
        "#,
    )
    .unwrap()
}

fn compile(sql: &str) -> Result<Query, SqlError> {
    Query::compile(&table(), sql)
}

#[test]
fn the_example_of_the_readme_compiles() {
    let query = compile(
        "SELECT AVG(reserve1) AS mean, MIN(reserve1) AS low, MAX(reserve0) AS high, COUNT(*) AS n \
         FROM pair WHERE reserve0 > $1",
    )
    .unwrap();
    let program = query.program();
    assert_eq!(program.registers, [1, 0]);
    let functions: Vec<_> = program.outputs.iter().map(|output| (output.function, output.register)).collect();
    assert_eq!(functions, [(Function::Avg, 0), (Function::Min, 0), (Function::Max, 1), (Function::Count, 0)]);
    let predicate = Predicate { comparison: Comparison::Greater, left: 1, right: Operand::Param(0) };
    assert_eq!(program.predicates, [predicate]);
    assert_eq!(query.params(), [ValueType::Uint(14)]);
    let names: Vec<_> = query.results().iter().map(|result| result.name.as_str()).collect();
    assert_eq!(names, ["mean", "low", "high", "n"]);
}

#[test]
fn spelling_does_not_change_the_digest_but_meaning_and_names_do() {
    let sql = "SELECT SUM(total) AS s FROM pair WHERE reserve0 BETWEEN 5 AND $1 AND owner <> \
               0x5f3b5dfeb7b28cdbd7faba78963ee202a494e2a2 AND paused = FALSE AND block_number >= $from";
    let query = compile(sql).unwrap();
    let spelled = "select sum(pair.total) as s from \"pair\"\nwhere (reserve0 >= 0x5 and $1 >= reserve0) and \
                   (owner <> '0x5F3B5DFEB7B28CDBD7FABA78963EE202A494E2A2') and false = paused and $from <= block_number;";
    assert_eq!(compile(spelled).unwrap(), query);
    assert_eq!(compile(query.canonical_text()).unwrap(), query);
    for (from, to) in [("SUM", "AVG"), ("AS s", "AS t"), ("BETWEEN 5", "BETWEEN 6"), ("<>", "="), ("$from", "$to")] {
        assert!(sql.contains(from));
        assert_ne!(compile(&sql.replace(from, to)).unwrap().digest(), query.digest());
    }
    let other = Table::parse(&table().canonical_text().replace("chain_id = 1", "chain_id = 2")).unwrap();
    assert_ne!(Query::compile(&other, sql).unwrap().digest(), query.digest());
}

#[test]
fn explanations_say_what_is_proven() {
    let table = table();
    let sql = "SELECT AVG(reserve1) AS mean, COUNT(*) FROM pair WHERE reserve0 > $1 AND block_timestamp < 1700000000";
    let words = Query::compile(&table, sql).unwrap().explain(&table);
    for part in [
        "chain 1",
        "mean = the sum of reserve1 divided by the number of rows, rounded down",
        "count = the number of rows",
        "reserve0 is greater than $1",
        "and block_timestamp is less than 1700000000",
        "$1 is uint112",
        "reserve1: uint112 in storage slot 0x8, bytes 14 to 27 from the least significant",
        "Empty",
        "Overflow",
    ] {
        assert!(words.contains(part), "{part:?} is not in\n{words}");
    }
}

/// Every construct outside the subset, its name and the column where it starts.
const UNSUPPORTED: &[(&str, &str, u64)] = &[
    ("SELECT reserve0 FROM pair", "a result other than", 8),
    ("SELECT * FROM pair", "* in SELECT", 8),
    ("SELECT SUM(reserve0 + 1) FROM pair", "operator + in a value", 21),
    ("SELECT SUM(5) FROM pair", "SUM of anything but a column", 12),
    ("SELECT SUM(*) FROM pair", "SUM(*)", 8),
    ("SELECT SUM(reserve0, reserve1) FROM pair", "SUM of anything but one column", 8),
    ("SELECT SUM(DISTINCT reserve0) FROM pair", "DISTINCT in SUM", 12),
    ("SELECT COUNT(reserve0) FROM pair", "COUNT of a column", 14),
    ("SELECT MEDIAN(reserve0) FROM pair", "function MEDIAN", 8),
    ("SELECT SUM(reserve0) FILTER (WHERE reserve1 > 1) FROM pair", "FILTER", 22),
    ("SELECT SUM(reserve0) OVER (PARTITION BY reserve1) FROM pair", "OVER", 22),
    ("SELECT SUM(reserve0) / 2 FROM pair", "a result other than", 8),
    ("SELECT SUM(reserve0) AS \"a b\" FROM pair", "an alias of other than", 25),
    ("SELECT DISTINCT SUM(reserve0) FROM pair", "DISTINCT", 8),
    ("SELECT COUNT(*) FROM pair GROUP BY reserve0", "GROUP BY", 27),
    ("SELECT COUNT(*) FROM pair HAVING COUNT(*) > 1", "HAVING", 27),
    ("SELECT COUNT(*) FROM pair ORDER BY reserve0", "ORDER BY", 27),
    ("SELECT COUNT(*) FROM pair LIMIT 5", "LIMIT or OFFSET", 27),
    ("SELECT COUNT(*) FROM pair OFFSET 5", "LIMIT or OFFSET", 27),
    ("SELECT COUNT(*) FROM pair FOR UPDATE", "FOR", 27),
    ("SELECT COUNT(*) FROM pair FETCH FIRST 5 ROWS ONLY", "FETCH", 27),
    ("SELECT COUNT(*) INTO x FROM pair", "INTO", 17),
    ("SELECT COUNT(*) FROM pair JOIN other ON true", "JOIN", 27),
    ("SELECT COUNT(*) FROM pair, other", "a second table", 28),
    ("SELECT COUNT(*) FROM pair AS p", "an alias for the table", 30),
    ("SELECT COUNT(*) FROM (SELECT 1) AS p", "a subquery in FROM", 23),
    ("SELECT COUNT(*)", "SELECT without FROM", 1),
    ("SELECT COUNT(*) FROM pair UNION SELECT COUNT(*) FROM pair", "UNION", 27),
    ("WITH x AS (SELECT 1) SELECT COUNT(*) FROM pair", "WITH", 1),
    ("SELECT COUNT(*) FROM pair; SELECT COUNT(*) FROM pair", "a second statement", 26),
    ("DELETE FROM pair", "a statement other than SELECT", 1),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 = 1 OR reserve1 = 2", "OR", 46),
    ("SELECT COUNT(*) FROM pair WHERE NOT reserve0 = 1", "NOT", 33),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 NOT BETWEEN 1 AND 2", "NOT BETWEEN", 42),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 IN (1, 2)", "IN", 42),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 LIKE '1%'", "LIKE", 42),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 IS NULL", "IS", 42),
    ("SELECT COUNT(*) FROM pair WHERE paused IS TRUE", "IS", 40),
    ("SELECT COUNT(*) FROM pair WHERE paused", "a condition that is no comparison", 33),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 = NULL", "NULL", 44),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 > -5", "a negative number", 45),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 + 1 > 5", "operator + in a value", 42),
    ("SELECT COUNT(*) FROM pair WHERE reserve0 > (SELECT 1)", "a subquery", 45),
    ("SELECT COUNT(*) FROM pair WHERE ABS(reserve0) > 1", "function ABS in WHERE", 33),
    ("SELECT COUNT(*) FROM pair WHERE CAST(reserve0 AS INT) > 1", "CAST", 38),
    ("SELECT COUNT(*) FROM pair WHERE EXISTS (SELECT 1)", "EXISTS", 41),
];

#[test]
fn every_other_construct_is_named_with_its_position() {
    for (sql, construct, column) in UNSUPPORTED {
        match compile(sql) {
            Err(SqlError::Unsupported { construct: got, at }) => {
                assert!(got.starts_with(construct), "{sql}: {got}");
                assert_eq!((at.line, at.column), (1, *column), "{sql}: {got}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn lines_are_counted() {
    let error = compile("SELECT COUNT(*)\nFROM pair\n  WHERE nothing = 1").unwrap_err();
    assert_eq!(error.to_string(), "table pair has no column nothing (line 3, column 9)");
}

#[test]
fn names_and_types_are_checked() {
    let message = |sql: &str| compile(sql).unwrap_err().to_string();
    let cases = [
        ("SELECT COUNT(*) FROM pool", "the query must be over table pair, not pool (line 1, column 22)"),
        ("SELECT COUNT(*) FROM a.pair", "the query must be over table pair, not a.pair (line 1, column 22)"),
        ("SELECT SUM(pool.reserve0) FROM pair", "the query must be over table pair, not pool (line 1, column 12)"),
        ("SELECT SUM(owner) FROM pair", "SUM needs a number, and owner is address (line 1, column 12)"),
        ("SELECT MAX(paused) FROM pair", "MAX needs a number, and paused is bool (line 1, column 12)"),
        (
            "SELECT COUNT(*), COUNT(*) FROM pair",
            "two results are named count; give one another name with AS (line 1, column 18)",
        ),
        ("SELECT COUNT(*) FROM pair WHERE owner = 5", "address cannot be compared with 5 (line 1, column 41)"),
        ("SELECT COUNT(*) FROM pair WHERE owner = 0x12", "address cannot be compared with 0x12 (line 1, column 41)"),
        ("SELECT COUNT(*) FROM pair WHERE reserve0 = '5'", "uint112 cannot be compared with '5' (line 1, column 44)"),
        (
            "SELECT COUNT(*) FROM pair WHERE paused = reserve0",
            "bool cannot be compared with uint112 (line 1, column 42)",
        ),
        (
            "SELECT COUNT(*) FROM pair WHERE paused = $to",
            "bool cannot be compared with a block number (line 1, column 42)",
        ),
        (
            "SELECT COUNT(*) FROM pair WHERE owner < owner",
            "address values have no order; only = and <> compare them (line 1, column 33)",
        ),
        ("SELECT COUNT(*) FROM pair WHERE 1 = 1", "a comparison needs a column on one side (line 1, column 33)"),
        ("SELECT COUNT(*) FROM pair WHERE $1 = 1", "a comparison needs a column on one side (line 1, column 33)"),
        ("SELECT COUNT(*) FROM pair WHERE reserve0 > 1.5", "1.5 is not a whole number below 2^256 (line 1, column 44)"),
        (
            "SELECT COUNT(*) FROM pair WHERE reserve0 > $9",
            "$9 is no parameter: $1 to $8, $from and $to are (line 1, column 44)",
        ),
        (
            "SELECT COUNT(*) FROM pair WHERE reserve0 > $min",
            "$min is no parameter: $1 to $8, $from and $to are (line 1, column 44)",
        ),
        ("SELECT COUNT(*) FROM pair WHERE reserve0 > $2", "parameter $1 is not used, but $2 is"),
        (
            "SELECT COUNT(*) FROM pair WHERE reserve0 > $1 AND owner = $1",
            "parameter $1 is uint112 in one comparison and address in another (line 1, column 59)",
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(message(sql), expected, "{sql}");
    }
    let huge = format!("SELECT COUNT(*) FROM pair WHERE total > {}0", U256::MAX);
    assert!(matches!(compile(&huge), Err(SqlError::Number { .. })));
    assert!(matches!(compile("SELEC 1"), Err(SqlError::Syntax(_))));
    assert!(matches!(compile(""), Err(SqlError::Syntax(_))));
    assert!(matches!(compile("SELECT COUNT(* FROM pair"), Err(SqlError::Syntax(_))));
}

#[test]
fn counts_are_bounded() {
    let results = |n: usize| {
        let results: Vec<_> = (0..n).map(|i| format!("COUNT(*) AS c{i}")).collect();
        compile(&format!("SELECT {} FROM pair", results.join(", ")))
    };
    assert!(results(8).is_ok());
    assert!(matches!(results(9), Err(SqlError::TooManyResults { got: 9, .. })));
    let comparisons = |n: usize| {
        let comparisons: Vec<_> = (0..n).map(|i| format!("reserve0 <> {i}")).collect();
        compile(&format!("SELECT COUNT(*) FROM pair WHERE {} AND total BETWEEN 1 AND 2", comparisons.join(" AND ")))
    };
    assert!(comparisons(6).is_ok());
    assert!(matches!(comparisons(7), Err(SqlError::TooManyComparisons { got: 9, .. })));
}

#[test]
fn parameters_are_checked_by_type() {
    let query = compile("SELECT COUNT(*) FROM pair WHERE reserve0 > $1 AND owner = $2 AND paused = $3").unwrap();
    let read = |texts: [&str; 3]| query.read_params(&texts.map(String::from));
    let owner = "0x5f3b5dfeb7b28cdbd7faba78963ee202a494e2a2";
    let words = read(["0x10", owner, "true"]).unwrap();
    assert_eq!(words[0], U256::from(16));
    assert_eq!(words[2], U256::ONE);
    query.check_params(&words).unwrap();
    assert_eq!(query.read_params(&[]), Err(ParamError::Count { expected: 3, got: 0 }));
    assert!(matches!(read(["-1", owner, "true"]), Err(ParamError::Type { number: 1, .. })));
    assert!(matches!(read(["", owner, "true"]), Err(ParamError::Type { number: 1, .. })));
    assert!(matches!(read(["1", "0x12", "true"]), Err(ParamError::Type { number: 2, .. })));
    assert!(matches!(read(["1", owner, "1"]), Err(ParamError::Type { number: 3, .. })));
    let large: U256 = U256::ONE << 112usize;
    let large = large.to_string();
    let error = read([&large, owner, "true"]).unwrap_err();
    let expected = ValueType::Uint(14);
    assert_eq!(error, ParamError::Size { number: 1, expected, got: U256::ONE << 112usize });
    let word = |i: usize, value| {
        let mut words = words.clone();
        words[i] = value;
        query.check_params(&words)
    };
    assert!(matches!(word(1, U256::MAX), Err(ParamError::Size { number: 2, .. })));
    assert!(matches!(word(2, U256::from(2)), Err(ParamError::Size { number: 3, .. })));
}
