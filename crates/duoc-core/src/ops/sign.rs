//! Signs and simple arithmetic of one tensor whose dtypes have rules of their own: negation, signs, squares,
//! rounding to decimals, replacing what is not finite.

use super::pointwise::{Save, no_gradient, not_implemented, record1, unary_row};
use crate::autograd::Ctx;
use crate::iter::Dest;
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, catch, ops};
use duoc_kernels::pointwise::{Params, Unary};

ops! {
    /// `-x`.
    "neg(Tensor self) -> Tensor" [function, method, inplace, out] alias ["negative"]
    pub fn neg(x: &Tensor) -> Tensor = neg_body;

    /// `x` itself; bools are refused.
    "positive(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn positive(x: &Tensor) -> Tensor = positive_body;

    /// -1, 0 or 1 by the sign; 0 for NaN.
    "sign(Tensor self) -> Tensor" [function, method, inplace, out]
    pub fn sign(x: &Tensor) -> Tensor = sign_body;

    /// [`sign`], and for complex numbers the number divided by its size.
    "sgn(Tensor self) -> Tensor" [function, method, inplace, out]
    pub fn sgn(x: &Tensor) -> Tensor = sgn_body;

    /// `x * x`.
    "square(Tensor self) -> Tensor" [function, method, inplace, out]
    pub fn square(x: &Tensor) -> Tensor = square_body;

    /// The nearest number with so many decimals, ties to even; a negative count rounds to tens, hundreds and so on.
    "round.decimals(Tensor self, *, int decimals) -> Tensor" [function, method, inplace, out] alias ["special_round"]
    pub fn round_decimals(x: &Tensor, decimals: i64) -> Tensor = round_decimals_body;

    /// NaN becomes `nan` (0), infinity `posinf` (the largest number), minus infinity `neginf` (the smallest).
    "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor" [function, method, inplace, out]
    pub fn nan_to_num(x: &Tensor, nan: Option<f64>, posinf: Option<f64>, neginf: Option<f64>) -> Tensor = nan_to_num_body;

    /// `ln(x / (1 - x))`; with `eps`, `x` is first brought into `[eps, 1 - eps]`.
    "logit(Tensor self, float? eps=None) -> Tensor" [function, method, inplace, out] alias ["special_logit"]
    pub fn logit(x: &Tensor, eps: Option<f64>) -> Tensor = logit_body;
}

fn neg_body(x: &Tensor) -> Result<Tensor> {
    if x.dtype() == DType::Bool {
        bail!(
            NotImplemented,
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        );
    }
    let out = unary_row(Unary::Neg, "neg_cpu", x, x.dtype(), Dest::New, &Params::default())?;
    record1(out, "NegBackward0", x, Save::Nothing, |g, _| -g)
}

fn positive_body(x: &Tensor) -> Result<Tensor> {
    if x.dtype() == DType::Bool {
        bail!(NotImplemented, "The `+` operator, on a bool tensor is not supported.");
    }
    Ok(x.clone())
}

fn signs(x: &Tensor) -> Result<Tensor> {
    if x.dtype() == DType::Bool {
        return super::copy::clone(x, None);
    }
    unary_row(Unary::Sign, "sign_cpu", x, x.dtype(), Dest::New, &Params::default())
}

fn sign_body(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_complex() {
        bail!(
            Runtime,
            "Unlike NumPy, torch.sign doesn't allow complex inputs: use torch.sgn() instead"
        );
    }
    record1(signs(x)?, "SignBackward0", x, Save::Nothing, no_gradient)
}

fn sgn_body(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return record1(signs(x)?, "SgnBackward0", x, Save::Input, complex_sgn_gradient);
    }
    record1(signs(x)?, "SgnBackward0", x, Save::Nothing, no_gradient)
}

/// `(g - re(g conj(s)) s) / |z|` with `s = z / |z|`: only a turn changes the direction. The formula gets the conjugate of
/// `g` and gives that of the gradient.
fn complex_sgn_gradient(g: &Tensor, z: &Tensor) -> Tensor {
    let (s, size) = (z.sgn(), z.abs());
    let along = (g * &s).real();
    let slope = (g - along * super::parts::conjugated(&s).or_throw()) / &size;
    super::blend::select(&size.eq(0.0), &Tensor::wrapped(0.0).or_throw(), &slope).or_throw()
}

fn square_body(x: &Tensor) -> Result<Tensor> {
    // A power with a Python number, so bools become integers.
    let dtype = if x.dtype() == DType::Bool {
        DType::I64
    } else {
        x.dtype()
    };
    let out = unary_row(Unary::Square, "pow", x, dtype, Dest::New, &Params::default())?;
    record1(out, "PowBackward0", x, Save::Input, |g, x| g * (x * 2))
}

