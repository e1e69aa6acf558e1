//! Between columns and types.

use alloy_primitives::{Address, B256, U256};
use gavel_types::signature::SignatureBytes;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::error::StoreError;

/// A `u64` as SQLite keeps it.
pub fn int(column: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge { column, value })
}

pub fn number(value: U256) -> Vec<u8> {
    value.to_be_bytes::<32>().to_vec()
}

/// Reads typed columns of one row.
pub struct Columns<'a>(pub &'a SqliteRow);

impl Columns<'_> {
    fn fixed<const N: usize>(&self, column: &'static str, expected: &'static str) -> Result<[u8; N], StoreError> {
        let bytes: Vec<u8> = self.0.try_get(column)?;
        let value = || format!("{} bytes", bytes.len());
        bytes.as_slice().try_into().map_err(|_| StoreError::Column { column, value: value(), expected })
    }

    fn is_null(&self, column: &'static str) -> Result<bool, StoreError> {
        use sqlx::ValueRef;
        Ok(self.0.try_get_raw(column)?.is_null())
    }

    fn optional<T>(
        &self,
        column: &'static str,
        read: impl FnOnce(&Self, &'static str) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.is_null(column)? { Ok(None) } else { read(self, column).map(Some) }
    }

    pub fn word(&self, column: &'static str) -> Result<B256, StoreError> {
        self.fixed(column, "word of 32 bytes").map(B256::new)
    }

    pub fn word_or_null(&self, column: &'static str) -> Result<Option<B256>, StoreError> {
        self.optional(column, Self::word)
    }

    pub fn address(&self, column: &'static str) -> Result<Address, StoreError> {
        self.fixed(column, "address").map(Address::new)
    }

    pub fn address_or_null(&self, column: &'static str) -> Result<Option<Address>, StoreError> {
        self.optional(column, Self::address)
    }

    pub fn number(&self, column: &'static str) -> Result<U256, StoreError> {
        self.fixed::<32>(column, "256-bit integer").map(U256::from_be_bytes)
    }

    pub fn number_or_null(&self, column: &'static str) -> Result<Option<U256>, StoreError> {
        self.optional(column, Self::number)
    }

    pub fn wide(&self, column: &'static str) -> Result<u128, StoreError> {
        self.fixed::<16>(column, "128-bit integer").map(u128::from_be_bytes)
    }

    pub fn signature(&self, column: &'static str) -> Result<SignatureBytes, StoreError> {
        self.fixed(column, "signature").map(SignatureBytes)
    }

    pub fn signature_or_null(&self, column: &'static str) -> Result<Option<SignatureBytes>, StoreError> {
        self.optional(column, Self::signature)
    }

    pub fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    pub fn uint(&self, column: &'static str) -> Result<u64, StoreError> {
        let value: i64 = self.0.try_get(column)?;
        u64::try_from(value).map_err(|_| StoreError::Column { column, value: value.to_string(), expected: "count" })
    }

    pub fn uint_or_null(&self, column: &'static str) -> Result<Option<u64>, StoreError> {
        self.optional(column, Self::uint)
    }

    /// An integer that names something: `read` is the type's `try_from`.
    pub fn small<T, N: TryFrom<u64>>(
        &self,
        column: &'static str,
        expected: &'static str,
        read: impl FnOnce(N) -> Option<T>,
    ) -> Result<T, StoreError> {
        let value = self.uint(column)?;
        N::try_from(value).ok().and_then(read).ok_or_else(|| StoreError::Column {
            column,
            value: value.to_string(),
            expected,
        })
    }

    pub fn narrow(&self, column: &'static str) -> Result<u32, StoreError> {
        self.small(column, "32-bit integer", |value: u32| Some(value))
    }

    pub fn signed(&self, column: &'static str) -> Result<i64, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    pub fn text(&self, column: &'static str) -> Result<String, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    pub fn text_or_null(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    pub fn unknown<T>(&self, column: &'static str, value: &str, expected: &'static str) -> Result<T, StoreError> {
        Err(StoreError::Column { column, value: value.into(), expected })
    }
}
