//! Householder reflections: QR, and products with what it leaves.

use super::{
    add, adjoint, as_dtype, batch_with, chain, check_float, check_kernel, check_matrix, cols, columns, count, diag,
    diagonal, each, fresh, matrix, rows, sub, wide,
};
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, no_grad, reference};
use crate::ops::arith::mul;
use crate::ops::contract::matmul;
use crate::ops::parts::conj;
use crate::ops::rearrange::{tril, triu};
use crate::ops::view::{narrow, select, transpose, unsqueeze};
use crate::{Result, Tensor, bail, ensure, ops};
use duoc_kernels::linalg as kernel;

ops! {
    /// `A = Q R` with orthonormal columns of `Q` and upper triangular `R`. `mode` is `reduced` (`min(m, n)` columns of `Q`),
    /// `complete` (`m`) or `r` (only `R`).
    "linalg_qr(Tensor A, str mode=\"reduced\") -> (Tensor Q, Tensor R)" [function, out]
    pub fn linalg_qr(a: &Tensor, mode: &str) -> (Tensor, Tensor) = linalg_qr_body;

    /// The QR factorisation as LAPACK keeps it: `R` on and above the diagonal, the vectors of the reflections
    /// `I - tau v v^H` below it.
    "geqrf(Tensor self) -> (Tensor a, Tensor tau)" [function, method, out]
    pub fn geqrf(a: &Tensor) -> (Tensor, Tensor) = geqrf_body;

    /// The first columns of the product of the reflections whose vectors lie below the diagonal of `input`.
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor" [function, out]
    pub fn householder_product(a: &Tensor, tau: &Tensor) -> Tensor = householder_product_body;

    /// As `linalg.householder_product`.
    "orgqr(Tensor self, Tensor input2) -> Tensor" [function, method, out]
    pub fn orgqr(a: &Tensor, tau: &Tensor) -> Tensor = householder_product_body;

    /// `Q other`, or `other Q` without `left`, `Q^H` with `transpose`, for the product `Q` of reflections.
    "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor" [function, method, out]
    pub fn ormqr(a: &Tensor, tau: &Tensor, other: &Tensor, left: bool, transpose: bool) -> Tensor = ormqr_body;
}

/// The factorisation in columns of the wide dtype, and its `tau`.
fn factor(a: &Tensor) -> Result<(Tensor, Tensor)> {
    let f = columns(a)?;
    let (m, n, complex) = (rows(a), cols(a), a.dtype().is_complex());
    let tau = Tensor::uninit(&batch_with(a, &[m.min(n)]), wide(a.dtype()))?;
    each(count(a), m * n * m.min(n), [&f, &tau], |[f, t]| {
        // SAFETY: results of this call's own, of these sizes.
        unsafe { kernel::qr(complex, f, m, n, t) };
    })?;
    Ok((f, tau))
}

fn geqrf_body(a: &Tensor) -> Result<(Tensor, Tensor)> {
    ensure!(
        a.dim() >= 2,
        Runtime,
        "torch.geqrf: input must have at least 2 dimensions."
    );
    check_kernel("geqrf_cpu", a)?;
    let (f, tau) = factor(a)?;
    let outputs = [matrix(&f, a.dtype())?, no_grad(|| as_dtype(&tau, a.dtype()))?];
    record_many(&outputs, "torch::autograd::NotImplemented", &[Some(a)], |_| {
        |_: &Ctx, _: &[Option<Tensor>]| -> Result<[Option<Tensor>; 1]> {
            bail!(NotImplemented, "the derivative for 'geqrf' is not implemented.")
        }
    })?;
    let [f, tau] = outputs;
    Ok((f, tau))
}

/// `width` columns of the product of the reflections in `f`, in columns.
fn form(a: &Tensor, f: &Tensor, tau: &Tensor, width: usize) -> Result<Tensor> {
    let (m, k, complex) = (rows(a), tau.shape()[tau.dim() - 1], a.dtype().is_complex());
    let q = fresh(a, m, width)?;
    let kept = k.min(width);
    if kept > 0 {
        let part = |x: &Tensor| narrow(x, -2, 0, kept as i64);
        no_grad(|| crate::ops::copy::copy_(&part(&q)?.detach(), &part(f)?))?;
    }
    each(count(a), m * width * kept, [&q, tau], |[q, t]| {
        // SAFETY: results of this call's own, of these sizes.
        unsafe { kernel::form_q(complex, q, m, width, t, kept) };
    })?;
    Ok(q)
}

