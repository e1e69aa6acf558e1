//! The second row of a step: the grammar. From a role and choices to the next role, with counters.

use plonky2::field::types::{Field, PrimeField64};

use super::rule::Rule;
use super::value::{Constraints, Plain, Value, sum};
use crate::F;
use crate::extract::role::Role;
use crate::extract::step::{Choices, NIBBLE_BYTES, Step};
use crate::trie::KEY_NIBBLES;

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

/// Named products that several rules use.
pub struct View<'w, V> {
    w: &'w [V],
}

impl<V: Value> View<'_, V> {
    fn of(&self, role: Role) -> V {
        self.w[flag(role)]
    }

    fn any(&self, roles: &[Role]) -> V {
        sum(self.w[0], roles.iter().map(|role| self.of(*role)))
    }

    /// The wire at `column` has to be `value`.
    fn define(&self, out: &mut Constraints<V>, rule: Rule, column: usize, value: V) {
        out.define(rule, column, self.w[column], value);
    }

    fn before(&self, column: usize) -> V {
        self.w[IN + column]
    }

    fn after(&self, column: usize) -> V {
        self.w[OUT + column]
    }

    fn constant(&self, value: u64) -> V {
        self.w[0].small(value)
    }

    /// The node list is a list rather than the empty node.
    fn list_head(&self) -> V {
        self.of(Role::HeaderList) + self.of(Role::NodeList) * self.w[EMPTY].not()
    }

    fn path_done(&self) -> V {
        self.any(&[Role::PathFlag, Role::Path]) * self.w[DONE]
    }

    fn depth(&self) -> V {
        let digits = self.w[WINDOW_LENGTH].times(2) - self.w[ODD];
        let depth = self.before(DEPTH) + self.w[SELECTED] + self.of(Role::KeyRest) * digits;
        depth + self.w[MATCH] * (self.after(OWN_DEPTH) - self.before(DEPTH))
    }

    fn account_leaf(&self) -> V {
        self.of(Role::AccountCode) * self.before(DIVERGED).not()
    }

    fn storage_leaf(&self) -> V {
        self.of(Role::Value) * self.before(DIVERGED).not()
    }

    fn rest_done(&self) -> V {
        self.of(Role::KeyRest) * self.w[DONE]
    }

    /// The role before counts as its successor's number.
    fn next_role(&self) -> V {
        let w = self.w;
        let leaf = self.after(LEAF);
        let number = |role: Role| self.constant(role as u64);
        let path = self.any(&[Role::PathFlag, Role::Path]);
        let storage = number(Role::AccountHead) - self.before(PHASE).times(2);
        let end_of_path = leaf * (storage - number(Role::ExtensionChild)) + number(Role::ExtensionChild);
        let row = w[LAST].not() * (number(Role::NodeList) + self.before(NO_ACCOUNT).times(13));
        sum(
            w[0],
            SEQUENTIAL.iter().map(|role| self.of(*role).times(*role as u64 + 1)).chain([
                self.of(Role::HeaderBloom) * (number(Role::HeaderBloom) + w[DONE]),
                self.of(Role::HeaderTail) * (number(Role::HeaderTail) + w[END]),
                self.of(Role::NodeList) * w[EMPTY].not() * (number(Role::Child) + w[PAIR].times(2)),
                self.of(Role::Child) * w[END].not() * (number(Role::Child) + w[TO_VALUE]),
                path * (number(Role::Path) + w[DONE] * (end_of_path - number(Role::Path))),
                self.of(Role::KeyRest) * (number(Role::KeyRest) + w[DONE] * self.before(PHASE)),
                self.of(Role::Row) * (row + w[LAST] * w[FINISH].not()),
                w[GO_CHILD].times(Role::NodeList as u64),
                w[GO_ABSENT].times(Role::KeyRest as u64),
                self.storage_leaf().times(Role::Row as u64),
                self.account_leaf().times(Role::NodeList as u64),
            ]),
        )
    }
}

/// Constraints of the row.
pub fn constraints<V: Value>(w: &[V], out: &mut Constraints<V>) {
    let view = View { w };
    choices(&view, out);
    lengths(&view, out);
    items(&view, out);
    nodes(&view, out);
    paths(&view, out);
    signals(&view, out);
    carried(&view, out);
}

