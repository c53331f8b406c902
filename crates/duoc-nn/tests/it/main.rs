//! The integration tests of duoc-nn, one binary.

mod course;
#[allow(dead_code)]
#[path = "../../../duoc-core/tests/it/golden/mod.rs"]
mod golden;
mod init;
mod modules;
mod optim;
mod tools;
mod tree;
