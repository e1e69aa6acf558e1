//! The rules of the control row.

use super::state::*;
use super::*;
use crate::extract::machine::rule::Rule;
use crate::extract::machine::value::{Constraints, Value, sum};
use crate::extract::step::NIBBLE_BYTES;
use crate::trie::KEY_NIBBLES;

/// Named products that several rules use.
struct View<'w, V> {
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
