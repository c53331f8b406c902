//! Functions of complex numbers, in float64 for both complex dtypes: a complex64 result is rounded once.
//!
//! Branch cuts, signed zeros and the formulas of the inverse functions follow W. Kahan, "Branch Cuts for Complex
//! Elementary Functions, or Much Ado About Nothing's Sign Bit" (1987), which is what C's Annex G asks for too.

use std::f64::consts::{LN_2, LN_10, PI};
use std::ops::{Add, Mul, Neg, Sub};

/// A complex number as it lies in memory: the real part, then the imaginary part.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Complex<T> {
    /// The real part.
    pub(crate) re: T,
    /// The imaginary part.
    pub(crate) im: T,
}

/// The double-precision number that everything is computed in.
pub(crate) type Z = Complex<f64>;

pub(crate) const fn z(re: f64, im: f64) -> Z {
    Complex { re, im }
}

const ONE: Z = z(1.0, 0.0);

impl<T: Add<Output = T>> Add for Complex<T> {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Complex {
            re: self.re + b.re,
            im: self.im + b.im,
        }
    }
}

impl<T: Sub<Output = T>> Sub for Complex<T> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Complex {
            re: self.re - b.re,
            im: self.im - b.im,
        }
    }
}

impl<T: Copy + Add<Output = T> + Sub<Output = T> + Mul<Output = T>> Mul for Complex<T> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Complex {
            re: self.re * b.re - self.im * b.im,
            im: self.re * b.im + self.im * b.re,
        }
    }
}

impl<T: Neg<Output = T>> Neg for Complex<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Complex {
            re: -self.re,
            im: -self.im,
        }
    }
}

impl Z {
    pub(crate) fn scale(self, s: f64) -> Z {
        z(self.re * s, self.im * s)
    }

    pub(crate) fn conj(self) -> Z {
        z(self.re, -self.im)
    }

    /// `i z`.
    fn turned(self) -> Z {
        z(-self.im, self.re)
    }

    /// `-i z`.
    fn turned_back(self) -> Z {
        z(self.im, -self.re)
    }

    /// `|z|` without overflow.
    pub(crate) fn modulus(self) -> f64 {
        self.re.hypot(self.im)
    }

    /// The angle, in `[-pi, pi]`.
    pub(crate) fn argument(self) -> f64 {
        self.im.atan2(self.re)
    }

    /// `a / b`, scaled by the larger part of the divisor (R. Smith, 1962), as NumPy and PyTorch divide.
    pub(crate) fn divide(self, b: Z) -> Z {
        let (c, d) = (b.re.abs(), b.im.abs());
        if c >= d {
            if c == 0.0 && d == 0.0 {
                return z(self.re / c, self.im / d);
            }
            let ratio = b.im / b.re;
            let scale = 1.0 / (b.re + b.im * ratio);
            z((self.re + self.im * ratio) * scale, (self.im - self.re * ratio) * scale)
        } else {
            let ratio = b.re / b.im;
            let scale = 1.0 / (b.re * ratio + b.im);
            z((self.re * ratio + self.im) * scale, (self.im * ratio - self.re) * scale)
        }
    }

    /// `z / |z|`, 0 for 0.
    pub(crate) fn sgn(self) -> Z {
        match self.modulus() {
            0.0 => z(0.0, 0.0),
            r => z(self.re / r, self.im / r),
        }
    }

    /// `1 / z`.
    pub(crate) fn reciprocal(self) -> Z {
        ONE.divide(self)
    }

    /// The root with a real part from 0 up.
    pub(crate) fn sqrt(self) -> Z {
        let Complex { re, im } = self;
        if im.is_infinite() {
            return z(f64::INFINITY, im);
        }
        if re.is_infinite() {
            return match (re > 0.0, im.is_nan()) {
                (true, true) => z(re, im),
                (true, false) => z(re, 0f64.copysign(im)),
                (false, true) => z(im, re),
                (false, false) => z(0.0, f64::INFINITY.copysign(im)),
            };
        }
        if re == 0.0 && im == 0.0 {
            return z(0.0, im);
        }
        // Halved, so that the sum below does not overflow; doubled when tiny, so that it does not vanish.
        let (s, back) = if re.abs().max(im.abs()) > 1e300 {
            (0.25, 2.0)
        } else if re.abs().max(im.abs()) < 1e-290 {
            (2f64.powi(60), 2f64.powi(-30))
        } else {
            (1.0, 1.0)
        };
        let (re, im) = (re * s, im * s);
        let t = ((re.abs() + re.hypot(im)) * 0.5).sqrt();
        let w = im.abs() / (2.0 * t);
        let (a, b) = if re >= 0.0 { (t, w) } else { (w, t) };
        z(a * back, b.copysign(im) * back)
    }

