//! Whether somebody else used the CPU meanwhile. Where the system does not say (no `/proc`), nobody did.

use std::time::Instant;

/// CPU seconds used by everybody and by this process with its children, at a time.
#[derive(Clone, Copy)]
pub struct Load {
    all: f64,
    own: f64,
    at: Instant,
}

/// Clock ticks a second in `/proc`: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// The present state.
pub fn now() -> Option<Load> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let all: Vec<f64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .filter_map(|n| n.parse().ok())
        .collect();
    // user, nice, system, then (after idle and iowait) irq, softirq and what the host took.
    let all = [0, 1, 2, 5, 6, 7].iter().filter_map(|i| all.get(*i)).sum::<f64>() / TICKS;
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold spaces; utime, stime, cutime and cstime are fields 14 to 17 of the line.
    let own = own.rsplit_once(')')?.1;
    let own: f64 = own
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|n| n.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS;
    Some(Load {
        all,
        own,
        at: Instant::now(),
    })
}

/// The fraction of one CPU that others used between two states, if it is enough to disturb.
pub fn others(before: Load, after: Load) -> Option<f64> {
    let wall = (after.at - before.at).as_secs_f64();
    let others = (after.all - before.all) - (after.own - before.own);
    (others > 0.04 * wall + 0.06).then(|| (others / wall).max(0.0))
}
