//! Reductions over any set of dimensions of a strided input.
//!
//! [`reduce`] is the one entry. Its results do not depend on the number of threads (see [`plan`] for the order of
//! operations), and sums are at least as accurate as PyTorch's cascades: float32 stretches are short and merged in
//! float64, variances are computed in float64 around a pivot.

mod arg;
pub(crate) mod elem;
mod fold;
mod plan;
mod var;

use half::bf16;

use crate::DType;
use fold::{FloatElem, IntElem};
use plan::Kernel;

/// What is computed over the reduced elements.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reduce {
    /// `sum x`; integers and `bool` wrap in int64. Output: int64 for integers, any float for floats.
    Sum,
    /// `sum x` with NaN counted as zero; floats only.
    NanSum,
    /// `prod x`, as [`Reduce::Sum`].
    Prod,
    /// `sum x / count`; floats only.
    Mean,
    /// `(sum |x|^p)^(1/p)`, the count of non-zeros for `p = 0`, the extreme `|x|` for `p = inf` and `-inf`; floats only.
    Norm {
        /// The exponent.
        p: f64,
    },
    /// The smallest value; NaN if there is one.
    Min,
    /// The largest value; NaN if there is one.
    Max,
    /// Output 0 the smallest, output 1 the largest value.
    AMinMax,
    /// Output 0 the smallest value, output 1 the int64 index of its first occurrence. NaN is smallest.
    MinIndex,
    /// Output 0 the largest value, output 1 the int64 index of its first occurrence. NaN is largest.
    MaxIndex,
    /// The int64 index of the first smallest value.
    ArgMin,
    /// The int64 index of the first largest value.
    ArgMax,
    /// Whether any element is not zero (NaN is not zero). Output `bool` or `u8`.
    Any,
    /// Whether all elements are not zero. Output `bool` or `u8`.
    All,
    /// The int64 number of elements that are not zero.
    CountNonzero,
    /// `sum (x - mean)^2 / max(0, count - correction)`; floats only.
    Var {
        /// Degrees of freedom taken off the count.
        correction: f64,
    },
    /// The square root of [`Reduce::Var`].
    Std {
        /// Degrees of freedom taken off the count.
        correction: f64,
    },
    /// Output 0 as [`Reduce::Var`], output 1 the mean.
    VarMean {
        /// Degrees of freedom taken off the count.
        correction: f64,
    },
    /// Output 0 as [`Reduce::Std`], output 1 the mean.
    StdMean {
        /// Degrees of freedom taken off the count.
        correction: f64,
    },
}

/// A dimension that the output has too.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Number of positions.
    pub size: usize,
    /// Byte stride in the source.
    pub src: isize,
    /// Byte strides in the outputs; the second is ignored where there is one output.
    pub dst: [isize; 2],
}

impl Kept {
    const UNIT: Kept = Kept {
        size: 1,
        src: 0,
        dst: [0; 2],
    };
}

/// A dimension that is reduced away.
#[derive(Clone, Copy, Debug)]
pub struct Reduced {
    /// Number of positions.
    pub size: usize,
    /// Byte stride in the source.
    pub src: isize,
}

impl Reduced {
    const UNIT: Reduced = Reduced { size: 1, src: 0 };
}

/// The geometry of a reduction: dimensions outermost first, in any strides. The index of an element, where one is
/// asked for, counts the reduced dimensions in the given order, last fastest. Nothing need be coalesced.
#[derive(Clone, Copy, Debug)]
pub struct Reduction<'a> {
    /// Dimensions of the output.
    pub kept: &'a [Kept],
    /// Dimensions that disappear.
    pub reduced: &'a [Reduced],
}

/// What the inner loops need besides the elements.
pub(crate) struct Params {
    /// Dtype of output 0.
    out: DType,
    /// Whether output 0 is the square root (`Std`), for the variances.
    root: bool,
    /// Exponent of a norm or correction of a variance.
    p: f64,
    /// Elements behind each output.
    count: usize,
    /// Bits that decide whether an element is zero.
    mask: u64,
}

/// Reduces `src` into `dst` (two outputs for the operations that say so, else `dst[1]` is ignored).
///
/// `out` is the dtype of output 0. For `Sum`, `NanSum`, `Prod`, `Mean`, `Norm` and the variances it may be any float if
/// the source is one, any integer otherwise; for the extrema it is the source's. Reducing no elements gives the neutral
/// element (NaN for mean and variance); the caller refuses it for extrema and indices. Returns `false`, having done
/// nothing, for a dtype that the operation does not have.
///
/// # Safety
/// Every position of `geometry` is readable at `src` and writable at the outputs, outputs overlap neither each other nor
/// the source, elements are aligned.
pub unsafe fn reduce(
    op: Reduce,
    dtype: DType,
    out: DType,
    geometry: &Reduction,
    src: *const u8,
    dst: [*mut u8; 2],
) -> bool {
    let Some(kernel) = kernel(op, dtype) else { return false };
    let (p, root) = match op {
        Reduce::Norm { p } => (p, false),
        Reduce::Var { correction } | Reduce::VarMean { correction } => (correction, false),
        Reduce::Std { correction } | Reduce::StdMean { correction } => (correction, true),
        _ => (0.0, false),
    };
    let count = geometry.reduced.iter().map(|r| r.size).product();
    let params = Params {
        out,
        root,
        p,
        count,
        mask: fold::nonzero_mask(dtype),
    };
    plan::run(&kernel, geometry, src, dst, &params);
    true
}

