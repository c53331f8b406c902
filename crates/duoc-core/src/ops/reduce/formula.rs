//! The pieces that gradient formulas of reductions, scans and sorts are written with.

use crate::ops::blend::where_;
use crate::ops::factory::zeros_of;
use crate::ops::scatter::scatter_add;
use crate::{Result, Tensor};

/// `x` with zeros where `mask` holds.
pub(crate) fn where_zero(mask: &Tensor, x: &Tensor) -> Result<Tensor> {
    where_(mask, &zeros_of(&[], x.dtype())?, x)
}

/// Zeros of `shape` with `src` added at `index` along `dim`.
pub(crate) fn scatter_into(shape: &[usize], dim: i64, index: &Tensor, src: &Tensor) -> Result<Tensor> {
    scatter_add(&zeros_of(shape, src.dtype())?, dim, index, src)
}
