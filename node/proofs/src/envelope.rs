//! The bytes of a proof: everything that a verifier or a following job needs, self-describing.
//!
//! `magic (4) | format (1) | profile (1) | job kind (1) | circuit (1) | statement words (512) |
//! attachment length (4, big-endian) | attachment | proof`. The attachment is what the statement
//! commits to by digest: rows of an extraction, states of a query, results of an answer.

use alloy_primitives::{B256, U256};
use gavel_circuits::query::{States, words_digest};
use gavel_circuits::security::Profile;
use gavel_circuits::statement::word_from_hash;
use gavel_circuits::table::{Row, RowChain};
use gavel_types::job::JobKind;
use gavel_types::statement::{STATEMENT_WORDS, Statement};
use serde::{Deserialize, Serialize};

use crate::error::ProofError;

const MAGIC: [u8; 4] = *b"GVLP";
const FORMAT: u8 = 1;
/// Bytes before the attachment.
const HEADER: usize = 8 + 32 * STATEMENT_WORDS + 4;

/// What a proof carries beside its statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attachment {
    /// Rows behind the row chain of an extraction (word 12).
    Rows(Vec<Row>),
    /// States behind word 13 of a query or a merge.
    States(Box<States>),
    /// Result words behind word 15 of an answer.
    Results(Vec<U256>),
}

impl Attachment {
    /// Compares with the digests of the statement.
    ///
    /// # Errors
    /// [`ProofError::Attachment`].
    pub fn check(&self, job: JobKind, statement: &Statement) -> Result<(), ProofError> {
        let roots = &statement.output.roots;
        let fits = match (job, self) {
            (JobKind::Extract, Attachment::Rows(rows)) => {
                let slots = rows.first().map_or(0, |row| row.values.len());
                let mut chain = RowChain::with_slots(slots);
                let whole = rows.iter().try_for_each(|row| chain.push(row)).is_ok();
                whole && rows.len() as u64 == statement.output.row_count && word_from_hash(chain.digest()) == roots[0]
            }
            (JobKind::Query | JobKind::Merge, Attachment::States(states)) => {
                word_from_hash(states.digest()) == roots[1]
            }
            (JobKind::Answer | JobKind::Wrap, Attachment::Results(words)) => {
                words_digest(words) == statement.output.result_digest
            }
            _ => false,
        };
        fits.then_some(()).ok_or(ProofError::Attachment(match job {
            JobKind::Extract => "rows",
            JobKind::Query | JobKind::Merge => "states",
            JobKind::Answer | JobKind::Wrap => "results",
        }))
    }
}

/// A proof with its description. Reading one checks form and attachment, not the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub profile: Profile,
    pub job: JobKind,
    /// Place of the circuit in the circuit set; zero for a wrap.
    pub circuit: u8,
    pub statement: Statement,
    pub attachment: Attachment,
    /// A shrunk plonky2 proof, or the 256 bytes of a Groth16 proof.
    pub proof: Vec<u8>,
}