/// The table of an operation on a dtype.
fn kernel(op: Reduce, dtype: DType) -> Option<Kernel> {
    use DType::*;
    match dtype {
        F32 => float::<f32>(op).or_else(|| ordered::<f32>(op)),
        F64 => float::<f64>(op).or_else(|| ordered::<f64>(op)),
        // Widened before the kernel sees them.
        F16 => float::<f32>(op).or_else(|| ordered::<f32>(op)).map(|k| Kernel {
            size: 2,
            half: true,
            ..k
        }),
        BF16 => float::<bf16>(op).or_else(|| ordered::<bf16>(op)),
        // A bool is a byte that is 0 or 1.
        Bool | U8 => int::<u8>(op).or_else(|| ordered::<u8>(op)),
        I8 => int::<i8>(op).or_else(|| ordered::<i8>(op)),
        I16 => int::<i16>(op).or_else(|| ordered::<i16>(op)),
        I32 => int::<i32>(op).or_else(|| ordered::<i32>(op)),
        I64 => int::<i64>(op).or_else(|| ordered::<i64>(op)),
        _ => None,
    }
    .or_else(|| match (dtype.size(), dtype.is_complex()) {
        (_, true) => None,
        (1, _) => bits::<u8>(op),
        (2, _) => bits::<u16>(op),
        (4, _) => bits::<u32>(op),
        _ => bits::<u64>(op),
    })
}

/// Operations that only floats have, or have in a form of their own.
fn float<E: FloatElem>(op: Reduce) -> Option<Kernel> {
    Some(match op {
        Reduce::Sum => fold::kernel::<fold::SumFloat<E>>(),
        Reduce::NanSum => fold::kernel::<fold::NanSum<E>>(),
        Reduce::Prod => fold::kernel::<fold::ProdFloat<E>>(),
        Reduce::Mean => fold::mean::<E>(),
        Reduce::Norm { p: 1.0 } => fold::kernel::<fold::Norm1<E>>(),
        Reduce::Norm { p: 2.0 } => fold::kernel::<fold::Norm2<E>>(),
        Reduce::Norm { p: f64::INFINITY } => fold::kernel::<fold::NormMax<E>>(),
        Reduce::Norm { p: f64::NEG_INFINITY } => fold::plain::<fold::NormMin<E>>(),
        Reduce::Norm { p: 0.0 } => fold::plain::<fold::Norm0<E>>(),
        Reduce::Norm { .. } => fold::plain::<fold::NormP<E>>(),
        Reduce::Var { .. } | Reduce::Std { .. } => var::kernel::<E>(false),
        Reduce::VarMean { .. } | Reduce::StdMean { .. } => var::kernel::<E>(true),
        _ => return None,
    })
}

/// Operations that integers have in a form of their own.
fn int<E: IntElem>(op: Reduce) -> Option<Kernel> {
    Some(match op {
        Reduce::Sum => fold::kernel::<fold::SumInt<E>>(),
        Reduce::Prod => fold::plain::<fold::ProdInt<E>>(),
        _ => return None,
    })
}

/// Operations that rest on the order of the values.
fn ordered<E: elem::Elem>(op: Reduce) -> Option<Kernel> {
    Some(match op {
        Reduce::Min => fold::kernel::<fold::Min<E>>(),
        Reduce::Max => fold::kernel::<fold::Max<E>>(),
        Reduce::AMinMax => arg::min_max::<E>(),
        Reduce::MinIndex => arg::kernel::<E, arg::Smallest>(true),
        Reduce::MaxIndex => arg::kernel::<E, arg::Largest>(true),
        Reduce::ArgMin => arg::kernel::<E, arg::Smallest>(false),
        Reduce::ArgMax => arg::kernel::<E, arg::Largest>(false),
        _ => return None,
    })
}

/// Operations that ask only whether an element is zero.
fn bits<B: fold::Bits>(op: Reduce) -> Option<Kernel> {
    Some(match op {
        Reduce::Any => fold::kernel::<fold::Any<B>>(),
        Reduce::All => fold::kernel::<fold::All<B>>(),
        Reduce::CountNonzero => fold::kernel::<fold::CountNonzero<B>>(),
        _ => return None,
    })
}
