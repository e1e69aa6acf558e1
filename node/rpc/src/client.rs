//! The other end: a prover's session and a client's view of tasks.

use alloy_primitives::B256;
use gavel_types::id::{OperatorId, RequestId};
use gavel_types::message::{SessionHello, Signed};
use gavel_types::signature::Signer;
use gavel_types::unit::Classes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use crate::error::{AuthError, RpcError, WireError};
use crate::message::{FromProver, ToProver};
use crate::proto::{
    self, gateway_message, prover_message, prover_service_client::ProverServiceClient,
    task_service_client::TaskServiceClient,
};
use crate::server::Limits;
use crate::session::SessionTerms;
use crate::task::TaskStatus;
use crate::tls::Trust;
use crate::wire;

const OUTGOING_QUEUE: usize = 64;

async fn connect(address: &str, trust: &Trust, limits: &Limits) -> Result<Channel, RpcError> {
    let failed = |source| RpcError::Transport { address: address.into(), source };
    Endpoint::from_shared(address.to_owned())
        .map_err(failed)?
        .tls_config(trust.client())
        .map_err(failed)?
        .connect_timeout(limits.connect)
        .http2_keep_alive_interval(limits.keep_alive)
        .keep_alive_timeout(limits.keep_alive)
        .keep_alive_while_idle(true)
        .connect()
        .await
        .map_err(failed)
}

/// An authenticated session of a prover.
#[derive(Debug)]
pub struct ProverClient {
    outgoing: mpsc::Sender<proto::ProverMessage>,
    incoming: Streaming<proto::GatewayMessage>,
    /// The chain's head when the session was opened.
    pub head: u64,
}

impl ProverClient {
    /// Connects and answers the gateway's challenge. `terms` is what the chain says of the gateway.
    ///
    /// # Errors
    /// [`RpcError::Transport`] when the gateway is not reachable or not trusted,
    /// [`RpcError::Auth`] when it is another gateway, [`RpcError::Status`] when it refuses.
    pub async fn open(
        address: &str,
        trust: &Trust,
        limits: &Limits,
        terms: &SessionTerms,
        operator: OperatorId,
        classes: Classes,
        signer: &Signer,
    ) -> Result<Self, RpcError> {
        let channel = connect(address, trust, limits).await?;
        let mut service = ProverServiceClient::new(channel)
            .max_decoding_message_size(limits.message_bytes)
            .max_encoding_message_size(limits.message_bytes);
        let (outgoing, receiver) = mpsc::channel(OUTGOING_QUEUE);
        let mut incoming = service.session(ReceiverStream::new(receiver)).await?.into_inner();
        let challenge = match next_body(&mut incoming).await? {
            gateway_message::Body::Challenge(challenge) => challenge,
            _ => return Err(WireError::Missing { field: "challenge" }.into()),
        };
        check_gateway(terms, &challenge)?;
        let message = SessionHello {
            supernet: terms.supernet.0,
            gatewayEpoch: terms.epoch.0,
            operator: operator.0,
            challenge: wire::word("nonce", &challenge.nonce)?,
            classes: classes.bits(),
            circuitSetRoot: terms.circuit_set,
        };
        let hello = proto::Hello {
            operator: operator.0.to_vec(),
            classes: classes.bits().into(),
            signature: Signed::new(message, &terms.domain, signer).signature.0.to_vec(),
        };
        let body = Some(prover_message::Body::Hello(hello));
        outgoing.send(proto::ProverMessage { body }).await.map_err(|_| RpcError::Closed)?;
        match next_body(&mut incoming).await? {
            gateway_message::Body::Welcome(welcome) => Ok(Self { outgoing, incoming, head: welcome.head_block }),
            _ => Err(WireError::Missing { field: "welcome" }.into()),
        }
    }

    /// The next message; cancelling the wait loses none.
    ///
    /// # Errors
    /// [`RpcError::Closed`] at the end of the session, [`RpcError::Wire`] for an unreadable message.
    pub async fn next(&mut self) -> Result<ToProver, RpcError> {
        let message = self.incoming.message().await?.ok_or(RpcError::Closed)?;
        Ok(ToProver::try_from(message)?)
    }

    /// # Errors
    /// [`RpcError::Closed`] when the session is over.
    pub async fn send(&self, message: FromProver) -> Result<(), RpcError> {
        self.outgoing.send(message.into()).await.map_err(|_| RpcError::Closed)
    }
}

async fn next_body(incoming: &mut Streaming<proto::GatewayMessage>) -> Result<gateway_message::Body, RpcError> {
    let message = incoming.message().await?.ok_or(RpcError::Closed)?;
    Ok(message.body.ok_or(WireError::Missing { field: "body" })?)
}

fn check_gateway(terms: &SessionTerms, challenge: &proto::Challenge) -> Result<(), RpcError> {
    if challenge.supernet != terms.supernet.0 {
        return Err(AuthError::Supernet { expected: terms.supernet.0, got: challenge.supernet }.into());
    }
    if challenge.gateway_epoch != terms.epoch.0 {
        return Err(AuthError::Epoch { expected: terms.epoch.0, got: challenge.gateway_epoch }.into());
    }
    let gateway: B256 = wire::word("circuit_set_root", &challenge.circuit_set_root)?;
    if gateway != terms.circuit_set {
        return Err(AuthError::CircuitSet { gateway, prover: terms.circuit_set }.into());
    }
    Ok(())
}

/// Reads and watches tasks.
#[derive(Clone, Debug)]
pub struct TaskClient(TaskServiceClient<Channel>);

impl TaskClient {
    /// # Errors
    /// [`RpcError::Transport`] when the gateway is not reachable or not trusted.
    pub async fn connect(address: &str, trust: &Trust, limits: &Limits) -> Result<Self, RpcError> {
        Ok(Self(TaskServiceClient::new(connect(address, trust, limits).await?)))
    }

    /// # Errors
    /// [`RpcError::Status`] with code `NotFound` for an unknown request.
    pub async fn get(&mut self, request: RequestId) -> Result<TaskStatus, RpcError> {
        let request = proto::GetTaskRequest { request_id: request.0.to_vec() };
        Ok(TaskStatus::try_from(self.0.get(request).await?.into_inner())?)
    }

    /// The task now and at each change, until it has ended.
    ///
    /// # Errors
    /// As [`TaskClient::get`].
    pub async fn watch(&mut self, request: RequestId) -> Result<TaskStream, RpcError> {
        let request = proto::GetTaskRequest { request_id: request.0.to_vec() };
        Ok(TaskStream(self.0.watch(request).await?.into_inner()))
    }
}

/// States of one task, in order.
#[derive(Debug)]
pub struct TaskStream(Streaming<proto::Task>);

impl TaskStream {
    /// `None` after the last state.
    ///
    /// # Errors
    /// [`RpcError::Status`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<TaskStatus>, RpcError> {
        self.0.message().await?.map(TaskStatus::try_from).transpose().map_err(RpcError::from)
    }
}
