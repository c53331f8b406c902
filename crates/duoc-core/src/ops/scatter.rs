//! One index per element along a dimension: `gather`, `scatter` and their kin.

use super::index::{apart, dense, fresh, long, out_of_bounds};
use crate::autograd::node::Recorder;
use crate::autograd::record::{check_inplace, record_inplace};
use crate::autograd::{Ctx, Grads};
use crate::iter::{Dest, assert_no_internal_overlap, elementwise};
use crate::layout::{Dims, broadcast};
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, ensure, err, ops};
use duoc_kernels::index::{self as kernels, BadIndex, Combine, Index};
use duoc_kernels::pointwise::{Binary, Params};
use smallvec::{SmallVec, smallvec};

ops! {
    /// `out[i][j][k] = self[i][index[i][j][k]][k]` for `dim` 1. `sparse_grad` is accepted and ignored.
    "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor" [function, method, out]
    pub fn gather(x: &Tensor, dim: i64, index: &Tensor, sparse_grad: bool) -> Tensor = gather_body;

    /// `self` gathered along a dimension with broadcasting of the others; of the flattened tensor without `dim`.
    "take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor" [function, method, out]
    pub fn take_along_dim(x: &Tensor, indices: &Tensor, dim: Option<i64>) -> Tensor = take_along_dim_body;

    /// A copy of `self` with `out[i][index[i][j][k]][k] = src[i][j][k]` for `dim` 1.
    "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor" [function, method, out]
    pub fn scatter(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Tensor = scatter_body;

    /// A copy of `self` with a number written to the indexed places.
    "scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor" [function, method, out]
    pub fn scatter_value(x: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Tensor = scatter_value_body;

    /// As `scatter.src`, adding to (`add`) or multiplying (`multiply`) what is there.
    "scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor" [function, method, inplace, out]
    pub fn scatter_with(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor, reduce: &str) -> Tensor = scatter_with_body;

    /// As `scatter.reduce` with a number.
    "scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor" [function, method, inplace, out]
    pub fn scatter_value_with(x: &Tensor, dim: i64, index: &Tensor, value: Scalar, reduce: &str) -> Tensor = scatter_value_with_body;

    /// `self[i][index[i][j][k]][k] = src[i][j][k]` for `dim` 1, in place and in order.
    "scatter_.src(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)" [method]
    pub fn scatter_(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Tensor = scatter_inplace;

    /// Writes a number to the indexed places, in place.
    "scatter_.value(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)" [method]
    pub fn scatter_value_(x: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Tensor = scatter_value_inplace;

    /// A copy of `self` with `src[i][j][k]` added at `[i][index[i][j][k]][k]` for `dim` 1.
    "scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor" [function, method, out]
    pub fn scatter_add(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Tensor = scatter_add_body;

    /// Adds `src` to the indexed places, in place and in order.
    "scatter_add_(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)" [method]
    pub fn scatter_add_(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Tensor = scatter_add_inplace;

    /// Reduces `src` into the indexed places by `sum`, `prod`, `mean`, `amax` or `amin`; with `include_self` the old
    /// elements take part.
    "scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor" [function, method, inplace, out]
    pub fn scatter_reduce(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor, reduce: &str, include_self: bool) -> Tensor = scatter_reduce_body;

    /// As `scatter_reduce.two` with whole slices: slice `source[i]` is reduced into slice `index[i]` by `prod`, `mean`,
    /// `amax` or `amin`.
    "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor" [function, method, inplace, out]
    pub fn index_reduce(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, reduce: &str, include_self: bool) -> Tensor = index_reduce_body;
}

/// Sizes and byte strides, a number being a vector of one.
fn geometry(t: &Tensor) -> (Dims, SmallVec<[isize; 5]>) {
    if t.dim() == 0 {
        return (smallvec![1], smallvec![t.dtype().size() as isize]);
    }
    let size = t.dtype().size() as isize;
    (t.shape().into(), t.strides().iter().map(|s| s * size).collect())
}

fn check_index(op: &str, index: &Tensor) -> Result<()> {
    ensure!(
        matches!(index.dtype(), DType::I64 | DType::I32) || index.numel() == 0,
        Runtime,
        "{op}(): Expected dtype int32/int64 for index"
    );
    Ok(())
}

/// The message of [`out_of_bounds`] with the class that these ops raise.
fn bad_index(b: BadIndex, dim: usize) -> crate::Error {
    err!(Runtime, "{}", out_of_bounds(b, dim).message())
}

fn gather_body(x: &Tensor, dim: i64, index: &Tensor, _sparse_grad: bool) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_index("gather", index)?;
    let out = Tensor::uninit(index.shape(), x.dtype())?;
    if index.numel() > 0 {
        ensure!(
            x.dim().max(1) == index.dim().max(1),
            Runtime,
            "Index tensor must have the same number of dimensions as input tensor"
        );
        ensure!(x.dim() <= 64, Runtime, "only tensors with up to 64 dims are supported");
        let ((sizes, strides), (shape, _)) = (geometry(x), geometry(index));
        ensure!(
            (0..sizes.len()).all(|k| k == d || shape[k] <= sizes[k]),
            Runtime,
            "Size does not match at dimension {} expected index {:?} to be no larger than self {:?} apart from dimension {d}",
            (0..sizes.len()).find(|k| *k != d && shape[*k] > sizes[*k]).unwrap_or(0),
            index.shape(),
            x.shape()
        );
        let places = long(index)?;
        access::access(
            [(&out, Mode::Init), (x, Mode::Read), (&places, Mode::Read)],
            |[out, from, places]| {
                let index = Index {
                    ptr: places.cast_const().cast(),
                    size: sizes[d],
                    stride: strides[d],
                };
                // SAFETY: the index is row-major and no larger than the input outside `dim`; the kernel checks the rest.
                unsafe { kernels::gather(out, from, &strides, index, &shape, d, x.dtype().size()) }
                    .map_err(|b| bad_index(b, d))
            },
        )?;
    }
    let shape: Dims = x.shape().into();
    out.record("GatherBackward0", [x], |r| {
        let index = r.keep(index);
        move |c: &Ctx, g: &Tensor| {
            let zeros = super::factory::zeros_of(&shape, g.dtype())?;
            scatter_add(&zeros, d as i64, &c.get(index)?, g)
        }
    })
}

fn take_along_dim_body(x: &Tensor, indices: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    ensure!(
        indices.dtype() == DType::I64,
        Runtime,
        "torch.take_along_dim(): dtype of indices should be Long but got {}",
        indices.dtype().scalar_type_name()
    );
    let Some(dim) = dim else {
        let row = super::view::reshape(x, &[-1])?;
        return gather(&row, 0, &super::view::reshape(indices, &[-1])?, false);
    };
    ensure!(
        x.dim() == indices.dim(),
        Runtime,
        "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, and {} dimensions for indices",
        x.dim(),
        indices.dim()
    );
    let d = x.wrap_dim(dim)?;
    let with = |own: &[usize], other: &[usize]| -> Result<Vec<i64>> {
        let mut shape: Dims = own.into();
        if let (Some(a), Some(b)) = (shape.get_mut(d), other.get(d)) {
            *a = *b;
        }
        Ok(super::view::ints(&broadcast(&shape, other)?).to_vec())
    };
    // Indices count modulo the size, as PyTorch takes them.
    let indices = &match x.shape().get(d) {
        Some(n) if *n > 0 => {
            let n = Tensor::scalar(*n as i64, DType::I64)?;
            let (op, params) = (Binary::Remainder, Params::default());
            super::pointwise::binary_row(op, "remainder", indices, &n, DType::I64, Dest::New, &params)?
        }
        _ => indices.clone(),
    };
    let index = super::shape::expand(indices, &with(x.shape(), indices.shape())?, false)?;
    let x = super::shape::expand(x, &with(indices.shape(), x.shape())?, false)?;
    gather(&x, d as i64, &index, false)
}

/// Checks the shapes of a scatter as PyTorch does.
fn check_scatter(x: &Tensor, d: usize, index: &Tensor, src: Option<&Tensor>) -> Result<()> {
    check_index("scatter", index)?;
    if let Some(src) = src {
        ensure!(
            x.dtype() == src.dtype(),
            Runtime,
            "scatter(): Expected self.dtype to be equal to src.dtype"
        );
    }
    if index.numel() == 0 {
        return Ok(());
    }
    ensure!(
        x.dim().max(1) == index.dim().max(1),
        Runtime,
        "Index tensor must have the same number of dimensions as self tensor"
    );
    let ((sizes, _), (shape, _)) = (geometry(x), geometry(index));
    let inside = (0..sizes.len()).all(|k| k == d || shape[k] <= sizes[k]);
    let Some(src) = src else {
        ensure!(
            inside,
            Runtime,
            "Expected index {:?} to be no larger than self {:?} apart from dimension {d}",
            index.shape(),
            x.shape()
        );
        return Ok(());
    };
    ensure!(
        src.dim().max(1) == index.dim().max(1),
        Runtime,
        "Index tensor must have the same number of dimensions as src tensor"
    );
    let (have, _) = geometry(src);
    ensure!(
        inside && shape.iter().zip(&have).all(|(i, s)| i <= s),
        Runtime,
        "Expected index {:?} to be no larger than self {:?} apart from dimension {d} and to be no larger size than src {:?}",
        index.shape(),
        x.shape(),
        src.shape()
    );
    Ok(())
}

/// `x[.., index, ..] op= src`; `src` may be one number.
fn scatter_into(x: &Tensor, mode: Mode, op: Combine, d: usize, index: &Tensor, src: &Tensor) -> Result<()> {
    if index.numel() == 0 {
        return Ok(());
    }
    // Sums and products of 16-bit floats are kept in float32 until the end.
    if x.dtype().is_half() && matches!(op, Combine::Add | Combine::Mul) {
        let wide = dense(&super::pointwise::converted(x, DType::F32)?)?;
        let src = super::pointwise::converted(src, DType::F32)?;
        scatter_into(&wide, Mode::Init, op, d, index, &src)?;
        return super::copy::copy_data(x, &wide);
    }
    let (places, src) = (long(&apart(index, x)?)?, apart(src, x)?);
    let ((sizes, strides), (shape, _)) = (geometry(x), geometry(&places));
    let src_strides: SmallVec<[isize; 5]> = if src.numel() == 1 && src.dim() == 0 {
        smallvec![0; shape.len()]
    } else {
        geometry(&src).1
    };
    let known = access::access(
        [(x, mode), (&src, Mode::Read), (&places, Mode::Read)],
        |[to, from, places]| {
            let index = Index {
                ptr: places.cast_const().cast(),
                size: sizes[d],
                stride: strides[d],
            };
            // SAFETY: the shapes have been checked; the kernel checks the indices before it writes.
            unsafe { kernels::scatter(op, x.dtype(), to, &strides, index, &shape, d, from, &src_strides) }
                .map_err(|b| bad_index(b, d))
        },
    )?;
    ensure!(
        known,
        NotImplemented,
        "\"scatter\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    Ok(())
}

/// Gradients of `scatter`: the overwritten places get none.
fn scatter_grads(r: &mut Recorder, d: usize, index: &Tensor) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let index = r.keep(index);
    move |c, g| {
        let index = c.get(index)?;
        let own = if c.needs(0) {
            Some(scatter_value(g, d as i64, &index, Scalar::Int(0))?)
        } else {
            None
        };
        let src = if c.needs(1) {
            Some(gather(g, d as i64, &index, false)?)
        } else {
            None
        };
        Ok(smallvec![own, src])
    }
}

/// The gradient of `src` in its own shape: `index` may be smaller than it.
fn widen(g: Option<Tensor>, shape: &[usize]) -> Result<Option<Tensor>> {
    let Some(g) = g else { return Ok(None) };
    if g.shape() == shape {
        return Ok(Some(g));
    }
    if g.dim() != shape.len() {
        return super::view::reshape(&g, &super::view::ints(shape)).map(Some);
    }
    let out = super::factory::zeros_of(shape, g.dtype())?;
    let mut part = out.clone();
    for (k, n) in g.shape().iter().enumerate() {
        part = super::view::narrow(&part, k as i64, 0, *n as i64)?;
    }
    super::copy::copy_(&part, &g)?;
    Ok(Some(out))
}

fn scatter_src_grads(
    r: &mut Recorder,
    d: usize,
    index: &Tensor,
    src: &Tensor,
) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let f = scatter_grads(r, d, index);
    let shape: Dims = src.shape().into();
    move |c, g| {
        let mut grads = f(c, g)?;
        grads[1] = widen(grads[1].take(), &shape)?;
        Ok(grads)
    }
}

fn scatter_body(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_scatter(x, d, index, Some(src))?;
    let out = fresh(x)?;
    scatter_into(&out, Mode::Init, Combine::Set, d, index, src)?;
    out.record("ScatterBackward0", [x, src], |r| scatter_src_grads(r, d, index, src))
}

/// A fill value as a 0-d tensor of the dtype of `x`.
fn value_of(x: &Tensor, value: Scalar) -> Result<Tensor> {
    Tensor::scalar(value, x.dtype())
}

fn scatter_value_body(x: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_scatter(x, d, index, None)?;
    let value = value_of(x, value)?;
    let out = fresh(x)?;
    scatter_into(&out, Mode::Init, Combine::Set, d, index, &value)?;
    out.record("ScatterBackward1", [x], |r| scatter_grads(r, d, index))
}

fn scatter_inplace(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_scatter(x, d, index, Some(src))?;
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    scatter_into(x, Mode::Write, Combine::Set, d, index, src)?;
    record_inplace(x, "ScatterBackward0", &[Some(x), Some(src)], |r| {
        scatter_src_grads(r, d, index, src)
    })?;
    Ok(x.clone())
}

fn scatter_value_inplace(x: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_scatter(x, d, index, None)?;
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    scatter_into(x, Mode::Write, Combine::Set, d, index, &value_of(x, value)?)?;
    record_inplace(x, "ScatterBackward1", &[Some(x)], |r| scatter_grads(r, d, index))?;
    Ok(x.clone())
}

fn scatter_with_body(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor, reduce: &str) -> Result<Tensor> {
    match reduce {
        "add" => scatter_add(x, dim, index, src),
        "multiply" => scatter_reduce(x, dim, index, src, "prod", true),
        _ => bail!(Runtime, "reduce argument must be either add or multiply."),
    }
}

fn scatter_value_with_body(x: &Tensor, dim: i64, index: &Tensor, value: Scalar, reduce: &str) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_scatter(x, d, index, None)?;
    let src = super::shape::expand(&value_of(x, value)?, &super::view::ints(index.shape()), false)?;
    scatter_with(x, dim, index, &src, reduce)
}

fn scatter_add_grads(
    r: &mut Recorder,
    d: usize,
    index: &Tensor,
    src: &Tensor,
) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let index = r.keep(index);
    let shape: Dims = src.shape().into();
    move |c, g| {
        let src = if c.needs(1) {
            widen(Some(gather(g, d as i64, &c.get(index)?, false)?), &shape)?
        } else {
            None
        };
        Ok(smallvec![c.needs(0).then(|| g.clone()), src])
    }
}

fn scatter_add_body(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_scatter(x, d, index, Some(src))?;
    let out = fresh(x)?;
    scatter_into(&out, Mode::Init, Combine::Add, d, index, src)?;
    out.record("ScatterAddBackward0", [x, src], |r| scatter_add_grads(r, d, index, src))
}

fn scatter_add_inplace(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_scatter(x, d, index, Some(src))?;
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    scatter_into(x, Mode::Write, Combine::Add, d, index, src)?;
    record_inplace(x, "ScatterAddBackward0", &[Some(x), Some(src)], |r| {
        scatter_add_grads(r, d, index, src)
    })?;
    Ok(x.clone())
}

/// The reductions of `scatter_reduce`.
#[derive(Clone, Copy, PartialEq)]
enum Reduction {
    Sum,
    Prod,
    Mean,
    Max,
    Min,
}

impl Reduction {
    fn parse(name: &str) -> Result<Reduction> {
        Ok(match name {
            "sum" => Reduction::Sum,
            "prod" => Reduction::Prod,
            "mean" => Reduction::Mean,
            "amax" => Reduction::Max,
            "amin" => Reduction::Min,
            _ => bail!(
                Runtime,
                "reduce argument must be either sum, prod, mean, amax or amin, got {name}"
            ),
        })
    }

    fn combine(self) -> Combine {
        match self {
            Reduction::Sum | Reduction::Mean => Combine::Add,
            Reduction::Prod => Combine::Mul,
            Reduction::Max => Combine::Max,
            Reduction::Min => Combine::Min,
        }
    }

    /// The value that changes nothing.
    fn identity(self, dtype: DType) -> Scalar {
        let bits = 8 * dtype.size() as u32;
        match self {
            Reduction::Sum | Reduction::Mean => Scalar::Int(0),
            Reduction::Prod => Scalar::Int(1),
            Reduction::Max if dtype.is_float() => Scalar::Float(f64::NEG_INFINITY),
            Reduction::Min if dtype.is_float() => Scalar::Float(f64::INFINITY),
            Reduction::Max if dtype.is_signed() => Scalar::Int(i64::MIN >> (64 - bits)),
            Reduction::Min if dtype.is_signed() => Scalar::Int(i64::MAX >> (64 - bits)),
            Reduction::Max => Scalar::Int(0),
            Reduction::Min if dtype == DType::Bool => Scalar::Bool(true),
            Reduction::Min => Scalar::UInt(u64::MAX >> (64 - bits)),
        }
    }
}

fn scatter_reduce_body(
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    src: &Tensor,
    reduce: &str,
    include_self: bool,
) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    let how = Reduction::parse(reduce)?;
    check_scatter(x, d, index, Some(src))?;
    let out = reduced(x, d, index, src, how, include_self)?;
    out.record("ScatterReduceBackward0", [x, src], |r| {
        let (own, theirs, index, result) = (r.save(x), r.save(src), r.keep(index), r.save_output(0));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let (x, src, index, result) = (c.get(own)?, c.get(theirs)?, c.get(index)?, c.get(result)?);
            reduce_grads(
                c,
                g,
                &Reduced {
                    how,
                    d,
                    include_self,
                    x,
                    src,
                    index,
                    result,
                },
            )
        }
    })
}

