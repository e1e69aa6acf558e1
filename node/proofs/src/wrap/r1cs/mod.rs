//! R1CS verifier of the final layer (`docs/circuits/wrap.md`).

pub mod algebra;
pub mod extension;
pub mod fri;
mod gate_interpolation;
mod gate_poseidon;
pub mod gates;
pub mod goldilocks;
pub mod linear;
pub mod merkle;
pub mod poseidon;
pub mod selectors;
pub mod sponge;
pub mod system;
pub mod tables;
pub mod transcript;
pub mod vanishing;
pub mod verifier;
