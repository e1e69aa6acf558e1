//! The extract circuit: rows of a table out of a chunk of consecutive blocks
//! (`docs/circuits/extract.md`).

pub mod chunk;
pub mod error;
mod path;
pub mod role;
pub mod shape;
pub mod step;
pub mod synthetic;

pub use chunk::{Block, BlockWitness, Chunk, Keys, block_usage, fits};
pub use error::{ExtractError, PathId};
pub use shape::{ExtractShape, Usage};

#[cfg(test)]
mod tests;
