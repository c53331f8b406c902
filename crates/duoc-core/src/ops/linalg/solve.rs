//! Linear systems, inverses and determinants, through the LU factorisation.

use super::lu::factor;
use super::triangular::check_pair;
use super::{
    add, adjoint, as_dtype, batch, check_float, check_kernel, check_square, cols, columns, count, diagonal, each,
    failure, identity_like, matrix, report, rows, same_batch,
};
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, is_grad_enabled, no_grad};
use crate::ops::arith::mul;
use crate::ops::contract::matmul;
use crate::ops::parts::{conj, imag};
use crate::ops::reduce::{prod_dim, sum_dims};
use crate::ops::sign::{neg, sgn};
use crate::ops::unary::{abs, log};
use crate::ops::view::{squeeze_dim, transpose, unsqueeze};
use crate::{DType, Result, Scalar, Tensor, bail, ops};
use duoc_kernels::linalg as kernel;

ops! {
    /// `X` with `A X = B` (or `X A = B` without `left`) for square `A`; `B` may be a batch of vectors. A singular matrix is
    /// a LinAlgError.
    "linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor" [function, out]
    pub fn solve(a: &Tensor, b: &Tensor, left: bool) -> Tensor = solve_body;

    /// As `linalg.solve`, with the number of the first zero pivot (0 for none) instead of the error.
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)" [function, out]
    pub fn solve_ex(a: &Tensor, b: &Tensor, left: bool, check_errors: bool) -> (Tensor, Tensor) = solve_ex_body;

    /// `A^-1`; a singular matrix is a LinAlgError.
    "linalg_inv(Tensor A) -> Tensor" [function, out]
    pub fn inv(a: &Tensor) -> Tensor = inv_body;

    /// `A^-1`, under its older name.
    "inverse(Tensor self) -> Tensor" [function, method, out]
    pub fn inverse(a: &Tensor) -> Tensor = inv_body;

    /// `A^-1`, with the number of the first zero pivot (0 for none) instead of the error.
    "linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)" [function, out]
    pub fn inv_ex(a: &Tensor, check_errors: bool) -> (Tensor, Tensor) = inv_ex_body;

    /// The determinant.
    "linalg_det(Tensor A) -> Tensor" [function, out]
    pub fn linalg_det(a: &Tensor) -> Tensor = det_body;

    /// The determinant.
    "det(Tensor self) -> Tensor" [function, method]
    pub fn det(a: &Tensor) -> Tensor = det_body;

    /// The sign of the determinant (of modulus 1, or 0) and the logarithm of its modulus.
    "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)" [function, out]
    pub fn linalg_slogdet(a: &Tensor) -> (Tensor, Tensor) = slogdet_body;

    /// As `linalg.slogdet`.
    "slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)" [function, method, out]
    pub fn slogdet(a: &Tensor) -> (Tensor, Tensor) = slogdet_body;

    /// The logarithm of the determinant; NaN where that is negative.
    "logdet(Tensor self) -> Tensor" [function, method]
    pub fn logdet(a: &Tensor) -> Tensor = logdet_body;
}

/// Whether `b` stands for vectors: one, or one for each matrix of `a`.
fn is_vectors(a: &Tensor, b: &Tensor) -> bool {
    b.dim() == 1 || a.dim() == b.dim() + 1 && b.shape() == &a.shape()[..a.dim() - 1]
}

/// `A^-1 B` for batches of one shape, and the reports.
fn run(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let (f, x) = (columns(a)?, columns(b)?);
    let (n, k, complex) = (rows(a), cols(b), a.dtype().is_complex());
    let info = Tensor::uninit(batch(a), DType::I32)?;
    each(count(a), n * n * (n + k), [&f, &x, &info], |[f, x, i]| {
        let mut pivots = vec![0i32; n];
        let p = pivots.as_mut_ptr().cast::<u8>();
        // SAFETY: copies of this call's own, of these sizes.
        unsafe {
            report(i, kernel::lu(complex, f, n, n, p, true));
            kernel::exchange_rows(complex, x, n, k, &pivots);
            kernel::solve_triangular(complex, f, n, false, true, x, k);
            kernel::solve_triangular(complex, f, n, true, false, x, k);
        }
    })?;
    Ok((matrix(&x, b.dtype())?, info))
}

