//! The statement of a proof: sixteen words of 32 bytes (`docs/circuits/statement.md`).
//!
//! Words 0 to 9 are the claim, known when a job is announced; words 10 to 15 are the output.
//! Integers are big-endian in their word; unused words are zero.

use alloy_primitives::{B256, U256};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Version of the statement layout, in word 0.
pub const STATEMENT_VERSION: u32 = 1;
/// Number of claim words.
pub const CLAIM_WORDS: usize = 10;
/// Number of words in all.
pub const STATEMENT_WORDS: usize = 16;

/// What a proof is about. The number is part of word 0 and of the circuit-set leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// Rows extracted from a chunk of consecutive blocks.
    Extract = 1,
    /// A query evaluated over the rows of one chunk.
    Query = 2,
    /// Two adjacent query results joined.
    Merge = 3,
    /// The answer to a request: the whole range, with final results.
    Answer = 4,
}

impl Kind {
    /// All kinds, in numeric order.
    pub const ALL: [Kind; 4] = [Kind::Extract, Kind::Query, Kind::Merge, Kind::Answer];
}

impl TryFrom<u32> for Kind {
    type Error = StatementError;

    fn try_from(value: u32) -> Result<Self, StatementError> {
        Kind::ALL.into_iter().find(|kind| *kind as u32 == value).ok_or(StatementError::UnknownKind(value))
    }
}

/// Word 10 of a statement: how the answer came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Status {
    /// Every result is a value.
    Ok = 1,
    /// MIN, MAX or AVG over no rows: result words are zero.
    Empty = 2,
    /// A sum left 256 bits: result words are zero.
    Overflow = 3,
    /// A division by zero: result words are zero.
    DivisionByZero = 4,
}

impl TryFrom<U256> for Status {
    type Error = StatementError;

    fn try_from(value: U256) -> Result<Self, StatementError> {
        [Status::Ok, Status::Empty, Status::Overflow, Status::DivisionByZero]
            .into_iter()
            .find(|status| U256::from(*status as u8) == value)
            .ok_or(StatementError::UnknownStatus(value))
    }
}

/// Words 0 to 9: what is claimed, before the output is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    pub kind: Kind,
    /// Root of the Merkle tree over the circuits that may have made the proof.
    pub circuit_set: B256,
    pub chain_id: u64,
    pub table_id: B256,
    pub query_digest: B256,
    pub params_digest: B256,
    pub from_block: u64,
    pub to_block: u64,
    /// Hash of the last block that the proof covers.
    pub anchor_hash: B256,
    /// Kind-specific: the parent hash of the first block for everything but an answer.
    pub inputs: B256,
}

/// Words 10 to 15: what the proof establishes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Output {
    pub status: Status,
    pub row_count: u64,
    /// Words 12 to 14, kind-specific.
    pub roots: [B256; 3],
    /// SHA-256 of the result words; zero unless the kind is an answer.
    pub result_digest: B256,
}

/// A claim with its output.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Statement {
    pub claim: Claim,
    pub output: Output,
}

/// Why sixteen words are not a statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error("unknown statement kind {0}; known kinds are 1 to 4")]
    UnknownKind(u32),
    #[error("unknown status {0}; known statuses are 1 to 4")]
    UnknownStatus(U256),
    #[error("unsupported statement version {got}; expected {STATEMENT_VERSION}")]
    Version { got: u32 },
    #[error("word {word} does not fit in 64 bits: {value}")]
    Range { word: usize, value: B256 },
}

impl Claim {
    /// Words 0 to 9.
    pub fn words(&self) -> [B256; CLAIM_WORDS] {
        let header = (u64::from(STATEMENT_VERSION) << 32) | self.kind as u64;
        [
            word(header),
            self.circuit_set,
            word(self.chain_id),
            self.table_id,
            self.query_digest,
            self.params_digest,
            word(self.from_block),
            word(self.to_block),
            self.anchor_hash,
            self.inputs,
        ]
    }

    /// SHA-256 of words 0 to 9.
    pub fn digest(&self) -> B256 {
        sha256_words(&self.words())
    }
}

impl Statement {
    /// Words 0 to 15.
    pub fn words(&self) -> [B256; STATEMENT_WORDS] {
        let claim = self.claim.words();
        let output = &self.output;
        let [r0, r1, r2] = output.roots;
        let tail = [word(output.status as u64), word(output.row_count), r0, r1, r2, output.result_digest];
        std::array::from_fn(|i| if i < CLAIM_WORDS { claim[i] } else { tail[i - CLAIM_WORDS] })
    }

    /// SHA-256 of words 0 to 15.
    pub fn digest(&self) -> B256 {
        sha256_words(&self.words())
    }
}

impl TryFrom<&[B256; STATEMENT_WORDS]> for Statement {
    type Error = StatementError;

    fn try_from(words: &[B256; STATEMENT_WORDS]) -> Result<Self, StatementError> {
        let int = |i: usize| {
            u64::try_from(U256::from_be_bytes(words[i].0))
                .map_err(|_| StatementError::Range { word: i, value: words[i] })
        };
        let header = int(0)?;
        let version = (header >> 32) as u32;
        if version != STATEMENT_VERSION {
            return Err(StatementError::Version { got: version });
        }
        Ok(Statement {
            claim: Claim {
                kind: Kind::try_from(header as u32)?,
                circuit_set: words[1],
                chain_id: int(2)?,
                table_id: words[3],
                query_digest: words[4],
                params_digest: words[5],
                from_block: int(6)?,
                to_block: int(7)?,
                anchor_hash: words[8],
                inputs: words[9],
            },
            output: Output {
                status: Status::try_from(U256::from_be_bytes(words[10].0))?,
                row_count: int(11)?,
                roots: [words[12], words[13], words[14]],
                result_digest: words[15],
            },
        })
    }
}

/// SHA-256 of words laid end to end: `paramsDigest`, `resultDigest` and the digests above.
pub fn sha256_words(words: &[B256]) -> B256 {
    let mut hasher = Sha256::new();
    words.iter().for_each(|word| hasher.update(word));
    B256::from(<[u8; 32]>::from(hasher.finalize()))
}

fn word(value: u64) -> B256 {
    B256::from(U256::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Statement {
        Statement {
            claim: Claim {
                kind: Kind::Answer,
                circuit_set: B256::repeat_byte(1),
                chain_id: 31337,
                table_id: B256::repeat_byte(2),
                query_digest: B256::repeat_byte(3),
                params_digest: B256::repeat_byte(4),
                from_block: 7,
                to_block: 42,
                anchor_hash: B256::repeat_byte(5),
                inputs: B256::ZERO,
            },
            output: Output {
                status: Status::Ok,
                row_count: 36,
                roots: [B256::ZERO; 3],
                result_digest: B256::repeat_byte(6),
            },
        }
    }

    #[test]
    fn words_read_back() {
        let statement = sample();
        assert_eq!(Statement::try_from(&statement.words()), Ok(statement));
    }

    #[test]
    fn a_word_out_of_range_is_named() {
        let mut words = sample().words();
        words[6] = B256::repeat_byte(0xff);
        assert_eq!(Statement::try_from(&words), Err(StatementError::Range { word: 6, value: words[6] }));
    }

    #[test]
    fn claim_and_statement_digests_differ() {
        let statement = sample();
        assert_ne!(statement.digest(), statement.claim.digest());
    }
}
