//! One step of the machine: the bytes that it reads and the choices that it makes.

use super::role::Role;

/// Bytes that a step can read.
pub const WINDOW: usize = 33;
/// Bytes whose nibbles a step can fold into a key.
pub const NIBBLE_BYTES: usize = 12;

/// What a step does beyond its role. Every one of these is committed with the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Child: a run of empty children. Node list: the node is empty.
    pub empty: bool,
    /// Reference by hash.
    pub hash: bool,
    /// Reference by inclusion.
    pub inline: bool,
    /// Child: the path goes here.
    pub selected: bool,
    /// Path flag: odd number of nibbles. Key rest: one single nibble.
    pub odd: bool,
    /// The message ends with this step.
    pub end: bool,
    /// End of a path: it differs from the key.
    pub diverges: bool,
    /// Key rest: the key is compared with the path that differs from it.
    pub compare: bool,
    /// Node list: a node of two items.
    pub pair: bool,
    /// Last step of a path, of the bloom, or of the rest of a key.
    pub done: bool,
    /// Child: the next step reads the value of the branch.
    pub to_value: bool,
    /// Row: the block's last slot.
    pub last: bool,
    /// Row: the chunk's last row.
    pub finish: bool,
    /// Path flag: a leaf. Follows from the bytes.
    pub leaf: bool,
    /// String items: the item has a prefix. Follows from the bytes.
    pub prefixed: bool,
}

/// Number of choices that are committed.
pub const COMMITTED_CHOICES: usize = 13;

impl Choices {
    /// The committed choices, in the order of their bits.
    pub fn committed(&self) -> [bool; COMMITTED_CHOICES] {
        [
            self.empty,
            self.hash,
            self.inline,
            self.selected,
            self.odd,
            self.end,
            self.diverges,
            self.compare,
            self.pair,
            self.done,
            self.to_value,
            self.last,
            self.finish,
        ]
    }
}

/// A step. `role` is what the honest machine expects; the circuit derives it from the choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub role: Role,
    bytes: [u8; WINDOW],
    length: u8,
    pub choices: Choices,
}

impl Step {
    /// A step that reads `bytes`, at most [`WINDOW`] of them.
    pub fn new(role: Role, bytes: &[u8], choices: Choices) -> Self {
        let mut window = [0; WINDOW];
        window[..bytes.len()].copy_from_slice(bytes);
        Step { role, bytes: window, length: bytes.len() as u8, choices }
    }

    /// A step that does nothing but its role.
    pub fn plain(role: Role, bytes: &[u8]) -> Self {
        Step::new(role, bytes, Choices::default())
    }

    /// The step with other bytes.
    #[cfg(test)]
    pub fn with_bytes(self, bytes: &[u8]) -> Self {
        Step::new(self.role, bytes, self.choices)
    }

    /// Bytes read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}
