//! The first row of a step: a window of bytes, its length, and what folds of it.
//!
//! Bytes stand at the end of the window with zeros before them; a one-hot start marks the first.
//! Everything that depends on the challenge α is a function of the committed bytes and start.

use plonky2::field::types::Field;

use super::rule::Rule;
use super::value::{Constraints, Pair, Value, sum};
use crate::F;
use crate::extract::step::{NIBBLE_BYTES, Step, WINDOW};
use crate::keccak::extension::Ext;

/// Field elements that a step's bytes and choices are packed into for the commitment.
pub const PACKED: usize = 5;
/// Bytes in one packed element.
pub const PACKED_BYTES: usize = 7;
/// First column of the byte window.
pub const BYTE: usize = 0;
/// High nibbles of the last [`NIBBLE_BYTES`] bytes; the lookup gives them.
pub const HIGH: usize = BYTE + WINDOW;
/// Challenge α.
pub const ALPHA: usize = HIGH + NIBBLE_BYTES;
/// Number of bytes.
pub const LENGTH: usize = ALPHA + 2;
/// The first byte.
pub const FIRST: usize = LENGTH + 1;
/// The second byte.
pub const SECOND: usize = FIRST + 1;
/// The last eight bytes as an integer, without the first byte when the item is prefixed.
pub const INTEGER: usize = SECOND + 1;
/// Whether there is exactly one byte.
pub const ONE: usize = INTEGER + 1;
/// Whether there are exactly two bytes.
pub const TWO: usize = ONE + 1;
/// Bytes, start and choices for the commitment.
pub const PACKS: usize = TWO + 1;
/// Choices as an integer, from the control row.
pub const CODE: usize = PACKS + PACKED;
/// From the control row: every byte is 0x80.
pub const RUN: usize = CODE + 1;
/// From the control row: the first byte is no payload.
pub const PREFIXED: usize = RUN + 1;
/// From the control row: only the low nibble of the last byte counts as digit.
pub const ODD: usize = PREFIXED + 1;
/// From the control row: a message starts.
pub const START: usize = ODD + 1;
/// Message fingerprint before and after this step.
pub const FOLD_IN: usize = START + 1;
pub const FOLD: usize = FOLD_IN + 2;
/// α to the number of message bytes, before and after.
pub const SHIFT_IN: usize = FOLD + 2;
pub const SHIFT: usize = SHIFT_IN + 2;
/// Fingerprint of the bytes without a prefix.
pub const PAYLOAD: usize = SHIFT + 2;
/// Fold of the nibbles.
pub const DIGITS: usize = PAYLOAD + 2;
/// α to the number of nibbles.
pub const ADVANCE: usize = DIGITS + 2;
/// One-hot start; the last two entries are [`TWO`] and [`ONE`].
const STARTS: usize = ADVANCE + 2;
/// α^6.
const SIXTH: usize = STARTS + WINDOW - 2;
/// Partial folds of the bytes, seven at a time.
const PARTS: usize = SIXTH + 2;
const PART_COUNT: usize = 4;
/// α to the place of the start, by multiples of six and the rest.
const COARSE: usize = PARTS + 2 * PART_COUNT;
const FINE: usize = COARSE + 2;
/// Fold of the nibbles of the first six of the last twelve bytes.
const UPPER_DIGITS: usize = FINE + 2;
/// Fold of the nibbles of all twelve.
const ALL_DIGITS: usize = UPPER_DIGITS + 2;
/// Wires in all.
pub const WIRES: usize = ALL_DIGITS + 2;
/// Highest degree of a constraint.
pub const DEGREE: usize = 7;

/// Column of start `k` (the item starts at window byte `k`).
pub const fn start_column(k: usize) -> usize {
    if k == WINDOW - 1 {
        ONE
    } else if k == WINDOW - 2 {
        TWO
    } else {
        STARTS + k
    }
}

