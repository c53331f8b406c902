//! Elements in another order or repeated, triangles and diagonals: `flip`, `roll`, `repeat`, `tril`, `diag` and kin.

use super::view::{ints, reshape, transpose};
use crate::layout::{Dims, Layout};
use crate::storage::{Mode, access};
use crate::{DType, Device, LayoutKind, OrThrow, Result, Tensor, bail, ensure, err, ops};
use duoc_kernels::copy::copy_nd;
use smallvec::SmallVec;

ops! {
    /// The order of some dimensions reversed, as a copy.
    "flip(Tensor self, int[] dims) -> Tensor" [function, method]
    pub fn flip(x: &Tensor, dims: &[i64]) -> Tensor = flip_body;

    /// Columns in reverse order.
    "fliplr(Tensor self) -> Tensor" [function, method]
    pub fn fliplr(x: &Tensor) -> Tensor = fliplr_body;

    /// Rows in reverse order.
    "flipud(Tensor self) -> Tensor" [function, method]
    pub fn flipud(x: &Tensor) -> Tensor = flipud_body;

    /// Elements shifted along dimensions, those that leave at the end coming in at the start; without `dims` the
    /// flattened tensor is shifted.
    "roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor" [function, method]
    pub fn roll(x: &Tensor, shifts: &[i64], dims: &[i64]) -> Tensor = roll_body;

    /// Turned by `k` quarters in the plane of two dimensions, from the first towards the second.
    "rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor" [function, method]
    pub fn rot90(x: &Tensor, k: i64, dims: &[i64]) -> Tensor = rot90_body;

    /// Repeated `repeats[d]` times along each dimension.
    "repeat(Tensor self, SymInt[] repeats) -> Tensor" [method]
    pub fn repeat(x: &Tensor, repeats: &[i64]) -> Tensor = repeat_body;

    /// As `repeat`; missing leading counts are 1.
    "tile(Tensor self, SymInt[] dims) -> Tensor" [function, method]
    pub fn tile(x: &Tensor, dims: &[i64]) -> Tensor = tile_body;

    /// Index `i` repeated `repeats[i]` times.
    "repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor" [function]
    pub fn repeat_indices(repeats: &Tensor, output_size: Option<i64>) -> Tensor = repeat_indices_body;

    /// Each slice of a dimension (each element without `dim`) repeated as often as `repeats` says for it.
    "repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor" [function, method]
    pub fn repeat_interleave_tensor(x: &Tensor, repeats: &Tensor, dim: Option<i64>, output_size: Option<i64>) -> Tensor = repeat_interleave_tensor_body;

    /// Each slice of a dimension (each element without `dim`) repeated `repeats` times.
    "repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor" [function, method]
    pub fn repeat_interleave(x: &Tensor, repeats: i64, dim: Option<i64>, output_size: Option<i64>) -> Tensor = repeat_interleave_body;

    /// The part of matrices on and below a diagonal, zero elsewhere.
    "tril(Tensor self, SymInt diagonal=0) -> Tensor" [function, method, inplace, out]
    pub fn tril(x: &Tensor, diagonal: i64) -> Tensor = tril_body;

    /// The part of matrices on and above a diagonal, zero elsewhere.
    "triu(Tensor self, SymInt diagonal=0) -> Tensor" [function, method, inplace, out]
    pub fn triu(x: &Tensor, diagonal: i64) -> Tensor = triu_body;

    /// Row and column indices of a lower triangle.
    "tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=long, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function]
    pub fn tril_indices(row: i64, col: i64, offset: i64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = tril_indices_body;

    /// Row and column indices of an upper triangle.
    "triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=long, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function]
    pub fn triu_indices(row: i64, col: i64, offset: i64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = triu_indices_body;

    /// A copy of a matrix's diagonal, or the matrix with a vector on its diagonal.
    "diag(Tensor self, int diagonal=0) -> Tensor" [function, method, out]
    pub fn diag(x: &Tensor, diagonal: i64) -> Tensor = diag_body;

    /// Matrices of zeros in dimensions `dim1` and `dim2` with the last dimension of `self` on a diagonal.
    "diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor" [function, method]
    pub fn diag_embed(x: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Tensor = diag_embed_body;

    /// The flattened tensor on the diagonal of a matrix.
    "diagflat(Tensor self, int offset=0) -> Tensor" [function, method]
    pub fn diagflat(x: &Tensor, offset: i64) -> Tensor = diagflat_body;
}

fn flip_body(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    let mut reversed: SmallVec<[bool; 8]> = smallvec::smallvec![false; x.dim()];
    for d in dims {
        let d = x.wrap_dim(*d)?;
        let Some(r) = reversed.get_mut(d) else { continue };
        ensure!(!*r, Runtime, "dim {d} appears multiple times in the list of dims");
        *r = true;
    }
    let out = Tensor::uninit_like(x, x.dtype())?;
    if out.numel() > 0 {
        let size = x.dtype().size() as isize;
        let out_strides: SmallVec<[isize; 8]> = out.strides().iter().map(|s| s * size).collect();
        // Reading starts at the last index of each reversed dimension and goes backwards.
        let mut start = 0;
        let mut strides: SmallVec<[isize; 8]> = SmallVec::new();
        for d in 0..x.dim() {
            let s = x.strides()[d] * size;
            if reversed[d] {
                start += s * (x.shape()[d] as isize - 1);
            }
            strides.push(if reversed[d] { -s } else { s });
        }
        access::access([(&out, Mode::Init), (x, Mode::Read)], |[to, from]| {
            // SAFETY: the reversed walk stays inside the layout of `x`; the output is new.
            unsafe { copy_nd(to, &out_strides, from.offset(start), &strides, x.shape(), size as usize) };
            Ok(())
        })?;
    }
    let dims = dims.to_vec();
    out.record("FlipBackward0", [x], |_| move |_: &_, g: &Tensor| flip(g, &dims))
}

fn fliplr_body(x: &Tensor) -> Result<Tensor> {
    ensure!(x.dim() >= 2, Runtime, "Input must be >= 2-d.");
    flip(x, &[1])
}

fn flipud_body(x: &Tensor) -> Result<Tensor> {
    ensure!(x.dim() >= 1, Runtime, "Input must be >= 1-d.");
    flip(x, &[0])
}

fn roll_body(x: &Tensor, shifts: &[i64], dims: &[i64]) -> Result<Tensor> {
    let out = if dims.is_empty() && shifts.len() == 1 {
        let row = rolled(&reshape(&x.detach(), &[x.numel() as i64])?, shifts, &[0])?;
        row.alias_with(Layout::contiguous(x.shape(), x.dtype())?)
    } else {
        rolled(x, shifts, dims)?
    };
    let (back, dims): (Vec<i64>, Vec<i64>) = (shifts.iter().map(|s| s.wrapping_neg()).collect(), dims.to_vec());
    out.record("RollBackward0", [x], |_| move |_: &_, g: &Tensor| roll(g, &back, &dims))
}

/// The elements moved along `dims`, in a new tensor.
fn rolled(x: &Tensor, shifts: &[i64], dims: &[i64]) -> Result<Tensor> {
    ensure!(!shifts.is_empty(), Runtime, "`shifts` required");
    ensure!(
        shifts.len() == dims.len(),
        Runtime,
        "shifts and dimensions must align. shifts: {}, dims:{}",
        shifts.len(),
        dims.len()
    );
    let mut by = smallvec::SmallVec::<[usize; 8]>::from_elem(0, x.dim());
    for (s, d) in shifts.iter().zip(dims) {
        ensure!(
            x.dim() > 0,
            Index,
            "Dimension specified as {d} but tensor has no dimensions"
        );
        let d = x.wrap_dim(*d)?;
        let n = x.shape()[d].max(1) as i64;
        by[d] = (by[d] + s.rem_euclid(n) as usize) % n as usize;
    }
    let out = Tensor::uninit(x.shape(), x.dtype())?;
    // Each shifted dimension falls into two runs: a copy per combination of them.
    let mut blocks = vec![(x.layout().clone(), out.layout().clone())];
    for (d, shift) in by.iter().enumerate().filter(|(_, s)| **s > 0) {
        let n = x.shape()[d];
        let cut = |(from, to): &(Layout, Layout)| {
            let head = (from.slice(d, 0, n - shift, 1), to.slice(d, *shift, n - shift, 1));
            let tail = (from.slice(d, n - shift, *shift, 1), to.slice(d, 0, *shift, 1));
            [head, tail]
        };
        ensure!(
            blocks.len() <= 1 << 16,
            Runtime,
            "roll: more than 16 dimensions are shifted"
        );
        blocks = blocks.iter().flat_map(cut).collect();
    }
    for (from, to) in blocks {
        super::copy::copy_data(&out.alias_with(to), &x.alias_with(from))?;
    }
    Ok(out)
}

fn rot90_body(x: &Tensor, k: i64, dims: &[i64]) -> Result<Tensor> {
    ensure!(
        dims.len() == 2,
        Runtime,
        "expected total rotation dims == 2, but got dims = {}",
        dims.len()
    );
    ensure!(
        x.dim() >= 2,
        Runtime,
        "expected total dims >= 2, but got total dims = {}",
        x.dim()
    );
    let same = dims[0] == dims[1] || dims[0].abs_diff(dims[1]) == x.dim() as u64;
    ensure!(
        !same,
        Runtime,
        "expected rotation dims to be different, but got dim0 = {} and dim1 = {}",
        dims[0],
        dims[1]
    );
    let (a, b) = (x.wrap_dim(dims[0])? as i64, x.wrap_dim(dims[1])? as i64);
    match k.rem_euclid(4) {
        1 => transpose(&flip(x, &[b])?, a, b),
        2 => flip(x, &[a, b]),
        3 => transpose(&flip(x, &[a])?, a, b),
        _ => super::copy::clone(x, Some(crate::MemoryFormat::Contiguous)),
    }
}

fn repeat_body(x: &Tensor, repeats: &[i64]) -> Result<Tensor> {
    let Some(lead) = repeats.len().checked_sub(x.dim()) else {
        bail!(
            Runtime,
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    };
    let mut wanted: Vec<i64> = Vec::with_capacity(repeats.len());
    for (d, r) in repeats.iter().enumerate() {
        let n = if d < lead { 1 } else { x.shape()[d - lead] as i64 };
        let n = r
            .checked_mul(n)
            .ok_or_else(|| err!(Runtime, "repeat: the size of dimension {d} overflows"))?;
        wanted.push(n);
    }
    let shape = crate::layout::sizes(&wanted)?;
    let out = Tensor::uninit(&shape, x.dtype())?;
    // The result seen with every dimension split into (repeat, size): a broadcast copy.
    let mut split: Vec<i64> = Vec::with_capacity(2 * repeats.len());
    let mut source: Vec<i64> = Vec::with_capacity(2 * repeats.len());
    for (d, r) in repeats.iter().enumerate() {
        let n = if d < lead { 1 } else { x.shape()[d - lead] as i64 };
        if n != 1 || *r != 1 {
            split.extend([*r, n]);
            source.extend([1, n]);
        }
    }
    ensure!(
        split.len() <= duoc_kernels::nd::MAX_DIMS,
        Runtime,
        "repeat: too many dimensions"
    );
    if out.numel() > 0 {
        let out = super::view::view(&out.detach(), &split)?;
        super::copy::copy_data(&out, &reshape(&x.detach(), &source)?)?;
    }
    let (repeats, old): (Vec<i64>, Dims) = (repeats.to_vec(), x.shape().into());
    out.record("RepeatBackward0", [x], |_| {
        move |_: &_, g: &Tensor| repeat_backward(g, &repeats, &old)
    })
}

/// Sums the repetitions.
fn repeat_backward(g: &Tensor, repeats: &[i64], shape: &[usize]) -> Result<Tensor> {
    if repeats.contains(&0) {
        return super::factory::zeros_of(shape, g.dtype());
    }
    let lead = repeats.len() - shape.len();
    let mut split: Vec<i64> = Vec::new();
    let mut summed: Vec<i64> = Vec::new();
    for (d, r) in repeats.iter().enumerate() {
        if *r != 1 || d < lead {
            summed.push(split.len() as i64);
            split.push(*r);
        }
        if d >= lead {
            split.push(shape[d - lead] as i64);
        }
    }
    if summed.is_empty() {
        return Ok(g.clone());
    }
    let parts = reshape(g, &split)?;
    reshape(
        &super::reduce::sum_dims(&parts, Some(&summed), false, None)?,
        &ints(shape),
    )
}

fn tile_body(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    let missing = x.dim().saturating_sub(dims.len());
    let all: Vec<i64> = std::iter::repeat_n(1, missing).chain(dims.iter().copied()).collect();
    repeat(x, &all)
}

fn repeat_indices_body(repeats: &Tensor, output_size: Option<i64>) -> Result<Tensor> {
    ensure!(
        repeats.dim() == 1,
        Runtime,
        "repeat_interleave only accept 1D vector as repeat"
    );
    ensure!(
        matches!(repeats.dtype(), DType::I64 | DType::I32),
        NotImplemented,
        "\"repeat_interleave_cpu\" not implemented for '{}'",
        repeats.dtype().scalar_type_name()
    );
    let counts = repeats.try_to_vec::<i64>()?;
    let mut total = 0usize;
    for c in &counts {
        ensure!(*c >= 0, Runtime, "repeats can not be negative");
        total = match total.checked_add(*c as usize) {
            Some(t) => t,
            None => bail!(Runtime, "repeat_interleave: the size of the result overflows"),
        };
    }
    ensure!(
        output_size.is_none_or(|n| n == total as i64),
        Runtime,
        "allocated size does not match required size"
    );
    let out = Tensor::uninit(&[total], DType::I64)?;
    access::access([(&out, Mode::Init)], |[p]| {
        let mut at = p.cast::<i64>();
        for (i, c) in counts.iter().enumerate() {
            for _ in 0..*c {
                // SAFETY: the counts add up to the length of the output.
                unsafe {
                    at.write(i as i64);
                    at = at.add(1);
                }
            }
        }
        Ok(())
    })?;
    super::copy::to_dtype(&out, repeats.dtype())
}

fn repeat_interleave_tensor_body(
    x: &Tensor,
    repeats: &Tensor,
    dim: Option<i64>,
    output_size: Option<i64>,
) -> Result<Tensor> {
    let (x, dim) = match dim {
        Some(d) => (x.clone(), d),
        None => (super::dims::flatten(x, 0, -1)?, 0),
    };
    let d = x.wrap_dim(dim)?;
    let n = x.shape().get(d).copied().unwrap_or(1);
    let repeats = match repeats.dim() {
        0 => super::shape::expand(&reshape(repeats, &[1])?, &[n as i64], false)?,
        1 if repeats.numel() == 1 => super::shape::expand(repeats, &[n as i64], false)?,
        1 => {
            ensure!(
                repeats.numel() == n,
                Runtime,
                "repeats must have the same size as input along dim, but got repeats.size(0) = {} and input.size({d}) = {n}",
                repeats.numel()
            );
            repeats.clone()
        }
        _ => bail!(Runtime, "repeats must be 0-dim or 1-dim tensor"),
    };
    super::index::index_select(&x, d as i64, &repeat_indices(&repeats, output_size)?)
}

fn repeat_interleave_body(x: &Tensor, repeats: i64, dim: Option<i64>, output_size: Option<i64>) -> Result<Tensor> {
    let (x, dim) = match dim {
        Some(d) => (x.clone(), d),
        None => (super::dims::flatten(x, 0, -1)?, 0),
    };
    ensure!(repeats >= 0, Runtime, "Repeats must be non-negative");
    let d = x.wrap_dim(dim)?;
    if x.dim() == 0 {
        let repeats = Tensor::scalar(repeats, DType::I64)?;
        return repeat_interleave_tensor(&x, &repeats, Some(dim), output_size);
    }
    let total = (x.shape()[d] as i64).checked_mul(repeats);
    let Some(total) = total else {
        bail!(Runtime, "repeat_interleave: the size of the result overflows")
    };
    ensure!(
        output_size.is_none_or(|n| n == total),
        Runtime,
        "repeat_interleave: Invalid output_size, expected {total} but got {}",
        output_size.unwrap_or(0)
    );
    let lifted = super::view::unsqueeze(&x, d as i64 + 1)?;
    let mut wide: Vec<i64> = ints(lifted.shape()).to_vec();
    wide[d + 1] = repeats;
    let wide = super::shape::expand(&lifted, &wide, false)?;
    let wide = super::copy::clone(&wide, Some(crate::MemoryFormat::Contiguous))?;
    super::dims::flatten(&wide, d as i64, d as i64 + 1)
}

fn triangle(x: &Tensor, diagonal: i64, upper: bool) -> Result<Tensor> {
    let op = if upper { "triu" } else { "tril" };
    ensure!(
        x.dim() >= 2,
        Runtime,
        "{op}: input tensor must have at least 2 dimensions"
    );
    let out = Tensor::uninit(x.shape(), x.dtype())?;
    if out.numel() == 0 {
        return Ok(out);
    }
    let n = x.dim();
    let (rows, cols) = (x.shape()[n - 2], x.shape()[n - 1]);
    let batch: usize = x.shape()[..n - 2].iter().product();
    // The kernel takes one batch dimension; others that do not merge into one are made dense first.
    let merged = x.layout().view(&[batch, rows, cols]);
    let dense = match &merged {
        Some(_) => x.clone(),
        None => super::index::dense(x)?,
    };
    let size = x.dtype().size();
    let strides = match merged.or_else(|| dense.layout().view(&[batch, rows, cols])) {
        Some(l) => [0, 1, 2].map(|k| l.strides()[k] * size as isize),
        None => bail!(Runtime, "{op}: the tensor cannot be viewed as a batch of matrices"),
    };
    access::access([(&out, Mode::Init), (&dense, Mode::Read)], |[to, from]| {
        // SAFETY: the batch has these strides, the output is new and row-major.
        unsafe { duoc_kernels::range::triangle(to, from, [batch, rows, cols], strides, size, diagonal, upper) };
        Ok(())
    })?;
    Ok(out)
}

fn tril_body(x: &Tensor, diagonal: i64) -> Result<Tensor> {
    let out = triangle(x, diagonal, false)?;
    out.record("TrilBackward0", [x], |_| move |_: &_, g: &Tensor| tril(g, diagonal))
}

fn triu_body(x: &Tensor, diagonal: i64) -> Result<Tensor> {
    let out = triangle(x, diagonal, true)?;
    out.record("TriuBackward0", [x], |_| move |_: &_, g: &Tensor| triu(g, diagonal))
}

/// Coordinates of a triangle's elements, row by row, as two rows.
fn triangle_indices(row: i64, col: i64, offset: i64, dtype: Option<DType>, upper: bool) -> Result<Tensor> {
    ensure!(row >= 0, Runtime, "row must be non-negative, got{row}");
    ensure!(col >= 0, Runtime, "col must be non-negative, got{col}");
    let dtype = dtype.unwrap_or(DType::I64);
    ensure!(
        dtype.is_int(),
        NotImplemented,
        "\"{}\" not implemented for '{}'",
        if upper { "triu_indices" } else { "tril_indices" },
        dtype.scalar_type_name()
    );
    // First and last column of the triangle in a row.
    let span = |r: i64| {
        let edge = (r as i128 + offset as i128 + !upper as i128).clamp(0, col as i128) as i64;
        if upper { (edge, col) } else { (0, edge) }
    };
    // Rows before the triangle begins (or after it ends) are empty and need no visit.
    let (first, last) = if upper {
        (0, (col as i128 - offset as i128).clamp(0, row as i128) as i64)
    } else {
        ((-(offset as i128)).clamp(0, row as i128) as i64, row)
    };
    // Elements on and below the diagonal `o`: rows that grow by one, then full rows.
    let below = |o: i128| {
        let (row, col) = (row as i128, col as i128);
        let first = (-o).clamp(0, row);
        let full = (col - o - 1).clamp(first, row);
        (full - first) * (first + full + 2 * o + 1) / 2 + (row - full) * col
    };
    let total = match (col, upper) {
        (0, _) => 0,
        (_, false) => below(offset as i128),
        (_, true) => row as i128 * col as i128 - below(offset as i128 - 1),
    };
    let Ok(n) = usize::try_from(total) else {
        bail!(Runtime, "the triangle of a {row} x {col} matrix has too many elements")
    };
    let out = Tensor::uninit(&[2, n], DType::I64)?;
    access::access([(&out, Mode::Init)], |[p]| {
        let p = p.cast::<i64>();
        let mut at = 0;
        for r in if n == 0 { 0..0 } else { first..last } {
            let (a, b) = span(r);
            for c in a..b {
                // SAFETY: the spans add up to the length of a row of the output.
                unsafe {
                    p.add(at).write(r);
                    p.add(n + at).write(c);
                }
                at += 1;
            }
        }
        Ok(())
    })?;
    super::copy::to_dtype(&out, dtype)
}

fn tril_indices_body(
    row: i64,
    col: i64,
    offset: i64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    super::copy::check_device(device.unwrap_or_default())?;
    triangle_indices(row, col, offset, dtype, false)
}

fn triu_indices_body(
    row: i64,
    col: i64,
    offset: i64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    super::copy::check_device(device.unwrap_or_default())?;
    triangle_indices(row, col, offset, dtype, true)
}

fn diag_body(x: &Tensor, diagonal: i64) -> Result<Tensor> {
    match x.dim() {
        1 => diag_embed(x, diagonal, -2, -1),
        2 => super::copy::clone(
            &super::dims::diagonal(x, diagonal, 0, 1)?,
            Some(crate::MemoryFormat::Contiguous),
        ),
        n => bail!(Runtime, "diag(): Supports 1D or 2D tensors. Got {n}D"),
    }
}

fn diag_embed_body(x: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
    ensure!(
        x.dim() > 0 && x.dim() < duoc_kernels::nd::MAX_DIMS,
        Index,
        "diag_embed: expected a tensor with 1 to 63 dimensions, got {}",
        x.dim()
    );
    let n = x.dim() + 1;
    let (a, b) = (crate::layout::wrap_dim(dim1, n)?, crate::layout::wrap_dim(dim2, n)?);
    ensure!(
        a != b,
        Runtime,
        "diagonal dimensions cannot be identical {dim1}, {dim2}"
    );
    let last = x.shape()[x.dim() - 1];
    let Some(side) = usize::try_from(offset.unsigned_abs())
        .ok()
        .and_then(|o| o.checked_add(last))
    else {
        bail!(Runtime, "diag_embed: the size of the result overflows")
    };
    let mut rest = x.shape()[..x.dim() - 1].iter().copied();
    let shape: Dims = (0..n)
        .map(|k| {
            if k == a || k == b {
                side
            } else {
                rest.next().unwrap_or(1)
            }
        })
        .collect();
    let out = super::factory::zeros_of(&shape, x.dtype())?;
    super::copy::copy_data(&super::dims::diagonal(&out, offset, a as i64, b as i64)?.detach(), x)?;
    out.record("DiagEmbedBackward0", [x], |_| {
        move |_: &_, g: &Tensor| super::dims::diagonal(g, offset, a as i64, b as i64)
    })
}

fn diagflat_body(x: &Tensor, offset: i64) -> Result<Tensor> {
    diag(
        &reshape(&super::copy::contiguous(x, None)?, &[x.numel() as i64])?,
        offset,
    )
}

impl Tensor {
    /// The order of some dimensions reversed, as a copy.
    #[track_caller]
    pub fn flip(&self, dims: &[i64]) -> Tensor {
        flip(self, dims).or_throw()
    }

    /// Elements shifted along dimensions, round and round.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::from_slice(&[1i64, 2, 3]).roll(&[1], &[0]).to_vec::<i64>(), [3, 1, 2]);
    /// ```
    #[track_caller]
    pub fn roll(&self, shifts: &[i64], dims: &[i64]) -> Tensor {
        roll(self, shifts, dims).or_throw()
    }

    /// Repeated `repeats[d]` times along each dimension.
    #[track_caller]
    pub fn repeat(&self, repeats: &[i64]) -> Tensor {
        repeat(self, repeats).or_throw()
    }

    /// Each slice of a dimension (each element without one) repeated.
    #[track_caller]
    pub fn repeat_interleave(&self, repeats: i64, dim: Option<i64>) -> Tensor {
        repeat_interleave(self, repeats, dim, None).or_throw()
    }

    /// The part of matrices on and below a diagonal.
    #[track_caller]
    pub fn tril(&self, diagonal: i64) -> Tensor {
        tril(self, diagonal).or_throw()
    }

    /// The part of matrices on and above a diagonal.
    #[track_caller]
    pub fn triu(&self, diagonal: i64) -> Tensor {
        triu(self, diagonal).or_throw()
    }

    /// A copy of a matrix's diagonal, or the matrix with a vector on its diagonal.
    #[track_caller]
    pub fn diag(&self, diagonal: i64) -> Tensor {
        diag(self, diagonal).or_throw()
    }

    /// As [`Tensor::repeat`]; missing leading counts are 1.
    #[track_caller]
    pub fn tile(&self, dims: &[i64]) -> Tensor {
        tile(self, dims).or_throw()
    }

    /// Turned by `k` quarters in the plane of two dimensions.
    #[track_caller]
    pub fn rot90(&self, k: i64, dims: [i64; 2]) -> Tensor {
        rot90(self, k, &dims).or_throw()
    }

    /// Matrices with the last dimension on a diagonal; see [`diag_embed`].
    #[track_caller]
    pub fn diag_embed(&self, offset: i64, dim1: i64, dim2: i64) -> Tensor {
        diag_embed(self, offset, dim1, dim2).or_throw()
    }
}
