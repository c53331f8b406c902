//! Batches of a data set, in PyTorch's order for the same seed, made by as many threads as are wanted.
//!
//! The order of batches and every random number in them depend on the seed alone, never on the number of workers: each
//! sample draws from a stream of its own. The position can be saved and found again.

mod fetch;
mod iterable;
mod state;
mod workers;

pub(crate) use fetch::contained;
pub use iterable::{IterableDataset, IterableLoader, WorkerInfo};
pub use state::LoaderState;

use std::sync::{Arc, Mutex, PoisonError};

use duoc_core::random::{self, Generator};
use duoc_core::{Result, Tensor, ensure};

use crate::sampler::{self, RandomSampler, Sampler, SequentialSampler};
use crate::{Collate, Dataset};
use fetch::{Gather, Job, Plan};
use state::Progress;
use workers::Crew;

/// How a [`DataLoader`] loads.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// Samples of a batch.
    pub batch_size: usize,
    /// Whether each epoch has a random order of its own.
    pub shuffle: bool,
    /// Whether a last batch that is smaller is left out.
    pub drop_last: bool,
    /// Threads that make batches ahead; with 0 each is made when it is asked for.
    pub num_workers: usize,
    /// Batches that each worker may be ahead.
    pub prefetch_factor: usize,
    /// Where seeds and orders are drawn from; the default generator if there is none.
    pub generator: Option<Generator>,
}

impl Default for LoaderOptions {
    fn default() -> LoaderOptions {
        LoaderOptions {
            batch_size: 1,
            shuffle: false,
            drop_last: false,
            num_workers: 0,
            prefetch_factor: 2,
            generator: None,
        }
    }
}

/// Most threads of one loader.
const MOST_WORKERS: usize = 1024;

impl LoaderOptions {
    fn check(&self) -> Result<()> {
        sampler::check_batch_size(self.batch_size)?;
        ensure!(
            self.prefetch_factor > 0,
            Value,
            "prefetch_factor option must be positive, got 0"
        );
        ensure!(
            self.num_workers <= MOST_WORKERS,
            Value,
            "num_workers is {}; at most {MOST_WORKERS} make sense",
            self.num_workers
        );
        Ok(())
    }
}

type Batches = Box<dyn Fn() -> Result<Vec<Vec<usize>>> + Send + Sync>;

enum Order {
    Sampler(Box<dyn Sampler>),
    Given(Batches),
}

/// Batches of a data set.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_data::{DataLoader, LoaderOptions, TensorDataset};
/// let data = TensorDataset::new([Tensor::zeros(&[10, 3]), Tensor::ones(&[10])])?;
/// let loader = DataLoader::new(data, LoaderOptions { batch_size: 4, shuffle: true, ..Default::default() })?;
/// for batch in &loader {
///     let [x, y] = batch?;
///     assert_eq!(x.shape()[0], y.numel());
/// }
/// assert_eq!(loader.len(), 3);
/// # Ok::<(), duoc_core::Error>(())
/// ```
pub struct DataLoader<D: Dataset, B> {
    dataset: Arc<D>,
    gather: Gather<D, B>,
    order: Order,
    options: LoaderOptions,
    progress: Arc<Mutex<Progress>>,
}

impl<D: Dataset> DataLoader<D, <D::Item as Collate>::Batch>
where
    D::Item: Collate,
{
    /// A loader that takes the samples in order, or shuffled, and puts them together by [`Collate`].
    ///
    /// # Errors
    /// `ValueError` for a batch size of 0, and for shuffling a data set without samples.
    pub fn new(dataset: D, options: LoaderOptions) -> Result<Self> {
        let order = usual_order(dataset.len(), &options)?;
        DataLoader::build(dataset, order, options, Gather::usual())
    }

    /// A loader that takes the samples in a sampler's order.
    ///
    /// # Errors
    /// `ValueError` as [`DataLoader::new`], and if `shuffle` is set too.
    pub fn with_sampler(dataset: D, sampler: impl Sampler + 'static, options: LoaderOptions) -> Result<Self> {
        ensure!(
            !options.shuffle,
            Value,
            "sampler option is mutually exclusive with shuffle"
        );
        DataLoader::build(dataset, Order::Sampler(Box::new(sampler)), options, Gather::usual())
    }

    /// A loader whose batches `batches` gives for each epoch: what PyTorch's `batch_sampler` is for.
    ///
    /// # Errors
    /// `ValueError` if `shuffle`, `drop_last` or a batch size is set too.
    pub fn with_batches(
        dataset: D,
        batches: impl Fn() -> Result<Vec<Vec<usize>>> + Send + Sync + 'static,
        options: LoaderOptions,
    ) -> Result<Self> {
        ensure!(
            !options.shuffle && !options.drop_last && options.batch_size == 1,
            Value,
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
        );
        DataLoader::build(dataset, Order::Given(Box::new(batches)), options, Gather::usual())
    }
}

