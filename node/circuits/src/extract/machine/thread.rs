//! The third row of a step: what is compared as fingerprints. Expected hashes, keys, and the
//! streams of messages and rows.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::{Field, PrimeField64};

use super::rule::Rule;
use super::value::{Constraints, Pair, Plain, Value, sum};
use crate::F;
use crate::keccak::extension::Ext;
use crate::keccak::{Challenges, RATE_BYTES, stream};

/// Columns of the state, relative to [`IN`] and [`OUT`]; each element takes two.
pub mod state {
    /// Fingerprint that the message must have: its digest, or the bytes of an embedded node.
    pub const EXPECTED: usize = 0;
    /// Fingerprint of what the path goes on to.
    pub const NEXT: usize = 2;
    /// Nibbles of the key so far.
    pub const KEY: usize = 4;
    /// Nibbles of the key, with the node's own path in place of the key's.
    pub const OWN: usize = 6;
    /// Storage root of the account.
    pub const STORAGE: usize = 8;
    /// Hash of the header before.
    pub const HEADER: usize = 10;
    /// Rows so far.
    pub const ROWS: usize = 12;
    /// Messages so far.
    pub const STREAM: usize = 14;
    /// Columns in all.
    pub const COLUMNS: usize = 16;
}

use state::*;

pub const IN: usize = 0;
pub const OUT: usize = IN + COLUMNS;
/// Challenges and products of them, the same in every row: [`Powers`].
pub const POWERS: usize = OUT + COLUMNS;
const ALPHA: usize = POWERS;
const BETA: usize = ALPHA + 2;
const FLAG: usize = BETA + 2;
const TAIL: usize = FLAG + 2;
const CUBE: usize = TAIL + 2;
const BLOCK: usize = CUBE + 2;
/// Fold of the account key's nibbles.
pub const ACCOUNT_KEY: usize = BLOCK + 2;
/// From the window row.
pub const PAYLOAD: usize = ACCOUNT_KEY + 2;
pub const DIGITS: usize = PAYLOAD + 2;
pub const ADVANCE: usize = DIGITS + 2;
pub const FOLD: usize = ADVANCE + 2;
pub const SHIFT: usize = FOLD + 2;
/// Payload of the step before.
pub const LAST_PAYLOAD: usize = SHIFT + 2;
/// From the control row, in the order of [`SIGNALS`].
pub const CONTROL: usize = LAST_PAYLOAD + 2;
const LENGTH: usize = CONTROL;
const NUMBER: usize = LENGTH + 1;
const TIME: usize = NUMBER + 1;
const SLOT: usize = TIME + 1;
const COUNT: usize = SLOT + 1;
const HEADER_LIST: usize = COUNT + 1;
const HEADER_PARENT: usize = HEADER_LIST + 1;
const ACCOUNT_STORAGE: usize = HEADER_PARENT + 1;
const NODE_LIST: usize = ACCOUNT_STORAGE + 1;
const KEY_REST: usize = NODE_LIST + 1;
const ROW: usize = KEY_REST + 1;
const END: usize = ROW + 1;
const OWN_PATH: usize = END + 1;
const SELECTED: usize = OWN_PATH + 1;
const MATCH: usize = SELECTED + 1;
const TAKE: usize = MATCH + 1;
const HEADER_END: usize = TAKE + 1;
const GO_CHILD: usize = HEADER_END + 1;
const ACCOUNT_DONE: usize = GO_CHILD + 1;
const EMBEDDED: usize = ACCOUNT_DONE + 1;
const COMPARE: usize = EMBEDDED + 1;
const HAS_VALUE: usize = COMPARE + 1;
/// Number of wires from the control row.
pub const SIGNAL_COUNT: usize = HAS_VALUE + 1 - CONTROL;
/// The key after this step, before a new path starts.
const KEY_NEXT: usize = HAS_VALUE + 1;
/// Padding bytes minus one, most significant bit first.
const PADDING: usize = KEY_NEXT + 2;
const PADDING_BITS: usize = 8;
/// Blocks minus one, most significant bit first.
const BLOCKS: usize = PADDING + PADDING_BITS;
const BLOCK_BITS: usize = 4;
/// α to the upper bits of the padding: two bits, then one more each.
const LADDER: usize = BLOCKS + BLOCK_BITS;
const LADDER_STEPS: usize = PADDING_BITS - 1;
/// Inverse of the difference of two paths.
const INVERSE: usize = LADDER + 2 * LADDER_STEPS;
/// Wires in all.
pub const WIRES: usize = INVERSE + 2;
/// Highest degree of a constraint.
pub const DEGREE: usize = 6;

