//! Proves a small question with production parameters and writes the committed proof
//! (contracts/README.md, "The committed proof").
//!
//! `cargo run --release --workspace --example golden -- .gavel/params contracts/test/golden/wrap.json`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use alloy_primitives::{U256, hex};
use gavel_circuits::security::Profile;
use gavel_proofs::envelope::Envelope;
use gavel_proofs::job::{AnswerInput, ExtractInput, JobInput, QueryInput, WrapInput};
use gavel_proofs::parameters::{ParameterStore, Parameters};
use gavel_proofs::{LocalProofSystem, ProofError, ProofSystem, sample};
use gavel_types::unit::Class;
use serde_json::{Value, json};

fn words(value: &[U256]) -> Vec<String> {
    value.iter().map(|word| format!("{word:#066x}")).collect()
}

/// The question of the committed proof, answered and wrapped.
fn wrapped(system: &LocalProofSystem) -> Result<Envelope, Box<dyn Error>> {
    let question = sample::question(1_000, 1_002)?;
    let blocks = sample::chain(1, 1_000, 3, sample::DEVNET)?;
    let prove = |input: JobInput| -> Result<Vec<u8>, ProofError> {
        eprintln!("{:?}", input.kind());
        Ok(system.prove(&input)?.proof)
    };
    let extract = prove(JobInput::Extract(ExtractInput { table: question.table.clone(), blocks }))?;
    let part = prove(JobInput::Query(QueryInput { question: question.clone(), extract }))?;
    let proof = prove(JobInput::Answer(AnswerInput { question, part }))?;
    let proof = prove(JobInput::Wrap(WrapInput { proof }))?;
    Ok(system.open(&proof)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: golden PARAMETERS FILE".into());
    };
    let progress = Arc::new(|part: &str| eprintln!("  {part}"));
    let store = ParameterStore::open(Path::new(&folder), Profile::Production, progress)?;
    let system = LocalProofSystem::new(Parameters::open(&store, Class::ALL.into_iter().collect())?);
    let envelope = wrapped(&system)?;
    let verifier = system.parameters().wrap_verifier.as_ref().ok_or("no final key")?;
    let key = &verifier.key;
    let golden: Value = json!({
        "key": {
            "alpha": words(&key.alpha),
            "beta": words(&key.beta),
            "gamma": words(&key.gamma),
            "delta": words(&key.delta),
            "ic": key.ic.map(|point| words(&point)),
            "development": true,
            "hash": key.hash(),
            "fingerprint": verifier.fingerprint,
        },
        "words": envelope.statement.words(),
        "statementDigest": envelope.statement.digest(),
        "proof": hex::encode_prefixed(&envelope.proof),
    });
    std::fs::write(file, serde_json::to_string_pretty(&golden)? + "\n")?;
    Ok(())
}
