//! Reductions of complex numbers, made of those of their parts.

use super::run::{DimSet, run};
use crate::autograd::no_grad;
use crate::iter::{Dest, elementwise};
use crate::ops::arith::mul;
use crate::ops::parts::{to_part, view_as_complex, view_as_real};
use crate::ops::view::{ints, permute, reshape, slice, view};
use crate::{DType, Result, Tensor};
use duoc_kernels::pointwise::{Predicate, modulus, predicate};
use duoc_kernels::reduce::Reduce;

/// What [`run`] answers for a complex input; None where complex numbers have no such reduction.
pub(super) fn run_complex(
    op: Reduce,
    x: &Tensor,
    dims: DimSet,
    keepdim: bool,
    out: DType,
) -> Result<Option<[Tensor; 1]>> {
    // The engine reduces gradients without the gate, conjugate views among them.
    let x = &no_grad(|| crate::ops::parts::resolved(x))?;
    no_grad(|| match op {
        Reduce::Sum | Reduce::Mean => parts(op, x, dims, keepdim).map(Some),
        Reduce::Prod => product(x, dims, keepdim).map(|y| Some([y])),
        Reduce::Any | Reduce::All | Reduce::CountNonzero => {
            let Some(kernel) = predicate(Predicate::NonZero, x.dtype()) else {
                return Ok(None);
            };
            let truth = elementwise(Dest::New, DType::Bool, &[x], kernel, std::ptr::null(), 1)?;
            run(op, "", &truth, dims, keepdim, [out]).map(Some)
        }
        Reduce::Norm { .. } => {
            let sizes = to_part(modulus, x)?;
            run(op, "", &sizes, dims, keepdim, [sizes.dtype()]).map(Some)
        }
        // The spread around the mean is that of the parts together.
        Reduce::Var { .. } => {
            let [both] = real_parts(op, x, dims, keepdim)?;
            let d = both.dim();
            run(
                Reduce::Sum,
                "",
                &both,
                DimSet::one(&both, d as i64 - 1)?,
                false,
                [both.dtype()],
            )
            .map(Some)
        }
        Reduce::Std { correction } => {
            let Some([y]) = run_complex(Reduce::Var { correction }, x, dims, keepdim, out)? else {
                return Ok(None);
            };
            crate::ops::unary::sqrt(&y).map(|y| Some([y]))
        }
        _ => Ok(None),
    })
}

/// The reduction of each part; the parts are the last dimension.
fn real_parts(op: Reduce, x: &Tensor, dims: DimSet, keepdim: bool) -> Result<[Tensor; 1]> {
    if x.dim() == 0 {
        // The parts must not be taken for the dimension of a number.
        let row = view(x, &[1])?;
        return real_parts(op, &row, DimSet::one(&row, 0)?, false);
    }
    let x = view_as_real(x)?;
    run(op, "sum_cpu", &x, dims, keepdim, [x.dtype()])
}

fn parts(op: Reduce, x: &Tensor, dims: DimSet, keepdim: bool) -> Result<[Tensor; 1]> {
    let [y] = real_parts(op, x, dims, keepdim)?;
    Ok([view_as_complex(&y)?])
}

/// The product: pairs of halves are multiplied until one number is left.
fn product(x: &Tensor, dims: DimSet, keepdim: bool) -> Result<Tensor> {
    let shape = dims.result(x.shape(), keepdim);
    let kept = (0..x.dim()).filter(|d| !dims.has(*d));
    let order: Vec<i64> = kept
        .chain((0..x.dim()).filter(|d| dims.has(*d)))
        .map(|d| d as i64)
        .collect();
    let n = dims.count(x.shape()) as i64;
    let rows = shape.iter().product::<usize>() as i64;
    let mut y = reshape(&permute(x, &order)?, &[rows, n])?;
    let mut n = n;
    if n == 0 {
        return crate::ops::factory::full_of(&shape, crate::Scalar::Int(1), x.dtype());
    }
    while n > 1 {
        let half = n / 2;
        let pairs = mul(
            &slice(&y, 1, Some(0), Some(half), 1)?,
            &slice(&y, 1, Some(half), Some(2 * half), 1)?,
        )?;
        y = match n % 2 {
            0 => pairs,
            _ => crate::ops::join::cat(&[pairs, slice(&y, 1, Some(n - 1), Some(n), 1)?], 1)?,
        };
        n = n - half;
    }
    let y = crate::ops::copy::clone(&y, Some(crate::MemoryFormat::Contiguous))?;
    view(&y, &ints(&shape))
}
