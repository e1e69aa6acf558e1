//! Time as a machine sees it, and the error of a step that the machine does not know.

use std::fmt;

/// The driver's view of time: the chain's head and its own clock.
///
/// Blocks decide everything that can cost an operator its stake; milliseconds only pace a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub block: u64,
    pub millis: u64,
}

/// An event that the state does not admit: a fault of the driver, never of a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{machine} {id} in state {state} does not admit {event}")]
pub struct IllegalTransition {
    pub machine: &'static str,
    pub id: String,
    pub state: String,
    pub event: String,
}

impl IllegalTransition {
    pub(crate) fn new(
        machine: &'static str,
        id: impl fmt::Display,
        state: &impl fmt::Debug,
        event: &impl fmt::Debug,
    ) -> Self {
        Self { machine, id: id.to_string(), state: format!("{state:?}"), event: format!("{event:?}") }
    }
}
