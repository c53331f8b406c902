//! The Cholesky factorisation, and what is solved with it.

use super::triangular::solve;
use super::{
    add, adjoint, batch, check_float, check_kernel, check_square, cols, column_major, columns, count, diagonal, each,
    failure, identity_like, matrix, report, rows, same_batch,
};
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, no_grad};
use crate::ops::arith::mul;
use crate::ops::contract::matmul;
use crate::ops::rearrange::tril;
use crate::ops::sign::neg;
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
    let (out, info) = factor(a, upper)?;
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

fn factor(a: &Tensor, upper: bool) -> Result<(Tensor, Tensor)> {
    let f = columns(&if upper {
        no_grad(|| adjoint(&a.detach()))?
    } else {
        a.clone()
    })?;
    let (n, complex) = (rows(a), a.dtype().is_complex());
    let info = Tensor::uninit(batch(a), DType::I32)?;
    each(count(a), n * n * n / 3, [&f, &info], |[f, i]| {
        // SAFETY: a copy of this call's own.
        unsafe { report(i, kernel::cholesky(complex, f, n)) };
    })?;
    let turned = |x: &Tensor| if upper { adjoint(x) } else { Ok(x.clone()) };
    let out = matrix(&f, a.dtype())?;
    let out = no_grad(|| column_major(&turned(&out)?))?.detach();
    record_many(
        std::slice::from_ref(&out),
        "LinalgCholeskyExBackward0",
        &[Some(a)],
        |r| {
            let out = r.save_output(0);
            move |c: &Ctx, g: &[Option<Tensor>]| {
                let Some(g) = &g[0] else { return Ok([None]) };
                let turned = |x: &Tensor| if upper { adjoint(x) } else { Ok(x.clone()) };
                // L^-H (phi + phi_below^H) / 2 L^-1, phi the lower triangle of L^H g.
                let h = adjoint(&turned(&c.get(out)?)?)?;
                let phi = tril(&matmul(&h, &turned(g)?)?, 0)?;
                let both = add(&phi, &adjoint(&tril(&phi, -1)?)?)?;
                let left = solve(&h, &mul(&both, &Tensor::wrapped(0.5)?)?, true, false)?;
                let g = adjoint(&solve(&h, &adjoint(&left)?, true, false)?)?;
                Ok([Some(g)])
            }
        },
    )?;
    Ok((out, info))
}

fn linalg_cholesky_body(a: &Tensor, upper: bool) -> Result<Tensor> {
    Ok(cholesky_ex(a, upper, true)?.0)
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
    let out = no_grad(|| twice(&l.detach(), &b.detach(), upper))?;
    out.record("CholeskySolveBackward0", [&b, &l], |r| {
        let (l, x) = (r.save(&l), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let l = c.get(l)?;
            let gb = cholesky_solve(g, &l, upper)?;
            let gl = match c.needs(1) {
                true => {
                    let x = c.get(x)?;
                    let half = matmul(&gb, &adjoint(&x)?)?;
                    let both = add(&half, &adjoint(&half)?)?;
                    Some(neg(&if upper { matmul(&l, &both)? } else { matmul(&both, &l)? })?)
                }
                false => None,
            };
            Ok([Some(gb), gl])
        }
    })
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
    let out = no_grad(|| twice(&l.detach(), &identity_like(l)?, upper))?;
    out.record("CholeskyInverseBackward0", [l], |r| {
        let (l, x) = (r.save(l), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let (l, x) = (c.get(l)?, c.get(x)?);
            let inner = super::chain(&x, &add(g, &adjoint(g)?)?, &x)?;
            neg(&if upper {
                matmul(&l, &inner)?
            } else {
                matmul(&inner, &l)?
            })
        }
    })
}
