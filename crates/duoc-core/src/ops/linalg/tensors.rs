//! Powers and polar factors of matrices, inverses and systems of tensors.

use super::{adjoint, as_dtype, check_float, check_square, cols, identity_like, rows};
use crate::ops::arith::mul;
use crate::ops::contract::matmul;
use crate::ops::view::{ints, reshape, unsqueeze};
use crate::{Result, Tensor, ensure, ops};

ops! {
    /// `A^n`: the identity for 0, powers of the inverse below.
    "linalg_matrix_power(Tensor self, int n) -> Tensor" [function, out]
    pub fn linalg_matrix_power(a: &Tensor, n: i64) -> Tensor = matrix_power_body;

    /// `A^n`: the identity for 0, powers of the inverse below.
    "matrix_power(Tensor self, int n) -> Tensor" [function, method, out]
    pub fn matrix_power(a: &Tensor, n: i64) -> Tensor = matrix_power_body;

    /// `A = U H` with orthonormal columns of `U` and positive semi-definite `H`, for at least as many rows as columns.
    "linalg_polar(Tensor A) -> (Tensor U, Tensor H)" [function, out]
    pub fn polar(a: &Tensor) -> (Tensor, Tensor) = polar_body;

    /// The inverse of a tensor as a linear map from its last dimensions to the first `ind` ones.
    "linalg_tensorinv(Tensor self, int ind=2) -> Tensor" [function, out]
    pub fn tensorinv(a: &Tensor, ind: i64) -> Tensor = tensorinv_body;

    /// `X` with `tensordot(A, X, X.dim()) = other`; `dims` of `A` go last first.
    "linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor" [function, out]
    pub fn tensorsolve(a: &Tensor, b: &Tensor, dims: Option<&[i64]>) -> Tensor = tensorsolve_body;
}

fn matrix_power_body(a: &Tensor, n: i64) -> Result<Tensor> {
    check_square("linalg.matrix_power", a)?;
    if n == 0 {
        let one = crate::ops::copy::clone(&identity_like(a)?, Some(crate::MemoryFormat::Contiguous))?;
        // A constant function of the matrix: its gradient is there, and zero.
        return one.record("ZerosLikeBackward0", [a], |r| {
            let a = r.save(a);
            move |c: &crate::autograd::Ctx, _: &Tensor| crate::ops::factory::zeros_like(&c.get(a)?)
        });
    }
    let mut left = n.unsigned_abs();
    let mut power = match n < 0 {
        true => {
            check_float("linalg.matrix_power", a, false)?;
            super::solve::inv(a)?
        }
        false => a.clone(),
    };
    if left == 1 {
        return crate::ops::copy::clone(&power, None);
    }
    let mut out: Option<Tensor> = None;
    while left > 0 {
        if left & 1 == 1 {
            out = Some(match out {
                Some(x) => matmul(&x, &power)?,
                None => power.clone(),
            });
        }
        left >>= 1;
        if left > 0 {
            power = matmul(&power, &power)?;
        }
    }
    Ok(out.unwrap_or(power))
}

fn polar_body(a: &Tensor) -> Result<(Tensor, Tensor)> {
    let name = "linalg.polar";
    check_float(name, a, false)?;
    super::check_matrix(name, a)?;
    ensure!(
        rows(a) >= cols(a),
        Runtime,
        "{name}: input must have at least as many rows as columns, but got {} by {} matrices",
        rows(a),
        cols(a)
    );
    let (u, s, vh) = super::svd::svd(a, false, None)?;
    let h = matmul(&mul(&adjoint(&vh)?, &as_dtype(&unsqueeze(&s, -2)?, a.dtype())?)?, &vh)?;
    Ok((matmul(&u, &vh)?, h))
}

fn tensorinv_body(a: &Tensor, ind: i64) -> Result<Tensor> {
    check_float("tensorinv", a, false)?;
    ensure!(
        ind > 0,
        Runtime,
        "Expected a strictly positive integer for 'ind', but got {ind}"
    );
    let at = (ind as usize).min(a.dim());
    let (first, last) = a.shape().split_at(at);
    let (m, n): (usize, usize) = (first.iter().product(), last.iter().product());
    ensure!(
        m == n,
        Runtime,
        "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {n} != {m}"
    );
    let (inverse, info) = super::solve::inv_ex(&reshape(a, &[m as i64, n as i64])?, false)?;
    ensure!(
        super::failure(&info)?.is_none(),
        Runtime,
        "Failed to invert the input tensor, because it is singular."
    );
    let shape: Vec<usize> = last.iter().chain(first).copied().collect();
    reshape(&inverse, &ints(&shape))
}

fn tensorsolve_body(a: &Tensor, b: &Tensor, dims: Option<&[i64]>) -> Result<Tensor> {
    let mut a = a.clone();
    if let Some(dims) = dims {
        let places = dims.iter().map(|d| a.wrap_dim(*d)).collect::<Result<Vec<_>>>()?;
        let end: Vec<i64> = (0..places.len() as i64).map(|k| k - places.len() as i64).collect();
        a = crate::ops::dims::movedim(&a, dims, &end)?;
    }
    let shape = a.shape()[b.dim().min(a.dim())..].to_vec();
    let n: usize = shape.iter().product();
    let flat = reshape(&a, &[n as i64, n as i64])?;
    let x = super::solve::solve(&flat, &reshape(b, &[n as i64])?, true)?;
    reshape(&x, &ints(&shape))
}
