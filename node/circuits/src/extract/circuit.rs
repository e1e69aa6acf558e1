//! The extract circuit with the Keccak argument inside: build, prove.

use alloy_primitives::B256;
use gavel_types::statement::{Claim, Kind, Output, Statement, Status};
use plonky2::hash::hash_types::HashOut;
use plonky2::iop::witness::PartialWitness;
use thiserror::Error;

use super::chunk::{BlockWitness, Chunk};
use super::error::ExtractError;
#[cfg(test)]
use super::machine::control;
use super::machine::{Ends, Trace, thread, trace::Threads};
use super::rows;
use super::shape::ExtractShape;
use super::wiring::{self, ContentTarget};
use crate::circuit::{self, Circuit, Proof};
use crate::error::CircuitError;
use crate::keccak::extension::Ext;
use crate::keccak::stream::{Challenges, Stream, fingerprint};
use crate::keccak::{Argument, KeccakError, KeccakTarget};
use crate::preprocess::Finish;
use crate::statement::word_from_hash;
use crate::table::{Row, TableSpec};
use crate::trie::nibbles;
use crate::{Builder, F};

/// Why a chunk was not proven.
#[derive(Debug, Error)]
pub enum ExtractProofError {
    #[error(transparent)]
    Input(#[from] ExtractError),
    #[error(transparent)]
    Keccak(#[from] KeccakError),
    #[error(transparent)]
    Circuit(#[from] CircuitError),
}

/// A built circuit of one shape.
pub struct ExtractCircuit {
    shape: ExtractShape,
    circuit: Circuit,
    content: ContentTarget,
    keccak: KeccakTarget,
}

/// A base proof with what it states.
#[derive(Debug)]
pub struct ExtractProof {
    pub proof: Proof,
    pub statement: Statement,
    /// The rows behind the row chain of the statement.
    pub rows: Vec<Row>,
}

impl ExtractCircuit {
    /// Builds the circuit.
    pub fn build(shape: ExtractShape) -> Self {
        let (b, content, keccak) = Self::wire(&shape);
        ExtractCircuit { shape, circuit: circuit::build(b), content, keccak }
    }

    /// Builds the circuit, finished by `finish` under a name that its size makes unique.
    ///
    /// # Errors
    /// What `finish` fails with.
    pub fn build_with(shape: ExtractShape, finish: &dyn Finish) -> Result<Self, CircuitError> {
        let (b, content, keccak) = Self::wire(&shape);
        let circuit = finish.finish(&format!("extract{}", shape.keccak().permutations()), b)?;
        Ok(ExtractCircuit { shape, circuit, content, keccak })
    }

    /// The circuit before preprocessing: for row counts.
    pub fn wire(shape: &ExtractShape) -> (Builder, ContentTarget, KeccakTarget) {
        let mut b = Builder::new(shape.profile().recursion_config());
        let content = ContentTarget::new(&mut b, &shape.capacity(), None);
        let commitment = content.commitment(&mut b);
        let keccak = KeccakTarget::new(&mut b, shape.keccak());
        let bus = keccak.verify(&mut b, commitment);
        content.bind(&mut b, &bus);
        content.state(&mut b);
        (b, content, keccak)
    }

    /// Its shape.
    pub fn shape(&self) -> &ExtractShape {
        &self.shape
    }

    /// The plonky2 circuit, for shrinking.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Proves the rows of `spec` in consecutive blocks.
    ///
    /// # Errors
    /// [`ExtractProofError::Input`] for blocks that do not fit together or into the shape.
    pub fn prove(
        &self,
        spec: &TableSpec,
        blocks: &[BlockWitness],
        set_root: HashOut<F>,
    ) -> Result<ExtractProof, ExtractProofError> {
        let chunk = Chunk::build(spec.extraction(), blocks)?;
        let (limit, need) = (self.shape.capacity(), chunk.usage);
        if !need.fits(&limit) {
            return Err(ExtractError::TooLarge { blocks: blocks.len(), limit, need }.into());
        }
        let statement = statement(spec, &chunk, set_root)?;
        let inputs = self.inputs(spec, &chunk, set_root)?;
        Ok(ExtractProof { proof: circuit::prove(&self.circuit, inputs)?, statement, rows: chunk.rows })
    }

    /// The witness of a chunk that fits, its Keccak argument included.
    pub(super) fn inputs(
        &self,
        spec: &TableSpec,
        chunk: &Chunk,
        set_root: HashOut<F>,
    ) -> Result<PartialWitness<F>, ExtractProofError> {
        let mut trace = new_trace(chunk, self.shape.capacity().steps);
        let commitment = wiring::commitment(chunk, &trace).map_err(ExtractError::Table)?;
        let argument = Argument::commit(self.shape.keccak(), &chunk.messages)?;
        let keccak = argument.prove(commitment)?;
        fill_threads(&mut trace, chunk, argument.challenges(commitment));
        let mut pw = PartialWitness::new();
        self.keccak.set_witness(&mut pw, &keccak)?;
        let set = self.content.set_witness(&mut pw, chunk, &trace, spec, set_root);
        set.map_err(|error| CircuitError::Witness(error.to_string()))?;
        Ok(pw)
    }
}

/// What the proof of a chunk states.
///
/// # Errors
/// When the rows are not those of the table.
pub fn statement(spec: &TableSpec, chunk: &Chunk, set_root: HashOut<F>) -> Result<Statement, ExtractError> {
    let chain = rows::chain(&chunk.extraction, &chunk.rows)?;
    Ok(Statement {
        claim: Claim {
            kind: Kind::Extract,
            circuit_set: word_from_hash(set_root),
            chain_id: spec.extraction().chain_id(),
            table_id: word_from_hash(spec.table_id()),
            query_digest: B256::ZERO,
            params_digest: B256::ZERO,
            from_block: chunk.first(),
            to_block: chunk.last(),
            anchor_hash: chunk.last_hash,
            inputs: chunk.hash_before,
        },
        output: Output {
            status: Status::Ok,
            row_count: chunk.rows.len() as u64,
            roots: [word_from_hash(chain), B256::ZERO, B256::ZERO],
            result_digest: B256::ZERO,
        },
    })
}

/// The part of a chunk's trace that is committed.
pub fn new_trace(chunk: &Chunk, steps: usize) -> Trace {
    Trace::new(&chunk.steps, steps, &ends(chunk))
}

/// [`new_trace`] with control rows that are no honest prover's.
#[cfg(test)]
pub fn new_trace_with(chunk: &Chunk, steps: usize, adjust: impl Fn(usize, &mut [F; control::WIRES])) -> Trace {
    Trace::adjusted(&chunk.steps, steps, &ends(chunk), adjust)
}

fn ends(chunk: &Chunk) -> Ends {
    Ends { first: chunk.first(), slots: chunk.extraction.slots().len() as u64 }
}

/// The part of a chunk's trace that depends on challenges.
pub fn fill_threads(trace: &mut Trace, chunk: &Chunk, challenges: Challenges) {
    let alpha = challenges.alpha;
    let mut stream = Stream::new(challenges);
    for (message, digest) in chunk.keys.messages.iter().zip(chunk.keys.digests()) {
        stream.absorb(message.len(), fingerprint(alpha, message), fingerprint(alpha, digest.as_slice()));
    }
    let headers: Vec<Ext> = chunk.hashes.iter().map(|hash| fingerprint(alpha, hash.as_slice())).collect();
    let key: Vec<u8> = nibbles(&chunk.keys.account.0).collect();
    trace.fill_threads(&Threads {
        powers: thread::Powers::new(challenges),
        account_key: fingerprint(alpha, &key),
        stream: stream.value(),
        hash_before: fingerprint(alpha, chunk.hash_before.as_slice()),
        headers: &headers,
    });
}
