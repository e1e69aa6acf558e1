//! The terms of a job: what a lot's root commits to.

use std::fmt;

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};

use crate::id::{JobId, RequestId};
use crate::statement::Kind;
use crate::unit::{Class, WorkUnits};

/// What a job makes. The first four are the kinds of statements; a wrap turns one into an EVM proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum JobKind {
    Extract = 1,
    Query = 2,
    Merge = 3,
    Answer = 4,
    /// Groth16 proof of an answer's statement; its claim is the answer's claim.
    Wrap = 5,
}

/// A number that names no job kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown job kind {0}; known kinds are 1 to 5")]
pub struct UnknownJobKind(pub u8);

impl JobKind {
    /// All kinds, in numeric order.
    pub const ALL: [JobKind; 5] = [JobKind::Extract, JobKind::Query, JobKind::Merge, JobKind::Answer, JobKind::Wrap];

    /// The class that every job of the kind is announced in.
    pub const fn class(self) -> Class {
        match self {
            JobKind::Extract => Class::Medium,
            JobKind::Query | JobKind::Merge | JobKind::Answer => Class::Small,
            JobKind::Wrap => Class::Large,
        }
    }

    /// Kind of the statement that the job proves.
    pub const fn statement_kind(self) -> Kind {
        match self {
            JobKind::Extract => Kind::Extract,
            JobKind::Query => Kind::Query,
            JobKind::Merge => Kind::Merge,
            JobKind::Answer | JobKind::Wrap => Kind::Answer,
        }
    }
}

impl TryFrom<u8> for JobKind {
    type Error = UnknownJobKind;

    fn try_from(value: u8) -> Result<Self, UnknownJobKind> {
        JobKind::ALL.into_iter().find(|kind| *kind as u8 == value).ok_or(UnknownJobKind(value))
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobKind::Extract => "extract",
            JobKind::Query => "query",
            JobKind::Merge => "merge",
            JobKind::Answer => "answer",
            JobKind::Wrap => "wrap",
        })
    }
}

/// A job as it stands in a lot: everything but its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobTerms {
    pub job: JobId,
    /// Who pays: now always the request.
    pub payer: RequestId,
    pub kind: JobKind,
    pub units: WorkUnits,
    /// SHA-256 of claim words 0 to 9.
    pub claim_digest: B256,
}

impl JobTerms {
    /// Leaf of `jobsRoot`: the double Keccak of the encoded terms.
    ///
    /// Hashing twice keeps a leaf from being read as an inner node of 64 bytes.
    pub fn leaf(&self) -> B256 {
        let encoded = (self.job.0, self.payer.0, self.kind as u16, self.units.0, self.claim_digest).abi_encode();
        keccak256(keccak256(encoded))
    }
}