/// The result of `scatter_reduce`, outside the graph.
fn reduced(x: &Tensor, d: usize, index: &Tensor, src: &Tensor, how: Reduction, include_self: bool) -> Result<Tensor> {
    use super::pointwise::converted;
    if x.dtype().is_half() {
        let (wide, src) = (converted(x, DType::F32)?, converted(src, DType::F32)?);
        return converted(&reduced(&wide, d, index, &src, how, include_self)?, x.dtype());
    }
    let out = fresh(x)?;
    if !include_self {
        let identity = value_of(x, how.identity(x.dtype()))?;
        scatter_into(&out, Mode::Init, Combine::Set, d, index, &identity)?;
    }
    scatter_into(&out, Mode::Init, how.combine(), d, index, src)?;
    if how == Reduction::Mean {
        divide_into(&out, &counts(x, d, index, include_self)?)?;
    }
    Ok(out)
}

/// How many values met at each place, at least 1, in the dtype of `x`.
fn counts(x: &Tensor, d: usize, index: &Tensor, include_self: bool) -> Result<Tensor> {
    let n = super::factory::full_of(x.shape(), Scalar::Int(include_self as i64), x.dtype())?;
    scatter_into(&n, Mode::Init, Combine::Add, d, index, &value_of(x, Scalar::Int(1))?)?;
    let none = elementwise_equal(&n, &value_of(x, Scalar::Int(0))?)?;
    super::mask::masked_fill(&n, &none, Scalar::Int(1))
}

