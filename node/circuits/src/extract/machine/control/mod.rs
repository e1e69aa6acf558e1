//! The second row of a step: the grammar. From a role and choices to the next role, with counters.

mod fill;
mod rules;

pub use fill::{Reading, fill};
pub use rules::constraints;

use crate::extract::role::Role;

/// Columns of the state that goes from step to step, relative to [`IN`] and [`OUT`].
pub mod state {
    /// Number of the role.
    pub const ROLE: usize = 0;
    /// Bytes of the message that are left.
    pub const LEFT: usize = 1;
    /// Bytes of the message.
    pub const LENGTH: usize = 2;
    /// Children, bloom parts or path bytes; whether a storage value is prefixed.
    pub const COUNT: usize = 3;
    /// Selected children of the branch so far.
    pub const FOUND: usize = 4;
    /// 0 in headers and account paths, 1 in storage paths.
    pub const PHASE: usize = 5;
    /// Index of the slot.
    pub const SLOT: usize = 6;
    /// Block number.
    pub const NUMBER: usize = 7;
    /// Block timestamp.
    pub const TIME: usize = 8;
    /// The node is a leaf.
    pub const LEAF: usize = 9;
    /// The path goes on by a hash.
    pub const NEXT_HASH: usize = 10;
    /// The path goes on in an embedded node.
    pub const NEXT_INLINE: usize = 11;
    /// The node's path differs from the key.
    pub const DIVERGED: usize = 12;
    /// Nibbles of the key consumed.
    pub const DEPTH: usize = 13;
    /// Nibbles of the key consumed when the node's own path is counted.
    pub const OWN_DEPTH: usize = 14;
    /// The block has no account for the contract.
    pub const NO_ACCOUNT: usize = 15;
    /// The message is an embedded node.
    pub const EMBEDDED: usize = 16;
    /// The step before read the slot's value.
    pub const HAS_VALUE: usize = 17;
    /// Columns in all.
    pub const COLUMNS: usize = 18;
}

use state::*;

/// State before the step.
pub const IN: usize = 0;
/// State after the step.
pub const OUT: usize = IN + COLUMNS;
/// From the window row.
pub const WINDOW_LENGTH: usize = OUT + COLUMNS;
pub const FIRST: usize = WINDOW_LENGTH + 1;
pub const SECOND: usize = FIRST + 1;
pub const INTEGER: usize = SECOND + 1;
pub const ONE: usize = INTEGER + 1;
pub const TWO: usize = ONE + 1;
pub const LAST_BYTE: usize = TWO + 1;
pub const LAST_HIGH: usize = LAST_BYTE + 1;
/// A byte by lookup, for whatever bound the role needs.
pub const BOUND: usize = LAST_HIGH + 1;
/// Number of slots of the table.
pub const SLOTS: usize = BOUND + 1;
/// To the window row.
pub const CODE: usize = SLOTS + 1;
pub const RUN: usize = CODE + 1;
pub const PREFIXED: usize = RUN + 1;
pub const ODD: usize = PREFIXED + 1;
pub const START: usize = ODD + 1;
/// To the fingerprint row: the message ends.
pub const END: usize = START + 1;
/// The node's own path takes digits.
pub const OWN_PATH: usize = END + 1;
/// The child is on the path.
pub const SELECTED: usize = OWN_PATH + 1;
/// The node's own path is the key's.
pub const MATCH: usize = SELECTED + 1;
/// The payload is the next reference.
pub const TAKE: usize = MATCH + 1;
pub const HEADER_END: usize = TAKE + 1;
pub const GO_CHILD: usize = HEADER_END + 1;
pub const ACCOUNT_DONE: usize = GO_CHILD + 1;
pub const COMPARE: usize = ACCOUNT_DONE + 1;
/// One-hot role, in the order of [`flag`].
const FLAGS: usize = COMPARE + 1;
const EMPTY: usize = FLAGS + Role::COUNT;
const HASH: usize = EMPTY + 1;
const INLINE: usize = HASH + 1;
const DIVERGES: usize = INLINE + 1;
const PAIR: usize = DIVERGES + 1;
const DONE: usize = PAIR + 1;
const TO_VALUE: usize = DONE + 1;
const LAST: usize = TO_VALUE + 1;
const FINISH: usize = LAST + 1;
const LEAF_FLAG: usize = FINISH + 1;
/// A number that must not be zero, and its inverse.
const NONZERO: usize = LEAF_FLAG + 1;
const INVERSE: usize = NONZERO + 1;
const GO_ABSENT: usize = INVERSE + 1;
/// Wires in all.
pub const WIRES: usize = GO_ABSENT + 1;
/// Highest degree of a constraint.
pub const DEGREE: usize = 4;

/// Committed choices in the order of [`crate::extract::step::Choices::committed`].
pub const CHOICES: [usize; 13] =
    [EMPTY, HASH, INLINE, SELECTED, ODD, END, DIVERGES, COMPARE, PAIR, DONE, TO_VALUE, LAST, FINISH];
/// Choices that follow from bytes: leaf, prefixed.
pub const DERIVED: [usize; 2] = [LEAF_FLAG, PREFIXED];

/// Roles whose flags other rows use; they stand in routed columns.
const SHARED: [Role; 6] =
    [Role::HeaderList, Role::HeaderParent, Role::AccountStorage, Role::NodeList, Role::KeyRest, Role::Row];

/// Column of a role's flag.
pub fn flag(role: Role) -> usize {
    let shared = SHARED.iter().position(|other| *other == role);
    FLAGS
        + shared
            .unwrap_or_else(|| SHARED.len() + Role::ALL[..role as usize].iter().filter(|r| !SHARED.contains(r)).count())
}

/// Roles with an item of fixed length and first byte.
const FIXED: [(Role, u64, u64); 11] = [
    (Role::HeaderParent, 33, 0xa0),
    (Role::HeaderUncles, 33, 0xa0),
    (Role::HeaderCoinbase, 21, 0x94),
    (Role::HeaderState, 33, 0xa0),
    (Role::HeaderTransactions, 33, 0xa0),
    (Role::HeaderReceipts, 33, 0xa0),
    (Role::HeaderBloomPrefix, 3, 0xb9),
    (Role::AccountHead, 4, 0xb8),
    (Role::AccountStorage, 33, 0xa0),
    (Role::AccountCode, 33, 0xa0),
    // the empty node, when the node list is empty, is checked apart
    (Role::HeaderList, 3, 0xf9),
];
/// Roles with a string item that may be a single byte.
const STRINGS: [Role; 9] = [
    Role::HeaderDifficulty,
    Role::HeaderNumber,
    Role::HeaderGasLimit,
    Role::HeaderGasUsed,
    Role::HeaderTime,
    Role::AccountNonce,
    Role::AccountBalance,
    Role::Value,
    Role::BranchValue,
];
/// Roles that the next role follows whatever happens.
const SEQUENTIAL: [Role; 18] = [
    Role::HeaderList,
    Role::HeaderParent,
    Role::HeaderUncles,
    Role::HeaderCoinbase,
    Role::HeaderState,
    Role::HeaderTransactions,
    Role::HeaderReceipts,
    Role::HeaderBloomPrefix,
    Role::HeaderDifficulty,
    Role::HeaderNumber,
    Role::HeaderGasLimit,
    Role::HeaderGasUsed,
    Role::HeaderTime,
    Role::ValuePrefix,
    Role::AccountHead,
    Role::AccountNonce,
    Role::AccountBalance,
    Role::AccountStorage,
];
