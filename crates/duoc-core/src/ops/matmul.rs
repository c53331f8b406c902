//! Matrix products and their fused sums: the ops that run a kernel of `duoc_kernels::matmul`.
//!
//! Everything else that contracts ([`super::contract`]) is made of these. The gradient formulas are those of PyTorch's
//! `derivatives.yaml`; a gradient has its matrix's own memory order where that is column-major.

use super::product::{ONE, PRODUCT, Product, ZERO, c_name, check_supported, fused, product, start};
use super::shape::expand;
use super::view::{ints, t, transpose, unsqueeze};
use crate::autograd::{Ctx, no_grad};
use crate::op::Value;
use crate::storage::Mode;
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, ensure, err, ops};

ops! {
    /// The matrix product `out[i, j] = sum over k of self[i, k] * mat2[k, j]` of two matrices of one dtype.
    ///
    /// float16 and bfloat16 are summed in float32 and rounded once; integers wrap. bool has no product.
    "mm(Tensor self, Tensor mat2) -> Tensor" [function, method, out] write mm_write;
    pub fn mm(a: &Tensor, b: &Tensor) -> Tensor = mm_body;

    /// [`mm`] for every matrix of two batches of equal length: `[b, n, m]` by `[b, m, p]` gives `[b, n, p]`.
    "bmm(Tensor self, Tensor mat2) -> Tensor" [function, method, out] write bmm_write;
    pub fn bmm(a: &Tensor, b: &Tensor) -> Tensor = bmm_body;

    /// The product of a matrix and a vector: `out[i] = sum over k of self[i, k] * vec[k]`.
    "mv(Tensor self, Tensor vec) -> Tensor" [function, method, out]
    pub fn mv(a: &Tensor, x: &Tensor) -> Tensor = mv_body;

    /// The inner product of two vectors of one length and dtype.
    "dot(Tensor self, Tensor tensor) -> Tensor" [function, method, out]
    pub fn dot(x: &Tensor, y: &Tensor) -> Tensor = dot_body;

    /// The inner product of two vectors, the first one conjugated.
    "vdot(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn vdot(x: &Tensor, y: &Tensor) -> Tensor = vdot_body;

    /// `beta * self + alpha * (mat1 @ mat2)`; `self` is broadcast, and not read if `beta` is 0.
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" [function, method, inplace, out]
    pub fn addmm(x: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Tensor = addmm_body;

    /// `beta * self + alpha * (mat @ vec)`; `self` is broadcast, and not read if `beta` is 0.
    "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor" [function, method, inplace, out]
    pub fn addmv(x: &Tensor, a: &Tensor, v: &Tensor, beta: Scalar, alpha: Scalar) -> Tensor = addmv_body;

    /// `beta * self + alpha * (sum over i of batch1[i] @ batch2[i])`.
    "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" [function, method, inplace, out]
    pub fn addbmm(x: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Tensor = addbmm_body;

    /// `out[i] = beta * self[i] + alpha * (batch1[i] @ batch2[i])`; `self` is broadcast.
    "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" [function, method, inplace, out]
    pub fn baddbmm(x: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Tensor = baddbmm_body;
}

/// `x` expanded to `shape`, with PyTorch's words if it does not fit.
pub(super) fn expanded(x: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if x.shape() == shape {
        Ok(x.clone())
    } else {
        no_grad(|| expand(x, &ints(shape), false))
    }
}

fn check_factor(dtype: DType, x: Scalar) -> Result<()> {
    ensure!(
        !x.is_complex() || dtype.is_complex(),
        Runtime,
        "value cannot be converted to type {} without overflow",
        c_name(dtype)
    );
    Ok(())
}

/// The conjugate; a real tensor is its own.
pub(super) fn conj(x: &Tensor) -> Result<Tensor> {
    super::parts::conj(x)
}

/// The conjugate transpose of the last two dimensions.
fn adjoint(x: &Tensor) -> Result<Tensor> {
    conj(&transpose(x, -2, -1)?)
}

/// `g * conj(factor)`, or `g` itself: the gradient of what was multiplied by the factor.
pub(super) fn scaled(g: Tensor, factor: Scalar) -> Result<Tensor> {
    scaled_by(g, factor.conj())
}

/// `g * factor`, or `g` itself.
pub(super) fn scaled_by(g: Tensor, factor: Scalar) -> Result<Tensor> {
    if factor.to_parts() == (1.0, 0.0) {
        Ok(g)
    } else {
        super::arith::mul(&g, &Tensor::wrapped(factor)?)
    }
}

/// Whether a matrix lies column after column in memory.
fn is_column_major(x: &Tensor) -> bool {
    x.strides()[0] == 1 && x.strides()[1] == x.shape()[0] as isize
}

/// The gradient of `a` in `a @ b`: `g b^H`.
fn left_grad(g: &Tensor, b: &Tensor, column_major: bool) -> Result<Tensor> {
    if column_major {
        t(&mm(&conj(b)?, &t(g)?)?)
    } else {
        mm(g, &adjoint(b)?)
    }
}

/// The gradient of `b` in `a @ b`: `a^H g`.
fn right_grad(g: &Tensor, a: &Tensor, column_major: bool) -> Result<Tensor> {
    if column_major {
        t(&mm(&t(g)?, &conj(a)?)?)
    } else {
        mm(&adjoint(a)?, g)
    }
}

fn check_mm(name: &str, a: &Tensor, b: &Tensor) -> Result<[usize; 2]> {
    ensure!(
        a.dim() == 2,
        Runtime,
        "{name}: self must be a matrix, got {}-D tensor",
        a.dim()
    );
    ensure!(
        b.dim() == 2,
        Runtime,
        "{name}: mat2 must be a matrix, got {}-D tensor",
        b.dim()
    );
    let ([n, m], [k, p]) = ([a.shape()[0], a.shape()[1]], [b.shape()[0], b.shape()[1]]);
    ensure!(
        m == k,
        Runtime,
        "{name}: mat1 and mat2 shapes cannot be multiplied ({n}x{m} and {k}x{p})"
    );
    Ok([n, p])
}

fn check_pair(a: &Tensor, b: &Tensor) -> Result<()> {
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "expected m1 and m2 to have the same dtype, but got: {} != {}",
        c_name(a.dtype()),
        c_name(b.dtype())
    );
    Ok(())
}

fn mm_body(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let shape = check_mm("mm", a, b)?;
    check_pair(a, b)?;
    let out = product("addmm_impl_cpu_", &shape, a, b)?;
    out.record("MmBackward0", [a, b], |r| {
        let (x, y) = (r.save_if(r.needs(1), a), r.save_if(r.needs(0), b));
        let (a_columns, b_columns) = (is_column_major(a), is_column_major(b));
        move |c: &Ctx, g: &Tensor| {
            let ga = if c.needs(0) {
                Some(left_grad(g, &c.get(y)?, a_columns)?)
            } else {
                None
            };
            let gb = if c.needs(1) {
                Some(right_grad(g, &c.get(x)?, b_columns)?)
            } else {
                None
            };
            Ok((ga, gb))
        }
    })
}

/// Straight into `out`, where that has the right shape and shares no memory with the factors.
fn write_product(name: &str, shape: &[usize], a: &Tensor, b: &Tensor, out: &Tensor) -> Result<()> {
    ensure!(
        out.dtype() == a.dtype(),
        Runtime,
        "Expected out tensor to have dtype {}, but got {} instead",
        c_name(a.dtype()),
        c_name(out.dtype())
    );
    if out.shape() != shape || out.storage().same(a.storage()) || out.storage().same(b.storage()) {
        bail!(NotImplemented, "{name}: the result is computed first and then copied");
    }
    check_supported(out, name)?;
    PRODUCT.require(a.device())?(&Product {
        out,
        mode: Mode::Write,
        a,
        b,
        alpha: ONE,
        beta: ZERO,
    })
}

fn two_tensors(args: &[Value]) -> Result<(&Tensor, &Tensor)> {
    match args {
        [Value::Tensor(a), Value::Tensor(b), ..] => Ok((a, b)),
        _ => Err(err!(Type, "two tensors are expected")),
    }
}

fn mm_write(args: &[Value], out: &Tensor) -> Result<()> {
    let (a, b) = two_tensors(args)?;
    let shape = check_mm("mm", a, b)?;
    check_pair(a, b)?;
    write_product("addmm_impl_cpu_", &shape, a, b, out)
}

fn check_bmm(a: &Tensor, b: &Tensor) -> Result<[usize; 3]> {
    ensure!(a.dim() == 3, Runtime, "batch1 must be a 3D tensor");
    ensure!(b.dim() == 3, Runtime, "batch2 must be a 3D tensor");
    let (s, z) = (a.shape(), b.shape());
    ensure!(
        s[0] == z[0] && s[2] == z[1],
        Runtime,
        "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].",
        s[0],
        s[2],
        z[0],
        z[1]
    );
    Ok([s[0], s[1], z[2]])
}

fn check_batch_pair(a: &Tensor, b: &Tensor) -> Result<()> {
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "expected scalar type {} but found {}",
        a.dtype().scalar_type_name(),
        b.dtype().scalar_type_name()
    );
    Ok(())
}

fn bmm_body(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let shape = check_bmm(a, b)?;
    check_batch_pair(a, b)?;
    let out = product("bmm", &shape, a, b)?;
    out.record("BmmBackward0", [a, b], |r| {
        let (x, y) = (r.save_if(r.needs(1), a), r.save_if(r.needs(0), b));
        move |c: &Ctx, g: &Tensor| {
            let ga = if c.needs(0) {
                Some(bmm(g, &adjoint(&c.get(y)?)?)?)
            } else {
                None
            };
            let gb = if c.needs(1) {
                Some(bmm(&adjoint(&c.get(x)?)?, g)?)
            } else {
                None
            };
            Ok((ga, gb))
        }
    })
}

fn bmm_write(args: &[Value], out: &Tensor) -> Result<()> {
    let (a, b) = two_tensors(args)?;
    let shape = check_bmm(a, b)?;
    check_batch_pair(a, b)?;
    write_product("bmm", &shape, a, b, out)
}

/// The checks that `mv` and `addmv` share. `x` has the dimensions `x_dim` and `x_numel` elements.
fn check_mv(x_dim: usize, x_numel: usize, a: &Tensor, v: &Tensor) -> Result<usize> {
    ensure!(
        a.dim() == 2 && v.dim() == 1 && x_dim <= 1,
        Runtime,
        "vector + matrix @ vector expected, got {x_dim}, {}, {}",
        a.dim(),
        v.dim()
    );
    let (n, m) = (a.shape()[0], a.shape()[1]);
    ensure!(
        m == v.shape()[0] && (n == x_numel || x_numel == 1),
        Runtime,
        "size mismatch, got input ({x_numel}), mat ({n}x{m}), vec ({})",
        v.shape()[0]
    );
    Ok(n)
}

fn check_mv_dtypes(x: DType, a: DType, v: DType) -> Result<()> {
    ensure!(
        x == a && a == v,
        Runtime,
        "addmv input tensors must have the same dtype, but got {}, {}, and {}",
        x.scalar_type_name(),
        a.scalar_type_name(),
        v.scalar_type_name()
    );
    Ok(())
}

/// A vector as a matrix of one column, outside the graph.
fn column(v: &Tensor) -> Tensor {
    v.alias_with(v.layout().unsqueeze(1))
}

fn mv_body(a: &Tensor, v: &Tensor) -> Result<Tensor> {
    let n = check_mv(1, a.shape().first().copied().unwrap_or(1), a, v)?;
    check_mv_dtypes(v.dtype(), a.dtype(), v.dtype())?;
    let out = product("addmv_impl_cpu", &[n, 1], a, &column(v))?;
    let out = as_vector(out, n)?;
    out.record("MvBackward0", [a, v], |r| {
        let (x, y) = (r.save_if(r.needs(1), a), r.save_if(r.needs(0), v));
        move |c: &Ctx, g: &Tensor| {
            let ga = if c.needs(0) {
                Some(super::contract::outer(g, &conj(&c.get(y)?)?)?)
            } else {
                None
            };
            let gv = if c.needs(1) {
                Some(mv(&adjoint(&c.get(x)?)?, g)?)
            } else {
                None
            };
            Ok((ga, gv))
        }
    })
}

/// A fresh column as a vector.
fn as_vector(out: Tensor, n: usize) -> Result<Tensor> {
    Ok(out.alias_with(crate::layout::Layout::contiguous(&[n], out.dtype())?))
}

fn check_dot(x: &Tensor, y: &Tensor) -> Result<()> {
    ensure!(
        x.dim() == 1 && y.dim() == 1,
        Runtime,
        "1D tensors expected, but got {}D and {}D tensors",
        x.dim(),
        y.dim()
    );
    ensure!(
        x.dtype() == y.dtype(),
        Runtime,
        "dot : expected both vectors to have same dtype, but found {} and {}",
        x.dtype().scalar_type_name(),
        y.dtype().scalar_type_name()
    );
    let (n, m) = (x.numel(), y.numel());
    ensure!(
        n == m,
        Runtime,
        "inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, but got {n} and {m} elements respectively"
    );
    Ok(())
}

fn dot_values(name: &str, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    check_dot(x, y)?;
    let row = x.alias_with(x.layout().unsqueeze(0));
    let out = product(name, &[1, 1], &row, &column(y))?;
    Ok(out.alias_with(crate::layout::Layout::contiguous(&[], out.dtype())?))
}

fn dot_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    dot_values("dot", x, y)?.record("DotBackward0", [x, y], |r| {
        let (sx, sy) = (r.save_if(r.needs(1), x), r.save_if(r.needs(0), y));
        move |c: &Ctx, g: &Tensor| {
            let gx = if c.needs(0) {
                Some(super::arith::mul(g, &conj(&c.get(sy)?)?)?)
            } else {
                None
            };
            let gy = if c.needs(1) {
                Some(super::arith::mul(g, &conj(&c.get(sx)?)?)?)
            } else {
                None
            };
            Ok((gx, gy))
        }
    })
}