/// `x /= n`: true division of floats, floor division of integers.
fn divide_into(x: &Tensor, n: &Tensor) -> Result<()> {
    let op = if x.dtype().is_differentiable() {
        Binary::Div
    } else {
        Binary::DivFloor
    };
    super::pointwise::binary_row(op, "div", x, n, x.dtype(), Dest::Into(x), &Params::default()).map(drop)
}

/// Which elements are equal, outside the graph.
fn elementwise_equal(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    use duoc_kernels::pointwise::{Compare, compare};
    let Some(kernel) = compare(Compare::Eq, a.dtype()) else {
        bail!(
            NotImplemented,
            "\"eq\" not implemented for '{}'",
            a.dtype().scalar_type_name()
        )
    };
    elementwise(Dest::New, DType::Bool, &[a, b], kernel, std::ptr::null(), 1)
}

/// What the gradient of `scatter_reduce` needs.
struct Reduced {
    how: Reduction,
    d: usize,
    include_self: bool,
    x: Tensor,
    src: Tensor,
    index: Tensor,
    result: Tensor,
}

/// The formulas of PyTorch's `scatter_reduce_backward`.
fn reduce_grads(c: &Ctx, g: &Tensor, r: &Reduced) -> Result<Grads> {
    use super::arith::{div, mul};
    let (d, index) = (r.d as i64, &r.index);
    let part = |g: &Tensor| gather(g, d, index, false);
    // Only the elements of `src` that the index names take part.
    let mut used = r.src.clone();
    if used.dim() == index.dim() {
        for (k, n) in index.shape().iter().enumerate() {
            used = super::view::narrow(&used, k as i64, 0, *n as i64)?;
        }
    }
    let (mut own, theirs) = match r.how {
        Reduction::Sum => (g.clone(), part(g)?),
        Reduction::Mean => {
            let n = counts(&r.x.detach(), r.d, index, r.include_self)?;
            let share = div(g, &n)?;
            let theirs = part(&share)?;
            (share, theirs)
        }
        Reduction::Max | Reduction::Min => {
            let value = part(&r.result)?;
            let mine = super::copy::to_dtype(&elementwise_equal(&r.x, &r.result)?, g.dtype())?;
            let theirs = super::copy::to_dtype(&elementwise_equal(&used, &value)?, g.dtype())?;
            let n = scatter_add(&mine, d, index, &theirs)?;
            let none = elementwise_equal(&n, &value_of(&n, Scalar::Int(0))?)?;
            let share = div(g, &super::mask::masked_fill(&n, &none, Scalar::Int(1))?)?;
            let theirs = mul(&theirs, &part(&share)?)?;
            (mul(&mine, &share)?, theirs)
        }
        Reduction::Prod => product_grads(g, r, &used)?,
    };
    if !r.include_self {
        own = scatter_value(&own, d, index, Scalar::Int(0))?;
    }
    let theirs = if c.needs(1) {
        widen(Some(theirs), r.src.shape())?
    } else {
        None
    };
    Ok(smallvec![c.needs(0).then_some(own), theirs])
}

