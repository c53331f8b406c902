//! Element types.

use std::fmt;

/// The type of a tensor's elements. `Display` gives PyTorch's name (`torch.float32`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 8-bit integer.
    I8,
    /// Signed 16-bit integer.
    I16,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer: what Python's `int` becomes.
    I64,
    /// IEEE half precision; a storage format, arithmetic is done in [`DType::F32`].
    F16,
    /// The upper half of a float32; a storage format, arithmetic is done in [`DType::F32`].
    BF16,
    /// IEEE single precision: the default floating type.
    F32,
    /// IEEE double precision.
    F64,
    /// Unsigned 16-bit integer (storage dtype).
    U16,
    /// Unsigned 32-bit integer (storage dtype).
    U32,
    /// Unsigned 64-bit integer (storage dtype).
    U64,
    /// 8-bit float, 4 exponent and 3 mantissa bits, no infinity (storage dtype).
    F8E4M3FN,
    /// 8-bit float, 5 exponent and 2 mantissa bits (storage dtype).
    F8E5M2,
    /// As [`DType::F8E4M3FN`] with one zero and exponent bias 8 (storage dtype).
    F8E4M3FNUZ,
    /// As [`DType::F8E5M2`] with one zero and exponent bias 16 (storage dtype).
    F8E5M2FNUZ,
    /// Two float32: real and imaginary part.
    C64,
    /// Two float64: real and imaginary part.
    C128,
}

impl DType {
    /// Every dtype, in declaration order.
    pub const ALL: [DType; 19] = [
        DType::Bool,
        DType::U8,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F8E4M3FN,
        DType::F8E5M2,
        DType::F8E4M3FNUZ,
        DType::F8E5M2FNUZ,
        DType::C64,
        DType::C128,
    ];

    /// Bytes per element.
    pub const fn size(self) -> usize {
        use DType::*;
        match self {
            Bool | U8 | I8 | F8E4M3FN | F8E5M2 | F8E4M3FNUZ | F8E5M2FNUZ => 1,
            I16 | U16 | F16 | BF16 => 2,
            I32 | U32 | F32 => 4,
            I64 | U64 | F64 | C64 => 8,
            C128 => 16,
        }
    }

    /// Real floating types, 8-bit ones included.
    pub const fn is_float(self) -> bool {
        use DType::*;
        matches!(
            self,
            F16 | BF16 | F32 | F64 | F8E4M3FN | F8E5M2 | F8E4M3FNUZ | F8E5M2FNUZ
        )
    }

    /// float16 and bfloat16: stored in 16 bits, computed in float32.
    pub const fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }

    /// The four 8-bit floating storage formats.
    pub const fn is_float8(self) -> bool {
        use DType::*;
        matches!(self, F8E4M3FN | F8E5M2 | F8E4M3FNUZ | F8E5M2FNUZ)
    }

    /// Integers of any width and sign; `Bool` is not one of them.
    pub const fn is_int(self) -> bool {
        use DType::*;
        matches!(self, U8 | I8 | I16 | I32 | I64 | U16 | U32 | U64)
    }

    /// Whether negative values exist.
    pub const fn is_signed(self) -> bool {
        use DType::*;
        !matches!(self, Bool | U8 | U16 | U32 | U64)
    }

    /// Complex types.
    pub const fn is_complex(self) -> bool {
        matches!(self, DType::C64 | DType::C128)
    }

    /// The dtype of the parts of a complex dtype; another dtype itself.
    pub const fn part(self) -> DType {
        match self {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            d => d,
        }
    }

    /// The complex dtype whose parts are of this dtype, if there is one.
    pub const fn of_parts(self) -> Option<DType> {
        match self {
            DType::F32 => Some(DType::C64),
            DType::F64 => Some(DType::C128),
            _ => None,
        }
    }

    /// Types that can carry a gradient.
    pub const fn is_differentiable(self) -> bool {
        self.is_float() || self.is_complex()
    }

    /// PyTorch's name without the prefix: `float32`.
    pub const fn name(self) -> &'static str {
        use DType::*;
        match self {
            Bool => "bool",
            U8 => "uint8",
            I8 => "int8",
            I16 => "int16",
            I32 => "int32",
            I64 => "int64",
            F16 => "float16",
            BF16 => "bfloat16",
            F32 => "float32",
            F64 => "float64",
            U16 => "uint16",
            U32 => "uint32",
            U64 => "uint64",
            F8E4M3FN => "float8_e4m3fn",
            F8E5M2 => "float8_e5m2",
            F8E4M3FNUZ => "float8_e4m3fnuz",
            F8E5M2FNUZ => "float8_e5m2fnuz",
            C64 => "complex64",
            C128 => "complex128",
        }
    }

    /// The C++ type name that PyTorch's error texts use: `Float`, `Long`, `Half`.
    pub const fn scalar_type_name(self) -> &'static str {
        use DType::*;
        match self {
            Bool => "Bool",
            U8 => "Byte",
            I8 => "Char",
            I16 => "Short",
            I32 => "Int",
            I64 => "Long",
            F16 => "Half",
            BF16 => "BFloat16",
            F32 => "Float",
            F64 => "Double",
            U16 => "UInt16",
            U32 => "UInt32",
            U64 => "UInt64",
            F8E4M3FN => "Float8_e4m3fn",
            F8E5M2 => "Float8_e5m2",
            F8E4M3FNUZ => "Float8_e4m3fnuz",
            F8E5M2FNUZ => "Float8_e5m2fnuz",
            C64 => "ComplexFloat",
            C128 => "ComplexDouble",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "torch.{}", self.name())
    }
}

impl fmt::Debug for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Runs an expression with a type alias bound to the element type of a class of dtypes, or the `else` branch.
///
/// `match_dtype!(dt, [F32 F64 I64] => |T| kernel::<T>(), else None)`. Only the listed dtypes are instantiated.
/// `F16` and `BF16` bind [`half::f16`] and [`half::bf16`]; `Bool` binds `bool`.
#[macro_export]
macro_rules! match_dtype {
    ($dt:expr, [$($v:ident)+] => |$T:ident| $body:expr, else $other:expr) => {
        match $dt {
            $($crate::DType::$v => { type $T = $crate::element!($v); $body })+
            #[allow(unreachable_patterns)]
            _ => $other,
        }
    };
}

/// The Rust type of a dtype's elements.
#[macro_export]
macro_rules! element {
    (Bool) => {
        bool
    };
    (U8) => {
        u8
    };
    (I8) => {
        i8
    };
    (I16) => {
        i16
    };
    (I32) => {
        i32
    };
    (I64) => {
        i64
    };
    (F16) => {
        half::f16
    };
    (BF16) => {
        half::bf16
    };
    (F32) => {
        f32
    };
    (F64) => {
        f64
    };
    (U16) => {
        u16
    };
    (U32) => {
        u32
    };
    (U64) => {
        u64
    };
}
