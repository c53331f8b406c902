//! Linear algebra on batches of matrices: `torch.linalg` and its older names.
//!
//! A decomposition copies its input into columns of float64 or complex128 ([`columns`]), runs a kernel of
//! `duoc_kernels::linalg` on every matrix ([`each`]) and rounds the results once ([`matrix`]), which then lie column after
//! column as LAPACK's do. Gradients are those of M. Giles, "Collected matrix derivative results for forward and reverse
//! mode algorithmic differentiation" (2008), with conjugates; they are made of recorded ops, so they have gradients too.

pub mod cholesky;
pub mod eigen;
pub mod exp;
pub mod ldl;
pub mod least;
pub mod lu;
pub mod norms;
pub mod qr;
pub mod solve;
pub mod svd;
pub mod tensors;
pub mod triangular;

use super::arith;
use super::contract::matmul;
use super::parts::conj;
use super::pointwise::not_implemented;
use super::view::{ints, transpose};
use crate::autograd::no_grad;
use crate::layout::{Dims, broadcast};
use crate::storage::{Mode, access};
use crate::{DType, Result, Scalar, Tensor, ensure};
use duoc_kernels::par;

/// The number of rows of a matrix, or of a batch of them.
pub(super) fn rows(x: &Tensor) -> usize {
    x.shape()[x.dim() - 2]
}

/// The number of columns.
pub(super) fn cols(x: &Tensor) -> usize {
    x.shape()[x.dim() - 1]
}

/// The shape of the batch.
pub(super) fn batch(x: &Tensor) -> &[usize] {
    &x.shape()[..x.dim() - 2]
}

/// The batch with other dimensions behind it.
pub(super) fn batch_with(x: &Tensor, rest: &[usize]) -> Dims {
    batch(x).iter().chain(rest).copied().collect()
}

pub(super) fn check_matrix(name: &str, x: &Tensor) -> Result<()> {
    ensure!(
        x.dim() >= 2,
        Runtime,
        "{name}: The input tensor A must have at least 2 dimensions."
    );
    Ok(())
}

pub(super) fn check_square(name: &str, x: &Tensor) -> Result<()> {
    check_matrix(name, x)?;
    ensure!(
        rows(x) == cols(x),
        Runtime,
        "{name}: A must be batches of square matrices, but they are {} by {} matrices",
        rows(x),
        cols(x)
    );
    Ok(())
}

/// NotImplementedError unless the dtype is a floating or complex one, and with `low` not one of 16 bits either.
pub(super) fn check_float(name: &str, x: &Tensor, low: bool) -> Result<()> {
    let dtype = x.dtype();
    ensure!(
        dtype.is_float() || dtype.is_complex(),
        NotImplemented,
        "{name}: Expected a floating point or complex tensor as input. Got {}",
        dtype.scalar_type_name()
    );
    ensure!(
        !low || has_kernel(dtype),
        NotImplemented,
        "{name}: Low precision dtypes not supported. Got {}",
        dtype.scalar_type_name()
    );
    Ok(())
}

fn has_kernel(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64 | DType::C64 | DType::C128)
}

/// NotImplementedError unless there is a kernel for the dtype.
pub(super) fn check_kernel(kernel: &str, x: &Tensor) -> Result<()> {
    match has_kernel(x.dtype()) {
        true => Ok(()),
        false => Err(not_implemented(kernel, x.dtype())),
    }
}

/// The dtype that a decomposition is computed in.
pub(super) fn wide(dtype: DType) -> DType {
    if dtype.is_complex() { DType::C128 } else { DType::F64 }
}

/// The matrices column after column, in the wide dtype, in memory of their own: a row-major tensor of their transposes.
pub(super) fn columns(x: &Tensor) -> Result<Tensor> {
    no_grad(|| {
        let x = transpose(&x.detach(), -2, -1)?;
        let y = super::copy::to_dtype(&x, wide(x.dtype()))?;
        super::copy::clone(&y, Some(crate::MemoryFormat::Contiguous))
    })
}

/// What [`columns`] made, as matrices again and in the dtype of the input: their strides are those of columns.
pub(super) fn matrix(columns: &Tensor, dtype: DType) -> Result<Tensor> {
    no_grad(|| Ok(transpose(&super::copy::to_dtype(columns, dtype)?, -2, -1)?.detach()))
}