/// Constraints of the row.
pub fn constraints<V: Value>(w: &[V], out: &mut Constraints<V>) {
    let one = w[0].small(1);
    let bytes = &w[BYTE..BYTE + WINDOW];
    let starts: Vec<V> = (0..WINDOW).map(|k| w[start_column(k)]).collect();
    let active = sum(one, starts.iter().copied());
    starts.iter().for_each(|start| out.zero(Rule::Window, start.boolean()));
    out.zero(Rule::Window, active.boolean());
    // nothing before the start; a run is 0x80 from the start on
    let mut started = one.small(0);
    for (byte, start) in bytes.iter().zip(&starts) {
        started = started + *start;
        out.zero(Rule::Window, *byte * started.not());
        out.zero(Rule::EmptyRun, w[RUN] * (*byte - started.times(0x80)));
    }
    let length = sum(one, starts.iter().enumerate().map(|(k, start)| start.times((WINDOW - k) as u64)));
    out.zero(Rule::Window, w[LENGTH] - length);
    out.zero(Rule::Window, w[FIRST] - sum(one, (0..WINDOW).map(|k| starts[k] * bytes[k])));
    out.zero(Rule::Window, w[SECOND] - sum(one, (0..WINDOW - 1).map(|k| starts[k] * bytes[k + 1])));
    let integer = (WINDOW - 8..WINDOW).map(|k| {
        let payload = bytes[k] * (w[PREFIXED] * starts[k]).not();
        payload.scale(F::from_canonical_u64(1 << (8 * (WINDOW - 1 - k))))
    });
    out.zero(Rule::Window, w[INTEGER] - sum(one, integer));
    for (index, chunk) in bytes.chunks(PACKED_BYTES).enumerate() {
        let mut packed = pack(one, chunk.iter().copied());
        if index + 1 == PACKED {
            packed = packed + (length + w[CODE].times(64)).times(1 << (8 * chunk.len()));
        }
        out.zero(Rule::Commitment, w[PACKS + index] - packed);
    }
    folds(w, &starts, active, out);
}

