//! Free capacity of the operators, as a tick's close signs it.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use gavel_types::id::OperatorId;
use gavel_types::lot::capacity_root;
use gavel_types::unit::WorkUnits;

/// Units that each operator may still be awarded, by owner address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacities(BTreeMap<OperatorId, WorkUnits>);

/// A reservation past what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operator {operator} has {free} units free, {wanted} wanted")]
pub struct OverCommitted {
    pub operator: OperatorId,
    pub free: WorkUnits,
    pub wanted: WorkUnits,
}

impl FromIterator<(OperatorId, WorkUnits)> for Capacities {
    fn from_iter<I: IntoIterator<Item = (OperatorId, WorkUnits)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl Capacities {
    /// Free units; an unknown operator has none.
    pub fn free(&self, operator: OperatorId) -> WorkUnits {
        self.0.get(&operator).copied().unwrap_or_default()
    }

    /// Takes units from an operator.
    ///
    /// # Errors
    /// [`OverCommitted`], with nothing taken.
    pub fn reserve(&mut self, operator: OperatorId, wanted: WorkUnits) -> Result<(), OverCommitted> {
        let free = self.free(operator);
        let rest = free.0.checked_sub(wanted.0).ok_or(OverCommitted { operator, free, wanted })?;
        self.0.insert(operator, WorkUnits(rest));
        Ok(())
    }

    /// Takes units that the chain does not count yet; stops at zero.
    pub fn withhold(&mut self, operator: OperatorId, units: WorkUnits) {
        if let Some(free) = self.0.get_mut(&operator) {
            free.0 = free.0.saturating_sub(units.0);
        }
    }

    /// Entries by ascending operator address.
    pub fn iter(&self) -> impl Iterator<Item = (OperatorId, WorkUnits)> + '_ {
        self.0.iter().map(|(operator, free)| (*operator, *free))
    }

    /// `capacityRoot` of the vector.
    pub fn root(&self) -> B256 {
        capacity_root(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    #[test]
    fn reserves_up_to_what_is_free() {
        let operator = OperatorId(Address::repeat_byte(1));
        let mut capacities = Capacities::from_iter([(operator, WorkUnits(10))]);
        assert_eq!(capacities.reserve(operator, WorkUnits(7)), Ok(()));
        let over = OverCommitted { operator, free: WorkUnits(3), wanted: WorkUnits(4) };
        assert_eq!(capacities.reserve(operator, WorkUnits(4)), Err(over));
        capacities.withhold(operator, WorkUnits(9));
        assert_eq!(capacities.free(operator), WorkUnits(0));
        assert!(capacities.reserve(OperatorId(Address::repeat_byte(2)), WorkUnits(1)).is_err());
    }
}
