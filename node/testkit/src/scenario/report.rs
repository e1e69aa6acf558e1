//! What the scenario did and whether every check held: a table for people, data for programs.

use std::{fmt::Write, time::Instant};

use serde::Serialize;

/// Everything that is reported.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub passed: bool,
    pub phases: Vec<Phase>,
    pub checks: Vec<Check>,
    pub awards: Vec<AwardLine>,
    pub gas: Vec<GasLine>,
    pub result: Vec<ResultLine>,
    /// Sum of the largest resident memory of every process, in bytes.
    pub peak_memory: u64,
    pub seconds: f64,
}

#[derive(Debug, Serialize)]
pub struct Phase {
    pub name: String,
    pub seconds: f64,
}

#[derive(Debug, Serialize)]
pub struct Check {
    pub name: String,
    pub held: bool,
    pub detail: String,
}

/// One award on the chain.
#[derive(Debug, Serialize)]
pub struct AwardLine {
    pub award: String,
    pub operator: String,
    pub units: u64,
    /// Wei.
    pub price: String,
    pub attempt: u32,
    pub end: String,
}

/// Transactions of one kind.
#[derive(Debug, Serialize)]
pub struct GasLine {
    pub function: String,
    pub transactions: u64,
    pub least: u64,
    pub most: u64,
}

/// One result column.
#[derive(Debug, Serialize)]
pub struct ResultLine {
    pub name: String,
    pub proven: String,
    pub computed: String,
}

impl Report {
    /// Records a check.
    pub fn check(&mut self, name: &str, held: bool, detail: impl Into<String>) {
        self.checks.push(Check { name: name.into(), held, detail: detail.into() });
    }

    /// Records how long a phase took.
    pub fn phase(&mut self, name: &str, began: Instant) {
        self.phases.push(Phase { name: name.into(), seconds: began.elapsed().as_secs_f64() });
    }

    /// Whether every check held; none at all is a failure.
    pub fn conclude(&mut self) -> bool {
        self.passed = !self.checks.is_empty() && self.checks.iter().all(|check| check.held);
        self.passed
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\nAwards");
        for line in &self.awards {
            let _ = writeln!(
                text,
                "  {}  {}  attempt {}  {:>4} units  {:>20} wei  {}",
                short(&line.award),
                line.operator,
                line.attempt,
                line.units,
                line.price,
                line.end
            );
        }
        let _ = writeln!(text, "\nResult {:>31} {:>32}", "proven on-chain", "computed from storage");
        for line in &self.result {
            let _ = writeln!(text, "  {:<8} {:>30} {:>32}", line.name, line.proven, line.computed);
        }
        let _ = writeln!(text, "\nGas");
        for line in &self.gas {
            let range = if line.least == line.most {
                line.least.to_string()
            } else {
                format!("{} to {}", line.least, line.most)
            };
            let _ = writeln!(text, "  {:<28} {:>3} × {range}", line.function, line.transactions);
        }
        let _ = writeln!(text, "\nPhases");
        for phase in &self.phases {
            let _ = writeln!(text, "  {:<44} {:>8.1} s", phase.name, phase.seconds);
        }
        let _ = writeln!(text, "\nChecks");
        for check in &self.checks {
            let mark = if check.held { "ok    " } else { "FAILED" };
            let _ = writeln!(text, "  {mark} {}: {}", check.name, check.detail);
        }
        let gib = self.peak_memory as f64 / f64::from(1 << 30);
        let _ = writeln!(text, "\n{:.0} s, peak memory of all processes {gib:.1} GiB", self.seconds);
        text
    }
}

fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}
