//! Proofs that measured jobs start from, made once and kept in the folder of the run.

use std::fs;

use gavel_proofs::envelope::Envelope;
use gavel_proofs::job::{AnswerInput, ExtractInput, JobInput, MergeInput, QueryInput, Question};
use gavel_proofs::parameters::Parameters;
use gavel_proofs::sample::{self, Depth};
use gavel_proofs::{LocalProofSystem, ProofSystem};
use gavel_types::unit::{Class, Classes};

use super::{Options, Outcome};

/// First block of the chain.
const FIRST: u64 = 1_000;
/// Both leaves at the root, so that a chunk has rows for a whole query circuit.
const SHALLOW: Depth = Depth { account: 0, slot: 0 };

/// A proof of [`prepare`], by name.
pub fn read(options: &Options, name: &str) -> Outcome<Vec<u8>> {
    Ok(fs::read(options.work.join(name))?)
}

/// What is asked over two adjacent chunks of `rows` blocks.
pub fn question(rows: usize) -> Outcome<Question> {
    Ok(sample::question(FIRST, FIRST + 2 * rows as u64 - 1)?)
}

/// Rows of one chunk.
pub fn rows(options: &Options) -> Outcome<usize> {
    Ok(Envelope::from_bytes(&read(options, "extract-0")?)?.rows()?.len())
}

/// Proves two chunks that each fill a query circuit, their queries and the answer over both.
pub fn prepare(options: &Options) -> Outcome<()> {
    let classes: Classes = [Class::Small, Class::Medium].into_iter().collect();
    let system = LocalProofSystem::new(Parameters::open(&options.store()?, classes)?);
    let largest = system.parameters().query.last().ok_or("no query circuit")?;
    let rows = largest.base.shape().rows;
    let question = question(rows)?;
    let keep = |name: &str, input: JobInput| -> Outcome<Vec<u8>> {
        eprintln!("  {name}");
        let proof = system.prove(&input)?.proof;
        fs::write(options.work.join(name), &proof)?;
        Ok(proof)
    };
    let chain = sample::chain(2, FIRST, 2 * rows, SHALLOW)?;
    let mut parts = Vec::new();
    for (half, blocks) in chain.chunks(rows).enumerate() {
        let input = ExtractInput { table: question.table.clone(), blocks: blocks.to_vec() };
        let extract = keep(&format!("extract-{half}"), JobInput::Extract(input))?;
        let input = QueryInput { question: question.clone(), extract };
        parts.push(keep(&format!("query-{half}"), JobInput::Query(input))?);
    }
    let [left, right] = <[Vec<u8>; 2]>::try_from(parts).map_err(|_| "not two chunks")?;
    let part = keep("merge", JobInput::Merge(MergeInput { left, right }))?;
    keep("answer", JobInput::Answer(AnswerInput { question, part }))?;
    Ok(())
}
