//! Strict check of one Merkle-Patricia path, as `eth_getProof` gives it: nodes from the root down.
//!
//! Written for use before proving: what passes here is what the circuits accept, and what fails
//! says which node is wrong. Every node must be used, in order.

use alloy::primitives::{B256, b256, keccak256};
use alloy_rlp::Header;

/// Root of the empty trie: keccak of the RLP of the empty string.
pub const EMPTY_ROOT: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// Why a path does not prove anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    #[error("node {node} hashes to {got}, expected {expected}")]
    WrongNode { node: usize, expected: B256, got: B256 },
    #[error("node {node} is missing, its hash would be {expected}")]
    MissingNode { node: usize, expected: B256 },
    #[error("node {node} is malformed: {reason}")]
    Malformed { node: usize, reason: &'static str },
    #[error("{extra} nodes follow the end of the path at node {node}")]
    Extra { node: usize, extra: usize },
    #[error("the value is malformed: {reason}")]
    Value { reason: &'static str },
}

/// A checked path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriePath {
    /// The value's bytes, or `None` when absence was proven.
    pub value: Option<Vec<u8>>,
    /// The hashed nodes from the root down; embedded nodes are inside their parents.
    pub nodes: Vec<Vec<u8>>,
}

/// Walks `proof` from `root` along the nibbles of `keccak256(key)`.
///
/// # Errors
/// [`TrieError`] when a node is wrong, missing, malformed or left over.
pub fn walk<P: AsRef<[u8]>>(root: B256, key: &[u8], proof: &[P]) -> Result<TriePath, TrieError> {
    let path = nibbles(keccak256(key).as_slice());
    let proof: Vec<&[u8]> = proof.iter().map(AsRef::as_ref).collect();
    if root == EMPTY_ROOT {
        // Some nodes send the empty string's encoding as the only node of an empty trie.
        return match proof.as_slice() {
            [] | [[0x80]] => Ok(TriePath { value: None, nodes: Vec::new() }),
            _ => Err(TrieError::Extra { node: 0, extra: proof.len() }),
        };
    }
    let mut walk = Walk { proof, next: 0, nodes: Vec::new() };
    let value = walk.follow(root, &path)?;
    let extra = walk.proof.len() - walk.next;
    if extra > 0 {
        return Err(TrieError::Extra { node: walk.next, extra });
    }
    Ok(TriePath { value, nodes: walk.nodes })
}

struct Walk<'a> {
    proof: Vec<&'a [u8]>,
    next: usize,
    nodes: Vec<Vec<u8>>,
}

impl<'a> Walk<'a> {
    fn hashed(&mut self, expected: B256) -> Result<&'a [u8], TrieError> {
        let node = self.next;
        let raw = *self.proof.get(node).ok_or(TrieError::MissingNode { node, expected })?;
        let got = keccak256(raw);
        if got != expected {
            return Err(TrieError::WrongNode { node, expected, got });
        }
        self.next += 1;
        self.nodes.push(raw.to_vec());
        Ok(raw)
    }

    fn follow(&mut self, root: B256, path: &[u8]) -> Result<Option<Vec<u8>>, TrieError> {
        let mut raw = self.hashed(root)?;
        let mut path = path;
        loop {
            let node = self.next - 1;
            let bad = |reason| TrieError::Malformed { node, reason };
            let items = list_items(raw).ok_or(bad("not a list in shortest form"))?;
            let child = match items.as_slice() {
                [encoded, tail] => {
                    let encoded = string(encoded).ok_or(bad("key part is not a string"))?;
                    let (leaf, part) = hex_prefix(encoded).ok_or(bad("key part has a bad prefix"))?;
                    if !leaf && part.is_empty() {
                        return Err(bad("extension without nibbles"));
                    }
                    match path.strip_prefix(part.as_slice()) {
                        Some(rest) if leaf && rest.is_empty() => {
                            let value = string(tail).ok_or(bad("leaf value is not a string"))?;
                            return Ok(Some(value.to_vec()));
                        }
                        Some(rest) if !leaf => {
                            path = rest;
                            *tail
                        }
                        _ => return Ok(None),
                    }
                }
                items if items.len() == 17 => {
                    // Keys are hashes of 64 nibbles, so no path ends in a branch.
                    let (nibble, rest) = path.split_first().ok_or(bad("branch below a complete key"))?;
                    path = rest;
                    items[usize::from(*nibble)]
                }
                _ => return Err(bad("neither 2 nor 17 items")),
            };
            if child == [0x80] {
                return Ok(None);
            }
            raw = match string(child) {
                Some(hash) => {
                    let hash = <[u8; 32]>::try_from(hash).map_err(|_| bad("child is not 32 bytes"))?;
                    self.hashed(B256::from(hash))?
                }
                None => {
                    if child.len() >= 32 {
                        return Err(bad("embedded child of 32 bytes or more"));
                    }
                    // Some nodes repeat embedded children in the proof: harmless, dropped here.
                    if self.proof.get(self.next) == Some(&child) {
                        self.next += 1;
                    }
                    child
                }
            };
        }
    }
}

/// The bytes of an RLP string that fills `raw`.
pub fn string(raw: &[u8]) -> Option<&[u8]> {
    let mut rest = raw;
    let bytes = Header::decode_bytes(&mut rest, false).ok()?;
    rest.is_empty().then_some(bytes)
}

/// The encoded items of an RLP list that fills `raw`.
pub fn list_items(raw: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = raw;
    let mut payload = Header::decode_bytes(&mut rest, true).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let mut items = Vec::with_capacity(17);
    while !payload.is_empty() {
        let start = payload;
        let header = Header::decode(&mut payload).ok()?;
        payload = payload.get(header.payload_length..)?;
        items.push(&start[..start.len() - payload.len()]);
    }
    Some(items)
}

fn nibbles(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

/// `(is leaf, nibbles)` of a hex-prefix encoded key part.
fn hex_prefix(encoded: &[u8]) -> Option<(bool, Vec<u8>)> {
    let all = nibbles(encoded);
    let (flag, odd) = (all.first()? >> 1, all[0] & 1 == 1);
    if flag > 1 || (!odd && all[1] != 0) {
        return None;
    }
    Some((flag == 1, all[if odd { 1 } else { 2 }..].to_vec()))
}
