//! Dimensions regrouped, moved and named differently: views that are combinations of the basic ones, `diagonal`, `unfold`.

use super::view::{ints, permute, reshape, transpose, view};
use crate::layout::{Dims, Layout, Strides};
use crate::{OrThrow, Result, Scalar, Tensor, bail, ensure, ops};

ops! {
    /// The dimensions from `start_dim` to `end_dim` as one.
    "flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)" [function, method]
    pub fn flatten(x: &Tensor, start_dim: i64, end_dim: i64) -> Tensor = flatten_body;

    /// Dimension `dim` as several of the given sizes.
    "unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)" [function, method]
    pub fn unflatten(x: &Tensor, dim: i64, sizes: &[i64]) -> Tensor = unflatten_body;

    /// All elements as one row.
    "ravel(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn ravel(x: &Tensor) -> Tensor = ravel_body;

    /// A view broadcast to `size`.
    "broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)" [function, method]
    pub fn broadcast_to(x: &Tensor, size: &[i64]) -> Tensor = broadcast_to_body;

    /// Expanded to the shape of another tensor.
    "expand_as(Tensor(a) self, Tensor other) -> Tensor(a)" [method]
    pub fn expand_as(x: &Tensor, other: &Tensor) -> Tensor = expand_as_body;

    /// Viewed with the shape of another tensor.
    "view_as(Tensor(a) self, Tensor other) -> Tensor(a)" [method]
    pub fn view_as(x: &Tensor, other: &Tensor) -> Tensor = view_as_body;

    /// Reshaped to the shape of another tensor.
    "reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)" [method]
    pub fn reshape_as(x: &Tensor, other: &Tensor) -> Tensor = reshape_as_body;

    /// Dimensions moved to other places; the rest keep their order.
    "movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)" [function, method] alias ["moveaxis"]
    pub fn movedim(x: &Tensor, source: &[i64], destination: &[i64]) -> Tensor = movedim_body;

    /// One dimension moved to another place.
    "movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)" [function, method] alias ["moveaxis"]
    pub fn movedim_one(x: &Tensor, source: i64, destination: i64) -> Tensor = movedim_one_body;

    /// As `transpose`.
    "swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)" [function, method]
    pub fn swapaxes(x: &Tensor, axis0: i64, axis1: i64) -> Tensor = transpose;

    /// As `transpose`.
    "swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)" [function, method]
    pub fn swapdims(x: &Tensor, dim0: i64, dim1: i64) -> Tensor = transpose;

    /// The dimensions in reverse order: `.T`.
    "numpy_T(Tensor(a) self) -> Tensor(a)" []
    pub fn numpy_t(x: &Tensor) -> Tensor = numpy_t_body;

    /// The last two dimensions exchanged: `.mT`.
    "mT(Tensor(a) self) -> Tensor(a)" []
    pub fn matrix_t(x: &Tensor) -> Tensor = matrix_t_body;

    /// The diagonal of dimensions `dim1` and `dim2`, as the last dimension of a view; `offset` > 0 is above the main one.
    "diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)" [function, method]
    pub fn diagonal(x: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Tensor = diagonal_body;

    /// All windows of `size` elements of a dimension, `step` apart: a view with the window as the last dimension.
    "unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)" [method]
    pub fn unfold(x: &Tensor, dimension: i64, size: i64, step: i64) -> Tensor = unfold_body;
}

fn flatten_body(x: &Tensor, start: i64, end: i64) -> Result<Tensor> {
    let (start, end) = (x.wrap_dim(start)?, x.wrap_dim(end)?);
    ensure!(
        start <= end,
        Runtime,
        "flatten() has invalid args: start_dim cannot come after end_dim"
    );
    if x.dim() == 0 {
        return reshape(x, &[1]);
    }
    if start == end {
        return Ok(x.clone());
    }
    let mut shape: Vec<i64> = ints(&x.shape()[..start]).to_vec();
    shape.push(x.shape()[start..=end].iter().product::<usize>() as i64);
    shape.extend(ints(&x.shape()[end + 1..]));
    reshape(x, &shape)
}

fn unflatten_body(x: &Tensor, dim: i64, sizes: &[i64]) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    ensure!(!sizes.is_empty(), Runtime, "unflatten: sizes must be non-empty");
    ensure!(
        x.dim() > 0,
        Index,
        "Dimension specified as {dim} but tensor has no dimensions"
    );
    let n = x.shape()[d];
    let Ok(parts) = crate::layout::infer_size(sizes, n) else {
        if sizes.contains(&-1) {
            bail!(
                Runtime,
                "unflatten: Provided sizes {sizes:?} don't multiply up to the size of dim {d} ({n}) in the input tensor"
            );
        }
        bail!(
            Runtime,
            "unflatten: Provided sizes {sizes:?} don't multiply up to the size of dim {d} ({n}) in the input tensor"
        )
    };
    let mut shape: Vec<i64> = ints(&x.shape()[..d]).to_vec();
    shape.extend(ints(&parts));
    shape.extend(ints(&x.shape()[d + 1..]));
    view(x, &shape)
}

