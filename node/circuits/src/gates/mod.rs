//! Two gates for 32-bit limbs, for the row scan (`docs/circuits/query.md`, "Gates").
//!
//! Both hold a limb as sixteen base-4 digits on unrouted wires, each constrained to 0..4, which
//! bounds the limb to 32 bits at no routed cost.

mod borrow;
mod crumbs;
mod window;

pub use borrow::{BorrowGate, BorrowGenerator};
pub use window::{WindowGate, WindowGenerator};

#[cfg(test)]
pub(crate) mod conformance;
