//! The gateway's clock: it paces ticks and leases; deadlines that cost stake are blocks.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
