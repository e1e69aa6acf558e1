//! What each item measures.

use std::fs;

use gavel_circuits::circuit::{hash, proof_from_bytes};
use gavel_circuits::extract::{BlockWitness, Chunk, Usage};
use gavel_circuits::keccak::standalone::Standalone;
use gavel_circuits::keccak::{Argument, KeccakShape};
use gavel_circuits::preprocess::FromScratch;
use gavel_circuits::recursion::chain::Chain;
use gavel_circuits::recursion::{ShrunkProof, shape};
use gavel_circuits::security::Profile;
use gavel_circuits::statement_layer::StatementLayer;
use gavel_proofs::envelope::Envelope;
use gavel_proofs::job::{AnswerInput, ExtractInput, JobInput, MergeInput, QueryInput, WrapInput};
use gavel_proofs::parameters::{Parameters, Wrap};
use gavel_proofs::wrap::{FinalLayer, WrapKey};
use gavel_proofs::{LocalProofSystem, ProofSystem, sample};
use gavel_types::statement::Kind;
use gavel_types::unit::{Class, Classes};
use serde_json::{Value, json};

use super::inputs::{self, read};
use super::meter::measure;
use super::{CHUNK, INPUTS, Options, Outcome, WRAP_KEY, committed};

/// Items that start from proofs of [`inputs::prepare`].
pub const NEED_INPUTS: [&str; 6] = ["recursion_step", "query_1000_rows", "merge_two", "answer", "final_layer", "wrap"];

/// Runs one item in this process.
pub fn run(options: &Options, item: &str) -> Outcome<Value> {
    match item {
        INPUTS => inputs::prepare(options).map(|()| Value::Null),
        "params_build" => params_build(options),
        "params_load" => params_load(options),
        WRAP_KEY => wrap_key(options),
        "keccak_batch" => keccak_batch(options),
        CHUNK => chunk(options),
        "recursion_step" => recursion_step(options),
        "query_1000_rows" => query(options),
        "merge_two" => {
            let (left, right) = (read(options, "query-0")?, read(options, "query-1")?);
            job(options, Class::Small, JobInput::Merge(MergeInput { left, right }), Value::Null)
        }
        "answer" => {
            let question = inputs::question(inputs::rows(options)?)?;
            let input = AnswerInput { question, part: read(options, "merge")? };
            job(options, Class::Small, JobInput::Answer(input), Value::Null)
        }
        "final_layer" => final_layer(options),
        "wrap" => {
            let input = WrapInput { proof: read(options, "answer")? };
            job(options, Class::Large, JobInput::Wrap(input), json!("statement layer, final layer and Groth16"))
        }
        _ => Err(format!("nothing is called {item}").into()),
    }
}

fn system(options: &Options, classes: &[Class]) -> Outcome<LocalProofSystem> {
    let classes: Classes = classes.iter().copied().collect();
    Ok(LocalProofSystem::new(Parameters::open(&options.store()?, classes)?))
}

/// A job as a prover of its class does it.
fn job(options: &Options, class: Class, input: JobInput, details: Value) -> Outcome<Value> {
    let system = system(options, &[class])?;
    measure(|| Ok(system.prove(&input)?), |_| details)
}

fn params_build(options: &Options) -> Outcome<Value> {
    let folder = options.work.join("parameters");
    let store = options.store_in(&folder)?;
    let build = || {
        Parameters::build(&store, false)?;
        Ok(Wrap::open_layers(&store).map(drop)?)
    };
    let measured = measure(build, |()| json!({ "groth16_key": false }));
    fs::remove_dir_all(&folder)?;
    measured
}

fn params_load(options: &Options) -> Outcome<Value> {
    let store = options.store()?;
    // Builds what is missing, so that only loading is measured.
    Parameters::open(&store, Classes::default())?;
    let classes: Classes = [Class::Small, Class::Medium].into_iter().collect();
    let load = || {
        // Together, as in a prover of all classes.
        let (parameters, layers) = rayon::join(|| Parameters::open(&store, classes), || Wrap::open_layers(&store));
        Ok((parameters?, layers?))
    };
    measure(load, |_| json!({ "groth16_key": false }))
}

