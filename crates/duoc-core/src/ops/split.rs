//! Cutting a tensor into pieces: `split`, `chunk`, `tensor_split` and kin. The pieces are views.

use super::view::{narrow, pieces, slice, split_with_sizes};
use crate::{DType, OrThrow, Result, Tensor, ensure, ops};

ops! {
    /// Pieces of `split_size` along a dimension; the last may be smaller.
    "split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]" [function, method]
    pub fn split(x: &Tensor, split_size: i64, dim: i64) -> Vec<Tensor> = split_body;

    /// Pieces of the given sizes along a dimension.
    "split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]" [function, method]
    pub fn split_sizes(x: &Tensor, split_size: &[i64], dim: i64) -> Vec<Tensor> = split_sizes_body;

    /// `chunks` pieces of equal size along a dimension; the last may be smaller, and there may be fewer.
    "chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]" [function, method]
    pub fn chunk(x: &Tensor, chunks: i64, dim: i64) -> Vec<Tensor> = chunk_body;

    /// As `split.Tensor`; the pieces may be changed in place.
    "unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]" [function, method]
    pub fn unsafe_split(x: &Tensor, split_size: i64, dim: i64) -> Vec<Tensor> = unsafe_split_body;

    /// As `chunk`; the pieces may be changed in place.
    "unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]" [function, method]
    pub fn unsafe_chunk(x: &Tensor, chunks: i64, dim: i64) -> Vec<Tensor> = unsafe_chunk_body;

    /// `sections` pieces whose sizes differ by at most one, larger ones first.
    "tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]" [function, method]
    pub fn tensor_split_sections(x: &Tensor, sections: i64, dim: i64) -> Vec<Tensor> = sections_body;

    /// The pieces between the given indices of a dimension.
    "tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]" [function, method]
    pub fn tensor_split(x: &Tensor, indices: &[i64], dim: i64) -> Vec<Tensor> = indices_body;

    /// As the other two, the number or the indices being a tensor.
    "tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]" [function, method]
    pub fn tensor_split_tensor(x: &Tensor, tensor_indices_or_sections: &Tensor, dim: i64) -> Vec<Tensor> = tensor_split_tensor_body;

    /// `sections` equal pieces along dimension 1 (0 for vectors).
    "hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]" [function, method]
    pub fn hsplit(x: &Tensor, sections: i64) -> Vec<Tensor> = hsplit_body;

    /// The pieces between indices of dimension 1 (0 for vectors).
    "hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]" [function, method]
    pub fn hsplit_at(x: &Tensor, indices: &[i64]) -> Vec<Tensor> = hsplit_at_body;

    /// `sections` equal pieces along dimension 0.
    "vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]" [function, method]
    pub fn vsplit(x: &Tensor, sections: i64) -> Vec<Tensor> = vsplit_body;

    /// The pieces between indices of dimension 0.
    "vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]" [function, method]
    pub fn vsplit_at(x: &Tensor, indices: &[i64]) -> Vec<Tensor> = vsplit_at_body;

    /// `sections` equal pieces along dimension 2.
    "dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]" [function, method]
    pub fn dsplit(x: &Tensor, sections: i64) -> Vec<Tensor> = dsplit_body;

    /// The pieces between indices of dimension 2.
    "dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]" [function, method]
    pub fn dsplit_at(x: &Tensor, indices: &[i64]) -> Vec<Tensor> = dsplit_at_body;
}

/// Most pieces of one call; an empty dimension could be cut into any number.
const MOST_PIECES: i64 = 1 << 22;

/// The dimension and the sizes of pieces of `split_size`.
fn even(x: &Tensor, split_size: i64, dim: i64) -> Result<(usize, Vec<i64>)> {
    ensure!(x.dim() > 0, Runtime, "split expects at least a 1-dimensional tensor");
    ensure!(
        split_size >= 0,
        Runtime,
        "split expects split_size be non-negative, but got split_size={split_size}"
    );
    let d = x.wrap_dim(dim)?;
    let n = x.shape()[d] as i64;
    ensure!(
        split_size > 0 || n == 0,
        Runtime,
        "split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
    );
    let count = if split_size == 0 {
        1
    } else {
        (n - 1).div_euclid(split_size) + 1
    }
    .max(1);
    Ok((d, sizes_of(n, split_size, count)?))
}

