//! Threads that make batches ahead of their use. Batches are given in order, whoever makes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use duoc_core::{Error, ErrorKind, Result};

use super::fetch::Job;
use crate::Dataset;

/// The threads of one epoch. They end with it.
pub(super) struct Crew<B> {
    shared: Arc<Shared<B>>,
    threads: Vec<JoinHandle<()>>,
    window: usize,
}

struct Shared<B> {
    state: Mutex<State<B>>,
    work: Condvar,
    ready: Condvar,
}

struct State<B> {
    /// The next batch that a worker takes.
    next: usize,
    /// The first batch that is too far ahead.
    limit: usize,
    done: BTreeMap<usize, Result<B>>,
    stop: bool,
}

impl<B> Shared<B> {
    fn lock(&self) -> MutexGuard<'_, State<B>> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Send + 'static> Crew<B> {
    /// Starts `workers` threads on the batches from `first` on, of which `window` may be ahead.
    pub(super) fn start<D: Dataset>(
        job: Arc<Job<D, B>>,
        workers: usize,
        window: usize,
        first: usize,
    ) -> Result<Crew<B>> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                next: first,
                limit: first.saturating_add(window),
                done: BTreeMap::new(),
                stop: false,
            }),
            work: Condvar::new(),
            ready: Condvar::new(),
        });
        let mut crew = Crew {
            shared,
            threads: Vec::new(),
            window,
        };
        // More workers than batches would only wait.
        for w in 0..workers.min(job.plan.count().saturating_sub(first)) {
            let (shared, job) = (crew.shared.clone(), job.clone());
            let named = std::thread::Builder::new().name(format!("duoc-loader-{w}"));
            let thread = named.spawn(move || work(&shared, &job, w));
            let thread = thread.map_err(|e| Error::new(ErrorKind::Runtime, format!("starting a loader's worker: {e}")));
            crew.threads.push(thread?);
        }
        Ok(crew)
    }

    /// Batch `k`, as soon as it is there.
    pub(super) fn take(&mut self, k: usize) -> Result<B> {
        let mut state = self.shared.lock();
        state.limit = k.saturating_add(self.window);
        self.shared.work.notify_all();
        loop {
            if let Some(batch) = state.done.remove(&k) {
                // One place is free.
                state.limit += 1;
                self.shared.work.notify_one();
                return batch;
            }
            state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work<D: Dataset, B: Send + 'static>(shared: &Shared<B>, job: &Job<D, B>, worker: usize) {
    let count = job.plan.count();
    let mut state = shared.lock();
    loop {
        while !state.stop && state.next < count && state.next >= state.limit {
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stop || state.next >= count {
            return;
        }
        let k = state.next;
        state.next += 1;
        drop(state);
        let batch = job.make(k, Some(worker));
        state = shared.lock();
        state.done.insert(k, batch);
        shared.ready.notify_all();
    }
}

impl<B> Drop for Crew<B> {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
