//! A plan: the jobs that prove a request, as a graph.

use alloy_primitives::B256;
use gavel_circuits::extract::Usage;
use gavel_types::job::JobKind;
use gavel_types::statement::Claim;
use gavel_types::unit::{Class, WorkUnits};
use serde::{Deserialize, Serialize};

/// Work units of each kind of job, from the supernet's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitTable {
    pub extract: WorkUnits,
    pub query: WorkUnits,
    pub merge: WorkUnits,
    pub answer: WorkUnits,
    pub wrap: WorkUnits,
}

impl UnitTable {
    pub fn of(&self, kind: JobKind) -> WorkUnits {
        match kind {
            JobKind::Extract => self.extract,
            JobKind::Query => self.query,
            JobKind::Merge => self.merge,
            JobKind::Answer => self.answer,
            JobKind::Wrap => self.wrap,
        }
    }
}

/// A block as planning sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub hash: B256,
    pub parent: B256,
    /// What the block takes of an extraction circuit.
    pub usage: Usage,
}

/// One job of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Place in the plan, and number in the job's id.
    pub index: u32,
    pub kind: JobKind,
    pub units: WorkUnits,
    /// Indices of the jobs whose proofs go in, all smaller; for a merge left before right.
    pub deps: Vec<u32>,
    /// First and last block that the job covers.
    pub first: u64,
    pub last: u64,
    /// Known before the work is done. A wrap has the claim of its answer.
    pub claim: Claim,
}

impl Job {
    pub fn class(&self) -> Class {
        self.kind.class()
    }
}

/// All jobs of a request; the last one is the wrap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub jobs: Vec<Job>,
}

impl Plan {
    /// Jobs of a kind, in order.
    pub fn of(&self, kind: JobKind) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(move |job| job.kind == kind)
    }

    /// Sum of all work units; `None` past 64 bits.
    pub fn units(&self) -> Option<WorkUnits> {
        WorkUnits::sum(self.jobs.iter().map(|job| job.units))
    }

    /// Jobs that can start once `done` says that their inputs exist.
    pub fn ready(&self, done: impl Fn(u32) -> bool) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(move |job| !done(job.index) && job.deps.iter().all(|dep| done(*dep)))
    }
}
