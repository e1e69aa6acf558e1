//! Table files: TOML to a checked table and back to canonical text.

use std::collections::BTreeSet;
use std::fmt::Write;

use alloy_primitives::{Address, B256, U256};
use gavel_circuits::query::{BLOCK_NUMBER, BLOCK_TIMESTAMP};
use gavel_circuits::statement::word_from_hash;
use gavel_circuits::table::{ColumnLayout, Extraction, MAX_COLUMNS, MAX_SLOTS, TableSpec};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::error::TableError;
use super::value_type::{ValueType, read_number};

const BLOCK_COLUMNS: [(&str, u8); 2] = [("block_number", BLOCK_NUMBER), ("block_timestamp", BLOCK_TIMESTAMP)];

/// A storage column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub value_type: ValueType,
    pub slot: U256,
    /// Bytes between the column and the least significant end of its slot.
    pub offset: u8,
}

/// A checked table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    name: String,
    columns: Vec<Column>,
    spec: TableSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    name: String,
    chain_id: i64,
    contract: String,
    #[serde(default)]
    columns: Vec<ColumnFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnFile {
    name: String,
    #[serde(rename = "type")]
    value_type: Option<String>,
    slot: Option<SlotFile>,
    offset_bytes: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SlotFile {
    Text(String),
    Number(i64),
}

impl Table {
    /// Reads a table file.
    ///
    /// # Errors
    /// [`TableError`] with the column at fault.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let file: TableFile = toml::from_str(text).map_err(|error| TableError::Syntax(error.to_string()))?;
        check_name("table name", &file.name)?;
        let chain_id = u64::try_from(file.chain_id).ok().filter(|id| *id > 0);
        let chain_id = chain_id.ok_or(TableError::ChainId(file.chain_id))?;
        let contract = ValueType::Address.read(&file.contract).ok_or(TableError::Contract(file.contract))?;
        let mut names = BTreeSet::new();
        let mut columns = vec![];
        for column in file.columns {
            check_name("column name", &column.name)?;
            if !names.insert(column.name.clone()) {
                return Err(TableError::Duplicate(column.name));
            }
            columns.extend(column.check()?);
        }
        Table::new(file.name, chain_id, Address::from_word(contract.into()), columns)
    }

    fn new(name: String, chain_id: u64, contract: Address, columns: Vec<Column>) -> Result<Self, TableError> {
        let slots: BTreeSet<U256> = columns.iter().map(|column| column.slot).collect();
        let slots: Vec<U256> = slots.into_iter().collect();
        match (columns.len(), slots.len()) {
            (0, _) => return Err(TableError::NoStorageColumn),
            (count, _) if count > MAX_COLUMNS => return Err(TableError::TooManyColumns(count)),
            (_, count) if count > MAX_SLOTS => return Err(TableError::TooManySlots(count)),
            _ => {}
        }
        let layouts = columns.iter().map(|column| ColumnLayout {
            slot: slots.partition_point(|slot| *slot < column.slot) as u8,
            offset: column.offset,
            width: column.value_type.bytes(),
            type_code: column.value_type.code(),
        });
        let layouts = layouts.collect();
        let names = names_digest(std::iter::once(&name).chain(columns.iter().map(|column| &column.name)));
        // Counts, order and offsets have been checked above, each with its name.
        let spec = Extraction::new(chain_id, contract, slots)
            .and_then(|extraction| TableSpec::new(extraction, layouts, names))
            .map_err(|error| TableError::Syntax(error.to_string()))?;
        Ok(Table { name, columns, spec })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Storage columns, in the order of the file.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The table as circuits see it.
    pub fn spec(&self) -> &TableSpec {
        &self.spec
    }

    /// `tableId`.
    pub fn id(&self) -> B256 {
        word_from_hash(self.spec.table_id())
    }

    /// Id and type of a column, block columns included.
    pub fn column(&self, name: &str) -> Option<(u8, ValueType)> {
        let block = BLOCK_COLUMNS.iter().find(|(known, _)| *known == name).map(|(_, id)| (*id, ValueType::U64));
        let storage = || self.columns.iter().position(|column| column.name == name);
        block.or_else(|| storage().map(|i| (i as u8, self.columns[i].value_type)))
    }

    /// Name of a column by id.
    pub fn column_name(&self, id: u8) -> &str {
        let block = BLOCK_COLUMNS.iter().find(|(_, known)| *known == id);
        block.map_or_else(|| self.columns[usize::from(id)].name.as_str(), |(name, _)| name)
    }

    /// The one text of this table: [`Table::parse`] gives the same table again, and two texts of a
    /// table have the same canonical text.
    pub fn canonical_text(&self) -> String {
        let extraction = self.spec.extraction();
        let mut text = String::new();
        let contract = format!("0x{}", hex::encode(extraction.contract()));
        let _ =
            write!(text, "name = \"{}\"\nchain_id = {}\ncontract = \"{contract}\"\n", self.name, extraction.chain_id());
        for Column { name, value_type, slot, offset } in &self.columns {
            let _ = write!(
                text,
                "\n[[columns]]\nname = \"{name}\"\ntype = \"{value_type}\"\nslot = \"{slot:#x}\"\noffset_bytes = {offset}\n"
            );
        }
        text
    }
}

impl ColumnFile {
    /// The storage column; `None` for a block column, which every table has anyway.
    fn check(self) -> Result<Option<Column>, TableError> {
        let ColumnFile { name: column, value_type, slot, offset_bytes } = self;
        if BLOCK_COLUMNS.iter().any(|(known, _)| *known == column) {
            let plain = slot.is_none() && offset_bytes.is_none();
            let plain = plain && value_type.is_none_or(|text| text == ValueType::U64.to_string());
            return if plain { Ok(None) } else { Err(TableError::Reserved { column }) };
        }
        let got = value_type.unwrap_or_default();
        let Some(value_type) = ValueType::parse(&got) else { return Err(TableError::Type { column, got }) };
        let slot = match slot {
            None => return Err(TableError::NoSlot { column }),
            Some(SlotFile::Text(got)) => match read_number(&got) {
                Some(slot) => slot,
                None => return Err(TableError::Slot { column, got }),
            },
            Some(SlotFile::Number(number)) => match U256::try_from(number) {
                Ok(slot) => slot,
                Err(_) => return Err(TableError::Slot { column, got: number.to_string() }),
            },
        };
        let (offset, width) = (offset_bytes.unwrap_or(0), value_type.bytes());
        match u8::try_from(offset) {
            Ok(offset) if u16::from(offset) + u16::from(width) <= 32 => {
                Ok(Some(Column { name: column, value_type, slot, offset }))
            }
            _ => Err(TableError::PastSlotEnd { column, offset, width }),
        }
    }
}

/// SHA-256 of names, each followed by a line feed, which no name contains.
pub fn names_digest<'a>(names: impl Iterator<Item = &'a String>) -> B256 {
    let mut hasher = Sha256::new();
    for name in names {
        hasher.update(name);
        hasher.update("\n");
    }
    B256::from(<[u8; 32]>::from(hasher.finalize()))
}

fn check_name(what: &'static str, name: &str) -> Result<(), TableError> {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let valid = name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
        && name.len() <= 64;
    if valid { Ok(()) } else { Err(TableError::Name { what, name: name.into() }) }
}