/// Control columns behind [`CONTROL`], in order.
pub fn signals() -> [usize; SIGNAL_COUNT] {
    use super::control as c;
    use crate::extract::role::Role;
    [
        c::OUT + c::state::LENGTH,
        c::IN + c::state::NUMBER,
        c::IN + c::state::TIME,
        c::IN + c::state::SLOT,
        c::IN + c::state::COUNT,
        c::flag(Role::HeaderList),
        c::flag(Role::HeaderParent),
        c::flag(Role::AccountStorage),
        c::flag(Role::NodeList),
        c::flag(Role::KeyRest),
        c::flag(Role::Row),
        c::END,
        c::OWN_PATH,
        c::SELECTED,
        c::MATCH,
        c::TAKE,
        c::HEADER_END,
        c::GO_CHILD,
        c::ACCOUNT_DONE,
        c::IN + c::state::EMBEDDED,
        c::COMPARE,
        c::IN + c::state::HAS_VALUE,
    ]
}

/// Challenges and products of them, in the order of the columns.
#[derive(Clone, Copy, Debug)]
pub struct Powers {
    pub alpha: Ext,
    pub beta: Ext,
    /// `β·o`, o being the fingerprint of eight bytes ff.
    pub flag: Ext,
    /// `β²·o + 128·α^136`.
    pub tail: Ext,
    /// `β³`.
    pub cube: Ext,
    /// `α^136`.
    pub block: Ext,
}

impl Powers {
    /// From the challenges of the bus.
    pub fn new(challenges: Challenges) -> Self {
        let Challenges { alpha, beta } = challenges;
        let flag = beta * stream::fingerprint(alpha, &[255; 8]);
        let block = alpha.exp_u64(RATE_BYTES as u64);
        let tail = beta * flag + block * Ext::from(F::from_canonical_u64(128));
        Powers { alpha, beta, flag, tail, cube: beta.cube(), block }
    }

    /// In the order of the columns.
    pub fn columns(&self) -> [Ext; 6] {
        [self.alpha, self.beta, self.flag, self.tail, self.cube, self.block]
    }
}

/// Constraints of the row.
pub fn constraints<V: Value>(w: &[V], out: &mut Constraints<V>) {
    references(w, out);
    keys(w, out);
    rows(w, out);
    messages(w, out);
}

fn references<V: Value>(w: &[V], out: &mut Constraints<V>) {
    let at = |column: usize| Pair::at(w, column);
    let payload = at(PAYLOAD);
    out.define_pair(Rule::State, OUT + NEXT, w, payload.or(w[TAKE], at(IN + NEXT)));
    out.define_pair(Rule::State, OUT + STORAGE, w, payload.or(w[ACCOUNT_STORAGE], at(IN + STORAGE)));
    out.define_pair(Rule::ParentHash, OUT + HEADER, w, at(IN + EXPECTED).or(w[HEADER_END], at(IN + HEADER)));
    out.zero_pair(Rule::ParentHash, (payload - at(IN + HEADER)).by(w[HEADER_PARENT]));
    // a header's digest is a guess, checked by the next header's parent hash or the last hash
    let next = w[HEADER_END] + w[GO_CHILD];
    let storage = w[ACCOUNT_DONE] + w[ROW];
    let kept = at(IN + EXPECTED).by((next + storage).not());
    let expected = kept + at(OUT + NEXT).by(next) + at(OUT + STORAGE).by(storage);
    out.zero_pair(Rule::State, (at(OUT + EXPECTED) - expected).by(w[HEADER_LIST].not()));
}

