//! Resampling of bytes with whole-number weights: columns first, then rows, each rounded to a byte, as PyTorch and Pillow do.

use super::Taps;
use crate::cell::Shared;
use crate::{par, simd_fn};

/// Resamples `planes` planes of bytes. The tables' weights are whole numbers below 2^15, to be divided by two to the power
/// that stands beside each table; `None` leaves an axis as it is.
///
/// # Safety
/// As for [`super::resample`].
pub unsafe fn resample_bytes(
    planes: usize,
    [height, width]: [usize; 2],
    rows: Option<(&Taps, u32)>,
    columns: Option<(&Taps, u32)>,
    src: *const u8,
    dst: *mut u8,
) {
    let out_width = columns.map_or(width, |c| c.0.outputs());
    let out_height = rows.map_or(height, |r| r.0.outputs());
    let whole = |taps: Option<(&Taps, u32)>| -> Vec<i32> {
        taps.map_or(Vec::new(), |t| t.0.weight.iter().map(|w| *w as i32).collect())
    };
    let (row_weights, column_weights) = (whole(rows), whole(columns));
    let (src, dst) = (Shared(src as *mut u8), Shared(dst));
    let group = (par::GRAIN / (height * out_width + out_height * out_width).max(1)).max(1);
    par::for_units(planes, group, &|begin, end| {
        let mut scratch = Vec::new();
        for plane in begin..end {
            let mut source = src.at(plane * height * width) as *const u8;
            let out = dst.at(plane * out_height * out_width);
            if let Some((taps, shift)) = columns {
                let target = match rows {
                    None => out,
                    Some(_) => {
                        scratch.resize(height * out_width, 0u8);
                        scratch.as_mut_ptr()
                    }
                };
                along_columns(taps, shift, &column_weights, source, width, target, height);
                source = target;
            }
            match rows {
                Some((taps, shift)) => along_rows(taps, shift, &row_weights, source, out_width, out),
                None if columns.is_none() => std::ptr::copy_nonoverlapping(source, out, height * width),
                None => {}
            }
        }
    });
}

#[inline(always)]
fn rounded(sum: i32, shift: u32) -> u8 {
    (sum >> shift).clamp(0, 255) as u8
}

simd_fn! {
    unsafe fn along_columns(taps: &Taps, shift: u32, weights: &[i32], src: *const u8, width: usize, dst: *mut u8, rows: usize) {
        let n = taps.outputs();
        for r in 0..rows {
            let (from, to) = (src.add(r * width), dst.add(r * n));
            for o in 0..n {
                let range = taps.of(o);
                let mut sum = 1i32 << (shift - 1);
                for (i, w) in taps.index[range.clone()].iter().zip(&weights[range]) {
                    sum = sum.wrapping_add(w.wrapping_mul(*from.add(*i as usize) as i32));
                }
                *to.add(o) = rounded(sum, shift);
            }
        }
    }
}

simd_fn! {
    unsafe fn along_rows(taps: &Taps, shift: u32, weights: &[i32], src: *const u8, width: usize, dst: *mut u8) {
        let mut sums = [0i32; 256];
        for o in 0..taps.outputs() {
            let range = taps.of(o);
            for at in (0..width).step_by(sums.len()) {
                let n = sums.len().min(width - at);
                let sums = &mut sums[..n];
                sums.fill(1 << (shift - 1));
                for (i, w) in taps.index[range.clone()].iter().zip(&weights[range.clone()]) {
                    let row = std::slice::from_raw_parts(src.add(*i as usize * width + at), n);
                    for (sum, x) in sums.iter_mut().zip(row) {
                        *sum = sum.wrapping_add(w.wrapping_mul(*x as i32));
                    }
                }
                let out = std::slice::from_raw_parts_mut(dst.add(o * width + at), n);
                for (out, sum) in out.iter_mut().zip(sums.iter()) {
                    *out = rounded(*sum, shift);
                }
            }
        }
    }
}