impl Envelope {
    /// The bytes.
    ///
    /// # Errors
    /// [`ProofError::Format`] when the attachment cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProofError> {
        let attachment = postcard::to_stdvec(&self.attachment).map_err(|_| ProofError::Format("attachment"))?;
        let length = u32::try_from(attachment.len()).map_err(|_| ProofError::Format("attachment too long"))?;
        let mut bytes = Vec::with_capacity(HEADER + attachment.len() + self.proof.len());
        bytes.extend(MAGIC);
        bytes.extend([FORMAT, profile_byte(self.profile), self.job as u8, self.circuit]);
        self.statement.words().iter().for_each(|word| bytes.extend(word));
        bytes.extend(length.to_be_bytes());
        bytes.extend(attachment);
        bytes.extend(&self.proof);
        Ok(bytes)
    }

    /// Reads [`Envelope::to_bytes`].
    ///
    /// # Errors
    /// [`ProofError::Format`], [`ProofError::Statement`], [`ProofError::Attachment`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        let (header, rest) = bytes.split_at_checked(HEADER).ok_or(ProofError::Format("shorter than its header"))?;
        if header[..4] != MAGIC {
            return Err(ProofError::Format("not a proof of Gavel"));
        }
        if header[4] != FORMAT {
            return Err(ProofError::Format("unknown format"));
        }
        let profile = match header[5] {
            1 => Profile::Production,
            2 => Profile::Test,
            _ => return Err(ProofError::Format("unknown profile")),
        };
        let job = JobKind::try_from(header[6]).map_err(|_| ProofError::Format("unknown job kind"))?;
        let words: [B256; STATEMENT_WORDS] =
            std::array::from_fn(|i| B256::from_slice(&header[8 + 32 * i..8 + 32 * (i + 1)]));
        let statement = Statement::try_from(&words)?;
        // Unused high bytes are part of the words, so that reading loses nothing.
        if statement.words() != words || statement.claim.kind != job.statement_kind() {
            return Err(ProofError::Format("words are not those of the job's kind"));
        }
        let length = u32::from_be_bytes(std::array::from_fn(|i| header[HEADER - 4 + i])) as usize;
        let (attachment, proof) =
            rest.split_at_checked(length).ok_or(ProofError::Format("shorter than its attachment"))?;
        let (attachment, []) =
            postcard::take_from_bytes::<Attachment>(attachment).map_err(|_| ProofError::Format("attachment"))?
        else {
            return Err(ProofError::Format("attachment too long"));
        };
        attachment.check(job, &statement)?;
        Ok(Envelope { profile, job, circuit: header[7], statement, attachment, proof: proof.to_vec() })
    }

    /// The rows of an extraction.
    ///
    /// # Errors
    /// [`ProofError::Kind`].
    pub fn rows(&self) -> Result<&[Row], ProofError> {
        match &self.attachment {
            Attachment::Rows(rows) => Ok(rows),
            _ => Err(ProofError::Kind { expected: JobKind::Extract, got: self.job }),
        }
    }

    /// The states of a query or a merge.
    ///
    /// # Errors
    /// [`ProofError::Kind`].
    pub fn states(&self) -> Result<&States, ProofError> {
        match &self.attachment {
            Attachment::States(states) => Ok(&**states),
            _ => Err(ProofError::Kind { expected: JobKind::Query, got: self.job }),
        }
    }

    /// The result words of an answer or a wrap; empty for other kinds.
    pub fn results(&self) -> &[U256] {
        match &self.attachment {
            Attachment::Results(words) => words,
            _ => &[],
        }
    }
}

const fn profile_byte(profile: Profile) -> u8 {
    match profile {
        Profile::Production => 1,
        Profile::Test => 2,
    }
}

#[cfg(test)]
mod tests {
    use gavel_types::statement::{Claim, Kind, Output, Status};

    use super::*;

    fn sample() -> Envelope {
        let results = vec![U256::from(7), U256::MAX];
        let zero = B256::ZERO;
        Envelope {
            profile: Profile::Test,
            job: JobKind::Answer,
            circuit: 3,
            statement: Statement {
                claim: Claim {
                    kind: Kind::Answer,
                    circuit_set: B256::repeat_byte(1),
                    chain_id: 1,
                    table_id: B256::repeat_byte(2),
                    query_digest: B256::repeat_byte(3),
                    params_digest: words_digest(&[]),
                    from_block: 5,
                    to_block: 9,
                    anchor_hash: B256::repeat_byte(4),
                    inputs: zero,
                },
                output: Output {
                    status: Status::Ok,
                    row_count: 5,
                    roots: [zero; 3],
                    result_digest: words_digest(&results),
                },
            },
            attachment: Attachment::Results(results),
            proof: vec![1, 2, 3],
        }
    }

    #[test]
    fn bytes_read_back() {
        let envelope = sample();
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes().unwrap()).unwrap(), envelope);
    }

    #[test]
    fn results_of_another_answer_are_refused() {
        let mut envelope = sample();
        envelope.attachment = Attachment::Results(vec![U256::from(8), U256::MAX]);
        let bytes = envelope.to_bytes().unwrap();
        assert!(matches!(Envelope::from_bytes(&bytes), Err(ProofError::Attachment("results"))));
    }

    #[test]
    fn every_header_byte_counts() {
        let bytes = sample().to_bytes().unwrap();
        for place in [0, 4, 5, 6, 8, 8 + 31, HEADER - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 0x40;
            assert!(Envelope::from_bytes(&changed).is_err(), "byte {place}");
        }
        for length in [0, 7, HEADER - 1, HEADER + 1] {
            assert!(matches!(Envelope::from_bytes(&bytes[..length]), Err(ProofError::Format(_))));
        }
    }
}
