//! The wire: gRPC services over TLS, authentication of provers, and messages as checked types.

pub mod client;
pub mod error;
pub mod message;
pub mod server;
pub mod session;
pub mod task;
pub mod tls;
mod wire;

/// Code generated from `proto/gavel.proto`.
pub mod proto {
    #![allow(missing_docs, clippy::all)]
    tonic::include_proto!("gavel.v1");

    /// Descriptors for the reflection service.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gavel_descriptor.bin"));
}

pub use client::{ProverClient, TaskClient};
pub use error::RpcError;
pub use server::{Limits, ServerConfig, serve};
