//! What all reductions share: dimensions as a set, output shapes, the call of the kernel, and the way back of a gradient.

use crate::layout::Dims;
use crate::ops::shape::expand;
use crate::ops::view::{ints, view};
use crate::storage::{Mode, access};
use crate::{DType, Result, Tensor, bail, ensure};
use duoc_kernels::reduce::{Kept, Reduce, Reduced, Reduction, reduce};
use smallvec::SmallVec;

/// A set of dimensions, bit `d` for dimension `d`. Tensors with more than 64 have only the set of all dimensions, as in
/// PyTorch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DimSet(u64);

fn check_rank(x: &Tensor) -> Result<()> {
    ensure!(x.dim() <= 64, Runtime, "only tensors with up to 64 dims are supported");
    Ok(())
}

impl DimSet {
    /// Every dimension of `x`.
    pub(crate) fn all(x: &Tensor) -> DimSet {
        DimSet(match x.dim() {
            0 => 0,
            n => u64::MAX >> (64 - n.min(64)),
        })
    }

    /// One dimension, which may count from the end.
    pub(crate) fn one(x: &Tensor, dim: i64) -> Result<DimSet> {
        let d = x.wrap_dim(dim)?;
        check_rank(x)?;
        Ok(DimSet(1 << d))
    }

    /// The dimensions of a `dim=` argument: all when there is none or the list is empty.
    pub(crate) fn of(x: &Tensor, dims: Option<&[i64]>) -> Result<DimSet> {
        match dims {
            None | Some([]) => Ok(DimSet::all(x)),
            Some(dims) => DimSet::exactly(x, dims),
        }
    }

    /// The listed dimensions; an error when one is listed twice.
    pub(crate) fn exactly(x: &Tensor, dims: &[i64]) -> Result<DimSet> {
        check_rank(x)?;
        let mut set = 0;
        for dim in dims {
            let d = x.wrap_dim(*dim)?;
            ensure!(
                set >> d & 1 == 0,
                Runtime,
                "dim {d} appears multiple times in the list of dims"
            );
            set |= 1 << d;
        }
        Ok(DimSet(set))
    }

    /// Whether dimension `d` is in the set.
    pub(crate) fn has(self, d: usize) -> bool {
        // The set of all has the last bit, which stands for all further dimensions.
        self.0 >> d.min(63) & 1 == 1
    }

    /// Number of elements of `shape` behind each element of the result.
    pub(crate) fn count(self, shape: &[usize]) -> usize {
        shape
            .iter()
            .enumerate()
            .filter(|(d, _)| self.has(*d))
            .map(|(_, n)| *n)
            .product()
    }

    /// The dimensions as a list.
    pub(crate) fn list(self) -> SmallVec<[i64; 5]> {
        (0..64).filter(|d| self.has(*d)).map(|d| d as i64).collect()
    }

    /// The shape of the result.
    pub(crate) fn result(self, shape: &[usize], keepdim: bool) -> Dims {
        let kept = shape.iter().enumerate().filter(|(d, _)| keepdim || !self.has(*d));
        kept.map(|(d, n)| if self.has(d) { 1 } else { *n }).collect()
    }

    /// A result or its gradient with the reduced dimensions back as size 1, to broadcast against the input.
    pub(crate) fn keep(self, y: &Tensor, shape: &[usize], keepdim: bool) -> Result<Tensor> {
        if keepdim || shape.is_empty() {
            return Ok(y.clone());
        }
        view_or_copy(y, &self.result(shape, true))
    }

    /// The gradient of a result expanded to the shape of the input.
    pub(crate) fn spread(self, g: &Tensor, shape: &[usize], keepdim: bool) -> Result<Tensor> {
        expand(&self.keep(g, shape, keepdim)?, &ints(shape), false)
    }
}

fn view_or_copy(x: &Tensor, shape: &[usize]) -> Result<Tensor> {
    match x.layout().view(shape) {
        Some(_) => view(x, &ints(shape)),
        None => crate::ops::view::reshape(x, &ints(shape)),
    }
}

/// Reduces `x` over `dims`; `N` outputs of the given dtypes. `name` is PyTorch's kernel name, for the error.
pub(crate) fn run<const N: usize>(
    op: Reduce,
    name: &str,
    x: &Tensor,
    dims: DimSet,
    keepdim: bool,
    out: [DType; N],
) -> Result<[Tensor; N]> {
    if x.dtype().is_complex()
        && let Some([y]) = super::complex::run_complex(op, x, dims, keepdim, out[0])?
    {
        return <[Tensor; N]>::try_from(vec![y]).map_err(|_| crate::err!(Runtime, "{name}: one output"));
    }
    let shape = dims.result(x.shape(), keepdim);
    let mut outputs: SmallVec<[Tensor; 2]> = SmallVec::new();
    for dtype in out {
        outputs.push(Tensor::uninit(&shape, dtype)?);
    }
    let size = x.dtype().size() as isize;
    let (mut kept, mut reduced) = (SmallVec::<[Kept; 6]>::new(), SmallVec::<[Reduced; 6]>::new());
    let mut step: isize = 1;
    for d in (0..x.dim()).rev() {
        let (n, src) = (x.shape()[d], x.strides()[d].saturating_mul(size));
        if dims.has(d) {
            reduced.push(Reduced { size: n, src });
        } else {
            let dst = [0, 1].map(|k| step * out.get(k).map_or(0, |d| d.size() as isize));
            kept.push(Kept { size: n, src, dst });
            step *= n as isize;
        }
    }
    kept.reverse();
    reduced.reverse();
    let geometry = Reduction {
        kept: &kept,
        reduced: &reduced,
    };
    let mut operands: SmallVec<[(&Tensor, Mode); 3]> = SmallVec::new();
    operands.push((x, Mode::Read));
    operands.extend(outputs.iter().map(|t| (t, Mode::Init)));
    let known = access::access_many(&operands, |ptrs| {
        let dst = [ptrs[1], ptrs.get(2).copied().unwrap_or(ptrs[1])];
        // SAFETY: the geometry is that of `x` and of fresh contiguous outputs, all locked.
        Ok(unsafe { reduce(op, x.dtype(), out[0], &geometry, ptrs[0], dst) })
    })?;
    drop(operands);
    ensure!(
        known,
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let Ok(outputs) = <[Tensor; N]>::try_from(outputs.into_vec()) else {
        bail!(Runtime, "{name}: wrong number of outputs")
    };
    Ok(outputs)
}