    /// `e^z`.
    pub(crate) fn exp(self) -> Z {
        let Complex { re, im } = self;
        let size = re.exp();
        if im == 0.0 {
            return z(size, im);
        }
        if re == f64::NEG_INFINITY && !im.is_finite() {
            return z(0.0, 0.0);
        }
        if re == f64::INFINITY && !im.is_finite() {
            return z(re, f64::NAN);
        }
        let (s, c) = im.sin_cos();
        if size.is_infinite() && re.is_finite() {
            // In two steps: a small cosine may bring it back into range.
            let half = (re * 0.5).exp();
            return z(c * half * half, s * half * half);
        }
        z(size * c, size * s)
    }

    /// `e^z - 1`, exact near 0: `e^x cos y - 1 = expm1(x) cos y - 2 sin(y/2)^2`.
    pub(crate) fn expm1(self) -> Z {
        let half = (self.im * 0.5).sin();
        let (s, c) = self.im.sin_cos();
        let im = if self.im == 0.0 { self.im } else { self.re.exp() * s };
        z(self.re.exp_m1() * c - 2.0 * half * half, im)
    }

    /// `ln |z|`, exact near the unit circle.
    fn log_modulus(self) -> f64 {
        let (a, b) = (self.re.abs(), self.im.abs());
        let (large, small) = if a >= b { (a, b) } else { (b, a) };
        if (0.5..=2.0).contains(&large) && small <= 2.0 {
            // |z|^2 - 1 = (a - 1)(a + 1) + b^2
            0.5 * ((large - 1.0) * (large + 1.0) + small * small).ln_1p()
        } else {
            self.modulus().ln()
        }
    }

    /// `ln z`, imaginary part in `[-pi, pi]`.
    pub(crate) fn log(self) -> Z {
        z(self.log_modulus(), self.argument())
    }

    /// `ln(1 + z)`, exact near 0.
    pub(crate) fn log1p(self) -> Z {
        let Complex { re: x, im: y } = self;
        let angle = y.atan2(x + 1.0);
        if self.modulus() < 0.5 {
            let r = x * (2.0 + x) + y * y;
            return z(if r == 0.0 { x } else { 0.5 * r.ln_1p() }, angle);
        }
        z(z(x + 1.0, y).log_modulus(), angle)
    }

    pub(crate) fn log2(self) -> Z {
        let w = self.log();
        z(w.re / LN_2, w.im / LN_2)
    }

    pub(crate) fn log10(self) -> Z {
        let w = self.log();
        z(w.re / LN_10, w.im / LN_10)
    }

    pub(crate) fn exp2(self) -> Z {
        self.scale(LN_2).exp()
    }

    pub(crate) fn sinh(self) -> Z {
        let Complex { re, im } = self;
        if im == 0.0 {
            return z(re.sinh(), im);
        }
        let (s, c) = im.sin_cos();
        if re == 0.0 {
            return z(re, s);
        }
        z(re.sinh() * c, re.cosh() * s)
    }

    pub(crate) fn cosh(self) -> Z {
        let Complex { re, im } = self;
        if im == 0.0 {
            return z(re.cosh(), re * im);
        }
        let (s, c) = im.sin_cos();
        if re == 0.0 {
            return z(c, re * s);
        }
        z(re.cosh() * c, re.sinh() * s)
    }

    /// With `t = tan y`, `s = sinh x`: `(1 + t^2) s r + i t` over `1 + (1 + t^2) s^2`, `r = sqrt(1 + s^2)`.
    pub(crate) fn tanh(self) -> Z {
        let Complex { re, im } = self;
        if re.abs() > 22.0 {
            let side = 1f64.copysign(re);
            if !im.is_finite() {
                return z(side, 0.0);
            }
            let (s, c) = im.sin_cos();
            return z(side, 4.0 * s * c * (-2.0 * re.abs()).exp());
        }
        let t = im.tan();
        let b = 1.0 + t * t;
        let s = re.sinh();
        let r = (1.0 + s * s).sqrt();
        if t.is_infinite() {
            return z(r / s, 1.0 / t);
        }
        let d = 1.0 + b * s * s;
        z(b * r * s / d, t / d)
    }

    pub(crate) fn sin(self) -> Z {
        self.turned().sinh().turned_back()
    }

    pub(crate) fn cos(self) -> Z {
        self.turned().cosh()
    }

    pub(crate) fn tan(self) -> Z {
        self.turned().tanh().turned_back()
    }

    /// `(sqrt(1 - z), sqrt(1 + z))`.
    fn roots(self) -> (Z, Z) {
        (z(1.0 - self.re, -self.im).sqrt(), z(1.0 + self.re, self.im).sqrt())
    }

    pub(crate) fn asin(self) -> Z {
        if self.modulus() > 1e150 {
            // ln(2 |z|) is all that is left of the imaginary part.
            let angle = self.re.atan2(self.im.abs());
            return z(angle, (self.modulus().ln() + LN_2).copysign(self.im));
        }
        let (a, b) = self.roots();
        let re = self.re.atan2((a * b).re);
        z(re, (a.conj() * b).im.asinh())
    }