/// Products: the result divided by the factor, with zeros taken out first so that nothing is divided by them.
fn product_grads(g: &Tensor, r: &Reduced, src: &Tensor) -> Result<(Tensor, Tensor)> {
    use super::arith::{div, mul};
    use super::mask::masked_fill;
    let (d, index) = (r.d as i64, &r.index);
    let zero_like = |t: &Tensor| value_of(t, Scalar::Int(0));
    let x_zero = elementwise_equal(&r.x, &zero_like(&r.x)?)?;
    let x = masked_fill(&r.x, &x_zero, Scalar::Int(1))?;
    let without = scatter_reduce(&x, d, index, src, "prod", r.include_self)?;
    let own = div(&mul(g, &without)?, &x)?;
    let zero = elementwise_equal(src, &zero_like(src)?)?;
    let ones = super::copy::to_dtype(&zero, g.dtype())?;
    let zeros = super::factory::zeros_of(r.x.shape(), g.dtype())?;
    let met = gather(&scatter_add(&zeros, d, index, &ones)?, d, index, false)?;
    let one = value_of(&met, Scalar::Int(1))?;
    // A single zero among the factors: its gradient is the product of the others.
    let alone = mul(
        &ones,
        &super::copy::to_dtype(&elementwise_equal(&met, &one)?, g.dtype())?,
    )?;
    let single = super::copy::to_dtype(&alone, DType::Bool)?;
    let rest = scatter_reduce(
        &r.x,
        d,
        index,
        &masked_fill(src, &single, Scalar::Int(1))?,
        "prod",
        r.include_self,
    )?;
    let of_single = mul(&gather(&mul(g, &rest)?, d, index, false)?, &alone)?;
    let others = div(
        &gather(&mul(g, &r.result)?, d, index, false)?,
        &masked_fill(src, &zero, Scalar::Int(1))?,
    )?;
    let others = masked_fill(&others, &zero, Scalar::Int(0))?;
    Ok((own, super::arith::add(&of_single, &others, Scalar::Int(1))?))
}