/// `count` sizes: all `size` but the last, which is what remains of `n`.
fn sizes_of(n: i64, size: i64, count: i64) -> Result<Vec<i64>> {
    ensure!(count <= MOST_PIECES, Runtime, "split: {count} pieces are too many");
    let mut sizes = Vec::with_capacity(count as usize);
    sizes.extend((0..count).map(|i| if i + 1 == count { n - i * size } else { size }));
    Ok(sizes)
}

fn split_body(x: &Tensor, split_size: i64, dim: i64) -> Result<Vec<Tensor>> {
    let (d, sizes) = even(x, split_size, dim)?;
    pieces(x, d, &sizes, "SplitBackward0")
}

fn split_sizes_body(x: &Tensor, split_size: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    split_with_sizes(x, split_size, dim)
}

/// The size of a chunk, and how many of them when the dimension is empty.
fn chunk_size(x: &Tensor, chunks: i64, dim: i64) -> Result<(usize, i64)> {
    ensure!(x.dim() > 0, Runtime, "chunk expects at least a 1-dimensional tensor");
    ensure!(
        chunks > 0,
        Runtime,
        "chunk expects `chunks` to be greater than 0, got: {chunks}"
    );
    let d = x.wrap_dim(dim)?;
    let n = x.shape()[d] as i64;
    Ok((d, if n == 0 { 0 } else { (n - 1) / chunks + 1 }))
}

fn chunk_body(x: &Tensor, chunks: i64, dim: i64) -> Result<Vec<Tensor>> {
    let (d, size) = chunk_size(x, chunks, dim)?;
    if size == 0 {
        // An empty dimension still gives the asked number of (empty) chunks.
        return split_with_sizes(x, &sizes_of(0, 0, chunks)?, d as i64);
    }
    split(x, size, d as i64)
}

/// The pieces as tensors that are not views of `x` for autograd.
fn apart(x: &Tensor, d: usize, sizes: &[i64], name: &'static str) -> Result<Vec<Tensor>> {
    let outs: Vec<Tensor> = pieces(&x.detach(), d, sizes, name)?.iter().map(Tensor::data).collect();
    let (shape, dtype): (crate::layout::Dims, DType) = (x.shape().into(), x.dtype());
    let sizes = sizes.to_vec();
    crate::autograd::record::record_many(&outs, name, &[Some(x)], |_| {
        move |_: &_, g: &[Option<Tensor>]| {
            let out = super::factory::zeros_of(&shape, dtype)?;
            let mut start = 0;
            for (g, n) in g.iter().zip(&sizes) {
                if let Some(g) = g {
                    super::copy::copy_(&narrow(&out, d as i64, start, *n)?, g)?;
                }
                start += n;
            }
            Ok(out)
        }
    })?;
    Ok(outs)
}

fn unsafe_split_body(x: &Tensor, split_size: i64, dim: i64) -> Result<Vec<Tensor>> {
    let (d, sizes) = even(x, split_size, dim)?;
    apart(x, d, &sizes, "UnsafeSplitBackward0")
}

fn unsafe_chunk_body(x: &Tensor, chunks: i64, dim: i64) -> Result<Vec<Tensor>> {
    let (d, size) = chunk_size(x, chunks, dim)?;
    if size == 0 {
        return apart(x, d, &sizes_of(0, 0, chunks)?, "UnsafeSplitWithSizesBackward0");
    }
    unsafe_split(x, size, d as i64)
}

fn sections_body(x: &Tensor, sections: i64, dim: i64) -> Result<Vec<Tensor>> {
    ensure!(
        x.dim() > 0,
        Runtime,
        "tensor_split expected at least a 1-dimensional tensor, but got a tensor with {} dims",
        x.dim()
    );
    let d = x.wrap_dim(dim)?;
    ensure!(
        sections > 0,
        Runtime,
        "number of sections must be larger than 0, got {sections}"
    );
    let n = x.shape()[d] as i64;
    ensure!(
        sections <= MOST_PIECES,
        Runtime,
        "tensor_split: {sections} sections are too many"
    );
    let mut outs = Vec::with_capacity(sections as usize);
    let mut start = 0;
    for i in 0..sections {
        let size = n / sections + i64::from(i < n % sections);
        outs.push(slice(x, d as i64, Some(start), Some(start + size), 1)?);
        start += size;
    }
    Ok(outs)
}

