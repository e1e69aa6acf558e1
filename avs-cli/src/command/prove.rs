//! `gavel prove`: a proven answer on one machine, without a network of provers.

use std::path::PathBuf;
use std::time::Instant;

use alloy::primitives::{B256, U256};
use anyhow::Context;
use clap::Args;
use gavel_chain::state::StateSource;
use gavel_chain::{ChainClient, EndpointOptions};
use gavel_gateway::planning::{PlanRequest, PlannedJob, Planner, ProvedNeed, WantedInput};
use gavel_gateway::{CoprocessorPlanner, coprocessor};
use gavel_proofs::ProofSystem;
use gavel_proofs::job::{JobInput, ProvedJob};
use gavel_proofs::system::LocalProofSystem;
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::unit::{Class, WorkUnits};
use gavel_workloads::UnitTable;
use gavel_workloads::coprocessor::{Query, Table};
use serde_json::{Map, Value};

use super::parameters::ParameterFolder;
use super::query::Question;
use crate::output::Output;
use crate::proof_file::ProofFile;

/// Nobody is paid for work on one's own machine.
const UNPRICED: UnitTable = UnitTable {
    extract: WorkUnits(0),
    query: WorkUnits(0),
    merge: WorkUnits(0),
    answer: WorkUnits(0),
    wrap: WorkUnits(0),
};

#[derive(Debug, Args)]
pub struct Prove {
    #[command(flatten)]
    question: Question,
    /// First block
    #[arg(long, value_name = "BLOCK")]
    from_block: u64,
    /// Last block
    #[arg(long, value_name = "BLOCK")]
    to_block: u64,
    /// A parameter, $1 first; can be repeated
    #[arg(long = "param", value_name = "VALUE")]
    params: Vec<String>,
    /// Endpoint that serves eth_chainId, eth_getBlockByNumber and eth_getProof
    #[arg(long = "rpc-url", value_name = "URL", required = true)]
    rpc_urls: Vec<String>,
    /// Where to write the proof
    #[arg(long, value_name = "FILE", default_value = "proof.json")]
    out: PathBuf,
    #[command(flatten)]
    parameters: ParameterFolder,
}

impl Prove {
    /// Runs the command.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let (from, to) = (self.from_block, self.to_block);
        anyhow::ensure!(from <= to, "block range {from} to {to} is reversed");
        let (table, query) = self.question.compile()?;
        let params = query.read_params(&self.params).context("parameters")?;
        let chain_id = table.spec().extraction().chain_id();
        let progress = output.progress("asking the endpoint for the ends of the range");
        let client = ChainClient::connect(&self.rpc_urls, EndpointOptions::default(), Some(chain_id))
            .await
            .context("cannot use the endpoint")?;
        let anchor = client.header(to).await.context("cannot read the last block of the range")?;
        let source = StateSource::new(client);
        // The oldest block is what endpoints lack first; better now than once parameters are loaded.
        let extraction = table.spec().extraction();
        let slots: Vec<B256> = extraction.slots().iter().map(|slot| B256::from(*slot)).collect();
        let first = source.range(extraction.contract(), &slots, from, from, None).await;
        first.context("cannot read the first block of the range")?;
        drop(progress);
        let folder = self.parameters.clone();
        let shown = *output;
        let system =
            tokio::task::spawn_blocking(move || folder.open(Class::ALL.into_iter().collect(), &shown)).await??;
        let system = std::sync::Arc::new(LocalProofSystem::new(system));
        let mut workload = coprocessor::workload(self.parameters.profile.into())?;
        // Nobody shares these extractions: no block before the range is read.
        workload.planner.first_boundary = from;
        let planner =
            CoprocessorPlanner { source, workload, units: UNPRICED, circuit_set: system.parameters().set_root() };
        let request = plan_request((&table, &query), &params, (from, to), chain_id, anchor.hash);
        let run = Run { planner: &planner, system, request: &request, output };
        let (answer, timings) = run.all().await?;
        let file = ProofFile::new(&answer.proof, &query, &params, timings)?;
        file.write(&self.out)?;
        output.result(&file, |file| human(file, &self.out))
    }
}

