//! The walk along one path of a trie: checks nodes natively and writes the steps that read them.

use alloy_primitives::{B256, U256, keccak256};

use super::chunk::string_step;
use super::error::{ExtractError, PathId};
use super::role::Role;
use super::step::{Choices, NIBBLE_BYTES, Step};
use crate::rlp::Item;
use crate::trie::{self, Account, EMPTY_NODE, KEY_NIBBLES, Node, NodeError, NodeKind, Pair, Reference};

/// Where a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// The key is not in the trie.
    Absent,
    Account {
        storage_root: B256,
    },
    Storage(U256),
}

/// Collects the steps and messages of one block.
pub struct Writer {
    number: u64,
    pub steps: Vec<Step>,
    pub messages: Vec<Vec<u8>>,
}

/// The place a walk has come to.
struct Place<'k> {
    path: PathId,
    key: &'k [u8],
    /// Nodes read, embedded ones included.
    node: usize,
    /// Nibbles of the key consumed.
    nibble: usize,
}

/// What follows a node on the path.
enum Next<'a> {
    Child(Reference<'a>),
    /// The path leaves the trie; if a path of this end differed from the key, where it ends.
    Absent(Option<usize>),
    Leaf(Leaf),
}

impl Writer {
    /// For the block of this number.
    pub fn new(number: u64) -> Self {
        Writer { number, steps: vec![], messages: vec![] }
    }

    /// Walks from `root` to `key`; without a root the whole key is read as absent.
    pub fn walk(
        &mut self,
        path: PathId,
        key: &B256,
        root: Option<B256>,
        nodes: &[Vec<u8>],
    ) -> Result<Leaf, ExtractError> {
        let nibbles: Vec<u8> = trie::nibbles(&key.0).collect();
        let mut place = Place { path, key: &nibbles, node: 0, nibble: 0 };
        let Some(root) = root else {
            if !nodes.is_empty() {
                return Err(ExtractError::ProofWithoutAccount { number: self.number, path });
            }
            self.key_rest(&nibbles, 0, None);
            return Ok(Leaf::Absent);
        };
        let mut nodes = nodes.iter().map(Vec::as_slice).peekable();
        if nodes.peek().is_none() && root == keccak256(EMPTY_NODE) {
            let next = self.node(&mut place, &EMPTY_NODE, true)?;
            return self.leave(&place, next);
        }
        let mut expected = Reference::Hash(root);
        loop {
            let hashed = matches!(expected, Reference::Hash(_));
            let bytes = match expected {
                Reference::Hash(hash) => {
                    let missing =
                        ExtractError::MissingNode { number: self.number, path, depth: place.node, expected: hash };
                    let bytes = nodes.next().ok_or(missing)?;
                    let got = keccak256(bytes);
                    if got != hash {
                        return Err(self.wrong_node(&place, hash, got));
                    }
                    bytes
                }
                Reference::Inline(bytes) => {
                    // some sources list embedded nodes again
                    nodes.next_if_eq(&bytes);
                    bytes
                }
                Reference::Empty => unreachable!("an empty child ends the walk"),
            };
            match self.node(&mut place, bytes, hashed)? {
                Next::Child(child) => expected = child,
                end => {
                    let extra = nodes.count();
                    if extra != 0 {
                        return Err(ExtractError::ExtraNodes { number: self.number, path, depth: place.node, extra });
                    }
                    return self.leave(&place, end);
                }
            }
        }
    }

    /// Finishes a path that does not go on.
    fn leave(&mut self, place: &Place<'_>, end: Next<'_>) -> Result<Leaf, ExtractError> {
        match end {
            Next::Absent(other) => {
                self.key_rest(place.key, place.nibble, other);
                Ok(Leaf::Absent)
            }
            Next::Leaf(leaf) => Ok(leaf),
            Next::Child(_) => unreachable!("a child does not end the walk"),
        }
    }

    /// Reads one node and moves on along the key.
    fn node<'a>(&mut self, place: &mut Place<'_>, bytes: &'a [u8], hashed: bool) -> Result<Next<'a>, ExtractError> {
        let (number, path, depth) = (self.number, place.path, place.node);
        let fail = |source| ExtractError::Node { number, path, depth, source };
        let node = Node::parse(bytes).map_err(fail)?;
        if hashed {
            self.messages.push(bytes.to_vec());
        }
        place.node += 1;
        let pair = matches!(node.kind, NodeKind::Leaf(_) | NodeKind::Extension(..));
        let empty = matches!(node.kind, NodeKind::Empty);
        let choices = Choices { pair, empty, end: empty, ..Choices::default() };
        self.steps.push(Step::new(Role::NodeList, &bytes[..node.prefix], choices));
        match node.kind {
            NodeKind::Empty => Ok(Next::Absent(None)),
            NodeKind::Branch(children, value) => {
                let too_long = ExtractError::PathLength { number, path, got: KEY_NIBBLES + 1 };
                let selected = *place.key.get(place.nibble).ok_or(too_long)?;
                place.nibble += 1;
                self.branch(usize::from(selected), &children, &value);
                match children[usize::from(selected)].1 {
                    Reference::Empty => Ok(Next::Absent(None)),
                    child => Ok(Next::Child(child)),
                }
            }
            NodeKind::Extension(pair, child) => {
                let other = self.path(place, &pair)?;
                let choices = Choices {
                    hash: matches!(child, Reference::Hash(_)),
                    inline: matches!(child, Reference::Inline(_)),
                    end: true,
                    ..Choices::default()
                };
                self.steps.push(Step::new(Role::ExtensionChild, pair.value.bytes, choices));
                Ok(if other.is_some() { Next::Absent(other) } else { Next::Child(child) })
            }
            NodeKind::Leaf(pair) => {
                let other = self.path(place, &pair)?;
                let leaf = match path {
                    PathId::Account => self.account(&pair.value),
                    PathId::Slot(_) => self.value(&pair.value),
                };
                let leaf = leaf.map_err(fail)?;
                Ok(if other.is_some() { Next::Absent(other) } else { Next::Leaf(leaf) })
            }
        }
    }

