//! Drawing into tensors in place: `uniform_`, `normal_`, `random_`, `bernoulli_` and the other distributions.
//!
//! Elements are drawn one after the other in the order of the memory. Only `normal_` on contiguous tensors of 16
//! elements and more has another kernel, with other numbers. The old elements get the gradient zero.

use super::factory::zeros_like;
use crate::autograd::node::Ctx;
use crate::autograd::record::{check_inplace, record_inplace};
use crate::iter::{Dest, TensorIter, assert_no_internal_overlap};
use crate::random::{Generator, or_default};
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Tensor, bail, ensure, ops};
use duoc_kernels::rng::bernoulli::Refusal;
use duoc_kernels::rng::transform::Transform;
use duoc_kernels::rng::{CpuGenerator, bernoulli, integer, normal, transform, uniform};

ops! {
    /// Fills with numbers uniform in `[from, to)`.
    "uniform_(Tensor(a!) self, float from=0, float to=1, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn uniform_(x: &Tensor, from: f64, to: f64, generator: Option<&Generator>) -> Tensor = uniform_body;

    /// Fills with numbers of the normal distribution `N(mean, std^2)`.
    "normal_(Tensor(a!) self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn normal_(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Tensor = normal_body;

    /// Fills with integers uniform in `[from, to - 1]`, without `to` up to the largest one the dtype holds exactly.
    "random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn random_from(x: &Tensor, from: i64, to: Option<i64>, generator: Option<&Generator>) -> Tensor = random_from_body;

    /// Fills with integers uniform in `[0, to - 1]`.
    "random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn random_to(x: &Tensor, to: i64, generator: Option<&Generator>) -> Tensor = random_to_body;

    /// Fills with integers uniform in `[0, max]`, for floats in `[0, 2^mantissa]`.
    "random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn random_(x: &Tensor, generator: Option<&Generator>) -> Tensor = random_body;

    /// Fills with 1 with the probability of the element in `p`, else 0.
    "bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn bernoulli_tensor(x: &Tensor, p: &Tensor, generator: Option<&Generator>) -> Tensor = bernoulli_tensor_body;

    /// Fills with 1 with probability `p`, else 0.
    "bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn bernoulli_float(x: &Tensor, p: f64, generator: Option<&Generator>) -> Tensor = bernoulli_float_body;

    /// Fills with numbers of the exponential distribution, density `lambd * exp(-lambd * x)`.
    "exponential_(Tensor(a!) self, float lambd=1, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn exponential_(x: &Tensor, lambd: f64, generator: Option<&Generator>) -> Tensor = exponential_body;

    /// Fills with numbers of trials up to the first success: `P(k) = (1 - p)^(k - 1) p`.
    "geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn geometric_(x: &Tensor, p: f64, generator: Option<&Generator>) -> Tensor = geometric_body;

    /// Fills with numbers of the Cauchy distribution, density `sigma / (pi (sigma^2 + (x - median)^2))`.
    "cauchy_(Tensor(a!) self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn cauchy_(x: &Tensor, median: f64, sigma: f64, generator: Option<&Generator>) -> Tensor = cauchy_body;

    /// Fills with numbers whose logarithms are of `N(mean, std^2)`.
    "log_normal_(Tensor(a!) self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn log_normal_(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Tensor = log_normal_body;
}

/// What draws a row of `n` elements at an address with a byte stride; false where the dtype has no kernel.
type Row<'a> = &'a mut dyn FnMut(&mut CpuGenerator, *mut u8, isize, usize) -> bool;

/// Draws into `x` row after row in the order of the memory.
fn draw(x: &Tensor, name: &str, generator: Option<&Generator>, row: Row) -> Result<()> {
    let mut g = or_default(generator).lock();
    let it = TensorIter::new(&[(Dest::Into(x), x.dtype())], &[])?;
    it.for_rows(|ptrs, strides, n| {
        ensure!(
            row(&mut g, ptrs[0], strides[0], n),
            NotImplemented,
            "{}",
            unsupported(name, x.dtype())
        );
        Ok(())
    })
}

