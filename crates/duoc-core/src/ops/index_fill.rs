//! Filling the slices that an index names with one value: `index_fill`.

use super::index::{Plan, apart, at_least_1d, fresh, out_of_bounds};
use crate::autograd::node::Recorder;
use crate::autograd::record::{check_inplace, record_inplace};
use crate::autograd::{Ctx, Grads};
use crate::iter::assert_no_internal_overlap;
use crate::storage::Mode;
use crate::{DType, OrThrow, Result, Scalar, Tensor, ensure, ops};
use duoc_kernels::index::Combine;
use smallvec::smallvec;

ops! {
    /// A copy of `self` with the slices `index` of dimension `dim` filled with a number.
    "index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor" [function, method]
    pub fn index_fill(x: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Tensor = index_fill_body;

    /// As `index_fill.int_Scalar` with a 0-d tensor.
    "index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor" [function, method]
    pub fn index_fill_tensor(x: &Tensor, dim: i64, index: &Tensor, value: &Tensor) -> Tensor = index_fill_tensor_body;

    /// Fills the slices `index` of dimension `dim` with a number, in place.
    "index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)" [method]
    pub fn index_fill_(x: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Tensor = index_fill_inplace;

    /// As `index_fill_.int_Scalar` with a 0-d tensor.
    "index_fill_.int_Tensor(Tensor(a!) self, int dim, Tensor index, Tensor value) -> Tensor(a!)" [method]
    pub fn index_fill_tensor_(x: &Tensor, dim: i64, index: &Tensor, value: &Tensor) -> Tensor = index_fill_tensor_inplace;
}

fn index_fill_into(x: &Tensor, mode: Mode, d: usize, index: &Tensor, value: &Tensor) -> Result<()> {
    ensure!(
        index.dtype() == DType::I64,
        Index,
        "index_fill_(): Expected dtype int64 for index."
    );
    ensure!(index.dim() <= 1, Runtime, "Index has to be a vector/scalar");
    ensure!(
        !value.dtype().is_complex() || x.dtype().is_complex(),
        Runtime,
        "index_fill_(): Converting complex Scalar to non-complex type is not supported"
    );
    let value = super::pointwise::converted(&apart(value, x)?, x.dtype())?;
    let x = at_least_1d(x);
    Plan::single(&x, d, index)?.put(&x, mode, Combine::Set, &value, true, |b| out_of_bounds(b, d))
}

fn check_fill_value(value: &Tensor) -> Result<()> {
    ensure!(
        value.dim() == 0,
        Runtime,
        "index_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
        value.dim()
    );
    Ok(())
}

fn index_fill_grads(r: &mut Recorder, d: usize, index: &Tensor) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let index = r.keep(index);
    move |c, g| {
        let index = c.get(index)?;
        let own = if c.needs(0) {
            Some(index_fill(g, d as i64, &index, Scalar::Int(0))?)
        } else {
            None
        };
        // Slices named twice were filled once, so the value's share is what the filled places received.
        let value = if c.needs(1) {
            let kept = index_fill(g, d as i64, &index, Scalar::Int(0))?;
            Some(super::reduce::sum(&super::arith::sub(g, &kept, Scalar::Int(1))?, None)?)
        } else {
            None
        };
        Ok(smallvec![own, value])
    }
}

fn index_fill_body(x: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Result<Tensor> {
    index_fill_tensor(x, dim, index, &Tensor::wrapped(value)?)
}

fn index_fill_tensor_body(x: &Tensor, dim: i64, index: &Tensor, value: &Tensor) -> Result<Tensor> {
    check_fill_value(value)?;
    let d = x.wrap_dim(dim)?;
    let out = fresh(x)?;
    index_fill_into(&out, Mode::Init, d, index, value)?;
    out.record("IndexFillBackward0", [x, value], |r| index_fill_grads(r, d, index))
}

fn index_fill_inplace(x: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Result<Tensor> {
    index_fill_tensor_(x, dim, index, &Tensor::wrapped(value)?)
}

fn index_fill_tensor_inplace(x: &Tensor, dim: i64, index: &Tensor, value: &Tensor) -> Result<Tensor> {
    check_fill_value(value)?;
    let d = x.wrap_dim(dim)?;
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    index_fill_into(x, Mode::Write, d, index, value)?;
    record_inplace(x, "IndexFillBackward0", &[Some(x), Some(value)], |r| {
        index_fill_grads(r, d, index)
    })?;
    Ok(x.clone())
}

impl Tensor {
    /// A copy with the slices `index` filled with a number.
    #[track_caller]
    pub fn index_fill(&self, dim: i64, index: &Tensor, value: impl Into<Scalar>) -> Tensor {
        index_fill(self, dim, index, value.into()).or_throw()
    }

    /// Fills the slices `index` with a number, in place.
    #[track_caller]
    pub fn index_fill_(&self, dim: i64, index: &Tensor, value: impl Into<Scalar>) -> &Tensor {
        index_fill_(self, dim, index, value.into()).or_throw();
        self
    }
}
