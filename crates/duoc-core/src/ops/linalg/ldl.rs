//! Indefinite symmetric matrices: `A = L D L^T` with Bunch-Kaufman pivots.

use super::triangular::check_pair;
use super::{
    batch, batch_with, check_float, check_kernel, check_square, cols, columns, count, each, failure, matrix, report,
    rows, same_batch,
};
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, no_grad};
use crate::{DType, Result, Tensor, bail, ensure, ops};
use duoc_kernels::linalg as kernel;

ops! {
    /// `A = L D L^T` (`L D L^H` if `hermitian`) in the lower triangle of one matrix, as LAPACK's `sytrf` and `hetrf` keep it:
    /// `D` has blocks of one and two rows. A zero block is an error.
    "linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)" [function, out]
    pub fn ldl_factor(a: &Tensor, hermitian: bool) -> (Tensor, Tensor) = ldl_factor_body;

    /// As `linalg.ldl_factor`, with the number of the first zero block (0 for none) instead of the error.
    "linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, Tensor info)" [function, out]
    pub fn ldl_factor_ex(a: &Tensor, hermitian: bool, check_errors: bool) -> (Tensor, Tensor, Tensor) = ldl_factor_ex_body;

    /// `X` with `A X = B` from what `linalg.ldl_factor` gives.
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor" [function, out]
    pub fn ldl_solve(ld: &Tensor, pivots: &Tensor, b: &Tensor, hermitian: bool) -> Tensor = ldl_solve_body;
}

fn ldl_factor_ex_body(a: &Tensor, hermitian: bool, check_errors: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let name = "torch.linalg.ldl_factor_ex";
    check_square(name, a)?;
    check_float(name, a, false)?;
    check_kernel("ldl_factor_kernel_cpu", a)?;
    let lower = no_grad(|| crate::ops::rearrange::tril(&a.detach(), 0))?;
    let f = columns(&lower)?;
    let (n, complex) = (rows(a), a.dtype().is_complex());
    let pivots = Tensor::uninit(&batch_with(a, &[n]), DType::I32)?;
    let info = Tensor::uninit(batch(a), DType::I32)?;
    each(count(a), n * n * n / 3, [&f, &pivots, &info], |[f, p, i]| {
        // SAFETY: results of this call's own, of these sizes.
        unsafe { report(i, kernel::ldl(complex, f, n, p, hermitian && complex)) };
    })?;
    if check_errors && let Some((place, i)) = failure(&info)? {
        bail!(
            LinAlg,
            "torch.linalg.ldl_factor_ex: {place}The diagonal block {i} of D is zero, so the factorization cannot be used to solve."
        );
    }
    let outputs = [matrix(&f, a.dtype())?, pivots, info];
    record_many(&outputs, "torch::autograd::NotImplemented", &[Some(a)], |_| {
        |_: &Ctx, _: &[Option<Tensor>]| -> Result<[Option<Tensor>; 1]> {
            bail!(
                NotImplemented,
                "the derivative for 'linalg_ldl_factor_ex' is not implemented."
            )
        }
    })?;
    let [ld, pivots, info] = outputs;
    Ok((ld, pivots, info))
}

fn ldl_factor_body(a: &Tensor, hermitian: bool) -> Result<(Tensor, Tensor)> {
    let (ld, pivots, _) = ldl_factor_ex(a, hermitian, true)?;
    Ok((ld, pivots))
}

fn ldl_solve_body(ld: &Tensor, pivots: &Tensor, b: &Tensor, hermitian: bool) -> Result<Tensor> {
    let name = "torch.linalg.ldl_solve";
    check_float(name, ld, false)?;
    check_square(name, ld)?;
    super::check_matrix(name, b)?;
    ensure!(
        rows(ld) == rows(b),
        Runtime,
        "Incompatible matrix sizes for {name}: each A matrix is {} by {} but each b matrix is {} by {}",
        rows(ld),
        cols(ld),
        rows(b),
        cols(b)
    );
    check_pair(name, ld, b, true)?;
    ensure!(
        pivots.dtype().is_int() && pivots.dtype() != DType::Bool,
        Runtime,
        "{name}: Expected pivots to be integers. Got {}",
        pivots.dtype().scalar_type_name()
    );
    ensure!(
        pivots.shape() == &ld.shape()[..ld.dim() - 1],
        Runtime,
        "{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {:?} instead",
        pivots.shape()
    );
    check_kernel("ldl_solve_kernel_cpu", ld)?;
    let n = rows(ld);
    let (ld, x) = same_batch(ld, b)?;
    let pivots = no_grad(|| {
        let p = crate::ops::copy::to_dtype(&pivots.detach(), DType::I32)?;
        let p = crate::ops::shape::expand(&p, &crate::ops::view::ints(&batch_with(&ld, &[n])), false)?;
        crate::ops::copy::clone(&p, Some(crate::MemoryFormat::Contiguous))
    })?;
    let (f, out) = (columns(&ld)?, columns(&x)?);
    let (k, complex) = (cols(b), ld.dtype().is_complex());
    each(count(&ld), n * n * k, [&f, &pivots, &out], |[f, p, x]| {
        // SAFETY: results of this call's own, of these sizes; the kernel keeps the pivots within them.
        unsafe { kernel::solve_ldl(complex, f, n, p, x, k, hermitian && complex) };
    })?;
    matrix(&out, b.dtype())?.record("torch::autograd::NotImplemented", [&ld, b], |_| {
        crate::ops::division::not_derived("linalg_ldl_solve")
    })
}