/// The question in the form of an on-chain request that nobody made.
fn plan_request(
    (table, query): (&Table, &Query),
    params: &[U256],
    (from, to): (u64, u64),
    chain_id: u64,
    anchor_hash: B256,
) -> PlanRequest {
    let zero = alloy::primitives::Address::ZERO;
    PlanRequest {
        request: Request {
            supernet: 0,
            verifierId: B256::ZERO,
            feeToken: zero,
            tableId: table.id(),
            tableTextHash: B256::ZERO,
            queryDigest: query.digest(),
            queryTextHash: B256::ZERO,
            params: params.iter().map(|word| B256::from(*word)).collect(),
            fromBlock: from,
            toBlock: to,
            maxFee: U256::ZERO,
            deadline: 0,
            callback: zero,
            callbackGas: 0,
            refundTo: zero,
        },
        origin: RequestOrigin { chain_id, contract: zero, requester: zero, nonce: 0, anchor_hash },
        table_text: table.canonical_text(),
        query_text: query.canonical_text().to_owned(),
    }
}

struct Run<'a> {
    planner: &'a CoprocessorPlanner,
    system: std::sync::Arc<LocalProofSystem>,
    request: &'a PlanRequest,
    output: &'a Output,
}

impl Run<'_> {
    /// Proves job after job; returns the wrap, and seconds by kind.
    async fn all(&self) -> anyhow::Result<(ProvedJob, Map<String, Value>)> {
        let progress = self.output.progress("fetching and checking chain data");
        let plan = self.planner.plan(self.request).await?;
        let mut proved: Vec<(PlannedJob, ProvedJob)> = Vec::with_capacity(plan.len());
        let mut timings = Map::new();
        let count = plan.len();
        for (position, job) in plan.into_iter().enumerate() {
            progress.step(format!("job {} of {count}: {}", position + 1, job.kind));
            let began = Instant::now();
            let input = self.input(position, &job, &proved).await?;
            let (system, kind) = (self.system.clone(), job.kind);
            let done = tokio::task::spawn_blocking(move || system.prove(&input)).await?;
            let done = done.with_context(|| format!("job {} of {count}, {kind}", position + 1))?;
            anyhow::ensure!(
                done.statement.claim == job.claim,
                "job {} of {count}, {kind}, proved another claim than was planned",
                position + 1
            );
            let seconds = timings.get(&kind.to_string()).and_then(Value::as_f64).unwrap_or(0.0);
            timings.insert(kind.to_string(), Value::from(seconds + began.elapsed().as_secs_f64()));
            proved.push((job, done));
        }
        let (_, wrap) = proved.pop().context("the plan is empty")?;
        Ok((wrap, timings))
    }

    async fn input(
        &self,
        position: usize,
        job: &PlannedJob,
        proved: &[(PlannedJob, ProvedJob)],
    ) -> anyhow::Result<JobInput> {
        let need = |position: &u32| {
            let (job, done) = &proved[*position as usize];
            ProvedNeed {
                position: *position,
                kind: job.kind,
                statement: done.statement.clone(),
                proof: done.proof.clone(),
                results: done.results.iter().map(|word| B256::from(*word)).collect(),
            }
        };
        let wanted = WantedInput {
            position: u32::try_from(position)?,
            kind: job.kind,
            claim: job.claim.clone(),
            needs: job.needs.iter().map(need).collect(),
        };
        Ok(JobInput::from_bytes(&self.planner.input(self.request, wanted).await?)?)
    }
}

fn human(file: &ProofFile, path: &std::path::Path) -> String {
    let mut text = format!("status          {}\n", file.statement.status_name());
    for (name, value) in file.result.rows.iter().flatten() {
        text.push_str(&format!("{name:<15} {}\n", value.as_str().unwrap_or_default()));
    }
    for (kind, seconds) in &file.timings_s {
        text.push_str(&format!("{kind:<15} {:.1} s\n", seconds.as_f64().unwrap_or_default()));
    }
    text + &format!("proof           {}", path.display())
}
