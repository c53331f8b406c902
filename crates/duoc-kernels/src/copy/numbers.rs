//! Conversions of single elements, written without branches so that loops over them vectorise.
//!
//! Out-of-range float to integer conversions give what `cvttss2si` and `cvttsd2si` give on x86, which is what PyTorch
//! shows there: the smallest value of the signed type that the instruction works in, of which narrower targets keep the
//! low bits. The instruction works in 32 bits for i8, i16, u16 and i32, in 64 bits for u32, i64, u64 and for f64 to u8.
//! (To u32 PyTorch's vector loops differ from its scalar ones outside `-2^31 .. 2^32`; this is the scalar result.)

/// A NaN of the 16-bit formats: PyTorch's scalar conversion to bfloat16 gives this one for every NaN.
const BF16_NAN: u16 = 0x7fc0;

/// A truncation whose out-of-range inputs are first replaced by the smallest value of the target, which is exact in
/// the float type: one select and the plain conversion instruction.
macro_rules! truncate {
    ($(#[$doc:meta])* $name:ident, $float:ty => $int:ty, $above:literal, $below:literal) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $name(x: $float) -> $int {
            let fits = (x > $above) & (x < $below);
            let x = if fits { x } else { <$int>::MIN as $float };
            // SAFETY: `x` truncates to a value of the target.
            unsafe { x.to_int_unchecked() }
        }
    };
}

truncate! {
    /// Truncates toward zero; NaN and what does not fit give `i32::MIN`.
    f32_to_i32, f32 => i32, -2147483648.0, 2147483648.0
}
truncate! {
    /// Truncates toward zero; NaN and what does not fit give `i64::MIN`.
    f32_to_i64, f32 => i64, -9223372036854775808.0, 9223372036854775808.0
}
truncate! {
    /// Truncates toward zero (so -2147483648.9 fits); NaN and what does not fit give `i32::MIN`.
    f64_to_i32, f64 => i32, -2147483649.0, 2147483648.0
}
truncate! {
    /// Truncates toward zero; NaN and what does not fit give `i64::MIN`.
    f64_to_i64, f64 => i64, -9223372036854775808.0, 9223372036854775808.0
}

/// Truncates toward zero; negative values wrap, values from 2^64 on give 0, NaN gives 2^63.
#[inline(always)]
pub fn f64_to_u64(x: f64) -> u64 {
    const TOP: f64 = 9223372036854775808.0;
    if x >= TOP {
        (f64_to_i64(x - TOP) as u64) ^ (1 << 63)
    } else {
        f64_to_i64(x) as u64
    }
}

/// Widens half precision; exact, NaN payloads are kept and made quiet.
#[inline(always)]
pub fn f16_to_f32(h: u16) -> f32 {
    let sign = ((h & 0x8000) as u32) << 16;
    let magnitude = (h & 0x7fff) as u32;
    // The multiplication by 2^112 moves the exponent bias and makes subnormals normal.
    let finite = (f32::from_bits(magnitude << 13) * f32::from_bits(239 << 23)).to_bits();
    let special = (magnitude << 13) | 0x7f80_0000 | if magnitude > 0x7c00 { 0x0040_0000 } else { 0 };
    f32::from_bits(sign | if magnitude >= 0x7c00 { special } else { finite })
}

/// Rounds to half precision, ties to even; overflow gives infinity, NaN keeps the upper bits of its payload.
#[inline(always)]
pub fn f32_to_f16(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    let normal = magnitude
        .wrapping_add(0xfff + ((magnitude >> 13) & 1))
        .wrapping_sub(112 << 23)
        .min(0x7c00 << 13)
        >> 13;
    // Adding 0.5 puts the rounding position of half subnormals at the last bit of a float.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3f00_0000);
    let nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
    let finite = if magnitude < 0x3880_0000 { subnormal } else { normal };
    (sign | if magnitude > 0x7f80_0000 { nan } else { finite }) as u16
}

