//! Contractions made of the products in [`super::matmul`]: any ranks, linear maps, outer and inner products, chains.
//!
//! They record nothing themselves; which product they fold into follows PyTorch, so the graphs look alike.

use super::arith::{add, mul};
use super::matmul::{addmm, bmm, dot, mm, mv};
use super::shape::expand;
use super::view::{ints, permute, reshape, squeeze_dim, t, transpose, unsqueeze, view};
use crate::layout::{Dims, broadcast};
use crate::{OrThrow, Result, Scalar, Tensor, bail, ensure, ops};
use smallvec::SmallVec;

ops! {
    /// The matrix product over the last two dimensions, the others broadcast. A vector on the left is a row, on the
    /// right a column, and that dimension is gone from the result; two vectors give their inner product.
    "matmul(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn matmul(a: &Tensor, b: &Tensor) -> Tensor = matmul_body;

    /// `input @ weight.T + bias`.
    "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor" []
    pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor = linear_body;

    /// The products of all pairs of elements of two vectors: `out[i, j] = self[i] * vec2[j]`.
    "outer(Tensor self, Tensor vec2) -> Tensor" [function, method, out] alias ["ger"]
    pub fn outer(x: &Tensor, y: &Tensor) -> Tensor = outer_body;

    /// The sum of products over the last dimension of both tensors; with a number, the plain product.
    "inner(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn inner(x: &Tensor, y: &Tensor) -> Tensor = inner_body;

    /// The sum of products over pairs of dimensions: the remaining ones of `self`, then those of `other`, stay.
    "tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor" []
    pub fn tensordot(x: &Tensor, y: &Tensor, dims_self: &[i64], dims_other: &[i64]) -> Tensor = tensordot_body;

    /// The product of several matrices in the order that takes the fewest operations; the first and the last may be
    /// vectors.
    "linalg_multi_dot(Tensor[] tensors) -> Tensor" [function, out]
    pub fn multi_dot(tensors: &[Tensor]) -> Tensor = multi_dot_body;

    /// The product of several matrices: see [`multi_dot`].
    "chain_matmul(Tensor[] matrices) -> Tensor" []
    pub fn chain_matmul(matrices: &[Tensor]) -> Tensor = chain_matmul_body;
}

/// A fresh result with another shape, recorded as PyTorch's `_unsafe_view`: not a view in autograd's sense.
pub(crate) fn unsafe_view(x: Tensor, shape: &[usize]) -> Result<Tensor> {
    let Some(layout) = x.layout().view(shape) else {
        bail!(
            Runtime,
            "_unsafe_view: a result of shape {:?} cannot be seen as {shape:?}",
            x.shape()
        );
    };
    let old: Dims = x.shape().into();
    x.alias_with(layout).record("UnsafeViewBackward0", [&x], move |_| {
        move |_: &_, g: &Tensor| reshape(g, &ints(&old))
    })
}

fn matmul_body(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    match (a.dim(), b.dim()) {
        (0, _) | (_, 0) => bail!(
            Runtime,
            "both arguments to matmul need to be at least 1D, but they are {}D and {}D",
            a.dim(),
            b.dim()
        ),
        (1, 1) => dot(a, b),
        (2, 1) => mv(a, b),
        (1, 2) => squeeze_dim(&mm(&unsqueeze(a, 0)?, b)?, 0),
        (2, 2) => mm(a, b),
        _ if folds(a, b)? => folded(a, b),
        _ => batched(a, b),
    }
}

/// Whether the larger tensor is to be seen as one tall matrix: where that costs no copy, or where broadcasting the
/// smaller one would cost more in its gradient (PyTorch's `should_fold`).
fn folds(a: &Tensor, b: &Tensor) -> Result<bool> {
    let a_larger = a.dim() >= b.dim();
    let (large, small) = if a_larger { (a, b) } else { (b, a) };
    if large.dim() < 3 || small.dim() > 2 {
        return Ok(false);
    }
    if small.requires_grad() && crate::autograd::is_grad_enabled() {
        return Ok(true);
    }
    if a.dim() == 2 {
        return Ok(false);
    }
    if large.numel() == 0 {
        return Ok(true);
    }
    let rank = large.dim();
    let (mut shape, mut strides): (Dims, crate::layout::Strides) = (large.shape().into(), large.strides().into());
    if !a_larger {
        shape.swap(rank - 1, rank - 2);
        strides.swap(rank - 1, rank - 2);
    }
    Ok((0..rank - 2).all(|d| strides[d] == strides[d + 1].saturating_mul(shape[d + 1] as isize)))
}

