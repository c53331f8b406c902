//! Pseudo-inverses, ranks and least squares.

use super::{add, adjoint, as_dtype, chain, check_matrix, cols, rows, same_batch, sub};
use crate::autograd::{Ctx, no_grad};
use crate::ops::arith::{div, mul};
use crate::ops::compare::{gt, maximum};
use crate::ops::contract::matmul;
use crate::ops::view::{squeeze_dim, unsqueeze};
use crate::{DType, Result, Tensor, bail, ensure, ops};

ops! {
    /// The Moore-Penrose inverse by singular values (eigenvalues if `hermitian`): those at most `rcond` times the largest
    /// count as zero.
    "linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor" [function, out]
    pub fn pinv_rcond(a: &Tensor, rcond: f64, hermitian: bool) -> Tensor = pinv_rcond_body;

    /// The Moore-Penrose inverse, with a bound for every matrix.
    "linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor" [function, out]
    pub fn pinv_rcond_tensor(a: &Tensor, rcond: &Tensor, hermitian: bool) -> Tensor = pinv_rcond_tensor_body;

    /// The Moore-Penrose inverse: singular values at most `max(atol, rtol * largest)` count as zero; `rtol` is
    /// `max(m, n) * eps` unless one of the two is given.
    "linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor" [function, out]
    pub fn pinv(a: &Tensor, atol: Option<f64>, rtol: Option<f64>, hermitian: bool) -> Tensor = pinv_body;

    /// As the other forms, with bounds for every matrix.
    "linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor" [function, out]
    pub fn pinv_tensor(a: &Tensor, atol: Option<&Tensor>, rtol: Option<&Tensor>, hermitian: bool) -> Tensor = pinv_tensor_body;

    /// The Moore-Penrose inverse, under its older name.
    "pinverse(Tensor self, float rcond=1e-15) -> Tensor" [function, method]
    pub fn pinverse(a: &Tensor, rcond: f64) -> Tensor = pinverse_body;

    /// The number of singular values above `tol`.
    "linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor" [function, out]
    pub fn matrix_rank_tol(a: &Tensor, tol: f64, hermitian: bool) -> Tensor = matrix_rank_tol_body;

    /// The number of singular values above `tol`, one bound for every matrix.
    "linalg_matrix_rank.tol_tensor(Tensor input, Tensor tol, bool hermitian=False) -> Tensor" [function, out]
    pub fn matrix_rank_tol_tensor(a: &Tensor, tol: &Tensor, hermitian: bool) -> Tensor = matrix_rank_tol_tensor_body;

    /// The number of singular values above `max(atol, rtol * largest)`.
    "linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor" [function, out]
    pub fn matrix_rank(a: &Tensor, atol: Option<f64>, rtol: Option<f64>, hermitian: bool) -> Tensor = matrix_rank_body;

    /// The number of singular values above `max(atol, rtol * largest)`, with bounds for every matrix.
    "linalg_matrix_rank.atol_rtol_tensor(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor" [function, out]
    pub fn matrix_rank_tensor(a: &Tensor, atol: Option<&Tensor>, rtol: Option<&Tensor>, hermitian: bool) -> Tensor = matrix_rank_tensor_body;

    /// `X` with the least `|A X - B|`: the solution, the squared residuals where `A` has more rows than columns and full
    /// rank, the rank and the singular values (as the `driver` of LAPACK gives them).
    "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)" [function, out]
    pub fn lstsq(a: &Tensor, b: &Tensor, rcond: Option<f64>, driver: Option<&str>) -> (Tensor, Tensor, Tensor, Tensor) = lstsq_body;
}

/// Bounds below which a singular value counts as zero.
struct Bounds {
    atol: Tensor,
    rtol: Tensor,
}

fn epsilon(dtype: DType) -> f64 {
    match dtype.part() {
        DType::F32 => f32::EPSILON as f64,
        _ => f64::EPSILON,
    }
}

impl Bounds {
    /// `rtol` is `max(m, n) * eps` unless an `atol` above 0 is given.
    fn of(a: &Tensor, atol: Option<&Tensor>, rtol: Option<&Tensor>) -> Result<Bounds> {
        for (what, x) in [("atol", atol), ("rtol", rtol)] {
            ensure!(
                x.is_none_or(|x| !x.dtype().is_complex()),
                Runtime,
                "torch.linalg: {what} tensor of complex type is not supported."
            );
        }
        no_grad(|| {
            let usual = Tensor::wrapped(rows(a).max(cols(a)) as f64 * epsilon(a.dtype()))?;
            let zero = Tensor::wrapped(0.0)?;
            let rtol = match (rtol, atol) {
                (Some(r), _) => r.detach(),
                (None, None) => usual,
                (None, Some(t)) => crate::ops::blend::select(&gt(&t.detach(), &zero)?, &zero, &usual)?,
            };
            let atol = atol.map_or(zero, |t| t.detach());
            Ok(Bounds { atol, rtol })
        })
    }

    fn numbers(a: &Tensor, atol: Option<f64>, rtol: Option<f64>) -> Result<Bounds> {
        let wrapped = |x: Option<f64>| x.map(Tensor::wrapped).transpose();
        Bounds::of(a, wrapped(atol)?.as_ref(), wrapped(rtol)?.as_ref())
    }

