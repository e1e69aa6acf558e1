//! Secret keys on the command line: from a file, never from an argument that `ps` shows.

use std::path::Path;

use alloy::primitives::B256;
use anyhow::{Context, bail};

/// Reads a key of 64 hex digits, with or without `0x`.
///
/// # Errors
/// A file that cannot be read, that others can read, or that holds something else.
pub fn read(path: &Path) -> anyhow::Result<B256> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read the key file {shown}"))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            bail!("other users can read the key file {shown}; run `chmod 600 {shown}`");
        }
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key file {shown}"))?;
    text.trim().parse().with_context(|| format!("{shown} does not hold a key of 64 hex digits"))
}