fn linalg_qr_body(a: &Tensor, mode: &str) -> Result<(Tensor, Tensor)> {
    let name = "linalg.qr";
    check_matrix(name, a)?;
    check_float(name, a, false)?;
    ensure!(
        matches!(mode, "reduced" | "complete" | "r"),
        Runtime,
        "qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
    );
    check_kernel("geqrf_cpu", a)?;
    let (m, n) = (rows(a), cols(a));
    let width = if mode == "complete" { m } else { m.min(n) };
    let (f, tau) = factor(a)?;
    let r = no_grad(|| -> Result<Tensor> {
        let r = transpose(&narrow(&f, -1, 0, width as i64)?, -2, -1)?;
        let r = transpose(&triu(&r, 0)?, -2, -1)?;
        matrix(
            &crate::ops::copy::clone(&r, Some(crate::MemoryFormat::Contiguous))?,
            a.dtype(),
        )
    })?;
    let q = match mode {
        "r" => Tensor::uninit(&[0], a.dtype())?,
        _ => matrix(&form(a, &f, &tau, width)?, a.dtype())?,
    };
    let mode = mode.to_string();
    let outputs = [q, r];
    record_many(&outputs, "LinalgQrBackward0", &[Some(a)], |s| {
        let (q, r) = (s.save_output(0), s.save_output(1));
        move |c: &Ctx, g: &[Option<Tensor>]| {
            ensure!(
                mode != "r",
                Runtime,
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use \
                 linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
            );
            ensure!(
                mode != "complete" || m <= n,
                Runtime,
                "The QR decomposition is not differentiable when mode='complete' and nrows > ncols"
            );
            backward(g[0].as_ref(), g[1].as_ref(), &c.get(q)?, &c.get(r)?).map(|g| [g])
        }
    })?;
    let [q, r] = outputs;
    Ok((q, r))
}

/// `(gQ + Q sym(triu(gR R^H - Q^H gQ))) R^-H`; columns of `R` beyond the square are products with `Q`.
fn backward(gq: Option<&Tensor>, gr: Option<&Tensor>, q: &Tensor, r: &Tensor) -> Result<Option<Tensor>> {
    let (k, n) = (rows(r), cols(r));
    let side = |x: &Tensor, from: usize, to: usize| narrow(x, -1, from as i64, (to - from) as i64);
    let (mut gq, mut gr) = (gq.cloned(), gr.cloned());
    let mut behind = None;
    let mut r1 = r.clone();
    if n > k {
        r1 = side(r, 0, k)?;
        if let Some(g) = gr.take() {
            let rest = side(&g, k, n)?;
            let v = side(r, k, n)?;
            gq = super::sum_of(gq, Some(chain(q, &v, &adjoint(&rest)?)?))?;
            behind = Some(matmul(q, &rest)?);
            gr = Some(side(&g, 0, k)?);
        }
    }
    let mut m = match &gr {
        Some(g) => Some(matmul(g, &adjoint(&r1)?)?),
        None => None,
    };
    if let Some(g) = &gq {
        let inner = matmul(&adjoint(q)?, g)?;
        m = Some(match m {
            Some(m) => sub(&m, &inner)?,
            None => crate::ops::sign::neg(&inner)?,
        });
    }
    let Some(m) = m else { return Ok(None) };
    let mut g = matmul(q, &symmetric(&triu(&m, 0)?)?)?;
    if let Some(gq) = gq {
        g = add(&g, &gq)?;
    }
    // g R^-H.
    let g = adjoint(&super::triangular::solve(&r1, &adjoint(&g)?, true, false)?)?;
    Ok(Some(match (behind, n > k) {
        (Some(b), _) => crate::ops::join::cat(&[g, b], -1)?,
        (None, true) => {
            let zero = crate::ops::factory::zeros_like(&matmul(q, &side(r, k, n)?)?)?;
            crate::ops::join::cat(&[g, zero], -1)?
        }
        (None, false) => g,
    }))
}

/// `x + x^H` with the real part of the diagonal once.
fn symmetric(x: &Tensor) -> Result<Tensor> {
    let both = add(x, &adjoint(x)?)?;
    let half = mul(&diagonal(&both)?, &Tensor::wrapped(0.5)?)?;
    sub(&both, &diag(&half)?)
}

fn check_reflections(name: &str, a: &Tensor, tau: &Tensor) -> Result<()> {
    ensure!(a.dim() >= 2, Runtime, "{name}: input must have at least 2 dimensions.");
    ensure!(
        rows(a) >= cols(a),
        Runtime,
        "{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
    );
    ensure!(
        tau.dim() >= 1 && cols(a) >= tau.shape()[tau.dim() - 1],
        Runtime,
        "{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
    );
    ensure!(
        a.dim() == tau.dim() + 1 && super::batch(a) == &tau.shape()[..tau.dim() - 1],
        Runtime,
        "{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {:?}",
        tau.shape()
    );
    ensure!(
        a.dtype() == tau.dtype(),
        Runtime,
        "{name}: tau dtype {} does not match input dtype {}",
        tau.dtype().scalar_type_name(),
        a.dtype().scalar_type_name()
    );
    Ok(())
}

