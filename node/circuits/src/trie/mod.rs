//! Nodes of a Merkle Patricia trie, natively, in their one canonical form.

use alloy_primitives::B256;
use thiserror::Error;

use crate::rlp::{self, Item, RlpError};

/// Nibbles in the key of a state or storage trie.
pub const KEY_NIBBLES: usize = 64;
/// Encoding of the empty node.
pub const EMPTY_NODE: [u8; 1] = [0x80];

/// Why bytes are not a trie node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NodeError {
    #[error("not canonical RLP: {0}")]
    Rlp(#[from] RlpError),
    #[error("a node has 2 or 17 items, got {0}")]
    ItemCount(usize),
    #[error("item {item} is no reference to a node: first byte {first:#04x}, {length} bytes")]
    Reference { item: usize, first: u8, length: usize },
    #[error("path starts with byte {0:#04x}; expected flag 0 to 3 and a zero pad nibble when even")]
    PathFlag(u8),
    #[error("path of {0} bytes; expected 1 to 33")]
    PathSize(usize),
    #[error("extension without nibbles")]
    EmptyExtension,
    #[error("value of {0} bytes in a branch; at most 33 are supported")]
    BranchValue(usize),
    #[error("account has {0} items; expected 4")]
    AccountItems(usize),
    #[error("account item {item} is malformed: first byte {first:#04x}, {length} bytes")]
    AccountItem { item: usize, first: u8, length: usize },
    #[error("storage value is zero, which is never stored")]
    ZeroValue,
}

/// How a node refers to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    Empty,
    Hash(B256),
    /// The node itself, of at most 31 bytes.
    Inline(&'a [u8]),
}

impl<'a> Reference<'a> {
    fn parse(index: usize, item: &Item<'a>) -> Result<Self, NodeError> {
        match item.bytes {
            [0x80] => Ok(Reference::Empty),
            [0xa0, hash @ ..] if hash.len() == 32 => Ok(Reference::Hash(B256::from_slice(hash))),
            node if item.list && node.len() <= 31 => Ok(Reference::Inline(node)),
            node => Err(NodeError::Reference { item: index, first: node[0], length: node.len() }),
        }
    }
}

/// A node of two items.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// Leaf rather than extension.
    pub leaf: bool,
    /// The path has an odd number of nibbles.
    pub odd: bool,
    /// Path item with its prefix.
    pub path: Item<'a>,
    /// Value of a leaf, reference of an extension.
    pub value: Item<'a>,
}

impl Pair<'_> {
    /// Nibbles of the path.
    pub fn nibbles(&self) -> Vec<u8> {
        let bytes = self.path.payload();
        self.odd.then_some(bytes[0] & 15).into_iter().chain(nibbles(&bytes[1..])).collect()
    }
}

/// A parsed node.
#[derive(Clone, Debug)]
pub enum NodeKind<'a> {
    Empty,
    /// Sixteen children and the value item.
    Branch(Vec<(Item<'a>, Reference<'a>)>, Item<'a>),
    Leaf(Pair<'a>),
    Extension(Pair<'a>, Reference<'a>),
}

/// A node with its encoding.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    pub bytes: &'a [u8],
    /// Bytes of the list prefix.
    pub prefix: usize,
    pub kind: NodeKind<'a>,
}

impl<'a> Node<'a> {
    /// Parses a node.
    ///
    /// # Errors
    /// [`NodeError`] when the bytes are not the canonical encoding of a node.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NodeError> {
        if bytes == EMPTY_NODE {
            return Ok(Node { bytes, prefix: 1, kind: NodeKind::Empty });
        }
        let (prefix, items) = rlp::list(bytes)?;
        let kind = match &items[..] {
            [path, value] => Self::parse_pair(*path, *value)?,
            [children @ .., value] if children.len() == 16 => {
                let parse = |(index, item): (usize, &Item<'a>)| Ok((*item, Reference::parse(index, item)?));
                let children = children.iter().enumerate().map(parse).collect::<Result<_, NodeError>>()?;
                if value.list {
                    return Err(NodeError::Rlp(RlpError::Kind { expected: "string", first: value.bytes[0] }));
                }
                if value.bytes.len() > 33 {
                    return Err(NodeError::BranchValue(value.bytes.len()));
                }
                NodeKind::Branch(children, *value)
            }
            _ => return Err(NodeError::ItemCount(items.len())),
        };
        Ok(Node { bytes, prefix, kind })
    }

    fn parse_pair(path: Item<'a>, value: Item<'a>) -> Result<NodeKind<'a>, NodeError> {
        let hex_prefix = path.payload();
        if path.list || hex_prefix.is_empty() || hex_prefix.len() > 33 {
            return Err(NodeError::PathSize(hex_prefix.len()));
        }
        let flag = hex_prefix[0];
        let (leaf, odd) = (flag & 0x20 != 0, flag & 0x10 != 0);
        if flag >= 0x40 || (!odd && flag & 15 != 0) {
            return Err(NodeError::PathFlag(flag));
        }
        let pair = Pair { leaf, odd, path, value };
        if leaf {
            return Ok(NodeKind::Leaf(pair));
        }
        if hex_prefix.len() == 1 && !odd {
            return Err(NodeError::EmptyExtension);
        }
        match Reference::parse(1, &value)? {
            Reference::Empty => Err(NodeError::Reference { item: 1, first: 0x80, length: 1 }),
            child => Ok(NodeKind::Extension(pair, child)),
        }
    }
}

/// An account leaf's value.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    /// String prefix and list prefix: four bytes.
    pub head: &'a [u8],
    /// Nonce, balance, storage root, code hash.
    pub items: Vec<Item<'a>>,
    pub storage_root: B256,
}

impl<'a> Account<'a> {
    /// Parses the value item of a leaf of the state trie.
    pub fn parse(value: &Item<'a>) -> Result<Self, NodeError> {
        let (prefix, items) = rlp::list(value.payload())?;
        if items.len() != 4 {
            return Err(NodeError::AccountItems(items.len()));
        }
        for (index, item) in items.iter().enumerate() {
            let well_formed = match index {
                0 => item.integer(8).is_ok(),
                1 => item.integer(32).is_ok(),
                _ => !item.list && item.payload().len() == 32,
            };
            if !well_formed {
                let (first, length) = (item.bytes[0], item.bytes.len());
                return Err(NodeError::AccountItem { item: index, first, length });
            }
        }
        let storage_root = B256::from_slice(items[2].payload());
        Ok(Account { head: &value.bytes[..value.prefix + prefix], items, storage_root })
    }
}

/// Parses the value item of a leaf of a storage trie: a string that holds an RLP integer.
pub fn storage_value<'a>(value: &Item<'a>) -> Result<Item<'a>, NodeError> {
    let (inner, rest) = rlp::split(value.payload())?;
    if !rest.is_empty() {
        return Err(RlpError::Trailing(rest.len()).into());
    }
    match inner.integer(32)? {
        [] => Err(NodeError::ZeroValue),
        _ => Ok(inner),
    }
}

/// Nibbles of bytes, high half first.
pub fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15])
}