fn usual_order(n: usize, options: &LoaderOptions) -> Result<Order> {
    Ok(Order::Sampler(if options.shuffle {
        Box::new(RandomSampler::new(n, false, None, options.generator.clone())?)
    } else {
        Box::new(SequentialSampler(n))
    }))
}

impl<D: Dataset, B: Send + 'static> DataLoader<D, B> {
    /// A loader that puts samples together by `collate`.
    ///
    /// # Errors
    /// As [`DataLoader::new`].
    pub fn with_collate(
        dataset: D,
        options: LoaderOptions,
        collate: impl Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
    ) -> Result<Self> {
        let order = usual_order(dataset.len(), &options)?;
        DataLoader::build(dataset, order, options, Gather::by(collate))
    }

    fn build(dataset: D, order: Order, options: LoaderOptions, gather: Gather<D, B>) -> Result<Self> {
        options.check()?;
        Ok(DataLoader {
            dataset: Arc::new(dataset),
            gather,
            order,
            options,
            progress: Arc::default(),
        })
    }

    /// The data set.
    pub fn dataset(&self) -> &Arc<D> {
        &self.dataset
    }

    /// How many batches an epoch has. Of given batches it is known only when they are given: 0 before.
    pub fn len(&self) -> usize {
        match &self.order {
            Order::Sampler(s) => sampler::count_batches(s.len(), self.options.batch_size, self.options.drop_last),
            Order::Given(_) => self.progress().count,
        }
    }

    /// Whether an epoch has no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the latest epoch is: what [`DataLoader::load_state_dict`] needs to go on with the batch after those that have
    /// been given. Save it with the states of the generators.
    ///
    /// # Errors
    /// If memory for it cannot be had.
    pub fn state_dict(&self) -> Result<LoaderState> {
        self.progress().state()
    }

    /// Makes the next epoch go on where the state was taken, with the same batches as if nothing had happened. It draws
    /// nothing from the default generator: that was done before the state was taken.
    ///
    /// # Errors
    /// `ValueError` if the state is none.
    pub fn load_state_dict(&self, state: &LoaderState) -> Result<()> {
        self.progress().resume = Some(state.clone());
        Ok(())
    }

    /// The batches of the next epoch.
    pub fn iter(&self) -> Epoch<D, B> {
        let mut epoch = Epoch {
            loader: self.parts(),
            begun: None,
            failed: None,
            yielded: 0,
        };
        if let Err(e) = self.begin(&mut epoch) {
            epoch.failed = Some(e);
        }
        epoch
    }

    fn parts(&self) -> Parts<D, B> {
        Parts {
            dataset: self.dataset.clone(),
            gather: self.gather.clone(),
            progress: self.progress.clone(),
        }
    }

    fn begin(&self, epoch: &mut Epoch<D, B>) -> Result<()> {
        let resume = self.progress().resume.take().filter(|s| s.active);
        let (plan, base_seed, generator) = match resume {
            Some(state) => {
                let plan = self.redraw(&state)?;
                ensure!(
                    state.yielded <= plan.count(),
                    Value,
                    "the saved position is after batch {}, and the loader has {}",
                    state.yielded,
                    plan.count()
                );
                epoch.yielded = state.yielded;
                (plan, state.base_seed, state.generator)
            }
            None => {
                // PyTorch's order of draws: the loader's own seed, then the sampler.
                let base_seed = sampler::draw_seed(self.options.generator.as_ref())?;
                let state = match &self.order {
                    Order::Sampler(s) => sampler::state_before(&**s)?,
                    Order::Given(_) => random::get_rng_state()?,
                };
                (self.draw()?, base_seed, state)
            }
        };
        let mut progress = self.progress();
        progress.begin(plan.count(), epoch.yielded, base_seed, generator);
        let number = progress.number;
        drop(progress);
        let job = Arc::new(Job {
            dataset: epoch.loader.dataset.clone(),
            gather: epoch.loader.gather.clone(),
            plan,
            base_seed,
        });
        let options = &self.options;
        let crew = match options.num_workers {
            0 => None,
            n => Some(Crew::start(
                job.clone(),
                n,
                n.saturating_mul(options.prefetch_factor),
                epoch.yielded,
            )?),
        };
        epoch.begun = Some(Begun { job, crew, number });
        Ok(())
    }

    fn draw(&self) -> Result<Plan> {
        Ok(match &self.order {
            Order::Sampler(s) => Plan::even(s.epoch()?, self.options.batch_size, self.options.drop_last),
            Order::Given(batches) => Plan::given(batches()?),
        })
    }

    /// The plan of an epoch that began before: drawn again from the generator's state of that time.
    fn redraw(&self, state: &LoaderState) -> Result<Plan> {
        if let Order::Sampler(s) = &self.order
            && let Some(own) = s.generator()
        {
            own.set_state(&state.generator)?;
            return self.draw();
        }
        let stand_in = Generator::new();
        stand_in.set_state(&state.generator)?;
        random::with_generator(&stand_in, || self.draw())
    }
}

