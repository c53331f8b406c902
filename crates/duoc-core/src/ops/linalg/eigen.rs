//! Eigenvalues and eigenvectors.

use super::{
    adjoint, as_dtype, batch, batch_with, chain, check_kernel, check_square, columns, count, diag, diagonal, each,
    failure, matrix, report, rows, sub, wide,
};
use crate::autograd::record::needs_grad;
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, no_grad};
use crate::ops::arith::{div, mul};
use crate::ops::contract::matmul;
use crate::ops::parts::{conj, real};
use crate::ops::view::unsqueeze;
use crate::{DType, Result, Tensor, bail, ensure, ops};
use duoc_kernels::linalg as kernel;

ops! {
    /// Ascending eigenvalues and orthonormal eigenvectors of a Hermitian matrix, of which the `UPLO` triangle is read.
    "linalg_eigh(Tensor self, str UPLO=\"L\") -> (Tensor eigenvalues, Tensor eigenvectors)" [function, out]
    pub fn eigh(a: &Tensor, uplo: &str) -> (Tensor, Tensor) = eigh_body;

    /// Ascending eigenvalues of a Hermitian matrix.
    "linalg_eigvalsh(Tensor self, str UPLO=\"L\") -> Tensor" [function, out]
    pub fn eigvalsh(a: &Tensor, uplo: &str) -> Tensor = eigvalsh_body;

    /// Complex eigenvalues and unit eigenvectors (the columns of the second result) of a square matrix, in no order.
    "linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)" [function, out]
    pub fn eig(a: &Tensor) -> (Tensor, Tensor) = eig_body;

    /// Complex eigenvalues of a square matrix.
    "linalg_eigvals(Tensor self) -> Tensor" [function, out]
    pub fn eigvals(a: &Tensor) -> Tensor = eigvals_body;
}

fn hermitian(a: &Tensor, uplo: &str, vectors: bool) -> Result<(Tensor, Tensor)> {
    check_square("linalg.eigh", a)?;
    let upper = match uplo {
        "L" | "l" => false,
        "U" | "u" => true,
        _ => bail!(Runtime, "Expected UPLO argument to be 'L' or 'U', but got {uplo}"),
    };
    check_kernel("linalg_eigh_cpu", a)?;
    let f = columns(&if upper { no_grad(|| adjoint(a))? } else { a.clone() })?;
    let (n, complex) = (rows(a), a.dtype().is_complex());
    let w = Tensor::uninit(&batch_with(a, &[n]), DType::F64)?;
    let info = Tensor::uninit(batch(a), DType::I32)?;
    each(count(a), 4 * n * n * n, [&f, &w, &info], |[f, w, i]| {
        // SAFETY: results of this call's own, of these sizes.
        unsafe { report(i, kernel::eigh(complex, f, n, w, vectors)) };
    })?;
    if let Some((place, i)) = failure(&info)? {
        bail!(
            LinAlg,
            "linalg.eigh: {place}The algorithm failed to converge because the input matrix is ill-conditioned or has too many \
             repeated eigenvalues (error code: {i})."
        );
    }
    let w = no_grad(|| as_dtype(&w, a.dtype().part()))?;
    Ok((
        w,
        if vectors {
            matrix(&f, a.dtype())?
        } else {
            Tensor::uninit(&[0], a.dtype())?
        },
    ))
}

/// `x_j - x_i`, 1 on the diagonal.
pub(super) fn gaps(x: &Tensor) -> Result<Tensor> {
    let gap = sub(&unsqueeze(x, -2)?, &unsqueeze(x, -1)?)?;
    let one = crate::ops::range::eye(x.shape()[x.dim() - 1] as i64, Some(x.dtype()), None, None, None)?;
    super::add(&gap, &one)
}

/// `V (diag(gL) + (V^H gV) / gaps) V^H`.
fn hermitian_gradient(gl: Option<&Tensor>, gv: Option<&Tensor>, l: &Tensor, v: &Tensor) -> Result<Option<Tensor>> {
    let h = adjoint(v)?;
    let spread = |g: &Tensor| diag(&as_dtype(g, v.dtype())?);
    let inner = match gv {
        Some(gv) => {
            // Vectors turn, they do not stretch: the skew-Hermitian part alone counts. The diagonal belongs to the values.
            let turned = matmul(&h, gv)?;
            let turned = mul(&sub(&turned, &adjoint(&turned)?)?, &Tensor::wrapped(0.5)?)?;
            let turned = match gl {
                Some(_) => sub(&turned, &diag(&diagonal(&turned)?)?)?,
                None => turned,
            };
            super::sum_of(Some(div(&turned, &gaps(l)?)?), gl.map(spread).transpose()?)?
        }
        None => gl.map(spread).transpose()?,
    };
    inner.map(|m| chain(v, &m, &h)).transpose()
}