    /// Children one by one, empty ones in runs; the selected one always alone.
    fn branch(&mut self, selected: usize, children: &[(Item<'_>, Reference<'_>)], value: &Item<'_>) {
        let plain_value = value.bytes == EMPTY_NODE;
        let empty = |index: usize| match children.get(index) {
            Some((_, child)) => *child == Reference::Empty,
            None => index == children.len() && plain_value,
        };
        let mut index = 0;
        while index < children.len() || (index == children.len() && plain_value) {
            let stop = |end: usize| end == selected || end == selected + 1 || !empty(end);
            let end = if empty(index) { (index + 1..).find(|end| stop(*end)).unwrap_or(index + 1) } else { index + 1 };
            let reference = children.get(index).map(|(_, child)| *child);
            let choices = Choices {
                empty: empty(index),
                hash: matches!(reference, Some(Reference::Hash(_))),
                inline: matches!(reference, Some(Reference::Inline(_))),
                selected: index == selected,
                end: end == children.len() + 1,
                to_value: end == children.len() && !plain_value,
                ..Choices::default()
            };
            match children.get(index) {
                Some((item, _)) if !choices.empty => self.steps.push(Step::new(Role::Child, item.bytes, choices)),
                _ => self.steps.push(Step::new(Role::Child, &[0x80; 17][..end - index], choices)),
            }
            index = end;
        }
        if !plain_value {
            self.steps.push(string_step(Role::BranchValue, value.bytes, true));
        }
    }

    /// The path of a two-item node. Returns where it ends when it differs from the key.
    fn path(&mut self, place: &mut Place<'_>, pair: &Pair<'_>) -> Result<Option<usize>, ExtractError> {
        let own = pair.nibbles();
        let end = place.nibble + own.len();
        if end > KEY_NIBBLES || pair.leaf && end != KEY_NIBBLES {
            return Err(ExtractError::PathLength { number: self.number, path: place.path, got: end });
        }
        let diverges = own[..] != place.key[place.nibble..end];
        let split = pair.path.prefix + 1;
        let rest = &pair.path.bytes[split..];
        let mut choices =
            Choices { odd: pair.odd, leaf: pair.leaf, prefixed: pair.path.prefix == 1, ..Choices::default() };
        let at_end = |choices: Choices| Choices { done: true, diverges, ..choices };
        if rest.is_empty() {
            choices = at_end(choices);
        }
        self.steps.push(Step::new(Role::PathFlag, &pair.path.bytes[..split], choices));
        let parts = rest.chunks(NIBBLE_BYTES);
        let count = parts.len();
        for (index, part) in parts.enumerate() {
            let choices = Choices::default();
            let choices = if index + 1 == count { at_end(choices) } else { choices };
            self.steps.push(Step::new(Role::Path, part, choices));
        }
        if !diverges {
            place.nibble = end;
        }
        Ok(diverges.then_some(end))
    }

    fn account(&mut self, value: &Item<'_>) -> Result<Leaf, NodeError> {
        let account = Account::parse(value)?;
        self.steps.push(Step::plain(Role::AccountHead, account.head));
        let roles = [Role::AccountNonce, Role::AccountBalance, Role::AccountStorage, Role::AccountCode];
        for (role, item) in roles.into_iter().zip(&account.items) {
            self.steps.push(string_step(role, item.bytes, role == Role::AccountCode));
        }
        Ok(Leaf::Account { storage_root: account.storage_root })
    }

    fn value(&mut self, value: &Item<'_>) -> Result<Leaf, NodeError> {
        let inner = trie::storage_value(value)?;
        self.steps.push(Step::plain(Role::ValuePrefix, &value.bytes[..value.prefix]));
        self.steps.push(string_step(Role::Value, inner.bytes, true));
        Ok(Leaf::Storage(U256::from_be_slice(inner.payload())))
    }

    /// Nibbles `from..` of the key, with a comparison where a path that differs ends.
    fn key_rest(&mut self, key: &[u8], from: usize, compare: Option<usize>) {
        let mut at = from;
        while at < key.len() {
            let stop = compare.filter(|end| *end > at).unwrap_or(key.len());
            let odd = (stop - at) % 2 == 1;
            let end = if odd { at + 1 } else { stop.min(at + 2 * NIBBLE_BYTES) };
            let bytes: Vec<u8> = match odd {
                true => vec![key[at]],
                false => key[at..end].chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect(),
            };
            let choices = Choices { odd, compare: compare == Some(end), done: end == key.len(), ..Choices::default() };
            self.steps.push(Step::new(Role::KeyRest, &bytes, choices));
            at = end;
        }
    }

    /// Names the nibble when the next node belongs to a sibling: the proof of another key.
    fn wrong_node(&self, place: &Place<'_>, expected: B256, got: B256) -> ExtractError {
        let (number, path) = (self.number, place.path);
        let parent = self.messages.last().and_then(|bytes| Node::parse(bytes).ok());
        if let (Some(nibble), Some(NodeKind::Branch(children, _))) =
            (place.nibble.checked_sub(1), parent.map(|node| node.kind))
            && let Some(other) = children.iter().position(|(_, child)| *child == Reference::Hash(got))
        {
            return ExtractError::OtherKey { number, path, nibble, expected: place.key[nibble], got: other as u8 };
        }
        ExtractError::NodeHash { number, path, depth: place.node, expected, got }
    }
}
