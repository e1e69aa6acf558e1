//! Table files: what is accepted, what is refused and how the refusal reads.

use gavel_workloads::coprocessor::{Table, TableError, ValueType};

const PAIR: &str = r#"
name = "pair"
chain_id = 1
contract = "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc"

[[columns]]
name = "reserve0"
type = "uint112"
slot = "0x8"
offset_bytes = 0

[[columns]]
name = "reserve1"
type = "uint112"
slot = "0x8"
offset_bytes = 14

[[columns]]
name = "token0"
type = "address"
slot = 6
"#;

fn with(change: impl FnOnce(&mut String)) -> Result<Table, TableError> {
    let mut text = PAIR.to_string();
    change(&mut text);
    Table::parse(&text)
}

fn replaced(from: &str, to: &str) -> TableError {
    assert!(PAIR.contains(from), "{from}");
    with(|text| *text = text.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn a_table_and_its_canonical_text_are_the_same_table() {
    let table = Table::parse(PAIR).unwrap();
    let slots: Vec<u64> = table.spec().extraction().slots().iter().map(|slot| slot.to()).collect();
    assert_eq!(slots, [6, 8]);
    let layouts: Vec<_> = table.spec().columns().iter().map(|c| (c.slot, c.offset, c.width)).collect();
    assert_eq!(layouts, [(1, 0, 14), (1, 14, 14), (0, 0, 20)]);
    let again = Table::parse(&table.canonical_text()).unwrap();
    assert_eq!(again, table);
    assert_eq!(again.canonical_text(), table.canonical_text());
    assert_eq!(again.id(), table.id());
}

#[test]
fn spelling_does_not_change_the_id_but_names_do() {
    let table = Table::parse(PAIR).unwrap();
    let spelled = with(|text| *text = text.replace("\"0x8\"", "8").replace("offset_bytes = 0\n", "")).unwrap();
    assert_eq!(spelled.id(), table.id());
    let declared = with(|text| text.push_str("[[columns]]\nname = \"block_number\"\n")).unwrap();
    assert_eq!(declared.id(), table.id());
    let renamed = with(|text| *text = text.replace("token0", "token")).unwrap();
    assert_ne!(renamed.id(), table.id());
}

#[test]
fn block_columns_come_with_every_table() {
    let table = Table::parse(PAIR).unwrap();
    assert_eq!(table.column("block_number"), Some((8, ValueType::Uint(8))));
    assert_eq!(table.column("block_timestamp"), Some((9, ValueType::Uint(8))));
    assert_eq!(table.column("reserve1"), Some((1, ValueType::Uint(14))));
    assert_eq!(table.column("reserve2"), None);
}

#[test]
fn malformed_tables_are_refused_by_name() {
    let column = || "reserve0".to_string();
    let cases = [
        (replaced("uint112", "uint113"), TableError::Type { column: column(), got: "uint113".into() }),
        (replaced("uint112", "int112"), TableError::Type { column: column(), got: "int112".into() }),
        (replaced("uint112", "uint0112"), TableError::Type { column: column(), got: "uint0112".into() }),
        (replaced("\"0x8\"", "\"8x\""), TableError::Slot { column: column(), got: "8x".into() }),
        (replaced("\"0x8\"", "-1"), TableError::Slot { column: column(), got: "-1".into() }),
        (replaced("slot = \"0x8\"\n", ""), TableError::NoSlot { column: column() }),
        (
            replaced("offset_bytes = 14", "offset_bytes = 19"),
            TableError::PastSlotEnd { column: "reserve1".into(), offset: 19, width: 14 },
        ),
        (
            replaced("offset_bytes = 0", "offset_bytes = -1"),
            TableError::PastSlotEnd { column: column(), offset: -1, width: 14 },
        ),
        (replaced("reserve1", "reserve0"), TableError::Duplicate(column())),
        (replaced("reserve1", "block_number"), TableError::Reserved { column: "block_number".into() }),
        (replaced("reserve1", "1reserve"), TableError::Name { what: "column name", name: "1reserve".into() }),
        (replaced("\"pair\"", "\"my pair\""), TableError::Name { what: "table name", name: "my pair".into() }),
        (replaced("chain_id = 1", "chain_id = 0"), TableError::ChainId(0)),
        (replaced("0xb4e1", "0xzze1"), TableError::Contract("0xzze16d0168e52d35cacd2c6185b44281ec28c9dc".into())),
        (replaced("0xb4e1", "0xb4"), TableError::Contract("0xb46d0168e52d35cacd2c6185b44281ec28c9dc".into())),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
        assert!(!got.to_string().contains('\n'));
    }
}

#[test]
fn sizes_of_tables_are_bounded() {
    let head = PAIR.split("[[columns]]").next().unwrap();
    let columns = |count: usize, slot: &dyn Fn(usize) -> usize| {
        let columns =
            (0..count).map(|i| format!("[[columns]]\nname = \"c{i}\"\ntype = \"bool\"\nslot = {}\n", slot(i)));
        format!("{head}{}", columns.collect::<String>())
    };
    assert_eq!(Table::parse(head).unwrap_err(), TableError::NoStorageColumn);
    assert!(Table::parse(&columns(8, &|i| i / 2)).is_ok());
    assert_eq!(Table::parse(&columns(9, &|_| 0)).unwrap_err(), TableError::TooManyColumns(9));
    assert_eq!(Table::parse(&columns(5, &|i| i)).unwrap_err(), TableError::TooManySlots(5));
    let unknown = format!("{PAIR}colour = \"red\"\n");
    assert!(matches!(Table::parse(&unknown), Err(TableError::Syntax(message)) if message.contains("colour")));
}