    pub(crate) fn acos(self) -> Z {
        if self.modulus() > 1e150 {
            let w = self.asin();
            return z(PI / 2.0 - w.re, -w.im);
        }
        let (a, b) = self.roots();
        z(2.0 * a.re.atan2(b.re), (b.conj() * a).im.asinh())
    }

    pub(crate) fn atan(self) -> Z {
        self.turned().atanh().turned_back()
    }

    pub(crate) fn asinh(self) -> Z {
        self.turned().asin().turned_back()
    }

    pub(crate) fn acosh(self) -> Z {
        if self.modulus() > 1e150 {
            return z(self.modulus().ln() + LN_2, self.argument());
        }
        let a = z(self.re - 1.0, self.im).sqrt();
        let b = z(self.re + 1.0, self.im).sqrt();
        z((a.conj() * b).re.asinh(), 2.0 * a.im.atan2(b.re))
    }

    pub(crate) fn atanh(self) -> Z {
        let (x, y) = (self.re.abs(), self.im);
        if x > 1e150 || y.abs() > 1e150 {
            let small = self.reciprocal().re;
            return z(small, (PI / 2.0).copysign(y));
        }
        let away = 1.0 - x;
        let re = (4.0 * x / (away * away + y * y)).ln_1p() / 4.0;
        let im = (2.0 * y).atan2(away * (1.0 + x) - y * y) / 2.0;
        z(re.copysign(self.re), im)
    }

    /// `1 / (1 + e^-z)`.
    pub(crate) fn sigmoid(self) -> Z {
        ONE.divide(ONE + (-self).exp())
    }

    /// `sin(p) / p` for `p = pi z`, 1 at 0.
    pub(crate) fn sinc_of_product(self) -> Z {
        if self.re == 0.0 && self.im == 0.0 {
            return ONE;
        }
        self.sin().divide(self)
    }

    /// `z^w = e^(w ln z)`; `z^0` is 1 and `0^w` is 0 where the real part of `w` is positive.
    /// The exponent `w ln z` is a product by `times`, in the dtype of the parts: PyTorch's is not more exact.
    pub(crate) fn pow(self, w: Z, times: impl Fn(Z, Z) -> Z) -> Z {
        if w.re == 0.0 && w.im == 0.0 {
            return ONE;
        }
        if self.re == 0.0 && self.im == 0.0 && w.im == 0.0 {
            return if w.re > 0.0 {
                z(0.0, 0.0)
            } else {
                z(f64::INFINITY, f64::NAN)
            };
        }
        // The whole powers that are used most are products.
        if w.im == 0.0 && w.re.fract() == 0.0 && w.re.abs() <= 32.0 {
            let mut n = w.re.abs() as u32;
            let (mut base, mut out) = (self, ONE);
            while n > 0 {
                if n & 1 == 1 {
                    out = out * base;
                }
                base = base * base;
                n >>= 1;
            }
            return if w.re < 0.0 { out.reciprocal() } else { out };
        }
        times(w, self.log()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Z, b: Z) {
        let d = (a - b).modulus();
        assert!(d <= 1e-13 * b.modulus().max(1e-2), "{a:?} is not {b:?}");
    }

    #[test]
    fn inverses_undo_the_functions() {
        for x in [-2.5, -1.0, -0.3, -1e-9, 0.0, 1e-9, 0.4, 1.0, 3.0] {
            for y in [-1.4, -0.6, -1e-7, 1e-7, 0.2, 1.0, 1.5] {
                let w = z(x, y);
                near(w.log().exp(), w);
                near(w.sqrt() * w.sqrt(), w);
                near(w.asin().sin(), w);
                near(w.acos().cos(), w);
                near(w.asinh().sinh(), w);
                near(w.acosh().cosh(), w);
                near(w.atan().tan(), w);
                near(w.atanh().tanh(), w);
                near(w.log1p().expm1(), w);
                near(w.sinh().divide(w.cosh()), w.tanh());
                near(w.pow(z(3.0, 0.0), |a, b| a * b), w * w * w);
                near(w.pow(z(0.5, 0.0), |a, b| a * b), w.sqrt());
                near(w.reciprocal() * w, ONE);
            }
        }
    }

    #[test]
    fn zeros_keep_their_side_of_a_cut() {
        assert_eq!(z(-1.0, 0.0).log().im, PI);
        assert_eq!(z(-1.0, -0.0).log().im, -PI);
        assert_eq!(z(-4.0, -0.0).sqrt(), z(0.0, -2.0));
        assert!(z(2.0, 0.0).asin().im > 0.0 && z(2.0, -0.0).asin().im < 0.0);
        assert!(z(2.0, 0.0).acos().im < 0.0 && z(2.0, -0.0).acos().im > 0.0);
    }
}
