//! Which lots to bid for, and at what price.

use alloy_primitives::{U256, keccak256};
use gavel_domain::auction::AnnouncedLot;
use gavel_types::id::OperatorId;
use gavel_types::unit::{Class, Classes, WeiPerUnit};
use serde::{Deserialize, Serialize};

/// What a work unit costs this prover, in wei, by class; a class without a price is not bid for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostPolicy {
    pub small_wei_per_unit: Option<u128>,
    pub medium_wei_per_unit: Option<u128>,
    pub large_wei_per_unit: Option<u128>,
    /// Profit on top of cost, in hundredths.
    #[serde(default)]
    pub margin_percent: u32,
}

impl CostPolicy {
    /// The price at which work of a class is offered.
    pub fn price(&self, class: Class) -> Option<WeiPerUnit> {
        let cost = match class {
            Class::Small => self.small_wei_per_unit,
            Class::Medium => self.medium_wei_per_unit,
            Class::Large => self.large_wei_per_unit,
        }?;
        let percent = U256::from(100 + u64::from(self.margin_percent));
        // Rounded up, so that no margin is lost to small prices.
        Some(WeiPerUnit((U256::from(cost) * percent).div_ceil(U256::from(100))))
    }

    /// Classes that have a price.
    pub fn classes(&self) -> Classes {
        Class::ALL.into_iter().filter(|class| self.price(*class).is_some()).collect()
    }

    /// The lots to bid for, at most `places`: large ones first, since few can do them, then in an
    /// order of the operator's own, so that operators do not all chase the same lots.
    pub fn choose<'a>(
        &self,
        operator: OperatorId,
        lots: &'a [AnnouncedLot],
        places: usize,
        mut can_run: impl FnMut(Class) -> bool,
    ) -> Vec<(&'a AnnouncedLot, WeiPerUnit)> {
        let mut chosen: Vec<(&AnnouncedLot, WeiPerUnit)> = lots
            .iter()
            .filter_map(|lot| Some((lot, self.price(lot.lot.class)?)))
            .filter(|(lot, price)| *price <= lot.lot.ceiling && can_run(lot.lot.class))
            .collect();
        let order = |lot: &AnnouncedLot| keccak256([operator.0.as_slice(), lot.digest.0.as_slice()].concat());
        chosen.sort_by_key(|(lot, _)| (std::cmp::Reverse(lot.lot.class), order(lot)));
        chosen.truncate(places);
        chosen
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256};
    use gavel_types::id::{GatewayEpoch, JobId, RequestId, SupernetId, Tick, TickKey};
    use gavel_types::job::{JobKind, JobTerms};
    use gavel_types::lot::Lot;
    use gavel_types::unit::WorkUnits;

    use super::*;

    fn lot(number: u32, kind: JobKind, ceiling: u64) -> AnnouncedLot {
        let payer = RequestId(B256::ZERO);
        Lot {
            key: TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(1), tick: Tick(1) },
            number,
            class: kind.class(),
            ceiling: WeiPerUnit(U256::from(ceiling)),
            accept_blocks: 1,
            proving_blocks: 1,
            circuit_set: B256::ZERO,
            jobs: vec![JobTerms {
                job: JobId::derive(payer, number),
                payer,
                kind,
                units: WorkUnits(1),
                claim_digest: B256::ZERO,
            }],
        }
        .try_into()
        .unwrap()
    }

    #[test]
    fn bids_within_means_and_ceilings() {
        let policy = CostPolicy {
            small_wei_per_unit: Some(10),
            large_wei_per_unit: Some(15),
            margin_percent: 15,
            ..CostPolicy::default()
        };
        assert_eq!(policy.price(Class::Small), Some(WeiPerUnit(U256::from(12))));
        assert_eq!(policy.classes().bits(), 0b101);
        let lots = [
            lot(0, JobKind::Query, 12),
            lot(1, JobKind::Query, 11),
            lot(2, JobKind::Extract, 99),
            lot(3, JobKind::Wrap, 99),
        ];
        let operator = OperatorId(Address::repeat_byte(1));
        let numbers = |places, can_run: fn(Class) -> bool| -> Vec<u32> {
            policy.choose(operator, &lots, places, can_run).iter().map(|(lot, _)| lot.lot.number).collect()
        };
        assert_eq!(numbers(9, |_| true), [3, 0]);
        assert_eq!(numbers(1, |_| true), [3]);
        assert_eq!(numbers(9, |class| class == Class::Small), [0]);
    }
}
