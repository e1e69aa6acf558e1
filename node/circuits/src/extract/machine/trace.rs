//! The wires of all steps, filled natively.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::{Field, PrimeField64};

use super::gate::Row;
use super::rule::Rule;
use super::{control, thread, window};
use crate::F;
use crate::extract::role::Role;
use crate::extract::step::{Choices, Step};
use crate::keccak::extension::Ext;

/// What the machine starts from and ends in besides its steps.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Number of the first block.
    pub first: u64,
    /// Slots of the table.
    pub slots: u64,
}

/// Values that are known once the challenges are.
#[derive(Clone, Debug)]
pub struct Threads<'a> {
    pub powers: thread::Powers,
    /// Fold of the account key's nibbles.
    pub account_key: Ext,
    /// The stream after the key messages.
    pub stream: Ext,
    /// Fingerprint of the hash before the first block.
    pub hash_before: Ext,
    /// Fingerprints of the headers' hashes.
    pub headers: &'a [Ext],
}

/// Wires of every step.
#[derive(Clone, Debug)]
pub struct Trace {
    pub windows: Vec<[F; window::WIRES]>,
    pub controls: Vec<[F; control::WIRES]>,
    pub threads: Vec<[F; thread::WIRES]>,
}

impl Trace {
    /// Everything that does not depend on challenges; `steps` are followed by idle ones up to `count`.
    pub fn new(steps: &[Step], count: usize, ends: &Ends) -> Self {
        Trace::adjusted(steps, count, ends, |_, _| {})
    }

    /// As [`Trace::new`]; `adjust` sees the control row of every step and may change what it hands on.
    pub fn adjusted(
        steps: &[Step],
        count: usize,
        ends: &Ends,
        adjust: impl Fn(usize, &mut [F; control::WIRES]),
    ) -> Self {
        let mut state = [F::ZERO; control::state::COLUMNS];
        state[control::state::ROLE] = F::from_canonical_u8(Role::HeaderList as u8);
        state[control::state::NUMBER] = F::from_canonical_u64(ends.first) - F::ONE;
        let idle = Step::new(Role::Idle, &[], Choices::default());
        let mut trace = Trace { windows: vec![], controls: vec![], threads: vec![] };
        for step in steps.iter().chain(std::iter::repeat(&idle)).take(count) {
            let reading = control::Reading::of(step);
            let role = Role::ALL.get(state[control::state::ROLE].to_canonical_u64() as usize).copied();
            let mut signals = window::Signals { prefixed: reading.prefixed(role), ..Default::default() };
            let integer = window::fill_bytes(step, &signals)[window::INTEGER];
            let mut w = control::fill(&state, &reading, integer, ends.slots);
            adjust(trace.controls.len(), &mut w);
            signals.code = w[control::CODE].to_canonical_u64();
            signals.run = w[control::RUN] == F::ONE;
            signals.odd = w[control::ODD] == F::ONE;
            signals.start = w[control::START] == F::ONE;
            trace.windows.push(window::fill_bytes(step, &signals));
            trace.controls.push(w);
            state.copy_from_slice(&w[control::OUT..control::OUT + control::state::COLUMNS]);
        }
        trace
    }

    /// Packed bytes and choices, in the order in which they are committed.
    pub fn packs(&self) -> Vec<F> {
        let packs = |w: &[F; window::WIRES]| w[window::PACKS..window::PACKS + window::PACKED].to_vec();
        self.windows.iter().flat_map(packs).collect()
    }

    /// Everything that depends on challenges.
    pub fn fill_threads(&mut self, known: &Threads<'_>) {
        let alpha = known.powers.alpha;
        let mut carry = window::Carry { fold: Ext::ZERO, shift: Ext::ZERO };
        let mut state = [F::ZERO; thread::state::COLUMNS];
        let mut set = |column: usize, value: Ext| {
            state[column..column + 2].copy_from_slice(&value.0);
        };
        set(thread::state::HEADER, known.hash_before);
        set(thread::state::STREAM, known.stream);
        let mut headers = known.headers.iter();
        let mut last_payload = Ext::ZERO;
        let columns = thread::signals();
        self.threads.clear();
        for (w, c) in self.windows.iter_mut().zip(&self.controls) {
            window::fill_folds(w, alpha, &mut carry);
            let pair = |column: usize| QuadraticExtension([w[column], w[column + 1]]);
            let starts = c[control::flag(Role::HeaderList)] == F::ONE;
            let header = if starts { headers.next().copied() } else { None };
            let inputs = thread::Inputs {
                signals: columns.map(|column| c[column]),
                payload: pair(window::PAYLOAD),
                digits: pair(window::DIGITS),
                advance: pair(window::ADVANCE),
                fold: pair(window::FOLD),
                shift: pair(window::SHIFT),
                last_payload,
                account_key: known.account_key,
                header_digest: header.unwrap_or(Ext::ZERO),
            };
            last_payload = inputs.payload;
            let t = thread::fill(&state, &known.powers, &inputs);
            state.copy_from_slice(&t[thread::OUT..thread::OUT + thread::state::COLUMNS]);
            self.threads.push(t);
        }
    }

    /// Columns of a state element after the last step.
    pub fn last_thread(&self, column: usize) -> Ext {
        let t = &self.threads[self.threads.len() - 1];
        QuadraticExtension([t[thread::OUT + column], t[thread::OUT + column + 1]])
    }

    /// A state column after the last step.
    pub fn last_control(&self, column: usize) -> F {
        self.controls[self.controls.len() - 1][control::OUT + column]
    }

    /// The first constraint that does not hold: step, row and rule.
    pub fn first_violation(&self) -> Option<(usize, Row, Rule)> {
        (0..self.windows.len())
            .flat_map(|step| Row::ALL.map(|row| (step, row)))
            .find_map(|(step, row)| row.violations(self.row(step, row)).first().map(|rule| (step, row, *rule)))
    }

    /// Rules of all constraints that do not hold, in order.
    pub fn violations(&self) -> Vec<Rule> {
        let rows = (0..self.windows.len()).flat_map(|step| Row::ALL.map(|row| (step, row)));
        rows.flat_map(|(step, row)| row.violations(self.row(step, row))).collect()
    }

    fn row(&self, step: usize, row: Row) -> &[F] {
        match row {
            Row::Window => &self.windows[step],
            Row::Control => &self.controls[step],
            Row::Thread => &self.threads[step],
        }
    }
}
