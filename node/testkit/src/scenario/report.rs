//! What the scenario did and whether every check held: a table for people, data for programs.

use std::{fmt::Write, time::Instant};

use serde::Serialize;

/// Everything that is reported.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub passed: bool,
    pub phases: Vec<Phase>,
    pub checks: Vec<Check>,
    pub auctions: Vec<AuctionLine>,
    pub awards: Vec<AwardLine>,
    pub gas: Vec<GasLine>,
    pub result: Vec<ResultLine>,
    /// Highest sum of the resident memory of all processes, in bytes.
    pub peak_memory: u64,
    pub seconds: f64,
    /// What was installed and built before, when somebody says so.
    pub totals: Option<Totals>,
}

/// What `scripts/demo` did before the scenario, and how much all of it may take.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Whether anything had to be built.
    pub cold: bool,
    /// Seconds of everything, the scenario included.
    pub seconds: f64,
    /// Bytes; see [`Report::peak_memory`].
    pub peak_memory: u64,
    /// What the newest start of each kind took, and may take.
    pub cold_seconds: Option<f64>,
    pub warm_seconds: Option<f64>,
    pub budget_cold_seconds: f64,
    pub budget_warm_seconds: f64,
    pub budget_memory: u64,
}

const COLD_SECONDS: f64 = 3_600.0;
const WARM_SECONDS: f64 = 900.0;
const MEMORY: u64 = 16 << 30;

#[derive(Clone, Debug, Serialize)]
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

/// One lot's auction.
#[derive(Debug, Serialize)]
pub struct AuctionLine {
    pub tick: u64,
    pub class: String,
    /// Kinds of the jobs.
    pub jobs: Vec<String>,
    pub bids: Vec<BidLine>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BidLine {
    pub operator: String,
    /// Decimal; none when it was never opened.
    pub wei_per_unit: Option<String>,
    pub won: bool,
}

/// One award on the chain.
#[derive(Debug, Serialize)]
pub struct AwardLine {
    pub award: String,
    pub kind: String,
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

    /// Puts what was done before the scenario in front, and sums up. `other` is what the newest start of the other
    /// kind took, if there was one.
    pub fn add_preparation(&mut self, cold: bool, phases: Vec<Phase>, peak_memory: u64, other: Option<f64>) {
        let seconds = self.seconds + phases.iter().map(|phase| phase.seconds).sum::<f64>();
        let (cold_seconds, warm_seconds) = if cold { (Some(seconds), other) } else { (other, Some(seconds)) };
        self.totals = Some(Totals {
            cold,
            seconds,
            peak_memory: self.peak_memory.max(peak_memory),
            cold_seconds,
            warm_seconds,
            budget_cold_seconds: COLD_SECONDS,
            budget_warm_seconds: WARM_SECONDS,
            budget_memory: MEMORY,
        });
        self.phases.splice(0..0, phases);
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\nAuctions: who bid what, in wei for a work unit; * won")?;
        for line in &self.auctions {
            let bids: Vec<String> = line.bids.iter().map(BidLine::text).collect();
            let bids = if bids.is_empty() { "no bid".into() } else { bids.join(", ") };
            writeln!(text, "  tick {:>3}  {:<7} {:<9} {bids}", line.tick, line.class, line.jobs.join(", "))?;
        }
        writeln!(text, "\nAwards on-chain")?;
        for line in &self.awards {
            let AwardLine { kind, operator, units, price, attempt, end, .. } = line;
            let award = line.award.get(..10).unwrap_or(&line.award);
            writeln!(
                text,
                "  {award}  {kind:<8} {operator}  attempt {attempt}  {units:>4} units  {price:>18} wei  {end}"
            )?;
        }
        writeln!(text, "\nResult {:>31} {:>32}", "proven on-chain", "computed from storage")?;
        for line in &self.result {
            writeln!(text, "  {:<8} {:>30} {:>32}", line.name, line.proven, line.computed)?;
        }
        writeln!(text, "\nGas")?;
        for line in &self.gas {
            let range = match line.least == line.most {
                true => line.least.to_string(),
                false => format!("{} to {}", line.least, line.most),
            };
            writeln!(text, "  {:<28} {:>3} × {range}", line.function, line.transactions)?;
        }
        writeln!(text, "\nPhases")?;
        for phase in &self.phases {
            writeln!(text, "  {:<44} {:>8.1} s", phase.name, phase.seconds)?;
        }
        writeln!(text, "\nChecks")?;
        for check in &self.checks {
            let mark = if check.held { "ok    " } else { "FAILED" };
            writeln!(text, "  {mark} {}: {}", check.name, check.detail)?;
        }
        writeln!(text, "\nScenario: {:.0} s, peak memory {:.1} GiB", self.seconds, gib(self.peak_memory))?;
        if let Some(totals) = &self.totals {
            let start = if totals.cold { "cold" } else { "warm" };
            writeln!(text, "In all, from a {start} start: {:.0} s", totals.seconds)?;
            for (name, seconds, budget) in [
                ("cold start", totals.cold_seconds, totals.budget_cold_seconds),
                ("warm start", totals.warm_seconds, totals.budget_warm_seconds),
            ] {
                let took = seconds.map_or_else(|| "not run yet".into(), |seconds| format!("{seconds:.0} s"));
                writeln!(text, "  {name:<12} {took} (budget {budget:.0} s)")?;
            }
            let (peak, budget) = (gib(totals.peak_memory), gib(totals.budget_memory));
            writeln!(text, "  peak memory  {peak:.1} GiB (budget {budget:.0} GiB)")?;
        }
        Ok(())
    }
}

impl BidLine {
    fn text(&self) -> String {
        let price = self.wei_per_unit.as_deref().unwrap_or("not opened");
        format!("{}{} {price}", if self.won { "*" } else { "" }, self.operator)
    }
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}
