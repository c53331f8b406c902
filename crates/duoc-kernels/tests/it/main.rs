//! The integration tests of the kernels, one binary.

mod rng;