fn solve_ex_body(a: &Tensor, b: &Tensor, left: bool, check_errors: bool) -> Result<(Tensor, Tensor)> {
    let name = "linalg.solve";
    check_float(name, a, false)?;
    check_square(name, a)?;
    let vectors = is_vectors(a, b);
    let b = if vectors { unsqueeze(b, -1)? } else { b.clone() };
    check_pair(name, a, &b, left)?;
    check_kernel("lu_cpu", a)?;
    let own = a.clone();
    let (a, b) = same_batch(a, &b)?;
    let (x, info) = match left {
        true => solved(&a, &b)?,
        false => {
            let (x, info) = solved(&transpose(&a, -2, -1)?, &transpose(&b, -2, -1)?)?;
            (transpose(&x, -2, -1)?, info)
        }
    };
    let info = reports_of(&own, &info)?;
    if check_errors && let Some((place, _)) = failure(&info)? {
        bail!(
            LinAlg,
            "torch.linalg.solve: {place}The solver failed because the input matrix is singular."
        );
    }
    match vectors {
        true if x.dim() > 2 => Ok((super::column_major(&squeeze_dim(&x, -1)?)?, info)),
        true => Ok((squeeze_dim(&x, -1)?, info)),
        false => Ok((x, info)),
    }
}

/// The reports of the matrices of `a` from those of their expansion.
fn reports_of(a: &Tensor, info: &Tensor) -> Result<Tensor> {
    let mut info = info.clone();
    while info.dim() + 2 > a.dim() && info.numel() > 0 {
        info = crate::ops::view::select(&info, 0, 0)?;
    }
    if info.numel() > 0 {
        for (d, n) in batch(a).iter().enumerate() {
            info = crate::ops::view::narrow(&info, d as i64, 0, *n as i64)?;
        }
    }
    crate::ops::copy::clone(&info, Some(crate::MemoryFormat::Contiguous))
}

fn solved(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let (x, info) = run(a, b)?;
    record_many(
        std::slice::from_ref(&x),
        "LinalgSolveExBackward0",
        &[Some(a), Some(b)],
        |r| {
            let (a, x) = (r.save(a), r.save_output(0));
            move |c: &Ctx, g: &[Option<Tensor>]| {
                let Some(g) = &g[0] else { return Ok([None, None]) };
                let (gb, _) = solve_ex(&adjoint(&c.get(a)?)?, g, true, false)?;
                let ga = match c.needs(0) {
                    true => Some(neg(&matmul(&gb, &adjoint(&c.get(x)?)?)?)?),
                    false => None,
                };
                Ok([ga, Some(gb)])
            }
        },
    )?;
    Ok((x, info))
}

fn solve_body(a: &Tensor, b: &Tensor, left: bool) -> Result<Tensor> {
    Ok(solve_ex(a, b, left, true)?.0)
}

fn inv_ex_body(a: &Tensor, check_errors: bool) -> Result<(Tensor, Tensor)> {
    let name = "linalg.inv";
    check_float(name, a, true)?;
    check_square(name, a)?;
    let (x, info) = run(a, &no_grad(|| identity_like(a))?)?;
    if check_errors && let Some((place, i)) = failure(&info)? {
        bail!(
            LinAlg,
            "{name}: {place}The diagonal element {i} is zero, the inversion could not be completed because the input matrix is \
             singular."
        );
    }
    record_many(std::slice::from_ref(&x), "LinalgInvExBackward0", &[Some(a)], |r| {
        let x = r.save_output(0);
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let Some(g) = &g[0] else { return Ok([None]) };
            let h = adjoint(&c.get(x)?)?;
            super::chain(&h, g, &h).and_then(|y| neg(&y)).map(|y| [Some(y)])
        }
    })?;
    Ok((x, info))
}

fn inv_body(a: &Tensor) -> Result<Tensor> {
    Ok(inv_ex(a, true)?.0)
}

/// 1 or -1: the determinant of the permutation of every matrix.
fn parity(pivots: &Tensor) -> Result<Tensor> {
    let k = pivots.shape().last().copied().unwrap_or(0);
    let all = crate::ops::copy::to_dtype(pivots, DType::I64)?.try_to_vec::<i64>()?;
    let shape = &pivots.shape()[..pivots.dim() - 1];
    let moved = |p: &[i64]| p.iter().enumerate().filter(|(i, p)| **p != *i as i64 + 1).count();
    let signs: Vec<f64> = match k {
        0 => vec![1.0; shape.iter().product()],
        _ => all
            .chunks(k)
            .map(|p| if moved(p) % 2 == 0 { 1.0 } else { -1.0 })
            .collect(),
    };
    Tensor::try_from_slice(&signs, shape)
}

fn det_body(a: &Tensor) -> Result<Tensor> {
    let name = "linalg.det";
    check_square(name, a)?;
    check_float(name, a, false)?;
    check_kernel("lu_cpu", a)?;
    let out = no_grad(|| {
        let (lu, pivots, _) = factor(&as_dtype(&a.detach(), super::wide(a.dtype()))?)?;
        let product = prod_dim(&diagonal(&lu)?, -1, false, None)?;
        as_dtype(&mul(&product, &parity(&pivots)?)?, a.dtype())
    })?;
    out.record("LinalgDetBackward0", [a], |r| {
        let (a, out) = (r.save(a), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let a = c.get(a)?;
            let det = c.get(out)?;
            let whole = is_grad_enabled() && no_grad(|| regular(&det))?;
            let factors = if whole {
                let g = mul(g, &conj(&det)?)?;
                return solve_ex(&adjoint(&a)?, &scaled_identity(&a, &g)?, true, false).map(|x| x.0);
            } else {
                cofactors(&a)?
            };
            mul(&unsqueeze(&unsqueeze(g, -1)?, -1)?, &conj(&factors)?)
        }
    })
}

