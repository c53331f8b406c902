//! Questions: comparisons, logic, kinds of numbers, closeness; and the larger and smaller of two.

use super::pointwise::{binary_row, check_shape, not_implemented, record2, run_row};
use crate::iter::{Dest, elementwise};
use crate::op::Value;
use crate::tensor::Operand;
use crate::{DType, OrThrow, Result, Tensor, bail, ensure, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Compare, Params, Predicate, compare, predicate};

ops! {
    /// Whether `self == other`, element by element.
    "eq.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    write |args, out| write(Compare::Eq, args, out);
    pub fn eq(x: &Tensor, other: &Tensor) -> Tensor = eq_body;

    /// Whether `self != other`.
    "ne.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["not_equal"]
    write |args, out| write(Compare::Ne, args, out);
    pub fn ne(x: &Tensor, other: &Tensor) -> Tensor = ne_body;

    /// Whether `self < other`.
    "lt.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["less"]
    write |args, out| write(Compare::Lt, args, out);
    pub fn lt(x: &Tensor, other: &Tensor) -> Tensor = lt_body;

    /// Whether `self <= other`.
    "le.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["less_equal"]
    write |args, out| write(Compare::Le, args, out);
    pub fn le(x: &Tensor, other: &Tensor) -> Tensor = le_body;

    /// Whether `self > other`.
    "gt.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["greater"]
    write |args, out| write(Compare::Gt, args, out);
    pub fn gt(x: &Tensor, other: &Tensor) -> Tensor = gt_body;

    /// Whether `self >= other`.
    "ge.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["greater_equal"]
    write |args, out| write(Compare::Ge, args, out);
    pub fn ge(x: &Tensor, other: &Tensor) -> Tensor = ge_body;

    /// Whether both are not zero.
    "logical_and(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    write |args, out| write(Compare::LogicalAnd, args, out);
    pub fn logical_and(x: &Tensor, other: &Tensor) -> Tensor = logical_and_body;

    /// Whether either is not zero.
    "logical_or(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    write |args, out| write(Compare::LogicalOr, args, out);
    pub fn logical_or(x: &Tensor, other: &Tensor) -> Tensor = logical_or_body;

    /// Whether exactly one is not zero.
    "logical_xor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    write |args, out| write(Compare::LogicalXor, args, out);
    pub fn logical_xor(x: &Tensor, other: &Tensor) -> Tensor = logical_xor_body;

    /// Whether it is zero.
    "logical_not(Tensor self) -> Tensor" [function, method, inplace, out]
    pub fn logical_not(x: &Tensor) -> Tensor = logical_not_body;

    /// Whether it is a NaN.
    "isnan(Tensor self) -> Tensor" [function, method]
    pub fn isnan(x: &Tensor) -> Tensor = isnan_body;

    /// Whether it is an infinity.
    "isinf(Tensor self) -> Tensor" [function, method]
    pub fn isinf(x: &Tensor) -> Tensor = isinf_body;

    /// Whether it is neither infinite nor NaN.
    "isfinite(Tensor self) -> Tensor" [function, method]
    pub fn isfinite(x: &Tensor) -> Tensor = isfinite_body;

    /// Whether it is infinity.
    "isposinf(Tensor self) -> Tensor" [function, method, out]
    pub fn isposinf(x: &Tensor) -> Tensor = isposinf_body;

    /// Whether it is minus infinity.
    "isneginf(Tensor self) -> Tensor" [function, method, out]
    pub fn isneginf(x: &Tensor) -> Tensor = isneginf_body;

    /// Whether the imaginary part is zero: always so for real numbers.
    "isreal(Tensor self) -> Tensor" [function, method]
    pub fn isreal(x: &Tensor) -> Tensor = isreal_body;

    /// Whether the sign bit is set; integers: whether it is negative.
    "signbit(Tensor self) -> Tensor" [function, method, out]
    pub fn signbit(x: &Tensor) -> Tensor = signbit_body;

    /// Whether `|self - other| <= atol + rtol * |other|`, both equal, or both NaN where `equal_nan`.
    "isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor" [function, method]
    pub fn isclose(x: &Tensor, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Tensor = isclose_body;

    /// Whether all elements are close; see `isclose`.
    "allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool" [function, method]
    pub fn allclose(x: &Tensor, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> bool = allclose_body;

    /// Whether two tensors have the same shape and equal elements. A NaN equals nothing.
    "equal(Tensor self, Tensor other) -> bool" [function, method]
    pub fn equal(x: &Tensor, other: &Tensor) -> bool = equal_body;

    /// The larger of two; a NaN wins.
    "maximum(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn maximum(x: &Tensor, other: &Tensor) -> Tensor = maximum_body;

    /// The smaller of two; a NaN wins.
    "minimum(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn minimum(x: &Tensor, other: &Tensor) -> Tensor = minimum_body;

    /// The larger of two; a NaN loses.
    "fmax(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn fmax(x: &Tensor, other: &Tensor) -> Tensor = fmax_body;

    /// The smaller of two; a NaN loses.
    "fmin(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn fmin(x: &Tensor, other: &Tensor) -> Tensor = fmin_body;
}

fn name_of(op: Compare) -> &'static str {
    match op {
        Compare::Eq => "eq_cpu",
        Compare::Ne => "ne_cpu",
        Compare::Lt => "lt_cpu",
        Compare::Le => "le_cpu",
        Compare::Gt => "gt_cpu",
        Compare::Ge => "ge_cpu",
        Compare::LogicalAnd => "logical_and_cpu",
        Compare::LogicalOr => "logical_or_cpu",
        Compare::LogicalXor => "logical_xor_cpu",
    }
}

fn ask(op: Compare, x: &Tensor, y: &Tensor, dest: Dest) -> Result<Tensor> {
    let dtype = try_result_type(&[x, y])?;
    let Some(kernel) = compare(op, dtype) else {
        return Err(not_implemented(name_of(op), dtype));
    };
    run_row(kernel, 1, &[x, y], dtype, DType::Bool, dest, &Params::default())
}

fn write(op: Compare, args: &[Value], out: &Tensor) -> Result<()> {
    match args {
        [Value::Tensor(x), Value::Tensor(y), ..] if out.dtype() == DType::Bool => {
            check_shape(out, &[x, y])?;
            ask(op, x, y, Dest::Into(out)).map(drop)
        }
        _ => Err(super::pointwise::no_direct_way()),
    }
}

macro_rules! comparisons {
    ($($body:ident $op:ident;)+) => {
        $(fn $body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
            ask(Compare::$op, x, y, Dest::New)
        })+
    };
}

