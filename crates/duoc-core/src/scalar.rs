//! Scalars: the Python numbers of an op's signature.

use crate::{DType, Result, bail};

/// A number without a dtype of its own: what a Python `bool`, `int`, `float` or `complex` argument becomes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above `i64::MAX`, for uint64 tensors.
    UInt(u64),
    /// A real number.
    Float(f64),
    /// A complex number.
    Complex(f64, f64),
}

impl Scalar {
    /// The dtype that the number alone would have (`torch.tensor(x).dtype` with float64 for reals).
    pub fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I64,
            Scalar::UInt(_) => DType::U64,
            Scalar::Float(_) => DType::F64,
            Scalar::Complex(..) => DType::C128,
        }
    }

    /// As a float; the real part of a complex number.
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Bool(b) => b as u8 as f64,
            Scalar::Int(i) => i as f64,
            Scalar::UInt(i) => i as f64,
            Scalar::Float(x) | Scalar::Complex(x, _) => x,
        }
    }

    /// As an integer, truncated and saturated.
    pub fn to_i64(self) -> i64 {
        match self {
            Scalar::Bool(b) => b as i64,
            Scalar::Int(i) => i,
            Scalar::UInt(i) => i as i64,
            Scalar::Float(x) | Scalar::Complex(x, _) => x as i64,
        }
    }

    /// Whether it is not zero.
    pub fn to_bool(self) -> bool {
        match self {
            Scalar::Complex(re, im) => re != 0.0 || im != 0.0,
            Scalar::Int(i) => i != 0,
            s => s.to_f64() != 0.0,
        }
    }

    /// Whether it is a real or complex number rather than an integer or bool.
    pub fn is_float(self) -> bool {
        matches!(self, Scalar::Float(_))
    }

    /// The complex conjugate; a real number is its own.
    pub fn conj(self) -> Scalar {
        match self {
            Scalar::Complex(re, im) => Scalar::Complex(re, -im),
            s => s,
        }
    }

    /// Real and imaginary part.
    pub fn to_parts(self) -> (f64, f64) {
        match self {
            Scalar::Complex(re, im) => (re, im),
            s => (s.to_f64(), 0.0),
        }
    }

    /// Whether it is complex.
    pub fn is_complex(self) -> bool {
        matches!(self, Scalar::Complex(..))
    }

    /// Whether it is an integer; a bool counts when `bools` is set.
    pub fn is_integral(self, bools: bool) -> bool {
        matches!(self, Scalar::Int(_) | Scalar::UInt(_)) || bools && matches!(self, Scalar::Bool(_))
    }

    /// The native bytes of the number as an element of `dtype` (at most 16), or an overflow error as PyTorch's checked
    /// conversion gives it.
    ///
    /// Negative integers wrap into unsigned types, reals are truncated to integers; otherwise the number must lie in
    /// the range of the dtype. NaN and infinities fit where the dtype has them, and everything fits bool.
    pub fn to_bytes(self, dtype: DType) -> Result<[u8; 16]> {
        let imag_lost = matches!(self, Scalar::Complex(_, im) if im != 0.0) && !dtype.is_complex();
        let parts = match self {
            Scalar::Complex(re, im) => [Scalar::Float(re), Scalar::Float(im)],
            s => [s, Scalar::Int(0)],
        };
        if dtype != DType::Bool && (imag_lost || !parts.into_iter().all(|p| p.fits(dtype))) {
            bail!(
                Runtime,
                "value cannot be converted to type {} without overflow",
                c_type_name(dtype)
            );
        }
        Ok(self.to_bytes_wrapping(dtype))
    }

    /// As [`Scalar::to_bytes`] without the check for 8- and 16-bit floats, whose conversion has an answer for every
    /// number: PyTorch's way for single elements.
    pub(crate) fn to_bytes_single(self, dtype: DType) -> Result<[u8; 16]> {
        let real = !matches!(self, Scalar::Complex(_, im) if im != 0.0);
        if real && (dtype.is_half() || dtype.is_float8()) {
            Ok(self.to_bytes_wrapping(dtype))
        } else {
            self.to_bytes(dtype)
        }
    }

    /// As [`Scalar::to_bytes`] without the check.
    pub(crate) fn to_bytes_wrapping(self, dtype: DType) -> [u8; 16] {
        let mut out = [0u8; 16];
        self.write(dtype, &mut out);
        out
    }

    /// Whether a real number lies in the range of a dtype.
    fn fits(self, dtype: DType) -> bool {
        if !dtype.is_int() {
            let (most, unbounded) = float_range(dtype);
            let x = self.to_f64();
            return x.is_nan() || x.is_infinite() && unbounded || x.abs() <= most;
        }
        let (lo, hi) = int_range(dtype);
        match self {
            // Negative integers wrap into unsigned types.
            Scalar::Int(i) => (if dtype.is_signed() { lo } else { -hi }..=hi).contains(&(i as i128)),
            Scalar::UInt(i) => (i as i128) <= hi,
            Scalar::Bool(_) => true,
            // `hi + 1` is a power of two, so it is exact; the fraction is cut off above but counts below.
            Scalar::Float(x) | Scalar::Complex(x, _) => x >= lo as f64 && x < (hi + 1) as f64,
        }
    }

    fn write(self, dtype: DType, out: &mut [u8; 16]) {
        let mut buffer = [0u8; 16];
        let from = match self {
            Scalar::Bool(b) => {
                buffer[0] = b as u8;
                DType::Bool
            }
            Scalar::Int(i) => {
                buffer[..8].copy_from_slice(&i.to_ne_bytes());
                DType::I64
            }
            Scalar::UInt(i) => {
                buffer[..8].copy_from_slice(&i.to_ne_bytes());
                DType::U64
            }
            Scalar::Float(x) => {
                buffer[..8].copy_from_slice(&x.to_ne_bytes());
                DType::F64
            }
            Scalar::Complex(re, im) => {
                buffer[..8].copy_from_slice(&re.to_ne_bytes());
                buffer[8..].copy_from_slice(&im.to_ne_bytes());
                DType::C128
            }
        };
        crate::convert::cast_one(from, buffer.as_ptr(), dtype, out.as_mut_ptr());
    }
}

