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

    /// Whether it is complex.
    pub fn is_complex(self) -> bool {
        matches!(self, Scalar::Complex(..))
    }

    /// Whether it is an integer; a bool counts when `bools` is set.
    pub fn is_integral(self, bools: bool) -> bool {
        matches!(self, Scalar::Int(_) | Scalar::UInt(_)) || bools && matches!(self, Scalar::Bool(_))
    }

    /// The little-endian bytes of the number as an element of `dtype` (at most 16), or an overflow error as
    /// PyTorch's checked conversion gives it: integers must fit (negative ones wrap into unsigned types of the same
    /// width), floats must be in range of an integer type.
    pub fn to_bytes(self, dtype: DType) -> Result<[u8; 16]> {
        let mut out = [0u8; 16];
        if dtype.is_int() {
            let fits = match (self, int_range(dtype)) {
                (Scalar::Int(i), (lo, hi)) => {
                    let lo = if dtype.is_signed() { lo } else { -(hi / 2) - 1 };
                    (i as i128) >= lo && (i as i128) <= hi
                }
                (Scalar::UInt(i), (_, hi)) => (i as i128) <= hi,
                (Scalar::Float(x) | Scalar::Complex(x, _), (lo, hi)) => {
                    x.is_finite() && x.trunc() >= lo as f64 && x.trunc() <= hi as f64
                }
                (Scalar::Bool(_), _) => true,
            };
            if !fits {
                bail!(
                    Runtime,
                    "value cannot be converted to type {} without overflow",
                    c_type_name(dtype)
                );
            }
        }
        self.write(dtype, &mut out);
        Ok(out)
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

fn c_type_name(dtype: DType) -> &'static str {
    match dtype {
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
