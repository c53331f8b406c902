//! Where a loader is in its epoch.

use duoc_core::{Result, Tensor, random};

/// A loader's position, from which the rest of the epoch can be found again.
#[derive(Clone)]
pub struct LoaderState {
    /// Whether an epoch had begun and was not over.
    pub active: bool,
    /// Batches that had been given.
    pub yielded: usize,
    /// The seed of the epoch, from which every sample's own stream comes.
    pub base_seed: i64,
    /// The generator's state before the epoch's order was drawn from it.
    pub generator: Tensor,
}

/// What the loader knows of its latest epoch.
#[derive(Default)]
pub(super) struct Progress {
    /// Which epoch it is: an older one that goes on does not count.
    pub(super) number: u64,
    /// Batches of the epoch.
    pub(super) count: usize,
    /// The state to begin the next epoch with.
    pub(super) resume: Option<LoaderState>,
    latest: Option<LoaderState>,
}

impl Progress {
    pub(super) fn begin(&mut self, count: usize, yielded: usize, base_seed: i64, generator: Tensor) {
        self.number += 1;
        self.count = count;
        self.latest = Some(LoaderState {
            active: true,
            yielded,
            base_seed,
            generator,
        });
    }

    pub(super) fn advance(&mut self, number: u64, yielded: usize, over: bool) {
        if let Some(latest) = self.latest.as_mut().filter(|_| self.number == number) {
            (latest.yielded, latest.active) = (yielded, !over);
        }
    }

    pub(super) fn state(&self) -> Result<LoaderState> {
        match self.resume.as_ref().or(self.latest.as_ref()) {
            Some(state) => Ok(state.clone()),
            None => Ok(LoaderState {
                active: false,
                yielded: 0,
                base_seed: 0,
                generator: random::get_rng_state()?,
            }),
        }
    }
}