fn keys<V: Value>(w: &[V], out: &mut Constraints<V>) {
    let at = |column: usize| Pair::at(w, column);
    let (key, own) = (at(IN + KEY), at(IN + OWN));
    let step = |from: Pair<V>| from * at(ADVANCE) + at(DIGITS);
    let held = own.by((w[NODE_LIST] + w[OWN_PATH]).not());
    let own_next = key.by(w[NODE_LIST]) + step(own).by(w[OWN_PATH]) + held;
    out.define_pair(Rule::State, OUT + OWN, w, own_next);
    let chosen = (key * at(ALPHA)).plus(w[COUNT]).by(w[SELECTED]);
    let rest = step(key).by(w[KEY_REST]);
    let held = key.by((w[SELECTED] + w[MATCH] + w[KEY_REST]).not());
    let next = chosen + rest + at(OUT + OWN).by(w[MATCH]) + held;
    out.define_pair(Rule::KeyMatch, KEY_NEXT, w, next);
    let restart = w[HEADER_END] + w[ACCOUNT_DONE] + w[ROW];
    out.define_pair(Rule::State, OUT + KEY, w, at(KEY_NEXT).by(restart.not()));
    out.zero_pair(Rule::KeyMatch, (at(KEY_NEXT) - at(ACCOUNT_KEY)).by(w[ACCOUNT_DONE]));
    let differ = (at(KEY_NEXT) - own) * at(INVERSE);
    out.zero_pair(Rule::Divergence, (differ - Pair::base(w[0].small(1))).by(w[COMPARE]));
}

fn rows<V: Value>(w: &[V], out: &mut Constraints<V>) {
    let at = |column: usize| Pair::at(w, column);
    let (beta, rows) = (at(BETA), at(IN + ROWS));
    let value = at(LAST_PAYLOAD).by(w[HAS_VALUE]);
    let block = at(CUBE) * at(ALPHA).by(w[SLOT]).plus(w[TIME]);
    let entry = value + beta * (at(IN + KEY) + beta.by(w[NUMBER])) + block;
    let next = (rows * at(BLOCK) + entry).or(w[ROW], rows);
    out.define_pair(Rule::RowStream, OUT + ROWS, w, next);
}

fn messages<V: Value>(w: &[V], out: &mut Constraints<V>) {
    let at = |column: usize| Pair::at(w, column);
    let one = w[0].small(1);
    let hashed = w[END] * w[EMBEDDED].not();
    let inline = w[END] * w[EMBEDDED];
    out.zero_pair(Rule::Inline, (at(FOLD) - at(IN + EXPECTED)).by(inline));
    let padding = &w[PADDING..PADDING + PADDING_BITS];
    let blocks = &w[BLOCKS..BLOCKS + BLOCK_BITS];
    padding.iter().chain(blocks).for_each(|bit| out.zero(Rule::Stream, bit.boolean()));
    let number = |bits: &[V]| bits.iter().copied().reduce(|sum, bit| sum.times(2) + bit).expect("bits");
    // length + (p - 1) + 1 = 136·((B - 1) + 1), p - 1 ≤ 135
    let rate = RATE_BYTES as u64;
    let excess = w[LENGTH] + number(padding) - number(blocks).times(rate) - w[0].small(rate - 1);
    out.zero(Rule::Stream, hashed * excess);
    out.zero(Rule::Stream, padding[0] * sum(one, padding[1..5].iter().copied()));
    let alpha = at(ALPHA);
    let unit = Pair::base(one);
    let factor = |power: Pair<V>, bit: V| (power - unit).by(bit) + unit;
    let mut ladder = factor(alpha * alpha, padding[0]) * factor(alpha, padding[1]);
    for (index, bit) in padding[2..].iter().enumerate() {
        let wire = LADDER + 2 * index;
        out.define_pair(Rule::Stream, wire, w, ladder);
        ladder = at(wire) * at(wire) * factor(alpha, *bit);
    }
    let wire = LADDER + 2 * (LADDER_STEPS - 1);
    out.define_pair(Rule::Stream, wire, w, ladder);
    let pad = at(wire);
    let stream = at(IN + STREAM);
    let moved = at(SHIFT) * pad * alpha * (stream + at(FLAG));
    let padded = at(BLOCK) * pad * (alpha * at(FOLD)).plus(one);
    let next = moved + padded + at(TAIL) + at(CUBE) * at(IN + EXPECTED);
    out.define_pair(Rule::Stream, OUT + STREAM, w, next.or(hashed, stream));
}

