//! Dense linear algebra on column-major matrices of float64 or complex128: factorisations, triangular solves,
//! eigenvalues and singular values.
//!
//! The algorithms are the textbook ones (G. Golub, C. Van Loan, "Matrix Computations", 4th ed.), in the conventions of
//! LAPACK where a result depends on them: partial pivoting, the signs of Householder reflections, Bunch-Kaufman pivots.
//! float32 is computed here too and rounded once by the caller. Every matrix is one unit of work, so bits do not depend on
//! the number of threads.

mod cholesky;
mod eig;
mod eigh;
mod ldl;
mod lu;
mod qr;
mod svd;
#[cfg(test)]
mod tests;
mod triangular;

use crate::math::complex::Complex;
use std::ops::{Add, Mul, Neg, Sub};

/// A number of a field: what the algorithms are written in.
pub(crate) trait Number:
    Copy + PartialEq + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Neg<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    fn of(re: f64, im: f64) -> Self;
    fn re(self) -> f64;
    fn im(self) -> f64;
    fn conj(self) -> Self;
    fn scale(self, s: f64) -> Self;
    fn over(self, d: Self) -> Self;
    /// `|z|`.
    fn modulus(self) -> f64;

    /// `|re| + |im|`, by which LAPACK chooses pivots.
    fn size(self) -> f64 {
        self.re().abs() + self.im().abs()
    }
    /// `|z|^2`.
    fn square(self) -> f64 {
        self.re() * self.re() + self.im() * self.im()
    }
    fn real(x: f64) -> Self {
        Self::of(x, 0.0)
    }
}

impl Number for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    fn of(re: f64, _: f64) -> f64 {
        re
    }
    fn re(self) -> f64 {
        self
    }
    fn im(self) -> f64 {
        0.0
    }
    fn conj(self) -> f64 {
        self
    }
    fn scale(self, s: f64) -> f64 {
        self * s
    }
    fn over(self, d: f64) -> f64 {
        self / d
    }
    fn modulus(self) -> f64 {
        self.abs()
    }
}

impl Number for Complex<f64> {
    const ZERO: Self = Complex { re: 0.0, im: 0.0 };
    const ONE: Self = Complex { re: 1.0, im: 0.0 };
    fn of(re: f64, im: f64) -> Self {
        Complex { re, im }
    }
    fn re(self) -> f64 {
        self.re
    }
    fn im(self) -> f64 {
        self.im
    }
    fn conj(self) -> Self {
        Complex {
            re: self.re,
            im: -self.im,
        }
    }
    fn scale(self, s: f64) -> Self {
        Complex {
            re: self.re * s,
            im: self.im * s,
        }
    }
    fn over(self, d: Self) -> Self {
        self.divide(d)
    }
    fn modulus(self) -> f64 {
        self.re.hypot(self.im)
    }
}

/// A column-major matrix without gaps.
pub(crate) struct Mat<'a, T> {
    data: &'a mut [T],
    rows: usize,
}

impl<'a, T: Number> Mat<'a, T> {
    pub(crate) fn new(data: &'a mut [T], rows: usize) -> Mat<'a, T> {
        Mat { data, rows }
    }
    fn at(&self, i: usize, j: usize) -> T {
        self.data[j * self.rows + i]
    }
    fn put(&mut self, i: usize, j: usize, x: T) {
        self.data[j * self.rows + i] = x;
    }
    fn col(&self, j: usize) -> &[T] {
        &self.data[j * self.rows..(j + 1) * self.rows]
    }
    fn col_mut(&mut self, j: usize) -> &mut [T] {
        &mut self.data[j * self.rows..(j + 1) * self.rows]
    }
    /// Columns `i < j`.
    fn pair(&mut self, i: usize, j: usize) -> (&mut [T], &mut [T]) {
        let (a, b) = self.data.split_at_mut(j * self.rows);
        (&mut a[i * self.rows..(i + 1) * self.rows], &mut b[..self.rows])
    }
    fn swap_rows(&mut self, i: usize, j: usize, columns: usize) {
        if i != j {
            for c in 0..columns {
                self.data.swap(c * self.rows + i, c * self.rows + j);
            }
        }
    }
    fn swap_columns(&mut self, i: usize, j: usize) {
        let (low, high) = (i.min(j), i.max(j));
        if low != high {
            let (a, b) = self.pair(low, high);
            a.swap_with_slice(b);
        }
    }
    fn set_identity(&mut self) {
        self.data.fill(T::ZERO);
        let n = self.data.len().checked_div(self.rows).unwrap_or(0);
        for i in 0..n.min(self.rows) {
            self.put(i, i, T::ONE);
        }
    }
    /// Turns columns `i` and `j`: `(a, b)` becomes `(c a + s b, c b - s a)`.
    fn rotate(&mut self, i: usize, j: usize, c: f64, s: f64) {
        let swap = i > j;
        let (a, b) = self.pair(i.min(j), i.max(j));
        let (a, b) = if swap { (b, a) } else { (a, b) };
        for (x, y) in a.iter_mut().zip(b) {
            let t = x.scale(c) + y.scale(s);
            *y = y.scale(c) - x.scale(s);
            *x = t;
        }
    }
}

/// `y += f x`.
fn axpy<T: Number>(f: T, x: &[T], y: &mut [T]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = *y + f * *x;
    }
}

