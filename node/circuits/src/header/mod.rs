//! Block headers, parsed as far as a chunk needs them; later fields are an opaque tail, so that a
//! new fork needs no new parser.

use alloy_primitives::B256;
use thiserror::Error;

use crate::rlp::{self, Item, RlpError};

/// Fields that are read one by one; the rest is the tail.
pub const PARSED_FIELDS: usize = 12;
/// Block numbers and timestamps are below `2^56`.
const INTEGER_BYTES: usize = 7;
const BLOOM_BYTES: usize = 256;

/// Why bytes are not a block header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    #[error("not a list in canonical RLP: {0}")]
    Rlp(#[from] RlpError),
    #[error("{got} fields; a header has at least {expected}")]
    FieldCount { expected: usize, got: usize },
    #[error("field {field} has {got} bytes; expected {expected}")]
    FieldSize { field: usize, expected: usize, got: usize },
    #[error("field {field} is not a canonical integer: {source}")]
    Integer { field: usize, source: RlpError },
    #[error("list prefix of {0} bytes; a header has 3")]
    ListPrefix(usize),
}

/// A header and what a chunk reads of it.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// The whole encoding.
    pub bytes: &'a [u8],
    /// Bytes of the list prefix.
    pub prefix: usize,
    /// All fields in order.
    pub fields: Vec<Item<'a>>,
    pub parent: B256,
    pub state_root: B256,
    pub number: u64,
    pub timestamp: u64,
}

impl<'a> Header<'a> {
    /// Parses a header of any fork.
    ///
    /// # Errors
    /// [`HeaderError`] names the field, what was expected and what stands there.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, HeaderError> {
        let (prefix, fields) = rlp::list(bytes)?;
        if fields.len() <= PARSED_FIELDS {
            return Err(HeaderError::FieldCount { expected: PARSED_FIELDS + 1, got: fields.len() });
        }
        if prefix != 3 {
            return Err(HeaderError::ListPrefix(prefix));
        }
        for (field, expected) in [(0, 32), (1, 32), (2, 20), (3, 32), (4, 32), (5, 32), (6, BLOOM_BYTES)] {
            let got = fields[field].payload().len();
            if got != expected || fields[field].list {
                return Err(HeaderError::FieldSize { field, expected, got });
            }
        }
        for (field, limit) in [(7, 32), (8, INTEGER_BYTES), (9, 32), (10, 32), (11, INTEGER_BYTES)] {
            fields[field].integer(limit).map_err(|source| HeaderError::Integer { field, source })?;
        }
        let integer = |field: usize| fields[field].u64().map_err(|source| HeaderError::Integer { field, source });
        Ok(Header {
            parent: B256::from_slice(fields[0].payload()),
            state_root: B256::from_slice(fields[3].payload()),
            number: integer(8)?,
            timestamp: integer(11)?,
            bytes,
            prefix,
            fields,
        })
    }

    /// Bytes after the timestamp.
    pub fn tail(&self) -> &'a [u8] {
        let parsed: usize = self.fields[..PARSED_FIELDS].iter().map(|item| item.bytes.len()).sum();
        &self.bytes[self.prefix + parsed..]
    }
}
