//! Plonky2 circuits and sumcheck arguments of Gavel. No IO.
//!
//! Everything works over Goldilocks with its quadratic extension and Poseidon; the aliases below
//! fix that choice once. What is proven is described in `docs/circuits/`.

pub mod circuit;
pub mod error;
pub mod extract;
pub mod gates;
pub mod header;
pub mod keccak;
pub mod preprocess;
pub mod query;
pub mod recursion;
pub mod rlp;
pub mod security;
pub mod sha256;
pub mod soundness;
pub mod statement;
pub mod statement_layer;
pub mod table;
pub mod tamper;
pub mod trie;
pub mod uint;

pub use error::CircuitError;

use plonky2::field::goldilocks_field::GoldilocksField;
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::config::PoseidonGoldilocksConfig;

/// Base field, p = 2^64 - 2^32 + 1.
pub type F = GoldilocksField;
/// Hash configuration of every layer except the final one.
pub type C = PoseidonGoldilocksConfig;
/// Degree of the extension that challenges are drawn from.
pub const D: usize = 2;
/// Circuit builder over [`F`].
pub type Builder = CircuitBuilder<F, D>;