fn choices<V: Value>(v: &View<'_, V>, out: &mut Constraints<V>) {
    let w = v.w;
    for role in Role::ALL {
        out.zero(Rule::Transition, v.of(role).boolean());
    }
    out.zero(Rule::Transition, v.any(&Role::ALL).not());
    let number = sum(w[0], Role::ALL.iter().map(|role| v.of(*role).times(*role as u64)));
    out.zero(Rule::Transition, v.before(ROLE) - number);
    v.define(out, Rule::Transition, OUT + ROLE, v.next_role());
    CHOICES.iter().chain(&DERIVED).for_each(|column| out.zero(Rule::Choice, w[*column].boolean()));
    let bits = CHOICES.iter().enumerate().map(|(bit, column)| w[*column].times(1 << bit));
    v.define(out, Rule::Commitment, CODE, sum(w[0], bits));
    let references = [Role::Child, Role::ExtensionChild];
    let own = [Role::PathFlag, Role::Path];
    let belongs: [(usize, &[Role]); 11] = [
        (EMPTY, &[Role::Child, Role::NodeList]),
        (HASH, &references),
        (INLINE, &references),
        (SELECTED, &[Role::Child]),
        (ODD, &[Role::PathFlag, Role::KeyRest]),
        (COMPARE, &[Role::KeyRest]),
        (PAIR, &[Role::NodeList]),
        (DONE, &[Role::HeaderBloom, Role::PathFlag, Role::Path, Role::KeyRest]),
        (TO_VALUE, &[Role::Child]),
        (LAST, &[Role::Row]),
        (LEAF_FLAG, &[Role::PathFlag]),
    ];
    for (column, roles) in belongs {
        out.zero(Rule::Choice, w[column] * v.any(roles).not());
    }
    out.zero(Rule::Choice, w[DIVERGES] * (v.any(&own) * w[DONE]).not());
    out.zero(Rule::Choice, w[FINISH] * w[LAST].not());
    // where a message has to end and where it may
    let must = v.of(Role::NodeList) * w[EMPTY]
        + v.any(&[Role::BranchValue, Role::ExtensionChild, Role::Value, Role::AccountCode]);
    let may = must + v.any(&[Role::HeaderTail, Role::Child]);
    out.zero(Rule::MessageEnd, must * w[END].not());
    out.zero(Rule::MessageEnd, may.not() * w[END]);
    out.zero(Rule::MessageEnd, w[END] * v.after(LEFT));
}

/// List prefixes and the bytes left.
fn lengths<V: Value>(v: &View<'_, V>, out: &mut Constraints<V>) {
    let w = v.w;
    let head = v.list_head();
    let heads = v.any(&[Role::HeaderList, Role::NodeList]);
    let three = w[ONE].not() - w[TWO];
    let length = w[ONE] * (w[FIRST] - v.constant(0xc0)) + w[ONE].not() * w[INTEGER];
    let read = w[WINDOW_LENGTH] * v.of(Role::KeyRest).not();
    v.define(out, Rule::State, OUT + LEFT, head * length + heads.not() * (v.before(LEFT) - read));
    let total = heads * (w[WINDOW_LENGTH] + v.after(LEFT)) + heads.not() * v.before(LENGTH);
    v.define(out, Rule::State, OUT + LENGTH, total);
    let mut rule = |value: V| out.zero(Rule::ListPrefix, head * value);
    // c0..f7; f8 and at least 56; f9 and a high byte
    rule(w[ONE] * (w[BOUND] - v.constant(0xf7) + w[FIRST]));
    rule(w[TWO] * (w[FIRST] - v.constant(0xf8)));
    rule(w[TWO] * (w[BOUND] - w[INTEGER] + v.constant(56)));
    rule(three * (w[WINDOW_LENGTH] - v.constant(3)));
    rule(three * (w[FIRST] - v.constant(0xf9)));
    rule(three * (w[BOUND] - w[SECOND] + v.constant(1)));
    let empty = v.of(Role::NodeList) * w[EMPTY];
    out.zero(Rule::ListPrefix, empty * w[ONE].not());
    out.zero(Rule::ListPrefix, empty * (w[FIRST] - v.constant(0x80)));
    out.zero(Rule::ListPrefix, empty * v.before(EMBEDDED));
    out.zero(Rule::ListPrefix, empty * w[PAIR]);
}

