//! Why a chunk cannot be extracted.

use alloy_primitives::B256;
use thiserror::Error;

use super::shape::Usage;
use crate::header::HeaderError;
use crate::table::TableError;
use crate::trie::NodeError;

/// Which path of a block an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathId {
    /// The contract's account in the state trie.
    Account,
    /// Slot of this index in the table.
    Slot(usize),
}

impl std::fmt::Display for PathId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PathId::Account => f.write_str("account path"),
            PathId::Slot(index) => write!(f, "path of slot {index}"),
        }
    }
}

/// Bad input to an extraction: blocks, nodes or sizes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExtractError {
    #[error("a chunk needs at least one block")]
    NoBlocks,
    #[error("header at position {position}: {source}")]
    Header { position: usize, source: HeaderError },
    #[error("block {number}: parent hash {got} does not name the block before it, {expected}")]
    HeaderLink { number: u64, expected: B256, got: B256 },
    #[error("block number {got} follows {previous}; expected the next number")]
    BlockOrder { previous: u64, got: u64 },
    #[error("block {number}: {got} storage proofs for {expected} slots")]
    SlotCount { number: u64, expected: usize, got: usize },
    #[error("block {number}, {path}, node {depth}: hash {got}, but its parent names {expected}")]
    NodeHash { number: u64, path: PathId, depth: usize, expected: B256, got: B256 },
    #[error("block {number}, {path}: the proof goes to nibble {got} at depth {nibble}; the key has {expected}")]
    OtherKey { number: u64, path: PathId, nibble: usize, expected: u8, got: u8 },
    #[error("block {number}, {path}: the proof ends at node {depth}, where node {expected} is named")]
    MissingNode { number: u64, path: PathId, depth: usize, expected: B256 },
    #[error("block {number}, {path}: {extra} nodes follow the end of the path at node {depth}")]
    ExtraNodes { number: u64, path: PathId, depth: usize, extra: usize },
    #[error("block {number}, {path}, node {depth}: {source}")]
    Node { number: u64, path: PathId, depth: usize, source: NodeError },
    #[error("block {number}, {path}: {got} nibbles on the path; a key has 64")]
    PathLength { number: u64, path: PathId, got: usize },
    #[error("block {number}, {path}: proof for an account that does not exist")]
    ProofWithoutAccount { number: u64, path: PathId },
    #[error("{} needs {need}, but the shape holds {limit}", if *.blocks == 1 { "one block" } else { "the chunk" })]
    TooLarge { blocks: usize, limit: Usage, need: Usage },
    #[error(transparent)]
    Table(#[from] TableError),
}
