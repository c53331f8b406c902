//! Batches of a stream of samples that has no indices.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use duoc_core::random::{self, Generator};
use duoc_core::{Error, ErrorKind, Result};

use super::fetch::contained;
use super::state::Progress;
use super::{LoaderOptions, LoaderState};
use crate::{Collate, sampler};

/// Which of a loader's workers reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkerInfo {
    /// Its number, from 0.
    pub id: usize,
    /// How many there are; 1 if the caller itself reads.
    pub num_workers: usize,
    /// The seed of its random numbers.
    pub seed: u64,
}

/// A stream of samples.
pub type Stream<T> = Box<dyn Iterator<Item = Result<T>> + Send>;

/// Samples that come one after another, without a length.
pub trait IterableDataset: Send + Sync + 'static {
    /// One sample.
    type Item: Send + 'static;

    /// The samples from the beginning. Every worker calls this; unless it takes a part of its own, by `worker`, each sample
    /// comes once from every worker, as in PyTorch.
    ///
    /// # Errors
    /// If the source cannot be opened.
    fn stream(&self, worker: WorkerInfo) -> Result<Stream<Self::Item>>;
}

/// Batches of an [`IterableDataset`]: from the workers in turn, as PyTorch gives them.
pub struct IterableLoader<D> {
    dataset: Arc<D>,
    options: LoaderOptions,
    progress: Arc<Mutex<Progress>>,
}

impl<D> IterableLoader<D>
where
    D: IterableDataset,
    D::Item: Collate,
{
    /// A loader of the stream.
    ///
    /// # Errors
    /// `ValueError` for a batch size of 0, and for `shuffle`, which a stream cannot.
    pub fn new(dataset: D, options: LoaderOptions) -> Result<IterableLoader<D>> {
        options.check()?;
        duoc_core::ensure!(
            !options.shuffle,
            Value,
            "DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle=True"
        );
        Ok(IterableLoader {
            dataset: Arc::new(dataset),
            options,
            progress: Arc::default(),
        })
    }

    /// Where the latest epoch is. Going on from it reads the stream again up to there.
    ///
    /// # Errors
    /// If memory for it cannot be had.
    pub fn state_dict(&self) -> Result<LoaderState> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).state()
    }

    /// Makes the next epoch go on where the state was taken.
    ///
    /// # Errors
    /// None so far.
    pub fn load_state_dict(&self, state: &LoaderState) -> Result<()> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).resume = Some(state.clone());
        Ok(())
    }

    /// The batches of the stream from its beginning.
    pub fn iter(&self) -> StreamEpoch<<D::Item as Collate>::Batch> {
        match self.begin() {
            Ok(epoch) => epoch,
            Err(e) => StreamEpoch {
                sources: vec![Source::Here(Box::new(std::iter::once(Err(e))))],
                turn: 0,
                yielded: 0,
                number: 0,
                progress: self.progress.clone(),
            },
        }
    }

    fn begin(&self) -> Result<StreamEpoch<<D::Item as Collate>::Batch>> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let resume = progress.resume.take().filter(|s| s.active);
        let (base_seed, skipped) = match &resume {
            Some(state) => (state.base_seed, state.yielded),
            None => (sampler::draw_seed(self.options.generator.as_ref())?, 0),
        };
        progress.begin(usize::MAX, 0, base_seed, random::get_rng_state()?);
        let number = progress.number;
        drop(progress);
        let sources = match self.options.num_workers {
            0 => vec![Source::Here(Box::new(self.reader(0, 1, base_seed)))],
            n => (0..n).map(|w| self.start(w, n, base_seed)).collect::<Result<_>>()?,
        };
        let mut epoch = StreamEpoch {
            sources,
            turn: 0,
            yielded: 0,
            number,
            progress: self.progress.clone(),
        };
        for _ in 0..skipped {
            if epoch.next().is_none() {
                break;
            }
        }
        Ok(epoch)
    }

    fn reader(&self, id: usize, num_workers: usize, base_seed: i64) -> Reader<D> {
        let generator = Generator::new();
        let seed = (base_seed as u64).wrapping_add(id as u64);
        generator.manual_seed(seed);
        Reader {
            dataset: self.dataset.clone(),
            info: WorkerInfo { id, num_workers, seed },
            stream: None,
            generator,
            batch_size: self.options.batch_size,
            drop_last: self.options.drop_last,
            batches: 0,
            over: false,
        }
    }

    fn start(&self, id: usize, n: usize, base_seed: i64) -> Result<Source<<D::Item as Collate>::Batch>> {
        let (give, take) = sync_channel(self.options.prefetch_factor);
        let reader = self.reader(id, n, base_seed);
        let thread = std::thread::Builder::new()
            .name(format!("duoc-loader-{id}"))
            .spawn(move || {
                for batch in reader {
                    // Nobody waits for more.
                    if give.send(batch).is_err() {
                        break;
                    }
                }
            })
            .map_err(|e| Error::new(ErrorKind::Runtime, format!("starting a loader's worker: {e}")))?;
        Ok(Source::Worker(Some(take), Some(thread)))
    }
}

