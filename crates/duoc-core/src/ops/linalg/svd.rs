//! Singular values and vectors.

use super::{
    add, adjoint, as_dtype, batch, batch_with, chain, check_float, check_kernel, check_matrix, cols, columns, count,
    diag, diagonal, each, failure, fresh, matrix, report, rows, sub,
};
use crate::autograd::record::needs_grad;
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, no_grad};
use crate::ops::arith::{div, mul};
use crate::ops::contract::matmul;
use crate::ops::view::{narrow, transpose, unsqueeze};
use crate::{DType, Result, Tensor, bail, ensure, ops};
use duoc_kernels::linalg as kernel;

ops! {
    /// `A = U diag(S) Vh` with descending singular values and orthonormal columns of `U` and rows of `Vh`, all of them with
    /// `full_matrices`, else `min(m, n)`.
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)" [function, out]
    pub fn svd(a: &Tensor, full_matrices: bool, driver: Option<&str>) -> (Tensor, Tensor, Tensor) = svd_body;

    /// Descending singular values.
    "linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor" [function, out]
    pub fn svdvals(a: &Tensor, driver: Option<&str>) -> Tensor = svdvals_body;

    /// The older form of `linalg.svd`: `A = U diag(S) V^H`; zeros for `U` and `V` without `compute_uv`.
    "svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)" [function, method, out]
    pub fn svd_old(a: &Tensor, some: bool, compute_uv: bool) -> (Tensor, Tensor, Tensor) = svd_old_body;
}

fn check(a: &Tensor, driver: Option<&str>) -> Result<()> {
    let name = "linalg.svd";
    check_float(name, a, false)?;
    check_matrix(name, a)?;
    ensure!(
        driver.is_none(),
        Runtime,
        "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
    );
    check_kernel("linalg_svd_cpu", a)
}

/// `U` (`m` by `m` if `full`), `S`, `Vh`; without `vectors` only `S` means anything.
fn run(a: &Tensor, full: bool, vectors: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let (m, n) = (rows(a), cols(a));
    if m < n {
        // A = U S V^H is A^H = V S U^H.
        let (v, s, uh) = run(&no_grad(|| adjoint(&a.detach()))?, full, vectors)?;
        let turned = |x: &Tensor| no_grad(|| columns_order(&adjoint(x)?));
        return match vectors {
            true => Ok((turned(&uh)?, s, turned(&v)?)),
            false => Ok((uh, s, v)),
        };
    }
    let f = columns(a)?;
    let complex = a.dtype().is_complex();
    let width = if full { m } else { n };
    let s = Tensor::uninit(&batch_with(a, &[n]), DType::F64)?;
    let (u, v) = match vectors {
        true => (fresh(a, m, width)?, fresh(a, n, n)?),
        false => (fresh(a, 0, 0)?, fresh(a, 0, 0)?),
    };
    let info = Tensor::uninit(batch(a), DType::I32)?;
    each(count(a), 8 * m * n * n, [&f, &s, &u, &v, &info], |[f, s, u, v, i]| {
        let (u, v) = match vectors {
            true => (u, v),
            false => (std::ptr::null_mut(), std::ptr::null_mut()),
        };
        // SAFETY: results of this call's own, of these sizes.
        unsafe { report(i, kernel::svd(complex, f, m, n, s, u, width, v)) };
    })?;
    if let Some((place, i)) = failure(&info)? {
        let finite = no_grad(|| crate::ops::reduce::all(&crate::ops::compare::isfinite(a)?))?;
        let why = match finite.try_item()?.to_bool() {
            true => format!("is ill-conditioned or has too many repeated singular values (error code: {i})."),
            false => "contained non-finite values.".to_string(),
        };
        bail!(
            LinAlg,
            "linalg.svd: {place}The algorithm failed to converge because the input matrix {why}"
        );
    }
    let s = no_grad(|| as_dtype(&s, a.dtype().part()))?;
    let vh = no_grad(|| columns_order(&adjoint(&matrix(&v, a.dtype())?)?))?;
    Ok((matrix(&u, a.dtype())?, s, vh))
}

/// The same matrices, column after column in memory.
fn columns_order(x: &Tensor) -> Result<Tensor> {
    let turned = crate::ops::copy::clone(&transpose(x, -2, -1)?, Some(crate::MemoryFormat::Contiguous))?;
    Ok(transpose(&turned, -2, -1)?.detach())
}