fn indices_body(x: &Tensor, indices: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    ensure!(
        x.dim() > 0,
        Runtime,
        "tensor_split expected at least a 1-dimensional tensor, but got a tensor with {} dims",
        x.dim()
    );
    let d = x.wrap_dim(dim)? as i64;
    let mut start = 0;
    let mut outs = Vec::with_capacity(indices.len() + 1);
    for end in indices {
        outs.push(slice(x, d, Some(start), Some(*end), 1)?);
        start = *end;
    }
    outs.push(slice(x, d, Some(start), None, 1)?);
    Ok(outs)
}

fn tensor_split_tensor_body(x: &Tensor, at: &Tensor, dim: i64) -> Result<Vec<Tensor>> {
    ensure!(
        at.dtype() == DType::I64,
        Runtime,
        "tensor_split expected tensor_indices_or_sections to have dtype of long, but got {}",
        at.dtype().scalar_type_name()
    );
    ensure!(
        at.dim() <= 1,
        Runtime,
        "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with {} dims",
        at.dim()
    );
    let values = at.try_to_vec::<i64>()?;
    match at.dim() {
        0 => tensor_split_sections(x, values[0], dim),
        _ => tensor_split(x, &values, dim),
    }
}

/// The dimension of an `hsplit`, `vsplit` or `dsplit` of a tensor with at least `needed` dimensions.
fn check_rank(op: &str, x: &Tensor, needed: usize) -> Result<()> {
    ensure!(
        x.dim() >= needed,
        Runtime,
        "torch.{op} requires a tensor with at least {needed} dimension, but got a tensor with {} dimensions!",
        x.dim()
    );
    Ok(())
}

fn equal_sections(op: &str, x: &Tensor, sections: i64, d: usize) -> Result<Vec<Tensor>> {
    let n = x.shape()[d] as i64;
    ensure!(
        sections != 0 && n % sections == 0,
        Runtime,
        "torch.{op} attempted to split along dimension {d}, but the size of the dimension {n} is not divisible by the split_size {sections}!"
    );
    tensor_split_sections(x, sections, d as i64)
}

fn hsplit_body(x: &Tensor, sections: i64) -> Result<Vec<Tensor>> {
    check_rank("hsplit", x, 1)?;
    equal_sections("hsplit", x, sections, usize::from(x.dim() > 1))
}

fn hsplit_at_body(x: &Tensor, indices: &[i64]) -> Result<Vec<Tensor>> {
    check_rank("hsplit", x, 1)?;
    tensor_split(x, indices, i64::from(x.dim() > 1))
}

fn vsplit_body(x: &Tensor, sections: i64) -> Result<Vec<Tensor>> {
    check_rank("vsplit", x, 2)?;
    equal_sections("vsplit", x, sections, 0)
}

fn vsplit_at_body(x: &Tensor, indices: &[i64]) -> Result<Vec<Tensor>> {
    check_rank("vsplit", x, 2)?;
    tensor_split(x, indices, 0)
}

fn dsplit_body(x: &Tensor, sections: i64) -> Result<Vec<Tensor>> {
    check_rank("dsplit", x, 3)?;
    equal_sections("dsplit", x, sections, 2)
}

fn dsplit_at_body(x: &Tensor, indices: &[i64]) -> Result<Vec<Tensor>> {
    check_rank("dsplit", x, 3)?;
    tensor_split(x, indices, 2)
}

impl Tensor {
    /// Pieces of `split_size` along a dimension, as views.
    #[track_caller]
    pub fn split(&self, split_size: i64, dim: i64) -> Vec<Tensor> {
        split(self, split_size, dim).or_throw()
    }

    /// `chunks` pieces along a dimension, as views.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let parts = Tensor::from_slice(&[1i64, 2, 3, 4, 5]).chunk(2, 0);
    /// assert_eq!(parts[1].to_vec::<i64>(), [4, 5]);
    /// ```
    #[track_caller]
    pub fn chunk(&self, chunks: i64, dim: i64) -> Vec<Tensor> {
        chunk(self, chunks, dim).or_throw()
    }
}