fn folded(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let a_larger = a.dim() >= b.dim();
    let large = if a_larger { a.clone() } else { transpose(b, -1, -2)? };
    let small = match (a_larger, a.dim()) {
        (true, _) => b.clone(),
        (false, 2) => t(a)?,
        _ => a.clone(),
    };
    let last = large.dim() - 1;
    let mut shape: Dims = large.shape()[..last].into();
    let rows = crate::layout::checked_numel(&shape, 1)?;
    let tall = reshape(&large, &[rows as i64, large.shape()[last] as i64])?;
    if small.dim() == 1 {
        return unsafe_view(mv(&tall, &small)?, &shape);
    }
    shape.push(small.shape()[1]);
    let out = unsafe_view(mm(&tall, &small)?, &shape)?;
    if a_larger {
        Ok(out)
    } else {
        super::copy::contiguous(&transpose(&out, -1, -2)?, None)
    }
}

fn batched(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (da, db) = (a.dim(), b.dim());
    let n = if da > 1 { a.shape()[da - 2] } else { 1 };
    let m = a.shape()[da - 1];
    let m2 = if db > 1 { b.shape()[db - 2] } else { b.shape()[0] };
    let p = if db > 1 { b.shape()[db - 1] } else { 1 };
    let (batch_a, batch_b) = (&a.shape()[..da.saturating_sub(2)], &b.shape()[..db.saturating_sub(2)]);
    if da == 3 && db == 3 && batch_a[0] != batch_b[0] && crate::autograd::is_grad_enabled() {
        // One matrix for many: fold, for the reason given at `folds`.
        if batch_a[0] == 1 && a.requires_grad() {
            return matmul(&squeeze_dim(a, 0)?, b);
        }
        if batch_b[0] == 1 && b.requires_grad() {
            return matmul(a, &squeeze_dim(b, 0)?);
        }
    }
    let mut shape = broadcast(batch_a, batch_b)?;
    let count = crate::layout::checked_numel(&shape, 1)?;
    let flat = |x: &Tensor, tail: &[usize]| -> Result<Tensor> {
        let mut wide: SmallVec<[i64; 5]> = ints(&shape);
        wide.extend(tail.iter().map(|n| *n as i64));
        let mut narrow: SmallVec<[i64; 4]> = smallvec::smallvec![count as i64];
        narrow.extend(tail.iter().map(|n| *n as i64));
        reshape(&expand(x, &wide, false)?, &narrow)
    };
    let left = flat(a, &[n, m])?;
    let right = if db == 1 {
        unsqueeze(&flat(b, &[m2])?, 2)?
    } else {
        flat(b, &[m2, p])?
    };
    let mut out = bmm(&left, &right)?;
    if da > 1 {
        shape.push(n);
    }
    if db > 1 {
        shape.push(p);
    } else {
        out = squeeze_dim(&out, -1)?;
    }
    unsafe_view(out, &shape)
}

fn linear_body(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    ensure!(
        x.dim() != 0 && weight.dim() != 0,
        Runtime,
        "both arguments to linear need to be at least 1D, but they are {}D and {}D",
        x.dim(),
        weight.dim()
    );
    let Some(bias) = bias else {
        return matmul(x, &t(weight)?);
    };
    let one = Scalar::Int(1);
    if x.dim() == 2 {
        return addmm(bias, x, &t(weight)?, one, one);
    }
    if bias.dim() == 1 || x.is_contiguous() && x.dim() == 3 {
        let last = x.dim() - 1;
        let mut shape: Dims = x.shape()[..last].into();
        let rows = crate::layout::checked_numel(&shape, 1)?;
        let flat = reshape(x, &[rows as i64, x.shape()[last] as i64])?;
        let out = addmm(bias, &flat, &t(weight)?, one, one)?;
        shape.push(out.shape()[1]);
        return unsafe_view(out, &shape);
    }
    add(&matmul(x, &t(weight)?)?, bias, one)
}

fn outer_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dim() == 1,
        Runtime,
        "outer: Expected 1-D argument self, but got {}-D",
        x.dim()
    );
    ensure!(
        y.dim() == 1,
        Runtime,
        "outer: Expected 1-D argument vec2, but got {}-D",
        y.dim()
    );
    mul(&reshape(x, &[x.numel() as i64, 1])?, y)
}

