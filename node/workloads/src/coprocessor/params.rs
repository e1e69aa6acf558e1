//! Parameters: texts and words against their types.

use alloy_primitives::U256;

use super::error::ParamError;
use super::value_type::ValueType;

/// Reads one text for each type.
pub fn read(types: &[ValueType], texts: &[String]) -> Result<Vec<U256>, ParamError> {
    count(types, texts.len())?;
    let pairs = types.iter().zip(texts).enumerate();
    let words: Result<Vec<U256>, ParamError> = pairs
        .map(|(i, (expected, got))| {
            let error = || ParamError::Type { number: i + 1, expected: *expected, got: got.clone() };
            expected.read(got).ok_or_else(error)
        })
        .collect();
    let words = words?;
    check(types, &words)?;
    Ok(words)
}

/// Checks count and size of words.
pub fn check(types: &[ValueType], words: &[U256]) -> Result<(), ParamError> {
    count(types, words.len())?;
    let mut pairs = types.iter().zip(words).enumerate();
    match pairs.find(|(_, (expected, word))| !expected.contains(**word)) {
        None => Ok(()),
        Some((i, (expected, got))) => Err(ParamError::Size { number: i + 1, expected: *expected, got: *got }),
    }
}

fn count(types: &[ValueType], got: usize) -> Result<(), ParamError> {
    let expected = types.len();
    if got == expected { Ok(()) } else { Err(ParamError::Count { expected, got }) }
}