/// As [`draw`] for distributions that also take complex tensors: real and imaginary part are drawn as two numbers.
fn draw_parts(x: &Tensor, name: &str, generator: Option<&Generator>, row: Row) -> Result<()> {
    if !x.dtype().is_complex() {
        return draw(x, name, generator, row);
    }
    let part = (x.dtype().size() / 2) as isize;
    draw(x, name, generator, &mut |g, p, stride, n| {
        if stride == 2 * part {
            return row(g, p, part, 2 * n);
        }
        (0..n as isize).all(|i| row(g, p.wrapping_offset(i * stride), part, 2))
    })
}

/// The dtype of the numbers in a tensor: a complex tensor's parts.
fn part_dtype(dtype: DType) -> DType {
    match dtype {
        DType::C64 => DType::F32,
        DType::C128 => DType::F64,
        d => d,
    }
}

pub(crate) fn unsupported(kernel: &str, dtype: DType) -> String {
    format!("\"{kernel}\" not implemented for '{}'", dtype.scalar_type_name())
}

/// Records that the old elements are gone.
fn overwritten(x: &Tensor, name: &'static str) -> Result<Tensor> {
    record_inplace(x, name, &[Some(x)], |_| |_: &Ctx, g: &Tensor| zeros_like(g))?;
    Ok(x.clone())
}

fn is_plain_float(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
}

/// The largest finite number of a floating dtype.
fn largest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 65504.0,
        DType::BF16 => half::bf16::MAX.to_f64(),
        DType::F32 => f32::MAX as f64,
        _ => f64::MAX,
    }
}

/// The name of the C++ type, which some of PyTorch's messages use.
fn c_name(dtype: DType) -> &'static str {
    use DType::*;
    match dtype {
        Bool => "bool",
        U8 => "unsigned char",
        I8 => "signed char",
        I16 => "short int",
        I32 => "int",
        I64 => "long int",
        U16 => "short unsigned int",
        U32 => "unsigned int",
        U64 => "long unsigned int",
        F16 => "c10::Half",
        BF16 => "c10::BFloat16",
        F32 => "float",
        F64 => "double",
        C64 => "c10::complex<float>",
        C128 => "c10::complex<double>",
        other => other.name(),
    }
}