/// One worker's batches.
struct Reader<D: IterableDataset> {
    dataset: Arc<D>,
    info: WorkerInfo,
    stream: Option<Stream<D::Item>>,
    generator: Generator,
    batch_size: usize,
    drop_last: bool,
    batches: usize,
    over: bool,
}

impl<D: IterableDataset> Reader<D>
where
    D::Item: Collate,
{
    fn batch(&mut self) -> Result<Option<<D::Item as Collate>::Batch>> {
        let generator = self.generator.clone();
        random::with_generator(&generator, || {
            if self.stream.is_none() {
                self.stream = Some(contained(|| self.dataset.stream(self.info))?);
            }
            let Some(stream) = &mut self.stream else {
                return Ok(None);
            };
            let mut samples = Vec::with_capacity(self.batch_size.min(1 << 16));
            while samples.len() < self.batch_size {
                match contained(|| stream.next().transpose()) {
                    Ok(Some(sample)) => samples.push(sample),
                    Ok(None) => {
                        self.over = true;
                        break;
                    }
                    // What comes after a failure of a stream cannot be told.
                    Err(e) => {
                        self.over = true;
                        let place = self
                            .batches
                            .saturating_mul(self.batch_size)
                            .saturating_add(samples.len());
                        return Err(e.at(format_args!("sample {place} of the stream")));
                    }
                }
            }
            if samples.is_empty() || self.drop_last && samples.len() < self.batch_size {
                return Ok(None);
            }
            self.batches += 1;
            contained(|| D::Item::collate(samples)).map(Some)
        })
    }
}

impl<D: IterableDataset> Iterator for Reader<D>
where
    D::Item: Collate,
{
    type Item = Result<<D::Item as Collate>::Batch>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let id = self.info.id;
        match self.batch().map_err(|e| e.at(format_args!("DataLoader worker {id}"))) {
            Ok(batch) => batch.map(Ok),
            Err(e) => {
                self.over |= self.stream.is_none();
                Some(Err(e))
            }
        }
    }
}

enum Source<B> {
    Here(Box<dyn Iterator<Item = Result<B>> + Send>),
    Worker(Option<Receiver<Result<B>>>, Option<JoinHandle<()>>),
}

impl<B> Source<B> {
    fn next(&mut self) -> Option<Result<B>> {
        match self {
            Source::Here(batches) => batches.next(),
            Source::Worker(take, _) => take.as_ref()?.recv().ok(),
        }
    }
}

impl<B> Drop for Source<B> {
    fn drop(&mut self) {
        if let Source::Worker(take, thread) = self {
            // The worker's next gift fails, and it ends.
            *take = None;
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// The batches of one pass over a stream.
pub struct StreamEpoch<B> {
    sources: Vec<Source<B>>,
    turn: usize,
    yielded: usize,
    number: u64,
    progress: Arc<Mutex<Progress>>,
}

impl<B> Iterator for StreamEpoch<B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Result<B>> {
        let mut found = None;
        while found.is_none() && !self.sources.is_empty() {
            self.turn %= self.sources.len();
            match self.sources[self.turn].next() {
                Some(batch) => {
                    found = Some(batch);
                    self.turn += 1;
                    self.yielded += 1;
                }
                // This one is through; the turn is the next one's, which moves into its place.
                None => drop(self.sources.remove(self.turn)),
            }
        }
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.advance(self.number, self.yielded, found.is_none());
        found
    }
}

impl<D> IntoIterator for &IterableLoader<D>
where
    D: IterableDataset,
    D::Item: Collate,
{
    type Item = Result<<D::Item as Collate>::Batch>;
    type IntoIter = StreamEpoch<<D::Item as Collate>::Batch>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
