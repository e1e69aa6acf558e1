//! Measures proofs and parameters: `./scripts/bench` (docs/benchmarks.md).
//!
//! Each item runs in a process of its own, so that its peak of memory is its own. The first process
//! only starts the others; `--run ITEM` is how it asks one for its part.

mod committed;
mod inputs;
mod items;
mod meter;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{env, fs};

use gavel_circuits::security::Profile;
use gavel_proofs::ProvingAllocator;
use gavel_proofs::parameters::ParameterStore;
use serde_json::{Map, Value, json};

#[global_allocator]
static ALLOCATOR: ProvingAllocator = ProvingAllocator;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What can be measured, in the order in which it runs.
const ITEMS: [&str; 12] = [
    "params_build",
    "params_load",
    "keccak_batch",
    CHUNK,
    PATH,
    "recursion_step",
    "query_1000_rows",
    "merge_two",
    "answer",
    "final_layer",
    "wrap",
    WRAP_KEY,
];
/// Runs the setup of the wrap key again and compares it with the committed one; only when asked for.
const WRAP_KEY: &str = "wrap_key";
const CHUNK: &str = "chunk_mainnet_depth";
/// One path's share of [`CHUNK`].
const PATH: &str = "path";
/// Not measured: proves what other items start from.
const INPUTS: &str = "inputs";
/// Most that any item may take, in MiB.
const MEMORY_GATE: u64 = 6 * 1024;

struct Options {
    profile: Profile,
    json: Option<PathBuf>,
    parameters: PathBuf,
    only: Vec<String>,
    memory_gate: u64,
    /// Set in the processes that measure.
    run: Option<String>,
    /// Folder of what they share.
    work: PathBuf,
}

impl Options {
    fn read() -> Outcome<Self> {
        let mut options = Options {
            profile: Profile::Production,
            json: None,
            parameters: PathBuf::from(".gavel/params"),
            only: ITEMS.iter().filter(|item| **item != WRAP_KEY).map(|item| item.to_string()).collect(),
            memory_gate: MEMORY_GATE,
            run: None,
            work: env::temp_dir().join(format!("gavel-bench-{}", std::process::id())),
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
                "--memory-gate" => options.memory_gate = value.parse()?,
                "--run" => options.run = Some(value),
                "--work" => options.work = value.into(),
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

    fn store(&self) -> Outcome<ParameterStore> {
        self.store_in(&self.parameters)
    }

    fn store_in(&self, folder: &Path) -> Outcome<ParameterStore> {
        let progress = Arc::new(|part: &str| eprintln!("  {part}"));
        Ok(ParameterStore::open(folder, self.profile, progress)?)
    }

    fn profile_name(&self) -> &'static str {
        match self.profile {
            Profile::Production => "production",
            Profile::Test => "test",
        }
    }

    /// Writes what was measured so far, if a file was asked for.
    fn write(&self, report: &Map<String, Value>) -> Outcome<()> {
        let Some(path) = &self.json else { return Ok(()) };
        let machine = json!({
            "cpus": std::thread::available_parallelism()?.get(),
            "profile": self.profile_name(),
            "avx2": cfg!(target_feature = "avx2"),
        });
        Ok(fs::write(path, serde_json::to_vec_pretty(&json!({ "machine": machine, "items": report }))?)?)
    }

    /// Runs one item in another process; the last line that it prints is its measurement.
    fn spawn(&self, item: &str) -> Outcome<Value> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--run", item, "--profile", self.profile_name()]);
        command.arg("--params").arg(&self.parameters).arg("--work").arg(&self.work);
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{item}: {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

fn main() -> Outcome<()> {
    let options = Options::read()?;
    if let Some(item) = &options.run {
        println!("{}", items::run(&options, item)?);
        return Ok(());
    }
    fs::create_dir_all(&options.work)?;
    let measured = measure_all(&options);
    fs::remove_dir_all(&options.work)?;
    let report = measured?;
    let over = |item: &Value| item["peak_mib"].as_u64().is_some_and(|peak| peak > options.memory_gate);
    let over: Vec<&str> = report.iter().filter(|(_, item)| over(item)).map(|(name, _)| name.as_str()).collect();
    match over.is_empty() {
        true => Ok(()),
        false => Err(format!("over {} MiB: {}", options.memory_gate, over.join(", ")).into()),
    }
}

fn measure_all(options: &Options) -> Outcome<Map<String, Value>> {
    let mut report = Map::new();
    let items: Vec<&str> = ITEMS.into_iter().filter(|item| options.wants(item)).collect();
    if items::NEED_INPUTS.iter().any(|item| options.wants(item)) {
        eprintln!("[0/{}] {INPUTS}: proofs that items start from …", items.len());
        options.spawn(INPUTS)?;
    }
    for (place, item) in (1..).zip(&items) {
        eprintln!("[{place}/{}] {item} …", items.len());
        let measurement = match *item {
            PATH => {
                if !report.contains_key(CHUNK) {
                    report.insert(CHUNK.into(), options.spawn(CHUNK)?);
                }
                share(&report[CHUNK])
            }
            _ => options.spawn(item)?,
        };
        let seconds = |name: &str| measurement[name].as_f64().unwrap_or_default();
        let peak = measurement["peak_mib"].as_u64().map_or(String::new(), |peak| format!("{peak} MiB"));
        let details = &measurement["details"];
        println!("{item:<20} {:>7.1} CPU s {:>7.1} s {peak:>9}  {details}", seconds("cpu_s"), seconds("wall_s"));
        report.insert(item.to_string(), measurement);
        // After every item, so that one which fails does not lose the others.
        options.write(&report)?;
    }
    Ok(report)
}

/// One path's share of a chunk; its peak is the chunk's.
fn share(chunk: &Value) -> Value {
    let paths = chunk["details"]["paths"].as_f64().unwrap_or(f64::NAN);
    let of = |name: &str| chunk[name].as_f64().map(|value| value / paths);
    json!({
        "cpu_s": of("cpu_s"),
        "wall_s": of("wall_s"),
        "peak_mib": chunk["peak_mib"],
        "details": { "paths": chunk["details"]["paths"] },
    })
}