/// A number as C++ streams print it: six significant digits, the shorter of the plain and the exponent form.
pub(crate) fn general(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() {
            "nan"
        } else if x > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .into();
    }
    let scientific = format!("{x:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |s: &str| {
        if s.contains('.') {
            s.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            s.to_owned()
        }
    };
    if (-4..6).contains(&exponent) {
        trim(&format!("{x:.*}", (5 - exponent).max(0) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
    }
}

fn uniform_body(x: &Tensor, from: f64, to: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    if !(x.dtype().is_complex() && x.numel() == 0) {
        uniform_into(x, from, to, generator)?;
    }
    overwritten(x, "UniformBackward0")
}

pub(super) fn uniform_into(x: &Tensor, from: f64, to: f64, generator: Option<&Generator>) -> Result<()> {
    let dtype = part_dtype(x.dtype());
    ensure!(
        is_plain_float(dtype),
        NotImplemented,
        "{}",
        unsupported("check_uniform_bounds", dtype)
    );
    let max = largest(dtype);
    for (value, name) in [(from, "from"), (to, "to")] {
        ensure!(
            (-max..=max).contains(&value),
            Runtime,
            "{name} is out of bounds for {}",
            c_name(dtype)
        );
    }
    ensure!(
        from <= to,
        Runtime,
        "uniform_ expects to return a [from, to) range, but found from={} > to={}",
        general(from),
        general(to)
    );
    ensure!(
        to - from <= max,
        Runtime,
        "uniform_ expects to-from <= std::numeric_limits<{}>::max(), but found to={} and from={} which result in to-from to exceed the limit",
        dtype.scalar_type_name(),
        general(to),
        general(from)
    );
    if x.numel() == 0 {
        return Ok(());
    }
    draw_parts(x, "uniform_kernel_cpu", generator, &mut |g, p, stride, n| {
        // SAFETY: a row of `x`, which is locked for writing.
        unsafe { uniform::uniform(g, dtype, p, stride, n, from, to) }
    })
}

pub(super) fn check_std(std: f64) -> Result<()> {
    ensure!(
        std >= 0.0,
        Runtime,
        "normal expects std >= 0.0, but found std {}",
        general(std)
    );
    Ok(())
}

fn normal_body(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    normal_into(x, mean, std, generator)?;
    overwritten(x, "NormalBackward0")
}

/// Draws normal numbers; those of complex tensors have the variance split between the two parts.
pub(super) fn normal_into(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Result<()> {
    check_std(std)?;
    if x.numel() == 0 {
        return Ok(());
    }
    let dtype = part_dtype(x.dtype());
    ensure!(
        is_plain_float(dtype),
        NotImplemented,
        "{}",
        unsupported("normal_kernel_cpu", dtype)
    );
    let parts = x.dtype().size() / dtype.size();
    let std = if parts == 2 {
        std / std::f64::consts::SQRT_2
    } else {
        std
    };
    let n = x.numel() * parts;
    if n >= normal::GROUP && x.is_contiguous() {
        let mut g = or_default(generator).lock();
        return access::access([(x, Mode::Write)], |[p]| {
            // SAFETY: `n` contiguous numbers of that dtype, locked for writing.
            unsafe { normal::fill(&mut g, dtype, p, n, mean, std) };
            Ok(())
        });
    }
    draw_parts(x, "normal_kernel_cpu", generator, &mut |g, p, stride, n| {
        // SAFETY: a row of `x`, which is locked for writing.
        unsafe { normal::serial(g, dtype, p, stride, n, mean, std) }
    })
}

fn random_body(x: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    if x.numel() != 0 {
        let dtype = x.dtype();
        draw(x, "random_kernel_cpu", generator, &mut |g, p, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { integer::random(g, dtype, p, stride, n) }
        })?;
    }
    overwritten(x, "RandomBackward2")
}

fn random_to_body(x: &Tensor, to: i64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    random_into(x, 0, Some(to), generator)?;
    overwritten(x, "RandomBackward1")
}

fn random_from_body(x: &Tensor, from: i64, to: Option<i64>, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    random_into(x, from, to, generator)?;
    overwritten(x, "RandomBackward0")
}

/// Bits of a floating dtype's significand: up to `2^digits` it holds every integer.
fn digits(dtype: DType) -> u32 {
    match dtype {
        DType::F16 => 11,
        DType::BF16 => 8,
        DType::F32 => 24,
        _ => 53,
    }
}

/// An integer rounded to a floating dtype and back; the smallest integer where that is out of range, as on x86.
fn rounded(x: i64, dtype: DType) -> i64 {
    let y = match dtype {
        DType::F16 => half::f16::from_f32(x as f32).to_f64(),
        DType::BF16 => half::bf16::from_f32(x as f32).to_f64(),
        DType::F32 => x as f32 as f64,
        _ => x as f64,
    };
    if (-9.223_372_036_854_775_8e18..9.223_372_036_854_775_8e18).contains(&y) {
        y as i64
    } else {
        i64::MIN
    }
}

/// The distance of the dtype's numbers near an integer.
fn spacing(x: i64, dtype: DType) -> i64 {
    let log2 = x.unsigned_abs().max(1).ilog2();
    1i64.checked_shl((log2 + 1).saturating_sub(digits(dtype))).unwrap_or(0)
}

/// `from`, raised to the next number of the dtype where rounding would go below it.
fn raised(from: i64, dtype: DType) -> i64 {
    let next = rounded(from.wrapping_add(1), dtype);
    if next < from {
        next.wrapping_add(spacing(from.wrapping_add(1), dtype))
    } else {
        from
    }
}

/// `to`, lowered to the previous number of the dtype where rounding would reach it.
fn lowered(to: i64, dtype: DType) -> i64 {
    let last = rounded(to.wrapping_sub(1), dtype);
    if last >= to {
        last.wrapping_sub(spacing(to.wrapping_sub(1), dtype))
    } else {
        to
    }
}

/// Draws integers of `[from, to - 1]`, or from `from` on.
pub(super) fn random_into(x: &Tensor, from: i64, to: Option<i64>, generator: Option<&Generator>) -> Result<()> {
    let dtype = x.dtype();
    let float = dtype.is_float();
    let plain = |name| {
        ensure!(
            !float || is_plain_float(dtype),
            NotImplemented,
            "{}",
            unsupported(name, dtype)
        );
        Ok(())
    };
    let (mut low, last);
    match to {
        Some(to) => {
            let mut to = to;
            low = from;
            ensure!(
                low < to,
                Runtime,
                "random_ expects 'from' to be less than 'to', but got from={low} >= to={to}"
            );
            if float {
                plain("random_update_from_to")?;
                (low, to) = (raised(low, dtype), lowered(to, dtype));
                ensure!(
                    low < to,
                    Runtime,
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from={low} >= to={to}"
                );
            }
            last = to - 1;
        }
        None if from != i64::MIN => {
            low = from;
            if float {
                plain("random_from_to_range_calc")?;
                last = 1i64 << digits(dtype);
                low = raised(low, dtype);
                ensure!(
                    low < last,
                    Runtime,
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got from={low} > to_inc={last}"
                );
            } else {
                last = match dtype {
                    DType::U64 => -1,
                    d if d.is_complex() => {
                        bail!(
                            Runtime,
                            "random_from_to_impl handles only integral, floating-point and boolean types"
                        )
                    }
                    d => integer_range(d).1,
                };
            }
        }
        None => return random_all_bits(x, generator),
    }
    check_range(low, last, dtype)?;
    if x.numel() == 0 {
        return Ok(());
    }
    let range = (last as u64).wrapping_sub(low as u64).wrapping_add(1);
    draw(x, "random_from_to_kernel_cpu", generator, &mut |g, p, stride, n| {
        // SAFETY: a row of `x`, which is locked for writing.
        unsafe { integer::random_from_to(g, dtype, p, stride, n, low, range) }
    })
}

fn random_all_bits(x: &Tensor, generator: Option<&Generator>) -> Result<()> {
    let dtype = x.dtype();
    if x.numel() == 0 {
        return Ok(());
    }
    ensure!(
        !matches!(dtype, DType::U8 | DType::I8 | DType::I16 | DType::I32),
        Runtime,
        "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
    );
    draw(
        x,
        "random_full_64_bits_range_kernel_cpu",
        generator,
        &mut |g, p, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { integer::random_64_bits(g, dtype, p, stride, n) }
        },
    )
}

