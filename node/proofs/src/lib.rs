//! Parameters, provers and verification: the implementation of [`ProofSystem`].
//!
//! A job's input and its proof are byte strings; everything in between (circuits, shrinking, the
//! final wrap) is decided here. Jobs are described in [`job`], the bytes of proofs in [`envelope`].

pub mod envelope;
pub mod error;
pub mod job;
pub mod parameters;
pub mod sample;
pub mod system;
pub mod wrap;

pub use error::ProofError;
/// The global allocator for programs that prove: with glibc's, loading parameters costs half as much again in CPU
/// seconds and a merge a sixth (docs/benchmarks.md).
pub use mimalloc::MiMalloc as ProvingAllocator;
pub use system::{LocalProofSystem, ProofSystem};
