//! A copy with one view of it replaced: `select_scatter`, `slice_scatter`, `diagonal_scatter`, `as_strided_scatter`.

use super::dims::diagonal;
use super::index::fresh;
use super::view::{as_strided, ints, select, slice};
use crate::{Result, Tensor, ensure, ops};

ops! {
    /// A copy of `self` with index `index` of a dimension replaced by `src`.
    "select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor" [function, method]
    pub fn select_scatter(x: &Tensor, src: &Tensor, dim: i64, index: i64) -> Tensor = select_scatter_body;

    /// A copy of `self` with a slice of a dimension replaced by `src`.
    "slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor" [function, method]
    pub fn slice_scatter(x: &Tensor, src: &Tensor, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) -> Tensor = slice_scatter_body;

    /// A copy of `self` with a diagonal replaced by `src`.
    "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor" [function, method]
    pub fn diagonal_scatter(x: &Tensor, src: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Tensor = diagonal_scatter_body;

    /// A copy of `self` with the elements of a strided view replaced by `src`.
    "as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor" [function, method]
    pub fn as_strided_scatter(x: &Tensor, src: &Tensor, size: &[i64], stride: &[i64], storage_offset: Option<i64>) -> Tensor = as_strided_scatter_body;
}

/// Copies `x`, replaces the part that `view` shows by `src`, and records it: the replaced part of `x` gets no gradient.
fn patched(
    x: &Tensor,
    src: &Tensor,
    name: &'static str,
    view: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let out = fresh(x)?;
    let part = view(&out)?.detach();
    ensure!(
        part.shape() == src.shape(),
        Runtime,
        "expected src to have a size equal to the slice of self. src size = {:?}, slice size = {:?}",
        src.shape(),
        part.shape()
    );
    super::copy::copy_data(&part, src)?;
    drop(part);
    out.record(name, [x, src], |_| {
        move |c: &crate::autograd::Ctx, g: &Tensor| -> Result<[Option<Tensor>; 2]> {
            let own = if c.needs(0) {
                let kept = super::copy::clone(g, Some(crate::MemoryFormat::Contiguous))?;
                let part = view(&kept)?;
                super::copy::copy_(&part, &super::factory::zeros_of(part.shape(), g.dtype())?)?;
                Some(kept)
            } else {
                None
            };
            let src = if c.needs(1) { Some(view(g)?) } else { None };
            Ok([own, src])
        }
    })
}

fn select_scatter_body(x: &Tensor, src: &Tensor, dim: i64, index: i64) -> Result<Tensor> {
    patched(x, src, "SelectScatterBackward0", move |t| select(t, dim, index))
}

fn slice_scatter_body(
    x: &Tensor,
    src: &Tensor,
    dim: i64,
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
) -> Result<Tensor> {
    patched(x, src, "SliceScatterBackward0", move |t| {
        slice(t, dim, start, end, step)
    })
}

fn diagonal_scatter_body(x: &Tensor, src: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
    patched(x, src, "DiagonalScatterBackward0", move |t| {
        diagonal(t, offset, dim1, dim2)
    })
}

fn as_strided_scatter_body(
    x: &Tensor,
    src: &Tensor,
    size: &[i64],
    stride: &[i64],
    offset: Option<i64>,
) -> Result<Tensor> {
    // The view is described in terms of the memory of `x`, which the copy repeats: offsets count from its first element.
    let (size, stride) = (size.to_vec(), stride.to_vec());
    ensure!(
        offset.is_none_or(|o| o >= 0),
        Runtime,
        "Tensor: invalid storage offset {}",
        offset.unwrap_or(0)
    );
    let offset = offset.map(|o| o - x.storage_offset() as i64);
    ensure!(
        x.layout().is_non_overlapping_and_dense(),
        Runtime,
        "as_strided_scatter: the input of shape {:?} with strides {:?} must be dense; call contiguous() first",
        x.shape(),
        x.strides()
    );
    let strides: Vec<i64> = x.strides().iter().map(|s| *s as i64).collect();
    let shape = ints(x.shape());
    patched(x, src, "AsStridedScatterBackward0", move |t| {
        // A gradient may come with other strides than those that the view speaks of.
        let same = t.strides().iter().map(|s| *s as i64).eq(strides.iter().copied());
        let t = if same {
            t.clone()
        } else {
            let out = super::factory::zeros_of(&[t.numel()], t.dtype())?;
            let out = as_strided(&out, &shape, &strides, Some(0))?;
            super::copy::copy_(&out, t)?;
            out
        };
        as_strided(
            &t,
            &size,
            &stride,
            Some(offset.unwrap_or(0).saturating_add(t.storage_offset() as i64)),
        )
    })
}
