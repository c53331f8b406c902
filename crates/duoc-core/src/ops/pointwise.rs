//! What elementwise operations share: promotion, conversion, the call of a kernel row.

use crate::iter::{Dest, elementwise};
use crate::{DType, Result, Tensor, bail};
use duoc_kernels::pointwise::{Binary, Params, Predicate, binary, predicate};

/// `x op y` in `dtype`: converts the operands and runs the kernel row.
pub(crate) fn binary_row(
    op: Binary,
    name: &str,
    x: &Tensor,
    y: &Tensor,
    dtype: DType,
    dest: Dest,
    params: &Params,
) -> Result<Tensor> {
    let Some(kernel) = binary(op, dtype) else {
        bail!(
            NotImplemented,
            "\"{name}_cpu\" not implemented for '{}'",
            dtype.scalar_type_name()
        )
    };
    if x.dtype() == dtype && y.dtype() == dtype {
        return elementwise(dest, dtype, &[x, y], kernel, params.as_ptr(), op.cost());
    }
    let (x, y) = (converted(x, dtype)?, converted(y, dtype)?);
    elementwise(dest, dtype, &[&x, &y], kernel, params.as_ptr(), op.cost())
}

/// The operand as a kernel wants it, outside the graph: recording belongs to the op.
pub(crate) fn converted(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    let out = Tensor::uninit_like(x, dtype)?;
    super::copy::copy_data(&out, x)?;
    Ok(out)
}

/// `a + b`, recorded when gradients are.
pub(crate) fn add_tensors(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    super::arith::add(a, b, crate::Scalar::Int(1))
}

/// `a += b` without recording: the engine's own sums.
pub(crate) fn add_into(a: &Tensor, b: &Tensor) -> Result<()> {
    binary_row(
        Binary::Add,
        "add",
        a,
        b,
        a.dtype(),
        Dest::Into(a),
        &Params::floats(&[1.0]),
    )
    .map(drop)
}

/// Whether some element is NaN.
pub(crate) fn has_nan(x: &Tensor) -> Result<bool> {
    let Some(kernel) = predicate(Predicate::IsNan, x.dtype()) else {
        return Ok(false);
    };
    let nan = elementwise(Dest::New, DType::Bool, &[x], kernel, std::ptr::null(), 1)?;
    nan.with_slice::<bool, _>(|s| s.contains(&true))
}