/// What the other rows give to this one.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    pub signals: [F; SIGNAL_COUNT],
    pub payload: Ext,
    pub digits: Ext,
    pub advance: Ext,
    pub fold: Ext,
    pub shift: Ext,
    pub last_payload: Ext,
    pub account_key: Ext,
    /// Digest of the header that starts here, where one does.
    pub header_digest: Ext,
}

/// The wires of a row after state `before`; definitions are computed by their rules.
pub fn fill(before: &[F; COLUMNS], powers: &Powers, inputs: &Inputs) -> [F; WIRES] {
    let mut w = [F::ZERO; WIRES];
    w[IN..IN + COLUMNS].copy_from_slice(before);
    let mut set = |column: usize, value: Ext| w[column..column + 2].copy_from_slice(&value.0);
    powers.columns().into_iter().enumerate().for_each(|(index, power)| set(POWERS + 2 * index, power));
    set(ACCOUNT_KEY, inputs.account_key);
    set(PAYLOAD, inputs.payload);
    set(DIGITS, inputs.digits);
    set(ADVANCE, inputs.advance);
    set(FOLD, inputs.fold);
    set(SHIFT, inputs.shift);
    set(LAST_PAYLOAD, inputs.last_payload);
    w[CONTROL..CONTROL + SIGNAL_COUNT].copy_from_slice(&inputs.signals);
    let length = w[LENGTH].to_canonical_u64();
    if w[END] == F::ONE && w[EMBEDDED] == F::ZERO && length < (RATE_BYTES << BLOCK_BITS) as u64 {
        let rate = RATE_BYTES as u64;
        let blocks = length / rate;
        let padding = rate * (blocks + 1) - length - 1;
        let bits = |value: u64, count: usize, k: usize| F::from_canonical_u64(value >> (count - 1 - k) & 1);
        (0..PADDING_BITS).for_each(|k| w[PADDING + k] = bits(padding, PADDING_BITS, k));
        (0..BLOCK_BITS).for_each(|k| w[BLOCKS + k] = bits(blocks, BLOCK_BITS, k));
    }
    loop {
        let mut out = Constraints::new(None);
        constraints(&w.map(Plain), &mut out);
        let changed = out.defined.iter().filter(|(column, value)| w[*column] != value.0).count();
        out.defined.iter().for_each(|(column, value)| w[*column] = value.0);
        if changed == 0 {
            break;
        }
    }
    let pair = |w: &[F; WIRES], column: usize| QuadraticExtension([w[column], w[column + 1]]);
    let storage = w[ACCOUNT_DONE] + w[ROW] == F::ONE;
    let expected = match w[HEADER_END] + w[GO_CHILD] == F::ONE {
        true => pair(&w, OUT + NEXT),
        false if storage => pair(&w, OUT + STORAGE),
        false if w[HEADER_LIST] == F::ONE => inputs.header_digest,
        false => pair(&w, IN + EXPECTED),
    };
    w[OUT + EXPECTED..OUT + EXPECTED + 2].copy_from_slice(&expected.0);
    let difference = pair(&w, KEY_NEXT) - pair(&w, IN + OWN);
    let inverse = difference.try_inverse().unwrap_or(Ext::ZERO);
    w[INVERSE..INVERSE + 2].copy_from_slice(&inverse.0);
    w
}
