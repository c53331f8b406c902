//! How a case is timed: the protocol of `torch_suite.py`.
//!
//! Set-up, warm-up, calibration of an inner loop so that one repetition lasts at least 20 ms (or one call), then at
//! least five repetitions; the times are per call.

use std::time::{Duration, Instant};

/// Longest time for the repetitions, beyond the first five.
const BUDGET: Duration = Duration::from_millis(350);

/// The result of one case, in microseconds per call.
pub struct Timing {
    /// The median over the repetitions.
    pub median: f64,
    /// The best repetition.
    pub min: f64,
    /// Repetitions.
    pub reps: usize,
    /// Calls in one repetition.
    pub inner: usize,
}

/// Times a case that is set up.
pub fn time(run: &mut dyn FnMut()) -> Timing {
    let start = Instant::now();
    run();
    let first = start.elapsed();
    let warm = Instant::now() + Duration::from_millis(100).min(BUDGET / 4);
    let mut calls = 0;
    let slow = first > Duration::from_secs(1);
    while calls < 2 || (!slow && Instant::now() < warm) {
        run();
        calls += 1;
    }
    let start = Instant::now();
    run();
    let once = start.elapsed().as_secs_f64().max(1e-7);
    let inner = ((0.02 / once) as usize).max(1);
    let mut times = Vec::new();
    let end = Instant::now() + BUDGET;
    while times.len() < 5 || (Instant::now() < end && times.len() < 15) {
        let start = Instant::now();
        for _ in 0..inner {
            run();
        }
        times.push(start.elapsed().as_secs_f64() * 1e6 / inner as f64);
    }
    summary(times, inner)
}

/// Times a call within about `budget`: for many calls in turn with another library's, where the best time counts.
pub fn quick(run: &mut dyn FnMut(), budget: Duration) -> Timing {
    run();
    let start = Instant::now();
    run();
    let once = start.elapsed().as_secs_f64().max(1e-7);
    let inner = ((0.001 / once) as usize).max(1);
    let mut times = Vec::new();
    let end = Instant::now() + budget;
    while times.len() < 3 || (Instant::now() < end && times.len() < 50) {
        let start = Instant::now();
        for _ in 0..inner {
            run();
        }
        times.push(start.elapsed().as_secs_f64() * 1e6 / inner as f64);
    }
    summary(times, inner)
}

fn summary(mut times: Vec<f64>, inner: usize) -> Timing {
    times.sort_by(f64::total_cmp);
    let mid = times.len() / 2;
    let median = if times.len() % 2 == 1 {
        times[mid]
    } else {
        (times[mid - 1] + times[mid]) / 2.0
    };
    Timing {
        median,
        min: times[0],
        reps: times.len(),
        inner,
    }
}