fn ravel_body(x: &Tensor) -> Result<Tensor> {
    view(&super::copy::contiguous(x, None)?, &[-1])
}

fn broadcast_to_body(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    super::shape::expand(x, size, false)
}

fn expand_as_body(x: &Tensor, other: &Tensor) -> Result<Tensor> {
    super::shape::expand(x, &ints(other.shape()), false)
}

fn view_as_body(x: &Tensor, other: &Tensor) -> Result<Tensor> {
    view(x, &ints(other.shape()))
}

fn reshape_as_body(x: &Tensor, other: &Tensor) -> Result<Tensor> {
    reshape(x, &ints(other.shape()))
}

fn movedim_body(x: &Tensor, source: &[i64], destination: &[i64]) -> Result<Tensor> {
    ensure!(
        source.len() == destination.len(),
        Runtime,
        "movedim: Invalid source or destination dims: source ({source:?} dims) should contain the same number of dims as destination ({destination:?} dims)"
    );
    let wrapped = |dims: &[i64]| -> Result<Dims> { dims.iter().map(|d| x.wrap_dim(*d)).collect() };
    let (from, to) = (wrapped(source)?, wrapped(destination)?);
    for (dims, given, name) in [(&from, source, "source"), (&to, destination, "destination")] {
        let repeated = (1..dims.len()).any(|i| dims[..i].contains(&dims[i]));
        ensure!(!repeated, Runtime, "movedim: repeated dim in `{name}` ({given:?})");
    }
    if x.dim() == 0 {
        return super::view::view(x, &[]);
    }
    let mut order: Vec<Option<usize>> = vec![None; x.dim()];
    for (f, t) in from.iter().zip(&to) {
        order[*t] = Some(*f);
    }
    let mut rest = (0..x.dim()).filter(|d| !from.contains(d));
    let order: Vec<i64> = order
        .into_iter()
        .map(|o| o.or_else(|| rest.next()).unwrap_or(0) as i64)
        .collect();
    permute(x, &order)
}

fn movedim_one_body(x: &Tensor, source: i64, destination: i64) -> Result<Tensor> {
    movedim(x, &[source], &[destination])
}

fn numpy_t_body(x: &Tensor) -> Result<Tensor> {
    let order: Vec<i64> = (0..x.dim() as i64).rev().collect();
    permute(x, &order)
}

fn matrix_t_body(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dim() >= 2,
        Runtime,
        "tensor.mT is only supported on matrices or batches of matrices. Got {}-D tensor.",
        x.dim()
    );
    transpose(x, -2, -1)
}

