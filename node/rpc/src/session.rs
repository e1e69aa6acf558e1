//! A prover's session at the gateway: challenge, hello, welcome, then messages both ways.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use alloy_sol_types::Eip712Domain;
use gavel_types::id::{GatewayEpoch, OperatorId, SupernetId};
use gavel_types::message::{SessionHello, Signed};
use gavel_types::signature::SignatureBytes;
use gavel_types::unit::Classes;
use rand::RngCore;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::error::{AuthError, WireError};
use crate::message::{FromProver, RefusalCode, ToProver};
use crate::proto::{self, gateway_message, prover_message, prover_service_server::ProverService};
use crate::wire;

/// Messages that wait for a slow prover before its session is dropped.
const OUTGOING_QUEUE: usize = 256;
/// Time for the answer to a challenge.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// What every session of a gateway is bound to.
#[derive(Clone, Debug)]
pub struct SessionTerms {
    pub domain: Eip712Domain,
    pub supernet: SupernetId,
    pub epoch: GatewayEpoch,
    pub circuit_set: B256,
}

/// Who may open a session.
pub trait Admission: Send + Sync + 'static {
    /// The registered bid key of an operator, `None` when it is not registered.
    fn bid_key(&self, operator: OperatorId) -> Option<Address>;
    /// The chain's head, for the welcome.
    fn head(&self) -> u64;
}

/// Number of a session; a later one of the same operator replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// What the gateway hears from its sessions.
#[derive(Debug)]
pub enum SessionEvent {
    Opened { session: SessionId, operator: OperatorId, classes: Classes, outgoing: Outgoing },
    Message { session: SessionId, operator: OperatorId, message: FromProver },
    Closed { session: SessionId, operator: OperatorId },
}

/// The way to one prover. Sending never waits: a prover that does not read is cut off, and gets
/// everything again when it comes back.
#[derive(Clone, Debug)]
pub struct Outgoing(mpsc::Sender<Result<proto::GatewayMessage, Status>>);

impl Outgoing {
    /// Returns false when the session is over or the prover does not read.
    pub fn send(&self, message: ToProver) -> bool {
        self.0.try_send(Ok(message.into())).is_ok()
    }
}

/// The service that provers connect to.
pub struct Sessions {
    terms: SessionTerms,
    admission: Arc<dyn Admission>,
    events: mpsc::Sender<SessionEvent>,
    slots: Arc<Semaphore>,
    next: std::sync::atomic::AtomicU64,
}

impl Sessions {
    /// At most `limit` sessions are open at a time.
    pub fn new(
        terms: SessionTerms,
        admission: Arc<dyn Admission>,
        events: mpsc::Sender<SessionEvent>,
        limit: usize,
    ) -> Self {
        Self { terms, admission, events, slots: Arc::new(Semaphore::new(limit)), next: 0.into() }
    }
}

#[tonic::async_trait]
impl ProverService for Sessions {
    type SessionStream = ReceiverStream<Result<proto::GatewayMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<proto::ProverMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let permit = Arc::clone(&self.slots)
            .try_acquire_owned()
            .map_err(|_| Status::resource_exhausted("the gateway has as many sessions as it takes"))?;
        let (sender, receiver) = mpsc::channel(OUTGOING_QUEUE);
        let session = SessionId(self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let task = SessionTask {
            session,
            terms: self.terms.clone(),
            admission: Arc::clone(&self.admission),
            events: self.events.clone(),
            incoming: request.into_inner(),
            outgoing: sender,
        };
        tokio::spawn(task.run(permit));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

struct SessionTask {
    session: SessionId,
    terms: SessionTerms,
    admission: Arc<dyn Admission>,
    events: mpsc::Sender<SessionEvent>,
    incoming: Streaming<proto::ProverMessage>,
    outgoing: mpsc::Sender<Result<proto::GatewayMessage, Status>>,
}

impl SessionTask {
    async fn run(mut self, permit: OwnedSemaphorePermit) {
        let (operator, classes) = match self.authenticate().await {
            Ok(identity) => identity,
            Err(error) => {
                tracing::info!(session = self.session.0, %error, "session refused");
                // The stream may be gone already; then nobody waits for the status.
                let _ = self.outgoing.send(Err(Status::unauthenticated(error.to_string()))).await;
                return;
            }
        };
        let session = self.session;
        let outgoing = Outgoing(self.outgoing.clone());
        let opened = SessionEvent::Opened { session, operator, classes, outgoing: outgoing.clone() };
        if self.events.send(opened).await.is_ok() {
            self.pump(operator, &outgoing).await;
            // When the gateway is shutting down nobody listens.
            let _ = self.events.send(SessionEvent::Closed { session, operator }).await;
        }
        drop(permit);
    }

    async fn pump(&mut self, operator: OperatorId, outgoing: &Outgoing) {
        let session = self.session;
        loop {
            let message = tokio::select! {
                message = self.incoming.message() => message,
                () = self.outgoing.closed() => return,
            };
            match message {
                Ok(Some(message)) => match FromProver::try_from(message) {
                    Ok(message) => {
                        if self.events.send(SessionEvent::Message { session, operator, message }).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        let refusal = ToProver::Refusal {
                            code: RefusalCode::Malformed,
                            subject: B256::ZERO,
                            reason: error.to_string(),
                        };
                        if !outgoing.send(refusal) {
                            return;
                        }
                    }
                },
                Ok(None) => return,
                Err(status) => {
                    tracing::debug!(session = session.0, %operator, %status, "session broke");
                    return;
                }
            }
        }
    }

    async fn authenticate(&mut self) -> Result<(OperatorId, Classes), crate::RpcError> {
        let mut nonce = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut nonce);
        let challenge = proto::Challenge {
            supernet: self.terms.supernet.0,
            gateway_epoch: self.terms.epoch.0,
            nonce: nonce.to_vec(),
            circuit_set_root: self.terms.circuit_set.to_vec(),
        };
        self.reply(gateway_message::Body::Challenge(challenge)).await?;
        let first = tokio::time::timeout(HELLO_LIMIT, self.incoming.message()).await;
        let first = first.map_err(|_| AuthError::Silent)??.ok_or(crate::RpcError::Closed)?;
        let Some(prover_message::Body::Hello(hello)) = first.body else {
            return Err(WireError::Missing { field: "hello" }.into());
        };
        let operator = OperatorId(wire::address("operator", &hello.operator)?);
        let classes = wire::classes(hello.classes)?;
        let key = self.admission.bid_key(operator).ok_or(AuthError::Unregistered(operator))?;
        let message = SessionHello {
            supernet: self.terms.supernet.0,
            gatewayEpoch: self.terms.epoch.0,
            operator: operator.0,
            challenge: B256::from(nonce),
            classes: classes.bits(),
            circuitSetRoot: self.terms.circuit_set,
        };
        let signature = SignatureBytes::try_from(hello.signature.as_slice()).map_err(WireError::from)?;
        Signed { message, signature }
            .verify(&self.terms.domain, key)
            .map_err(|source| AuthError::Signature { operator, source })?;
        self.reply(gateway_message::Body::Welcome(proto::Welcome { head_block: self.admission.head() })).await?;
        Ok((operator, classes))
    }

    async fn reply(&self, body: gateway_message::Body) -> Result<(), crate::RpcError> {
        let message = proto::GatewayMessage { body: Some(body) };
        self.outgoing.send(Ok(message)).await.map_err(|_| crate::RpcError::Closed)
    }
}