    /// Which of the values, whose largest modulus is `largest`, count.
    fn above(&self, values: &Tensor, largest: &Tensor) -> Result<Tensor> {
        let rtol = unsqueeze_if(&self.rtol, largest)?;
        let atol = unsqueeze_if(&self.atol, largest)?;
        gt(
            values,
            &maximum(
                &as_dtype(&atol, largest.dtype())?,
                &as_dtype(&mul(&rtol, largest)?, largest.dtype())?,
            )?,
        )
    }
}

/// A bound per matrix gets the dimension of the values behind it.
fn unsqueeze_if(bound: &Tensor, largest: &Tensor) -> Result<Tensor> {
    if bound.dim() == 0 || largest.dim() == 0 {
        return Ok(bound.clone());
    }
    unsqueeze(bound, -1)
}

fn check(name: &str, a: &Tensor) -> Result<()> {
    ensure!(
        a.dim() >= 2 && matches!(a.dtype(), DType::F32 | DType::F64 | DType::C64 | DType::C128),
        Runtime,
        "{name}({}{{{:?}}}): expected a tensor with 2 or more dimensions of float, double, cfloat or cdouble types",
        a.dtype().scalar_type_name(),
        a.shape()
    );
    Ok(())
}

fn largest(values: &Tensor) -> Result<Tensor> {
    crate::ops::extreme::amax(&crate::ops::unary::abs(values)?, &[-1], true)
}

fn pseudo(a: &Tensor, bounds: &Bounds, hermitian: bool) -> Result<Tensor> {
    check("linalg.pinv", a)?;
    if hermitian {
        super::check_square("linalg.pinv", a)?;
    }
    let out = no_grad(|| {
        let a = a.detach();
        if a.numel() == 0 {
            let shape = super::batch_with(&a, &[cols(&a), rows(&a)]);
            return crate::ops::factory::full_of(&shape, crate::Scalar::Int(0), a.dtype());
        }
        let (u, s, vh) = match hermitian {
            true => {
                let (w, v) = super::eigen::eigh(&a, "L")?;
                (v.clone(), w, adjoint(&v)?)
            }
            false => super::svd::svd(&a, false, None)?,
        };
        let counts = bounds.above(&crate::ops::unary::abs(&s)?, &largest(&s)?)?;
        let one = crate::ops::factory::ones_like(&s)?;
        let inverse = crate::ops::blend::select(&counts, &div(&one, &s)?, &Tensor::wrapped(0.0)?)?;
        let inverse = as_dtype(&unsqueeze(&inverse, -2)?, a.dtype())?;
        matmul(&mul(&adjoint(&vh)?, &inverse)?, &adjoint(&u)?)
    })?;
    out.record("LinalgPinvBackward0", [a], |r| {
        let (a, p) = (r.save(a), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            // dP = -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P.
            let (a, p) = (c.get(a)?, c.get(p)?);
            let (ph, gh) = (adjoint(&p)?, adjoint(g)?);
            let first = chain(&ph, g, &ph)?;
            let right = chain(&gh, &p, &ph)?;
            let second = sub(&right, &chain(&a, &p, &right)?)?;
            let left = chain(&ph, &p, &gh)?;
            let third = sub(&left, &chain(&left, &p, &a)?)?;
            add(&sub(&second, &first)?, &third)
        }
    })
}

fn pinv_rcond_body(a: &Tensor, rcond: f64, hermitian: bool) -> Result<Tensor> {
    check("linalg.pinv", a)?;
    pseudo(a, &Bounds::numbers(a, Some(0.0), Some(rcond))?, hermitian)
}

fn pinv_rcond_tensor_body(a: &Tensor, rcond: &Tensor, hermitian: bool) -> Result<Tensor> {
    check("linalg.pinv", a)?;
    pseudo(a, &Bounds::of(a, Some(&Tensor::wrapped(0.0)?), Some(rcond))?, hermitian)
}

fn pinv_body(a: &Tensor, atol: Option<f64>, rtol: Option<f64>, hermitian: bool) -> Result<Tensor> {
    check("linalg.pinv", a)?;
    pseudo(a, &Bounds::numbers(a, atol, rtol)?, hermitian)
}

fn pinv_tensor_body(a: &Tensor, atol: Option<&Tensor>, rtol: Option<&Tensor>, hermitian: bool) -> Result<Tensor> {
    check("linalg.pinv", a)?;
    pseudo(a, &Bounds::of(a, atol, rtol)?, hermitian)
}

fn pinverse_body(a: &Tensor, rcond: f64) -> Result<Tensor> {
    pinv_rcond(a, rcond, false)
}

fn rank(a: &Tensor, bounds: &Bounds, hermitian: bool) -> Result<Tensor> {
    no_grad(|| {
        let a = a.detach();
        let shape = super::batch(&a).to_vec();
        if rows(&a) == 0 || cols(&a) == 0 {
            return crate::ops::factory::full_of(&shape, crate::Scalar::Int(0), DType::I64);
        }
        let s = match hermitian {
            true => crate::ops::unary::abs(&super::eigen::eigvalsh(&a, "L")?)?,
            false => super::svd::svdvals(&a, None)?,
        };
        let counts = bounds.above(&s, &largest(&s)?)?;
        crate::ops::reduce::sum_dims(&counts, Some(&[-1]), false, None)
    })
}

