//! Sequences and the identity: `arange`, `range`, `linspace`, `logspace`, `eye`.

use super::factory::{check_place, full_of, or_default, zeros_of};
use crate::storage::{Mode, access};
use crate::{
    DType, Device, LayoutKind, OrThrow, Result, Scalar, Tensor, bail, convert, default_dtype, ensure, err, ops,
};
use duoc_kernels::range as kernels;

ops! {
    /// `0, 1, ..` below `end`: int64 for an integer, else the default dtype.
    "arange(Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn arange(end: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = arange_body;

    /// `start, start + 1, ..` below `end`: int64 for integers, else the default dtype.
    "arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn arange_start(start: Scalar, end: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = arange_start_body;

    /// `start + i step` for `i` in `0..ceil((end - start) / step)`: int64 for integers, else the default dtype. The step
    /// must not be 0 and must lead from `start` towards `end`.
    "arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn arange_step(start: Scalar, end: Scalar, step: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = arange_step_body;

    /// `start, start + 1, ..` up to `end`, which belongs to it; of the default dtype. Prefer `arange`.
    "range(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn range(start: Scalar, end: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = range_body;

    /// `start + i step` up to `end`, which belongs to it; of the default dtype. Prefer `arange`.
    "range.step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn range_step(start: Scalar, end: Scalar, step: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = range_step_body;

    /// `steps` evenly spaced numbers from `start` to `end`, both included; of the default dtype.
    "linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn linspace(start: Scalar, end: Scalar, steps: i64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = linspace_body;

    /// As `linspace` with 0-d tensors as numbers.
    "linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn linspace_tensor_tensor(start: &Tensor, end: &Tensor, steps: i64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = linspace_tensor_tensor_body;

    /// As `linspace` with 0-d tensors as numbers.
    "linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn linspace_tensor_scalar(start: &Tensor, end: Scalar, steps: i64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = linspace_tensor_scalar_body;

    /// As `linspace` with 0-d tensors as numbers.
    "linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn linspace_scalar_tensor(start: Scalar, end: &Tensor, steps: i64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = linspace_scalar_tensor_body;

    /// `base` to the power of `steps` evenly spaced numbers from `start` to `end`, both included; of the default dtype.
    "logspace(Scalar start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn logspace(start: Scalar, end: Scalar, steps: i64, base: f64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = logspace_body;

    /// As `logspace` with 0-d tensors as numbers.
    "logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn logspace_tensor_tensor(start: &Tensor, end: &Tensor, steps: i64, base: f64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = logspace_tensor_tensor_body;

    /// As `logspace` with 0-d tensors as numbers.
    "logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn logspace_tensor_scalar(start: &Tensor, end: Scalar, steps: i64, base: f64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = logspace_tensor_scalar_body;

    /// As `logspace` with 0-d tensors as numbers.
    "logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn logspace_scalar_tensor(start: Scalar, end: &Tensor, steps: i64, base: f64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = logspace_scalar_tensor_body;

    /// The identity matrix of `n` rows.
    "eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn eye(n: i64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = eye_body;

    /// `n` rows and `m` columns with ones on the diagonal.
    "eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn eye_m(n: i64, m: i64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = eye_m_body;
}

fn arange_body(
    end: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    sequence(Scalar::Int(0), end, Scalar::Int(1), dtype)
}

fn arange_start_body(
    start: Scalar,
    end: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    sequence(start, end, Scalar::Int(1), dtype)
}

fn arange_step_body(
    start: Scalar,
    end: Scalar,
    step: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    sequence(start, end, step, dtype)
}

/// `arange`.
fn sequence(start: Scalar, end: Scalar, step: Scalar, dtype: Option<DType>) -> Result<Tensor> {
    let whole = [start, end, step].iter().all(|s| s.is_integral(true));
    let dtype = dtype.unwrap_or_else(|| if whole { DType::I64 } else { default_dtype() });
    check_counted("arange", dtype)?;
    check_bounds(start, end, step)?;
    let n = if whole && dtype == DType::I64 {
        let (a, b, s) = (wide(start), wide(end), wide(step));
        // The bounds are consistent with the sign of the step, so the quotient is not negative.
        let n = (b - a + s - s.signum()) / s;
        usize::try_from(n).map_err(|_| too_long())?
    } else {
        count(((real(end)? - real(start)?) / real(step)?).ceil())?
    };
    if dtype.is_int() {
        // PyTorch's checked conversion to the 64-bit type that the elements are computed in.
        for s in [start, end, step] {
            s.to_bytes(DType::I64)?;
        }
    }
    let out = Tensor::uninit(&[n], dtype)?;
    write(&out, |p| {
        // SAFETY: the new tensor is contiguous and holds `n` elements.
        unsafe {
            match dtype.is_int() {
                true => kernels::arange_int(dtype, p, start.to_i64(), step.to_i64(), n),
                false => kernels::arange_float(dtype, p, start.to_f64(), step.to_f64(), n),
            }
        }
    })?;
    Ok(out)
}

