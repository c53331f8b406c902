//! Architectures of the course and of the field, with the parameter names of their reference implementations, so that published
//! weights load.
//!
//! Every model is made like a layer: `Mlp::new([784, 256, 10])`, `Mlp::options([784, 256, 10]).dropout(0.1).build()`.

#![forbid(unsafe_code)]

mod mlp;
mod parts;

pub use mlp::{Mlp, MlpOptions};
