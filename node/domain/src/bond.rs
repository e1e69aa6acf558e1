//! Which requests a gateway takes: what they may commit stays under a share of its bond (protocol, "Money"). Delivered
//! work of a request that fails is paid from the bond, so this is all that a gateway can lose to failures.

use alloy_primitives::U256;
use gavel_types::unit::{WeiPerUnit, WorkUnits};

/// The part of its bond that a gateway puts at risk, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BondShare(pub u8);

/// Whether a request is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Taken,
    /// It fits once other requests have ended.
    Waits,
    /// It alone is more than the share.
    Never,
}

impl BondShare {
    /// Judges a request that may commit `most`, beside `committed`: what earlier ones have committed and still may.
    /// `bond` is what covers awards. All in wei.
    pub fn admit(self, bond: U256, committed: U256, most: U256) -> Admission {
        let percent = U256::from(self.0.min(100));
        let hundred = U256::from(100);
        let share = bond / hundred * percent + bond % hundred * percent / hundred;
        if most > share {
            Admission::Never
        } else if committed.saturating_add(most) > share {
            Admission::Waits
        } else {
            Admission::Taken
        }
    }
}

/// The most that a request can commit at one time, in wei: its fee for work, or every job at the highest price in every
/// attempt.
pub fn most_committed(work_fee: U256, highest: WeiPerUnit, units: WorkUnits, attempts: u32) -> U256 {
    let all = highest.0.saturating_mul(U256::from(units.0)).saturating_mul(U256::from(attempts));
    work_fee.min(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_what_fits_and_never_what_cannot() {
        let (bond, share) = (U256::from(1_000), BondShare(80));
        let admit = |committed: u64, most: u64| share.admit(bond, U256::from(committed), U256::from(most));
        assert_eq!(admit(0, 800), Admission::Taken);
        assert_eq!(admit(1, 800), Admission::Waits);
        assert_eq!(admit(300, 500), Admission::Taken);
        assert_eq!(admit(0, 801), Admission::Never);
        assert_eq!(BondShare(0).admit(bond, U256::ZERO, U256::from(1)), Admission::Never);
    }

    #[test]
    fn a_fee_beyond_every_price_counts_as_far_as_it_can_be_spent() {
        let (price, units) = (WeiPerUnit(U256::from(10)), WorkUnits(7));
        assert_eq!(most_committed(U256::from(1_000), price, units, 4), U256::from(280));
        assert_eq!(most_committed(U256::from(100), price, units, 4), U256::from(100));
        assert_eq!(most_committed(U256::MAX, WeiPerUnit(U256::MAX), units, 4), U256::MAX);
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_under_the_share(
            bond in any::<u128>(), percent in 0u8..=100, requests in proptest::collection::vec(any::<u64>(), 0..20),
        ) {
            let share = BondShare(percent);
            let mut committed = U256::ZERO;
            for most in requests.into_iter().map(U256::from) {
                if share.admit(U256::from(bond), committed, most) == Admission::Taken {
                    committed += most;
                }
            }
            prop_assert!(committed * U256::from(100) <= U256::from(bond) * U256::from(percent));
        }
    }
}
