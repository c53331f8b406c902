//! Making one batch: its samples, their random streams, and what goes wrong in them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use duoc_core::random::{self, Generator};
use duoc_core::{Error, ErrorKind, Result};

use crate::{Collate, Dataset};

/// The batches of an epoch.
pub(super) enum Plan {
    /// So many of an order at a time.
    Even {
        order: Vec<usize>,
        batch_size: usize,
        count: usize,
    },
    /// Each by itself, with the number of samples before it.
    Given(Vec<(usize, Vec<usize>)>),
}

impl Plan {
    pub(super) fn even(order: Vec<usize>, batch_size: usize, drop_last: bool) -> Plan {
        let count = crate::sampler::count_batches(order.len(), batch_size, drop_last);
        Plan::Even {
            order,
            batch_size,
            count,
        }
    }

    pub(super) fn given(batches: Vec<Vec<usize>>) -> Plan {
        let mut before = 0;
        let place = |batch: Vec<usize>| {
            let at = before;
            before += batch.len();
            (at, batch)
        };
        Plan::Given(batches.into_iter().map(place).collect())
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Plan::Even { count, .. } => *count,
            Plan::Given(batches) => batches.len(),
        }
    }

    /// The indices of batch `k`, and how many samples of the epoch come before them.
    fn batch(&self, k: usize) -> (usize, &[usize]) {
        match self {
            Plan::Even { order, batch_size, .. } => {
                let start = k.saturating_mul(*batch_size).min(order.len());
                let end = start.saturating_add(*batch_size).min(order.len());
                (start, &order[start..end])
            }
            Plan::Given(batches) => match batches.as_slice().get(k) {
                Some((before, batch)) => (*before, batch),
                None => (0, &[]),
            },
        }
    }
}

type Together<D, B> = Arc<dyn Fn(Vec<<D as Dataset>::Item>) -> Result<B> + Send + Sync>;

/// How samples become a batch.
pub(super) struct Gather<D: Dataset, B> {
    /// All at once, if the data set can.
    at_once: fn(&D, &[usize]) -> Option<Result<B>>,
    together: Together<D, B>,
}

impl<D: Dataset, B> Clone for Gather<D, B> {
    fn clone(&self) -> Self {
        Gather {
            at_once: self.at_once,
            together: self.together.clone(),
        }
    }
}

impl<D: Dataset> Gather<D, <D::Item as Collate>::Batch>
where
    D::Item: Collate,
{
    pub(super) fn usual() -> Self {
        Gather {
            at_once: D::batch,
            together: Arc::new(D::Item::collate),
        }
    }
}

impl<D: Dataset, B> Gather<D, B> {
    pub(super) fn by(collate: impl Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static) -> Self {
        Gather {
            at_once: |_, _| None,
            together: Arc::new(collate),
        }
    }
}

/// An epoch's work.
pub(super) struct Job<D: Dataset, B> {
    pub(super) dataset: Arc<D>,
    pub(super) gather: Gather<D, B>,
    pub(super) plan: Plan,
    pub(super) base_seed: i64,
}

impl<D: Dataset, B> Job<D, B> {
    /// Batch `k`, made by a worker or by the caller.
    pub(super) fn make(&self, k: usize, worker: Option<usize>) -> Result<B> {
        let (before, indices) = self.plan.batch(k);
        let place = |what: &str| match worker {
            None => format!("DataLoader, batch {k}{what}"),
            Some(w) => format!("DataLoader worker {w}, batch {k}{what}"),
        };
        if !self.dataset.draws() {
            match contained(|| (self.gather.at_once)(&self.dataset, indices).transpose()) {
                Ok(Some(batch)) => return Ok(batch),
                Ok(None) => {}
                Err(e) => return Err(e.at(place(""))),
            }
        }
        let generator = self.dataset.draws().then(Generator::new);
        let mut samples = Vec::with_capacity(indices.len());
        for (i, index) in indices.iter().enumerate() {
            let sample = contained(|| match &generator {
                None => self.dataset.get(*index),
                Some(g) => {
                    g.manual_seed(stream(self.base_seed, before + i));
                    random::with_generator(g, || self.dataset.get(*index))
                }
            });
            samples.push(sample.map_err(|e| e.at(place(&format!(", sample {index} of the dataset"))))?);
        }
        contained(|| (self.gather.together)(samples)).map_err(|e| e.at(place(", putting its samples together")))
    }
}

/// The seed of one sample's stream: a mix of the epoch's seed and the sample's place in the epoch (SplitMix64).
pub(super) fn stream(base_seed: i64, place: usize) -> u64 {
    let mut x = (base_seed as u64).wrapping_add((place as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What `f` gives; an error that it throws, or a panic, is an error.
pub(crate) fn contained<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(|| duoc_core::catch(f))) {
        Ok(result) => result?,
        Err(payload) => Err(Error::new(
            ErrorKind::Runtime,
            format!("panicked: {}", words(&*payload)),
        )),
    }
}

fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("without words")
}
