//! The proof system of this crate: plonky2 circuits, one final key.

use gavel_circuits::circuit::{proof_from_bytes, proof_to_bytes};
use gavel_circuits::extract::{Chunk, circuit::statement as extract_statement};
use gavel_circuits::query::{
    Partial, QueryInput as CircuitQueryInput, answer_statement, merge_statement, query_statement,
};
use gavel_circuits::recursion::{ShrunkProof, shape};
use gavel_types::job::JobKind;
use gavel_types::statement::{Claim, Statement};

use crate::envelope::{Attachment, Envelope};
use crate::error::ProofError;
use crate::job::{AnswerInput, ExtractInput, JobInput, MergeInput, ProvedJob, QueryInput, WrapInput};
use crate::parameters::{Made, Parameters};
use crate::wrap::Groth16Proof;

/// Makes and checks the proofs of jobs. All methods block the thread and use every core.
pub trait ProofSystem: Send + Sync {
    /// What the proof of `input` will claim. Checks everything that can be checked without proving:
    /// that the parts belong together and that the proofs inside verify.
    ///
    /// # Errors
    /// [`ProofError`] names what does not fit.
    fn claim(&self, input: &JobInput) -> Result<Claim, ProofError>;

    /// Proves a job.
    ///
    /// # Errors
    /// As [`ProofSystem::claim`]; [`ProofError::NotLoaded`] without parameters of the kind.
    fn prove(&self, input: &JobInput) -> Result<ProvedJob, ProofError>;

    /// Verifies the proof of a job of `kind` with a claim known beforehand; returns the statement.
    ///
    /// # Errors
    /// [`ProofError::Format`], [`ProofError::Profile`], [`ProofError::Kind`], [`ProofError::Claim`],
    /// [`ProofError::Attachment`], [`ProofError::Circuit`], [`ProofError::Wrap`].
    fn verify(&self, kind: JobKind, claim: &Claim, proof: &[u8]) -> Result<Statement, ProofError>;
}

/// [`ProofSystem`] over parameters in memory.
pub struct LocalProofSystem {
    parameters: Parameters,
}

/// A child proof, read and verified.
struct Child {
    envelope: Envelope,
    proof: ShrunkProof,
}

impl Child {
    fn partial(&self) -> Result<Partial<'_>, ProofError> {
        Ok(Partial { proof: &self.proof, states: self.envelope.states()? })
    }
}

