//! What a lot may cost at most: rises with age to a maximum that is fixed at request time.

use alloy_primitives::U256;
use gavel_types::unit::{WeiPerUnit, WorkUnits};

/// A straight line from `start` to `maximum` over `ramp_blocks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeilingSchedule {
    pub start: WeiPerUnit,
    pub maximum: WeiPerUnit,
    pub ramp_blocks: u64,
    /// Blocks at the maximum after which a lot without an award fails.
    pub patience_blocks: u64,
}

impl CeilingSchedule {
    /// Schedule of a request: from a share of its maximum to the maximum, which is the fee left
    /// for work over its units, and never above the supernet's maximum.
    ///
    /// `start_share` is in hundredths.
    pub fn of_request(
        fee: U256,
        units: WorkUnits,
        supernet_maximum: WeiPerUnit,
        start_share: u8,
        ramp_blocks: u64,
        patience_blocks: u64,
    ) -> Self {
        let maximum = affordable(fee, units).min(supernet_maximum);
        let share = U256::from(start_share.min(100));
        let hundred = U256::from(100);
        // Divided first where the product could overflow: a ceiling may lose less than 100 wei.
        let start = maximum.0.checked_mul(share).map_or(maximum.0 / hundred * share, |product| product / hundred);
        Self { start: WeiPerUnit(start), maximum, ramp_blocks, patience_blocks }
    }

    /// Ceiling at an age in blocks.
    pub fn at(&self, age: u64) -> WeiPerUnit {
        if age >= self.ramp_blocks || self.start >= self.maximum {
            return self.maximum;
        }
        let rise = self.maximum.0 - self.start.0;
        let (age, ramp) = (U256::from(age), U256::from(self.ramp_blocks));
        let risen = rise.checked_mul(age).map_or(rise / ramp * age, |product| product / ramp);
        WeiPerUnit(self.start.0 + risen)
    }

    /// Whether a lot of this age has been at the maximum for as long as anyone waits.
    pub fn exhausted(&self, age: u64) -> bool {
        age > self.ramp_blocks.saturating_add(self.patience_blocks)
    }
}

/// The highest price per unit at which `fee` pays for `units`; zero when there is nothing to pay for.
pub fn affordable(fee: U256, units: WorkUnits) -> WeiPerUnit {
    WeiPerUnit(fee.checked_div(U256::from(units.0)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rises_and_stays_under_the_maximum(
            fee in any::<u128>(), units in 1u64..1_000_000, cap in any::<u64>(), share in 0u8..=100,
            ramp in 0u64..1000, a in 0u64..2000, b in 0u64..2000,
        ) {
            let supernet = WeiPerUnit(U256::from(cap));
            let schedule =
                CeilingSchedule::of_request(U256::from(fee), WorkUnits(units), supernet, share, ramp, 10);
            let (low, high) = (schedule.at(a.min(b)), schedule.at(a.max(b)));
            prop_assert!(low <= high && high <= schedule.maximum && schedule.maximum <= supernet);
            prop_assert!(schedule.maximum.times(WorkUnits(units)).unwrap() <= U256::from(fee));
            prop_assert_eq!(schedule.at(ramp), schedule.maximum);
            prop_assert!(!schedule.exhausted(ramp + 10) && schedule.exhausted(ramp + 11));
        }

        #[test]
        fn no_fee_overflows(fee in any::<[u8; 32]>(), age in any::<u64>()) {
            let fee = U256::from_be_bytes(fee);
            let schedule = CeilingSchedule::of_request(fee, WorkUnits(1), WeiPerUnit(U256::MAX), 30, u64::MAX, u64::MAX);
            prop_assert!(schedule.at(age) <= WeiPerUnit(fee));
        }
    }
}