comparisons! {
    eq_body Eq;
    ne_body Ne;
    lt_body Lt;
    le_body Le;
    gt_body Gt;
    ge_body Ge;
    logical_and_body LogicalAnd;
    logical_or_body LogicalOr;
    logical_xor_body LogicalXor;
}

/// A question about one tensor; dtypes that the kernel does not know have the answer `otherwise` everywhere.
fn test(op: Predicate, x: &Tensor, otherwise: bool) -> Result<Tensor> {
    match predicate(op, x.dtype()) {
        Some(kernel) => elementwise(Dest::New, DType::Bool, &[x], kernel, std::ptr::null(), 1),
        None => super::factory::full_of(x.shape(), otherwise.into(), DType::Bool),
    }
}

fn logical_not_body(x: &Tensor) -> Result<Tensor> {
    if predicate(Predicate::LogicalNot, x.dtype()).is_none() {
        return Err(not_implemented("logical_not_cpu", x.dtype()));
    }
    test(Predicate::LogicalNot, x, false)
}

fn isnan_body(x: &Tensor) -> Result<Tensor> {
    test(Predicate::IsNan, x, false)
}

fn isinf_body(x: &Tensor) -> Result<Tensor> {
    test(Predicate::IsInf, x, false)
}

fn isfinite_body(x: &Tensor) -> Result<Tensor> {
    test(Predicate::IsFinite, x, true)
}

