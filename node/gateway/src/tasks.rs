//! Requests as clients see them.

use gavel_domain::job::JobState;
use gavel_domain::request::RequestState;
use gavel_rpc::task::{TaskFuture, TaskJobStatus, TaskSource, TaskStatus};
use gavel_store::{Store, StoreError};
use gavel_types::id::RequestId;
use tokio::sync::watch;

/// Tasks from the database.
pub struct StoredTasks {
    store: Store,
    changes: watch::Sender<u64>,
}

impl StoredTasks {
    pub fn new(store: Store, changes: watch::Sender<u64>) -> Self {
        Self { store, changes }
    }

    async fn read(&self, request: RequestId) -> Result<Option<TaskStatus>, StoreError> {
        let mut read = self.store.read().await?;
        let Some(row) = read.request(request).await? else { return Ok(None) };
        let task = row.value.task;
        let mut jobs = Vec::new();
        for job in read.jobs_of(request).await? {
            let job = job.value.job;
            let award = match job.state {
                JobState::Assigned { award }
                | JobState::Proving { award }
                | JobState::Verifying { award }
                | JobState::Proved { award, .. } => read.award(award).await?,
                _ => None,
            };
            jobs.push(TaskJobStatus {
                job: job.terms.job,
                kind: job.terms.kind,
                state: job_state(job.state).into(),
                attempt: job.attempt.0,
                units: job.terms.units,
                award: award.map(|row| (row.value.award.operator, row.value.award.price)),
            });
        }
        let (state, reason) = request_state(task.state);
        Ok(Some(TaskStatus {
            request,
            state: state.into(),
            reason: reason.into(),
            ended: task.is_ended(),
            deadline: task.deadline,
            jobs,
        }))
    }
}

impl TaskSource for StoredTasks {
    fn task(&self, request: RequestId) -> TaskFuture<'_> {
        Box::pin(async move { self.read(request).await.map_err(|error| error.to_string()) })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Auctioning { .. } => "auctioning",
        JobState::Assigned { .. } => "assigned",
        JobState::Proving { .. } => "proving",
        JobState::Verifying { .. } => "verifying",
        JobState::Proved { .. } => "proved",
        JobState::Failed { .. } => "failed",
    }
}

fn request_state(state: RequestState) -> (&'static str, &'static str) {
    match state {
        RequestState::Planned => ("planned", ""),
        RequestState::Running => ("running", ""),
        RequestState::Settling => ("settling", ""),
        RequestState::Settled => ("settled", ""),
        RequestState::Failing(reason) => ("failing", reason.explanation()),
        RequestState::Failed(reason) => ("failed", reason.explanation()),
        RequestState::Refunded => ("refunded", ""),
        RequestState::Cancelled => ("cancelled", ""),
        RequestState::Withdrawn => ("withdrawn", ""),
    }
}