/// Makes the wrap key from nothing but code and seed; under the production profile it must be the
/// committed one.
fn wrap_key(options: &Options) -> Outcome<Value> {
    let make = || {
        eprintln!("  statement layer and final layer");
        let statement = StatementLayer::build(options.profile)?;
        let last = FinalLayer::build(options.profile, statement.common(), statement.key())?;
        eprintln!("  Groth16 setup");
        let key = WrapKey::setup(&last)?;
        let found = committed::Key { hash: key.verifying_key().hash(), fingerprint: key.fingerprint() };
        if options.profile == Profile::Production {
            committed::Key::read()?.compare(&found)?;
        }
        Ok(found)
    };
    let compared = options.profile == Profile::Production;
    measure(make, |found| json!({ "hash": found.hash, "fingerprint": found.fingerprint, "as_committed": compared }))
}

fn keccak_batch(options: &Options) -> Outcome<Value> {
    let shape = KeccakShape::new(10, options.profile, Kind::Extract)?;
    let standalone = Standalone::build(&shape);
    // Messages of one block each fill the batch.
    let messages: Vec<Vec<u8>> = (0..shape.capacity()).map(|i| vec![i as u8; 100 + i % 30]).collect();
    let prove = || {
        let argument = Argument::commit(&shape, &messages)?;
        // Nobody consumes the digests here; the consumer's commitment is any digest.
        let commitment = hash(&[]);
        Ok(standalone.prove(commitment, &argument.prove(commitment)?)?)
    };
    measure(prove, |_| json!({ "permutations": shape.permutations(), "recursion_rows": standalone.rows() }))
}

fn chunk(options: &Options) -> Outcome<Value> {
    let system = system(options, &[Class::Medium])?;
    let largest = system.parameters().extract.last().ok_or("no extraction circuit")?.base.shape().capacity();
    let (blocks, usage) = fill(|usage| usage.fits(&largest))?;
    // The account's path and the slot's.
    let paths = 2 * blocks.len();
    let input = JobInput::Extract(ExtractInput { table: sample::table()?, blocks });
    measure(|| Ok(system.prove(&input)?), |_| json!({ "paths": paths, "usage": usage.to_string() }))
}

/// As many blocks of mainnet depth as `fits` takes.
fn fill(fits: impl Fn(&Usage) -> bool) -> Outcome<(Vec<BlockWitness>, Usage)> {
    let table = sample::table()?;
    let blocks = sample::chain(1, 1_000_000, 64, sample::MAINNET)?;
    let usage = |count: usize| Chunk::build(table.extraction(), &blocks[..count]).map(|chunk| chunk.usage);
    let mut count = 1;
    while count < blocks.len() && fits(&usage(count + 1)?) {
        count += 1;
    }
    Ok((blocks[..count].to_vec(), usage(count)?))
}

fn query(options: &Options) -> Outcome<Value> {
    let system = system(options, &[Class::Small])?;
    let rows = inputs::rows(options)?;
    let question = inputs::question(rows)?;
    let extracts = [read(options, "extract-0")?, read(options, "extract-1")?];
    let jobs = 1_000usize.div_ceil(rows);
    let prove = || {
        for extract in extracts.iter().cycle().take(jobs) {
            let input = QueryInput { question: question.clone(), extract: extract.clone() };
            system.prove(&JobInput::Query(input))?;
        }
        Ok(())
    };
    measure(prove, |()| json!({ "jobs": jobs, "rows": jobs * rows }))
}

/// One proof of the common shape verified in the common shape.
fn recursion_step(options: &Options) -> Outcome<Value> {
    let parameters = Parameters::open(&options.store()?, Classes::default())?;
    let child = shrunk(options, &read(options, "extract-0")?)?;
    let key = &parameters.set.entry(child.circuit)?.key;
    let common = shape::common(options.profile);
    let step = Chain::build(options.profile, "bench-step", None, (common, key), &FromScratch)?;
    measure(|| Ok(step.prove(&child.proof)?), |_| json!({ "rows_log2": step.degree_bits() }))
}

fn final_layer(options: &Options) -> Outcome<Value> {
    let store = options.store()?;
    let parameters = Parameters::open(&store, Classes::default())?;
    let (statement, last) = Wrap::open_layers(&store)?;
    let proof = statement.prove(&shrunk(options, &read(options, "answer")?)?, &parameters.set)?;
    measure(|| Ok(last.prove(&proof)?), |_| Value::Null)
}

fn shrunk(options: &Options, bytes: &[u8]) -> Outcome<ShrunkProof> {
    let envelope = Envelope::from_bytes(bytes)?;
    let proof = proof_from_bytes(&envelope.proof, shape::common(options.profile))?;
    Ok(ShrunkProof { proof, circuit: envelope.circuit.into(), statement: envelope.statement })
}