/// Items by their first byte.
fn items<V: Value>(v: &View<'_, V>, out: &mut Constraints<V>) {
    let w = v.w;
    for (role, length, first) in FIXED {
        out.zero(Rule::FixedItem, v.of(role) * (w[WINDOW_LENGTH] - v.constant(length)));
        out.zero(Rule::FixedItem, v.of(role) * (w[FIRST] - v.constant(first)));
    }
    out.zero(Rule::FixedItem, v.of(Role::HeaderBloomPrefix) * (w[INTEGER] - v.constant(256)));
    out.zero(Rule::FixedItem, v.of(Role::HeaderBloom) * (w[WINDOW_LENGTH] - v.constant(32)));
    out.zero(Rule::FixedItem, v.any(&[Role::Idle, Role::Row]) * w[WINDOW_LENGTH]);
    let fixed: Vec<Role> = FIXED.iter().map(|(role, ..)| *role).chain([Role::NodeList]).collect();
    let strings = v.any(&STRINGS);
    let prefixed = w[PREFIXED];
    out.zero(Rule::StringItem, strings.not() * (prefixed - v.any(&fixed) - w[HASH]));
    // 0x80 + n before n bytes, or one byte below 0x80
    let longer = w[ONE].not() - w[TWO];
    out.zero(Rule::StringItem, strings * prefixed * (w[FIRST] - w[WINDOW_LENGTH] - v.constant(127)));
    out.zero(Rule::StringItem, strings * prefixed.not() * w[ONE].not());
    out.zero(Rule::StringItem, strings * prefixed.not() * (w[BOUND] - w[FIRST].times(2)));
    out.zero(Rule::StringItem, strings * prefixed * w[TWO] * (w[BOUND] - w[LAST_BYTE] + v.constant(128)));
    let short = v.any(&[Role::HeaderNumber, Role::HeaderTime]) * prefixed * longer;
    out.zero(Rule::StringItem, short * (w[BOUND] + w[WINDOW_LENGTH] - v.constant(8)));
    // canonical integers, and parts of paths and runs that must not be empty
    let integers = strings - v.of(Role::BranchValue);
    let leading = prefixed.not() * w[FIRST] + prefixed * (w[ONE] + w[TWO] + longer * w[SECOND]);
    let parts = v.any(&[Role::Path, Role::KeyRest]);
    let some = parts + w[RUN];
    let nonzero = integers * leading + some * w[WINDOW_LENGTH] + (integers + some).not();
    v.define(out, Rule::Integer, NONZERO, nonzero);
    out.zero(Rule::Integer, (w[NONZERO] * w[INVERSE]).not());
    out.zero(Rule::KeyRest, parts * (w[BOUND] + w[WINDOW_LENGTH] - v.constant(NIBBLE_BYTES as u64)));
    // storage value: the outer prefix covers the inner item
    let outer = v.of(Role::ValuePrefix);
    out.zero(Rule::Value, outer * (w[WINDOW_LENGTH] - w[ONE]));
    out.zero(Rule::Value, outer * w[ONE] * (w[FIRST] - v.constant(0x80) - v.after(LEFT)));
    out.zero(Rule::Value, v.of(Role::Value) * (prefixed - v.before(COUNT)));
    out.zero(Rule::Value, v.of(Role::Value) * prefixed * w[ONE]);
    // account: b8 n+2 f8 n
    let account = v.of(Role::AccountHead);
    let body = w[SECOND].times(1 << 16) + v.constant(0xf800) + w[LAST_BYTE];
    out.zero(Rule::Account, account * (w[INTEGER] - body));
    out.zero(Rule::Account, account * (w[SECOND] - w[LAST_BYTE] - v.constant(2)));
    out.zero(Rule::Account, account * (v.after(LEFT) - w[LAST_BYTE]));
}