/// The integers of an integer dtype or bool that an `int64` can name.
fn integer_range(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::Bool => (0, 1),
        DType::I64 => (i64::MIN, i64::MAX),
        DType::U64 => (0, i64::MAX),
        d if d.is_signed() => (-(1i64 << (8 * d.size() - 1)), (1i64 << (8 * d.size() - 1)) - 1),
        d => (0, (1i64 << (8 * d.size())) - 1),
    }
}

fn check_range(low: i64, last: i64, dtype: DType) -> Result<()> {
    ensure!(
        !dtype.is_complex(),
        Runtime,
        "check_random_bounds handles only integral, floating-point and boolean types"
    );
    for (value, name) in [(low, "from"), (last, "to - 1")] {
        let inside = if dtype.is_float() {
            (-largest(dtype)..=largest(dtype)).contains(&(value as f64))
        } else {
            let (min, max) = integer_range(dtype);
            (min..=max).contains(&value)
        };
        ensure!(inside, Runtime, "{name} is out of bounds for {}", c_name(dtype));
    }
    Ok(())
}

fn bernoulli_float_body(x: &Tensor, p: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    bernoulli_into(x, p, generator)?;
    overwritten(x, "BernoulliBackward2")
}

pub(super) fn bernoulli_into(x: &Tensor, p: f64, generator: Option<&Generator>) -> Result<()> {
    ensure!(
        (0.0..=1.0).contains(&p),
        Runtime,
        "bernoulli_ expects p to be in [0, 1], but got p={}",
        general(p)
    );
    if x.numel() == 0 {
        return Ok(());
    }
    assert_no_internal_overlap(x)?;
    let dtype = x.dtype();
    draw(x, "bernoulli_scalar_cpu_", generator, &mut |g, ptr, stride, n| {
        // SAFETY: a row of `x`, which is locked for writing.
        unsafe { bernoulli::scalar(g, dtype, ptr, stride, n, p) }
    })
}

