//! Cool-down of operators: doubles with each failure, halves with each delivery.

use gavel_types::id::OperatorId;

/// What counts as a failure (protocol §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    /// A commitment was not opened.
    NotOpened,
    /// An anchored award was not accepted in time.
    NotAccepted,
    /// An accepted job was not delivered in time.
    Missed,
    /// A delivered proof does not prove the job.
    InvalidProof,
}

impl Failure {
    pub const ALL: [Failure; 4] = [Failure::NotOpened, Failure::NotAccepted, Failure::Missed, Failure::InvalidProof];

    pub const fn name(self) -> &'static str {
        match self {
            Failure::NotOpened => "not opened",
            Failure::NotAccepted => "not accepted",
            Failure::Missed => "missed",
            Failure::InvalidProof => "invalid proof",
        }
    }
}

/// Bounds of a cool-down, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolDownRule {
    pub first_blocks: u64,
    pub maximum_blocks: u64,
}

/// Standing of one operator, keyed by its owner address so that new bid keys do not clear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reputation {
    pub operator: OperatorId,
    /// Length of the last cool-down, halved by deliveries since.
    pub cool_down_blocks: u64,
    /// First block at which the operator may bid again.
    pub excluded_until: u64,
    pub failures: u64,
    pub deliveries: u64,
}

impl Reputation {
    pub fn new(operator: OperatorId) -> Self {
        Self { operator, cool_down_blocks: 0, excluded_until: 0, failures: 0, deliveries: 0 }
    }

    pub fn failed(self, rule: CoolDownRule, block: u64) -> Self {
        let next = self.cool_down_blocks.saturating_mul(2).clamp(rule.first_blocks, rule.maximum_blocks);
        Self {
            cool_down_blocks: next,
            excluded_until: self.excluded_until.max(block.saturating_add(next)),
            failures: self.failures + 1,
            ..self
        }
    }

    pub fn delivered(self) -> Self {
        Self { cool_down_blocks: self.cool_down_blocks / 2, deliveries: self.deliveries + 1, ..self }
    }

    pub fn excluded(&self, block: u64) -> bool {
        block < self.excluded_until
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    #[test]
    fn doubles_and_halves() {
        let rule = CoolDownRule { first_blocks: 10, maximum_blocks: 50 };
        let fresh = Reputation::new(OperatorId(Address::ZERO));
        assert!(!fresh.excluded(0));
        let once = fresh.failed(rule, 100);
        assert_eq!((once.cool_down_blocks, once.excluded_until), (10, 110));
        assert!(once.excluded(109) && !once.excluded(110));
        let twice = once.failed(rule, 105);
        assert_eq!((twice.cool_down_blocks, twice.excluded_until), (20, 125));
        assert_eq!(twice.delivered().cool_down_blocks, 10);
        assert_eq!(twice.delivered().excluded_until, 125, "a delivery does not cut a running cool-down");
        assert_eq!(twice.failed(rule, 130).failed(rule, 130).cool_down_blocks, 50);
    }
}
