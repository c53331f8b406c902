//! The integration tests of duoc-core, one binary.

mod autograd;
mod fuzz;
mod json;
mod matmul;
mod random;
mod storage;