/// Branches and references.
fn nodes<V: Value>(v: &View<'_, V>, out: &mut Constraints<V>) {
    let w = v.w;
    let child = v.of(Role::Child);
    let extension = v.of(Role::ExtensionChild);
    out.zero(Rule::Reference, child * (w[EMPTY] + w[HASH] + w[INLINE]).not());
    out.zero(Rule::Reference, extension * (w[HASH] + w[INLINE]).not());
    out.zero(Rule::Reference, w[HASH] * (w[WINDOW_LENGTH] - v.constant(33)));
    out.zero(Rule::Reference, w[HASH] * (w[FIRST] - v.constant(0xa0)));
    out.zero(Rule::Reference, w[INLINE] * (w[FIRST] - w[WINDOW_LENGTH] - v.constant(0xbf)));
    out.zero(Rule::Reference, w[INLINE] * (w[BOUND] + w[WINDOW_LENGTH] - v.constant(31)));
    out.zero(Rule::Branch, w[SELECTED] * w[EMPTY] * w[ONE].not());
    out.zero(Rule::Branch, w[TO_VALUE] * (v.after(COUNT) - v.constant(16)));
    out.zero(Rule::Branch, w[TO_VALUE] * w[END]);
    out.zero(Rule::Branch, child * w[END] * (v.after(COUNT) - v.constant(17)));
    out.zero(Rule::Branch, child * w[END] * w[EMPTY].not());
    let branch_end = child * w[END] + v.of(Role::BranchValue);
    out.zero(Rule::Branch, branch_end * v.after(FOUND).not());
    let found = v.of(Role::NodeList).not() * v.before(FOUND) + w[SELECTED];
    v.define(out, Rule::Branch, OUT + FOUND, found);
    let counted = [
        Role::NodeList,
        Role::HeaderBloomPrefix,
        Role::HeaderBloom,
        Role::Child,
        Role::PathFlag,
        Role::Path,
        Role::ValuePrefix,
    ];
    let count = v.before(COUNT);
    let children = w[EMPTY] * w[WINDOW_LENGTH] + w[HASH] + w[INLINE];
    let next = v.any(&counted).not() * count
        + v.of(Role::HeaderBloomPrefix).times(8)
        + v.of(Role::HeaderBloom) * (count - v.constant(1))
        + child * (count + children)
        + v.of(Role::PathFlag) * w[TWO] * (w[FIRST] - v.constant(0x81))
        + v.of(Role::Path) * (count - w[WINDOW_LENGTH])
        + v.of(Role::ValuePrefix) * w[WINDOW_LENGTH];
    v.define(out, Rule::State, OUT + COUNT, next);
    out.zero(Rule::FixedItem, v.of(Role::HeaderBloom) * w[DONE] * v.after(COUNT));
    // the reference that the path takes
    let keep = v.of(Role::NodeList).not() - w[SELECTED] - extension;
    for (column, kind) in [(NEXT_HASH, HASH), (NEXT_INLINE, INLINE)] {
        let taken = w[SELECTED] * w[kind] + extension * w[kind] * v.before(DIVERGED).not();
        v.define(out, Rule::Reference, OUT + column, keep * v.before(column) + taken);
    }
}

/// Paths of two-item nodes and the rest of the key.
fn paths<V: Value>(v: &View<'_, V>, out: &mut Constraints<V>) {
    let w = v.w;
    let start = v.of(Role::PathFlag);
    let path = v.of(Role::Path);
    let rest = v.of(Role::KeyRest);
    out.zero(Rule::PathFlag, start * (w[ONE] + w[TWO]).not());
    out.zero(Rule::PathFlag, start * (w[DONE] - w[ONE]));
    out.zero(Rule::PathFlag, start * (w[LAST_HIGH] - w[LEAF_FLAG].times(2) - w[ODD]));
    out.zero(Rule::PathPad, start * w[ODD].not() * (w[LAST_BYTE] - w[LAST_HIGH].times(16)));
    out.zero(Rule::PathFlag, path * w[DONE] * v.after(COUNT));
    v.define(out, Rule::State, OUT + LEAF, w[LEAF_FLAG] + start.not() * v.before(LEAF));
    let own = v.before(OWN_DEPTH);
    let list = v.of(Role::NodeList);
    let own_next = list * (v.before(DEPTH) - own) + own + start * w[ODD] + path * w[WINDOW_LENGTH].times(2);
    v.define(out, Rule::State, OUT + OWN_DEPTH, own_next);
    let done = v.path_done();
    let nibbles = v.constant(KEY_NIBBLES as u64);
    out.zero(Rule::LeafDepth, done * v.after(LEAF) * (v.after(OWN_DEPTH) - nibbles));
    v.define(out, Rule::State, MATCH, done * w[DIVERGES].not());
    let diverged = v.before(DIVERGED) * w[COMPARE].not();
    v.define(out, Rule::Divergence, OUT + DIVERGED, done * (w[DIVERGES] - diverged) + diverged);
    out.zero(Rule::Divergence, v.rest_done() * v.after(DIVERGED));
    let depth = v.depth();
    out.zero(Rule::Divergence, w[COMPARE] * (depth - own));
    out.zero(Rule::KeyRest, v.rest_done() * (depth - nibbles));
    out.zero(Rule::KeyRest, rest * w[ODD] * w[ONE].not());
    out.zero(Rule::KeyRest, rest * w[ODD] * w[LAST_HIGH]);
}