fn int_range(dtype: DType) -> (i128, i128) {
    let bits = 8 * dtype.size() as u32;
    if dtype.is_signed() {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    }
}

/// The largest finite number of a floating dtype, and whether it has infinities; of the parts of a complex one.
fn float_range(dtype: DType) -> (f64, bool) {
    match dtype {
        DType::F16 => (65504.0, true),
        DType::BF16 => (f64::from(half::bf16::MAX.to_f32()), true),
        DType::F32 | DType::C64 => (f64::from(f32::MAX), true),
        DType::F8E4M3FN => (448.0, false),
        DType::F8E4M3FNUZ => (240.0, false),
        DType::F8E5M2 => (57344.0, true),
        DType::F8E5M2FNUZ => (57344.0, false),
        _ => (f64::MAX, true),
    }
}

fn c_type_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::F32 => "float",
        DType::F64 => "double",
        DType::F8E4M3FN => "c10::Float8_e4m3fn",
        DType::F8E5M2 => "c10::Float8_e5m2",
        DType::F8E4M3FNUZ => "c10::Float8_e4m3fnuz",
        DType::F8E5M2FNUZ => "c10::Float8_e5m2fnuz",
        DType::C64 => "c10::complex<float>",
        DType::C128 => "c10::complex<double>",
        DType::U8 => "uint8_t",
        DType::I8 => "int8_t",
        DType::I16 => "int16_t",
        DType::I32 => "int",
        DType::I64 => "int64_t",
        DType::U16 => "uint16_t",
        DType::U32 => "uint32_t",
        DType::U64 => "uint64_t",
        _ => dtype.name(),
    }
}

impl From<bool> for Scalar {
    fn from(x: bool) -> Scalar {
        Scalar::Bool(x)
    }
}
impl From<f64> for Scalar {
    fn from(x: f64) -> Scalar {
        Scalar::Float(x)
    }
}
impl From<f32> for Scalar {
    fn from(x: f32) -> Scalar {
        Scalar::Float(x as f64)
    }
}
impl From<i64> for Scalar {
    fn from(x: i64) -> Scalar {
        Scalar::Int(x)
    }
}
impl From<i32> for Scalar {
    fn from(x: i32) -> Scalar {
        Scalar::Int(x as i64)
    }
}
impl From<usize> for Scalar {
    fn from(x: usize) -> Scalar {
        Scalar::UInt(x as u64).small()
    }
}

impl Scalar {
    fn small(self) -> Scalar {
        match self {
            Scalar::UInt(i) if i <= i64::MAX as u64 => Scalar::Int(i as i64),
            s => s,
        }
    }
}