fn bernoulli_tensor_body(x: &Tensor, p: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    bernoulli_tensor_into(x, p, generator)?;
    let p_like = p.clone();
    record_inplace(x, "BernoulliBackward1", &[Some(x), Some(p)], |_| {
        move |_: &Ctx, g: &Tensor| Ok([Some(zeros_like(g)?), Some(zeros_like(&p_like)?)])
    })?;
    Ok(x.clone())
}

pub(super) fn bernoulli_tensor_into(x: &Tensor, p: &Tensor, generator: Option<&Generator>) -> Result<()> {
    if x.numel() == 0 {
        return Ok(());
    }
    assert_no_internal_overlap(x)?;
    let dtype = x.dtype();
    ensure!(
        is_plain_float(dtype)
            || matches!(
                dtype,
                DType::Bool | DType::U8 | DType::I8 | DType::I16 | DType::I32 | DType::I64
            ),
        NotImplemented,
        "{}",
        unsupported("bernoulli_tensor_cpu_self_", dtype)
    );
    let size: Vec<i64> = x.shape().iter().map(|n| *n as i64).collect();
    let p = if p.shape() == x.shape() {
        p.detach()
    } else {
        super::shape::expand(&p.detach(), &size, false)?
    };
    ensure!(
        is_plain_float(p.dtype()),
        NotImplemented,
        "{}",
        unsupported("bernoulli_tensor_cpu_p_", p.dtype())
    );
    let mut g = or_default(generator).lock();
    let it = TensorIter::new(&[(Dest::Into(x), dtype)], &[&p])?;
    it.for_rows(|ptrs, strides, n| {
        // SAFETY: rows of `x` and `p`, which are locked.
        match unsafe { bernoulli::tensor(&mut g, dtype, ptrs[0], strides[0], p.dtype(), ptrs[1], strides[1], n) } {
            Ok(()) => Ok(()),
            Err(Refusal::DType) => bail!(NotImplemented, "{}", unsupported("bernoulli_tensor_cpu_p_", p.dtype())),
            Err(Refusal::Probability) => bail!(
                Runtime,
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
            ),
        }
    })
}

fn transform_into(x: &Tensor, name: &str, transform: Transform, generator: Option<&Generator>) -> Result<()> {
    let dtype = x.dtype();
    if x.numel() == 0 {
        return Ok(());
    }
    draw(x, name, generator, &mut |g, p, stride, n| {
        // SAFETY: a row of `x`, which is locked for writing.
        unsafe { transform::fill(g, dtype, p, stride, n, transform) }
    })
}