impl LocalProofSystem {
    pub fn new(parameters: Parameters) -> Self {
        LocalProofSystem { parameters }
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Reads a proof of the expected profile and verifies it, whatever it claims.
    ///
    /// # Errors
    /// As [`ProofSystem::verify`].
    pub fn open(&self, bytes: &[u8]) -> Result<Envelope, ProofError> {
        let envelope = Envelope::from_bytes(bytes)?;
        self.check(&envelope)?;
        Ok(envelope)
    }

    fn check(&self, envelope: &Envelope) -> Result<(), ProofError> {
        let Parameters { profile, wrap_verifier, .. } = &self.parameters;
        if envelope.profile != *profile {
            return Err(ProofError::Profile { expected: *profile, got: envelope.profile });
        }
        if envelope.job != JobKind::Wrap {
            return Ok(self.shrunk(envelope)?.verify(shape::common(*profile), &self.parameters.set)?);
        }
        let expected = self.parameters.set_root();
        let got = envelope.statement.claim.circuit_set;
        if got != expected {
            return Err(ProofError::Claim { word: 1, expected, got });
        }
        let verifier = wrap_verifier.as_ref().ok_or(ProofError::NotLoaded(JobKind::Wrap))?;
        let proof = Groth16Proof::from_bytes(&envelope.proof).ok_or(ProofError::Format("not 256 bytes"))?;
        match proof.verify(&verifier.key, envelope.statement.digest())? {
            true => Ok(()),
            false => Err(ProofError::Groth16),
        }
    }

    fn shrunk(&self, envelope: &Envelope) -> Result<ShrunkProof, ProofError> {
        let proof = proof_from_bytes(&envelope.proof, shape::common(self.parameters.profile))?;
        Ok(ShrunkProof { proof, circuit: envelope.circuit.into(), statement: envelope.statement.clone() })
    }

    /// Reads and verifies a child that must be of one of `kinds`.
    fn child(&self, bytes: &[u8], kinds: &[JobKind]) -> Result<Child, ProofError> {
        let envelope = Envelope::from_bytes(bytes)?;
        if !kinds.contains(&envelope.job) {
            let expected = kinds.first().copied().unwrap_or(JobKind::Answer);
            return Err(ProofError::Kind { expected, got: envelope.job });
        }
        self.check(&envelope)?;
        let proof = self.shrunk(&envelope)?;
        Ok(Child { envelope, proof })
    }

    fn finish<T>(
        &self,
        made: &Made<T>,
        job: JobKind,
        (base, statement): (gavel_circuits::circuit::Proof, Statement),
        attachment: Attachment,
    ) -> Result<ProvedJob, ProofError> {
        let proof = proof_to_bytes(&made.shrink.prove(&base)?);
        let circuit = u8::try_from(made.index).map_err(|_| ProofError::Format("circuit index"))?;
        self.seal(Envelope { profile: self.parameters.profile, job, circuit, statement, attachment, proof })
    }

    fn seal(&self, envelope: Envelope) -> Result<ProvedJob, ProofError> {
        let proof = envelope.to_bytes()?;
        let results = envelope.results().to_vec();
        Ok(ProvedJob { statement: envelope.statement, proof, results })
    }

    fn extract(&self, input: &ExtractInput) -> Result<ProvedJob, ProofError> {
        let chunk = Chunk::build(input.table.extraction(), &input.blocks)?;
        let circuits = &self.parameters.extract;
        let fitting = circuits.iter().find(|made| chunk.usage.fits(&made.base.shape().capacity()));
        let made = fitting.ok_or_else(|| match circuits.last() {
            None => ProofError::NotLoaded(JobKind::Extract),
            Some(largest) => ProofError::TooLarge {
                kind: JobKind::Extract,
                reason: format!("{} of {}", chunk.usage, largest.base.shape().capacity()),
            },
        })?;
        let proven = made.base.prove(&input.table, &input.blocks, self.parameters.set.root())?;
        self.finish(made, JobKind::Extract, (proven.proof, proven.statement), Attachment::Rows(chunk.rows))
    }

    fn query(&self, input: &QueryInput) -> Result<ProvedJob, ProofError> {
        let child = self.child(&input.extract, &[JobKind::Extract])?;
        let rows = child.envelope.rows()?;
        let circuits = &self.parameters.query;
        let made = circuits.iter().find(|made| rows.len() <= made.base.shape().rows);
        let made = made.ok_or_else(|| match circuits.last() {
            None => ProofError::NotLoaded(JobKind::Query),
            Some(largest) => ProofError::TooLarge {
                kind: JobKind::Query,
                reason: format!("{} rows of {}", rows.len(), largest.base.shape().rows),
            },
        })?;
        let input = CircuitQueryInput { request: input.question.request(), extract: &child.proof, rows };
        let (proof, statement, states) = made.base.prove(&input, &self.parameters.set)?;
        self.finish(made, JobKind::Query, (proof, statement), Attachment::States(Box::new(states)))
    }

    fn merge(&self, input: &MergeInput) -> Result<ProvedJob, ProofError> {
        let made = self.parameters.merge.as_ref().ok_or(ProofError::NotLoaded(JobKind::Merge))?;
        let [left, right] = self.halves(input)?;
        let (proof, statement, states) = made.base.prove(left.partial()?, right.partial()?, &self.parameters.set)?;
        self.finish(made, JobKind::Merge, (proof, statement), Attachment::States(Box::new(states)))
    }

    fn answer(&self, input: &AnswerInput) -> Result<ProvedJob, ProofError> {
        let made = self.parameters.answer.as_ref().ok_or(ProofError::NotLoaded(JobKind::Answer))?;
        let part = self.child(&input.part, &PARTIAL)?;
        let request = input.question.request();
        let (proof, statement, answer) = made.base.prove(&request, part.partial()?, &self.parameters.set)?;
        self.finish(made, JobKind::Answer, (proof, statement), Attachment::Results(answer.words))
    }

    fn wrap(&self, input: &WrapInput) -> Result<ProvedJob, ProofError> {
        let wrap = self.parameters.wrap.as_ref().ok_or(ProofError::NotLoaded(JobKind::Wrap))?;
        let child = self.child(&input.proof, &[JobKind::Answer])?;
        let proof = wrap.statement.prove(&child.proof, &self.parameters.set)?;
        let proof = wrap.last.prove(&proof)?;
        let proof = wrap.key.prove(&wrap.last, &proof)?.to_bytes();
        let Envelope { profile, statement, attachment, .. } = child.envelope;
        self.seal(Envelope { profile, job: JobKind::Wrap, circuit: 0, statement, attachment, proof })
    }

    fn halves(&self, input: &MergeInput) -> Result<[Child; 2], ProofError> {
        Ok([self.child(&input.left, &PARTIAL)?, self.child(&input.right, &PARTIAL)?])
    }
}

/// Kinds of partial results.
const PARTIAL: [JobKind; 2] = [JobKind::Query, JobKind::Merge];

impl ProofSystem for LocalProofSystem {
    fn claim(&self, input: &JobInput) -> Result<Claim, ProofError> {
        let statement = match input {
            JobInput::Extract(input) => {
                let chunk = Chunk::build(input.table.extraction(), &input.blocks)?;
                extract_statement(&input.table, &chunk, self.parameters.set.root())?
            }
            JobInput::Query(input) => {
                let child = self.child(&input.extract, &[JobKind::Extract])?;
                query_statement(&input.question.request(), &child.envelope.statement, child.envelope.rows()?)?.0
            }
            JobInput::Merge(input) => {
                let [left, right] = self.halves(input)?;
                let (l, r) = (&left.envelope, &right.envelope);
                merge_statement(&l.statement, l.states()?, &r.statement, r.states()?)?.0
            }
            JobInput::Answer(input) => {
                let part = self.child(&input.part, &PARTIAL)?.envelope;
                answer_statement(&input.question.request(), &part.statement, part.states()?)?.0
            }
            JobInput::Wrap(input) => self.child(&input.proof, &[JobKind::Answer])?.envelope.statement,
        };
        Ok(statement.claim)
    }

    fn prove(&self, input: &JobInput) -> Result<ProvedJob, ProofError> {
        match input {
            JobInput::Extract(input) => self.extract(input),
            JobInput::Query(input) => self.query(input),
            JobInput::Merge(input) => self.merge(input),
            JobInput::Answer(input) => self.answer(input),
            JobInput::Wrap(input) => self.wrap(input),
        }
    }

    fn verify(&self, kind: JobKind, claim: &Claim, proof: &[u8]) -> Result<Statement, ProofError> {
        let envelope = Envelope::from_bytes(proof)?;
        if envelope.job != kind {
            return Err(ProofError::Kind { expected: kind, got: envelope.job });
        }
        let words = envelope.statement.claim.words().into_iter().zip(claim.words());
        if let Some((word, (got, expected))) = words.enumerate().find(|(_, (got, expected))| got != expected) {
            return Err(ProofError::Claim { word, expected, got });
        }
        self.check(&envelope)?;
        Ok(envelope.statement)
    }
}
