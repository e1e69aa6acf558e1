//! Seeded chains for tests and benchmarks: headers of any fork over paths of any form.
//!
//! Only the nodes on a path are made; their siblings are random hashes, as a full trie would have.

use alloy_primitives::{B256, U256, keccak256};

use super::chunk::{BlockWitness, Keys};
use crate::table::Extraction;
use crate::trie::{EMPTY_NODE, KEY_NIBBLES, nibbles};

/// One node above the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A branch with this many other children (up to 15), all by hash.
    Branch(usize),
    /// A branch all of whose other children are leaves that fit into it.
    InlineBranch(usize),
    /// An extension by this many nibbles.
    Extension(usize),
}

/// How a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A leaf with the key.
    Present,
    /// An empty child; the last level has to be a branch.
    EmptyChild,
    /// A leaf with another key.
    OtherLeaf,
    /// An extension of this many nibbles that leaves the key.
    OtherExtension(usize),
    /// The empty trie; there are no levels.
    EmptyTrie,
}

/// Form of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathForm {
    /// From the root down.
    pub levels: Vec<Level>,
    pub end: End,
}

impl PathForm {
    /// Full branches down to a leaf.
    pub fn deep(branches: usize) -> Self {
        PathForm { levels: vec![Level::Branch(15); branches], end: End::Present }
    }
}

/// Form of a chain: the same for every block, with other contents.
#[derive(Clone, Debug)]
pub struct ChainForm {
    pub seed: u64,
    /// Header fields: 15, 16, 17, 20 or 21 on mainnet.
    pub fields: usize,
    /// Number of the first block.
    pub first: u64,
    pub blocks: usize,
    pub account: PathForm,
    /// One form a slot of the table. With more than one, a branch at the root joins them, so the
    /// hashed keys have to differ in their first nibble.
    pub slots: Vec<PathForm>,
}

/// Deterministic bytes.
#[derive(Clone, Debug)]
pub struct Noise {
    state: B256,
}

impl Noise {
    /// Bytes that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Noise { state: keccak256(seed.to_be_bytes()) }
    }

    /// The next 32 bytes.
    pub fn word(&mut self) -> B256 {
        self.state = keccak256(self.state);
        self.state
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (U256::from_be_bytes(self.word().0) % U256::from(limit)).to()
    }
}

impl ChainForm {
    /// The blocks, and the values of every block's slots.
    pub fn build(&self, extraction: &Extraction) -> (Vec<BlockWitness>, Vec<Vec<U256>>) {
        let keys = Keys::new(extraction);
        let mut noise = Noise::new(self.seed);
        let mut parent = noise.word();
        let mut blocks = vec![];
        let mut values = vec![];
        for index in 0..self.blocks {
            let (block, row) = self.block(&keys, &mut noise, parent, self.first + index as u64);
            parent = keccak256(&block.header_rlp);
            blocks.push(block);
            values.push(row);
        }
        (blocks, values)
    }

    fn block(&self, keys: &Keys, noise: &mut Noise, parent: B256, number: u64) -> (BlockWitness, Vec<U256>) {
        let values: Vec<U256> = self.slots.iter().map(|_| small_or_large(noise)).collect();
        let encoded: Vec<Vec<u8>> =
            values.iter().map(|value| string(&string(trim(&value.to_be_bytes::<32>())))).collect();
        let (root, mut storage_proofs) = storage(&self.slots, &keys.slots, &encoded, noise);
        let present = |(form, value): (&PathForm, U256)| if form.end == End::Present { value } else { U256::ZERO };
        let mut row: Vec<U256> = self.slots.iter().zip(values).map(present).collect();
        let balance = noise.word();
        let account = list(&[
            string(trim(&number.to_be_bytes())),
            string(trim(&balance[20..])),
            string(&root.0),
            string(&noise.word().0),
        ]);
        let (state_root, account_proof) = path(&self.account, &keys.account, &string(&account), noise);
        if self.account.end != End::Present {
            storage_proofs.iter_mut().for_each(Vec::clear);
            row.iter_mut().for_each(|value| *value = U256::ZERO);
        }
        let header_rlp = header(self.fields, parent, state_root, number, noise);
        (BlockWitness { header_rlp, account_proof, storage_proofs }, row)
    }
}

/// A header with `fields` fields.
pub fn header(fields: usize, parent: B256, state_root: B256, number: u64, noise: &mut Noise) -> Vec<u8> {
    let mut bloom = vec![];
    (0..8).for_each(|_| bloom.extend(noise.word()));
    let hash = |noise: &mut Noise| string(&noise.word().0);
    let mut items = vec![string(&parent.0), hash(noise), string(&noise.word()[..20]), string(&state_root.0)];
    items.extend([hash(noise), hash(noise), string(&bloom)]);
    // difficulty, number, gas limit, gas used, timestamp
    items.push(string(&[]));
    items.push(string(trim(&number.to_be_bytes())));
    items.push(string(&[2, 0x25, 0x51, noise.word()[0]]));
    items.push(string(trim(&noise.word()[29..])));
    items.push(string(trim(&(1_600_000_000 + 12 * number).to_be_bytes())));
    // extra data, mix hash, nonce, base fee, withdrawals, blob gas used, excess, beacon root, requests
    let extra = noise.below(33);
    items.push(string(&noise.word()[..extra]));
    items.extend([hash(noise), string(&[0; 8]), string(&[7, 1]), hash(noise)]);
    items.extend([string(&[]), string(&[9, 0, 0]), hash(noise), hash(noise)]);
    items.truncate(fields);
    list(&items)
}