fn vdot_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    dot_values("vdot", &no_grad(|| super::parts::conjugated(x))?, y)?.record("VdotBackward0", [x, y], |r| {
        let (sx, sy) = (r.save_if(r.needs(1), x), r.save_if(r.needs(0), y));
        move |c: &Ctx, g: &Tensor| {
            let gx = if c.needs(0) {
                Some(super::arith::mul(&conj(g)?, &c.get(sy)?)?)
            } else {
                None
            };
            let gy = if c.needs(1) {
                Some(super::arith::mul(g, &c.get(sx)?)?)
            } else {
                None
            };
            Ok((gx, gy))
        }
    })
}

fn check_self(x: &Tensor, b: &Tensor) -> Result<()> {
    ensure!(
        x.dtype() == b.dtype(),
        Runtime,
        "self and mat2 must have the same dtype, but got {} and {}",
        x.dtype().scalar_type_name(),
        b.dtype().scalar_type_name()
    );
    Ok(())
}

fn addmm_body(x: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    let shape = check_mm("addmm", a, b)?;
    check_self(x, b)?;
    check_pair(a, b)?;
    check_factor(a.dtype(), alpha)?;
    check_factor(a.dtype(), beta)?;
    let wide = expanded(x, &shape)?;
    let out = fused("addmm_impl_cpu_", &shape, &wide, a, b, beta, alpha)?;
    out.record("AddmmBackward0", [x, a, b], |r| {
        let (sa, sb) = (r.save_if(r.needs(2), a), r.save_if(r.needs(1), b));
        let (a_columns, b_columns) = (is_column_major(a), is_column_major(b));
        move |c: &Ctx, g: &Tensor| {
            let gx = if c.needs(0) {
                Some(scaled(g.clone(), beta)?)
            } else {
                None
            };
            let ga = if c.needs(1) {
                Some(scaled(left_grad(g, &c.get(sb)?, a_columns)?, alpha)?)
            } else {
                None
            };
            let gb = if c.needs(2) {
                Some(scaled(right_grad(g, &c.get(sa)?, b_columns)?, alpha)?)
            } else {
                None
            };
            Ok((gx, ga, gb))
        }
    })
}

