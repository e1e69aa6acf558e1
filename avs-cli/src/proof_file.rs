//! `proof.json`: a proven answer that can be handed on and checked by anybody.

use std::path::Path;

use alloy::hex;
use alloy::primitives::{B256, U256};
use anyhow::{Context, ensure};
use gavel_circuits::security::Profile;
use gavel_proofs::envelope::Envelope;
use gavel_types::statement::{STATEMENT_VERSION, Status};
use gavel_workloads::coprocessor::Query;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    pub statement: StatementFields,
    pub result: ResultRows,
    /// Bytes of the wrapped proof with its statement, as hex.
    pub proof: String,
    /// Seconds by kind of job.
    pub timings_s: Map<String, Value>,
}

/// What is proven, in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatementFields {
    pub version: u32,
    pub chain_id: u64,
    pub circuit_set: B256,
    pub profile: Profile,
    pub table_id: B256,
    pub query_digest: B256,
    pub params: Vec<B256>,
    pub from_block: u64,
    pub to_block: u64,
    /// Hash of `toBlock`: the one thing that the proof does not show.
    pub block_hash: B256,
    pub status: Status,
}

/// Rows by column name or alias, numbers as decimal strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultRows {
    pub rows: Vec<Map<String, Value>>,
}

impl ProofFile {
    /// The file for a wrapped proof.
    pub fn new(proof: &[u8], query: &Query, params: &[U256], timings_s: Map<String, Value>) -> anyhow::Result<Self> {
        let envelope = Envelope::from_bytes(proof)?;
        let row = query.row(envelope.results()).into_iter().map(|(name, value)| (name, Value::String(value)));
        Ok(ProofFile {
            statement: StatementFields::of(&envelope, params.iter().map(|word| B256::from(*word)).collect()),
            result: ResultRows { rows: vec![row.collect()] },
            proof: hex::encode_prefixed(proof),
            timings_s,
        })
    }

    /// Reads a file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a proof file", path.display()))
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }

    /// The proof's bytes.
    pub fn proof_bytes(&self) -> anyhow::Result<Vec<u8>> {
        hex::decode(&self.proof).context("the proof is not hex")
    }

    /// Compares what the file says in clear with what the proof states.
    pub fn check_clear_text(&self, envelope: &Envelope) -> anyhow::Result<()> {
        let params_digest = gavel_types::statement::sha256_words(&self.statement.params);
        ensure!(
            params_digest == envelope.statement.claim.params_digest,
            "the parameters in the file hash to {params_digest}, the proof is about {}",
            envelope.statement.claim.params_digest
        );
        let proven = StatementFields::of(envelope, self.statement.params.clone());
        ensure!(self.statement == proven, "the file states {:?}, the proof {proven:?}", self.statement);
        let [row] = self.result.rows.as_slice() else {
            anyhow::bail!("an answer has one row, the file has {}", self.result.rows.len())
        };
        let shown: Vec<U256> = row.iter().map(|(name, value)| word(name, value)).collect::<anyhow::Result<_>>()?;
        ensure!(shown == envelope.results(), "the file shows {shown:?}, the proof {:?}", envelope.results());
        Ok(())
    }
}

impl StatementFields {
    fn of(envelope: &Envelope, params: Vec<B256>) -> Self {
        let claim = &envelope.statement.claim;
        StatementFields {
            version: STATEMENT_VERSION,
            chain_id: claim.chain_id,
            circuit_set: claim.circuit_set,
            profile: envelope.profile,
            table_id: claim.table_id,
            query_digest: claim.query_digest,
            params,
            from_block: claim.from_block,
            to_block: claim.to_block,
            block_hash: claim.anchor_hash,
            status: envelope.statement.output.status,
        }
    }
}

/// A printed value as the word that was proven.
fn word(name: &str, value: &Value) -> anyhow::Result<U256> {
    let text = value.as_str().with_context(|| format!("{name} is not a string"))?;
    match text {
        "true" => Ok(U256::ONE),
        "false" => Ok(U256::ZERO),
        text => text.parse().with_context(|| format!("{name} = {text:?} is no value")),
    }
}
