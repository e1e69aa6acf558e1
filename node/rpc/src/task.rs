//! What clients see of requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use alloy_primitives::U256;
use gavel_types::id::{JobId, OperatorId, RequestId};
use gavel_types::job::JobKind;
use gavel_types::unit::{WeiPerUnit, WorkUnits};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::error::WireError;
use crate::proto::{self, task_service_server::TaskService};
use crate::wire;

/// A request as the gateway works on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStatus {
    pub request: RequestId,
    pub state: String,
    /// Why it failed; empty otherwise.
    pub reason: String,
    pub ended: bool,
    pub deadline: u64,
    pub jobs: Vec<TaskJobStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskJobStatus {
    pub job: JobId,
    pub kind: JobKind,
    pub state: String,
    pub attempt: u32,
    pub units: WorkUnits,
    /// Operator and price of the award at work or of the one that proved it.
    pub award: Option<(OperatorId, WeiPerUnit)>,
}

pub type TaskFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<TaskStatus>, String>> + Send + 'a>>;

/// Where the states come from.
pub trait TaskSource: Send + Sync + 'static {
    /// `None` when the request is not known.
    fn task(&self, request: RequestId) -> TaskFuture<'_>;
    /// Changes whenever some task may have changed.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// The service for clients.
pub struct Tasks {
    source: Arc<dyn TaskSource>,
    watchers: Arc<Semaphore>,
}

impl Tasks {
    /// At most `watchers` streams are open at a time.
    pub fn new(source: Arc<dyn TaskSource>, watchers: usize) -> Self {
        Self { source, watchers: Arc::new(Semaphore::new(watchers)) }
    }
}

fn request_id(request: &proto::GetTaskRequest) -> Result<RequestId, Status> {
    let id = wire::word("request_id", &request.request_id);
    id.map(RequestId).map_err(|error| Status::invalid_argument(error.to_string()))
}

async fn find(source: &dyn TaskSource, request: RequestId) -> Result<TaskStatus, Status> {
    source
        .task(request)
        .await
        .map_err(Status::internal)?
        .ok_or_else(|| Status::not_found(format!("request {request} is not known here")))
}

#[tonic::async_trait]
impl TaskService for Tasks {
    type WatchStream = ReceiverStream<Result<proto::Task, Status>>;

    async fn get(&self, request: Request<proto::GetTaskRequest>) -> Result<Response<proto::Task>, Status> {
        let id = request_id(request.get_ref())?;
        Ok(Response::new(find(&*self.source, id).await?.into()))
    }

    async fn watch(&self, request: Request<proto::GetTaskRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let id = request_id(request.get_ref())?;
        let permit = Arc::clone(&self.watchers)
            .try_acquire_owned()
            .map_err(|_| Status::resource_exhausted("the gateway has as many watching clients as it takes"))?;
        let mut changes = self.source.changes();
        changes.mark_unchanged();
        let first = find(&*self.source, id).await?;
        let (sender, receiver) = mpsc::channel(4);
        let source = Arc::clone(&self.source);
        tokio::spawn(async move {
            let _permit = permit;
            let mut last = first;
            let mut sent = sender.send(Ok(last.clone().into())).await;
            while sent.is_ok() && !last.ended {
                // A client that went away frees its place at once.
                let changed = tokio::select! {
                    changed = changes.changed() => changed.is_ok(),
                    () = sender.closed() => false,
                };
                if !changed {
                    return;
                }
                match find(&*source, id).await {
                    Ok(task) if task == last => {}
                    Ok(task) => {
                        last = task;
                        sent = sender.send(Ok(last.clone().into())).await;
                    }
                    Err(status) => {
                        sent = sender.send(Err(status)).await;
                        break;
                    }
                }
            }
            if sent.is_err() {
                tracing::debug!(request = %id, "a watching client left");
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl From<TaskStatus> for proto::Task {
    fn from(task: TaskStatus) -> Self {
        let job = |job: TaskJobStatus| {
            let (operator, price) = job.award.map_or_else(Default::default, |(operator, price)| {
                (operator.0.to_vec(), price.0.to_be_bytes::<32>().to_vec())
            });
            proto::TaskJob {
                job_id: job.job.0.to_vec(),
                kind: job.kind as u32,
                state: job.state,
                attempt: job.attempt,
                units: job.units.0,
                operator,
                price_wei_per_unit: price,
            }
        };
        proto::Task {
            request_id: task.request.0.to_vec(),
            state: task.state,
            reason: task.reason,
            ended: task.ended,
            deadline_block: task.deadline,
            jobs: task.jobs.into_iter().map(job).collect(),
        }
    }
}

impl TryFrom<proto::Task> for TaskStatus {
    type Error = WireError;

    fn try_from(task: proto::Task) -> Result<Self, WireError> {
        let job = |job: proto::TaskJob| -> Result<TaskJobStatus, WireError> {
            let kind = u8::try_from(job.kind).unwrap_or(u8::MAX);
            let award = if job.operator.is_empty() {
                None
            } else {
                let price = wire::word("price_wei_per_unit", &job.price_wei_per_unit)?;
                let operator = OperatorId(wire::address("operator", &job.operator)?);
                Some((operator, WeiPerUnit(U256::from_be_bytes(price.0))))
            };
            Ok(TaskJobStatus {
                job: JobId(wire::word("job_id", &job.job_id)?),
                kind: JobKind::try_from(kind)?,
                state: job.state,
                attempt: job.attempt,
                units: WorkUnits(job.units),
                award,
            })
        };
        Ok(Self {
            request: RequestId(wire::word("request_id", &task.request_id)?),
            state: task.state,
            reason: task.reason,
            ended: task.ended,
            deadline: task.deadline_block,
            jobs: task.jobs.into_iter().map(job).collect::<Result<_, _>>()?,
        })
    }
}
