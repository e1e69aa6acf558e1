//! Real headers and proofs, read in place (never part of the repository).

use std::collections::BTreeMap;
use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256, hex};
use serde_json::Value;

/// One `eth_getProof` result.
pub struct AccountProof {
    pub number: u64,
    pub address: Address,
    pub account: Vec<Vec<u8>>,
    pub slots: Vec<(U256, U256, Vec<Vec<u8>>)>,
}

/// A folder of the shape that `testdata/mainnet` has.
pub struct ChainData {
    /// Header encodings by number, with the hash and the JSON object.
    pub headers: BTreeMap<u64, (Vec<u8>, B256, Value)>,
    pub proofs: Vec<AccountProof>,
}

const FIELDS: [&str; 21] = [
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
];
const INTEGERS: [&str; 8] =
    ["difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"];

impl ChainData {
    /// Reads the folder; tests that do are marked `#[needs_chain_data]`.
    pub fn open() -> Self {
        let given = std::env::var_os("GAVEL_CHAIN_DATA").unwrap_or_else(|| "../shared/testdata/mainnet".into());
        // An absolute path replaces the root.
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(given);
        assert!(root.join("headers").is_dir(), "no chain data at {}; set GAVEL_CHAIN_DATA", root.display());
        let mut data = ChainData { headers: BTreeMap::new(), proofs: vec![] };
        for object in read(&root, "headers").into_iter().flat_map(|(_, objects)| objects) {
            let encoded = encode_header(&object);
            let hash = text(&object, "hash").parse().unwrap();
            data.headers.insert(number(&object, "number"), (encoded, hash, object));
        }
        for (name, objects) in read(&root, "proofs") {
            data.proofs.extend(objects.iter().map(|object| proof(name.parse().unwrap(), object)));
        }
        data
    }
}

fn read(root: &std::path::Path, folder: &str) -> Vec<(String, Vec<Value>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let parse = |path: PathBuf| {
        let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), value.as_array().unwrap().clone())
    };
    files.into_iter().map(parse).collect()
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap()
}

fn number(object: &Value, field: &str) -> u64 {
    u64::from_str_radix(text(object, field).trim_start_matches("0x"), 16).unwrap()
}

fn nodes(list: &Value) -> Vec<Vec<u8>> {
    list.as_array().unwrap().iter().map(|node| hex::decode(node.as_str().unwrap()).unwrap()).collect()
}

fn proof(number: u64, object: &Value) -> AccountProof {
    let slot = |entry: &Value| {
        (text(entry, "key").parse().unwrap(), text(entry, "value").parse().unwrap(), nodes(&entry["proof"]))
    };
    AccountProof {
        number,
        address: text(object, "address").parse().unwrap(),
        account: nodes(&object["accountProof"]),
        slots: object["storageProof"].as_array().unwrap().iter().map(slot).collect(),
    }
}

fn encode_header(object: &Value) -> Vec<u8> {
    let mut payload = vec![];
    for field in FIELDS.iter().filter(|field| object.get(**field).is_some_and(|value| !value.is_null())) {
        let digits = text(object, field).trim_start_matches("0x");
        match INTEGERS.contains(field) {
            true => alloy_rlp::Encodable::encode(&U256::from_str_radix(digits, 16).unwrap(), &mut payload),
            false => alloy_rlp::Encodable::encode(&hex::decode(digits).unwrap()[..], &mut payload),
        }
    }
    let mut bytes = vec![];
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
    bytes.extend(payload);
    bytes
}
