//! Secret keys on the command line: from a file, never from an argument that `ps` shows.

use std::{os::unix::fs::PermissionsExt, path::Path};

use alloy::primitives::B256;
use anyhow::{Context, bail};

/// Reads a key of 64 hex digits, with or without `0x`.
///
/// # Errors
/// A file that cannot be read, that others can read, or that holds something else.
pub fn read(path: &Path) -> anyhow::Result<B256> {
    check_private(path)?;
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key file {shown}"))?;
    text.trim().parse().with_context(|| format!("{shown} does not hold a key of 64 hex digits"))
}

/// Checks that nobody but its owner can read a key file.
///
/// # Errors
/// A file that is not there or that others can read.
pub fn check_private(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read the key file {shown}"))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        bail!("other users can read the key file {shown}; run `chmod 600 {shown}`");
    }
    Ok(())
}