fn householder_product_body(a: &Tensor, tau: &Tensor) -> Result<Tensor> {
    check_reflections("torch.linalg.householder_product", a, tau)?;
    check_kernel("orgqr_cpu", a)?;
    let t = no_grad(|| {
        let t = as_dtype(&tau.detach(), wide(a.dtype()))?;
        crate::ops::copy::clone(&t, Some(crate::MemoryFormat::Contiguous))
    })?;
    let q = matrix(&form(a, &columns(a)?, &t, cols(a))?, a.dtype())?;
    q.record("LinalgHouseholderProductBackward0", [a, tau], |r| {
        let (a, tau) = (r.save(a), r.save(tau));
        move |c: &Ctx, g: &Tensor| {
            let inputs = [Some(c.get(a)?), Some(c.get(tau)?)];
            let found = reference::gradients(
                &inputs,
                |i| c.needs(i),
                &[Some(g.clone())],
                |x| {
                    let [Some(a), Some(tau)] = x else {
                        bail!(Runtime, "householder_product: an input is gone")
                    };
                    let one =
                        crate::ops::range::eye_m(rows(a) as i64, cols(a) as i64, Some(a.dtype()), None, None, None)?;
                    Ok(vec![reflected(a, tau, &one, true, false)?])
                },
            )?;
            Ok(crate::autograd::Grads::from_iter(found))
        }
    })
}

/// `Q c` (or `Q^H c`, `c Q`, `c Q^H`), one reflection after another, in recorded ops.
fn reflected(a: &Tensor, tau: &Tensor, c: &Tensor, left: bool, conjugate: bool) -> Result<Tensor> {
    let k = tau.shape()[tau.dim() - 1];
    let mut c = c.clone();
    let forward = left == conjugate;
    for step in 0..k {
        let i = if forward { step } else { k - 1 - step };
        // v: zeros, a one, what lies below the diagonal.
        let column = unsqueeze(&select(a, -1, i as i64)?, -1)?;
        let below = tril(&column, -(i as i64) - 1)?;
        let unit = select(
            &crate::ops::range::eye(rows(a) as i64, Some(a.dtype()), None, None, None)?,
            -1,
            i as i64,
        )?;
        let v = add(&below, &unsqueeze(&unit, -1)?)?;
        let t = unsqueeze(&unsqueeze(&select(tau, -1, i as i64)?, -1)?, -1)?;
        let t = if conjugate { conj(&t)? } else { t };
        let h = adjoint(&v)?;
        let change = match left {
            true => matmul(&v, &matmul(&h, &c)?)?,
            false => matmul(&matmul(&c, &v)?, &h)?,
        };
        c = sub(&c, &mul(&t, &change)?)?;
    }
    Ok(c)
}

fn ormqr_body(a: &Tensor, tau: &Tensor, other: &Tensor, left: bool, conjugate: bool) -> Result<Tensor> {
    let name = "torch.ormqr";
    ensure!(a.dim() >= 2, Runtime, "{name}: input must have at least 2 dimensions.");
    ensure!(
        other.dim() >= 2,
        Runtime,
        "{name}: other must have at least 2 dimensions."
    );
    let size = if left { rows(other) } else { cols(other) };
    let place = if left { "-2" } else { "-1" };
    ensure!(
        tau.dim() >= 1 && size >= tau.shape()[tau.dim() - 1],
        Runtime,
        "{name}: other.shape[{place}] must be greater than or equal to tau.shape[-1]"
    );
    ensure!(
        size == rows(a),
        Runtime,
        "{name}: other.shape[{place}] must be equal to input.shape[-2]"
    );
    ensure!(
        tau.shape()[tau.dim() - 1] <= cols(a),
        Runtime,
        "{name}: tau.shape[-1] must be less than or equal to input.shape[-1]"
    );
    ensure!(
        a.dim() == tau.dim() + 1
            && super::batch(a) == &tau.shape()[..tau.dim() - 1]
            && super::batch(a) == super::batch(other),
        Runtime,
        "{name}: Expected tau and other to have the batch dimensions of input, but got {:?} and {:?} for {:?}",
        tau.shape(),
        other.shape(),
        a.shape()
    );
    ensure!(
        a.dtype() == tau.dtype() && a.dtype() == other.dtype(),
        Runtime,
        "{name}: Expected input, tau and other to have the same dtype, but got {}, {} and {}",
        a.dtype().scalar_type_name(),
        tau.dtype().scalar_type_name(),
        other.dtype().scalar_type_name()
    );
    check_kernel("ormqr_cpu", a)?;
    let out = reflected(a, tau, other, left, conjugate)?;
    // Column after column, as LAPACK leaves it.
    transpose(
        &crate::ops::copy::clone(&transpose(&out, -2, -1)?, Some(crate::MemoryFormat::Contiguous))?,
        -2,
        -1,
    )
}
