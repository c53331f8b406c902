//! Data sets, the order in which their samples are taken, batches of them, and readers of the usual files.

#![forbid(unsafe_code)]

mod collate;
mod dataset;
pub mod digits;
mod loader;
pub mod readers;
mod sampler;
pub mod transform;

pub use collate::Collate;
pub use dataset::{ConcatDataset, Dataset, Items, Lengths, Map, Subset, TensorDataset, random_split};
pub use digits::{Digits, digits};
pub use loader::{DataLoader, IterableDataset, IterableLoader, LoaderOptions, LoaderState, WorkerInfo};
pub use readers::{
    Colours, Column, CsvOptions, ImageFolder, LabelledImages, Split, Table, TextDataset, Vocabulary, cifar10, cifar100,
    fashion_mnist, mnist, read_csv, read_idx, read_picture, read_text, read_wav,
};
pub use sampler::{
    BatchSampler, DistributedSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler,
    WeightedRandomSampler,
};
pub use transform::Transform;