fn svd_body(a: &Tensor, full_matrices: bool, driver: Option<&str>) -> Result<(Tensor, Tensor, Tensor)> {
    check(a, driver)?;
    let (u, s, vh) = run(a, full_matrices, true)?;
    let outputs = [u, s, vh];
    record_many(&outputs, "LinalgSvdBackward0", &[Some(a)], |r| {
        let (u, s, vh) = (r.save_output(0), r.save_output(1), r.save_output(2));
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let s = c.get(s)?;
            let k = s.shape()[s.dim() - 1] as i64;
            let left = |x: &Tensor| narrow(x, -1, 0, k);
            let right = |x: &Tensor| narrow(x, -2, 0, k);
            let gu = g[0].as_ref().map(left).transpose()?;
            let gvh = g[2].as_ref().map(right).transpose()?;
            backward(gu, g[1].as_ref(), gvh, &left(&c.get(u)?)?, &s, &right(&c.get(vh)?)?).map(|g| [g])
        }
    })?;
    let [u, s, vh] = outputs;
    Ok((u, s, vh))
}

fn backward(
    gu: Option<Tensor>,
    gs: Option<&Tensor>,
    gvh: Option<Tensor>,
    u: &Tensor,
    s: &Tensor,
    vh: &Tensor,
) -> Result<Option<Tensor>> {
    let (m, n, k) = (rows(u), cols(vh), cols(u));
    let dtype = u.dtype();
    let skew = |x: &Tensor| -> Result<Tensor> { sub(x, &adjoint(x)?) };
    let (wide, tall) = (
        as_dtype(&unsqueeze(s, -2)?, dtype)?,
        as_dtype(&unsqueeze(s, -1)?, dtype)?,
    );
    let squares = as_dtype(&super::eigen::gaps(&mul(s, s)?)?, dtype)?;
    let mut inner = gs.map(|g| diag(&as_dtype(g, dtype)?)).transpose()?;
    if let Some(gu) = &gu {
        let turned = skew(&matmul(&adjoint(u)?, gu)?)?;
        if dtype.is_complex() {
            // The phase of a pair of vectors is free; what moves it moves both.
            let phase = div(&diagonal(&turned)?, &mul(&as_dtype(s, dtype)?, &Tensor::wrapped(2.0)?)?)?;
            inner = super::sum_of(inner, Some(diag(&phase)?))?;
        }
        let turned = sub(&turned, &diag(&diagonal(&turned)?)?)?;
        inner = super::sum_of(inner, Some(mul(&div(&turned, &squares)?, &wide)?))?;
    }
    if let Some(gvh) = &gvh {
        let turned = skew(&matmul(vh, &adjoint(gvh)?)?)?;
        let turned = sub(&turned, &diag(&diagonal(&turned)?)?)?;
        inner = super::sum_of(inner, Some(mul(&tall, &div(&turned, &squares)?)?))?;
    }
    let Some(inner) = inner else { return Ok(None) };
    let mut g = matmul(u, &inner)?;
    if let Some(gu) = gu.filter(|_| m > k) {
        let outside = sub(&gu, &chain(u, &adjoint(u)?, &gu)?)?;
        g = add(&g, &div(&outside, &wide)?)?;
    }
    g = matmul(&g, vh)?;
    if let Some(gvh) = gvh.filter(|_| n > k) {
        let outside = sub(&gvh, &chain(&gvh, &adjoint(vh)?, vh)?)?;
        g = add(&g, &matmul(u, &div(&outside, &tall)?)?)?;
    }
    Ok(Some(g))
}

fn svdvals_body(a: &Tensor, driver: Option<&str>) -> Result<Tensor> {
    check(a, driver)?;
    if needs_grad(&[Some(a)]) {
        return Ok(svd(a, false, None)?.1);
    }
    Ok(run(a, false, false)?.1)
}

fn svd_old_body(a: &Tensor, some: bool, compute_uv: bool) -> Result<(Tensor, Tensor, Tensor)> {
    if compute_uv {
        let (u, s, vh) = svd(a, !some, None)?;
        return Ok((u, s, adjoint(&vh)?));
    }
    check(a, None)?;
    let s = svdvals(a, None)?;
    let zeros = |n: usize| crate::ops::factory::full_of(&batch_with(a, &[n, n]), crate::Scalar::Int(0), a.dtype());
    Ok((zeros(rows(a))?, s, transpose(&zeros(cols(a))?, -2, -1)?))
}
