//! Rows that had no luck wait before they are tried again. No IO, and no disk: after a restart
//! every row is tried at once.

use std::collections::HashMap;

use alloy::primitives::B256;

/// Doublings of the pause: sixteen blocks at most.
const DOUBLINGS: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct Holds {
    rows: HashMap<i64, Hold>,
}

#[derive(Debug)]
struct Hold {
    /// First block at which the row is tried again.
    until: u64,
    times: u32,
    reason: String,
    /// The reverted attempt that was reported already.
    reverted: Option<B256>,
}

impl Holds {
    pub fn is_held(&self, row: i64, head: u64) -> bool {
        self.rows.get(&row).is_some_and(|hold| head < hold.until)
    }

    /// Holds a row for 1, 2, 4, … blocks. Whether the reason is another than last time.
    pub fn hold(&mut self, row: i64, head: u64, reason: &str) -> bool {
        let hold = self.entry(row, head);
        hold.until = head.saturating_add(1 << hold.times.min(DOUBLINGS));
        hold.times += 1;
        let fresh = hold.reason != reason;
        hold.reason = reason.to_owned();
        fresh
    }

    /// Holds a row until the next block, without a reason of its own.
    pub fn wait(&mut self, row: i64, head: u64) {
        self.entry(row, head).until = head.saturating_add(1);
    }

    fn entry(&mut self, row: i64, head: u64) -> &mut Hold {
        let new = || Hold { until: head, times: 0, reason: String::new(), reverted: None };
        self.rows.entry(row).or_insert_with(new)
    }

    /// As [`hold`](Self::hold) for a reverted attempt, once; `None` when it was held for that one before.
    pub fn hold_reverted(&mut self, row: i64, head: u64, attempt: B256) -> Option<String> {
        if self.rows.get(&row).is_some_and(|hold| hold.reverted == Some(attempt)) {
            return None;
        }
        let reason = format!("transaction {attempt} was reverted");
        self.hold(row, head, &reason);
        if let Some(hold) = self.rows.get_mut(&row) {
            hold.reverted = Some(attempt);
        }
        Some(reason)
    }

    /// Forgets rows that are not open any more.
    pub fn keep(&mut self, open: impl Fn(i64) -> bool) {
        self.rows.retain(|row, _| open(*row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_reasons_are_new_once() {
        let mut holds = Holds::default();
        let mut head = 100;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let fresh = holds.hold(1, head, "NotOpen");
            assert_eq!(fresh, pauses.is_empty());
            let from = head;
            while holds.is_held(1, head) {
                head += 1;
            }
            pauses.push(head - from);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 16, 16]);
        assert!(holds.hold(1, head, "NotGateway"));
        assert!(!holds.is_held(2, 0));
        holds.keep(|_| false);
        assert!(!holds.is_held(1, head));
    }

    #[test]
    fn a_revert_is_held_once() {
        let mut holds = Holds::default();
        let attempt = B256::repeat_byte(1);
        assert!(holds.hold_reverted(1, 5, attempt).is_some());
        assert!(holds.is_held(1, 5) && !holds.is_held(1, 6));
        assert!(holds.hold_reverted(1, 6, attempt).is_none());
        assert!(holds.hold_reverted(1, 6, B256::repeat_byte(2)).is_some());
        assert!(holds.is_held(1, 7), "the second pause is longer");
    }
}