fn inner_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (Some(n), Some(m)) = (x.shape().last(), y.shape().last()) else {
        return mul(x, y);
    };
    ensure!(
        n == m,
        Runtime,
        "inner() the last dimension must match on both input tensors but got shapes {:?} and {:?}",
        x.shape(),
        y.shape()
    );
    tensordot(x, y, &[-1], &[-1])
}

fn tensordot_body(x: &Tensor, y: &Tensor, dims_x: &[i64], dims_y: &[i64]) -> Result<Tensor> {
    ensure!(
        dims_x.len() == dims_y.len(),
        Runtime,
        "both dimension lists should have same length"
    );
    ensure!(x.dtype() == y.dtype(), Runtime, "both inputs should have same dtype");
    let contracted = |t: &Tensor, dims: &[i64]| -> Result<Vec<usize>> {
        if let (0, Some(d)) = (t.dim(), dims.first()) {
            bail!(Index, "Dimension specified as {d} but tensor has no dimensions");
        }
        let dims: Vec<usize> = dims.iter().map(|d| t.wrap_dim(*d)).collect::<Result<_>>()?;
        for (i, d) in dims.iter().enumerate() {
            ensure!(
                !dims[..i].contains(d),
                Runtime,
                "dim {d} appears multiple times in the list of dims"
            );
        }
        Ok(dims)
    };
    let (cx, cy) = (contracted(x, dims_x)?, contracted(y, dims_y)?);
    let (mut x, mut y) = (x.clone(), y.clone());
    let mut contracted_size = 1usize;
    for (i, (dx, dy)) in cx.iter().zip(&cy).enumerate() {
        let (n, m) = (x.shape()[*dx], y.shape()[*dy]);
        if m == 1 {
            x = sum_keeping(&x, *dx)?;
        } else if n == 1 {
            y = sum_keeping(&y, *dy)?;
        } else {
            ensure!(
                n == m,
                Runtime,
                "contracted dimensions need to match, but first has size {n} in dim {} and second has size {m} in dim {}",
                dims_x[i],
                dims_y[i]
            );
            contracted_size = contracted_size.saturating_mul(n);
        }
    }
    let free = |t: &Tensor, c: &[usize]| -> Vec<usize> { (0..t.dim()).filter(|d| !c.contains(d)).collect() };
    let (fx, fy) = (free(&x, &cx), free(&y, &cy));
    let mut shape: SmallVec<[i64; 5]> = SmallVec::new();
    shape.extend(fx.iter().map(|d| x.shape()[*d] as i64));
    shape.extend(fy.iter().map(|d| y.shape()[*d] as i64));
    let size = |t: &Tensor, dims: &[usize]| -> i64 { dims.iter().map(|d| t.shape()[*d] as i64).product() };
    let order =
        |first: &[usize], second: &[usize]| -> Vec<i64> { first.iter().chain(second).map(|d| *d as i64).collect() };
    let left = reshape(
        &permute(&x, &order(&fx, &cx))?,
        &[size(&x, &fx), contracted_size as i64],
    )?;
    let right = reshape(
        &permute(&y, &order(&cy, &fy))?,
        &[contracted_size as i64, size(&y, &fy)],
    )?;
    reshape(&mm(&left, &right)?, &shape)
}

/// The sum over one dimension, which stays with size 1, in the tensor's own dtype.
pub(crate) fn sum_keeping(x: &Tensor, d: usize) -> Result<Tensor> {
    super::reduce::sum_dims(x, Some(&[d as i64]), true, Some(x.dtype()))
}

fn chain_matmul_body(matrices: &[Tensor]) -> Result<Tensor> {
    ensure!(
        !matrices.is_empty(),
        Runtime,
        "chain_matmul(): Expected one or more matrices"
    );
    for (i, x) in matrices.iter().enumerate() {
        ensure!(
            x.dim() == 2,
            Runtime,
            "Tensor dimension is {}, expected dimension 2 instead at position {i}",
            x.dim()
        );
    }
    if matrices.len() == 1 {
        Ok(matrices[0].clone())
    } else {
        multi_dot(matrices)
    }
}