fn check_rank(a: &Tensor) -> Result<()> {
    check_matrix("torch.linalg.matrix_rank", a).map_err(|_| {
        crate::err!(
            Runtime,
            "torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions."
        )
    })?;
    ensure!(
        matches!(a.dtype(), DType::F32 | DType::F64 | DType::C64 | DType::C128),
        Runtime,
        "This function doesn't handle types other than float and double"
    );
    Ok(())
}

fn matrix_rank_tol_body(a: &Tensor, tol: f64, hermitian: bool) -> Result<Tensor> {
    check_rank(a)?;
    rank(a, &Bounds::numbers(a, Some(tol), Some(0.0))?, hermitian)
}

fn matrix_rank_tol_tensor_body(a: &Tensor, tol: &Tensor, hermitian: bool) -> Result<Tensor> {
    check_rank(a)?;
    rank(a, &Bounds::of(a, Some(tol), Some(&Tensor::wrapped(0.0)?))?, hermitian)
}

fn matrix_rank_body(a: &Tensor, atol: Option<f64>, rtol: Option<f64>, hermitian: bool) -> Result<Tensor> {
    check_rank(a)?;
    rank(a, &Bounds::numbers(a, atol, rtol)?, hermitian)
}

fn matrix_rank_tensor_body(
    a: &Tensor,
    atol: Option<&Tensor>,
    rtol: Option<&Tensor>,
    hermitian: bool,
) -> Result<Tensor> {
    check_rank(a)?;
    rank(a, &Bounds::of(a, atol, rtol)?, hermitian)
}

fn lstsq_body(
    a: &Tensor,
    b: &Tensor,
    rcond: Option<f64>,
    driver: Option<&str>,
) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
    let name = "torch.linalg.lstsq";
    ensure!(a.dim() >= 2, Runtime, "{name}: input must have at least 2 dimensions.");
    ensure!(b.dim() >= 1, Runtime, "{name}: other must have at least 1 dimension.");
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "{name}: Expected input and other to have the same dtype, but got input's dtype {} and other's dtype {}",
        a.dtype().scalar_type_name(),
        b.dtype().scalar_type_name()
    );
    let driver = driver.unwrap_or("gelsy");
    ensure!(
        matches!(driver, "gels" | "gelsy" | "gelsd" | "gelss"),
        Runtime,
        "{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
    );
    super::check_kernel("linalg_lstsq_cpu", a)?;
    let (m, n) = (rows(a), cols(a));
    let vectors = b.dim() == 1 || a.dim() == b.dim() + 1 && b.shape() == &a.shape()[..a.dim() - 1];
    let b = if vectors { unsqueeze(b, -1)? } else { b.clone() };
    ensure!(
        rows(&b) == m,
        Runtime,
        "{name}: input.size(-2) should match other.size({})",
        if vectors { "-1" } else { "-2" }
    );
    let (a, b) = same_batch(a, &b)?;
    let rcond = rcond.unwrap_or(m.max(n) as f64 * epsilon(a.dtype()));
    let ranks = rank(&a, &Bounds::numbers(&a, Some(0.0), Some(rcond))?, false)?;
    let full = ranks.try_to_vec::<i64>()?.iter().all(|r| *r == m.min(n) as i64);
    if driver == "gels" && !full {
        let i = ranks
            .try_to_vec::<i64>()?
            .iter()
            .copied()
            .find(|r| *r != m.min(n) as i64)
            .unwrap_or(0)
            + 1;
        bail!(
            LinAlg,
            "{name}: The least squares solution could not be computed because the input matrix does not have full rank (error \
             code: {i})."
        );
    }
    let inverse = pinv_rcond(&a, rcond, false)?;
    let x = super::column_major(&matmul(&inverse, &b)?)?;
    let nothing = || Tensor::uninit(&[0], a.dtype().part());
    let residuals = match m > n && full && driver != "gelsy" || m > n && driver == "gels" {
        true => {
            let gap = sub(&matmul(&a, &x)?, &b)?;
            let size = crate::ops::unary::abs(&gap)?;
            crate::ops::reduce::sum_dims(&mul(&size, &size)?, Some(&[-2]), false, None)?
        }
        // Recorded, as the solution is.
        false => {
            let flat = crate::ops::view::reshape(&crate::ops::unary::abs(&x)?, &[-1])?;
            crate::ops::view::narrow(&flat, 0, 0, 0)?
        }
    };
    let values = match driver {
        "gelsd" | "gelss" => no_grad(|| super::svd::svdvals(&a.detach(), None))?,
        _ => nothing()?,
    };
    let ranks = if driver == "gels" {
        Tensor::uninit(&[0], DType::I64)?
    } else {
        ranks
    };
    Ok((if vectors { squeeze_dim(&x, -1)? } else { x }, residuals, ranks, values))
}