/// `sum conj(x) y`.
fn dot<T: Number>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::ZERO, |s, (x, y)| s + x.conj() * *y)
}

/// The Euclidean norm, scaled so that it neither overflows nor vanishes.
fn norm<T: Number>(x: &[T]) -> f64 {
    let largest = x.iter().fold(0f64, |m, v| m.max(v.re().abs()).max(v.im().abs()));
    if largest == 0.0 || !largest.is_finite() {
        return if x.iter().any(|v| v.re().is_nan() || v.im().is_nan()) {
            f64::NAN
        } else {
            largest
        };
    }
    let sum: f64 = x.iter().map(|v| v.scale(1.0 / largest).square()).sum();
    largest * sum.sqrt()
}

/// Makes the reflection `I - tau v v^H` whose conjugate transpose takes `x` to `(beta, 0, ..)`, beta real (LAPACK's
/// `larfg`). `x[1..]` becomes `v[1..]`, `v[0]` is 1; returns beta and tau.
fn reflector<T: Number>(x: &mut [T]) -> (f64, T) {
    let Some((first, rest)) = x.split_first_mut() else {
        return (0.0, T::ZERO);
    };
    let tail = norm(rest);
    if tail == 0.0 && first.im() == 0.0 {
        return (first.re(), T::ZERO);
    }
    let beta = -norm(&[T::real(first.modulus()), T::real(tail)]).copysign(first.re());
    let tau = T::of((beta - first.re()) / beta, -first.im() / beta);
    let factor = T::ONE.over(*first - T::real(beta));
    for v in rest {
        *v = *v * factor;
    }
    (beta, tau)
}

/// `c := (I - tau v v^H) c` for a column `c`, with 1 in the place of `v[0]`.
fn reflect<T: Number>(v: &[T], tau: T, c: &mut [T]) {
    let f = tau * (c[0] + dot(&v[1..], &c[1..]));
    c[0] = c[0] - f;
    axpy(-f, &v[1..], &mut c[1..]);
}

/// Calls `f::<T>` for the field that is wanted.
macro_rules! of_field {
    ($complex:expr, $T:ident => $body:expr) => {
        if $complex {
            type $T = Complex<f64>;
            $body
        } else {
            type $T = f64;
            $body
        }
    };
}

/// A slice of numbers at an address.
///
/// # Safety
/// `len` numbers lie there, and nobody else reads or writes them.
unsafe fn slice<'a, T>(p: *mut u8, len: usize) -> &'a mut [T] {
    if len == 0 {
        return &mut [];
    }
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts_mut(p.cast::<T>(), len) }
}

/// `P A = L U` in place of an `m` by `n` matrix, `L` with ones on its diagonal. `pivots[i]` (from 1) is the row that row
/// `i` was exchanged with. Returns 0, or the number (from 1) of the first zero on the diagonal of `U`.
///
/// # Safety
/// `a` holds the matrix, `pivots` `min(m, n)` numbers.
pub unsafe fn lu(complex: bool, a: *mut u8, m: usize, n: usize, pivots: *mut u8, pivot: bool) -> i32 {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        lu::factor(&mut Mat::new(slice::<T>(a, m * n), m), n, slice(pivots, m.min(n)), pivot)
    })
}

/// Solves `T X = B` in place of the `n` by `k` matrix `B`.
///
/// # Safety
/// `t` holds an `n` by `n` matrix of which one triangle is read, `b` an `n` by `k` one.
pub unsafe fn solve_triangular(complex: bool, t: *mut u8, n: usize, upper: bool, unit: bool, b: *mut u8, k: usize) {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        triangular::solve(&Mat::new(slice::<T>(t, n * n), n), upper, unit, &mut Mat::new(slice(b, n * k), n), k)
    })
}

/// `A = L L^H` in place of the lower triangle of an `n` by `n` matrix; the upper one becomes zero. Returns 0, or the order
/// of the first leading minor that is not positive definite.
///
/// # Safety
/// `a` holds the matrix.
pub unsafe fn cholesky(complex: bool, a: *mut u8, n: usize) -> i32 {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe { cholesky::factor(&mut Mat::new(slice::<T>(a, n * n), n)) })
}

