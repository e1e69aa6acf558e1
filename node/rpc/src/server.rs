//! The gateway's listener: sessions, tasks, health and reflection over TLS.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::error::RpcError;
use crate::proto::{DESCRIPTORS, prover_service_server::ProverServiceServer, task_service_server::TaskServiceServer};
use crate::session::Sessions;
use crate::task::Tasks;
use crate::tls::ServerIdentity;

/// Bounds on what a peer can make us hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest message in bytes; inputs and proofs are single messages.
    pub message_bytes: usize,
    /// Open streams per connection.
    pub streams: u32,
    /// Pause between HTTP/2 pings, and how long an answer may take.
    pub keep_alive: Duration,
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 32 << 20,
            streams: 64,
            keep_alive: Duration::from_secs(10),
            connect: Duration::from_secs(10),
        }
    }
}

pub struct ServerConfig {
    pub listen: SocketAddr,
    pub identity: ServerIdentity,
    pub limits: Limits,
}

/// Listens and returns the bound address with the server's future, which ends when `stop` does.
///
/// # Errors
/// [`RpcError::Listen`] when the address is taken, [`RpcError::Transport`] for unusable TLS material.
pub async fn serve(
    config: ServerConfig,
    sessions: Sessions,
    tasks: Tasks,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(SocketAddr, impl Future<Output = Result<(), RpcError>> + Send), RpcError> {
    let address = config.listen.to_string();
    let failed = |source| RpcError::Listen { address: address.clone(), source };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let limits = config.limits;
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ProverServiceServer<Sessions>>().await;
    reporter.set_serving::<TaskServiceServer<Tasks>>().await;
    let reflection =
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS).build_v1()?;
    let provers = ProverServiceServer::new(sessions)
        .max_decoding_message_size(limits.message_bytes)
        .max_encoding_message_size(limits.message_bytes);
    // Requests of clients are small.
    let tasks = TaskServiceServer::new(tasks).max_decoding_message_size(4096);
    let transport = move |source| RpcError::Transport { address: address.clone(), source };
    let router = Server::builder()
        .tls_config(config.identity.server())
        .map_err(&transport)?
        .http2_keepalive_interval(Some(limits.keep_alive))
        .http2_keepalive_timeout(Some(limits.keep_alive))
        .max_concurrent_streams(limits.streams)
        .add_service(health)
        .add_service(reflection)
        .add_service(provers)
        .add_service(tasks);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = async move { router.serve_with_incoming_shutdown(incoming, stop).await.map_err(transport) };
    Ok((bound, server))
}