/// A new tensor of the wide dtype for columns: `n` columns of `m` numbers for every matrix of `x`'s batch.
pub(super) fn fresh(x: &Tensor, m: usize, n: usize) -> Result<Tensor> {
    Tensor::uninit(&batch_with(x, &[n, m]), wide(x.dtype()))
}

/// Calls `f` with the addresses of the parts of every one of `count` matrices; `work` is the number of operations of one.
pub(super) fn each<const N: usize>(
    count: usize,
    work: usize,
    parts: [&Tensor; N],
    f: impl Fn([*mut u8; N]) + Sync,
) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let bytes = parts.map(|t| t.numel() / count * t.dtype().size());
    let group = (par::GRAIN / work.max(1)).max(1);
    access::access(parts.map(|t| (t, Mode::Init)), |ptrs| {
        let base = ptrs.map(|p| p as usize);
        par::for_units(count, group, &|from, to| {
            for i in from..to {
                f(std::array::from_fn(|k| (base[k] + i * bytes[k]) as *mut u8));
            }
        });
        Ok(())
    })
}

/// The same matrices, column after column in memory, as LAPACK leaves its results.
pub(super) fn column_major(x: &Tensor) -> Result<Tensor> {
    let turned = transpose(x, -2, -1)?;
    if turned.is_contiguous() && !x.is_conj() {
        return Ok(x.clone());
    }
    transpose(
        &super::copy::clone(&super::parts::resolved(&turned)?, Some(crate::MemoryFormat::Contiguous))?,
        -2,
        -1,
    )
}

/// The number of matrices.
pub(super) fn count(x: &Tensor) -> usize {
    batch(x).iter().product()
}

/// Writes a matrix's report of success.
///
/// # Safety
/// `p` is the address of an int32.
pub(super) unsafe fn report(p: *mut u8, info: i32) {
    // SAFETY: the caller's.
    unsafe { p.cast::<i32>().write(info) }
}

/// The first matrix with a report other than 0, in words that come before the message, and the report.
pub(super) fn failure(info: &Tensor) -> Result<Option<(String, i64)>> {
    let all = no_grad(|| super::copy::to_dtype(&info.detach(), DType::I64))?.try_to_vec::<i64>()?;
    let found = all.iter().enumerate().find(|(_, i)| **i != 0);
    Ok(found.map(|(k, i)| match info.dim() {
        0 => (String::new(), *i),
        _ => (format!("(Batch element {k}): "), *i),
    }))
}

/// `x^H`.
pub(super) fn adjoint(x: &Tensor) -> Result<Tensor> {
    conj(&transpose(x, -2, -1)?)
}

pub(super) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    arith::add(a, b, Scalar::Int(1))
}

pub(super) fn sub(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    arith::sub(a, b, Scalar::Int(1))
}

/// The sum of what there is.
pub(super) fn sum_of(a: Option<Tensor>, b: Option<Tensor>) -> Result<Option<Tensor>> {
    match (a, b) {
        (Some(a), Some(b)) => add(&a, &b).map(Some),
        (a, b) => Ok(a.or(b)),
    }
}

/// `a b c`.
pub(super) fn chain(a: &Tensor, b: &Tensor, c: &Tensor) -> Result<Tensor> {
    matmul(&matmul(a, b)?, c)
}

/// Identities of the size and dtype of `x`'s matrices.
pub(super) fn identity_like(x: &Tensor) -> Result<Tensor> {
    let one = super::range::eye(cols(x) as i64, Some(x.dtype()), None, None, None)?;
    super::shape::expand(&one, &ints(&batch_with(x, &[cols(x), cols(x)])), false)
}

/// Batches of matrices, each expanded to the common batch shape.
pub(super) fn same_batch(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let common = broadcast(batch(a), batch(b))?;
    let expanded = |x: &Tensor| {
        if batch(x) == &common[..] {
            return Ok(x.clone());
        }
        let shape: Dims = common.iter().copied().chain([rows(x), cols(x)]).collect();
        super::shape::expand(x, &ints(&shape), false)
    };
    Ok((expanded(a)?, expanded(b)?))
}

/// The diagonal of every matrix.
pub(super) fn diagonal(x: &Tensor) -> Result<Tensor> {
    super::dims::diagonal(x, 0, -2, -1)
}

/// Diagonal matrices.
pub(super) fn diag(x: &Tensor) -> Result<Tensor> {
    super::rearrange::diag_embed(x, 0, -2, -1)
}

/// A complex tensor with the real values of `x`, if `like` is complex.
pub(super) fn as_dtype(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    super::copy::to_dtype(x, dtype)
}
