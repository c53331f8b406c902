//! Reading and writing by index arrays: `index`, `index_put`, `index_select` and its kin.

use crate::autograd::node::{Recorder, Saved};
use crate::autograd::record::{check_inplace, record_inplace};
use crate::autograd::{Ctx, Grads};
use crate::iter::{Dest, assert_no_internal_overlap, elementwise};
use crate::layout::{Dims, broadcast};
use crate::storage::{Mode, access};
use crate::{DType, Error, MemoryFormat, OrThrow, Result, Scalar, Tensor, bail, ensure, err, ops};
use duoc_kernels::index::{BadIndex, Blocks, Combine, Index, put_blocks, take_blocks};
use smallvec::{SmallVec, smallvec};

ops! {
    /// `self[indices]`: index arrays (integers, or masks) for leading dimensions, None for a dimension that stays.
    /// The arrays broadcast; their common shape stands where the first of them did, or in front when they are apart.
    "index.Tensor(Tensor self, Tensor?[] indices) -> Tensor" []
    pub fn index_tensor(x: &Tensor, indices: &[Option<Tensor>]) -> Tensor = index_body;

    /// A copy of `self` with `self[indices] = values` (`+=` with `accumulate`).
    "index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor" [function, method]
    pub fn index_put(x: &Tensor, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Tensor = index_put_body;

    /// `self[indices] = values` (`+=` with `accumulate`), in place. Of several values for one place the last stays.
    "index_put_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor(a!)" [function, method]
    pub fn index_put_(x: &Tensor, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Tensor = index_put_inplace;

    /// The slices of dimension `dim` that a vector of indices names.
    "index_select(Tensor self, int dim, Tensor index) -> Tensor" [function, method, out]
    pub fn index_select(x: &Tensor, dim: i64, index: &Tensor) -> Tensor = index_select_body;

    /// A copy of `self` with `alpha * source[i]` added to slice `index[i]` of dimension `dim`.
    "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor" [function, method, out]
    pub fn index_add(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, alpha: Scalar) -> Tensor = index_add_body;

    /// Adds `alpha * source[i]` to slice `index[i]` of dimension `dim`, in place and in order.
    "index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)" [method]
    pub fn index_add_(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, alpha: Scalar) -> Tensor = index_add_inplace;

    /// A copy of `self` with slice `index[i]` of dimension `dim` replaced by `source[i]`.
    "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor" [function, method, out]
    pub fn index_copy(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Tensor = index_copy_body;

    /// Replaces slice `index[i]` of dimension `dim` by `source[i]`, in place.
    "index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)" [method]
    pub fn index_copy_(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Tensor = index_copy_inplace;
}

/// The elements as row-major `int64`, outside the graph.
pub(crate) fn long(t: &Tensor) -> Result<Tensor> {
    dense(&super::pointwise::converted(t, DType::I64)?)
}

/// The elements in row-major order, outside the graph.
pub(crate) fn dense(t: &Tensor) -> Result<Tensor> {
    if t.is_contiguous() {
        return Ok(t.clone());
    }
    let out = Tensor::uninit(t.shape(), t.dtype())?;
    super::copy::copy_data(&out, t)?;
    Ok(out)
}

/// A dense copy to write into, outside the graph.
pub(crate) fn fresh(x: &Tensor) -> Result<Tensor> {
    let out = super::copy::uninit_in(x, x.dtype(), MemoryFormat::Preserve)?;
    super::copy::copy_data(&out, x)?;
    Ok(out)
}

/// `t` expanded to `shape`, outside the graph.
pub(crate) fn expanded(t: &Tensor, shape: &[usize]) -> Result<Tensor> {
    match t.layout().expand(shape, t.dtype())? {
        Some(layout) => Ok(t.alias_with(layout)),
        None => bail!(
            Runtime,
            "a tensor of shape {:?} cannot be expanded to {shape:?}",
            t.shape()
        ),
    }
}

/// A copy when `t` lies in the memory that is about to be written.
pub(crate) fn apart(t: &Tensor, written: &Tensor) -> Result<Tensor> {
    if t.storage().same(written.storage()) {
        fresh(t)
    } else {
        Ok(t.clone())
    }
}

/// "index 5 is out of bounds for dimension 0 with size 3", of class `IndexError`.
pub(crate) fn out_of_bounds(bad: BadIndex, dim: usize) -> Error {
    err!(
        Index,
        "index {} is out of bounds for dimension {dim} with size {}",
        bad.index,
        bad.size
    )
}

/// Which dimensions index arrays point into, and where the rest goes.
pub(super) struct Plan {
    /// Row-major `int64` arrays of one shape.
    arrays: SmallVec<[Tensor; 2]>,
    /// The dimension of each array.
    dims: SmallVec<[usize; 2]>,
    /// The shape of the arrays.
    shape: Dims,
    /// Dimensions in front of the indexed ones and behind them.
    before: Dims,
    after: Dims,
}

impl Plan {
    /// One vector of indices into one dimension.
    pub(super) fn single(x: &Tensor, dim: usize, index: &Tensor) -> Result<Plan> {
        let index = long(index)?;
        Ok(Plan {
            shape: smallvec![index.numel()],
            arrays: smallvec![index],
            dims: smallvec![dim],
            before: (0..dim).collect(),
            after: (dim + 1..x.dim()).collect(),
        })
    }

    /// The arrays of an advanced index.
    fn new(x: &Tensor, indices: &[Option<Tensor>]) -> Result<Plan> {
        let indices = without_masks(x, indices)?;
        ensure!(
            indices.len() <= x.dim(),
            Index,
            "too many indices for tensor of dimension {} (got {})",
            x.dim(),
            indices.len()
        );
        let mut shape: Option<Dims> = None;
        for t in indices.iter().flatten() {
            shape = Some(match shape {
                None => t.shape().into(),
                Some(s) => match broadcast(&s, t.shape()) {
                    Ok(s) => s,
                    Err(_) => {
                        let shapes: Vec<String> =
                            indices.iter().flatten().map(|t| format!("{:?}", t.shape())).collect();
                        bail!(
                            Index,
                            "shape mismatch: indexing tensors could not be broadcast together with shapes {}",
                            shapes.join(", ")
                        )
                    }
                },
            });
        }
        let shape = shape.unwrap_or_default();
        let mut arrays = SmallVec::new();
        let mut dims: SmallVec<[usize; 2]> = SmallVec::new();
        for (d, t) in indices.iter().enumerate() {
            if let Some(t) = t {
                arrays.push(long(&expanded(t, &shape)?)?);
                dims.push(d);
            }
        }
        // Arrays that stand together keep their place; others move their result to the front.
        let together = dims.windows(2).all(|w| w[1] == w[0] + 1);
        let first = dims.first().copied().unwrap_or(0);
        let rest = (0..x.dim()).filter(|d| !dims.contains(d));
        let (before, after) = if together {
            rest.partition(|d| *d < first)
        } else {
            (Dims::new(), rest.collect())
        };
        Ok(Plan {
            arrays,
            dims,
            shape,
            before,
            after,
        })
    }

    fn n(&self) -> usize {
        self.shape.iter().product()
    }

    /// The shape of `self[indices]`.
    fn result(&self, x: &Tensor) -> Dims {
        let size = |d: &usize| x.shape()[*d];
        let mut out: Dims = self.before.iter().map(size).collect();
        out.extend_from_slice(&self.shape);
        out.extend(self.after.iter().map(size));
        out
    }

    /// Calls `f` with the geometry for the kernels; `ptrs` are the addresses of the arrays.
    fn blocks<R>(&self, x: &Tensor, ptrs: &[*mut u8], wrap: bool, f: impl FnOnce(&Blocks) -> R) -> R {
        let size = x.dtype().size() as isize;
        let part = |dims: &Dims| -> (Dims, SmallVec<[isize; 5]>) {
            (
                dims.iter().map(|d| x.shape()[*d]).collect(),
                dims.iter().map(|d| x.strides()[*d] * size).collect(),
            )
        };
        let (before, after) = (part(&self.before), part(&self.after));
        let indices: SmallVec<[Index; 4]> = ptrs
            .iter()
            .zip(&self.dims)
            .map(|(p, d)| Index {
                ptr: p.cast_const().cast(),
                size: x.shape()[*d],
                stride: x.strides()[*d] * size,
            })
            .collect();
        f(&Blocks {
            indices: &indices,
            n: self.n(),
            wrap,
            before: (&before.0, &before.1),
            after: (&after.0, &after.1),
        })
    }

    /// `x[indices]` as a new row-major tensor of the given shape.
    pub(super) fn take(
        &self,
        x: &Tensor,
        shape: &[usize],
        wrap: bool,
        bad: impl Fn(BadIndex) -> Error,
    ) -> Result<Tensor> {
        let out = Tensor::uninit(shape, x.dtype())?;
        let mut operands: SmallVec<[(&Tensor, Mode); 4]> = smallvec![(&out, Mode::Init), (x, Mode::Read)];
        operands.extend(self.arrays.iter().map(|t| (t, Mode::Read)));
        access::access_many(&operands, |ptrs| {
            self.blocks(x, &ptrs[2..], wrap, |blocks| {
                // SAFETY: the output is new, row-major and of the result's shape; the kernel checks the indices.
                unsafe { take_blocks(ptrs[0], ptrs[1], blocks, x.dtype().size()) }.map_err(bad)
            })
        })?;
        drop(operands);
        Ok(out)
    }

    /// `x[indices] op= values`; `values` is row-major of the result's shape, or one element.
    pub(super) fn put(
        &self,
        x: &Tensor,
        mode: Mode,
        op: Combine,
        values: &Tensor,
        wrap: bool,
        bad: impl Fn(BadIndex) -> Error,
    ) -> Result<()> {
        let single = values.numel() == 1 && values.dim() == 0;
        let mut operands: SmallVec<[(&Tensor, Mode); 4]> = smallvec![(x, mode), (values, Mode::Read)];
        operands.extend(self.arrays.iter().map(|t| (t, Mode::Read)));
        let known = access::access_many(&operands, |ptrs| {
            self.blocks(x, &ptrs[2..], wrap, |blocks| {
                // SAFETY: the values have the shape of the result; the kernel checks the indices before it writes.
                unsafe { put_blocks(op, x.dtype(), ptrs[0], ptrs[1], single, blocks) }.map_err(bad)
            })
        })?;
        ensure!(
            known,
            NotImplemented,
            "\"index_put\" not implemented for '{}'",
            x.dtype().scalar_type_name()
        );
        Ok(())
    }
}

/// Masks among the indices become one array per dimension of the mask: the coordinates of its true elements.
fn without_masks(x: &Tensor, indices: &[Option<Tensor>]) -> Result<SmallVec<[Option<Tensor>; 4]>> {
    let mut out: SmallVec<[Option<Tensor>; 4]> = SmallVec::new();
    for t in indices {
        match t {
            Some(t) if matches!(t.dtype(), DType::Bool | DType::U8) => {
                for k in 0..t.dim() {
                    let at = out.len() + k;
                    ensure!(
                        x.shape().get(at) == Some(&t.shape()[k]),
                        Index,
                        "The shape of the mask {:?} at index {k} does not match the shape of the indexed tensor {:?} at index {at}",
                        t.shape(),
                        x.shape()
                    );
                }
                let places = super::mask::nonzero(&t.detach())?;
                for k in 0..t.dim() {
                    out.push(Some(super::view::select(&places, 1, k as i64)?));
                }
            }
            Some(t) if matches!(t.dtype(), DType::I64 | DType::I32) => out.push(Some(t.detach())),
            Some(_) => bail!(Index, "tensors used as indices must be long, int, byte or bool tensors"),
            None => out.push(None),
        }
    }
    // Trailing dimensions that stay need no mention.
    while matches!(out.last(), Some(None)) && out.len() > x.dim() {
        out.pop();
    }
    Ok(out)
}

fn index_body(x: &Tensor, indices: &[Option<Tensor>]) -> Result<Tensor> {
    let plan = Plan::new(x, indices)?;
    let out = plan.take(x, &plan.result(x), true, |b| out_of_bounds(b, b.array))?;
    let shape: Dims = x.shape().into();
    out.record("IndexBackward0", [x], |r| {
        let indices = keep_all(r, indices);
        move |c: &Ctx, g: &Tensor| {
            index_put(
                &super::factory::zeros_of(&shape, g.dtype())?,
                &get_all(c, &indices)?,
                g,
                true,
            )
        }
    })
}

fn keep_all(r: &mut Recorder, indices: &[Option<Tensor>]) -> Vec<Option<Saved>> {
    indices.iter().map(|t| t.as_ref().map(|t| r.keep(t))).collect()
}

fn get_all(c: &Ctx, indices: &[Option<Saved>]) -> Result<Vec<Option<Tensor>>> {
    indices.iter().map(|s| s.map(|s| c.get(s)).transpose()).collect()
}

/// The only index array when it is a mask, with trailing dimensions so that it broadcasts over `x`.
fn only_mask(x: &Tensor, indices: &[Option<Tensor>]) -> Option<Tensor> {
    let mut defined = indices.iter().enumerate().filter_map(|(d, t)| Some((d, t.as_ref()?)));
    let (Some((d, mask)), None) = (defined.next(), defined.next()) else {
        return None;
    };
    if !matches!(mask.dtype(), DType::Bool | DType::U8) || mask.dim() == 0 {
        return None;
    }
    if x.shape().get(d..d + mask.dim()) != Some(mask.shape()) {
        return None;
    }
    let mut layout = mask.layout().clone();
    for _ in d + mask.dim()..x.dim() {
        layout = layout.unsqueeze(layout.ndim());
    }
    Some(mask.alias_with(layout))
}

/// Writes the values, checked and broadcast, through an advanced index.
fn index_put_into(x: &Tensor, mode: Mode, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<()> {
    // One value through one mask is a masked fill, which converts the value.
    if !accumulate
        && values.numel() == 1
        && let Some(mask) = only_mask(x, indices)
    {
        let bytes = values.try_item()?.to_bytes(x.dtype())?;
        let kernel = duoc_kernels::index::masked_fill_loop(x.dtype().size());
        let dest = if mode == Mode::Init {
            Dest::Fresh(x)
        } else {
            Dest::Into(x)
        };
        let mask = apart(&mask, x)?;
        return elementwise(dest, x.dtype(), &[x, &mask], kernel, bytes.as_ptr(), 1).map(drop);
    }
    let plan = Plan::new(x, indices)?;
    let shape = plan.result(x);
    let fits = broadcast(values.shape(), &shape).is_ok_and(|s| s == shape);
    ensure!(
        fits,
        Runtime,
        "shape mismatch: value tensor of shape {:?} cannot be broadcast to indexing result of shape {:?}",
        values.shape(),
        &shape[..]
    );
    ensure!(
        x.dtype() == values.dtype(),
        Runtime,
        "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source.",
        x.dtype().scalar_type_name(),
        values.dtype().scalar_type_name()
    );
    let values = apart(values, x)?;
    let values = if values.numel() == 1 {
        values.alias_with(values.layout().view(&[]).unwrap_or_else(|| values.layout().clone()))
    } else {
        dense(&expanded(&values, &shape)?)?
    };
    let op = if accumulate { Combine::Add } else { Combine::Set };
    plan.put(x, mode, op, &values, true, |b| out_of_bounds(b, b.array))
}

/// Gradients of `index_put`: the written places of `self` get none, unless values were added to them.
fn index_put_grads(
    r: &mut Recorder,
    indices: &[Option<Tensor>],
    accumulate: bool,
) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let indices = keep_all(r, indices);
    move |c, g| {
        let indices = get_all(c, &indices)?;
        let own = match c.needs(0) {
            false => None,
            true if accumulate => Some(g.clone()),
            true => Some(index_put(g, &indices, &Tensor::scalar(0i64, g.dtype())?, false)?),
        };
        let values = if c.needs(1) {
            Some(index_tensor(g, &indices)?)
        } else {
            None
        };
        Ok(smallvec![own, values])
    }
}

fn index_put_body(x: &Tensor, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<Tensor> {
    let out = fresh(x)?;
    index_put_into(&out, Mode::Init, indices, values, accumulate)?;
    out.record("IndexPutBackward0", [x, values], |r| {
        index_put_grads(r, indices, accumulate)
    })
}

fn index_put_inplace(x: &Tensor, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<Tensor> {
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    index_put_into(x, Mode::Write, indices, values, accumulate)?;
    record_inplace(x, "IndexPutBackward0", &[Some(x), Some(values)], |r| {
        index_put_grads(r, indices, accumulate)
    })?;
    Ok(x.clone())
}

/// A 0-d tensor as a vector of one, for the ops that treat it so; outside the graph.
pub(super) fn at_least_1d(t: &Tensor) -> Tensor {
    match t.dim() {
        0 => t.alias_with(t.layout().unsqueeze(0)),
        _ => t.clone(),
    }
}

fn index_select_body(x: &Tensor, dim: i64, index: &Tensor) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    ensure!(
        index.dim() <= 1,
        Index,
        "index_select(): Index is supposed to be a vector"
    );
    ensure!(
        matches!(index.dtype(), DType::I64 | DType::I32),
        Runtime,
        "index_select(): Expected dtype int32 or int64 for index"
    );
    ensure!(
        x.dim() > 0 || index.numel() == 1,
        Runtime,
        "index_select(): Index to scalar can have only 1 value, got {} value(s)",
        index.numel()
    );
    let (flat, mut shape): (Tensor, Dims) = (at_least_1d(x), x.shape().into());
    if let Some(n) = shape.get_mut(d) {
        *n = index.numel();
    }
    let plan = Plan::single(&flat, d, index)?;
    let out = plan.take(&flat, &shape, false, |b| match d {
        0 => err!(Index, "index out of range in self"),
        _ => err!(
            Runtime,
            "INDICES element is out of DATA bounds, id={} axis_dim={}",
            b.index,
            b.size
        ),
    })?;
    let shape: Dims = x.shape().into();
    out.record("IndexSelectBackward0", [x], |r| {
        let index = r.keep(index);
        move |c: &Ctx, g: &Tensor| {
            let zeros = super::factory::zeros_of(&shape, g.dtype())?;
            index_add(&zeros, d as i64, &c.get(index)?, g, Scalar::Int(1))
        }
    })
}

fn index_add_into(x: &Tensor, mode: Mode, d: usize, index: &Tensor, source: &Tensor, alpha: Scalar) -> Result<()> {
    ensure!(
        index.dim() <= 1,
        Index,
        "index_add_(): Index is supposed to be a vector, but got dim: {} with type: {} and size: {:?}",
        index.dim(),
        index.dtype().scalar_type_name(),
        index.shape()
    );
    ensure!(
        matches!(index.dtype(), DType::I64 | DType::I32),
        Runtime,
        "index_add_(): Expected dtype int32/int64 for index but got: {}",
        index.dtype().scalar_type_name()
    );
    ensure!(
        x.dtype() == source.dtype(),
        Runtime,
        "index_add_(): self ({}) and source ({}) must have the same scalar type",
        x.dtype().scalar_type_name(),
        source.dtype().scalar_type_name()
    );
    let along = source.shape().get(d).copied().unwrap_or(1);
    ensure!(
        index.numel() == along && (source.dim() == 0 || d < source.dim()),
        Runtime,
        "index_add_(): Number of indices ({}) should be equal to source.size(dim): ({along}), for dim: {d}",
        index.numel()
    );
    let others = |t: &Tensor| -> Dims { (0..t.dim()).filter(|k| *k != d).map(|k| t.shape()[k]).collect() };
    ensure!(
        others(x) == others(source),
        Runtime,
        "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {:?} source.shape = {:?}",
        x.shape(),
        source.shape()
    );
    super::arith::check_alpha(x.dtype(), alpha)?;
    let source = if alpha == Scalar::Int(1) {
        apart(source, x)?
    } else {
        super::arith::mul(&source.detach(), &Tensor::wrapped(alpha)?)?
    };
    let bad = |b: BadIndex| {
        err!(
            Runtime,
            "index {} is out of bounds for dimension {d} with size {}",
            b.index,
            b.size
        )
    };
    // Several rows of 16-bit floats are summed in float32 and rounded once.
    if x.dtype().is_half() && x.dim() > 1 {
        let wide = super::pointwise::converted(x, DType::F32)?;
        let source = dense(&super::pointwise::converted(&source, DType::F32)?)?;
        Plan::single(&wide, d, index)?.put(&wide, Mode::Init, Combine::Add, &source, false, bad)?;
        return super::copy::copy_data(x, &wide);
    }
    let x = at_least_1d(x);
    let source = dense(&at_least_1d(&source))?;
    Plan::single(&x, d, index)?.put(&x, mode, Combine::Add, &source, false, bad)
}

fn index_add_grads(
    r: &mut Recorder,
    d: usize,
    index: &Tensor,
    source: &Tensor,
    alpha: Scalar,
) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let index = r.keep(index);
    let shape: Dims = source.shape().into();
    move |c, g| {
        let source = if c.needs(1) {
            let part = index_select(g, d as i64, &c.get(index)?)?;
            let part = super::view::reshape(&part, &super::view::ints(&shape))?;
            Some(match alpha {
                Scalar::Int(1) => part,
                a => super::arith::mul(&part, &Tensor::wrapped(a)?)?,
            })
        } else {
            None
        };
        Ok(smallvec![c.needs(0).then(|| g.clone()), source])
    }
}

fn index_add_body(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, alpha: Scalar) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    let out = fresh(x)?;
    index_add_into(&out, Mode::Init, d, index, source, alpha)?;
    out.record("IndexAddBackward0", [x, source], |r| {
        index_add_grads(r, d, index, source, alpha)
    })
}

fn index_add_inplace(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, alpha: Scalar) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    index_add_into(x, Mode::Write, d, index, source, alpha)?;
    record_inplace(x, "IndexAddBackward0", &[Some(x), Some(source)], |r| {
        index_add_grads(r, d, index, source, alpha)
    })?;
    Ok(x.clone())
}

fn index_copy_into(x: &Tensor, mode: Mode, d: usize, index: &Tensor, source: &Tensor) -> Result<()> {
    ensure!(
        index.dim() < 2,
        Index,
        "index_copy_(): Index should have dimension 1 or 0 (got {})",
        index.dim()
    );
    ensure!(
        source.dim() == x.dim() || source.dim() == 0 || x.dim() == 0,
        Index,
        "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality ({}), destination dimensionality ({})",
        source.dim(),
        x.dim()
    );
    ensure!(
        index.dtype() == DType::I64,
        Runtime,
        "index_copy_(): Expected a long tensor for index, but got {}",
        index.dtype().scalar_type_name()
    );
    ensure!(
        x.dtype() == source.dtype(),
        Runtime,
        "index_copy_(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
        x.dtype().scalar_type_name(),
        source.dtype().scalar_type_name()
    );
    let without = |t: &Tensor| -> Dims { (0..t.dim()).filter(|k| *k != d).map(|k| t.shape()[k]).collect() };
    let (own, theirs) = (without(x), without(source));
    if own != theirs {
        let words = |s: &[usize]| s.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        bail!(
            Runtime,
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: {} at dimension {d} and source slice shape: {} at dimension {}.",
            words(&own),
            words(&theirs),
            if source.dim() == 0 { 0 } else { d }
        );
    }
    let along = source.shape().get(d).copied().unwrap_or(1);
    ensure!(
        index.numel() == along,
        Index,
        "index_copy_(): Number of indices ({}) should be equal to source.size(dim) ({along})",
        index.numel()
    );
    let x = at_least_1d(x);
    let source = dense(&at_least_1d(&apart(source, &x)?))?;
    Plan::single(&x, d, index)?.put(&x, mode, Combine::Set, &source, false, |b| {
        out_of_bounds(b, d).at("index_copy_()")
    })
}

fn index_copy_grads(
    r: &mut Recorder,
    d: usize,
    index: &Tensor,
    source: &Tensor,
) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let index = r.keep(index);
    let shape: Dims = source.shape().into();
    move |c, g| {
        let index = c.get(index)?;
        let own = if c.needs(0) {
            Some(super::index_fill::index_fill(g, d as i64, &index, Scalar::Int(0))?)
        } else {
            None
        };
        let source = if c.needs(1) {
            let part = index_select(g, d as i64, &index)?;
            Some(super::view::reshape(&part, &super::view::ints(&shape))?)
        } else {
            None
        };
        Ok(smallvec![own, source])
    }
}

fn index_copy_body(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    let out = fresh(x)?;
    index_copy_into(&out, Mode::Init, d, index, source)?;
    out.record("IndexCopyBackward0", [x, source], |r| {
        index_copy_grads(r, d, index, source)
    })
}

fn index_copy_inplace(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    index_copy_into(x, Mode::Write, d, index, source)?;
    record_inplace(x, "IndexCopyBackward0", &[Some(x), Some(source)], |r| {
        index_copy_grads(r, d, index, source)
    })?;
    Ok(x.clone())
}

impl Tensor {
    /// The slices of a dimension that a vector of indices names.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let x = Tensor::from_slice(&[1i64, 2, 3]);
    /// assert_eq!(x.index_select(0, &Tensor::from_slice(&[2i64, 0])).to_vec::<i64>(), [3, 1]);
    /// ```
    #[track_caller]
    pub fn index_select(&self, dim: i64, index: &Tensor) -> Tensor {
        index_select(self, dim, index).or_throw()
    }

    /// `self[indices]`; see [`index_tensor`].
    #[track_caller]
    pub fn index(&self, indices: &[Option<Tensor>]) -> Tensor {
        index_tensor(self, indices).or_throw()
    }

    /// `self[indices] = values`, in place; see [`index_put_`].
    #[track_caller]
    pub fn index_put_(&self, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> &Tensor {
        index_put_(self, indices, values, accumulate).or_throw();
        self
    }

    /// A copy with `source[i]` added to slice `index[i]`.
    #[track_caller]
    pub fn index_add(&self, dim: i64, index: &Tensor, source: &Tensor) -> Tensor {
        index_add(self, dim, index, source, Scalar::Int(1)).or_throw()
    }

    /// Adds `source[i]` to slice `index[i]`, in place.
    #[track_caller]
    pub fn index_add_(&self, dim: i64, index: &Tensor, source: &Tensor) -> &Tensor {
        index_add_(self, dim, index, source, Scalar::Int(1)).or_throw();
        self
    }

    /// A copy with slice `index[i]` replaced by `source[i]`.
    #[track_caller]
    pub fn index_copy(&self, dim: i64, index: &Tensor, source: &Tensor) -> Tensor {
        index_copy(self, dim, index, source).or_throw()
    }

    /// Replaces slice `index[i]` by `source[i]`, in place.
    #[track_caller]
    pub fn index_copy_(&self, dim: i64, index: &Tensor, source: &Tensor) -> &Tensor {
        index_copy_(self, dim, index, source).or_throw();
        self
    }
}
