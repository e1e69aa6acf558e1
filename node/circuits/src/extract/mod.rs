//! The extract circuit: rows of a table out of a chunk of consecutive blocks
//! (`docs/circuits/extract.md`).

pub mod bytes;
pub mod chunk;
pub mod circuit;
pub mod error;
pub mod keys;
pub mod machine;
mod path;
pub mod role;
pub mod rows;
pub mod shape;
pub mod step;
pub mod synthetic;
pub mod wiring;

pub use chunk::{Block, BlockWitness, Chunk, Keys, block_usage, fits};
pub use circuit::{ExtractCircuit, ExtractProof, ExtractProofError};
pub use error::{ExtractError, PathId};
pub use shape::{ExtractShape, Usage};

#[cfg(test)]
mod tests;
