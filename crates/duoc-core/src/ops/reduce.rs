//! Reductions.

use crate::layout::Layout;
use crate::{DType, OrThrow, Result, Tensor, ops};

ops! {
    /// The sum of all elements.
    "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor" [function, method]
    pub fn sum(x: &Tensor, dtype: Option<DType>) -> Tensor = sum_body;
}

fn sum_body(x: &Tensor, dtype: Option<DType>) -> Result<Tensor> {
    sum_dims(x, None, false, dtype)
}

/// The sum over some dimensions (all when None).
pub(crate) fn sum_dims(x: &Tensor, dims: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    let dtype = dtype.unwrap_or(if x.dtype().is_differentiable() {
        x.dtype()
    } else {
        DType::I64
    });
    let mut reduced = vec![dims.is_none(); x.dim()];
    for d in dims.unwrap_or(&[]) {
        reduced[x.wrap_dim(*d)?] = true;
    }
    let full: Vec<usize> = (0..x.dim())
        .map(|d| if reduced[d] { 1 } else { x.shape()[d] })
        .collect();
    let n: usize = full.iter().product();
    let values = x.try_to_vec::<f64>()?;
    let mut sums = vec![0.0f64; n];
    let places = Layout::contiguous(x.shape(), DType::U8)?;
    let strides = crate::layout::contiguous_strides(&full);
    for (i, v) in values.iter().enumerate() {
        let at: isize = (0..x.dim())
            .filter(|d| !reduced[*d])
            .map(|d| (i / places.strides()[d] as usize % x.shape()[d]) as isize * strides[d])
            .sum();
        sums[at as usize] += v;
    }
    let out = super::copy::to_dtype(&Tensor::try_from_slice(&sums, &full)?, dtype)?;
    let shape: crate::layout::Dims = x.shape().into();
    let out = out.record("SumBackward1", [x], |_| {
        move |_: &_, g: &Tensor| super::shape::expand(g, &super::view::ints(&shape), false)
    })?;
    if keepdim {
        return Ok(out);
    }
    let kept: Vec<i64> = (0..x.dim())
        .filter(|d| !reduced[*d])
        .map(|d| x.shape()[d] as i64)
        .collect();
    super::view::view(&out, &kept)
}

/// The place in memory of every index of a layout, in row-major order, counted from element `lowest`.
pub(crate) fn positions(l: &Layout, lowest: usize) -> Result<Vec<i64>> {
    let mut places = vec![(l.offset() - lowest) as i64];
    for (n, s) in l.shape().iter().zip(l.strides()) {
        places = places
            .iter()
            .flat_map(|p| (0..*n as i64).map(move |i| p + i * *s as i64))
            .collect();
    }
    Ok(places)
}

/// `flat` with `values[i]` added at `places[i]`, differentiable in `values`.
pub(crate) fn add_at(flat: &Tensor, places: &[i64], values: &Tensor) -> Result<Tensor> {
    let mut sums = flat.try_to_vec::<f64>()?;
    for (p, v) in places.iter().zip(values.try_to_vec::<f64>()?) {
        sums[*p as usize] += v;
    }
    super::copy::to_dtype(&Tensor::from_vec(sums), flat.dtype())
}

impl Tensor {
    /// The sum of all elements.
    #[track_caller]
    pub fn sum(&self) -> Tensor {
        sum(self, None).or_throw()
    }
}