/// Runs a kernel on a new tensor; kernels say false for dtypes that they do not have, which the callers have excluded.
fn write(out: &Tensor, kernel: impl FnOnce(*mut u8) -> bool) -> Result<()> {
    access::access([(out, Mode::Init)], |[p]| match kernel(p) {
        true => Ok(()),
        false => bail!(NotImplemented, "sequence: no kernel for {}", out.dtype()),
    })
}

/// The dtypes of PyTorch's range kernels: signed integers, uint8, and floats of 16 bits and more.
fn check_counted(name: &str, dtype: DType) -> Result<()> {
    use DType::*;
    ensure!(
        matches!(dtype, U8 | I8 | I16 | I32 | I64 | F16 | BF16 | F32 | F64),
        NotImplemented,
        "\"{name}_cpu\" not implemented for '{}'",
        dtype.scalar_type_name()
    );
    Ok(())
}

fn wide(s: Scalar) -> i128 {
    match s {
        Scalar::UInt(u) => i128::from(u),
        s => i128::from(s.to_i64()),
    }
}

/// A bound or step as a real number.
fn real(s: Scalar) -> Result<f64> {
    s.to_bytes(DType::F64)?;
    Ok(s.to_f64())
}

fn too_long() -> crate::Error {
    err!(Runtime, "invalid size, possible overflow?")
}

fn count(n: f64) -> Result<usize> {
    if (0.0..i64::MAX as f64).contains(&n) {
        Ok(n as usize)
    } else {
        Err(too_long())
    }
}

fn check_bounds(start: Scalar, end: Scalar, step: Scalar) -> Result<()> {
    let (a, b, s) = (real(start)?, real(end)?, real(step)?);
    ensure!(s.is_finite(), Runtime, "step must be finite but got {}", short(s));
    ensure!(s != 0.0, Runtime, "step must be nonzero");
    ensure!(
        a.is_finite() && b.is_finite(),
        Runtime,
        "unsupported range: {} -> {}",
        short(a),
        short(b)
    );
    ensure!(
        if s > 0.0 { b >= a } else { b <= a },
        Runtime,
        "upper bound and lower bound inconsistent with step sign"
    );
    Ok(())
}