/// The Householder form of `A = Q R` in place of an `m` by `n` matrix: `R` on and above the diagonal, the vectors of the
/// reflections below it, `min(m, n)` numbers `tau` (LAPACK's `geqrf`).
///
/// # Safety
/// `a` holds the matrix, `tau` its numbers.
pub unsafe fn qr(complex: bool, a: *mut u8, m: usize, n: usize, tau: *mut u8) {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        qr::factor(&mut Mat::new(slice::<T>(a, m * n), m), n, slice(tau, m.min(n)))
    })
}

/// The first `n` columns of the product of `k` reflections, in place of the `m` by `n` matrix that holds their vectors.
///
/// # Safety
/// `a` holds the matrix, `tau` `k` numbers; `k <= n <= m`.
pub unsafe fn form_q(complex: bool, a: *mut u8, m: usize, n: usize, tau: *mut u8, k: usize) {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        qr::form(&mut Mat::new(slice::<T>(a, m * n), m), n, slice(tau, k))
    })
}

/// Ascending eigenvalues `w` of a Hermitian matrix of which the lower triangle is read, and its eigenvectors in its place
/// if wanted. Returns 0, or how many eigenvalues were not found.
///
/// # Safety
/// `a` holds the `n` by `n` matrix, `w` `n` float64.
pub unsafe fn eigh(complex: bool, a: *mut u8, n: usize, w: *mut u8, vectors: bool) -> i32 {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        eigh::decompose(&mut Mat::new(slice::<T>(a, n * n), n), slice(w, n), vectors)
    })
}

/// Eigenvalues `w` of an `n` by `n` matrix of complex numbers, which is overwritten, and unit eigenvectors `v` if wanted.
/// `real` says that all imaginary parts are 0: then the values are real or in conjugate pairs. Returns 0, or how many
/// eigenvalues were not found.
///
/// # Safety
/// `a`, `w` and `v` (if not null) hold `n * n`, `n` and `n * n` complex128.
pub unsafe fn eig(a: *mut u8, n: usize, w: *mut u8, v: *mut u8, real: bool) -> i32 {
    type T = Complex<f64>;
    // SAFETY: the caller's.
    unsafe {
        let a = &mut Mat::new(slice::<T>(a, n * n), n);
        let v = (!v.is_null()).then(|| Mat::new(slice::<T>(v, n * n), n));
        eig::decompose(a, slice(w, n), v, real)
    }
}

/// Descending singular values `s` of an `m` by `n` matrix with `m >= n`, which is overwritten, and if wanted the first
/// `columns` columns of `U` (`m` by `columns`) and `V` (`n` by `n`). Returns 0, or how many values were not found.
///
/// # Safety
/// `a` holds the matrix, `s` `n` float64, `u` and `v` (null if not wanted) their matrices.
pub unsafe fn svd(
    complex: bool,
    a: *mut u8,
    m: usize,
    n: usize,
    s: *mut u8,
    u: *mut u8,
    columns: usize,
    v: *mut u8,
) -> i32 {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        let vectors = (!u.is_null()).then(|| {
            (Mat::new(slice::<T>(u, m * columns), m), Mat::new(slice::<T>(v, n * n), n))
        });
        svd::decompose(&mut Mat::new(slice::<T>(a, m * n), m), n, slice(s, n), vectors)
    })
}

/// `A = L D L^T` (or `L D L^H`) with Bunch-Kaufman pivots in place of the lower triangle (LAPACK's `sytrf`, `hetrf`).
/// Returns 0, or the number of the first block of `D` that is zero.
///
/// # Safety
/// `a` holds the `n` by `n` matrix, `pivots` `n` int32.
pub unsafe fn ldl(complex: bool, a: *mut u8, n: usize, pivots: *mut u8, hermitian: bool) -> i32 {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        ldl::factor(&mut Mat::new(slice::<T>(a, n * n), n), slice(pivots, n), hermitian)
    })
}

/// Solves `A X = B` in place of the `n` by `k` matrix `B` with what [`ldl`] made.
///
/// # Safety
/// `a`, `pivots` and `b` hold them; the pivots are from 1 to `n` in size.
pub unsafe fn solve_ldl(complex: bool, a: *mut u8, n: usize, pivots: *mut u8, b: *mut u8, k: usize, hermitian: bool) {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        ldl::solve(&Mat::new(slice::<T>(a, n * n), n), slice(pivots, n), &mut Mat::new(slice(b, n * k), n), k, hermitian)
    })
}

/// Exchanges the rows of an `n` by `k` matrix as the pivots of [`lu`] say.
///
/// # Safety
/// `b` holds the matrix; the pivots are from 1 to `n`.
pub unsafe fn exchange_rows(complex: bool, b: *mut u8, n: usize, k: usize, pivots: &[i32]) {
    // SAFETY: the caller's.
    of_field!(complex, T => unsafe {
        let b = &mut Mat::new(slice::<T>(b, n * k), n);
        for (i, p) in pivots.iter().enumerate() {
            b.swap_rows(i, *p as usize - 1, k);
        }
    })
}