fn addmv_body(x: &Tensor, a: &Tensor, v: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    let n = check_mv(x.dim(), x.numel(), a, v)?;
    check_mv_dtypes(x.dtype(), a.dtype(), v.dtype())?;
    check_factor(a.dtype(), alpha)?;
    check_factor(a.dtype(), beta)?;
    let wide = expanded(x, &[n])?;
    let out = fused("addmv_impl_cpu", &[n, 1], &column(&wide), a, &column(v), beta, alpha)?;
    as_vector(out, n)?.record("AddmvBackward0", [x, a, v], |r| {
        let (sa, sv) = (r.save_if(r.needs(2), a), r.save_if(r.needs(1), v));
        move |c: &Ctx, g: &Tensor| {
            let gx = if c.needs(0) {
                Some(scaled(g.clone(), beta)?)
            } else {
                None
            };
            let ga = if c.needs(1) {
                Some(scaled(super::contract::outer(g, &conj(&c.get(sv)?)?)?, alpha)?)
            } else {
                None
            };
            let gv = if c.needs(2) {
                Some(scaled(mv(&adjoint(&c.get(sa)?)?, g)?, alpha)?)
            } else {
                None
            };
            Ok((gx, ga, gv))
        }
    })
}

fn addbmm_body(x: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    let shape = [a.shape()[a.wrap_dim(1)?], b.shape()[b.wrap_dim(2)?]];
    let wide = expanded(x, &shape)?;
    ensure!(a.dim() == 3, Runtime, "batch1 must be a 3D tensor");
    ensure!(b.dim() == 3, Runtime, "batch2 must be a 3D tensor");
    let (s, z) = (a.shape(), b.shape());
    ensure!(
        s[0] == z[0],
        Runtime,
        "batch1 and batch2 must have same number of batches, got {} and {}",
        s[0],
        z[0]
    );
    ensure!(
        s[2] == z[1],
        Runtime,
        "Incompatible matrix sizes for bmm ({}x{} and {}x{})",
        s[1],
        s[2],
        z[1],
        z[2]
    );
    check_self(x, b)?;
    check_pair(a, b)?;
    check_factor(a.dtype(), alpha)?;
    check_factor(a.dtype(), beta)?;
    if a.dtype().is_complex() {
        let sum = super::reduce::sum_dims(&bmm(a, b)?, Some(&[0]), false, None)?;
        let y = super::arith::mul(&sum, &Tensor::wrapped(alpha)?)?;
        return match beta.to_parts() {
            (0.0, 0.0) => Ok(y),
            _ => super::arith::add(&y, x, beta),
        };
    }
    let out = Tensor::uninit(&shape, a.dtype())?;
    check_supported(&out, "addmm_impl_cpu_")?;
    let mut beta_now = start(&out, &wide, beta)?;
    let kernel = PRODUCT.require(a.device())?;
    let matrix = |t: &Tensor, i| t.alias_with(t.layout().select(0, i));
    for i in 0..s[0] {
        kernel(&Product {
            out: &out,
            mode: Mode::Init,
            a: &matrix(a, i),
            b: &matrix(b, i),
            alpha,
            beta: beta_now,
        })?;
        beta_now = ONE;
    }
    if s[0] == 0 {
        // A product over no k leaves beta times what was there.
        let none = Tensor::uninit(&[shape[0], 0], a.dtype())?;
        let other = Tensor::uninit(&[0, shape[1]], a.dtype())?;
        kernel(&Product {
            out: &out,
            mode: Mode::Init,
            a: &none,
            b: &other,
            alpha,
            beta: beta_now,
        })?;
    }
    let (batches, rows, cols) = (s[0] as i64, shape[0] as i64, shape[1] as i64);
    out.record("AddbmmBackward0", [x, a, b], |r| {
        let (sa, sb) = (r.save_if(r.needs(2), a), r.save_if(r.needs(1), b));
        move |c: &Ctx, g: &Tensor| {
            let each = expand(&unsqueeze(g, 0)?, &[batches, rows, cols], false)?;
            let gx = if c.needs(0) {
                Some(scaled(g.clone(), beta)?)
            } else {
                None
            };
            let ga = if c.needs(1) {
                Some(scaled(bmm(&each, &adjoint(&c.get(sb)?)?)?, alpha)?)
            } else {
                None
            };
            let gb = if c.needs(2) {
                Some(scaled(bmm(&adjoint(&c.get(sa)?)?, &each)?, alpha)?)
            } else {
                None
            };
            Ok((gx, ga, gb))
        }
    })
}

