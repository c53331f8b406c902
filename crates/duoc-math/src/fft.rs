//! Discrete Fourier transforms, on `rustfft`.

use rustfft::num_complex::Complex;
use rustfft::{FftNum, FftPlanner};
use std::cell::RefCell;

thread_local! {
    static SINGLE: RefCell<FftPlanner<f32>> = RefCell::new(FftPlanner::new());
    static DOUBLE: RefCell<FftPlanner<f64>> = RefCell::new(FftPlanner::new());
}

fn rows<T: FftNum>(planner: &RefCell<FftPlanner<T>>, data: &mut [[T; 2]], n: usize, forward: bool, scale: T) {
    if n == 0 || data.is_empty() {
        return;
    }
    let plan = match forward {
        true => planner.borrow_mut().plan_fft_forward(n),
        false => planner.borrow_mut().plan_fft_inverse(n),
    };
    // SAFETY: `Complex` is `repr(C)` with two fields of this type.
    let data = unsafe { std::slice::from_raw_parts_mut(data.as_mut_ptr().cast::<Complex<T>>(), data.len()) };
    let mut scratch = vec![Complex::new(T::zero(), T::zero()); plan.get_inplace_scratch_len()];
    plan.process_with_scratch(data, &mut scratch);
    if scale != T::one() {
        for z in data {
            *z = *z * scale;
        }
    }
}

/// Transforms every row of `n` complex numbers in place: `y[k] = scale * sum over j of x[j] e^(-+ 2 pi i j k / n)`, minus
/// for `forward`. The length is a multiple of `n`.
///
/// ```
/// let mut x = [[1.0, 0.0], [2.0, 0.0]];
/// duoc_math::fft::rows_f64(&mut x, 2, true, 1.0);
/// assert_eq!(x, [[3.0, 0.0], [-1.0, 0.0]]);
/// ```
pub fn rows_f64(data: &mut [[f64; 2]], n: usize, forward: bool, scale: f64) {
    DOUBLE.with(|p| rows(p, data, n, forward, scale));
}

/// As [`rows_f64`] in single precision.
pub fn rows_f32(data: &mut [[f32; 2]], n: usize, forward: bool, scale: f64) {
    SINGLE.with(|p| rows(p, data, n, forward, scale as f32));
}
