//! Normalisation: `(x - mean) / sqrt(variance + eps)`, then a scale and a shift.
//!
//! [`rows`]: every row by itself, with a weight for each place in it (layer and root-mean-square norm). [`groups`]: sets
//! of planes that share their statistics (batch, group and instance norm). [`columns`]: batch norm where the channel
//! runs fastest. 16-bit floats are computed in float32, whose type the weights and statistics have too; sums run over
//! lanes and are joined in float64. Work is split by shape.

pub mod columns;
pub mod groups;
pub mod rows;

use crate::cell::{Cell, Float};

/// A stored float.
trait Stored: Cell<Num: Float> {}
impl<T: Cell<Num: Float>> Stored for T {}

/// Elements of which a part of a long float32 sum is made before it joins its float64 sum.
const ROWS: usize = 128;