fn isposinf_body(x: &Tensor) -> Result<Tensor> {
    test(Predicate::IsPosInf, x, false)
}

fn isneginf_body(x: &Tensor) -> Result<Tensor> {
    test(Predicate::IsNegInf, x, false)
}

fn isreal_body(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return eq(&super::parts::imag(&x.detach())?, &Tensor::wrapped(0i64)?);
    }
    super::factory::full_of(x.shape(), true.into(), DType::Bool)
}

fn signbit_body(x: &Tensor) -> Result<Tensor> {
    test(Predicate::Signbit, x, false)
}

fn isclose_body(x: &Tensor, y: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<Tensor> {
    ensure!(
        x.dtype() == y.dtype(),
        Runtime,
        "{} did not match {}",
        x.dtype().scalar_type_name(),
        y.dtype().scalar_type_name()
    );
    ensure!(
        rtol >= 0.0,
        Runtime,
        "rtol must be greater than or equal to zero, but got {rtol}"
    );
    ensure!(
        atol >= 0.0,
        Runtime,
        "atol must be greater than or equal to zero, but got {atol}"
    );
    let _guard = crate::autograd::mode::grad_mode(false);
    let float = x.dtype().is_differentiable();
    let mut close = eq(x, y)?;
    if equal_nan && float {
        close = logical_or(&close, &logical_and(&isnan(x)?, &isnan(y)?)?)?;
    }
    if rtol == 0.0 && atol == 0.0 {
        return Ok(close);
    }
    let wide = |t: &Tensor| super::copy::to_dtype(t, super::pointwise::real_dtype(t.dtype()));
    let (x, y) = if float {
        (x.clone(), y.clone())
    } else {
        (wide(x)?, wide(y)?)
    };
    let allowed = crate::catch(|| Tensor::abs(&(&y * rtol)) + atol)?;
    let actual = crate::catch(|| Tensor::abs(&(&x - &y)))?;
    let near = logical_and(&isfinite(&actual)?, &le(&actual, &allowed)?)?;
    logical_or(&close, &near)
}

fn allclose_body(x: &Tensor, y: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<bool> {
    all_true(&isclose(x, y, rtol, atol, equal_nan)?)
}

fn equal_body(x: &Tensor, y: &Tensor) -> Result<bool> {
    if x.shape() != y.shape() {
        return Ok(false);
    }
    all_true(&eq(&x.detach(), &y.detach())?)
}

/// Whether a tensor of bools holds no false.
fn all_true(x: &Tensor) -> Result<bool> {
    let x = super::copy::contiguous(x, None)?;
    // Stretches without a way out in the middle, which the compiler turns into vectors.
    x.with_slice::<bool, _>(|b| b.chunks(4096).all(|c| c.iter().fold(true, |all, x| all & *x)))
}

fn extreme(op: Binary, name: &str, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if x.dtype().is_complex() || y.dtype().is_complex() {
        bail!(Type, "{name} not implemented for complex tensors.");
    }
    binary_row(op, name, x, y, try_result_type(&[x, y])?, Dest::New, &Params::default())
}

/// `g` where `yes`, half of it where `even`, else 0: the gradient of an extreme.
fn share(g: &Tensor, yes: &Tensor, even: &Tensor) -> Tensor {
    let zero = Tensor::wrapped(0.0).or_throw();
    let whole = super::blend::select(yes, g, &zero).or_throw();
    super::blend::select(even, &(g / 2), &whole).or_throw()
}

// With a NaN neither side is smaller, and the gradient goes to both.
pub(crate) fn larger_left(g: &Tensor, x: &Tensor, y: &Tensor) -> Tensor {
    share(g, &!x.lt(y), &x.eq(y))
}

pub(crate) fn larger_right(g: &Tensor, x: &Tensor, y: &Tensor) -> Tensor {
    share(g, &!y.lt(x), &x.eq(y))
}

pub(crate) fn smaller_left(g: &Tensor, x: &Tensor, y: &Tensor) -> Tensor {
    share(g, &!x.gt(y), &x.eq(y))
}

pub(crate) fn smaller_right(g: &Tensor, x: &Tensor, y: &Tensor) -> Tensor {
    share(g, &!y.gt(x), &x.eq(y))
}

fn maximum_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = extreme(Binary::Maximum, "maximum", x, y)?;
    record2(out, "MaximumBackward0", [x, y], larger_left, larger_right)
}

fn minimum_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = extreme(Binary::Minimum, "minimum", x, y)?;
    record2(out, "MinimumBackward0", [x, y], smaller_left, smaller_right)
}

