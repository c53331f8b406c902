//! The exponential of a matrix.

use super::{add, adjoint, as_dtype, check_float, check_square, cols, identity_like, wide};
use crate::autograd::{Ctx, no_grad};
use crate::ops::arith::mul;
use crate::ops::contract::matmul;
use crate::ops::view::narrow;
use crate::{Result, Tensor, ops};

ops! {
    /// `e^A = sum of A^k / k!`.
    "linalg_matrix_exp(Tensor self) -> Tensor" [function]
    pub fn linalg_matrix_exp(a: &Tensor) -> Tensor = matrix_exp_body;

    /// `e^A = sum of A^k / k!`.
    "matrix_exp(Tensor self) -> Tensor" [function, method]
    pub fn matrix_exp(a: &Tensor) -> Tensor = matrix_exp_body;
}

fn matrix_exp_body(a: &Tensor) -> Result<Tensor> {
    let name = "linalg.matrix_exp";
    check_square(name, a)?;
    check_float(name, a, false)?;
    let out = no_grad(|| as_dtype(&exponential(&as_dtype(&a.detach(), wide(a.dtype()))?)?, a.dtype()))?;
    out.record("LinalgMatrixExpBackward0", [a], |r| {
        let a = r.save(a);
        move |c: &Ctx, g: &Tensor| {
            // The exponential of [[A^H, g], [0, A^H]] has the derivative along g in its corner (N. Higham, "Functions of
            // Matrices", 3.16).
            let h = adjoint(&c.get(a)?)?;
            let n = cols(&h) as i64;
            let zero = crate::ops::factory::zeros_like(&h)?;
            let above = crate::ops::join::cat(&[h.clone(), g.clone()], -1)?;
            let below = crate::ops::join::cat(&[zero, h], -1)?;
            let all = linalg_matrix_exp(&crate::ops::join::cat(&[above, below], -2)?)?;
            narrow(&narrow(&all, -2, 0, n)?, -1, n, n)
        }
    })
}

/// Scaling and squaring with the Padé approximant of order 13 (N. Higham, "The scaling and squaring method for the matrix
/// exponential revisited", 2005).
fn exponential(a: &Tensor) -> Result<Tensor> {
    const B: [f64; 14] = [
        64764752532480000.0,
        32382376266240000.0,
        7771770303897600.0,
        1187353796428800.0,
        129060195264000.0,
        10559470521600.0,
        670442572800.0,
        33522128640.0,
        1323241920.0,
        40840800.0,
        960960.0,
        16380.0,
        182.0,
        1.0,
    ];
    /// The largest norm for which the approximant is exact in float64.
    const THETA: f64 = 5.371920351148152;
    if a.numel() == 0 {
        return Ok(a.clone());
    }
    let sums = crate::ops::reduce::sum_dims(&crate::ops::unary::abs(a)?, Some(&[-2]), false, None)?;
    let norm = crate::ops::extreme::amax(&sums, &[], false)?.try_item()?.to_f64();
    if !norm.is_finite() {
        return mul(a, &Tensor::wrapped(f64::NAN)?);
    }
    let squarings = (norm / THETA).log2().ceil().max(0.0) as i32;
    let times = |x: &Tensor, f: f64| mul(x, &Tensor::wrapped(f)?);
    let a = times(a, 0.5f64.powi(squarings))?;
    let one = identity_like(&a)?;
    let a2 = matmul(&a, &a)?;
    let a4 = matmul(&a2, &a2)?;
    let a6 = matmul(&a4, &a2)?;
    let blend = |f: [f64; 3]| add(&add(&times(&a6, f[0])?, &times(&a4, f[1])?)?, &times(&a2, f[2])?);
    let odd = matmul(&a6, &blend([B[13], B[11], B[9]])?)?;
    let odd = add(&add(&odd, &blend([B[7], B[5], B[3]])?)?, &times(&one, B[1])?)?;
    let u = matmul(&a, &odd)?;
    let even = matmul(&a6, &blend([B[12], B[10], B[8]])?)?;
    let v = add(&add(&even, &blend([B[6], B[4], B[2]])?)?, &times(&one, B[0])?)?;
    let mut x = super::solve::solve(&super::sub(&v, &u)?, &add(&v, &u)?, true)?;
    for _ in 0..squarings {
        x = matmul(&x, &x)?;
    }
    crate::ops::copy::clone(&x, Some(crate::MemoryFormat::Contiguous))
}
