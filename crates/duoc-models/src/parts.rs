//! What several models are made of.

use duoc_core::Result;
use duoc_nn::{Factory, Linear};

/// A fully connected layer whose parameters are made by `factory`.
pub(crate) fn linear(from: usize, to: usize, factory: Factory) -> Result<Linear> {
    Linear::options(from, to).factory(factory).try_build()
}
