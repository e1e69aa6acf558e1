//! Requests whose time is up: given up and refunded before more bond is put on them.

use gavel_domain::job::Job;
use gavel_domain::request::{RequestEvent, RequestFailure, RequestState};
use gavel_types::id::RequestId;

use crate::engine::Gateway;
use crate::error::GatewayError;
use crate::steps::Due;

impl Gateway {
    /// Gives up every request that cannot be settled by its deadline even if all goes as fast as it can.
    pub(crate) async fn give_up_late_requests(&mut self) -> Result<(), GatewayError> {
        let mut read = self.context.store.read().await?;
        let mut late: Vec<(RequestId, u64)> = Vec::new();
        for row in read.open_requests().await? {
            let task = row.value.task;
            let least = match task.state {
                RequestState::Planned | RequestState::Running => {
                    let jobs: Vec<Job> = read.jobs_of(task.id).await?.into_iter().map(|row| row.value.job).collect();
                    let needs = read.needs_of(task.id).await?;
                    // The settlement is in the next block at best.
                    self.context.rule.pace().least_blocks(&jobs, &needs) + 1
                }
                RequestState::Settling => 0,
                _ => continue,
            };
            if self.head.saturating_add(least) > task.deadline {
                late.push((task.id, least));
            }
        }
        drop(read);
        for (id, least) in late {
            tracing::warn!(request = %id, head = self.head, least, "the deadline is too close");
            let mut steps = self.steps().await?;
            steps.apply(Due::Request(id, RequestEvent::GiveUp(RequestFailure::DeadlineTooClose))).await?;
            self.finish(steps).await?;
        }
        Ok(())
    }
}
