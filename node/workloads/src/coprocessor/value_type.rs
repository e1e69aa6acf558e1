//! Types of columns and parameters.

use std::fmt;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

/// Type of a column, of a parameter or of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValueType {
    /// Unsigned integer of so many bytes, 1 to 32.
    Uint(u8),
    Address,
    Bool,
}

impl ValueType {
    /// Any number.
    pub const U256: ValueType = ValueType::Uint(32);
    /// A block number or timestamp.
    pub const U64: ValueType = ValueType::Uint(8);

    /// `uint8` to `uint256` in steps of eight, `address`, `bool`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "address" => Some(ValueType::Address),
            "bool" => Some(ValueType::Bool),
            _ => {
                let digits = text.strip_prefix("uint")?;
                let bits: u16 = digits.parse().ok().filter(|bits: &u16| bits.to_string() == digits)?;
                let whole = bits.is_multiple_of(8) && (8..=256).contains(&bits);
                whole.then_some(ValueType::Uint((bits / 8) as u8))
            }
        }
    }

    /// Bytes that a value takes in a slot.
    pub const fn bytes(self) -> u8 {
        match self {
            ValueType::Uint(bytes) => bytes,
            ValueType::Address => 20,
            ValueType::Bool => 1,
        }
    }

    /// Code in the table digest.
    pub const fn code(self) -> u8 {
        match self {
            ValueType::Uint(bytes) => bytes,
            ValueType::Address => 40,
            ValueType::Bool => 41,
        }
    }

    /// Whether values of the two types can be compared: numbers with numbers, else equal types.
    pub fn comparable(self, other: ValueType) -> bool {
        matches!((self, other), (ValueType::Uint(_), ValueType::Uint(_))) || self == other
    }

    /// Whether values can be added up and ordered.
    pub fn is_number(self) -> bool {
        matches!(self, ValueType::Uint(_))
    }

    /// Whether `value` is one of the type's.
    pub fn contains(self, value: U256) -> bool {
        match self {
            ValueType::Bool => value <= U256::ONE,
            _ => value.bit_len() <= 8 * usize::from(self.bytes()),
        }
    }

    /// Reads a value: numbers in decimal or `0x` hex, addresses as `0x` and 40 digits, `true` or
    /// `false`. `None` when it is not one; the value may still be too large for the type.
    pub fn read(self, text: &str) -> Option<U256> {
        match self {
            ValueType::Bool => match text {
                "true" => Some(U256::ONE),
                "false" => Some(U256::ZERO),
                _ => None,
            },
            ValueType::Address => {
                let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40)?;
                U256::from_str_radix(digits, 16).ok().filter(|_| all_hex(digits))
            }
            ValueType::Uint(_) => read_number(text),
        }
    }

    /// Shows a value as [`ValueType::read`] takes it.
    pub fn show(self, value: U256) -> String {
        match self {
            ValueType::Bool if value <= U256::ONE => (value == U256::ONE).to_string(),
            ValueType::Address => Address::from_word(value.into()).to_string(),
            _ => value.to_string(),
        }
    }
}

/// A decimal or `0x` hex number below 2^256.
pub fn read_number(text: &str) -> Option<U256> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let valid = !digits.is_empty() && if radix == 16 { all_hex(digits) } else { all_decimal(digits) };
    valid.then(|| U256::from_str_radix(digits, radix).ok()).flatten()
}

fn all_hex(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn all_decimal(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueType::Uint(bytes) => write!(f, "uint{}", u16::from(*bytes) * 8),
            ValueType::Address => f.write_str("address"),
            ValueType::Bool => f.write_str("bool"),
        }
    }
}
