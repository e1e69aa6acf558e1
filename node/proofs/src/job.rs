//! What a job is made from. An input is one self-contained byte string (postcard), and
//! `inputDigest` is its SHA-256.

use alloy_primitives::{B256, U256};
use gavel_circuits::extract::BlockWitness;
use gavel_circuits::query::{Program, Request};
use gavel_circuits::table::TableSpec;
use gavel_types::job::JobKind;
use gavel_types::statement::Statement;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ProofError;

/// Input of a job of any kind. Proofs inside are the bytes of an [`crate::envelope::Envelope`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobInput {
    Extract(ExtractInput),
    Query(QueryInput),
    Merge(MergeInput),
    Answer(AnswerInput),
    Wrap(WrapInput),
}

/// Rows of a table out of consecutive blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractInput {
    pub table: TableSpec,
    pub blocks: Vec<BlockWitness>,
}

/// What is asked: a program with its parameters over a range of blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub table: TableSpec,
    pub program: Program,
    pub params: Vec<U256>,
    pub from: u64,
    pub to: u64,
}

impl Question {
    /// As the circuits take it.
    pub fn request(&self) -> Request<'_> {
        let Question { table, program, params, from, to } = self;
        Request { table, program, params, from: *from, to: *to }
    }
}

/// A query over the rows of one extraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryInput {
    pub question: Question,
    /// Proof of kind Extract.
    pub extract: Vec<u8>,
}

/// Two adjacent partial results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeInput {
    /// Proof of kind Query or Merge over the earlier blocks.
    pub left: Vec<u8>,
    pub right: Vec<u8>,
}

/// The answer from a partial result over the whole range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerInput {
    pub question: Question,
    /// Proof of kind Query or Merge.
    pub part: Vec<u8>,
}

/// A proof for the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapInput {
    /// Proof of kind Answer.
    pub proof: Vec<u8>,
}

/// A finished job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedJob {
    pub statement: Statement,
    /// Bytes of an [`crate::envelope::Envelope`].
    pub proof: Vec<u8>,
    /// Result words of an answer or a wrap; empty for other kinds.
    pub results: Vec<U256>,
}

impl JobInput {
    pub fn kind(&self) -> JobKind {
        match self {
            JobInput::Extract(_) => JobKind::Extract,
            JobInput::Query(_) => JobKind::Query,
            JobInput::Merge(_) => JobKind::Merge,
            JobInput::Answer(_) => JobKind::Answer,
            JobInput::Wrap(_) => JobKind::Wrap,
        }
    }

    /// The byte string that travels.
    ///
    /// # Errors
    /// [`ProofError::Input`] when it cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProofError> {
        postcard::to_stdvec(self).map_err(|error| ProofError::Input(error.to_string()))
    }

    /// Reads [`JobInput::to_bytes`].
    ///
    /// # Errors
    /// [`ProofError::Input`] for anything else, longer bytes included.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        match postcard::take_from_bytes(bytes) {
            Ok((input, [])) => Ok(input),
            Ok((_, rest)) => Err(ProofError::Input(format!("{} bytes too many", rest.len()))),
            Err(error) => Err(ProofError::Input(error.to_string())),
        }
    }
}

/// SHA-256 of an input's bytes.
pub fn input_digest(bytes: &[u8]) -> B256 {
    B256::from(<[u8; 32]>::from(Sha256::digest(bytes)))
}
