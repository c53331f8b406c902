//! Drawing into a tensor: the checks and the iteration that the in-place forms ([`super::sample`]) and the factories
//! ([`super::random`]) share. No autograd here.
//!
//! Elements are drawn one after the other in the order of the memory. Only normal numbers for contiguous tensors of 16
//! elements and more have another kernel, with other numbers.

use crate::iter::{Dest, TensorIter, assert_no_internal_overlap};
use crate::random::{Generator, or_default};
use crate::storage::{Mode, access};
use crate::{DType, Result, Tensor, bail, ensure};
use duoc_kernels::rng::transform::Transform;
use duoc_kernels::rng::{CpuGenerator, bernoulli, integer, normal, permutation, transform, uniform};

/// A tensor to draw into and the generator to draw from.
#[derive(Clone, Copy)]
pub(super) struct Draw<'a> {
    x: &'a Tensor,
    mode: Mode,
    generator: Option<&'a Generator>,
}

/// What draws a row of `n` elements at an address with a byte stride; false where the dtype has no kernel.
type Row<'a> = &'a mut dyn FnMut(&mut CpuGenerator, *mut u8, isize, usize) -> bool;

impl<'a> Draw<'a> {
    /// Into a new tensor, whose version stays 0.
    pub fn new(x: &'a Tensor, generator: Option<&'a Generator>) -> Draw<'a> {
        Draw {
            x,
            mode: Mode::Init,
            generator,
        }
    }

    /// Over the elements of a tensor.
    pub fn over(x: &'a Tensor, generator: Option<&'a Generator>) -> Draw<'a> {
        Draw {
            x,
            mode: Mode::Write,
            generator,
        }
    }

    fn iter<'b>(self, inputs: &[&'b Tensor]) -> Result<TensorIter<'b>> {
        let it = TensorIter::new(&[(Dest::Into(self.x), self.x.dtype())], inputs)?;
        Ok(if self.mode == Mode::Init { it.first_write() } else { it })
    }

    /// Draws row after row in the order of the memory.
    pub fn rows(self, name: &str, row: Row) -> Result<()> {
        let g = or_default(self.generator);
        let mut g = g.lock();
        self.iter(&[])?.for_rows(|ptrs, strides, n| {
            ensure!(
                row(&mut g, ptrs[0], strides[0], n),
                NotImplemented,
                "{}",
                unsupported(name, self.x.dtype())
            );
            Ok(())
        })
    }

    /// As [`Draw::rows`] for distributions that also take complex tensors: real and imaginary part are two numbers.
    fn parts(self, name: &str, row: Row) -> Result<()> {
        if !self.x.dtype().is_complex() {
            return self.rows(name, row);
        }
        let part = (self.x.dtype().size() / 2) as isize;
        self.rows(name, &mut |g, p, stride, n| {
            if stride == 2 * part {
                return row(g, p, part, 2 * n);
            }
            (0..n as isize).all(|i| row(g, p.wrapping_offset(i * stride), part, 2))
        })
    }

    /// Numbers uniform in `[from, to)`.
    pub fn uniform(self, from: f64, to: f64) -> Result<()> {
        let x = self.x;
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
        self.parts("uniform_kernel_cpu", &mut |g, p, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { uniform::uniform(g, dtype, p, stride, n, from, to) }
        })
    }

    /// Draws normal numbers; those of complex tensors have the variance split between the two parts.
    pub fn normal(self, mean: f64, std: f64) -> Result<()> {
        let x = self.x;
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
            let g = or_default(self.generator);
            let mut g = g.lock();
            return access::access([(x, self.mode)], |[p]| {
                // SAFETY: `n` contiguous numbers of that dtype, locked for writing.
                unsafe { normal::fill(&mut g, dtype, p, n, mean, std) };
                Ok(())
            });
        }
        self.parts("normal_kernel_cpu", &mut |g, p, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { normal::serial(g, dtype, p, stride, n, mean, std) }
        })
    }

    /// Draws integers of `[from, to - 1]`, or from `from` on.
    pub fn random(self, from: i64, to: Option<i64>) -> Result<()> {
        let x = self.x;
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
            None => return self.random_all_bits(),
        }
        check_range(low, last, dtype)?;
        if x.numel() == 0 {
            return Ok(());
        }
        let range = (last as u64).wrapping_sub(low as u64).wrapping_add(1);
        self.rows("random_from_to_kernel_cpu", &mut |g, p, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { integer::random_from_to(g, dtype, p, stride, n, low, range) }
        })
    }

    fn random_all_bits(self) -> Result<()> {
        let x = self.x;
        let dtype = x.dtype();
        if x.numel() == 0 {
            return Ok(());
        }
        ensure!(
            !matches!(dtype, DType::U8 | DType::I8 | DType::I16 | DType::I32),
            Runtime,
            "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
        );
        self.rows("random_full_64_bits_range_kernel_cpu", &mut |g, p, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { integer::random_64_bits(g, dtype, p, stride, n) }
        })
    }

    /// 1 with probability `p`, else 0.
    pub fn bernoulli(self, p: f64) -> Result<()> {
        self.bernoulli_scaled(p, 1.0)
    }

    /// `value` with probability `p`, else 0.
    pub fn bernoulli_scaled(self, p: f64, value: f64) -> Result<()> {
        let x = self.x;
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
        self.rows("bernoulli_scalar_cpu_", &mut |g, ptr, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { bernoulli::scalar(g, dtype, ptr, stride, n, p, value) }
        })
    }

    /// 1 with the probability of the element in `p`, else 0.
    pub fn bernoulli_tensor(self, p: &Tensor) -> Result<()> {
        let x = self.x;
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
        let it = self.iter(&[&p])?;
        // A refused call writes nothing, so the probabilities are looked through before the first draw.
        it.for_rows(|ptrs, strides, n| {
            // SAFETY: a row of `p`, which is locked.
            let good = unsafe { bernoulli::are_probabilities(p.dtype(), ptrs[1], strides[1], n) };
            ensure!(
                good,
                Runtime,
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
            );
            Ok(())
        })?;
        let g = or_default(self.generator);
        let mut g = g.lock();
        it.for_rows(|ptrs, strides, n| {
            // SAFETY: rows of `x` and `p`, which are locked.
            unsafe { bernoulli::tensor(&mut g, dtype, ptrs[0], strides[0], p.dtype(), ptrs[1], strides[1], n) };
            Ok(())
        })
    }

    /// Numbers of a distribution that is a function of one draw; `name` is PyTorch's kernel.
    pub fn transform(self, name: &str, transform: Transform) -> Result<()> {
        let x = self.x;
        let dtype = x.dtype();
        if x.numel() == 0 {
            return Ok(());
        }
        self.rows(name, &mut |g, p, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { transform::fill(g, dtype, p, stride, n, transform) }
        })
    }

    /// A random permutation of `0..numel` in a one-dimensional tensor.
    pub fn permutation(self) -> Result<()> {
        let x = self.x;
        if !x.is_contiguous() {
            let dense = Tensor::uninit(x.shape(), x.dtype())?;
            Draw::new(&dense, self.generator).permutation()?;
            return super::copy::copy_data(x, &dense);
        }
        let g = or_default(self.generator);
        let mut g = g.lock();
        let done = access::access([(x, self.mode)], |[p]| {
            // SAFETY: `numel` contiguous elements, locked for writing.
            Ok(unsafe { permutation::randperm(&mut g, x.dtype(), p, x.numel()) })
        })?;
        ensure!(done, NotImplemented, "{}", unsupported("randperm", x.dtype()));
        Ok(())
    }

    /// Numbers of the exponential distribution.
    pub fn exponential(self, lambda: f64) -> Result<()> {
        let x = self.x;
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
        self.transform("exponential_cpu", Transform::Exponential { lambda })
    }
}

/// The standard deviation must not be negative.
pub(super) fn check_std(std: f64) -> Result<()> {
    ensure!(
        std >= 0.0,
        Runtime,
        "normal expects std >= 0.0, but found std {}",
        general(std)
    );
    Ok(())
}

/// The dtype of the numbers in a tensor: a complex tensor's parts.
fn part_dtype(dtype: DType) -> DType {
    match dtype {
        DType::C64 => DType::F32,
        DType::C128 => DType::F64,
        d => d,
    }
}

/// PyTorch's words for a dtype without a kernel.
pub(crate) fn unsupported(kernel: &str, dtype: DType) -> String {
    format!("\"{kernel}\" not implemented for '{}'", dtype.scalar_type_name())
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
pub(super) fn c_name(dtype: DType) -> &'static str {
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
    }
}
