//! Requests are taken while a share of the bond covers what they may commit.

use alloy_primitives::U256;
use gavel_domain::bond::{Admission, most_committed};
use gavel_types::id::RequestId;
use gavel_types::unit::WorkUnits;

use crate::engine::Gateway;
use crate::error::GatewayError;

impl Gateway {
    /// Whether the bond admits a request that may commit `most` wei, beside those that were taken.
    pub(crate) async fn admit(&mut self, id: RequestId, most: U256) -> Result<Admission, GatewayError> {
        let bond = self.context.chain.bond().await?;
        let committed = bond.committed.saturating_add(self.still_to_commit().await?);
        let admission = self.context.rule.bond_share().admit(bond.cover, committed, most);
        match admission {
            Admission::Taken => _ = self.short_of_bond.remove(&id),
            Admission::Never => {
                tracing::warn!(request = %id, %most, bond = %bond.cover, "more than the share of the bond")
            }
            // Looked at again with the next block; said once.
            Admission::Waits => {
                if self.short_of_bond.insert(id, self.head).is_none() {
                    tracing::warn!(request = %id, %most, %committed, bond = %bond.cover, "waits for free bond");
                }
            }
        }
        Ok(admission)
    }

    /// What requests that were taken may commit beyond what they have, in wei.
    async fn still_to_commit(&self) -> Result<U256, GatewayError> {
        let mut read = self.context.store.read().await?;
        let mut taken = Vec::new();
        for row in read.open_requests().await? {
            let (task, ceiling) = (row.value.task, row.value.ceiling);
            let jobs = read.jobs_of(task.id).await?;
            if task.is_working() && !jobs.is_empty() {
                let units = jobs.iter().fold(0, |sum: u64, job| sum.saturating_add(job.value.job.terms.units.0));
                taken.push((task.id, ceiling.maximum, WorkUnits(units)));
            }
        }
        drop(read);
        let mut sum = U256::ZERO;
        for (id, maximum, units) in taken {
            let free = self.context.chain.uncommitted(id).await?;
            sum = sum.saturating_add(most_committed(free, maximum, units, self.context.rule.attempt_limit));
        }
        Ok(sum)
    }
}
