//! What a piece of work takes of the machine.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use super::Outcome;

/// Runs `work` and tells what it took, all threads: CPU seconds (user and system), wall seconds and
/// the peak of resident memory in MiB, parameters loaded before it included. `details` adds facts
/// about the result.
pub fn measure<T>(work: impl FnOnce() -> Outcome<T>, details: impl FnOnce(T) -> Value) -> Outcome<Value> {
    // Without the right to do so, the peak is that of the whole process.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let (wall, cpu) = (Instant::now(), cpu_seconds()?);
    let value = work()?;
    let (wall_s, cpu_s) = (wall.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    let peak_mib = peak_memory_mib()?;
    Ok(json!({ "cpu_s": cpu_s, "wall_s": wall_s, "peak_mib": peak_mib, "details": details(value) }))
}

fn cpu_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The process name, in parentheses, may hold spaces; fields 14 and 15 count from before it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| -> Outcome<f64> { Ok(fields.get(index).ok_or("short stat")?.parse::<f64>()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

fn peak_memory_mib() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