fn index_reduce_body(
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    source: &Tensor,
    reduce: &str,
    include_self: bool,
) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    ensure!(
        matches!(reduce, "prod" | "mean" | "amax" | "amin"),
        Runtime,
        "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
    );
    ensure!(
        index.dim() <= 1,
        Index,
        "index_reduce_(): Index is supposed to be a vector"
    );
    let along = source.shape().get(d).copied().unwrap_or(1);
    ensure!(
        index.numel() == along && source.dim() == x.dim(),
        Runtime,
        "index_reduce_(): Number of indices ({}) should be equal to source.size(dim): ({along}), for dim: {d}",
        index.numel()
    );
    let mut shape: SmallVec<[i64; 5]> = smallvec![1; source.dim()];
    if let Some(n) = shape.get_mut(d) {
        *n = index.numel() as i64;
    }
    let index = super::view::reshape(index, &shape)?;
    let index = super::shape::expand(&index, &super::view::ints(source.shape()), false)?;
    scatter_reduce(x, dim, &index, source, reduce, include_self)
}

impl Tensor {
    /// `out[i][j][k] = self[i][index[i][j][k]][k]` for `dim` 1.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let x = Tensor::from_slice(&[1i64, 2, 3, 4]).view(&[2, 2]);
    /// let index = Tensor::from_slice(&[1i64, 0]).view(&[2, 1]);
    /// assert_eq!(x.gather(1, &index).to_vec::<i64>(), [2, 3]);
    /// ```
    #[track_caller]
    pub fn gather(&self, dim: i64, index: &Tensor) -> Tensor {
        gather(self, dim, index, false).or_throw()
    }

