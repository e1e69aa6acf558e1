//! The machine's rows in a circuit: which wires are one and the same.

use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

use super::gate::{Row, RowGate};
use super::rule::Rule;
use super::trace::Trace;
use super::{control, thread, window};
use crate::extract::role::Role;
use crate::extract::step::{NIBBLE_BYTES, WINDOW};
use crate::{Builder, D, F};

/// The rows of all steps.
#[derive(Clone, Debug)]
pub struct MachineTarget {
    /// Row indices of window, control and thread of each step.
    rows: Vec<[usize; 3]>,
}

/// What every step has in common.
#[derive(Clone, Debug)]
pub struct Shared {
    /// [`thread::Powers`] in the order of the columns.
    pub powers: [ExtensionTarget<D>; 6],
    pub account_key: ExtensionTarget<D>,
}

impl MachineTarget {
    /// Adds `steps` steps. `bytes` is a lookup table from a byte to its high nibble.
    pub fn new(b: &mut Builder, steps: usize, bytes: usize, without: Option<Rule>) -> Self {
        let mut rows: Vec<[usize; 3]> = vec![];
        for _ in 0..steps {
            let own = Row::ALL.map(|row| b.add_gate(RowGate::without(row, without), vec![]));
            let at = |row: Row, column: usize| Target::wire(own[row as usize], column);
            within(b, &own);
            if without != Some(Rule::ByteRange) {
                for k in 0..WINDOW {
                    let high = b.add_lookup_from_index(at(Row::Window, window::BYTE + k), bytes);
                    if let Some(nibble) = (k + NIBBLE_BYTES).checked_sub(WINDOW) {
                        b.connect(high, at(Row::Window, window::HIGH + nibble));
                    }
                }
                b.add_lookup_from_index(at(Row::Control, control::BOUND), bytes);
            }
            if let Some(before) = rows.last() {
                between(b, before, &own);
            }
            rows.push(own);
        }
        MachineTarget { rows }
    }

    /// Packed bytes and choices, in the order in which they are committed.
    pub fn packs(&self) -> Vec<Target> {
        let packs = |rows: &[usize; 3]| {
            let row = rows[Row::Window as usize];
            (0..window::PACKED).map(move |index| Target::wire(row, window::PACKS + index))
        };
        self.rows.iter().flat_map(packs).collect()
    }

    /// Whether a target is a byte of a window.
    #[cfg(test)]
    pub fn is_byte(&self, target: Target) -> bool {
        let windows = self.rows.iter().map(|rows| rows[Row::Window as usize]);
        matches!(target, Target::Wire(wire) if wire.column < window::BYTE + WINDOW && windows.clone().any(|row| row == wire.row))
    }

    /// Gives every step the challenges, the account key and the number of slots.
    pub fn share(&self, b: &mut Builder, shared: &Shared, slots: Target) {
        for own in &self.rows {
            let [window_row, control_row, thread_row] = *own;
            b.connect_extension(shared.powers[0], pair(window_row, window::ALPHA));
            for (index, power) in shared.powers.iter().enumerate() {
                b.connect_extension(*power, pair(thread_row, thread::POWERS + 2 * index));
            }
            b.connect_extension(shared.account_key, pair(thread_row, thread::ACCOUNT_KEY));
            b.connect(slots, Target::wire(control_row, control::SLOTS));
        }
    }

    /// A state column before the first step.
    pub fn first_control(&self, column: usize) -> Target {
        Target::wire(self.rows[0][Row::Control as usize], control::IN + column)
    }

    /// A state column after the last step.
    pub fn last_control(&self, column: usize) -> Target {
        Target::wire(self.rows[self.rows.len() - 1][Row::Control as usize], control::OUT + column)
    }

    /// A state element before the first step.
    pub fn first_thread(&self, column: usize) -> ExtensionTarget<D> {
        pair(self.rows[0][Row::Thread as usize], thread::IN + column)
    }

    /// A state element after the last step.
    pub fn last_thread(&self, column: usize) -> ExtensionTarget<D> {
        pair(self.rows[self.rows.len() - 1][Row::Thread as usize], thread::OUT + column)
    }

