//! Type promotion: which dtype the result of a mixed operation has.
//!
//! PyTorch's rules (documentation, "Tensor Attributes", type promotion): operands fall into three priorities,
//! tensors with dimensions, 0-d tensors, and wrapped numbers. A lower priority changes the result only when its
//! category (bool < integral < floating < complex) is higher than that of every higher priority.

use crate::{DType, Result, Tensor, bail};
use std::sync::atomic::{AtomicU8, Ordering};

static DEFAULT: AtomicU8 = AtomicU8::new(DType::F32 as u8);

/// The dtype that Python floats become: float32 unless [`set_default_dtype`] changed it.
pub fn default_dtype() -> DType {
    let d = DEFAULT.load(Ordering::Relaxed);
    DType::ALL.into_iter().find(|t| *t as u8 == d).unwrap_or(DType::F32)
}

/// Sets the default floating dtype; only floating types are accepted.
pub fn set_default_dtype(d: DType) -> Result<()> {
    crate::ensure!(
        d.is_float() && !d.is_float8(),
        Type,
        "only floating-point types are supported as the default type"
    );
    DEFAULT.store(d as u8, Ordering::Relaxed);
    Ok(())
}

/// The complex dtype whose parts are the default dtype.
pub fn default_complex() -> DType {
    if default_dtype() == DType::F64 {
        DType::C128
    } else {
        DType::C64
    }
}

/// The smallest dtype that holds the values of both, as `torch.promote_types`.
///
/// PyTorch has no answer for 8-bit floats with anything else and for the wide unsigned integers with anything but real
/// floats; this function gives a dtype that holds both then, and [`try_promote_types`] PyTorch's error.
pub fn promote_types(a: DType, b: DType) -> DType {
    use DType::*;
    if a == b {
        return a;
    }
    let (a, b) = if rank(a) <= rank(b) { (a, b) } else { (b, a) };
    // From here rank(a) <= rank(b).
    match (category(a), category(b)) {
        (_, 0) => Bool,
        (0, _) => b,
        (1, 1) => promote_ints(a, b),
        (1, _) => b,
        (2, 2) => match (a, b) {
            (F16, BF16) | (BF16, F16) => F32,
            _ if a.is_float8() && b.is_float8() => F32,
            _ => b,
        },
        (2, _) => {
            if a == F64 {
                C128
            } else {
                b
            }
        }
        _ => b,
    }
}

/// As [`promote_types`], or the error that PyTorch raises where it defines no promotion.
pub fn try_promote_types(a: DType, b: DType) -> Result<DType> {
    let wide = |d| matches!(d, DType::U16 | DType::U32 | DType::U64);
    let kind = if a == b {
        return Ok(a);
    } else if a.is_float8() || b.is_float8() {
        "Float8 Types"
    } else if (wide(a) || wide(b)) && !a.is_float() && !b.is_float() {
        "uint16, uint32, uint64 types"
    } else {
        return Ok(promote_types(a, b));
    };
    bail!(
        Runtime,
        "Promotion for {kind} is not supported, attempted to promote {} and {}",
        a.scalar_type_name(),
        b.scalar_type_name()
    )
}

fn promote_ints(a: DType, b: DType) -> DType {
    use DType::*;
    match (a.is_signed(), b.is_signed()) {
        (x, y) if x == y => {
            if a.size() >= b.size() {
                a
            } else {
                b
            }
        }
        _ => {
            let (u, s) = if a.is_signed() { (b, a) } else { (a, b) };
            match u {
                U8 if s == I8 => I16,
                U8 => s,
                // PyTorch has no signed type to promote the wide unsigned types to except the next wider one.
                U16 if s.size() > 2 => s,
                U32 if s.size() > 4 => s,
                U16 => I32,
                U32 => I64,
                _ => F32,
            }
        }
    }
}

fn rank(d: DType) -> u8 {
    use DType::*;
    match d {
        Bool => 0,
        U8 | I8 => 1,
        I16 | U16 => 2,
        I32 | U32 => 3,
        I64 | U64 => 4,
        F8E4M3FN | F8E5M2 | F8E4M3FNUZ | F8E5M2FNUZ => 5,
        F16 | BF16 => 6,
        F32 => 7,
        F64 => 8,
        C64 => 9,
        C128 => 10,
    }
}

