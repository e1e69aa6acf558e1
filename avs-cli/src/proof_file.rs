//! `proof.json`: a proven answer that can be handed on and checked by anybody.

use std::path::Path;

use alloy::hex;
use alloy::primitives::{B256, U256};
use anyhow::{Context, bail, ensure};
use gavel_circuits::security::Profile;
use gavel_proofs::envelope::Envelope;
use gavel_types::job::JobKind;
use gavel_types::statement::{STATEMENT_VERSION, Status, sha256_words};
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
        Ok(ProofFile {
            statement: StatementFields::of(&envelope, params.iter().map(|word| B256::from(*word)).collect()),
            result: ResultRows::of(query, envelope.results()),
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

    /// The wrapped answer in the file; nothing is verified but its form.
    pub fn envelope(&self) -> anyhow::Result<Envelope> {
        let bytes = hex::decode(&self.proof).context("the proof is not hex")?;
        let envelope = Envelope::from_bytes(&bytes).context("the proof cannot be read")?;
        ensure!(
            envelope.job == JobKind::Wrap,
            "the file holds the proof of one {} job; a wrapped answer is expected",
            envelope.job
        );
        Ok(envelope)
    }

    /// Compares what the file says in clear with what the proof states. The names of results are
    /// no part of a proof.
    pub fn check_clear_text(&self, envelope: &Envelope) -> anyhow::Result<()> {
        let claimed = sha256_words(&self.statement.params);
        let proven = envelope.statement.claim.params_digest;
        ensure!(claimed == proven, "the params in the file hash to {claimed}, those of the proof to {proven}");
        let proven = StatementFields::of(envelope, self.statement.params.clone());
        if let Some((name, said, proven)) = self.statement.first_difference(&proven)? {
            bail!("the file says {name} {said}, the proof {proven}");
        }
        let [row] = self.result.rows.as_slice() else {
            bail!("an answer has one row, the file has {}", self.result.rows.len())
        };
        let proven = envelope.results();
        ensure!(row.len() == proven.len(), "the file has {} results, the proof {}", row.len(), proven.len());
        for ((name, value), proven) in row.iter().zip(proven) {
            ensure!(word(name, value)? == *proven, "the file says {name} = {value}, the proof {proven}");
        }
        Ok(())
    }
}

impl ResultRows {
    /// The one row of an answer.
    pub fn of(query: &Query, results: &[U256]) -> Self {
        let row = query.row(results).into_iter().map(|(name, value)| (name, Value::String(value)));
        ResultRows { rows: vec![row.collect()] }
    }

    /// The names of the results in their order.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.rows.iter().flatten().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
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

    /// A field that differs: name, value here, value there.
    fn first_difference(&self, other: &Self) -> anyhow::Result<Option<(String, Value, Value)>> {
        let (Value::Object(here), Value::Object(there)) = (serde_json::to_value(self)?, serde_json::to_value(other)?)
        else {
            bail!("a statement is an object")
        };
        let different = here.into_iter().zip(there).find(|(here, there)| here != there);
        Ok(different.map(|((name, here), (_, there))| (name, here, there)))
    }

    /// How the answer came out.
    pub fn status_name(&self) -> &'static str {
        match self.status {
            Status::Ok => "ok",
            Status::Empty => "empty",
            Status::Overflow => "overflow",
            Status::DivisionByZero => "division by zero",
        }
    }
}

/// A printed value as the word that was proven.
fn word(name: &str, value: &Value) -> anyhow::Result<U256> {
    let text = value.as_str().with_context(|| format!("{name} is not a string"))?;
    match text {
        "true" => Ok(U256::ONE),
        "false" => Ok(U256::ZERO),
        text => text.parse().with_context(|| format!("{name} = {text:?} is no number, address or bool")),
    }
}
