//! The integration tests of duoc-train, one binary.

mod checkpoint;
mod metrics;
