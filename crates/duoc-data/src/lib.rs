//! Data sets, the order in which their samples are taken, batches of them, and readers of the usual files.

#![forbid(unsafe_code)]

mod collate;
mod dataset;
pub mod digits;
mod loader;
mod sampler;

pub use collate::Collate;
pub use dataset::{ConcatDataset, Dataset, Items, Lengths, Map, Subset, TensorDataset, random_split};
pub use digits::{Digits, digits};
pub use loader::{DataLoader, IterableDataset, IterableLoader, LoaderOptions, LoaderState, WorkerInfo};
pub use sampler::{
    BatchSampler, DistributedSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler,
    WeightedRandomSampler,
};