/// Widens bfloat16; exact.
#[inline(always)]
pub fn bf16_to_f32(h: u16) -> f32 {
    f32::from_bits((h as u32) << 16)
}

/// Rounds to bfloat16, ties to even; every NaN gives the same one.
#[inline(always)]
pub fn f32_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
    if x.is_nan() { BF16_NAN } else { rounded }
}

/// The layout of an 8-bit float format.
pub struct Float8 {
    mantissa: u32,
    bias: u32,
    /// Smallest float32 magnitude, as bits, that is out of range before rounding.
    limit: u32,
    /// The result for finite values at or above `limit`, and for infinity.
    overflow: u8,
    /// The result for NaN, without sign.
    nan: u8,
    /// One zero and one NaN (0x80): no sign on either.
    unsigned_zero: bool,
}

/// `float8_e4m3fn`: no infinity; what is too large, infinity included, becomes the largest finite value.
pub const E4M3FN: Float8 = Float8 {
    mantissa: 3,
    bias: 7,
    limit: 0x43e8_0001,
    overflow: 0x7e,
    nan: 0x7f,
    unsigned_zero: false,
};
/// `float8_e5m2`: IEEE-like with infinities.
pub const E5M2: Float8 = Float8 {
    mantissa: 2,
    bias: 15,
    limit: 143 << 23,
    overflow: 0x7c,
    nan: 0x7f,
    unsigned_zero: false,
};
/// `float8_e4m3fnuz`: bias 8, 0x80 is NaN, overflow gives NaN.
pub const E4M3FNUZ: Float8 = Float8 {
    mantissa: 3,
    bias: 8,
    limit: 135 << 23,
    overflow: 0x80,
    nan: 0x80,
    unsigned_zero: true,
};
/// `float8_e5m2fnuz`: bias 16, 0x80 is NaN, overflow gives NaN.
pub const E5M2FNUZ: Float8 = Float8 {
    mantissa: 2,
    bias: 16,
    limit: 143 << 23,
    overflow: 0x80,
    nan: 0x80,
    unsigned_zero: true,
};

impl Float8 {
    /// Rounds to the format, ties to even.
    #[inline(always)]
    pub fn encode(&self, x: f32) -> u8 {
        let bits = x.to_bits();
        let sign = ((bits >> 24) & 0x80) as u8;
        let magnitude = bits & 0x7fff_ffff;
        let shift = 23 - self.mantissa;
        let odd = (magnitude >> shift) & 1;
        let rebias = (127 - self.bias) << 23;
        let normal = magnitude
            .wrapping_sub(rebias)
            .wrapping_add((1 << (shift - 1)) - 1 + odd)
            >> shift;
        // 2^(1 - bias) is the smallest normal; adding this power of two puts its subnormals' last bit at a float's last bit.
        let magic = (127 + 1 - self.bias + shift) << 23;
        let subnormal = (f32::from_bits(magnitude) + f32::from_bits(magic))
            .to_bits()
            .wrapping_sub(magic);
        let smallest_normal = (127 + 1 - self.bias) << 23;
        let code = if magnitude < smallest_normal { subnormal } else { normal };
        // Rounding can carry past the largest finite value.
        let top = if self.unsigned_zero { 0x80 } else { self.nan as u32 };
        let code = if magnitude >= self.limit || code >= top {
            self.overflow as u32
        } else {
            code
        };
        let code = if magnitude > 0x7f80_0000 { self.nan as u32 } else { code } as u8;
        if self.unsigned_zero && (code == 0 || code == 0x80) {
            code
        } else {
            code | sign
        }
    }

