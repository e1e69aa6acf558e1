//! Work units, job classes and prices.

use std::fmt;

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

/// One CPU-second of the reference calibration job (protocol §1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkUnits(pub u64);

/// Wei for one work unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeiPerUnit(pub U256);

/// A price times its units does not fit in 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{units} units at {price} wei each exceed 256 bits")]
pub struct PriceOverflow {
    pub units: WorkUnits,
    pub price: WeiPerUnit,
}

impl WeiPerUnit {
    /// Price of a job in wei. Units are integers, so nothing is rounded.
    ///
    /// # Errors
    /// [`PriceOverflow`] when the product leaves 256 bits.
    pub fn times(self, units: WorkUnits) -> Result<U256, PriceOverflow> {
        self.0.checked_mul(U256::from(units.0)).ok_or(PriceOverflow { units, price: self })
    }
}

impl WorkUnits {
    /// Sum of units; `None` past 64 bits.
    pub fn sum(units: impl IntoIterator<Item = WorkUnits>) -> Option<WorkUnits> {
        units.into_iter().try_fold(0u64, |sum, unit| sum.checked_add(unit.0)).map(WorkUnits)
    }
}

impl fmt::Display for WorkUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for WeiPerUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a job needs at its peak; a prover announces the classes it can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Class {
    /// At most 2 GiB.
    Small = 0,
    /// At most 6 GiB.
    Medium = 1,
    /// At most 10 GiB.
    Large = 2,
}

impl Class {
    /// All classes, in numeric order.
    pub const ALL: [Class; 3] = [Class::Small, Class::Medium, Class::Large];

    /// Upper bound of peak memory, in bytes.
    pub const fn memory_bytes(self) -> u64 {
        match self {
            Class::Small => 2 << 30,
            Class::Medium => 6 << 30,
            Class::Large => 10 << 30,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Small => "small",
            Class::Medium => "medium",
            Class::Large => "large",
        })
    }
}

/// A number that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown job class {0}; known classes are 0 (small), 1 (medium), 2 (large)")]
pub struct UnknownClass(pub u8);

impl TryFrom<u8> for Class {
    type Error = UnknownClass;

    fn try_from(value: u8) -> Result<Self, UnknownClass> {
        Class::ALL.into_iter().find(|class| *class as u8 == value).ok_or(UnknownClass(value))
    }
}

/// A set of classes as a bit mask: bit `n` is class `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Classes(u8);

impl Classes {
    /// # Errors
    /// [`UnknownClass`] with the lowest bit that names no class.
    pub fn from_bits(bits: u8) -> Result<Self, UnknownClass> {
        match bits >> Class::ALL.len() {
            0 => Ok(Self(bits)),
            rest => Err(UnknownClass(Class::ALL.len() as u8 + rest.trailing_zeros() as u8)),
        }
    }

    pub fn bits(self) -> u8 {
        self.0
    }

    pub fn contains(self, class: Class) -> bool {
        self.0 & (1 << class as u8) != 0
    }

    /// Classes in both sets.
    pub fn and(self, other: Classes) -> Classes {
        Classes(self.0 & other.0)
    }
}

impl FromIterator<Class> for Classes {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |bits, class| bits | 1 << class as u8))
    }
}
