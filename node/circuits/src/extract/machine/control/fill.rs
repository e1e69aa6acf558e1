//! The wires of a control row, natively.

use plonky2::field::types::{Field, PrimeField64};

use super::state::{COLUMNS, ROLE};
use super::*;
use crate::F;
use crate::extract::machine::value::{Constraints, Plain};
use crate::extract::step::{Choices, NIBBLE_BYTES, Step};

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