/// The layout of a diagonal.
fn diagonal_layout(x: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Result<Layout> {
    let (a, b) = (x.wrap_dim(dim1)?, x.wrap_dim(dim2)?);
    ensure!(
        a != b,
        Runtime,
        "diagonal dimensions cannot be identical {dim1}, {dim2}"
    );
    let (rows, cols) = (x.shape()[a] as i128, x.shape()[b] as i128);
    let o = offset as i128;
    let n = if o >= 0 {
        rows.min(cols - o)
    } else {
        (rows + o).min(cols)
    }
    .max(0) as usize;
    let mut start = x.storage_offset();
    if n > 0 && x.numel() > 0 {
        let skip = if o >= 0 {
            o as usize * x.strides()[b] as usize
        } else {
            (-o) as usize * x.strides()[a] as usize
        };
        start += skip;
    }
    let kept = |k: &usize| *k != a && *k != b;
    let mut shape: Dims = (0..x.dim()).filter(kept).map(|k| x.shape()[k]).collect();
    let mut strides: Strides = (0..x.dim()).filter(kept).map(|k| x.strides()[k]).collect();
    shape.push(n);
    strides.push(x.strides()[a].saturating_add(x.strides()[b]));
    Layout::strided(&shape, &strides, start, x.dtype())
}

fn diagonal_body(x: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
    let layout = diagonal_layout(x, offset, dim1, dim2)?;
    let shape: Dims = x.shape().into();
    x.record_view(layout, "DiagonalBackward0", move |_, g| {
        let out = super::factory::zeros_of(&shape, g.dtype())?;
        super::copy::copy_(&diagonal(&out, offset, dim1, dim2)?, g)?;
        Ok(out)
    })
}

fn unfold_body(x: &Tensor, dimension: i64, size: i64, step: i64) -> Result<Tensor> {
    let d = x.wrap_dim(dimension)?;
    let n = x.shape().get(d).copied().unwrap_or(1) as i64;
    ensure!(size >= 0, Runtime, "size is {size} but must be >= 0");
    ensure!(
        size <= n,
        Runtime,
        "maximum size for tensor at dimension {d} is {n} but size is {size}"
    );
    ensure!(step > 0, Runtime, "step is {step} but must be > 0");
    let mut shape: Dims = x.shape().into();
    let mut strides: Strides = x.strides().into();
    shape.push(size as usize);
    if x.dim() == 0 {
        strides.push(1);
    } else {
        strides.push(strides[d]);
        shape[d] = ((n - size) / step + 1) as usize;
        strides[d] = strides[d].saturating_mul(step as isize);
    }
    let layout = Layout::strided(&shape, &strides, x.storage_offset(), x.dtype())?;
    let old: Dims = x.shape().into();
    x.record_view(layout, "UnfoldBackward0", move |_, g| {
        unfold_backward(g, &old, d, size, step)
    })
}

/// Adds what each element received through the windows that hold it: an `index_add` with the windows laid flat.
pub(crate) fn unfold_backward(g: &Tensor, shape: &[usize], d: usize, size: i64, step: i64) -> Result<Tensor> {
    let out = super::factory::zeros_of(shape, g.dtype())?;
    if shape.is_empty() {
        return if size == 0 { Ok(out) } else { reshape(g, &[]) };
    }
    let windows = g.shape()[d] as i64;
    let places: Vec<i64> = (0..windows)
        .flat_map(|w| (0..size).map(move |i| w * step + i))
        .collect();
    let flat = flatten(&movedim_one(g, -1, d as i64 + 1)?, d as i64, d as i64 + 1)?;
    super::index::index_add(&out, d as i64, &Tensor::from_vec(places), &flat, Scalar::Int(1))
}

impl Tensor {
    /// The dimensions from `start_dim` to `end_dim` as one.
    #[track_caller]
    pub fn flatten(&self, start_dim: i64, end_dim: i64) -> Tensor {
        flatten(self, start_dim, end_dim).or_throw()
    }

    /// Dimension `dim` as several of the given sizes.
    #[track_caller]
    pub fn unflatten(&self, dim: i64, sizes: &[i64]) -> Tensor {
        unflatten(self, dim, sizes).or_throw()
    }

    /// Dimensions moved to other places.
    #[track_caller]
    pub fn movedim(&self, source: &[i64], destination: &[i64]) -> Tensor {
        movedim(self, source, destination).or_throw()
    }

    /// The last two dimensions exchanged.
    #[track_caller]
    pub fn mt(&self) -> Tensor {
        matrix_t(self).or_throw()
    }

    /// A diagonal, as the last dimension of a view.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let x = Tensor::from_slice(&[1i64, 2, 3, 4]).view(&[2, 2]);
    /// x.diagonal(0, 0, 1).fill_(0);
    /// assert_eq!(x.to_vec::<i64>(), [0, 2, 3, 0]);
    /// ```
    #[track_caller]
    pub fn diagonal(&self, offset: i64, dim1: i64, dim2: i64) -> Tensor {
        diagonal(self, offset, dim1, dim2).or_throw()
    }

    /// All windows of `size` elements of a dimension, `step` apart.
    #[track_caller]
    pub fn unfold(&self, dimension: i64, size: i64, step: i64) -> Tensor {
        unfold(self, dimension, size, step).or_throw()
    }

    /// A view expanded to the shape of another tensor.
    #[track_caller]
    pub fn expand_as(&self, other: &Tensor) -> Tensor {
        expand_as(self, other).or_throw()
    }

    /// All elements as one row.
    #[track_caller]
    pub fn ravel(&self) -> Tensor {
        ravel(self).or_throw()
    }

    /// A view broadcast to `size`.
    #[track_caller]
    pub fn broadcast_to(&self, size: &[i64]) -> Tensor {
        broadcast_to(self, size).or_throw()
    }
}
