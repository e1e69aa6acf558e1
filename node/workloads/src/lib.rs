//! What a request means and which jobs prove it. One folder for each workload; no IO.

pub mod coprocessor;
mod plan;

pub use plan::{Block, Job, Plan, UnitTable};

/// A kind of work that a gateway offers: texts that people write become a program and, for one
/// request, a plan of jobs.
pub trait Workload {
    /// A compiled text with its digests.
    type Query;
    /// What one request asks of a compiled query.
    type Request<'a>;
    /// Why a text or a request is not accepted; says what and where.
    type Error: std::error::Error;

    /// Compiles a table text and a query text over it.
    ///
    /// # Errors
    /// Whatever the workload does not accept.
    fn compile(&self, table: &str, query: &str) -> Result<Self::Query, Self::Error>;

    /// Plans the jobs that prove a request.
    ///
    /// # Errors
    /// When the request cannot be proven, for instance because one block does not fit in a circuit.
    fn plan(&self, request: &Self::Request<'_>, units: &UnitTable) -> Result<Plan, Self::Error>;
}
