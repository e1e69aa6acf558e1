//! Measures proofs and parameters: `./scripts/bench` (docs/benchmarks.md).

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};

use alloy_primitives::B256;
use gavel_circuits::circuit::{hash, proof_from_bytes};
use gavel_circuits::extract::{BlockWitness, Chunk};
use gavel_circuits::keccak::{Argument, KeccakShape, standalone::Standalone};
use gavel_circuits::preprocess::FromScratch;
use gavel_circuits::recursion::chain::Chain;
use gavel_circuits::recursion::{ShrunkProof, shape};
use gavel_circuits::security::Profile;
use gavel_proofs::envelope::Envelope;
use gavel_proofs::job::{AnswerInput, ExtractInput, JobInput, MergeInput, ProvedJob, QueryInput};
use gavel_proofs::parameters::{ParameterStore, Parameters, Wrap};
use gavel_proofs::sample::{self, Depth};
use gavel_proofs::wrap::fingerprint;
use gavel_proofs::{LocalProofSystem, ProofSystem};
use gavel_types::statement::Kind;
use gavel_types::unit::{Class, Classes};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What can be measured, in the order in which it runs.
const ITEMS: [&str; 12] = [
    "params_build",
    "params_load",
    "keccak_batch",
    "chunk_mainnet_depth",
    "path",
    "recursion_step",
    "query_1000_rows",
    "merge_two",
    "answer",
    "final_layer",
    "wrap",
    FINGERPRINT,
];

/// Recomputes what is pinned of the wrap key; only when asked for.
const FINGERPRINT: &str = "wrap_fingerprint";
/// Rows that one query job of the benchmark scans.
const QUERY_ROWS: usize = 64;

struct Options {
    profile: Profile,
    json: Option<PathBuf>,
    parameters: PathBuf,
    only: Vec<String>,
}

impl Options {
    fn read() -> Outcome<Self> {
        let mut options = Options {
            profile: Profile::Production,
            json: None,
            parameters: PathBuf::from(".gavel/parameters"),
            only: ITEMS.iter().filter(|item| **item != FINGERPRINT).map(|item| item.to_string()).collect(),
        };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--json" => options.json = Some(value.into()),
                "--params" => options.parameters = value.into(),
                "--profile" if value == "test" => options.profile = Profile::Test,
                "--profile" if value == "production" => options.profile = Profile::Production,
                "--only" => options.only = value.split(',').map(String::from).collect(),
                _ => return Err(format!("unknown argument {name} {value}").into()),
            }
        }
        match options.only.iter().find(|item| !ITEMS.contains(&item.as_str())) {
            Some(item) => Err(format!("nothing is called {item}; items are {}", ITEMS.join(", ")).into()),
            None => Ok(options),
        }
    }

    fn wants(&self, item: &str) -> bool {
        self.only.iter().any(|name| name == item)
    }
}

/// Measurements by item.
#[derive(Default)]
struct Report(BTreeMap<String, Value>);

impl Report {
    /// Runs `work` and keeps what it took; `details` adds facts about its result.
    fn measure<T>(
        &mut self,
        item: &str,
        details: impl FnOnce(&T) -> Value,
        work: impl FnOnce() -> Outcome<T>,
    ) -> Outcome<T> {
        eprintln!("{item} …");
        reset_peak_memory();
        let (wall, cpu) = (Instant::now(), cpu_seconds()?);
        let value = work()?;
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
        let peak = peak_memory_mib()?;
        let details = details(&value);
        println!("{item:<22} {cpu:>8.1} CPU s {wall:>8.1} s {peak:>7} MiB  {details}");
        self.0.insert(item.into(), json!({ "cpu_s": cpu, "wall_s": wall, "peak_mib": peak, "details": details }));
        Ok(value)
    }
}

fn main() -> Outcome<()> {
    let options = Options::read()?;
    let mut report = Report::default();
    parameters(&options, &mut report)?;
    if options.wants(FINGERPRINT) {
        let (_, last) = Wrap::open_layers(&store(&options)?)?;
        report.measure(FINGERPRINT, |hash: &B256| json!(hash), || Ok(fingerprint(&last)?))?;
    }
    if options.wants("keccak_batch") {
        keccak_batch(&options, &mut report)?;
    }
    let classes = classes(&options);
    if classes != Classes::default() {
        let system = LocalProofSystem::new(Parameters::open(&store(&options)?, classes)?);
        jobs(&options, &system, &mut report)?;
    }
    if let Some(path) = &options.json {
        let machine = json!({
            "cpus": std::thread::available_parallelism()?.get(),
            "profile": format!("{:?}", options.profile).to_lowercase(),
        });
        fs::write(path, serde_json::to_vec_pretty(&json!({ "machine": machine, "items": report.0 }))?)?;
    }
    Ok(())
}

