//! The order in which samples are taken: PyTorch's samplers, with PyTorch's orders for the same seeds.

use duoc_core::random::{self, Generator};
use duoc_core::{DType, Result, Tensor, ensure, ops};

use crate::dataset::permutation;

/// An order of samples for each epoch.
pub trait Sampler: Send + Sync {
    /// How many indices an epoch has.
    fn len(&self) -> usize;

    /// Whether an epoch has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices of the next epoch. Random samplers draw here.
    ///
    /// # Errors
    /// If there is nothing to draw from.
    fn epoch(&self) -> Result<Vec<usize>>;

    /// The generator that `epoch` draws from, unless it is the default one. A loader saves its state to find its position
    /// again.
    fn generator(&self) -> Option<&Generator> {
        None
    }
}

/// 0, 1, 2, ...
#[derive(Clone, Copy, Debug)]
pub struct SequentialSampler(pub usize);

impl Sampler for SequentialSampler {
    fn len(&self) -> usize {
        self.0
    }
    fn epoch(&self) -> Result<Vec<usize>> {
        Ok((0..self.0).collect())
    }
}

fn positive(num_samples: usize) -> Result<()> {
    ensure!(
        num_samples > 0,
        Value,
        "num_samples should be a positive integer value, but got num_samples={num_samples}"
    );
    Ok(())
}

/// A seed from the default generator, as `torch.empty((), dtype=torch.int64).random_()`.
pub(crate) fn draw_seed(generator: Option<&Generator>) -> Result<i64> {
    let x = Tensor::scalar(0i64, DType::I64)?;
    ops::sample::random_(&x, generator)?;
    x.with_slice(|s: &[i64]| s[0])
}

/// All samples in random order; or so many, in as many orders as that takes; or, with replacement, each drawn for itself.
///
/// Without a generator it draws a seed from the default one for each epoch, as PyTorch does.
#[derive(Clone, Debug)]
pub struct RandomSampler {
    n: usize,
    num_samples: usize,
    replacement: bool,
    generator: Option<Generator>,
}

impl RandomSampler {
    /// Orders of `n` samples.
    ///
    /// # Errors
    /// `ValueError` if `n`, or the number of samples asked for, is 0.
    pub fn new(
        n: usize,
        replacement: bool,
        num_samples: Option<usize>,
        generator: Option<Generator>,
    ) -> Result<RandomSampler> {
        let num_samples = num_samples.unwrap_or(n);
        positive(num_samples)?;
        ensure!(n > 0, Value, "no samples can be drawn from an empty dataset");
        Ok(RandomSampler {
            n,
            num_samples,
            replacement,
            generator,
        })
    }
}

impl Sampler for RandomSampler {
    fn len(&self) -> usize {
        self.num_samples
    }

    fn epoch(&self) -> Result<Vec<usize>> {
        let generator = match &self.generator {
            Some(g) => g.clone(),
            None => {
                let fresh = Generator::new();
                fresh.manual_seed(draw_seed(None)? as u64);
                fresh
            }
        };
        let mut order = Vec::with_capacity(self.num_samples);
        if self.replacement {
            // PyTorch draws in blocks of 32, which decides what the stream gives.
            const BLOCK: usize = 32;
            for start in (0..self.num_samples).step_by(BLOCK) {
                let count = BLOCK.min(self.num_samples - start) as i64;
                let block = ops::random::randint(
                    self.n as i64,
                    &[count],
                    Some(&generator),
                    Some(DType::I64),
                    None,
                    None,
                    None,
                )?;
                block.with_slice(|s: &[i64]| order.extend(s.iter().map(|i| *i as usize)))?;
            }
            return Ok(order);
        }
        for _ in 0..self.num_samples / self.n {
            order.extend(permutation(self.n, Some(&generator))?);
        }
        // Drawn even when nothing of it is taken.
        let last = permutation(self.n, Some(&generator))?;
        order.extend(&last[..self.num_samples % self.n]);
        Ok(order)
    }

    fn generator(&self) -> Option<&Generator> {
        self.generator.as_ref()
    }
}

/// Given indices in random order.
#[derive(Clone, Debug)]
pub struct SubsetRandomSampler {
    indices: Vec<usize>,
    generator: Option<Generator>,
}

impl SubsetRandomSampler {
    /// Orders of these indices.
    pub fn new(indices: Vec<usize>, generator: Option<Generator>) -> SubsetRandomSampler {
        SubsetRandomSampler { indices, generator }
    }
}

impl Sampler for SubsetRandomSampler {
    fn len(&self) -> usize {
        self.indices.len()
    }
    fn epoch(&self) -> Result<Vec<usize>> {
        let order = permutation(self.indices.len(), self.generator.as_ref())?;
        Ok(order.into_iter().map(|i| self.indices[i]).collect())
    }
    fn generator(&self) -> Option<&Generator> {
        self.generator.as_ref()
    }
}

/// Indices drawn with the given weights.
#[derive(Clone)]
pub struct WeightedRandomSampler {
    weights: Tensor,
    num_samples: usize,
    replacement: bool,
    generator: Option<Generator>,
}

