//! The integration tests of the kernels, one binary.

mod reduce;
mod rng;
mod scan;
mod softmax;
mod sort;