    /// Fixes what a chunk starts and ends in: the role and everything that is zero.
    pub fn bound(&self, b: &mut Builder) {
        let zero = b.zero();
        for column in 0..control::state::COLUMNS {
            match column {
                control::state::ROLE => {
                    let first = b.constant(plonky2::field::types::Field::from_canonical_u8(Role::HeaderList as u8));
                    b.connect(self.first_control(column), first);
                    b.connect(self.last_control(column), zero);
                }
                control::state::NUMBER => {}
                _ => b.connect(self.first_control(column), zero),
            }
        }
        let first = self.rows[0];
        let none = b.zero_extension();
        for column in (0..thread::state::COLUMNS).step_by(2) {
            if !matches!(column, thread::state::HEADER | thread::state::STREAM) {
                b.connect_extension(self.first_thread(column), none);
            }
        }
        b.connect_extension(pair(first[Row::Thread as usize], thread::LAST_PAYLOAD), none);
        for column in [window::FOLD_IN, window::SHIFT_IN] {
            b.connect_extension(pair(first[Row::Window as usize], column), none);
        }
    }

    /// Sets every wire.
    ///
    /// # Errors
    /// When a wire was set to another value before.
    pub fn set_witness(&self, pw: &mut PartialWitness<F>, trace: &Trace) -> anyhow::Result<()> {
        for (step, rows) in self.rows.iter().enumerate() {
            let values: [&[F]; 3] = [&trace.windows[step], &trace.controls[step], &trace.threads[step]];
            for (row, values) in rows.iter().zip(values) {
                for (column, value) in values.iter().enumerate() {
                    pw.set_target(Target::wire(*row, column), *value)?;
                }
            }
        }
        Ok(())
    }
}

fn pair(row: usize, column: usize) -> ExtensionTarget<D> {
    ExtensionTarget([Target::wire(row, column), Target::wire(row, column + 1)])
}

/// Wires that the rows of one step share.
fn within(b: &mut Builder, own: &[usize; 3]) {
    let at = |row: Row, column: usize| Target::wire(own[row as usize], column);
    let control_window = [
        (control::WINDOW_LENGTH, window::LENGTH),
        (control::FIRST, window::FIRST),
        (control::SECOND, window::SECOND),
        (control::INTEGER, window::INTEGER),
        (control::ONE, window::ONE),
        (control::TWO, window::TWO),
        (control::LAST_BYTE, window::BYTE + WINDOW - 1),
        (control::LAST_HIGH, window::HIGH + NIBBLE_BYTES - 1),
        (control::CODE, window::CODE),
        (control::RUN, window::RUN),
        (control::PREFIXED, window::PREFIXED),
        (control::ODD, window::ODD),
        (control::START, window::START),
    ];
    for (control, window) in control_window {
        b.connect(at(Row::Control, control), at(Row::Window, window));
    }
    let thread_window = [
        (thread::PAYLOAD, window::PAYLOAD),
        (thread::DIGITS, window::DIGITS),
        (thread::ADVANCE, window::ADVANCE),
        (thread::FOLD, window::FOLD),
        (thread::SHIFT, window::SHIFT),
    ];
    for (thread, window) in thread_window {
        for part in 0..2 {
            b.connect(at(Row::Thread, thread + part), at(Row::Window, window + part));
        }
    }
    for (index, control) in thread::signals().into_iter().enumerate() {
        b.connect(at(Row::Thread, thread::CONTROL + index), at(Row::Control, control));
    }
}

/// Wires that a step takes over from the one before.
fn between(b: &mut Builder, before: &[usize; 3], own: &[usize; 3]) {
    let mut carry = |row: Row, from: usize, to: usize, count: usize| {
        for k in 0..count {
            let from = Target::wire(before[row as usize], from + k);
            b.connect(from, Target::wire(own[row as usize], to + k));
        }
    };
    carry(Row::Control, control::OUT, control::IN, control::state::COLUMNS);
    carry(Row::Thread, thread::OUT, thread::IN, thread::state::COLUMNS);
    carry(Row::Window, window::FOLD, window::FOLD_IN, 2);
    carry(Row::Window, window::SHIFT, window::SHIFT_IN, 2);
    for part in 0..2 {
        let from = Target::wire(before[Row::Window as usize], window::PAYLOAD + part);
        b.connect(from, Target::wire(own[Row::Thread as usize], thread::LAST_PAYLOAD + part));
    }
}