fn fmax_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = extreme(Binary::Fmax, "fmax", x, y)?;
    record2(
        out,
        "FmaxBackward0",
        [x, y],
        |g, x, y| share(g, &(x.ge(y) | y.isnan()), &x.eq(y)),
        |g, x, y| share(g, &!(x.ge(y) | y.isnan()), &x.eq(y)),
    )
}

fn fmin_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = extreme(Binary::Fmin, "fmin", x, y)?;
    record2(
        out,
        "FminBackward0",
        [x, y],
        |g, x, y| share(g, &(x.le(y) | y.isnan()), &x.eq(y)),
        |g, x, y| share(g, &!(x.le(y) | y.isnan()), &x.eq(y)),
    )
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])* $name:ident;)+) => {
        impl Tensor {
            $(
                $(#[doc = $doc])*
                #[track_caller]
                pub fn $name(&self, other: impl Operand) -> Tensor {
                    other.with(|o| $name(self, o)).or_throw()
                }
            )+
        }
    };
}

methods! {
    /// Whether `self == other`, element by element.
    eq;
    /// Whether `self != other`.
    ne;
    /// Whether `self < other`.
    lt;
    /// Whether `self <= other`.
    le;
    /// Whether `self > other`.
    gt;
    /// Whether `self >= other`.
    ge;
    /// Whether both are not zero.
    logical_and;
    /// Whether either is not zero.
    logical_or;
    /// Whether exactly one is not zero.
    logical_xor;
    /// The larger of two; a NaN wins.
    maximum;
    /// The smaller of two; a NaN wins.
    minimum;
    /// The larger of two; a NaN loses.
    fmax;
    /// The smaller of two; a NaN loses.
    fmin;
}

macro_rules! questions {
    ($($(#[doc = $doc:literal])* $name:ident;)+) => {
        impl Tensor {
            $(
                $(#[doc = $doc])*
                #[track_caller]
                pub fn $name(&self) -> Tensor {
                    $name(self).or_throw()
                }
            )+
        }
    };
}

questions! {
    /// Whether it is zero.
    logical_not;
    /// Whether it is a NaN.
    isnan;
    /// Whether it is an infinity.
    isinf;
    /// Whether it is neither infinite nor NaN.
    isfinite;
    /// Whether the sign bit is set.
    signbit;
}

impl Tensor {
    /// Whether all elements are close, with PyTorch's tolerances: 1e-5 relative and 1e-8 absolute.
    #[track_caller]
    pub fn allclose(&self, other: &Tensor) -> bool {
        allclose(self, other, 1e-5, 1e-8, false).or_throw()
    }

    /// Whether two tensors have the same shape and equal elements.
    #[track_caller]
    pub fn equal(&self, other: &Tensor) -> bool {
        equal(self, other).or_throw()
    }

    /// Whether two tensors are close, element by element; see [`isclose`]. PyTorch's tolerances: 1e-5 and 1e-8.
    #[track_caller]
    pub fn isclose(&self, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Tensor {
        isclose(self, other, rtol, atol, equal_nan).or_throw()
    }
}