fn baddbmm_body(x: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    let shape = check_bmm(a, b)?;
    check_batch_pair(a, b)?;
    ensure!(
        x.dtype() == a.dtype(),
        Runtime,
        "Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}",
        c_name(x.dtype()),
        c_name(a.dtype()),
        c_name(b.dtype())
    );
    check_factor(a.dtype(), alpha)?;
    check_factor(a.dtype(), beta)?;
    let wide = expanded(x, &shape)?;
    let out = fused("baddbmm", &shape, &wide, a, b, beta, alpha)?;
    out.record("BaddbmmBackward0", [x, a, b], |r| {
        let (sa, sb) = (r.save_if(r.needs(2), a), r.save_if(r.needs(1), b));
        move |c: &Ctx, g: &Tensor| {
            let gx = if c.needs(0) {
                Some(scaled(g.clone(), beta)?)
            } else {
                None
            };
            let ga = if c.needs(1) {
                Some(scaled(bmm(g, &adjoint(&c.get(sb)?)?)?, alpha)?)
            } else {
                None
            };
            let gb = if c.needs(2) {
                Some(scaled(bmm(&adjoint(&c.get(sa)?)?, g)?, alpha)?)
            } else {
                None
            };
            Ok((gx, ga, gb))
        }
    })
}

impl Tensor {
    /// The matrix product of two matrices: see [`mm`].
    #[track_caller]
    pub fn mm(&self, mat2: &Tensor) -> Tensor {
        mm(self, mat2).or_throw()
    }

