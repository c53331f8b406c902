//! Rows of a table by number: `embedding`, its gradient and the shortening of rows.

use super::arith::mul;
use super::compare::ne;
use super::index::{Plan, dense, long};
use super::view::{ints, reshape, unsqueeze};
use crate::autograd::Ctx;
use crate::autograd::record::check_inplace;
use crate::storage::{Mode, access};
use crate::{DType, Result, Scalar, Tensor, ensure, err, ops};
use duoc_kernels::embedding::{Lookup, shorten_rows, table_gradient};

ops! {
    /// The rows of `weight` `(V, D)` that `indices` name: `(*, D)`. Row `padding_idx` gets no gradient; with
    /// `scale_grad_by_freq` a row's gradient is divided by the number of its uses. The gradient is dense.
    "embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor" [function, out]
    pub fn embedding(weight: &Tensor, indices: &Tensor, padding_idx: i64, scale_grad_by_freq: bool, sparse: bool) -> Tensor = embedding_body;

    /// The gradient of `embedding` with respect to its table: for each row the sum, in order, of the gradients of its uses.
    "embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, SymInt padding_idx, bool scale_grad_by_freq) -> Tensor" [out]
    pub fn embedding_dense_backward(grad: &Tensor, indices: &Tensor, num_weights: i64, padding_idx: i64, scale_grad_by_freq: bool) -> Tensor = embedding_dense_backward_body;

    /// Shortens, in place, the rows that `indices` name and whose `norm_type`-norm is above `max_norm`.
    "embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)" [function]
    pub fn embedding_renorm_(x: &Tensor, indices: &Tensor, max_norm: f64, norm_type: f64) -> Tensor = embedding_renorm_body;
}

/// PyTorch's complaint about indices that are not integers.
pub(super) fn check_indices(indices: &Tensor, place: usize, name: &str) -> Result<()> {
    ensure!(
        matches!(indices.dtype(), DType::I64 | DType::I32),
        Runtime,
        "Expected tensor for argument #{place} 'indices' to have one of the following scalar types: Long, Int; but got torch.{}Tensor instead (while checking arguments for {name})",
        indices.dtype().scalar_type_name()
    );
    Ok(())
}

fn embedding_body(weight: &Tensor, indices: &Tensor, padding: i64, by_frequency: bool, _: bool) -> Result<Tensor> {
    ensure!(weight.dim() == 2, Runtime, "'weight' must be 2-D");
    check_indices(indices, 1, "embedding")?;
    let mut shape = indices.shape().to_vec();
    shape.push(weight.shape()[1]);
    let plan = Plan::single(weight, 0, &reshape(&indices.detach(), &[-1])?)?;
    let y = plan.take(weight, &shape, false, |_| err!(Index, "index out of range in self"))?;
    y.record("EmbeddingBackward0", [weight], |r| {
        let (at, rows) = (r.keep(indices), weight.shape()[0] as i64);
        move |c: &Ctx, g: &Tensor| embedding_dense_backward(g, &c.get(at)?, rows, padding, by_frequency)
    })
}

fn embedding_dense_backward_body(
    grad: &Tensor,
    indices: &Tensor,
    rows: i64,
    padding: i64,
    by_frequency: bool,
) -> Result<Tensor> {
    check_indices(indices, 2, "embedding_backward")?;
    let width = grad.shape().last().copied().unwrap_or(1);
    ensure!(rows >= 0, Runtime, "embedding_backward: {rows} rows of a table");
    ensure!(
        indices.numel().checked_mul(width) == Some(grad.numel()),
        Runtime,
        "shape '[{}, {width}]' is invalid for input of size {}",
        indices.numel(),
        grad.numel()
    );
    let shape = [rows as usize, width];
    crate::layout::checked_numel(&shape, grad.dtype().size())?;
    let (g, at) = (dense(&grad.detach())?, long(&indices.detach())?);
    let out = Tensor::uninit(&shape, grad.dtype())?;
    let lookup = Lookup {
        rows: rows as usize,
        width,
        count: at.numel(),
        padding: usize::try_from(padding).ok(),
        by_frequency,
    };
    let known = access::access(
        [(&g, Mode::Read), (&at, Mode::Read), (&out, Mode::Init)],
        |[g_ptr, at_ptr, out]| {
            // SAFETY: row-major operands of the lookup's sizes, and the indices have just been checked.
            unsafe {
                duoc_kernels::index::check(at_ptr.cast(), lookup.count, lookup.rows, false)
                    .map_err(|_| err!(Index, "index out of range in self"))?;
                if out.is_null() || lookup.rows == 0 || lookup.width == 0 {
                    return Ok(true);
                }
                Ok(table_gradient(g.dtype(), &lookup, g_ptr, at_ptr.cast(), out))
            }
        },
    )?;
    if !known {
        return Err(super::pointwise::not_implemented("embedding_backward", grad.dtype()));
    }
    out.record("EmbeddingDenseBackwardBackward0", [grad], |r| {
        let (at, shape) = (r.keep(indices), ints(grad.shape()));
        move |c: &Ctx, gg: &Tensor| {
            let at = c.get(at)?;
            let rows = embedding(gg, &at, -1, false, false)?;
            let live = super::copy::to_dtype(&unsqueeze(&ne(&at, &Tensor::wrapped(padding)?)?, -1)?, gg.dtype())?;
            let mut share = mul(&rows, &live)?;
            if by_frequency {
                let ones = super::factory::full_of(&[at.numel(), 1], Scalar::Int(1), gg.dtype())?;
                let flat = reshape(&at, &[-1])?;
                let counts = embedding_dense_backward(&ones, &flat, gg.shape()[0] as i64, -1, false)?;
                share = super::arith::div(&share, &embedding(&counts, &at, -1, false, false)?)?;
            }
            reshape(&share, &shape)
        }
    })
}

fn embedding_renorm_body(x: &Tensor, indices: &Tensor, max_norm: f64, norm_type: f64) -> Result<Tensor> {
    ensure!(
        x.dim() == 2,
        Runtime,
        "Expected 2-dimensional tensor, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for embedding_renorm_)",
        x.dim()
    );
    check_indices(indices, 2, "embedding_renorm_")?;
    check_inplace(x)?;
    crate::iter::assert_no_internal_overlap(x)?;
    let at = long(&indices.detach())?;
    let lookup = Lookup {
        rows: x.shape()[0],
        width: x.shape()[1],
        count: at.numel(),
        padding: None,
        by_frequency: false,
    };
    let (direct, table) = (x.is_contiguous(), dense(x)?);
    let mode = if direct { Mode::Write } else { Mode::Init };
    let known = access::access([(&table, mode), (&at, Mode::Read)], |[table_ptr, at]| {
        // SAFETY: row-major operands of the lookup's sizes, and the indices are checked before anything is written.
        unsafe {
            duoc_kernels::index::check(at.cast(), lookup.count, lookup.rows, false).map_err(|bad| {
                err!(
                    Index,
                    "select(): index {} out of range for tensor of size {:?} at dimension 0",
                    bad.index,
                    x.shape()
                )
            })?;
            Ok(shorten_rows(
                x.dtype(),
                &lookup,
                at.cast(),
                table_ptr,
                max_norm,
                norm_type,
            ))
        }
    })?;
    if !known {
        return Err(super::pointwise::not_implemented("embedding_renorm_", x.dtype()));
    }
    if !direct {
        super::copy::copy_data(x, &table)?;
    }
    Ok(x.clone())
}
