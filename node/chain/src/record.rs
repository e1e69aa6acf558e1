//! Writes a folder of verified chain data in the shape of the JSON-RPC, for tests and for proving
//! offline: `headers/<first>-<last>.json`, `proofs/<number>.json` and `chain.json`.

use std::path::Path;

use alloy::{
    primitives::{Address, B256, keccak256},
    providers::Provider,
    rpc::types::{EIP1186AccountProofResponse, Header as RpcHeader},
    transports::TransportError,
};
use serde_json::{Value, json};

use crate::{client::ChainClient, error::ChainError, state};

/// Fields of a block that are not part of its header.
const NOT_HEADER: [&str; 6] = ["transactions", "uncles", "withdrawals", "size", "totalDifficulty", "requests"];

/// What to record.
#[derive(Clone, Debug)]
pub struct Recording {
    pub from: u64,
    pub to: u64,
    /// Contracts and slots whose proofs are taken at every block.
    pub contracts: Vec<(Address, Vec<B256>)>,
    /// Also all receipts of every block.
    pub receipts: bool,
}

/// Records into `folder`, which is created. `progress` is told each block that is done.
///
/// # Errors
/// Whatever the endpoint does wrong (everything is verified before it is written), or a file error.
pub async fn record(
    client: &ChainClient,
    recording: &Recording,
    folder: &Path,
    mut progress: impl FnMut(u64),
) -> Result<(), ChainError> {
    let &Recording { from, to, .. } = recording;
    if from > to {
        return Err(ChainError::EmptyRange { from, to });
    }
    let mut headers = Vec::new();
    let mut parent = None;
    for number in from..=to {
        let (raw, header) = header(client, number).await?;
        if let Some(expected) = parent
            && header.parent != expected
        {
            return Err(ChainError::HeaderParent { block: number, expected, got: header.parent });
        }
        parent = Some(header.hash);
        headers.push(raw);
        let mut proofs = Vec::new();
        for (contract, slots) in &recording.contracts {
            let raw: Value = call(client, "eth_getProof", number, json!([contract, slots, hex(number)])).await?;
            let answer: EIP1186AccountProofResponse = read("eth_getProof", raw.clone())?;
            state::verify(*contract, slots, header.clone(), &answer)?;
            proofs.push(raw);
        }
        if !proofs.is_empty() {
            write(&folder.join("proofs").join(format!("{number}.json")), &Value::Array(proofs))?;
        }
        if recording.receipts {
            let raw: Value = call(client, "eth_getBlockReceipts", number, json!([hex(number)])).await?;
            write(&folder.join("receipts").join(format!("{number}.json")), &raw)?;
        }
        progress(number);
    }
    let name = if from == to { format!("{from}.json") } else { format!("{from}-{to}.json") };
    write(&folder.join("headers").join(name), &Value::Array(headers))?;
    write(&folder.join("chain.json"), &json!({ "chainId": hex(client.chain_id()) }))
}

/// The header as the node sent it, and verified.
async fn header(client: &ChainClient, number: u64) -> Result<(Value, crate::VerifiedHeader), ChainError> {
    let mut raw: Value = call(client, "eth_getBlockByNumber", number, json!([hex(number), false])).await?;
    let Some(fields) = raw.as_object_mut() else { return Err(ChainError::UnknownBlock { block: number }) };
    for name in NOT_HEADER {
        fields.remove(name);
    }
    let header: RpcHeader = read("eth_getBlockByNumber", raw.clone())?;
    let rlp = alloy_rlp::encode(&header.inner);
    let got = keccak256(&rlp);
    if got != header.hash {
        return Err(ChainError::HeaderHash { block: number, expected: header.hash, got });
    }
    if header.inner.number != number {
        return Err(ChainError::HeaderNumber { block: number, got: header.inner.number });
    }
    let (parent, state_root, timestamp) = (header.inner.parent_hash, header.inner.state_root, header.inner.timestamp);
    Ok((raw, crate::VerifiedHeader { number, hash: got, parent, state_root, timestamp, rlp }))
}

async fn call(client: &ChainClient, method: &'static str, block: u64, params: Value) -> Result<Value, ChainError> {
    let answer: Result<Value, TransportError> = client.provider().raw_request(method.into(), params).await;
    answer.map_err(|error| ChainError::about_block(method, block, error))
}

fn read<T: serde::de::DeserializeOwned>(call: &'static str, raw: Value) -> Result<T, ChainError> {
    serde_json::from_value(raw).map_err(|error| ChainError::Answer { call, reason: error.to_string() })
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

fn write(path: &Path, value: &Value) -> Result<(), ChainError> {
    let file = |error: std::io::Error| ChainError::File { path: path.display().to_string(), reason: error.to_string() };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(file)?;
    }
    std::fs::write(path, format!("{value}\n")).map_err(file)
}
