//! Division that rounds, remainders, and subtraction the other way round.

use super::pointwise::binary_row;
use crate::autograd::{Ctx, Grads};
use crate::iter::Dest;
use crate::tensor::Operand;
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, catch, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params};

ops! {
    /// `self / other`, rounded towards 0 (`"trunc"`), down (`"floor"`) or not at all (None).
    "div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor" [function, method, inplace, out] alias ["divide"]
    pub fn div_mode(x: &Tensor, other: &Tensor, rounding_mode: Option<&str>) -> Tensor = div_mode_body;

    /// `self / other` rounded down, Python's `//`.
    "floor_divide(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn floor_divide(x: &Tensor, other: &Tensor) -> Tensor = floor_divide_body;

    /// Python's `self % other`: the sign of `other`.
    "remainder.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn remainder(x: &Tensor, other: &Tensor) -> Tensor = remainder_body;

    /// C's `fmod`: the sign of `self`.
    "fmod.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn fmod(x: &Tensor, other: &Tensor) -> Tensor = fmod_body;

    /// `other - alpha * self`.
    "rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor" [function]
    pub fn rsub(x: &Tensor, other: &Tensor, alpha: Scalar) -> Tensor = rsub_body;
}

/// PyTorch's error for an integer that would be divided by zero.
fn check_divisor(y: &Tensor, dtype: DType) -> Result<()> {
    if !dtype.is_int() || y.numel() == 0 {
        return Ok(());
    }
    let zero = super::compare::eq(&y.detach(), &Tensor::wrapped(0i64)?)?;
    let zero = super::copy::contiguous(&zero, None)?;
    if zero.with_slice::<bool, _>(|z| z.contains(&true))? {
        bail!(Runtime, "ZeroDivisionError");
    }
    Ok(())
}

fn rounded(op: Binary, name: &str, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let dtype = try_result_type(&[x, y])?;
    // The shapes are judged before the divisors.
    crate::layout::broadcast(x.shape(), y.shape())?;
    if x.numel() != 0 {
        check_divisor(y, dtype)?;
    }
    binary_row(op, name, x, y, dtype, Dest::New, &Params::default())
}

fn div_mode_body(x: &Tensor, y: &Tensor, mode: Option<&str>) -> Result<Tensor> {
    let out = match mode {
        None => return super::arith::div(x, y),
        Some("trunc") => rounded(Binary::DivTrunc, "div_trunc", x, y)?,
        Some("floor") => rounded(Binary::DivFloor, "div_floor", x, y)?,
        Some(m) => {
            bail!(
                Runtime,
                "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{m}'"
            )
        }
    };
    out.record("DivBackward2", [x, y], |_| zeros)
}

/// The gradient of what is piecewise constant, for two inputs.
fn zeros(c: &Ctx, g: &Tensor) -> Result<Grads> {
    let zero = super::factory::zeros_like(g)?;
    Ok(smallvec::smallvec![
        c.needs(0).then(|| zero.clone()),
        c.needs(1).then(|| zero.clone())
    ])
}

fn floor_divide_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = rounded(Binary::DivFloor, "div_floor", x, y)?;
    out.record("torch::autograd::NotImplemented", [x, y], |_| {
        not_derived("floor_divide")
    })
}

/// The backward function of an op that PyTorch does not differentiate: recorded, and an error when it is asked.
pub(crate) fn not_derived(name: &'static str) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + Send + Sync + 'static {
    move |_, _| bail!(Runtime, "derivative for aten::{name} is not implemented")
}

fn remainder_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = rounded(Binary::Remainder, "remainder", x, y)?;
    out.record("RemainderBackward1", [x, y], |r| {
        let (sx, sy) = (r.save_if(r.needs(1), x), r.save_if(r.needs(1), y));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let gy = if c.needs(1) {
                let q = div_mode(&c.get(sx)?, &c.get(sy)?, Some("floor"))?;
                Some(catch(|| -&(g * q))?)
            } else {
                None
            };
            Ok(smallvec::smallvec![c.needs(0).then(|| g.clone()), gy])
        }
    })
}

fn fmod_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = rounded(Binary::Fmod, "fmod", x, y)?;
    out.record("FmodBackward1", [x, y], |r| {
        let (sx, sy) = (r.save_if(r.needs(1), x), r.save_if(r.needs(1), y));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let gy = if c.needs(1) {
                let q = div_mode(&c.get(sx)?, &c.get(sy)?, Some("trunc"))?;
                Some(catch(|| -&(g * q))?)
            } else {
                None
            };
            Ok(smallvec::smallvec![c.needs(0).then(|| g.clone()), gy])
        }
    })
}

fn rsub_body(x: &Tensor, y: &Tensor, alpha: Scalar) -> Result<Tensor> {
    super::arith::sub(y, x, alpha)
}

impl Tensor {
    /// `self / other` rounded down, Python's `//`.
    #[track_caller]
    pub fn floor_divide(&self, other: impl Operand) -> Tensor {
        other.with(|o| floor_divide(self, o)).or_throw()
    }

    /// Python's `self % other`: the sign of `other`.
    #[track_caller]
    pub fn remainder(&self, other: impl Operand) -> Tensor {
        other.with(|o| remainder(self, o)).or_throw()
    }

    /// C's `fmod`: the sign of `self`.
    #[track_caller]
    pub fn fmod(&self, other: impl Operand) -> Tensor {
        other.with(|o| fmod(self, o)).or_throw()
    }
}

impl<R: Operand> std::ops::Rem<R> for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn rem(self, other: R) -> Tensor {
        self.remainder(other)
    }
}
