//! Copies of views: each op makes the view of its name and copies it, so that the result has memory of its own.

use super::view;
use crate::{DType, Result, Tensor, ops};

/// The copy of a view, dense and in the order of its dimensions.
fn dense(x: Tensor) -> Result<Tensor> {
    super::copy::clone(&super::parts::resolved(&x)?, Some(crate::MemoryFormat::Contiguous))
}

fn itself(x: &Tensor) -> Result<Tensor> {
    Ok(x.clone())
}

fn each(parts: Vec<Tensor>) -> Result<Vec<Tensor>> {
    parts.into_iter().map(dense).collect()
}

macro_rules! copies {
    ($(
        $schema:literal [$($word:ident),*]
        $name:ident ($x:ident $(, $arg:ident: $ty:ty)*) -> $result:ty = $how:ident $view:expr;
    )*) => {
        ops! {
            $(
                /// A copy, in memory of its own, of what the op of this name without `_copy` gives.
                $schema [$($word),*]
                pub fn $name($x: &Tensor $(, $arg: $ty)*) -> $result = body::$name;
            )*
        }

        mod body {
            use super::*;
            $(
                pub fn $name($x: &Tensor $(, $arg: $ty)*) -> Result<$result> {
                    $how($view?)
                }
            )*
        }
    };
}

copies! {
    "alias_copy(Tensor self) -> Tensor" [function, out] alias_copy(x) -> Tensor = dense itself(x);
    "as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor" [function, out]
        as_strided_copy(x, size: &[i64], stride: &[i64], offset: Option<i64>) -> Tensor = dense view::as_strided(x, size, stride, offset);
    "detach_copy(Tensor self) -> Tensor" [function, out] detach_copy(x) -> Tensor = dense view::detach(x);
    "diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor" [function, out]
        diagonal_copy(x, offset: i64, dim1: i64, dim2: i64) -> Tensor = dense super::super::dims::diagonal(x, offset, dim1, dim2);
    "expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor" [function, out]
        expand_copy(x, size: &[i64], implicit: bool) -> Tensor = dense super::super::shape::expand(x, size, implicit);
    "narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor" [function, out]
        narrow_copy(x, dim: i64, start: i64, length: i64) -> Tensor = dense view::narrow(x, dim, start, length);
    "permute_copy(Tensor self, int[] dims) -> Tensor" [function, out] permute_copy(x, dims: &[i64]) -> Tensor = dense view::permute(x, dims);
    "select_copy.int(Tensor self, int dim, SymInt index) -> Tensor" [function, out]
        select_copy(x, dim: i64, index: i64) -> Tensor = dense view::select(x, dim, index);
    "slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor" [function, out]
        slice_copy(x, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) -> Tensor = dense view::slice(x, dim, start, end, step);
    "squeeze_copy(Tensor self) -> Tensor" [function, out] squeeze_copy(x) -> Tensor = dense view::squeeze(x);
    "squeeze_copy.dim(Tensor self, int dim) -> Tensor" [function, out] squeeze_copy_dim(x, dim: i64) -> Tensor = dense view::squeeze_dim(x, dim);
    "squeeze_copy.dims(Tensor self, int[] dim) -> Tensor" [function, out]
        squeeze_copy_dims(x, dim: &[i64]) -> Tensor = dense view::squeeze_dims(x, dim);
    "t_copy(Tensor self) -> Tensor" [function, out] t_copy(x) -> Tensor = dense view::t(x);
    "transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor" [function, out]
        transpose_copy(x, dim0: i64, dim1: i64) -> Tensor = dense view::transpose(x, dim0, dim1);
    "unsqueeze_copy(Tensor self, int dim) -> Tensor" [function, out] unsqueeze_copy(x, dim: i64) -> Tensor = dense view::unsqueeze(x, dim);
    "view_copy(Tensor self, SymInt[] size) -> Tensor" [function, out] view_copy(x, size: &[i64]) -> Tensor = dense view::reshape(x, size);
    "view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor" [function, out] view_copy_dtype(x, dtype: DType) -> Tensor = dense view::view_dtype(x, dtype);
    "view_as_real_copy(Tensor self) -> Tensor" [function, out] view_as_real_copy(x) -> Tensor = dense super::super::parts::view_as_real(x);
    "view_as_complex_copy(Tensor self) -> Tensor" [function, out] view_as_complex_copy(x) -> Tensor = dense super::super::parts::view_as_complex(&super::super::copy::contiguous(x, None)?);
    "unbind_copy.int(Tensor self, int dim=0) -> Tensor[]" [function] unbind_copy(x, dim: i64) -> Vec<Tensor> = each view::unbind(x, dim);
    "split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]" [function]
        split_with_sizes_copy(x, split_sizes: &[i64], dim: i64) -> Vec<Tensor> = each view::split_with_sizes(x, split_sizes, dim);
}
