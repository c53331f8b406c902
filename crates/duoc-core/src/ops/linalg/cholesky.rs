//! The Cholesky factorisation, and what is solved with it.

use super::triangular::solve;
use super::{
    add, adjoint, batch, check_float, check_kernel, check_square, cols, columns, count, diag, diagonal, each, failure,
    identity_like, matrix, report, rows, same_batch, sub,
};
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, no_grad};
use crate::ops::arith::mul;
use crate::ops::contract::matmul;
use crate::ops::rearrange::tril;
use crate::{DType, Result, Tensor, bail, ensure, ops};
use duoc_kernels::linalg as kernel;

ops! {
    /// `L` with `A = L L^H` (`U = L^H` with `upper`) for Hermitian positive definite `A`, of which one triangle is read; a
    /// matrix that is not positive definite is a LinAlgError.
    "linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor" [function, out]
    pub fn linalg_cholesky(a: &Tensor, upper: bool) -> Tensor = linalg_cholesky_body;

    /// As `linalg.cholesky`, with the order of the first minor that is not positive definite (0 for none) instead of the
    /// error.
    "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)" [function, out]
    pub fn cholesky_ex(a: &Tensor, upper: bool, check_errors: bool) -> (Tensor, Tensor) = cholesky_ex_body;

    /// The older form of `linalg.cholesky`.
    "cholesky(Tensor self, bool upper=False) -> Tensor" [function, method, out]
    pub fn cholesky(a: &Tensor, upper: bool) -> Tensor = cholesky_body;

    /// `X` with `L L^H X = self`, or `U^H U X = self`.
    "cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor" [function, method, out]
    pub fn cholesky_solve(b: &Tensor, l: &Tensor, upper: bool) -> Tensor = cholesky_solve_body;

    /// `(L L^H)^-1`, or `(U^H U)^-1`.
    "cholesky_inverse(Tensor self, bool upper=False) -> Tensor" [function, method, out]
    pub fn cholesky_inverse(l: &Tensor, upper: bool) -> Tensor = cholesky_inverse_body;
}

fn cholesky_ex_body(a: &Tensor, upper: bool, check_errors: bool) -> Result<(Tensor, Tensor)> {
    let name = "linalg.cholesky";
    check_square(name, a)?;
    check_float(name, a, false)?;
    check_kernel("cholesky_cpu", a)?;
    let (out, info) = match upper {
        false => lower(a)?,
        true => {
            let (l, info) = lower(&adjoint(a)?)?;
            (adjoint(&l)?, info)
        }
    };
    if check_errors {
        check(name, &info)?;
    }
    Ok((out, info))
}

fn check(name: &str, info: &Tensor) -> Result<()> {
    if let Some((place, i)) = failure(info)? {
        bail!(
            LinAlg,
            "{name}: {place}The factorization could not be completed because the input is not positive-definite (the leading \
             minor of order {i} is not positive-definite)."
        );
    }
    Ok(())
}

fn lower(a: &Tensor) -> Result<(Tensor, Tensor)> {
    let f = columns(a)?;
    let (n, complex) = (rows(a), a.dtype().is_complex());
    let info = Tensor::uninit(batch(a), DType::I32)?;
    each(count(a), n * n * n / 3, [&f, &info], |[f, i]| {
        // SAFETY: a copy of this call's own.
        unsafe { report(i, kernel::cholesky(complex, f, n)) };
    })?;
    let l = matrix(&f, a.dtype())?;
    record_many(std::slice::from_ref(&l), "LinalgCholeskyExBackward0", &[Some(a)], |r| {
        let l = r.save_output(0);
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let Some(g) = &g[0] else { return Ok([None]) };
            // (S + S^H) / 2 with S = L^-H phi L^-1, phi the lower triangle of L^H g, its diagonal halved.
            let l = c.get(l)?;
            let h = adjoint(&l)?;
            let phi = tril(&matmul(&h, g)?, 0)?;
            let half = diag(&mul(&diagonal(&phi)?, &Tensor::wrapped(0.5)?)?)?;
            let phi = sub(&phi, &half)?;
            let left = solve(&h, &phi, true, false)?;
            let s = adjoint(&solve(&h, &adjoint(&left)?, true, false)?)?;
            let twice = add(&s, &adjoint(&s)?)?;
            Ok([Some(mul(&twice, &Tensor::wrapped(0.5)?)?)])
        }
    })?;
    Ok((l, info))
}

fn linalg_cholesky_body(a: &Tensor, upper: bool) -> Result<Tensor> {
    Ok(cholesky_ex(a, upper, true)?.0)
}

fn cholesky_body(a: &Tensor, upper: bool) -> Result<Tensor> {
    check_square("cholesky", a)?;
    let (l, info) = cholesky_ex(a, upper, false)?;
    check("cholesky", &info)?;
    Ok(l)
}

fn cholesky_solve_body(b: &Tensor, l: &Tensor, upper: bool) -> Result<Tensor> {
    for (what, x) in [("b", b), ("u", l)] {
        ensure!(
            x.dim() >= 2,
            Runtime,
            "{what} should have at least 2 dimensions, but has {} dimensions instead",
            x.dim()
        );
    }
    ensure!(
        rows(l) == cols(l),
        Runtime,
        "A must be batches of square matrices, but they are {} by {} matrices",
        rows(l),
        cols(l)
    );
    ensure!(
        rows(l) == rows(b),
        Runtime,
        "Incompatible matrix sizes for cholesky_solve: each A matrix is {} by {} but each b matrix is {} by {}",
        rows(l),
        cols(l),
        rows(b),
        cols(b)
    );
    ensure!(
        l.dtype() == b.dtype(),
        Runtime,
        "Expected b and A to have the same dtype, but found b of type {} and A of type {} instead",
        b.dtype().scalar_type_name(),
        l.dtype().scalar_type_name()
    );
    check_kernel("cholesky_solve_cpu", l)?;
    let (l, b) = same_batch(l, b)?;
    twice(&l, &b, upper)
}

fn twice(l: &Tensor, b: &Tensor, upper: bool) -> Result<Tensor> {
    let h = adjoint(l)?;
    match upper {
        false => solve(&h, &solve(l, b, false, false)?, true, false),
        true => solve(l, &solve(&h, b, false, false)?, true, false),
    }
}

fn cholesky_inverse_body(l: &Tensor, upper: bool) -> Result<Tensor> {
    check_square("cholesky_inverse", l)?;
    check_kernel("cholesky_inverse_out_cpu", l)?;
    let zeros = no_grad(|| crate::ops::compare::eq(&diagonal(l)?, &Tensor::wrapped(0.0)?))?.try_to_vec::<bool>()?;
    if let Some(k) = zeros.iter().position(|z| *z) {
        let n = rows(l);
        let place = if l.dim() > 2 {
            format!("(Batch element {}): ", k / n)
        } else {
            String::new()
        };
        bail!(
            LinAlg,
            "cholesky_inverse: {place}The diagonal element {} is zero, the inversion could not be completed because the input \
             matrix is singular.",
            k % n + 1
        );
    }
    twice(l, &no_grad(|| identity_like(l))?, upper)
}
