//! Everything that proving needs beyond code, built once and kept in one folder.

pub mod store;

pub use store::{ParameterStore, Progress};
