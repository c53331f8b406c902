//! Differences of neighbours and their opposite: `diff`, the trapezoidal rule; and what is made of powers and products along
//! a dimension.

use super::arith::{add, mul, sub};
use super::compare::logical_xor;
use super::view::{ints, narrow, unsqueeze};
use crate::{DType, Result, Scalar, Tensor, bail, ensure, ops};

ops! {
    /// The differences of neighbours along `dim`, `n` times, with `prepend` in front and `append` behind first. Of bools it
    /// is the exclusive or.
    "diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor" [function, method, out]
    pub fn diff(x: &Tensor, n: i64, dim: i64, prepend: Option<&Tensor>, append: Option<&Tensor>) -> Tensor = diff_body;

    /// The integral of `y` over `x` along `dim` by the trapezoidal rule: `sum (x_(i+1) - x_i) (y_i + y_(i+1)) / 2`.
    "trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor" [function] alias ["trapz"]
    pub fn trapezoid(y: &Tensor, x: &Tensor, dim: i64) -> Tensor = trapezoid_body;

    /// The integral of `y` with equal steps `dx`.
    "trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor" [function] alias ["trapz"]
    pub fn trapezoid_dx(y: &Tensor, dx: Scalar, dim: i64) -> Tensor = trapezoid_dx_body;

    /// The running integral of `y` over `x`.
    "cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor" [function]
    pub fn cumulative_trapezoid(y: &Tensor, x: &Tensor, dim: i64) -> Tensor = cumulative_trapezoid_body;

    /// The running integral of `y` with equal steps `dx`.
    "cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor" [function]
    pub fn cumulative_trapezoid_dx(y: &Tensor, dx: Scalar, dim: i64) -> Tensor = cumulative_trapezoid_dx_body;

    /// The powers `x^0, .., x^(N-1)` along a new last dimension (Vandermonde); `N` is the size of the last one unless given.
    "linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor" [function]
    pub fn linalg_vander(x: &Tensor, n: Option<i64>) -> Tensor = linalg_vander_body;

    /// The Vandermonde matrix of a vector, powers falling unless `increasing`.
    "vander(Tensor x, int? N=None, bool increasing=False) -> Tensor" [function]
    pub fn vander(x: &Tensor, n: Option<i64>, increasing: bool) -> Tensor = vander_body;

    /// `sum conj(x) y` along a dimension.
    "linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor" [function, out]
    pub fn vecdot(x: &Tensor, y: &Tensor, dim: i64) -> Tensor = vecdot_body;

    /// The diagonals of the matrices of the last two dimensions, as a view.
    "linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)" [function]
    pub fn linalg_diagonal(a: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Tensor = linalg_diagonal_body;

    /// The matrix product, under its name in `linalg`.
    "linalg_matmul(Tensor self, Tensor other) -> Tensor" [function, out]
    pub fn linalg_matmul(a: &Tensor, b: &Tensor) -> Tensor = linalg_matmul_body;

    /// The cross product of vectors of three numbers along `dim`.
    "linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor" [function, out]
    pub fn linalg_cross(x: &Tensor, y: &Tensor, dim: i64) -> Tensor = linalg_cross_body;

    /// The cross product along `dim`, or along the first dimension of size 3.
    "cross(Tensor self, Tensor other, int? dim=None) -> Tensor" [function, method, out]
    pub fn cross(x: &Tensor, y: &Tensor, dim: Option<i64>) -> Tensor = cross_body;
}

/// What is joined must have the other's shape but for one dimension.
fn check_join(x: &Tensor, other: Option<&Tensor>, d: usize) -> Result<()> {
    let Some(o) = other else { return Ok(()) };
    ensure!(
        o.dim() == x.dim(),
        Runtime,
        "diff expects prepend or append to be the same dimension as input"
    );
    for i in (0..x.dim()).filter(|i| *i != d) {
        ensure!(
            o.shape()[i] == x.shape()[i],
            Runtime,
            "diff expects the shape of tensor to prepend or append to match that of input except along the differencing \
             dimension; input.size({i}) = {}, but got tensor.size({i}) = {}",
            x.shape()[i],
            o.shape()[i]
        );
    }
    Ok(())
}

fn diff_body(x: &Tensor, n: i64, dim: i64, prepend: Option<&Tensor>, append: Option<&Tensor>) -> Result<Tensor> {
    ensure!(
        x.dim() >= 1,
        Runtime,
        "diff expects input to be at least one-dimensional"
    );
    ensure!(n >= 0, Runtime, "order must be non-negative but got {n}");
    let d = x.wrap_dim(dim)?;
    check_join(x, prepend, d)?;
    check_join(x, append, d)?;
    // PyTorch joins nothing where it takes no difference.
    if n == 0 {
        return super::copy::clone(x, None);
    }
    let parts: Vec<Tensor> = [prepend, Some(x), append].into_iter().flatten().cloned().collect();
    let mut y = match parts.len() {
        1 => x.clone(),
        _ => super::join::cat(&parts, d as i64)?,
    };
    for _ in 0..n {
        let size = y.shape()[d] as i64;
        if size == 0 {
            break;
        }
        let (a, b) = (narrow(&y, d as i64, 0, size - 1)?, narrow(&y, d as i64, 1, size - 1)?);
        y = match y.dtype() {
            DType::Bool => logical_xor(&b, &a)?,
            _ => sub(&b, &a, Scalar::Int(1))?,
        };
    }
    Ok(y)
}

/// `y_i + y_(i+1)` along a dimension.
fn pairs(y: &Tensor, d: usize) -> Result<Tensor> {
    let size = y.shape()[d] as i64;
    add(
        &narrow(y, d as i64, 0, size - 1)?,
        &narrow(y, d as i64, 1, size - 1)?,
        Scalar::Int(1),
    )
}

fn check_numbers(name: &str, which: &str, y: &Tensor) -> Result<()> {
    ensure!(
        y.dtype() != DType::Bool,
        NotImplemented,
        "{name}: received a bool input for {which}, but bool is not supported"
    );
    Ok(())
}

/// The widths of the steps, shaped so that they go with `y`.
fn widths(x: &Tensor, y: &Tensor, d: usize, name: &str) -> Result<Tensor> {
    if x.dim() == 1 {
        ensure!(
            x.shape()[0] == y.shape()[d],
            Runtime,
            "{name}: There must be one `x` value for each sample point"
        );
        let mut shape = vec![1; y.dim()];
        shape[d] = -1;
        return super::view::reshape(&diff(x, 1, -1, None, None)?, &shape);
    }
    let from_end = y.dim() - d;
    ensure!(
        x.dim() >= from_end && x.shape()[x.dim() - from_end] == y.shape()[d],
        Runtime,
        "{name}: There must be one `x` value for each sample point"
    );
    diff(x, 1, -(from_end as i64), None, None)
}

fn half(x: &Tensor) -> Result<Tensor> {
    super::arith::div(x, &Tensor::wrapped(2.0)?)
}

fn empty_integral(y: &Tensor, d: usize) -> Result<Tensor> {
    let mut shape = y.shape().to_vec();
    shape.remove(d);
    super::factory::full_of(&shape, Scalar::Int(0), y.dtype())
}

fn trapezoid_body(y: &Tensor, x: &Tensor, dim: i64) -> Result<Tensor> {
    let name = "trapezoid";
    let d = y.wrap_dim(dim)?;
    if y.dim() == 0 {
        bail!(Index, "{name}: y has no dimension to integrate along");
    }
    if y.shape()[d] == 0 {
        return empty_integral(y, d);
    }
    check_numbers(name, "`x` or `y`", y)?;
    check_numbers(name, "`x` or `y`", x)?;
    let parts = mul(&widths(x, y, d, name)?, &pairs(y, d)?)?;
    half(&super::reduce::sum_dims(
        &parts,
        Some(&[d as i64 - y.dim() as i64]),
        false,
        None,
    )?)
}

fn trapezoid_dx_body(y: &Tensor, dx: Scalar, dim: i64) -> Result<Tensor> {
    let d = y.wrap_dim(dim)?;
    if y.dim() == 0 {
        bail!(Index, "trapezoid: y has no dimension to integrate along");
    }
    if y.shape()[d] == 0 {
        return empty_integral(y, d);
    }
    check_numbers("trapezoid", "`y`", y)?;
    let sum = super::reduce::sum_dims(&pairs(y, d)?, Some(&[d as i64]), false, None)?;
    half(&mul(&sum, &Tensor::wrapped(dx)?)?)
}

fn cumulative_trapezoid_body(y: &Tensor, x: &Tensor, dim: i64) -> Result<Tensor> {
    let name = "cumulative_trapezoid";
    let d = y.wrap_dim(dim)?;
    if y.dim() == 0 {
        bail!(Index, "{name}: y has no dimension to integrate along");
    }
    check_numbers(name, "`x` or `y`", y)?;
    check_numbers(name, "`x` or `y`", x)?;
    if y.shape()[d] == 0 {
        return super::copy::clone(y, None);
    }
    let parts = mul(&widths(x, y, d, name)?, &pairs(y, d)?)?;
    half(&super::scan::cumsum(&parts, d as i64 - y.dim() as i64, None)?)
}

fn cumulative_trapezoid_dx_body(y: &Tensor, dx: Scalar, dim: i64) -> Result<Tensor> {
    let d = y.wrap_dim(dim)?;
    if y.dim() == 0 {
        bail!(Index, "cumulative_trapezoid: y has no dimension to integrate along");
    }
    check_numbers("cumulative_trapezoid", "`y`", y)?;
    if y.shape()[d] == 0 {
        return super::copy::clone(y, None);
    }
    let sums = super::scan::cumsum(&pairs(y, d)?, d as i64, None)?;
    half(&mul(&sums, &Tensor::wrapped(dx)?)?)
}

fn linalg_vander_body(x: &Tensor, n: Option<i64>) -> Result<Tensor> {
    ensure!(
        x.dtype() != DType::Bool,
        NotImplemented,
        "linalg.vander: Expected a tensor of numbers as input. Got Bool"
    );

    let size = x.shape().last().map_or(1, |n| *n as i64);
    let n = n.unwrap_or(size);
    ensure!(n > 1, Runtime, "N must be greater than 1.");
    // A number is a vector of one.
    let x = &if x.dim() == 0 { unsqueeze(x, 0)? } else { x.clone() };
    let mut shape = ints(x.shape()).to_vec();
    shape.push(n - 1);
    let wide = super::shape::expand(&unsqueeze(x, -1)?, &shape, false)?;
    let powers = super::scan::cumprod(&wide, -1, None)?;
    let one = super::factory::ones_like(&narrow(&powers, -1, 0, 1)?)?;
    super::join::cat(&[one, powers], -1)
}

fn vander_body(x: &Tensor, n: Option<i64>, increasing: bool) -> Result<Tensor> {
    ensure!(x.dim() == 1, Runtime, "x must be a one-dimensional tensor.");
    let n = n.unwrap_or(x.shape()[0] as i64);
    ensure!(n >= 0, Runtime, "N must be non-negative.");
    let m = x.shape()[0] as i64;
    let dtype = match x.dtype().is_int() {
        true => DType::I64,
        false => x.dtype(),
    };
    let x = super::copy::to_dtype(x, dtype)?;
    let one = super::factory::full_of(&[m as usize, n.min(1) as usize], Scalar::Int(1), dtype)?;
    let out = match n {
        0 | 1 => one,
        _ => {
            let wide = super::shape::expand(&unsqueeze(&x, -1)?, &[m, n - 1], false)?;
            super::join::cat(&[one, super::scan::cumprod(&wide, -1, None)?], -1)?
        }
    };
    match increasing {
        true => Ok(out),
        false => super::rearrange::flip(&out, &[1]),
    }
}

fn vecdot_body(x: &Tensor, y: &Tensor, dim: i64) -> Result<Tensor> {
    super::linalg::check_float("linalg.vecdot", x, false)?;
    ensure!(
        x.dtype() == y.dtype(),
        Runtime,
        "linalg.vecdot: Expected x and y to have the same dtype, but found x of type {} and y of type {} instead",
        x.dtype().scalar_type_name(),
        y.dtype().scalar_type_name()
    );
    let product = mul(&super::matmul::conj(x)?, y)?;
    super::reduce::sum_dims(&product, Some(&[dim]), false, None)
}

fn linalg_diagonal_body(a: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
    super::dims::diagonal(a, offset, dim1, dim2)
}

fn linalg_matmul_body(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    super::contract::matmul(a, b)
}

fn linalg_cross_body(x: &Tensor, y: &Tensor, dim: i64) -> Result<Tensor> {
    ensure!(
        x.dim() == y.dim(),
        Runtime,
        "linalg.cross: inputs must have the same number of dimensions."
    );
    let d = x.wrap_dim(dim)?;
    let sizes = |t: &Tensor| t.shape().get(d).copied().unwrap_or(1);
    ensure!(
        sizes(x) == 3 && sizes(y) == 3,
        Runtime,
        "linalg.cross: inputs dimension {dim} must have length 3. Got {} and {}",
        sizes(x),
        sizes(y)
    );
    let d = d as i64 - x.dim() as i64;
    // Component i is x_(i+1) y_(i+2) - x_(i+2) y_(i+1).
    let turned = |t: &Tensor, k: i64| super::rearrange::roll(t, &[-k], &[d]);
    let (a, b) = (
        mul(&turned(x, 1)?, &turned(y, 2)?)?,
        mul(&turned(x, 2)?, &turned(y, 1)?)?,
    );
    sub(&a, &b, Scalar::Int(1))
}

fn cross_body(x: &Tensor, y: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    if let Some(d) = dim {
        return linalg_cross(x, y, d);
    }
    let Some(d) = x.shape().iter().position(|n| *n == 3) else {
        bail!(Runtime, "no dimension of size 3 in input");
    };
    linalg_cross(x, y, d as i64)
}
