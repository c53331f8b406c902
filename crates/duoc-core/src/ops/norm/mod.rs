//! Normalisation: fused kernels forward and backward, and the same formulas in plain ops, which serve gradients of
//! gradients.

pub mod batch;
pub mod group;
pub mod layer;
pub mod weight;

use crate::ops::arith::{add, mul, sub};
use crate::ops::copy::to_dtype;
use crate::ops::index::dense;
use crate::ops::pointwise::converted;
use crate::ops::reduce::mean_dim;
use crate::ops::unary::rsqrt;
use crate::storage::{Mode, access};
use crate::{DType, Result, Scalar, Tensor, ensure};

const ONE: Scalar = Scalar::Int(1);

/// What 16-bit floats are computed in: statistics and weights have this type in the kernels.
fn computing(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}

/// An optional operand in the computing type, row-major, outside the graph.
fn number(t: Option<&Tensor>, dtype: DType) -> Result<Option<Tensor>> {
    t.map(|t| dense(&converted(&t.detach(), computing(dtype))?)).transpose()
}

/// PyTorch's rule for weights of another dtype than the input: float32 beside a 16-bit input. The dtype of statistics.
fn check_mixed(x: &Tensor, parameters: &[Option<&Tensor>]) -> Result<DType> {
    let first = parameters.iter().flatten().next();
    let Some(first) = first.filter(|t| t.dtype() != x.dtype()) else {
        return Ok(x.dtype());
    };
    let _ = first;
    ensure!(
        matches!(x.dtype(), DType::F16 | DType::BF16) && parameters.iter().flatten().all(|t| t.dtype() == DType::F32),
        Runtime,
        "mixed dtype (CPU): expect parameter to have scalar type of Float"
    );
    Ok(DType::F32)
}

/// Runs a kernel over operands some of which are absent (null), the written ones last.
fn run<const N: usize, const M: usize>(
    read: [Option<&Tensor>; N],
    written: [Option<&Tensor>; M],
    f: impl FnOnce([*mut u8; N], [*mut u8; M]) -> bool,
) -> Result<bool> {
    let mut operands: Vec<(&Tensor, Mode)> = Vec::with_capacity(N + M);
    operands.extend(read.iter().flatten().map(|t| (*t, Mode::Read)));
    operands.extend(written.iter().flatten().map(|t| (*t, Mode::Init)));
    access::access_many(&operands, |ptrs| {
        let mut next = ptrs.iter();
        let mut place = |t: Option<&Tensor>| match t {
            Some(_) => next.next().copied().unwrap_or(std::ptr::null_mut()),
            None => std::ptr::null_mut(),
        };
        let read = read.map(&mut place);
        Ok(f(read, written.map(place)))
    })
}

/// The standardised input over `dims`, and the gradient of `x` when that of the standardised input is `h`:
/// `rstd (h - mean h - unit mean(h unit))`. In plain ops, in the computing type.
fn reference(h: &Tensor, x: &Tensor, dims: &[i64], centred: bool, eps: f64) -> Result<(Tensor, Tensor)> {
    let wide = computing(x.dtype());
    let (h, x) = (to_dtype(h, wide)?, to_dtype(x, wide)?);
    let mean = |t: &Tensor| mean_dim(t, Some(dims), true, None);
    let d = if centred { sub(&x, &mean(&x)?, ONE)? } else { x };
    let rstd = rsqrt(&add(&mean(&mul(&d, &d)?)?, &Tensor::wrapped(eps)?, ONE)?)?;
    let unit = mul(&d, &rstd)?;
    let along = mul(&unit, &mean(&mul(&h, &unit)?)?)?;
    let rest = if centred { sub(&h, &mean(&h)?, ONE)? } else { h };
    let dx = mul(&rstd, &sub(&rest, &along, ONE)?)?;
    Ok((unit, dx))
}