fn regular(det: &Tensor) -> Result<bool> {
    let zero = crate::ops::compare::eq(det, &Tensor::wrapped(0.0)?)?;
    Ok(!crate::ops::reduce::any(&zero)?.try_item()?.to_bool())
}

/// The cofactors of every matrix: `det(U V^H) * conj(U) diag(prod of the other singular values) V^T`; exact where the
/// matrix is singular too.
fn cofactors(a: &Tensor) -> Result<Tensor> {
    let (u, s, vh) = super::svd::svd(a, true, None)?;
    let n = cols(a);
    let mut others = Vec::with_capacity(n);
    for k in 0..n {
        let parts: Vec<Tensor> = [(0, k), (k + 1, n)]
            .iter()
            .filter(|(from, to)| from < to)
            .map(|(from, to)| crate::ops::view::narrow(&s, -1, *from as i64, (to - from) as i64))
            .collect::<Result<_>>()?;
        others.push(match parts.is_empty() {
            true => crate::ops::factory::ones_like(&crate::ops::view::select(&s, -1, 0)?)?,
            false => prod_dim(&crate::ops::join::cat(&parts, -1)?, -1, false, None)?,
        });
    }
    if n == 0 {
        return Ok(a.clone());
    }
    let others = crate::ops::join::stack(&others, -1)?;
    let turn = mul(&linalg_det(&u)?, &linalg_det(&vh)?)?;
    let middle = mul(&unsqueeze(&turn, -1)?, &as_dtype(&others, a.dtype())?)?;
    matmul(&mul(&conj(&u)?, &unsqueeze(&middle, -2)?)?, &conj(&vh)?)
}

/// `g I` for one number per matrix.
fn scaled_identity(a: &Tensor, g: &Tensor) -> Result<Tensor> {
    mul(
        &identity_like(a)?,
        &unsqueeze(&unsqueeze(&as_dtype(g, a.dtype())?, -1)?, -1)?,
    )
}

fn slogdet_body(a: &Tensor) -> Result<(Tensor, Tensor)> {
    signed_logarithm(a, "linalg.slogdet")
}

fn signed_logarithm(a: &Tensor, name: &str) -> Result<(Tensor, Tensor)> {
    check_square(name, a)?;
    check_float(name, a, true)?;
    let part = a.dtype().part();
    let (sign, size) = no_grad(|| -> Result<(Tensor, Tensor)> {
        let (lu, pivots, _) = factor(&as_dtype(&a.detach(), super::wide(a.dtype()))?)?;
        let d = diagonal(&lu)?;
        let sign = mul(&prod_dim(&sgn(&d)?, -1, false, None)?, &parity(&pivots)?)?;
        let size = sum_dims(&log(&abs(&d)?)?, Some(&[-1]), false, None)?;
        Ok((as_dtype(&sign, a.dtype())?, as_dtype(&size, part)?))
    })?;
    let outputs = [sign, size];
    record_many(&outputs, "LinalgSlogdetBackward0", &[Some(a)], |r| {
        let (a, sign) = (r.save(a), r.save_output(0));
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let a = c.get(a)?;
            let mut factor = g[1].clone();
            if a.dtype().is_complex() {
                // The phase turns with the imaginary part of tr(A^-1 dA).
                factor = factor.map(|f| as_dtype(&f, a.dtype())).transpose()?;
                if let Some(gs) = &g[0] {
                    let turning = imag(&mul(&conj(gs)?, &c.get(sign)?)?)?;
                    let turning = mul(
                        &as_dtype(&turning, a.dtype())?,
                        &Tensor::wrapped(Scalar::Complex(0.0, -1.0))?,
                    )?;
                    factor = super::sum_of(factor, Some(turning))?;
                }
            }
            let Some(factor) = factor else { return Ok([None]) };
            let (x, _) = solve_ex(&adjoint(&a)?, &scaled_identity(&a, &factor)?, true, false)?;
            Ok([Some(x)])
        }
    })?;
    let [sign, size] = outputs;
    Ok((sign, size))
}

fn logdet_body(a: &Tensor) -> Result<Tensor> {
    let (sign, size) = signed_logarithm(a, "logdet")?;
    if a.dtype().is_complex() {
        return add(&log(&sign)?, &size);
    }
    let negative = crate::ops::compare::eq(&sign, &Tensor::wrapped(-1.0)?)?;
    crate::ops::blend::select(&negative, &Tensor::wrapped(f64::NAN)?, &size)
}