    /// The value of a code; exact.
    pub const fn decode(&self, code: u8) -> f32 {
        let sign = ((code & 0x80) as u32) << 24;
        let magnitude = (code & 0x7f) as u32;
        if self.unsigned_zero && code == 0x80 {
            return f32::from_bits(0x7fc0_0000);
        }
        if !self.unsigned_zero {
            // e4m3fn has one NaN per sign; e5m2 has an infinity and three NaNs per sign.
            if self.mantissa == 3 && magnitude == 0x7f || self.mantissa == 2 && magnitude > 0x7c {
                return f32::from_bits(sign | 0x7fc0_0000);
            }
            if self.mantissa == 2 && magnitude == 0x7c {
                return f32::from_bits(sign | 0x7f80_0000);
            }
        }
        let exponent = magnitude >> self.mantissa;
        let fraction = magnitude & ((1 << self.mantissa) - 1);
        let bits = if exponent > 0 {
            ((exponent + 127 - self.bias) << 23) | (fraction << (23 - self.mantissa))
        } else if fraction > 0 {
            // A subnormal: shift its leading one up to the hidden bit.
            let lead = fraction.leading_zeros() - (31 - self.mantissa);
            ((128 - self.bias - lead) << 23) | ((fraction << (lead + 23 - self.mantissa)) & 0x007f_ffff)
        } else {
            0
        };
        f32::from_bits(sign | bits)
    }

    /// The values of all codes.
    pub const fn table(&self) -> [f32; 256] {
        let mut values = [0.0; 256];
        let mut code = 0;
        while code < 256 {
            values[code] = self.decode(code as u8);
            code += 1;
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_out_of_range() {
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 2147483648.0, -3e9] {
            assert_eq!(f32_to_i32(x), i32::MIN);
        }
        assert_eq!(f32_to_i32(-2147483648.0), i32::MIN);
        assert_eq!(f32_to_i32(2147483520.0), 2147483520);
        assert_eq!(f64_to_i32(-2147483648.9), i32::MIN);
        assert_eq!(f64_to_i32(2147483647.9), i32::MAX);
        assert_eq!(f64_to_i64(9223372036854775808.0), i64::MIN);
        assert_eq!(f64_to_u64(9223372036854775808.0), 1 << 63);
        assert_eq!(f64_to_u64(1e30), 0);
        assert_eq!(f64_to_u64(-1.0), u64::MAX);
    }

    #[test]
    fn half_precision_agrees_with_the_half_crate() {
        for h in 0..=u16::MAX {
            let x = f16_to_f32(h);
            let y = half::f16::from_bits(h).to_f32();
            assert!(x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan(), "{h:#x}");
            if !x.is_nan() {
                assert_eq!(f32_to_f16(x), h);
                let bf = half::bf16::from_bits(h);
                assert_eq!(f32_to_bf16(bf16_to_f32(h)), if bf.is_nan() { 0x7fc0 } else { h });
            }
        }
        for i in 0..2_000_000u32 {
            let x = f32::from_bits(i.wrapping_mul(2_654_435_761));
            if !x.is_nan() {
                assert_eq!(f32_to_f16(x), half::f16::from_f32(x).to_bits(), "{x}");
                assert_eq!(f32_to_bf16(x), half::bf16::from_f32(x).to_bits(), "{x}");
            }
        }
    }

    #[test]
    fn float8_codes_survive_a_round_trip() {
        for format in [&E4M3FN, &E5M2, &E4M3FNUZ, &E5M2FNUZ] {
            for code in 0..=255u8 {
                let x = format.decode(code);
                if x.is_nan() {
                    assert!(format.decode(format.encode(x)).is_nan());
                } else if !x.is_infinite() {
                    assert_eq!(format.encode(x), code, "{x}");
                }
            }
        }
        // Saturation as PyTorch 2.15 has it: only e4m3fn saturates, e5m2 overflows to infinity, the others to NaN.
        assert_eq!(E4M3FN.encode(f32::NEG_INFINITY), 0xfe);
        assert_eq!(E5M2.encode(61440.0), 0x7c);
        assert_eq!(E4M3FNUZ.encode(248.0), 0x80);
        assert_eq!(E5M2FNUZ.encode(f32::INFINITY), 0x80);
    }
}
