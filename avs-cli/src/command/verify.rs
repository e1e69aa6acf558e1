//! `gavel verify`: checks a proof file and says what it shows.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use gavel_chain::{ChainClient, EndpointOptions};
use gavel_circuits::security::Profile;
use gavel_proofs::system::LocalProofSystem;
use gavel_types::unit::Classes;
use serde::Serialize;

use super::parameters::{ParameterFolder, ProfileName};
use crate::output::Output;
use crate::proof_file::{ProofFile, StatementFields};

#[derive(Debug, Args)]
pub struct Verify {
    /// The file that `gavel prove` wrote
    #[arg(value_name = "PROOF")]
    file: PathBuf,
    /// Endpoint at which to compare the hash of the last block
    #[arg(long = "rpc-url", value_name = "URL")]
    rpc_urls: Vec<String>,
    /// Accept a proof of the test profile, which an attacker can forge
    #[arg(long)]
    allow_dev: bool,
    /// Folder of the parameters
    #[arg(long, value_name = "DIR", default_value = ".gavel/params", env = "GAVEL_PARAMS")]
    params_dir: PathBuf,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    statement: StatementFields,
    result: crate::proof_file::ResultRows,
    /// Whether an endpoint has confirmed the block hash.
    block_hash_compared: bool,
}

impl Verify {
    /// Runs the command.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let file = ProofFile::read(&self.file)?;
        let profile = file.statement.profile;
        ensure!(
            profile == Profile::Production || self.allow_dev,
            "this proof is of the test profile, which anybody can forge; --allow-dev accepts it all the same"
        );
        let bytes = file.proof_bytes()?;
        let name = match profile {
            Profile::Production => ProfileName::Production,
            Profile::Test => ProfileName::Test,
        };
        let folder = ParameterFolder { profile: name, params_dir: self.params_dir };
        let shown = *output;
        let envelope = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
            let system = LocalProofSystem::new(folder.open(Classes::default(), &shown)?);
            system.open(&bytes).context("the proof does not verify")
        })
        .await??;
        file.check_clear_text(&envelope)?;
        let compared = !self.rpc_urls.is_empty();
        if compared {
            compare_hash(&self.rpc_urls, &file.statement).await?;
        }
        let verdict = Verdict { statement: file.statement, result: file.result, block_hash_compared: compared };
        output.result(&verdict, human)
    }
}

async fn compare_hash(urls: &[String], statement: &StatementFields) -> anyhow::Result<()> {
    let client = ChainClient::connect(urls, EndpointOptions::default(), Some(statement.chain_id)).await?;
    let header = client.header(statement.to_block).await?;
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
    let statement = &verdict.statement;
    let condition = match verdict.block_hash_compared {
        true => format!("block {} of chain {} has that hash", statement.to_block, statement.chain_id),
        false => format!(
            "valid if block {} of chain {} has hash {}",
            statement.to_block, statement.chain_id, statement.block_hash
        ),
    };
    let mut text = format!(
        "The proof holds: query {} over table {}, blocks {} to {}, gives\n",
        statement.query_digest, statement.table_id, statement.from_block, statement.to_block
    );
    text.push_str(&format!("  status {:?}\n", statement.status));
    for (name, value) in verdict.result.rows.iter().flatten() {
        text.push_str(&format!("  {name} = {}\n", value.as_str().unwrap_or_default()));
    }
    text + &condition
}