fn exponential_body(x: &Tensor, lambd: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    exponential_into(x, lambd, generator)?;
    overwritten(x, "ExponentialBackward0")
}

pub(super) fn exponential_into(x: &Tensor, lambda: f64, generator: Option<&Generator>) -> Result<()> {
    ensure!(
        lambda > 0.0,
        Runtime,
        "exponential_ expects lambda > 0.0, but found lambda={}",
        general(lambda)
    );
    ensure!(
        x.numel() == 0 || x.dtype().is_float(),
        Runtime,
        "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you specified {}",
        x.dtype().scalar_type_name()
    );
    transform_into(x, "exponential_cpu", Transform::Exponential { lambda }, generator)
}

fn geometric_body(x: &Tensor, p: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    ensure!(
        0.0 < p && p < 1.0,
        Runtime,
        "geometric_ expects p to be in (0, 1), but got p={}",
        general(p)
    );
    transform_into(x, "geometric_cpu", Transform::Geometric { p }, generator)?;
    overwritten(x, "GeometricBackward0")
}

fn cauchy_body(x: &Tensor, median: f64, sigma: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    ensure!(
        sigma > 0.0,
        Runtime,
        "cauchy_ expects sigma > 0.0, but found sigma={}",
        general(sigma)
    );
    ensure!(
        x.dtype().is_float(),
        Runtime,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified {}",
        c_name(x.dtype())
    );
    transform_into(x, "cauchy_cpu", Transform::Cauchy { median, sigma }, generator)?;
    overwritten(x, "CauchyBackward0")
}

fn log_normal_body(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    ensure!(
        std > 0.0,
        Runtime,
        "log_normal_ expects std > 0.0, but found std={}",
        general(std)
    );
    transform_into(x, "log_normal_cpu", Transform::LogNormal { mean, std }, generator)?;
    overwritten(x, "LogNormalBackward0")
}

impl Tensor {
    /// Fills with numbers uniform in `[from, to)`.
    #[track_caller]
    pub fn uniform_(&self, from: f64, to: f64) -> &Tensor {
        uniform_(self, from, to, None).or_throw();
        self
    }

    /// Fills with numbers of the normal distribution.
    #[track_caller]
    pub fn normal_(&self, mean: f64, std: f64) -> &Tensor {
        normal_(self, mean, std, None).or_throw();
        self
    }

    /// Fills with integers uniform in `[from, to - 1]`.
    #[track_caller]
    pub fn random_(&self, from: i64, to: i64) -> &Tensor {
        random_from(self, from, Some(to), None).or_throw();
        self
    }

    /// Fills with 1 with probability `p`, else 0.
    #[track_caller]
    pub fn bernoulli_(&self, p: f64) -> &Tensor {
        bernoulli_float(self, p, None).or_throw();
        self
    }

    /// Fills with numbers of the exponential distribution.
    #[track_caller]
    pub fn exponential_(&self, lambd: f64) -> &Tensor {
        exponential_(self, lambd, None).or_throw();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_messages() {
        for (x, s) in [
            (1e-7, "1e-07"),
            (123456.789, "123457"),
            (1234567.0, "1.23457e+06"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e300, "1e+300"),
            (1.0 / 3.0, "0.333333"),
            (100000.0, "100000"),
            (100000.5, "100000"),
            (f64::INFINITY, "inf"),
            (-1e-5, "-1e-05"),
            (0.0001, "0.0001"),
            (2.0, "2"),
        ] {
            assert_eq!(general(x), s);
        }
    }

    #[test]
    fn integers_move_to_numbers_of_the_dtype() {
        assert_eq!(lowered(65504, DType::F16), 65472);
        assert_eq!(raised(4097, DType::F16), 4100);
        assert_eq!(lowered(4099, DType::F16), 4099);
        assert_eq!(lowered(100, DType::BF16), 100);
        assert_eq!(raised(i64::MAX, DType::F64), i64::MAX);
    }
}
