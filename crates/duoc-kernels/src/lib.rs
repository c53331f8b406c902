//! Numbers on raw strided memory.
//!
//! This crate knows no tensor, allocates no result and exports no generic function: everything that is hot is
//! monomorphised here, once, and optimised even in development builds. Callers (`duoc-core`) hand in pointers,
//! byte strides and sizes that they have checked; every `unsafe fn` here trusts them.
//!
//! * [`dtype`]: the element types and the macros that turn a run-time [`DType`] into a type.
//! * [`attention`]: softmax of scaled products in tiles.
//! * [`conv`]: convolutions and their gradients.
//! * [`copy`], [`fill`]: moving, converting and filling memory.
//! * [`linalg`]: factorisations and eigenvalues; [`matmul`]: matrix products.
//! * [`cross_entropy`], [`ctc`]: losses over classes and over label sequences.
//! * [`embedding`]: gradients and norms of table rows; [`norm`]: batch, group, layer and root-mean-square normalisation;
//!   [`pad`]: borders; [`pool`]: pooling.
//! * [`index`], [`join`]: moving by index and mask, joining.
//! * [`nd`]: the outer n-dimensional iteration, type-erased and compiled once, over [`Loop2d`] inner loops.
//! * [`optim`]: steps of optimisers on many parameters at once.
//! * [`par`]: the fork-join thread pool. Work is split by shape, never by thread count, wherever the split could
//!   change bits.
//! * [`pointwise`]: functions of one, two and three values, one row of a table each, over [`math`].
//! * [`reduce`]: reductions over any set of dimensions; [`scan`]: running ones along [`lines`].
//! * [`resample`]: planes at another size, and cells at any place; [`unfold`]: blocks as columns, and back.
//! * [`rng`]: PyTorch's random streams.
//! * [`rnn`]: recurrences over a sequence.
//! * [`simd`]: which instruction set is in use.
//! * [`softmax`]: exponentials normalised along a dimension.
//! * [`sort`]: sorting and selecting along lines; [`special`]: special functions.
//! * [`sys`]: calls to the operating system.

pub mod attention;
mod cell;
pub mod conv;
pub mod copy;
pub mod cross_entropy;
pub mod ctc;
pub mod dtype;
pub mod embedding;
pub mod fill;
pub mod index;
pub mod join;
pub mod linalg;
pub mod lines;
pub mod math;
pub mod matmul;
pub mod nd;
pub mod norm;
pub mod optim;
pub mod pad;
pub mod par;
pub mod pointwise;
pub mod pool;
pub mod range;
pub mod reduce;
pub mod resample;
pub mod rng;
pub mod rnn;
pub mod scan;
pub mod simd;
pub mod softmax;
pub mod sort;
pub mod special;
pub mod sys;
pub mod unfold;

pub use dtype::DType;
pub use nd::{Loop2d, Nd};