/// What depends on α.
fn folds<V: Value>(w: &[V], starts: &[V], active: V, out: &mut Constraints<V>) {
    let one = w[0].small(1);
    let alpha = Pair::at(w, ALPHA);
    let sixth = Pair::at(w, SIXTH);
    let mut powers = vec![Pair::base(one), alpha];
    for _ in 2..6 {
        powers.push(powers[powers.len() - 1] * alpha);
    }
    out.zero_pair(Rule::Fold, sixth - powers[5] * alpha);
    powers.push(sixth);
    let horner = |values: &[V]| {
        let terms = values.iter().rev().zip(&powers).map(|(value, power)| power.by(*value));
        terms.reduce(|x, y| x + y).expect("at least one value")
    };
    // fingerprint of the window: four parts of seven bytes, then five
    let bytes = &w[BYTE..BYTE + WINDOW];
    let mut fold: Option<Pair<V>> = None;
    for (index, part) in bytes[..7 * PART_COUNT].chunks(7).enumerate() {
        let own = horner(part);
        let value = fold.map_or(own, |before| before * sixth * alpha + own);
        let wire = Pair::at(w, PARTS + 2 * index);
        out.zero_pair(Rule::Fold, wire - value);
        fold = Some(wire);
    }
    let last = Pair::at(w, PARTS + 2 * (PART_COUNT - 1));
    let window = last * powers[5] + horner(&bytes[7 * PART_COUNT..]);
    // α^{length-1} for a start: exponent 32 - k = 6q + r
    let exponent = |k: usize| WINDOW - 1 - k;
    let pick = |choose: &dyn Fn(usize) -> bool| sum(one, (0..WINDOW).filter(|k| choose(*k)).map(|k| starts[k]));
    let mut coarse = Pair::base(pick(&|k| exponent(k) / 6 == 5));
    for q in (0..5).rev() {
        coarse = (coarse * sixth).plus(pick(&|k| exponent(k) / 6 == q));
    }
    let fine = (0..6).map(|r| powers[r].by(pick(&|k| exponent(k) % 6 == r))).reduce(|x, y| x + y);
    let (coarse_wire, fine_wire) = (Pair::at(w, COARSE), Pair::at(w, FINE));
    out.zero_pair(Rule::Fold, coarse_wire - coarse);
    out.zero_pair(Rule::Fold, fine_wire - fine.expect("six powers"));
    let place = coarse_wire * fine_wire;
    let advance = (place * alpha).plus(active.not());
    // the message so far
    let keep = w[START].not();
    let before = Pair::at(w, FOLD_IN).by(keep);
    out.zero_pair(Rule::Fold, Pair::at(w, FOLD) - (before * advance + window));
    let shift = Pair::at(w, SHIFT_IN).by(keep).plus(w[START]);
    out.zero_pair(Rule::Fold, Pair::at(w, SHIFT) - shift * advance);
    let prefix = place.by(w[PREFIXED] * w[FIRST]);
    out.zero_pair(Rule::Fold, Pair::at(w, PAYLOAD) - (window - prefix));
    // nibbles: a byte is h·α + (b - 16h), two digits of base α
    let digit = |k: usize| {
        let (byte, high) = (bytes[WINDOW - NIBBLE_BYTES + k], w[HIGH + k]);
        alpha.by(high).plus(byte - high.times(16))
    };
    let square = |j: usize| powers[2 * (j % 3)];
    let half = |first: usize| {
        let terms = (0..6).map(|j| {
            let value = digit(first + 5 - j) * square(j);
            if j < 3 { value } else { value * sixth }
        });
        terms.reduce(|x, y| x + y).expect("six bytes")
    };
    let upper = Pair::at(w, UPPER_DIGITS);
    out.zero_pair(Rule::Fold, upper - half(0));
    let all = Pair::at(w, ALL_DIGITS);
    out.zero_pair(Rule::Fold, all - (upper * sixth * sixth + half(6)));
    let low = Pair::base(bytes[WINDOW - 1] - w[HIGH + NIBBLE_BYTES - 1].times(16));
    out.zero_pair(Rule::Fold, Pair::at(w, DIGITS) - low.or(w[ODD], all));
    out.zero_pair(Rule::Fold, Pair::at(w, ADVANCE) - alpha.or(w[ODD], advance * advance));
}

fn pack<V: Value>(one: V, bytes: impl Iterator<Item = V>) -> V {
    sum(one, bytes.enumerate().map(|(k, byte)| byte.times(1 << (8 * k))))
}

/// Signals of the control row that the window needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals {
    pub code: u64,
    pub run: bool,
    pub prefixed: bool,
    pub odd: bool,
    pub start: bool,
}

/// The wires that do not depend on α.
pub fn fill_bytes(step: &Step, signals: &Signals) -> [F; WIRES] {
    let mut w = [F::ZERO; WIRES];
    let item = step.bytes();
    let from = WINDOW - item.len();
    for (k, byte) in item.iter().enumerate() {
        w[BYTE + from + k] = F::from_canonical_u8(*byte);
    }
    if !item.is_empty() {
        w[start_column(from)] = F::ONE;
    }
    for k in 0..NIBBLE_BYTES {
        let byte = (WINDOW - NIBBLE_BYTES + k).checked_sub(from).map_or(0, |index| item[index]);
        w[HIGH + k] = F::from_canonical_u8(byte >> 4);
    }
    let byte = |index: usize| F::from_canonical_u8(item.get(index).copied().unwrap_or(0));
    w[LENGTH] = F::from_canonical_usize(item.len());
    (w[FIRST], w[SECOND]) = (byte(0), byte(1));
    let skip = usize::from(signals.prefixed);
    let digits = item.iter().enumerate().skip(item.len().saturating_sub(8).max(skip));
    w[INTEGER] = digits.fold(F::ZERO, |sum, (_, byte)| sum * F::from_canonical_u64(256) + F::from_canonical_u8(*byte));
    w[CODE] = F::from_canonical_u64(signals.code);
    let window = w;
    for index in 0..PACKED {
        let chunk = &window[BYTE + PACKED_BYTES * index..(BYTE + PACKED_BYTES * (index + 1)).min(BYTE + WINDOW)];
        let tail = if index + 1 == PACKED { item.len() as u64 + 64 * signals.code } else { 0 };
        let shift = F::from_canonical_u64(256);
        w[PACKS + index] = chunk.iter().rev().fold(F::from_canonical_u64(tail), |sum, byte| sum * shift + *byte);
    }
    w[RUN] = F::from_bool(signals.run);
    w[PREFIXED] = F::from_bool(signals.prefixed);
    w[ODD] = F::from_bool(signals.odd);
    w[START] = F::from_bool(signals.start);
    w
}