fn store(options: &Options) -> Outcome<ParameterStore> {
    let progress = Arc::new(|part: &str| eprintln!("  {part}"));
    Ok(ParameterStore::open(&options.parameters, options.profile, progress)?)
}

/// Classes whose circuits the wanted items need.
fn classes(options: &Options) -> Classes {
    let needs = |class| match class {
        Class::Small => ["recursion_step", "query_1000_rows", "merge_two", "answer", "final_layer", "wrap"].as_slice(),
        Class::Medium => ["chunk_mainnet_depth", "path", "recursion_step", "query_1000_rows", "merge_two"].as_slice(),
        Class::Large => ["final_layer", "wrap"].as_slice(),
    };
    let direct: Classes =
        Class::ALL.into_iter().filter(|class| needs(*class).iter().any(|item| options.wants(item))).collect();
    // Everything after an extraction starts from one.
    match direct == Classes::default() {
        true => direct,
        false => Class::ALL.into_iter().filter(|c| *c == Class::Medium || direct.contains(*c)).collect(),
    }
}

fn parameters(options: &Options, report: &mut Report) -> Outcome<()> {
    if options.wants("params_build") {
        let folder = env::temp_dir().join(format!("gavel-bench-{}", std::process::id()));
        let progress = Arc::new(|part: &str| eprintln!("  {part}"));
        let fresh = ParameterStore::open(&folder, options.profile, progress)?;
        let built = report.measure(
            "params_build",
            |_| json!({ "groth16_key": false }),
            || {
                Parameters::build(&fresh, false)?;
                Wrap::open_layers(&fresh)?;
                Ok(())
            },
        );
        fs::remove_dir_all(&folder)?;
        built?;
    }
    if options.wants("params_load") {
        let store = store(options)?;
        let classes: Classes = [Class::Small, Class::Medium].into_iter().collect();
        Parameters::build(&store, false)?;
        Wrap::open_layers(&store)?;
        report.measure(
            "params_load",
            |_| json!({ "groth16_key": false }),
            || {
                let parameters = Parameters::open(&store, classes)?;
                let layers = Wrap::open_layers(&store)?;
                Ok((parameters, layers))
            },
        )?;
    }
    Ok(())
}

fn keccak_batch(options: &Options, report: &mut Report) -> Outcome<()> {
    let shape = KeccakShape::new(10, options.profile, Kind::Extract)?;
    let standalone = Standalone::build(&shape);
    // Messages of one block each fill the batch.
    let messages: Vec<Vec<u8>> = (0..shape.capacity()).map(|i| vec![i as u8; 100 + i % 30]).collect();
    report.measure(
        "keccak_batch",
        |_| json!({ "permutations": shape.permutations(), "recursion_rows": standalone.rows() }),
        || {
            let argument = Argument::commit(&shape, &messages)?;
            // Nobody consumes the digests here; the consumer's commitment is any digest.
            let commitment = hash(&[]);
            Ok(standalone.prove(commitment, &argument.prove(commitment)?)?)
        },
    )?;
    Ok(())
}