fn eigh_body(a: &Tensor, uplo: &str) -> Result<(Tensor, Tensor)> {
    let (w, v) = hermitian(a, uplo, true)?;
    let outputs = [w, v];
    record_many(&outputs, "LinalgEighBackward0", &[Some(a)], |r| {
        let (w, v) = (r.save_output(0), r.save_output(1));
        move |c: &Ctx, g: &[Option<Tensor>]| {
            hermitian_gradient(g[0].as_ref(), g[1].as_ref(), &c.get(w)?, &c.get(v)?).map(|g| [g])
        }
    })?;
    let [w, v] = outputs;
    Ok((w, v))
}

fn eigvalsh_body(a: &Tensor, uplo: &str) -> Result<Tensor> {
    if needs_grad(&[Some(a)]) {
        return Ok(eigh(a, uplo)?.0);
    }
    Ok(hermitian(a, uplo, false)?.0)
}

fn general(a: &Tensor, name: &str, vectors: bool) -> Result<(Tensor, Tensor)> {
    check_square(name, a)?;
    if a.dtype() == DType::F16 {
        check_kernel("linalg_eig_out_cpu", a)?;
    }
    let Some(dtype) = a.dtype().of_parts().or(a.dtype().is_complex().then_some(a.dtype())) else {
        bail!(
            Runtime,
            "Unknown Complex ScalarType for {}",
            a.dtype().scalar_type_name()
        );
    };
    check_kernel("linalg_eig_out_cpu", a)?;
    let finite = no_grad(|| crate::ops::reduce::all(&crate::ops::compare::isfinite(a)?))?;
    ensure!(
        finite.try_item()?.to_bool(),
        Runtime,
        "torch.{name}: input tensor should not contain infs or NaNs."
    );
    let real = !a.dtype().is_complex();
    let n = rows(a);
    let f = no_grad(|| columns(&as_dtype(&a.detach(), wide(dtype))?))?;
    let w = Tensor::uninit(&batch_with(a, &[n]), DType::C128)?;
    let v = Tensor::uninit(&batch_with(a, &[n, n]), DType::C128)?;
    let info = Tensor::uninit(batch(a), DType::I32)?;
    each(count(a), 20 * n * n * n, [&f, &w, &v, &info], |[f, w, v, i]| {
        let v = if vectors { v } else { std::ptr::null_mut() };
        // SAFETY: results of this call's own, of these sizes.
        unsafe { report(i, kernel::eig(f, n, w, v, real)) };
    })?;
    if let Some((place, i)) = failure(&info)? {
        bail!(
            LinAlg,
            "{name}: {place}The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated \
             eigenvalues (error code: {i})."
        );
    }
    let w = no_grad(|| as_dtype(&w, dtype))?;
    Ok((w, matrix(&v, dtype)?))
}

fn eig_body(a: &Tensor) -> Result<(Tensor, Tensor)> {
    recorded(a, "linalg.eig")
}

fn recorded(a: &Tensor, name: &str) -> Result<(Tensor, Tensor)> {
    let (w, v) = general(a, name, true)?;
    let outputs = [w, v];
    let from_real = !a.dtype().is_complex();
    record_many(&outputs, "LinalgEigBackward0", &[Some(a)], |r| {
        let (w, v) = (r.save_output(0), r.save_output(1));
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let v = c.get(v)?;
            let h = adjoint(&v)?;
            let mut inner = g[0].as_ref().map(diag).transpose()?;
            if let Some(gv) = &g[1] {
                // The vectors are of length one: what would lengthen them is taken out.
                let turned = matmul(&h, gv)?;
                let along = as_dtype(&real(&diagonal(&turned)?)?, v.dtype())?;
                let turned = sub(&turned, &matmul(&h, &mul(&v, &unsqueeze(&along, -2)?)?)?)?;
                let turned = sub(&turned, &diag(&diagonal(&turned)?)?)?;
                let part = div(&turned, &conj(&gaps(&c.get(w)?)?)?)?;
                inner = super::sum_of(inner, Some(part))?;
            }
            let Some(inner) = inner else { return Ok([None]) };
            let (g, _) = super::solve::solve_ex(&h, &matmul(&inner, &h)?, true, false)?;
            Ok([Some(if from_real { real(&g)? } else { g })])
        }
    })?;
    let [w, v] = outputs;
    Ok((w, v))
}

fn eigvals_body(a: &Tensor) -> Result<Tensor> {
    let name = "linalg.eigvals";
    if needs_grad(&[Some(a)]) {
        return Ok(recorded(a, name)?.0);
    }
    Ok(general(a, name, false)?.0)
}