fn multi_dot_body(tensors: &[Tensor]) -> Result<Tensor> {
    let n = tensors.len();
    ensure!(n >= 2, Runtime, "multi_dot(): expected at least 2 tensors but got {n}");
    let dtype = tensors[0].dtype();
    let mut shape: Dims = Dims::new();
    let mut matrices = tensors.to_vec();
    let first = tensors[0].dim();
    ensure!(
        first == 1 || first == 2,
        Runtime,
        "multi_dot(): the first tensor must be 1D or 2D but got {first}D"
    );
    let last = tensors[n - 1].dim();
    ensure!(
        last == 1 || last == 2,
        Runtime,
        "multi_dot(): the last tensor must be 1D or 2D but got {last}D"
    );
    if first == 1 {
        matrices[0] = unsqueeze(&tensors[0], 0)?;
    } else {
        shape.push(tensors[0].shape()[0]);
    }
    if last == 1 {
        matrices[n - 1] = unsqueeze(&tensors[n - 1], -1)?;
    } else {
        shape.push(tensors[n - 1].shape()[1]);
    }
    for (i, x) in tensors.iter().enumerate() {
        ensure!(
            i == 0 || i == n - 1 || x.dim() == 2,
            Runtime,
            "multi_dot(): tensor {i} must be 2D but got {}D",
            x.dim()
        );
        ensure!(
            x.dtype() == dtype,
            Runtime,
            "multi_dot(): all tensors must have be the same dtype but tensor 0 is {} and tensor {i} {}",
            dtype.scalar_type_name(),
            x.dtype().scalar_type_name()
        );
    }
    for (i, pair) in matrices.windows(2).enumerate() {
        ensure!(
            pair[0].shape()[1] == pair[1].shape()[0],
            Runtime,
            "multi_dot(): tensors {i} and {} with shapes {:?} and {:?} cannot be multiplied",
            i + 1,
            pair[0].shape(),
            pair[1].shape()
        );
    }
    let out = if n == 2 {
        mm(&matrices[0], &matrices[1])?
    } else {
        multiply(&matrices, &best_order(&matrices), 0, n - 1)?
    };
    view(&out, &ints(&shape))
}

/// `split[i][j]`: where the product of the matrices `i..=j` is best cut (Cormen et al., Introduction to Algorithms,
/// chapter 15.2). Costs are floating point numbers because sizes may be huge.
fn best_order(matrices: &[Tensor]) -> Vec<Vec<usize>> {
    let n = matrices.len();
    let mut sizes: Vec<f64> = matrices.iter().map(|m| m.shape()[0] as f64).collect();
    sizes.push(matrices[n - 1].shape()[1] as f64);
    let mut cost = vec![vec![0.0f64; n]; n];
    let mut split = vec![vec![0usize; n]; n];
    for length in 1..n {
        for i in 0..n - length {
            let j = i + length;
            cost[i][j] = f64::INFINITY;
            for k in i..j {
                let q = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
                if q < cost[i][j] {
                    cost[i][j] = q;
                    split[i][j] = k;
                }
            }
        }
    }
    split
}

/// The product of the matrices `i..=j`, by an explicit stack: a chain may be long and its best order lopsided.
fn multiply(matrices: &[Tensor], split: &[Vec<usize>], i: usize, j: usize) -> Result<Tensor> {
    enum Step {
        Make(usize, usize),
        Multiply,
    }
    let mut steps = vec![Step::Make(i, j)];
    let mut done: Vec<Tensor> = Vec::new();
    while let Some(step) = steps.pop() {
        match step {
            Step::Make(i, j) if i == j => done.push(matrices[i].clone()),
            Step::Make(i, j) => {
                let k = split[i][j];
                steps.push(Step::Multiply);
                steps.push(Step::Make(k + 1, j));
                steps.push(Step::Make(i, k));
            }
            Step::Multiply => {
                if let (Some(right), Some(left)) = (done.pop(), done.pop()) {
                    done.push(mm(&left, &right)?);
                }
            }
        }
    }
    done.pop()
        .ok_or_else(|| crate::err!(Runtime, "multi_dot(): nothing to multiply"))
}

impl Tensor {
    /// The matrix product, with broadcasting: see [`matmul`].
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        matmul(self, other).or_throw()
    }

    /// The products of all pairs of elements of two vectors: see [`outer`].
    #[track_caller]
    pub fn outer(&self, vec2: &Tensor) -> Tensor {
        outer(self, vec2).or_throw()
    }

    /// The sum of products over the last dimensions: see [`inner`].
    #[track_caller]
    pub fn inner(&self, other: &Tensor) -> Tensor {
        inner(self, other).or_throw()
    }
}
