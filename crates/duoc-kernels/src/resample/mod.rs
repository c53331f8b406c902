//! Resampling of planes: every result is a weighted sum of input cells.
//!
//! * [`Taps`]: which cells, with which weights, along one axis. Linear, cubic and antialiased filters are the same loops
//!   over different tables, and a gradient is the same loop over the [`Taps::transposed`] table.
//! * [`resample`]: two axes of float planes at once; [`resample_bytes`]: of bytes, as PyTorch rounds them.
//! * [`sample`]: cells at any place ([`Grid`]), with its gradients.

mod bytes;
mod grid;
mod taps;
mod weighted;

pub use bytes::resample_bytes;
pub use grid::{Grid, sample, sample_grid_backward, sample_input_backward};
pub use taps::Taps;
pub use weighted::resample;