/// What the other rows are told.
fn signals<V: Value>(v: &View<'_, V>, out: &mut Constraints<V>) {
    let w = v.w;
    let rule = Rule::State;
    v.define(out, rule, RUN, v.of(Role::Child) * w[EMPTY]);
    v.define(out, rule, START, v.any(&[Role::HeaderList, Role::NodeList]));
    v.define(out, rule, OWN_PATH, v.of(Role::Path) + v.of(Role::PathFlag) * w[ODD]);
    let reference = w[SELECTED] * (w[HASH] + w[INLINE]);
    v.define(out, rule, TAKE, v.any(&[Role::HeaderState, Role::ExtensionChild]) + reference);
    v.define(out, rule, HEADER_END, v.of(Role::HeaderTail) * w[END]);
    let inner = v.of(Role::Child) * w[END] + v.any(&[Role::BranchValue, Role::ExtensionChild]);
    let goes_on = v.after(NEXT_HASH) + v.after(NEXT_INLINE);
    v.define(out, rule, GO_CHILD, inner * goes_on);
    let leaf = v.account_leaf() + v.storage_leaf();
    v.define(out, rule, GO_ABSENT, w[END] - w[HEADER_END] - w[GO_CHILD] - leaf);
    let absent = v.rest_done() * v.before(PHASE).not();
    v.define(out, rule, ACCOUNT_DONE, v.account_leaf() + absent);
}

/// State of block and slot.
fn carried<V: Value>(v: &View<'_, V>, out: &mut Constraints<V>) {
    let w = v.w;
    let row = v.of(Role::Row);
    let fresh = w[HEADER_END].not();
    let restart = w[HEADER_END] + w[ACCOUNT_DONE] + row;
    v.define(out, Rule::State, OUT + PHASE, fresh * (v.before(PHASE) + w[ACCOUNT_DONE]));
    v.define(out, Rule::State, OUT + SLOT, fresh * v.before(SLOT) + row - w[LAST]);
    out.zero(Rule::RowOrder, w[LAST] * (v.before(SLOT) + v.constant(1) - w[SLOTS]));
    let number = v.of(Role::HeaderNumber);
    out.zero(Rule::Number, number * (w[INTEGER] - v.before(NUMBER) - v.constant(1)));
    v.define(out, Rule::Number, OUT + NUMBER, v.before(NUMBER) + number);
    let time = v.of(Role::HeaderTime);
    v.define(out, Rule::State, OUT + TIME, time * (w[INTEGER] - v.before(TIME)) + v.before(TIME));
    let absent = v.rest_done() * v.before(PHASE).not();
    v.define(out, Rule::State, OUT + NO_ACCOUNT, fresh * (v.before(NO_ACCOUNT) + absent));
    let kept = (restart + w[GO_CHILD]).not() * v.before(EMBEDDED);
    v.define(out, Rule::State, OUT + EMBEDDED, kept + w[GO_CHILD] * v.after(NEXT_INLINE));
    v.define(out, Rule::State, OUT + HAS_VALUE, row.not() * v.before(HAS_VALUE) + v.storage_leaf());
    v.define(out, Rule::State, OUT + DEPTH, restart.not() * v.depth());
}