/// Root and nodes of a path to `key`; embedded nodes are not listed on their own.
pub fn path(form: &PathForm, key: &B256, value: &[u8], noise: &mut Noise) -> (B256, Vec<Vec<u8>>) {
    let key: Vec<u8> = nibbles(&key.0).collect();
    if form.end == End::EmptyTrie {
        return (keccak256(EMPTY_NODE), vec![]);
    }
    let (node, mut nodes) = subtrie(form, &key, 0, value, noise);
    let root = keccak256(&node);
    nodes.insert(0, node);
    (root, nodes)
}

/// Root of a storage trie and the nodes of each slot's path.
fn storage(forms: &[PathForm], keys: &[B256], values: &[Vec<u8>], noise: &mut Noise) -> (B256, Vec<Vec<Vec<u8>>>) {
    if let ([form], [key, ..], [value]) = (forms, keys, values) {
        let (root, nodes) = path(form, key, value, noise);
        return (root, vec![nodes]);
    }
    let mut items = vec![EMPTY_NODE.to_vec(); 17];
    let mut proofs = vec![];
    for ((form, key), value) in forms.iter().zip(keys).zip(values) {
        let key: Vec<u8> = nibbles(&key.0).collect();
        let (node, mut nodes) = subtrie(form, &key, 1, value, noise);
        items[usize::from(key[0])] = reference(node, &mut nodes);
        proofs.push(nodes);
    }
    let root = list(&items);
    proofs.iter_mut().for_each(|nodes| nodes.insert(0, root.clone()));
    (keccak256(root), proofs)
}

/// The top node of a path below `start` nibbles, and the nodes under it.
fn subtrie(form: &PathForm, key: &[u8], start: usize, value: &[u8], noise: &mut Noise) -> (Vec<u8>, Vec<Vec<u8>>) {
    let consumed = |level: &Level| if let Level::Extension(nibbles) = level { *nibbles } else { 1 };
    let mut at: usize = start + form.levels.iter().map(consumed).sum::<usize>();
    assert!(at <= KEY_NIBBLES, "a path of {at} nibbles");
    // the other key differs in the next nibble
    let mut other = key.to_vec();
    if at < KEY_NIBBLES {
        other[at] ^= 1;
    }
    let mut node = match form.end {
        End::Present => list(&[hex_prefix(&key[at..], true), value.to_vec()]),
        End::EmptyChild | End::EmptyTrie => vec![],
        End::OtherLeaf => list(&[hex_prefix(&other[at..], true), value.to_vec()]),
        End::OtherExtension(length) => list(&[hex_prefix(&other[at..at + length], false), string(&noise.word().0)]),
    };
    let mut nodes = vec![];
    for level in form.levels.iter().rev() {
        let child = reference(node, &mut nodes);
        at -= consumed(level);
        node = match *level {
            Level::Extension(length) => list(&[hex_prefix(&key[at..at + length], false), child]),
            Level::Branch(others) => branch(key[at], child, others, |noise| string(&noise.word().0), noise),
            Level::InlineBranch(others) => {
                let depth = KEY_NIBBLES - at - 1;
                let leaf = |noise: &mut Noise| {
                    let path: Vec<u8> = (0..depth).map(|_| noise.below(16) as u8).collect();
                    list(&[hex_prefix(&path, true), string(&[1 + noise.below(127) as u8])])
                };
                branch(key[at], child, others, leaf, noise)
            }
        };
    }
    (node, nodes)
}

/// How a parent refers to `node`, which goes in front of `nodes` when it is not embedded.
fn reference(node: Vec<u8>, nodes: &mut Vec<Vec<u8>>) -> Vec<u8> {
    match node.len() {
        0 => EMPTY_NODE.to_vec(),
        1..32 => node,
        _ => {
            let reference = string(&keccak256(&node).0);
            nodes.insert(0, node);
            reference
        }
    }
}

fn branch(
    own: u8,
    child: Vec<u8>,
    others: usize,
    mut sibling: impl FnMut(&mut Noise) -> Vec<u8>,
    noise: &mut Noise,
) -> Vec<u8> {
    let mut items = vec![EMPTY_NODE.to_vec(); 17];
    let mut places: Vec<usize> = (0..16).filter(|place| *place != usize::from(own)).collect();
    for _ in 0..others {
        let place = places.swap_remove(noise.below(places.len()));
        items[place] = sibling(noise);
    }
    items[usize::from(own)] = child;
    list(&items)
}

fn small_or_large(noise: &mut Noise) -> U256 {
    let bytes = 1 + noise.below(32);
    U256::from_be_slice(&noise.word()[..bytes]) | U256::from(1)
}

/// The path item of a two-item node.
fn hex_prefix(nibbles: &[u8], leaf: bool) -> Vec<u8> {
    let flag = 2 * u8::from(leaf) + (nibbles.len() % 2) as u8;
    let mut digits = vec![flag];
    digits.extend(nibbles.len().is_multiple_of(2).then_some(0));
    digits.extend(nibbles);
    string(&digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>())
}

fn trim(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())..]
}

fn string(payload: &[u8]) -> Vec<u8> {
    match payload {
        [byte] if *byte < 0x80 => vec![*byte],
        _ => prefixed(0x80, payload),
    }
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    prefixed(0xc0, &items.concat())
}

fn prefixed(base: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut bytes = match length {
        0..=55 => vec![base + length as u8],
        56..=255 => vec![base + 56, length as u8],
        _ => vec![base + 57, (length >> 8) as u8, length as u8],
    };
    bytes.extend(payload);
    bytes
}
