//! Blocks that are gone, or that replace another: what they said is taken back, and transactions that
//! were mined in them are open again. Their signed attempts are the same, so nothing is done twice.

use gavel_domain::award::{AwardEvent, AwardState};
use gavel_domain::job::{JobEvent, JobState};
use gavel_domain::request::RequestEvent;
use gavel_store::StoreError;
use gavel_types::id::{AwardId, JobId, RequestId, TickKey};

use crate::chain::ChainChange;
use crate::engine::Gateway;
use crate::error::GatewayError;
use crate::steps::{Due, Steps};

impl Gateway {
    /// Before the facts of a change are applied.
    pub(crate) async fn see_block(&self, steps: &mut Steps, change: &ChainChange) -> Result<(), GatewayError> {
        let (number, hash) = (change.block, change.block_hash);
        let reopened = if change.withdrawn {
            steps.tx.reopen_mined_in(hash).await?
        } else {
            // The sender may have seen a block that this reader never came to.
            steps.tx.reopen_mined_beside(number, hash).await?
        };
        if !reopened.is_empty() {
            tracing::warn!(number, ?reopened, "transactions lost their block");
        }
        if !change.withdrawn {
            return Ok(());
        }
        steps.tx.withdraw_reports(number).await?;
        for award in steps.tx.withdraw_awards(number).await? {
            steps.apply(Due::Award(award, AwardEvent::AnchorReorged)).await?;
        }
        // Ends first: a request that was made and ended in one block is gone with it.
        for id in steps.tx.requests_ended_in(hash).await? {
            steps.apply(Due::Request(id, RequestEvent::EndReorged)).await?;
        }
        for id in steps.tx.requests_in_block(hash).await? {
            steps.apply(Due::Request(id, RequestEvent::Reorged)).await?;
        }
        Ok(())
    }

    /// Ends the awards of a tick that was not anchored and never will be.
    pub(crate) async fn skip_awards(&self, steps: &mut Steps, key: TickKey) -> Result<(), GatewayError> {
        for row in steps.tx.awards_of(key).await? {
            self.see_skip(steps, row.value.award.id).await?;
        }
        Ok(steps.tx.unset_delivery_tick(key).await?)
    }

    /// Ends what earlier epochs signed and did not anchor: their ticks cannot be anchored any more.
    pub(crate) async fn close_earlier_epochs(&mut self) -> Result<(), GatewayError> {
        let mut steps = self.steps().await?;
        let mut ticks: Vec<TickKey> = Vec::new();
        for row in steps.tx.live_awards().await? {
            let award = row.value.award;
            if award.state == AwardState::Signed && award.key.epoch != self.context.epoch && !ticks.contains(&award.key)
            {
                ticks.push(award.key);
            }
        }
        for key in ticks {
            let debt = crate::chain::DebtKey::Anchor(key).to_string();
            // One that was sent already keeps its nonce; on-chain it reserves nothing.
            steps.tx.drop_intent(self.context.chain.account(), &debt, 0, "the epoch is over").await?;
            self.skip_awards(&mut steps, key).await?;
            tracing::warn!(tick = %key, "awards of an earlier epoch are void");
        }
        self.finish(steps).await
    }
}

impl Steps {
    /// Takes up a request again: what was proved meanwhile counts, the rest is queued.
    pub(crate) async fn revive(&mut self, id: RequestId) -> Result<(), StoreError> {
        let jobs = self.tx.jobs_of(id).await?;
        let last = jobs.last().map(|row| row.value.job.terms.job);
        for row in jobs {
            let job = row.value.job.terms.job;
            let proved = match row.value.job.state {
                JobState::Proved { .. } => true,
                _ => {
                    self.due(Due::Job(job, JobEvent::Revived));
                    let delivered = self.delivered(job).await?;
                    if let Some((award, statement)) = delivered {
                        self.due(Due::Job(job, JobEvent::Verified { award, statement }));
                    }
                    delivered.is_some()
                }
            };
            if proved && Some(job) == last {
                self.due(Due::Request(id, RequestEvent::Proved));
            }
        }
        Ok(())
    }

    async fn delivered(&mut self, job: JobId) -> Result<Option<(AwardId, alloy_primitives::B256)>, StoreError> {
        let awards = self.tx.awards_of_job(job).await?;
        Ok(awards.into_iter().find_map(|row| match row.value.award.state {
            AwardState::Delivered { statement } => Some((row.value.award.id, statement)),
            _ => None,
        }))
    }
}