/// What the window carries from step to step.
#[derive(Clone, Copy, Debug)]
pub struct Carry {
    pub fold: Ext,
    pub shift: Ext,
}

/// The wires that depend on α, after [`fill_bytes`]. Returns payload, digits and advance as well.
pub fn fill_folds(w: &mut [F; WIRES], alpha: Ext, carry: &mut Carry) {
    let set = |w: &mut [F; WIRES], column: usize, value: Ext| {
        w[column..column + 2].copy_from_slice(&value.0);
    };
    let horner = |values: &[F], first: Ext| values.iter().fold(first, |sum, value| sum * alpha + Ext::from(*value));
    let sixth = alpha.exp_u64(6);
    set(w, ALPHA, alpha);
    set(w, SIXTH, sixth);
    let mut fold = Ext::ZERO;
    for index in 0..PART_COUNT {
        fold = horner(&w[BYTE + 7 * index..BYTE + 7 * index + 7], fold);
        set(w, PARTS + 2 * index, fold);
    }
    let window = horner(&w[BYTE + 7 * PART_COUNT..BYTE + WINDOW], fold);
    let start = (0..WINDOW).find(|k| w[start_column(*k)] == F::ONE);
    let exponent = start.map(|k| (WINDOW - 1 - k) as u64);
    let power = |of: &dyn Fn(u64) -> u64| exponent.map_or(Ext::ZERO, |e| alpha.exp_u64(of(e)));
    set(w, COARSE, power(&|e| e / 6 * 6));
    set(w, FINE, power(&|e| e % 6));
    let place = power(&|e| e);
    let advance = exponent.map_or(Ext::ONE, |e| alpha.exp_u64(e + 1));
    set(w, FOLD_IN, carry.fold);
    set(w, SHIFT_IN, carry.shift);
    let start = w[START] == F::ONE;
    let before = if start { Carry { fold: Ext::ZERO, shift: Ext::ONE } } else { *carry };
    *carry = Carry { fold: before.fold * advance + window, shift: before.shift * advance };
    set(w, FOLD, carry.fold);
    set(w, SHIFT, carry.shift);
    set(w, PAYLOAD, window - place * Ext::from(w[PREFIXED] * w[FIRST]));
    let digits = |w: &[F; WIRES], first: usize, count: usize| {
        (first..first + count).fold(Ext::ZERO, |sum, k| {
            let (byte, high) = (w[BYTE + WINDOW - NIBBLE_BYTES + k], w[HIGH + k]);
            (sum * alpha + Ext::from(high)) * alpha + Ext::from(byte - high * F::from_canonical_u64(16))
        })
    };
    set(w, UPPER_DIGITS, digits(w, 0, 6));
    set(w, ALL_DIGITS, digits(w, 0, NIBBLE_BYTES));
    let odd = w[ODD] == F::ONE;
    let low = Ext::from(w[BYTE + WINDOW - 1] - w[HIGH + NIBBLE_BYTES - 1] * F::from_canonical_u64(16));
    set(w, DIGITS, if odd { low } else { digits(w, 0, NIBBLE_BYTES) });
    set(w, ADVANCE, if odd { alpha } else { advance * advance });
}