    /// A copy with `src` written to the indexed places.
    #[track_caller]
    pub fn scatter(&self, dim: i64, index: &Tensor, src: &Tensor) -> Tensor {
        scatter(self, dim, index, src).or_throw()
    }

    /// Writes `src` to the indexed places, in place.
    #[track_caller]
    pub fn scatter_(&self, dim: i64, index: &Tensor, src: &Tensor) -> &Tensor {
        scatter_(self, dim, index, src).or_throw();
        self
    }

    /// A copy with `src` added to the indexed places.
    #[track_caller]
    pub fn scatter_add(&self, dim: i64, index: &Tensor, src: &Tensor) -> Tensor {
        scatter_add(self, dim, index, src).or_throw()
    }

    /// Adds `src` to the indexed places, in place.
    #[track_caller]
    pub fn scatter_add_(&self, dim: i64, index: &Tensor, src: &Tensor) -> &Tensor {
        scatter_add_(self, dim, index, src).or_throw();
        self
    }

    /// A copy with `src` reduced into the indexed places; see [`scatter_reduce`].
    #[track_caller]
    pub fn scatter_reduce(&self, dim: i64, index: &Tensor, src: &Tensor, reduce: &str, include_self: bool) -> Tensor {
        scatter_reduce(self, dim, index, src, reduce, include_self).or_throw()
    }

    /// A copy with a number written to the indexed places.
    #[track_caller]
    pub fn scatter_value(&self, dim: i64, index: &Tensor, value: impl Into<Scalar>) -> Tensor {
        scatter_value(self, dim, index, value.into()).or_throw()
    }

    /// Gathered along a dimension with broadcasting of the others.
    #[track_caller]
    pub fn take_along_dim(&self, indices: &Tensor, dim: Option<i64>) -> Tensor {
        take_along_dim(self, indices, dim).or_throw()
    }
}