impl WeightedRandomSampler {
    /// Draws `num_samples` of the indices of `weights`, which need not sum to 1.
    ///
    /// # Errors
    /// `ValueError` if `num_samples` is 0. Weights that nothing can be drawn with are an error of each epoch.
    pub fn new(
        weights: &[f64],
        num_samples: usize,
        replacement: bool,
        generator: Option<Generator>,
    ) -> Result<WeightedRandomSampler> {
        positive(num_samples)?;
        let weights = Tensor::try_from_slice(weights, &[weights.len()])?;
        Ok(WeightedRandomSampler {
            weights,
            num_samples,
            replacement,
            generator,
        })
    }
}

impl Sampler for WeightedRandomSampler {
    fn len(&self) -> usize {
        self.num_samples
    }
    fn epoch(&self) -> Result<Vec<usize>> {
        let count = i64::try_from(self.num_samples).unwrap_or(i64::MAX);
        let drawn = ops::random::multinomial(&self.weights, count, self.replacement, self.generator.as_ref())?;
        drawn.with_slice(|s: &[i64]| s.iter().map(|i| *i as usize).collect())
    }
    fn generator(&self) -> Option<&Generator> {
        self.generator.as_ref()
    }
}

/// The part of each epoch that one of several processes takes: every `num_replicas`-th sample of an order that all of them
/// draw alike.
#[derive(Debug)]
pub struct DistributedSampler {
    n: usize,
    num_replicas: usize,
    rank: usize,
    shuffle: bool,
    seed: u64,
    drop_last: bool,
    epoch: std::sync::atomic::AtomicU64,
}

impl DistributedSampler {
    /// The part of process `rank` of `num_replicas`.
    ///
    /// # Errors
    /// `ValueError` unless `rank < num_replicas`.
    pub fn new(
        n: usize,
        num_replicas: usize,
        rank: usize,
        shuffle: bool,
        seed: u64,
        drop_last: bool,
    ) -> Result<DistributedSampler> {
        ensure!(
            rank < num_replicas,
            Value,
            "Invalid rank {rank}, rank should be in the interval [0, {}]",
            num_replicas.saturating_sub(1)
        );
        Ok(DistributedSampler {
            n,
            num_replicas,
            rank,
            shuffle,
            seed,
            drop_last,
            epoch: Default::default(),
        })
    }

    /// Says which epoch comes next: each has its own order.
    pub fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Sampler for DistributedSampler {
    fn len(&self) -> usize {
        if self.drop_last {
            self.n / self.num_replicas
        } else {
            self.n.div_ceil(self.num_replicas)
        }
    }
    fn epoch(&self) -> Result<Vec<usize>> {
        let mut order = if self.shuffle {
            let generator = Generator::new();
            let epoch = self.epoch.load(std::sync::atomic::Ordering::Relaxed);
            generator.manual_seed(self.seed.wrapping_add(epoch));
            permutation(self.n, Some(&generator))?
        } else {
            (0..self.n).collect()
        };
        let total = self.len() * self.num_replicas;
        // What is missing for equal parts comes from the beginning again.
        let missing = total.saturating_sub(order.len());
        let again: Vec<usize> = order.iter().cycle().take(missing).copied().collect();
        order.extend(again);
        order.truncate(total);
        Ok(order.into_iter().skip(self.rank).step_by(self.num_replicas).collect())
    }
}

/// Batches of indices: those of a sampler, so many at a time.
pub struct BatchSampler<S> {
    sampler: S,
    batch_size: usize,
    drop_last: bool,
}

/// The error of a batch of nothing.
pub(crate) fn check_batch_size(batch_size: usize) -> Result<()> {
    ensure!(
        batch_size > 0,
        Value,
        "batch_size should be a positive integer value, but got batch_size={batch_size}"
    );
    Ok(())
}

impl<S: Sampler> BatchSampler<S> {
    /// Batches of `batch_size`; with `drop_last` without a last one that is smaller.
    ///
    /// # Errors
    /// `ValueError` if `batch_size` is 0.
    pub fn new(sampler: S, batch_size: usize, drop_last: bool) -> Result<BatchSampler<S>> {
        check_batch_size(batch_size)?;
        Ok(BatchSampler {
            sampler,
            batch_size,
            drop_last,
        })
    }

    /// How many batches an epoch has.
    pub fn len(&self) -> usize {
        count_batches(self.sampler.len(), self.batch_size, self.drop_last)
    }

    /// Whether an epoch has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batches of the next epoch.
    ///
    /// # Errors
    /// As the sampler's.
    pub fn epoch(&self) -> Result<Vec<Vec<usize>>> {
        let order = self.sampler.epoch()?;
        let whole = |batch: &&[usize]| !self.drop_last || batch.len() == self.batch_size;
        Ok(order
            .chunks(self.batch_size)
            .filter(whole)
            .map(<[usize]>::to_vec)
            .collect())
    }
}

pub(crate) fn count_batches(n: usize, batch_size: usize, drop_last: bool) -> usize {
    if drop_last {
        n / batch_size
    } else {
        n.div_ceil(batch_size)
    }
}

/// The state of the generator that a sampler draws from.
pub(crate) fn state_before(sampler: &dyn Sampler) -> Result<Tensor> {
    match sampler.generator() {
        Some(g) => g.try_state(),
        None => random::get_rng_state(),
    }
}
