//! Strict RLP, natively: every item has one encoding, and its length follows from its first bytes.

use thiserror::Error;

/// Why bytes are not a canonical RLP item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RlpError {
    #[error("item ends after {got} of {expected} bytes")]
    Truncated { expected: usize, got: usize },
    #[error("byte {byte:#04x} below 0x80 is its own encoding and must not be prefixed")]
    PrefixedByte { byte: u8 },
    #[error("length {length} is not in its shortest form")]
    LongLength { length: usize },
    #[error("length of {0} bytes is not supported")]
    LengthOfLength(usize),
    #[error("expected a {expected}, got first byte {first:#04x}")]
    Kind { expected: &'static str, first: u8 },
    #[error("{0} bytes follow the item")]
    Trailing(usize),
    #[error("integer starts with a zero byte")]
    LeadingZero,
    #[error("integer of {got} bytes; at most {limit}")]
    IntegerSize { limit: usize, got: usize },
}

/// One item at the front of a byte string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Prefix and payload.
    pub bytes: &'a [u8],
    /// Bytes before the payload (0 for a single byte below 0x80).
    pub prefix: usize,
    /// A list rather than a string.
    pub list: bool,
}

impl<'a> Item<'a> {
    /// Bytes after the prefix.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.prefix..]
    }

    /// The payload as a canonical integer of at most `limit` bytes.
    pub fn integer(&self, limit: usize) -> Result<&'a [u8], RlpError> {
        let payload = self.payload();
        match payload {
            _ if self.list => Err(RlpError::Kind { expected: "string", first: self.bytes[0] }),
            [0, ..] => Err(RlpError::LeadingZero),
            _ if payload.len() > limit => Err(RlpError::IntegerSize { limit, got: payload.len() }),
            _ => Ok(payload),
        }
    }

    /// The payload as a canonical integer below 2^64.
    pub fn u64(&self) -> Result<u64, RlpError> {
        Ok(self.integer(8)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

/// Reads the item at the front of `bytes`; returns it and what follows.
pub fn split(bytes: &[u8]) -> Result<(Item<'_>, &[u8]), RlpError> {
    let first = *bytes.first().ok_or(RlpError::Truncated { expected: 1, got: 0 })?;
    let list = first >= 0xc0;
    let base = if list { 0xc0 } else { 0x80 };
    let (prefix, length) = match first {
        0..0x80 => (0, 1),
        _ if first - base <= 55 => (1, usize::from(first - base)),
        _ => long_length(bytes, usize::from(first - base) - 55)?,
    };
    let end = prefix + length;
    if bytes.len() < end {
        return Err(RlpError::Truncated { expected: end, got: bytes.len() });
    }
    let item = Item { bytes: &bytes[..end], prefix, list };
    match item.payload() {
        [byte] if !list && prefix == 1 && *byte < 0x80 => Err(RlpError::PrefixedByte { byte: *byte }),
        _ => Ok((item, &bytes[end..])),
    }
}

/// Reads `bytes` as exactly one list; returns its prefix length and its items.
pub fn list(bytes: &[u8]) -> Result<(usize, Vec<Item<'_>>), RlpError> {
    let (outer, rest) = split(bytes)?;
    if !outer.list {
        return Err(RlpError::Kind { expected: "list", first: bytes[0] });
    }
    if !rest.is_empty() {
        return Err(RlpError::Trailing(rest.len()));
    }
    let mut items = vec![];
    let mut left = outer.payload();
    while !left.is_empty() {
        let (item, rest) = split(left)?;
        items.push(item);
        left = rest;
    }
    Ok((outer.prefix, items))
}

/// Prefix length and payload length of an item whose length takes `size` bytes.
fn long_length(bytes: &[u8], size: usize) -> Result<(usize, usize), RlpError> {
    if size > 3 {
        return Err(RlpError::LengthOfLength(size));
    }
    let digits = bytes.get(1..1 + size).ok_or(RlpError::Truncated { expected: 1 + size, got: bytes.len() })?;
    let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
    if length <= 55 || digits[0] == 0 {
        return Err(RlpError::LongLength { length });
    }
    Ok((1 + size, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_split_where_alloy_splits_them() {
        for size in [0usize, 1, 2, 31, 55, 56, 255, 256, 1000] {
            let payload = vec![0x91; size];
            let encoded = alloy_rlp::encode(alloy_primitives::Bytes::from(payload.clone()));
            let (item, rest) = split(&encoded).unwrap();
            assert_eq!((item.payload(), rest.len()), (&payload[..], 0));
        }
    }

    #[test]
    fn other_encodings_are_refused() {
        assert_eq!(split(&[0x81, 5]), Err(RlpError::PrefixedByte { byte: 5 }));
        assert_eq!(split(&[0xb8, 1, 9]), Err(RlpError::LongLength { length: 1 }));
        assert_eq!(split(&[0xb9, 0, 60]), Err(RlpError::LongLength { length: 60 }));
        assert_eq!(split(&[0xbb]), Err(RlpError::LengthOfLength(4)));
        assert_eq!(split(&[0x82, 1]), Err(RlpError::Truncated { expected: 3, got: 2 }));
        assert_eq!(split(&[]), Err(RlpError::Truncated { expected: 1, got: 0 }));
        assert_eq!(list(&[0x80]), Err(RlpError::Kind { expected: "list", first: 0x80 }));
        assert_eq!(list(&[0xc1, 0x80, 1]), Err(RlpError::Trailing(1)));
    }

    #[test]
    fn integers_are_canonical() {
        assert_eq!(split(&[0x80]).unwrap().0.u64(), Ok(0));
        assert_eq!(split(&[0x82, 1, 2]).unwrap().0.u64(), Ok(258));
        assert_eq!(split(&[0]).unwrap().0.u64(), Err(RlpError::LeadingZero));
        assert_eq!(split(&[0x82, 0, 2]).unwrap().0.u64(), Err(RlpError::LeadingZero));
        assert_eq!(split(&[0x82, 1, 2]).unwrap().0.integer(1), Err(RlpError::IntegerSize { limit: 1, got: 2 }));
    }
}