fn jobs(options: &Options, system: &LocalProofSystem, report: &mut Report) -> Outcome<()> {
    let largest = system.parameters().extract.last().ok_or("no extraction circuit")?.base.shape().capacity();
    if options.wants("chunk_mainnet_depth") || options.wants("path") {
        let (blocks, usage) = fill(sample::MAINNET, |usage| usage.fits(&largest))?;
        let paths = 2 * blocks.len();
        let input = JobInput::Extract(ExtractInput { table: sample::table()?, blocks });
        let details = |_: &ProvedJob| json!({ "paths": paths, "usage": usage.to_string() });
        report.measure("chunk_mainnet_depth", details, || Ok(system.prove(&input)?))?;
        let chunk = report.0["chunk_mainnet_depth"].clone();
        let share = |name: &str| chunk[name].as_f64().map(|value| value / paths as f64);
        report.0.insert("path".into(), json!({ "cpu_s": share("cpu_s"), "wall_s": share("wall_s") }));
    }
    if !["recursion_step", "query_1000_rows", "merge_two", "answer", "final_layer", "wrap"]
        .iter()
        .any(|i| options.wants(i))
    {
        return Ok(());
    }
    let rows = if options.profile == Profile::Production { QUERY_ROWS } else { 4 };
    let blocks = sample::chain(2, 1_000, 2 * rows, sample::DEVNET)?;
    let question = sample::question(1_000, 1_000 + 2 * rows as u64 - 1)?;
    let mut extracts = Vec::new();
    for blocks in blocks.chunks(rows) {
        let input = ExtractInput { table: question.table.clone(), blocks: blocks.to_vec() };
        extracts.push(system.prove(&JobInput::Extract(input))?);
    }
    if options.wants("recursion_step") {
        recursion_step(options, system, &extracts[0], report)?;
    }
    let query = |extract: &ProvedJob| -> Outcome<ProvedJob> {
        let input = QueryInput { question: question.clone(), extract: extract.proof.clone() };
        Ok(system.prove(&JobInput::Query(input))?)
    };
    if options.wants("query_1000_rows") {
        let jobs = 1_000usize.div_ceil(rows);
        report.measure(
            "query_1000_rows",
            |_| json!({ "jobs": jobs, "rows": jobs * rows }),
            || (0..jobs).try_for_each(|i| query(&extracts[i % 2]).map(drop)),
        )?;
    }
    let halves = [query(&extracts[0])?, query(&extracts[1])?];
    let [left, right] = halves.map(|half| half.proof);
    let merge = JobInput::Merge(MergeInput { left, right });
    let part = report.measure("merge_two", |_| Value::Null, || Ok(system.prove(&merge)?))?;
    let input = JobInput::Answer(AnswerInput { question, part: part.proof });
    let answer = report.measure("answer", |_| Value::Null, || Ok(system.prove(&input)?))?;
    let Some(wrap) = &system.parameters().wrap else { return Ok(()) };
    let child = shrunk(options, &answer)?;
    let statement = wrap.statement.prove(&child, &system.parameters().set)?;
    let last = report.measure("final_layer", |_| Value::Null, || Ok(wrap.last.prove(&statement)?))?;
    report.measure(
        "wrap",
        |_| json!("statement layer, final layer and Groth16"),
        || {
            let statement = wrap.statement.prove(&child, &system.parameters().set)?;
            let last = wrap.last.prove(&statement)?;
            Ok(wrap.key.prove(&wrap.last, &last)?)
        },
    )?;
    drop(last);
    Ok(())
}

/// One proof of the common shape verified in the common shape.
fn recursion_step(options: &Options, system: &LocalProofSystem, child: &ProvedJob, report: &mut Report) -> Outcome<()> {
    let child = shrunk(options, child)?;
    let key = &system.parameters().set.entry(child.circuit)?.key;
    let common = shape::common(options.profile);
    let step = Chain::build(options.profile, "bench-step", None, (common, key), &FromScratch)?;
    let details = |_: &_| json!({ "rows_log2": step.degree_bits() });
    report.measure("recursion_step", details, || Ok(step.prove(&child.proof)?))?;
    Ok(())
}

fn shrunk(options: &Options, job: &ProvedJob) -> Outcome<ShrunkProof> {
    let envelope = Envelope::from_bytes(&job.proof)?;
    let proof = proof_from_bytes(&envelope.proof, shape::common(options.profile))?;
    Ok(ShrunkProof { proof, circuit: envelope.circuit.into(), statement: envelope.statement })
}

/// As many blocks of a seeded chain as `fits` takes.
fn fill(
    depth: Depth,
    fits: impl Fn(&gavel_circuits::extract::Usage) -> bool,
) -> Outcome<(Vec<BlockWitness>, gavel_circuits::extract::Usage)> {
    let table = sample::table()?;
    let blocks = sample::chain(1, 1_000_000, 64, depth)?;
    let usage = |count: usize| Chunk::build(table.extraction(), &blocks[..count]).map(|chunk| chunk.usage);
    let mut count = 1;
    while count < blocks.len() && fits(&usage(count + 1)?) {
        count += 1;
    }
    Ok((blocks[..count].to_vec(), usage(count)?))
}

/// Seconds of user and system time of this process, all threads.
fn cpu_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The process name, in parentheses, may hold spaces; fields 14 and 15 count from before it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| -> Outcome<f64> { Ok(fields.get(index).ok_or("short stat")?.parse::<f64>()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Forgets the peak so far; without the right to do so the peak stays that of the whole run.
fn reset_peak_memory() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn peak_memory_mib() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