/// A number in an error text: six significant digits, as C++ streams write it.
fn short(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.into();
    }
    let text = format!("{x:.5e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |t: &str| match t.contains('.') {
        true => t.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => t.to_string(),
    };
    if (-4..6).contains(&exponent) {
        trimmed(&format!("{x:.p$}", p = (5 - exponent) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
    }
}

fn range_body(
    start: Scalar,
    end: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    closed_sequence(start, end, Scalar::Int(1), or_default(dtype))
}

fn range_step_body(
    start: Scalar,
    end: Scalar,
    step: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    closed_sequence(start, end, step, or_default(dtype))
}

/// `range`: as [`sequence`] with the end.
fn closed_sequence(start: Scalar, end: Scalar, step: Scalar, dtype: DType) -> Result<Tensor> {
    check_counted("range", dtype)?;
    check_bounds(start, end, step)?;
    let n = if dtype.is_int() {
        // Counted in the 64-bit type that the elements are computed in.
        for s in [start, end, step] {
            s.to_bytes(DType::I64)?;
        }
        let (a, b, s) = (wide(start), wide(end), wide(step));
        ensure!(s != 0, Runtime, "step must be nonzero: as an integer it is");
        usize::try_from((b - a) / s + 1).map_err(|_| too_long())?
    } else if dtype.is_half() {
        let [a, b, s] = [real(start)? as f32, real(end)? as f32, real(step)? as f32];
        count(f64::from((b - a) / s + 1.0).trunc())?
    } else {
        count(((real(end)? - real(start)?) / real(step)? + 1.0).trunc())?
    };
    let out = Tensor::uninit(&[n], dtype)?;
    write(&out, |p| {
        // SAFETY: the new tensor is contiguous and holds `n` elements.
        unsafe {
            match dtype.is_int() {
                true => kernels::arange_int(dtype, p, start.to_i64(), step.to_i64(), n),
                false => kernels::steps_float(dtype, p, start.to_f64(), step.to_f64(), n),
            }
        }
    })?;
    Ok(out)
}

/// What `linspace` and `logspace` compute between their ends.
#[derive(Clone, Copy)]
enum Space {
    Linear,
    Power(f64),
}

impl Space {
    fn name(self) -> &'static str {
        match self {
            Space::Linear => "linspace",
            Space::Power(_) => "logspace",
        }
    }

    /// `steps` numbers from `start` to `end`.
    fn make(self, start: Scalar, end: Scalar, steps: i64, dtype: Option<DType>) -> Result<Tensor> {
        let complex = start.is_complex() || end.is_complex();
        let name = self.name();
        let inferred = if complex {
            crate::promote::default_complex()
        } else {
            default_dtype()
        };
        let dtype = dtype.unwrap_or(inferred);
        ensure!(
            !complex || dtype.is_complex(),
            Runtime,
            "torch.{name}(): inferred dtype c10::complex<{}> can't be safely cast to passed dtype {}",
            if default_dtype() == DType::F64 {
                "double"
            } else {
                "float"
            },
            dtype.scalar_type_name()
        );
        ensure!(steps >= 0, Runtime, "number of steps must be non-negative");
        let n = steps as usize;
        match (n, self) {
            (0, _) => return Tensor::uninit(&[0], dtype),
            (1, Space::Linear) => return full_of(&[1], start, dtype),
            (1, Space::Power(base)) if !dtype.is_complex() => {
                return full_of(&[1], Scalar::Float(base.powf(start.to_f64())), dtype);
            }
            _ if dtype.is_complex() => {}
            _ => check_counted(name, dtype)?,
        }
        if let (true, Space::Power(base)) = (dtype.is_complex(), self) {
            let exponents = Space::Linear.make(start, end, steps, Some(dtype))?;
            return crate::autograd::no_grad(|| super::power::pow_base(Scalar::Float(base), &exponents));
        }
        let ends = [held(start, dtype)?, held(end, dtype)?];
        let out = Tensor::uninit(&[n], dtype)?;
        let part = match dtype {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            d => d,
        };
        let stride = dtype.size() as isize;
        write(&out, |p| {
            let ([a, ai], [b, bi]) = (ends[0], ends[1]);
            // SAFETY: the new tensor holds `n` elements, of two parts each when it is complex.
            unsafe {
                match self {
                    Space::Linear if dtype.is_complex() => {
                        kernels::linspace(part, p, stride, a, b, n)
                            && kernels::linspace(part, p.add(part.size()), stride, ai, bi, n)
                    }
                    Space::Linear => kernels::linspace(part, p, stride, a, b, n),
                    Space::Power(base) => kernels::logspace(part, p, stride, a, b, base, n),
                }
            }
        })?;
        Ok(out)
    }
}

/// The real and imaginary part of a number as an element of `dtype` holds it.
fn held(s: Scalar, dtype: DType) -> Result<[f64; 2]> {
    let bytes = s.to_bytes(dtype)?;
    let mut wide = [0u8; 16];
    convert::cast_one(dtype, bytes.as_ptr(), DType::C128, wide.as_mut_ptr());
    let part = |b: &[u8]| f64::from_ne_bytes(b.try_into().unwrap_or_default());
    Ok([part(&wide[..8]), part(&wide[8..])])
}

/// The numbers of 0-d tensors.
fn number(name: &str, place: &str, t: &Tensor) -> Result<Scalar> {
    ensure!(
        t.dim() == 0,
        Runtime,
        "{name} only supports 0-dimensional start and end tensors, but got {place} with {} dimension(s).",
        t.dim()
    );
    t.try_item()
}

fn numbers(name: &str, start: &Tensor, end: &Tensor) -> Result<(Scalar, Scalar)> {
    ensure!(
        start.dim() == 0 && end.dim() == 0,
        Runtime,
        "{name} only supports 0-dimensional start and end tensors, but got start with {} dimension(s) and end with {} dimension(s).",
        start.dim(),
        end.dim()
    );
    Ok((start.try_item()?, end.try_item()?))
}

