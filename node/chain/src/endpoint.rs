//! A JSON-RPC transport over several HTTP endpoints: each call has a time limit, and an endpoint
//! that fails, or says that it lacks the asked history, is followed by the next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use alloy::{
    rpc::json_rpc::{ErrorPayload, RequestPacket, ResponsePacket},
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use reqwest::{Client, Url};

/// Why one endpoint did not answer a call. Endpoints are named by host only: paths and queries of
/// providers' URLs hold keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("{host} did not answer within {after:?}")]
    Timeout { host: String, after: Duration },
    #[error("{host} cannot be reached: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("{host} answered with HTTP status {status}")]
    Http { host: String, status: u16 },
    #[error("{host} gave an answer that is not JSON-RPC: {reason}")]
    Malformed { host: String, reason: String },
    #[error("no endpoint answered: {}", join(.0))]
    All(Vec<EndpointError>),
}

impl EndpointError {
    /// Whether every failure was a time limit.
    pub fn is_timeout(&self) -> bool {
        match self {
            EndpointError::Timeout { .. } => true,
            EndpointError::All(all) => !all.is_empty() && all.iter().all(EndpointError::is_timeout),
            _ => false,
        }
    }
}

fn join(errors: &[EndpointError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Time limits and attempts.
#[derive(Clone, Copy, Debug)]
pub struct EndpointOptions {
    /// For one call at one endpoint.
    pub timeout: Duration,
    /// How often the whole list is tried.
    pub rounds: usize,
    /// Pause before each further round.
    pub pause: Duration,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(20), rounds: 2, pause: Duration::from_millis(300) }
    }
}

/// The transport. Cheap to clone; clones share the memory of which endpoint answered last.
#[derive(Clone, Debug)]
pub struct Fallback {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    urls: Vec<Url>,
    options: EndpointOptions,
    preferred: AtomicUsize,
}

impl Fallback {
    /// Endpoints in order of preference; `urls` is not empty.
    ///
    /// # Errors
    /// The reason for which no HTTP client can be built, or that there are no URLs.
    pub fn new(urls: Vec<Url>, options: EndpointOptions) -> Result<Self, String> {
        if urls.is_empty() {
            return Err("no RPC endpoint given".into());
        }
        // The process may have chosen a provider already; either serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(options.timeout).build().map_err(|error| error.to_string())?;
        let shared = Shared { client, urls, options, preferred: AtomicUsize::new(0) };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Shared {
    async fn call(&self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let body = serde_json::to_vec(&request).map_err(TransportError::ser_err)?;
        let mut failures = Vec::new();
        let mut refusal = None;
        for round in 0..self.options.rounds.max(1) {
            if round > 0 {
                tokio::time::sleep(self.options.pause).await;
            }
            let first = self.preferred.load(Ordering::Relaxed);
            for step in 0..self.urls.len() {
                let index = (first + step) % self.urls.len();
                match self.post(&self.urls[index], body.clone()).await {
                    Ok(answer) if answer.iter_errors().any(another_may_answer) => refusal = Some(answer),
                    Ok(answer) => {
                        self.preferred.store(index, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "RPC endpoint failed");
                        failures.push(error);
                    }
                }
            }
            // Every endpoint that works said no: asking again changes nothing.
            if let Some(answer) = refusal.take() {
                return Ok(answer);
            }
        }
        let error = if failures.len() == 1 { failures.remove(0) } else { EndpointError::All(failures) };
        Err(TransportErrorKind::custom(error))
    }

    async fn post(&self, url: &Url, body: Vec<u8>) -> Result<ResponsePacket, EndpointError> {
        let host = url.host_str().map_or_else(String::new, |host| match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        });
        let failed = |error: reqwest::Error| {
            let host = host.clone();
            if error.is_timeout() {
                EndpointError::Timeout { host, after: self.options.timeout }
            } else {
                EndpointError::Unreachable { host, reason: root_cause(&error) }
            }
        };
        let request = self.client.post(url.clone()).header("content-type", "application/json").body(body);
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(failed)?;
        // Some nodes send JSON-RPC errors with status 4xx: what parses counts as an answer.
        match serde_json::from_slice(&body) {
            Ok(packet) => Ok(packet),
            Err(_) if !status.is_success() => Err(EndpointError::Http { host, status: status.as_u16() }),
            Err(error) => Err(EndpointError::Malformed { host, reason: error.to_string() }),
        }
    }
}

/// The innermost error: "connection refused" rather than "error sending request for url (…)".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Errors that say something about the endpoint, not about the question.
fn another_may_answer(error: &ErrorPayload<Box<serde_json::value::RawValue>>) -> bool {
    error.code == 429 || error.code == -32005 || is_missing_history(&error.message)
}

/// Whether a node's message says that it does not keep the state or block that was asked for.
pub fn is_missing_history(message: &str) -> bool {
    const SIGNS: [&str; 12] = [
        "missing trie node",
        "historical state",
        "no state available",
        "state not available",
        "state is not available",
        "state is pruned",
        "pruned",
        "old data not available",
        "distance to target block exceeds",
        "resource not found",
        "archive",
        "blockoutofrange",
    ];
    let message = message.to_lowercase();
    SIGNS.iter().any(|sign| message.contains(sign))
}

impl tower::Service<RequestPacket> for Fallback {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        let shared = self.shared.clone();
        Box::pin(async move { shared.call(request).await })
    }
}