/// bool 0, integral 1, floating 2, complex 3.
pub(crate) fn category(d: DType) -> u8 {
    if d == DType::Bool {
        0
    } else if d.is_int() {
        1
    } else if d.is_float() {
        2
    } else {
        3
    }
}

/// The running state of a promotion over several operands.
#[derive(Clone, Copy, Default)]
pub struct Promotion {
    dim: Option<DType>,
    zero: Option<DType>,
    wrapped: Option<DType>,
    /// Two dtypes that were promoted although PyTorch does not.
    undefined: Option<(DType, DType)>,
}

impl Promotion {
    /// Adds a tensor.
    pub fn tensor(mut self, t: &Tensor) -> Promotion {
        let mut d = t.dtype();
        let slot = if t.is_wrapped_number() {
            if d.is_complex() {
                d = default_complex();
            } else if d.is_float() {
                d = default_dtype();
            }
            &mut self.wrapped
        } else if t.dim() == 0 {
            &mut self.zero
        } else {
            &mut self.dim
        };
        match *slot {
            Some(o) if o != d => {
                *slot = Some(promote_types(o, d));
                self.note(o, d);
            }
            _ => *slot = Some(d),
        }
        self
    }

    /// Remembers a promotion that is an error in PyTorch.
    fn note(&mut self, a: DType, b: DType) {
        if self.undefined.is_none() && try_promote_types(a, b).is_err() {
            self.undefined = Some((a, b));
        }
    }

    /// `higher` with operands of lower priority, which count only when their category is higher.
    fn combine(&mut self, higher: Option<DType>, lower: Option<DType>) -> Option<DType> {
        let (Some(h), Some(l)) = (higher, lower) else {
            return higher.or(lower);
        };
        Some(match (category(h), category(l)) {
            (a, b) if a >= b => h,
            // The wide unsigned integers have a promotion here.
            (1, 3) => l,
            // PyTorch knows no complex type of this precision either; the others widen to the next one.
            (2, 3) if h.is_half() => DType::C64,
            (2, 3) if h == DType::F64 => DType::C128,
            (2, 3) if h == DType::F32 => DType::C64,
            _ => {
                self.note(h, l);
                promote_types(h, l)
            }
        })
    }

    /// The result, with [`promote_types`] for pairs that PyTorch does not promote.
    pub fn finish(mut self) -> DType {
        self.resolve()
    }

    /// The result, or PyTorch's error.
    pub fn try_finish(mut self) -> Result<DType> {
        let d = self.resolve();
        match self.undefined {
            Some((a, b)) => try_promote_types(a, b),
            None => Ok(d),
        }
    }

    fn resolve(&mut self) -> DType {
        let lower = self.combine(self.zero, self.wrapped);
        self.combine(self.dim, lower).unwrap_or(DType::F32)
    }
}

/// The result dtype of an operation on these tensors, as `torch.result_type` extended to any number. For pairs that
/// PyTorch does not promote see [`promote_types`]; [`try_result_type`] gives the error.
pub fn result_type(tensors: &[&Tensor]) -> DType {
    same_dtype(tensors).unwrap_or_else(|| tensors.iter().fold(Promotion::default(), |p, t| p.tensor(t)).finish())
}

/// The common case: two operands of one dtype cost two comparisons.
#[inline]
fn same_dtype(tensors: &[&Tensor]) -> Option<DType> {
    match tensors {
        [a, b] if a.dtype() == b.dtype() && !(a.is_wrapped_number() && b.is_wrapped_number()) => Some(a.dtype()),
        _ => None,
    }
}

/// As [`result_type`], or PyTorch's error.
pub fn try_result_type(tensors: &[&Tensor]) -> Result<DType> {
    if let Some(d) = same_dtype(tensors) {
        return Ok(d);
    }
    tensors
        .iter()
        .fold(Promotion::default(), |p, t| p.tensor(t))
        .try_finish()
}
