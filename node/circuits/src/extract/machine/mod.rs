//! The machine that reads headers and nodes: three rows a step, written as custom gates whose wires
//! the native side fills (`docs/circuits/extract.md`).

pub mod control;
pub mod gate;
pub mod rule;
pub mod thread;
pub mod trace;
pub mod value;
pub mod window;
pub mod wiring;

pub use gate::{Row, RowGate};
pub use rule::Rule;
pub use trace::{Ends, Trace};
pub use wiring::MachineTarget;
