//! Cutting columns out of slots (`docs/circuits/query.md`, "Columns").
//!
//! A register reads `width` bytes at byte `offset` of one of eight sources: the table's slots, and
//! one pseudo-slot with the block number in its lowest eight bytes and the timestamp above them.
//! Offset = 4·rotation + shift. Rotation moves whole limbs; shift and width become weights of the
//! bytes in a [`WindowGate`].

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};

use crate::gates::WindowGate;
use crate::table::{ColumnsTarget, MAX_COLUMNS, MAX_SLOTS};
use crate::uint::U256Target;
use crate::{Builder, F};

/// Places that a column id can name: power of two above the columns and the two block integers.
const COLUMN_IDS: usize = 16;
/// Places that a slot index can name.
const SOURCES: usize = 8;

/// How one register reads its source, the same for every row.
#[derive(Clone, Debug)]
pub struct Window {
    source: Target,
    rotation: Target,
    keep: [[Target; WindowGate::KEEP]; 8],
    pass: [[Target; WindowGate::PASS]; 8],
}

impl Window {
    /// The window of the column with `id`. About fifteen rows.
    pub fn new(b: &mut Builder, columns: &ColumnsTarget, id: Target) -> Self {
        let block = [[MAX_SLOTS as u64, 0, 8], [MAX_SLOTS as u64, 8, 8]];
        let field = |b: &mut Builder, part: usize| {
            let mut list: Vec<Target> = columns.columns.iter().map(|c| [c.slot, c.offset, c.width][part]).collect();
            debug_assert_eq!(list.len(), MAX_COLUMNS);
            list.extend(block.map(|entry| b.constant(F::from_canonical_u64(entry[part]))));
            list.resize(COLUMN_IDS, b.zero());
            b.random_access(id, list)
        };
        let [source, offset, width] = [field(b, 0), field(b, 1), field(b, 2)];

        let bits = b.split_le(offset, 5);
        let shift = b.le_sum(bits[..2].iter());
        let rotation = b.le_sum(bits[2..].iter());
        let end = b.add(shift, width);
        let inside = thermometer(b, end);
        let shifts = two_bit_one_hot(b, bits[0], bits[1]);
        // Byte i of a limb moves down by `shift` bytes: it stays in its limb, or passes to the
        // limb below.
        let power = |b: &mut Builder, pairs: Vec<(usize, u32)>| {
            let zero = b.zero();
            pairs
                .into_iter()
                .fold(zero, |acc, (t, bytes)| b.mul_const_add(F::from_canonical_u64(1 << (8 * bytes)), shifts[t], acc))
        };
        let stay: [Target; WindowGate::KEEP] =
            std::array::from_fn(|i| power(b, (0..=i).map(|t| (t, (i - t) as u32)).collect()));
        let leave: [Target; WindowGate::PASS] =
            std::array::from_fn(|i| power(b, (i + 1..4).map(|t| (t, (i + 4 - t) as u32)).collect()));
        let keep = std::array::from_fn(|j| std::array::from_fn(|i| b.mul(inside[4 * j + i], stay[i])));
        let pass = std::array::from_fn(|j| std::array::from_fn(|i| b.mul(inside[4 * j + i], leave[i])));
        Window { source, rotation, keep, pass }
    }

    /// Reads the register from a row's sources. Four rows.
    pub fn read(&self, b: &mut Builder, sources: &[U256Target; MAX_SLOTS + 1]) -> U256Target {
        let zero = b.zero();
        let limbs: U256Target = std::array::from_fn(|k| {
            let mut list: Vec<Target> = sources.iter().map(|source| source[k]).collect();
            list.resize(SOURCES, zero);
            b.random_access(self.source, list)
        });
        let mut carry = zero;
        let mut out = [zero; 8];
        for j in (0..8).rev() {
            let list = (0..8).map(|k| limbs[(j + k) % 8]).collect();
            let limb = b.random_access(self.rotation, list);
            (out[j], carry) = self.step(b, j, limb, carry);
        }
        out
    }

    /// One limb through the window gate: returns (output, carry to the limb below).
    fn step(&self, b: &mut Builder, j: usize, limb: Target, carry: Target) -> (Target, Target) {
        let (row, op) = b.find_slot(WindowGate, &[], &[]);
        let mut connect = |target, wire| b.connect(target, Target::wire(row, wire));
        connect(limb, WindowGate::limb(op));
        (0..WindowGate::KEEP).for_each(|i| connect(self.keep[j][i], WindowGate::keep(op, i)));
        (0..WindowGate::PASS).for_each(|i| connect(self.pass[j][i], WindowGate::pass(op, i)));
        connect(carry, WindowGate::carry_in(op));
        (Target::wire(row, WindowGate::output(op)), Target::wire(row, WindowGate::carry_out(op)))
    }
}

/// `out[p] = 1` for p < `end`, else 0; `end` is constrained to 0..=32.
fn thermometer(b: &mut Builder, end: Target) -> [Target; 32] {
    let equal: Vec<BoolTarget> = (0..=32)
        .map(|p| {
            let p = b.constant(F::from_canonical_u64(p));
            b.is_equal(end, p)
        })
        .collect();
    let mut above = b.one();
    let out = std::array::from_fn(|p| {
        above = b.sub(above, equal[p].target);
        above
    });
    // Exactly one of the 33 equalities holds.
    b.connect(above, equal[32].target);
    out
}

/// One-hot form of `low + 2·high`.
fn two_bit_one_hot(b: &mut Builder, low: BoolTarget, high: BoolTarget) -> [Target; 4] {
    let both = b.and(low, high).target;
    let one = b.sub(low.target, both);
    let two = b.sub(high.target, both);
    let some = b.add(low.target, two);
    let none = b.not(BoolTarget::new_unsafe(some)).target;
    [none, one, two, both]
}