fn linspace_body(
    start: Scalar,
    end: Scalar,
    steps: i64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    Space::Linear.make(start, end, steps, dtype)
}

fn linspace_tensor_tensor_body(
    start: &Tensor,
    end: &Tensor,
    steps: i64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let (start, end) = numbers("linspace", start, end)?;
    Space::Linear.make(start, end, steps, dtype)
}

fn linspace_tensor_scalar_body(
    start: &Tensor,
    end: Scalar,
    steps: i64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let start = number("linspace", "start", start)?;
    Space::Linear.make(start, end, steps, dtype)
}

fn linspace_scalar_tensor_body(
    start: Scalar,
    end: &Tensor,
    steps: i64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let end = number("linspace", "end", end)?;
    Space::Linear.make(start, end, steps, dtype)
}

fn logspace_body(
    start: Scalar,
    end: Scalar,
    steps: i64,
    base: f64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    Space::Power(base).make(start, end, steps, dtype)
}

fn logspace_tensor_tensor_body(
    start: &Tensor,
    end: &Tensor,
    steps: i64,
    base: f64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let (start, end) = numbers("logspace", start, end)?;
    Space::Power(base).make(start, end, steps, dtype)
}

fn logspace_tensor_scalar_body(
    start: &Tensor,
    end: Scalar,
    steps: i64,
    base: f64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let start = number("logspace", "start", start)?;
    Space::Power(base).make(start, end, steps, dtype)
}

fn logspace_scalar_tensor_body(
    start: Scalar,
    end: &Tensor,
    steps: i64,
    base: f64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let end = number("logspace", "end", end)?;
    Space::Power(base).make(start, end, steps, dtype)
}

fn eye_body(
    n: i64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    eye_m_body(n, n, dtype, None, device, pin)
}

fn eye_m_body(
    n: i64,
    m: i64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    for (name, size) in [("n", n), ("m", m)] {
        ensure!(size >= 0, Runtime, "{name} must be greater or equal to 0, got {size}");
    }
    let dtype = or_default(dtype);
    let (rows, columns) = (n as usize, m as usize);
    let out = zeros_of(&[rows, columns], dtype)?;
    let size = dtype.size();
    let one = Scalar::Int(1).to_bytes(dtype)?;
    if out.numel() == 0 {
        // A dimension of the other kind may be as large as it likes: there is nothing to step over.
        return Ok(out);
    }
    let step = [((columns + 1) * size) as isize, 0];
    access::access([(&out, Mode::Init)], |[p]| {
        // SAFETY: the diagonal of the new row-major matrix.
        unsafe { duoc_kernels::fill::fill_loop(size)(&p, step.as_ptr(), rows.min(columns), 1, one.as_ptr()) };
        Ok(())
    })?;
    Ok(out)
}

impl Tensor {
    /// `start, start + 1, ..` below `end`: int64 for integers, else the default dtype.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::arange(0, 5).to_string(), "tensor([0, 1, 2, 3, 4])");
    /// ```
    #[track_caller]
    pub fn arange(start: impl Into<Scalar>, end: impl Into<Scalar>) -> Tensor {
        arange_start(start.into(), end.into(), None, None, None, None).or_throw()
    }

    /// `start, start + step, ..` before `end`.
    #[track_caller]
    pub fn arange_step(start: impl Into<Scalar>, end: impl Into<Scalar>, step: impl Into<Scalar>) -> Tensor {
        arange_step(start.into(), end.into(), step.into(), None, None, None, None).or_throw()
    }

    /// `steps` evenly spaced numbers from `start` to `end`, both included.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::linspace(0.0, 1.0, 3).to_string(), "tensor([0.0000, 0.5000, 1.0000])");
    /// ```
    #[track_caller]
    pub fn linspace(start: impl Into<Scalar>, end: impl Into<Scalar>, steps: i64) -> Tensor {
        linspace(start.into(), end.into(), steps, None, None, None, None).or_throw()
    }

    /// 10 to the power of `steps` evenly spaced numbers from `start` to `end`, both included.
    #[track_caller]
    pub fn logspace(start: impl Into<Scalar>, end: impl Into<Scalar>, steps: i64) -> Tensor {
        logspace(start.into(), end.into(), steps, 10.0, None, None, None, None).or_throw()
    }

    /// The identity matrix.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::eye(2).to_vec::<f32>(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn eye(n: i64) -> Tensor {
        eye(n, None, None, None, None).or_throw()
    }
}