    /// The products of two batches of matrices: see [`bmm`].
    #[track_caller]
    pub fn bmm(&self, mat2: &Tensor) -> Tensor {
        bmm(self, mat2).or_throw()
    }

    /// The product of a matrix and a vector: see [`mv`].
    #[track_caller]
    pub fn mv(&self, vec: &Tensor) -> Tensor {
        mv(self, vec).or_throw()
    }

    /// The inner product of two vectors: see [`dot`].
    #[track_caller]
    pub fn dot(&self, tensor: &Tensor) -> Tensor {
        dot(self, tensor).or_throw()
    }

    /// `self + mat1 @ mat2`: see [`addmm`].
    #[track_caller]
    pub fn addmm(&self, mat1: &Tensor, mat2: &Tensor) -> Tensor {
        addmm(self, mat1, mat2, ONE, ONE).or_throw()
    }

    /// `self + mat @ vec`: see [`addmv`].
    #[track_caller]
    pub fn addmv(&self, mat: &Tensor, vec: &Tensor) -> Tensor {
        addmv(self, mat, vec, ONE, ONE).or_throw()
    }

    /// `self + batch1 @ batch2`, matrix by matrix: see [`baddbmm`].
    #[track_caller]
    pub fn baddbmm(&self, batch1: &Tensor, batch2: &Tensor) -> Tensor {
        baddbmm(self, batch1, batch2, ONE, ONE).or_throw()
    }
}