/// What the window row gives to the control row.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub length: u64,
    pub first: u8,
    pub second: u8,
    pub last: u8,
    pub choices: Choices,
}

impl Reading {
    /// What a step reads.
    pub fn of(step: &Step) -> Self {
        let bytes = step.bytes();
        let byte = |index: usize| bytes.get(index).copied().unwrap_or(0);
        Reading {
            length: bytes.len() as u64,
            first: byte(0),
            second: byte(1),
            last: bytes.last().copied().unwrap_or(0),
            choices: step.choices,
        }
    }

    /// Whether the first byte is no payload.
    pub fn prefixed(&self, role: Option<Role>) -> bool {
        let fixed = |role: Role| role == Role::NodeList || FIXED.iter().any(|(fixed, ..)| *fixed == role);
        match role {
            Some(role) if STRINGS.contains(&role) => self.choices.prefixed,
            Some(role) => fixed(role) || self.choices.hash,
            None => false,
        }
    }

    /// The value that the role's bound takes, zero where it has none or it is no byte.
    fn bound(&self, role: Option<Role>, prefixed: bool, integer: u64) -> u64 {
        let length = self.length;
        let (first, second, last) = (u64::from(self.first), u64::from(self.second), u64::from(self.last));
        let bound = match role {
            Some(Role::HeaderList | Role::NodeList) if !self.choices.empty => match length {
                1 => 0xf7u64.checked_sub(first),
                2 => integer.checked_sub(56),
                _ => second.checked_sub(1),
            },
            Some(Role::HeaderNumber | Role::HeaderTime) if prefixed && length > 2 => 8u64.checked_sub(length),
            Some(role) if STRINGS.contains(&role) => match (prefixed, length) {
                (false, _) => Some(2 * first),
                (true, 2) => last.checked_sub(128),
                _ => None,
            },
            Some(Role::Path | Role::KeyRest) => (NIBBLE_BYTES as u64).checked_sub(length),
            _ if self.choices.inline => 31u64.checked_sub(length),
            _ => None,
        };
        bound.filter(|value| *value < 256).unwrap_or(0)
    }
}

/// The wires of a row after state `before`. What a rule defines is computed by that rule; the
/// choices stand as they are, whether or not the rules allow them.
pub fn fill(before: &[F; COLUMNS], reading: &Reading, integer: F, slots: u64) -> [F; WIRES] {
    let mut w = [F::ZERO; WIRES];
    w[IN..IN + COLUMNS].copy_from_slice(before);
    let role = Role::ALL.get(before[ROLE].to_canonical_u64() as usize).copied();
    if let Some(role) = role {
        w[flag(role)] = F::ONE;
    }
    let choices = &reading.choices;
    for (column, choice) in CHOICES.iter().zip(choices.committed()) {
        w[*column] = F::from_bool(choice);
    }
    let prefixed = reading.prefixed(role);
    w[LEAF_FLAG] = F::from_bool(choices.leaf);
    w[PREFIXED] = F::from_bool(prefixed);
    w[WINDOW_LENGTH] = F::from_canonical_u64(reading.length);
    w[FIRST] = F::from_canonical_u8(reading.first);
    w[SECOND] = F::from_canonical_u8(reading.second);
    w[INTEGER] = integer;
    w[ONE] = F::from_bool(reading.length == 1);
    w[TWO] = F::from_bool(reading.length == 2);
    w[LAST_BYTE] = F::from_canonical_u8(reading.last);
    w[LAST_HIGH] = F::from_canonical_u8(reading.last >> 4);
    w[BOUND] = F::from_canonical_u64(reading.bound(role, prefixed, integer.to_canonical_u64()));
    w[SLOTS] = F::from_canonical_u64(slots);
    // definitions use one another, at most a few deep
    loop {
        let mut out = Constraints::new(None);
        constraints(&w.map(Plain), &mut out);
        let changed = out.defined.iter().filter(|(column, value)| w[*column] != value.0).count();
        out.defined.iter().for_each(|(column, value)| w[*column] = value.0);
        if changed == 0 {
            break;
        }
    }
    w[INVERSE] = w[NONZERO].try_inverse().unwrap_or(F::ZERO);
    w
}
