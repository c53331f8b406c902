//! The fork-join thread pool.
//!
//! Workers run kernel chunks only: they never take a lock of the caller's and never wait for other work. A region's
//! chunks are fixed by the caller (by shape); which thread runs a chunk is not.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Work below this many simple element operations is not worth a second thread.
pub const GRAIN: usize = 32 * 1024;

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// The number of threads a region may use, the caller included.
pub fn num_threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            let n = std::thread::available_parallelism().map_or(1, |n| n.get());
            THREADS.store(n, Ordering::Relaxed);
            n
        }
        n => n,
    }
}

/// Sets the number of threads (at least 1). Results do not depend on it.
pub fn set_num_threads(n: usize) {
    THREADS.store(n.max(1), Ordering::Relaxed);
}

/// Calls `f(chunk)` for every chunk in `0..chunks`, on any thread, each once; returns when all are done.
pub fn for_chunks(chunks: usize, f: &(dyn Fn(usize) + Sync)) {
    let threads = num_threads().min(chunks);
    if threads <= 1 {
        (0..chunks).for_each(f);
        return;
    }
    let next = AtomicUsize::new(0);
    let work = || loop {
        let c = next.fetch_add(1, Ordering::Relaxed);
        if c >= chunks {
            break;
        }
        f(c);
    };
    std::thread::scope(|s| {
        for _ in 1..threads {
            s.spawn(work);
        }
        work();
    });
}

/// Splits `0..n` into ranges of about `grain` elements and calls `f(begin, end)` for each.
pub fn for_range(n: usize, grain: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let chunks = n.div_ceil(grain.max(1)).min(num_threads() * 4).max(1);
    let size = n.div_ceil(chunks);
    for_chunks(chunks, &|c| {
        let begin = (c * size).min(n);
        let end = (begin + size).min(n);
        if begin < end {
            f(begin, end);
        }
    });
}
