//! Drawing categories with replacement: `multinomial`.

use super::CpuGenerator;
use crate::{DType, match_dtype};

/// Why a row of probabilities is not a distribution; the rows before it have been drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadRow {
    /// An entry below zero (or NaN, which PyTorch's test counts here).
    Negative,
    /// An infinite entry.
    NotFinite,
    /// No entry above zero.
    ZeroSum,
    /// No kernel for the dtype; nothing was drawn.
    DType,
}

/// For each of `rows` distributions over `categories` entries draws `samples` indices into contiguous `dst`.
///
/// The cumulative sums are formed and divided by the total in the probabilities' type (`float32` for half types); a
/// uniform double then finds its place by bisection.
pub unsafe fn with_replacement(
    generator: &mut CpuGenerator,
    dtype: DType,
    p: *const u8,
    row_stride: isize,
    stride: isize,
    rows: usize,
    categories: usize,
    samples: usize,
    dst: *mut i64,
) -> Result<(), BadRow> {
    macro_rules! draw {
        ($T:ident $Sum:ident $read:expr) => {{
            let mut cumulative: Vec<$Sum> = vec![0.0; categories];
            for row in 0..rows {
                let p = p.offset(row as isize * row_stride);
                let mut sum: $Sum = 0.0;
                for (j, slot) in cumulative.iter_mut().enumerate() {
                    let value = $read((p.offset(j as isize * stride) as *const $T).read_unaligned());
                    if !(value >= 0.0) {
                        return Err(BadRow::Negative);
                    }
                    if !(value as f32).is_finite() {
                        return Err(BadRow::NotFinite);
                    }
                    sum += value;
                    *slot = sum;
                }
                if !(sum > 0.0) {
                    return Err(BadRow::ZeroSum);
                }
                cumulative.iter_mut().for_each(|c| *c /= sum);
                if let Some(last) = cumulative.last_mut() {
                    *last = 1.0;
                }
                for j in 0..samples {
                    let u = generator.uniform_f64();
                    let at = cumulative.partition_point(|&c| (c as f64) < u);
                    dst.add(row * samples + j).write_unaligned(at as i64);
                }
            }
            Ok(())
        }};
    }
    match_dtype!(dtype, [F16 BF16] => |T| draw!(T f32 |x: T| x.to_f32()), else match dtype {
        DType::F32 => draw!(f32 f32 |x: f32| x),
        DType::F64 => draw!(f64 f64 |x: f64| x),
        _ => Err(BadRow::DType),
    })
}