/// What an epoch needs of its loader.
struct Parts<D: Dataset, B> {
    dataset: Arc<D>,
    gather: Gather<D, B>,
    progress: Arc<Mutex<Progress>>,
}

struct Begun<D: Dataset, B> {
    job: Arc<Job<D, B>>,
    crew: Option<Crew<B>>,
    number: u64,
}

/// The batches of one epoch. An error is given in the place of its batch, and the next one follows.
pub struct Epoch<D: Dataset, B> {
    loader: Parts<D, B>,
    begun: Option<Begun<D, B>>,
    failed: Option<duoc_core::Error>,
    yielded: usize,
}

impl<D: Dataset, B: Send + 'static> Iterator for Epoch<D, B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Result<B>> {
        if let Some(e) = self.failed.take() {
            return Some(Err(e));
        }
        let begun = self.begun.as_mut()?;
        let over = self.yielded >= begun.job.plan.count();
        let progress = &self.loader.progress;
        progress.lock().unwrap_or_else(PoisonError::into_inner).advance(
            begun.number,
            self.yielded + usize::from(!over),
            over,
        );
        if over {
            self.begun = None;
            return None;
        }
        let k = self.yielded;
        self.yielded += 1;
        Some(match &mut begun.crew {
            None => begun.job.make(k, None),
            Some(crew) => crew.take(k),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.begun.as_ref().map_or(0, |b| b.job.plan.count() - self.yielded);
        let left = left + usize::from(self.failed.is_some());
        (left, Some(left))
    }
}

impl<D: Dataset, B: Send + 'static> ExactSizeIterator for Epoch<D, B> {}

impl<D: Dataset, B: Send + 'static> IntoIterator for &DataLoader<D, B> {
    type Item = Result<B>;
    type IntoIter = Epoch<D, B>;
    fn into_iter(self) -> Epoch<D, B> {
        self.iter()
    }
}

/// Makes a position from tensors that were saved.
impl LoaderState {
    /// The state as named tensors, for a checkpoint.
    ///
    /// # Errors
    /// If memory for them cannot be had.
    pub fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let numbers = [i64::from(self.active), self.yielded as i64, self.base_seed];
        Ok(vec![
            ("position".to_string(), Tensor::try_from_slice(&numbers, &[3])?),
            ("generator".to_string(), self.generator.clone()),
        ])
    }

    /// The state from the tensors that [`LoaderState::tensors`] gave.
    ///
    /// # Errors
    /// `KeyError` if one is missing, `ValueError` if they are something else.
    pub fn from_tensors<'a>(tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>) -> Result<LoaderState> {
        let (mut position, mut generator) = (None, None);
        for (name, t) in tensors {
            match name {
                "position" => position = Some(t.try_to_vec::<i64>()?),
                "generator" => generator = Some(t.clone()),
                _ => {}
            }
        }
        let (Some(position), Some(generator)) = (position, generator) else {
            duoc_core::bail!(Key, "a loader's state has position and generator")
        };
        // A state that is none fails here, not in the middle of training.
        Generator::new().set_state(&generator)?;
        match position[..] {
            [active @ (0 | 1), yielded, base_seed] if yielded >= 0 => Ok(LoaderState {
                active: active == 1,
                yielded: yielded as usize,
                base_seed,
                generator,
            }),
            _ => duoc_core::bail!(Value, "a loader's position has three numbers, not {position:?}"),
        }
    }
}