fn round_decimals_body(x: &Tensor, decimals: i64) -> Result<Tensor> {
    if !x.dtype().is_differentiable() {
        return Err(not_implemented("round_cpu", x.dtype()));
    }
    let op = match decimals {
        0 => Unary::Round,
        d if d > 0 => Unary::RoundScaled,
        _ => Unary::RoundUnscaled,
    };
    let ten = Params::floats(&[10f64.powi(decimals.unsigned_abs().min(400) as i32)]);
    let out = unary_row(op, "round_cpu", x, x.dtype(), Dest::New, &ten)?;
    record1(out, "RoundBackward1", x, Save::Nothing, no_gradient)
}

/// The largest finite number of a floating dtype.
pub(crate) fn largest(dtype: DType) -> f64 {
    match dtype.part() {
        DType::F16 => 65504.0,
        DType::BF16 => f32::from_bits(0x7f7f_0000) as f64,
        DType::F64 => f64::MAX,
        _ => f32::MAX as f64,
    }
}

fn nan_to_num_body(x: &Tensor, nan: Option<f64>, posinf: Option<f64>, neginf: Option<f64>) -> Result<Tensor> {
    if !x.dtype().is_differentiable() {
        return super::copy::clone(x, None);
    }
    let most = largest(x.dtype());
    let p = Params::floats(&[nan.unwrap_or(0.0), posinf.unwrap_or(most), neginf.unwrap_or(-most)]);
    let out = unary_row(Unary::NanToNum, "nan_to_num", x, x.dtype(), Dest::New, &p)?;
    record1(out, "NanToNumBackward0", x, Save::Input, |g, x| {
        let finite = super::compare::isfinite(x).or_throw();
        g * finite
    })
}

fn logit_body(x: &Tensor, eps: Option<f64>) -> Result<Tensor> {
    let dtype = super::pointwise::real_dtype(x.dtype());
    let (op, p) = match eps {
        Some(e) if e >= 0.0 => (Unary::LogitClamped, Params::floats(&[e])),
        _ => (Unary::Logit, Params::default()),
    };
    let out = unary_row(op, "logit_cpu", x, dtype, Dest::New, &p)?;
    out.record("LogitBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| {
            let x = c.get(x)?;
            catch(|| {
                let slope = g / (&x * (1 - &x));
                let (low, high, outside) = match eps {
                    Some(e) if e >= 0.0 => (e, 1.0 - e, 0.0),
                    _ => (0.0, 1.0, f64::NAN),
                };
                let inside = super::compare::logical_and(&x.ge(low), &x.le(high)).or_throw();
                super::blend::select(&inside, &slope, &Tensor::wrapped(outside).or_throw()).or_throw()
            })
        }
    })
}

impl Tensor {
    /// -1, 0 or 1 by the sign; 0 for NaN.
    #[track_caller]
    pub fn sign(&self) -> Tensor {
        sign(self).or_throw()
    }

    /// As [`Tensor::sign`]; for complex numbers the number divided by its size.
    #[track_caller]
    pub fn sgn(&self) -> Tensor {
        sgn(self).or_throw()
    }

    /// `x * x`.
    #[track_caller]
    pub fn square(&self) -> Tensor {
        square(self).or_throw()
    }

    /// `-x` in place.
    #[track_caller]
    pub fn neg_(&self) -> &Tensor {
        crate::op::in_place(self, [self], neg).or_throw();
        self
    }

    /// The nearest number with so many decimals, ties to even.
    #[track_caller]
    pub fn round_decimals(&self, decimals: i64) -> Tensor {
        round_decimals(self, decimals).or_throw()
    }

    /// NaN becomes 0, infinities the largest and smallest numbers, unless others are given.
    #[track_caller]
    pub fn nan_to_num(&self, nan: Option<f64>, posinf: Option<f64>, neginf: Option<f64>) -> Tensor {
        nan_to_num(self, nan, posinf, neginf).or_throw()
    }

    /// `ln(x / (1 - x))`.
    #[track_caller]
    pub fn logit(&self, eps: Option<f64>) -> Tensor {
        logit(self, eps).or_throw()
    }
}

/// A scalar as parameters of a kernel of `dtype`.
pub(crate) fn params(dtype: DType, values: &[Scalar]) -> Params {
    if dtype.is_complex() {
        let v: smallvec::SmallVec<[f64; 4]> = values.iter().flat_map(|s| <[f64; 2]>::from(s.to_parts())).collect();
        Params::floats(&v)
    } else if dtype.is_differentiable() {
        let v: smallvec::SmallVec<[f64; 4]> = values.iter().map(|s| s.to_f64()).collect();
        Params::floats(&v)
    } else {
        let v: smallvec::SmallVec<[i64; 4]> = values.iter().map(|s| s.to_i64()).collect();
        Params::ints(&v)
    }
}
