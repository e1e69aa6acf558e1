//! `gavel verify`: checks a proof file and says what it shows.

use std::path::PathBuf;

use alloy::primitives::U256;
use anyhow::{Context, ensure};
use clap::Args;
use gavel_chain::{ChainClient, EndpointOptions};
use gavel_circuits::security::Profile;
use gavel_proofs::envelope::Envelope;
use gavel_proofs::wrap::Groth16Proof;
use serde::Serialize;

use super::parameters::ParameterFolder;
use super::query::Question;
use crate::output::Output;
use crate::proof_file::{ProofFile, ResultRows, StatementFields};

#[derive(Debug, Args)]
pub struct Verify {
    /// The file that `gavel prove` wrote
    #[arg(value_name = "PROOF")]
    file: PathBuf,
    /// Endpoint at which to compare the hash of the last block; further ones stand in for it
    #[arg(long = "rpc-url", value_name = "URL")]
    rpc_urls: Vec<String>,
    /// Table file of the question that you expect to be answered
    #[arg(long, value_name = "FILE", requires = "sql")]
    table: Option<PathBuf>,
    /// The query that you expect to be answered; without it, names of results are not checked
    #[arg(long, value_name = "TEXT", requires = "table")]
    sql: Option<String>,
    /// Accept a proof of the test profile, which an attacker can forge
    #[arg(long)]
    allow_dev: bool,
    /// Folder with verifying-key-production.json, as `gavel params build` leaves it
    #[arg(long, value_name = "DIR", default_value = ".gavel/params", env = "GAVEL_PARAMS")]
    params_dir: PathBuf,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    statement: StatementFields,
    result: ResultRows,
    /// Whether an endpoint has confirmed the block hash.
    block_hash_compared: bool,
    /// In words, what was proven; absent unless the question was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<String>,
}

impl Verify {
    /// Runs the command.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let file = ProofFile::read(&self.file)?;
        let envelope = file.envelope()?;
        file.check_clear_text(&envelope)?;
        ensure!(
            envelope.profile == Profile::Production || self.allow_dev,
            "this proof is of the test profile, which anybody can forge; --allow-dev accepts it all the same"
        );
        check_proof(&envelope, self.params_dir)?;
        let meaning = match (self.table, self.sql) {
            (Some(table), Some(sql)) => Some(check_question(&file, &envelope, &Question { table, sql })?),
            _ => None,
        };
        let compared = !self.rpc_urls.is_empty();
        if compared {
            let _progress = output.progress("comparing the block hash with the endpoint's");
            compare_hash(&self.rpc_urls, &file.statement).await?;
        }
        let ProofFile { statement, result, .. } = file;
        output.result(&Verdict { statement, result, block_hash_compared: compared, meaning }, human)
    }
}

/// Checks the Groth16 proof with the key of its profile.
fn check_proof(envelope: &Envelope, params_dir: PathBuf) -> anyhow::Result<()> {
    let (key, expected) = ParameterFolder { profile: envelope.profile.into(), params_dir }.verifying_key()?;
    let got = envelope.statement.claim.circuit_set;
    ensure!(got == expected, "the proof is of circuit set {got}; the verifying key is of circuit set {expected}");
    let length = envelope.proof.len();
    let proof = Groth16Proof::from_bytes(&envelope.proof)
        .with_context(|| format!("the proof is damaged: its last part has {length} bytes instead of 256"))?;
    let holds = proof.verify(&key, envelope.statement.digest()).context("the proof does not verify")?;
    ensure!(holds, "the proof does not verify: it does not show the statement beside it");
    Ok(())
}

/// Checks that the question was this one, names of results included; returns what it means.
fn check_question(file: &ProofFile, envelope: &Envelope, question: &Question) -> anyhow::Result<String> {
    let (table, query) = question.compile()?;
    let StatementFields { table_id, query_digest, .. } = &file.statement;
    ensure!(table.id() == *table_id, "the proof is about table {table_id}; the table file has id {}", table.id());
    let digest = query.digest();
    ensure!(digest == *query_digest, "the proof is about query {query_digest}; the query given has digest {digest}");
    let expected = ResultRows::of(&query, envelope.results());
    ensure!(
        file.result == expected,
        "the file names its results {}; the query names them {}",
        file.result.names(),
        expected.names()
    );
    Ok(query.explain(&table))
}

async fn compare_hash(urls: &[String], statement: &StatementFields) -> anyhow::Result<()> {
    let client = ChainClient::connect(urls, EndpointOptions::default(), Some(statement.chain_id))
        .await
        .context("cannot compare the block hash")?;
    let header = client.header(statement.to_block).await.context("cannot compare the block hash")?;
    ensure!(
        header.hash == statement.block_hash,
        "block {} has hash {}; the proof is about a block with hash {}",
        statement.to_block,
        header.hash,
        statement.block_hash
    );
    Ok(())
}

fn human(verdict: &Verdict) -> String {
    let StatementFields { chain_id, from_block, to_block, block_hash, .. } = &verdict.statement;
    let mut text = match &verdict.meaning {
        Some(meaning) => format!("The proof holds. What it shows:\n\n{}\n\nwith\n", meaning.trim_end()),
        None => format!(
            "The proof holds: query {} over table {}, with\n",
            verdict.statement.query_digest, verdict.statement.table_id
        ),
    };
    text.push_str(&format!("  $from = {from_block}\n  $to = {to_block}\n"));
    for (number, param) in verdict.statement.params.iter().enumerate() {
        text.push_str(&format!("  ${} = {}\n", number + 1, U256::from_be_bytes(param.0)));
    }
    text.push_str(&format!("has status {} and the results\n", verdict.statement.status_name()));
    for (name, value) in verdict.result.rows.iter().flatten() {
        text.push_str(&format!("  {name} = {}\n", value.as_str().unwrap_or_default()));
    }
    if verdict.meaning.is_none() {
        text.push_str("Names of results are the file's own; --table and --sql check them and the question.\n");
    }
    text.push_str(&format!("valid if block {to_block} of chain {chain_id} has hash {block_hash}"));
    if verdict.block_hash_compared {
        text.push_str(", and the endpoint says that it has");
    }
    text
}
