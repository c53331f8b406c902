//! Fills with one value, given as the bytes of the dtype.

use crate::nd::Loop2d;

/// The loop that stores the element at `params` (of `size` bytes: 1, 2, 4, 8 or 16) everywhere; operands `[out]`.
///
/// # Panics
/// On another size; sizes come from [`crate::DType::size`].
pub fn fill_loop(size: usize) -> Loop2d {
    match size {
        1 => fill_strided::<1>,
        2 => fill_strided::<2>,
        4 => fill_strided::<4>,
        8 => fill_strided::<8>,
        16 => fill_strided::<16>,
        _ => unreachable!("no dtype has {size} bytes"),
    }
}

unsafe fn fill_strided<const SIZE: usize>(
    ptrs: *const *mut u8,
    strides: *const isize,
    inner: usize,
    outer: usize,
    params: *const u8,
) {
    let value = params.cast::<[u8; SIZE]>().read_unaligned();
    for j in 0..outer as isize {
        let out = (*ptrs).offset(*strides.add(1) * j);
        if *strides == SIZE as isize {
            row(out, value.as_ptr(), SIZE, inner);
        } else {
            for i in 0..inner as isize {
                out.offset(*strides * i).cast::<[u8; SIZE]>().write_unaligned(value);
            }
        }
    }
}

/// Stores the element of `size` bytes at `value` into `n` contiguous places.
pub unsafe fn row(out: *mut u8, value: *const u8, size: usize, n: usize) {
    let bytes = std::slice::from_raw_parts(value, size);
    if bytes.iter().all(|&b| b == bytes[0]) {
        return std::ptr::write_bytes(out, bytes[0], n * size);
    }
    match size {
        2 => row_2(out.cast(), value.cast::<u16>().read_unaligned(), n),
        4 => row_4(out.cast(), value.cast::<u32>().read_unaligned(), n),
        8 => row_8(out.cast(), value.cast::<u64>().read_unaligned(), n),
        _ => row_16(out.cast(), value.cast::<[u64; 2]>().read_unaligned(), n),
    }
}

macro_rules! row_of {
    ($name:ident, $t:ty) => {
        crate::simd_fn! {
            unsafe fn $name(out: *mut $t, value: $t, n: usize) {
                for i in 0..n {
                    out.add(i).write_unaligned(value);
                }
            }
        }
    };
}
row_of!(row_2, u16);
row_of!(row_4, u32);
row_of!(row_8, u64);
row_of!(row_16, [u64; 2]);

/// Fills `n` contiguous elements, in parallel when that pays.
pub unsafe fn fill_contiguous(out: *mut u8, value: &[u8], n: usize) {
    let size = value.len();
    let nd = crate::Nd {
        operands: 1,
        shape: &[n],
        strides: &[size as isize],
    };
    crate::nd::run(&nd, &[out], fill_loop(size), value.as_ptr(), 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_stride() {
        for size in [1usize, 2, 4, 8, 16] {
            let value: Vec<u8> = (1..=size as u8).collect();
            for n in [0usize, 1, 3, 17, 100] {
                let mut out = vec![0u8; n * size];
                unsafe { fill_contiguous(out.as_mut_ptr(), &value, n) };
                assert!(out.chunks(size).all(|c| c == value));
                let mut out = vec![0u8; n * size * 3];
                let (ptr, strides) = (out.as_mut_ptr(), [3 * size as isize, 0]);
                unsafe { fill_loop(size)(&ptr, strides.as_ptr(), n, 1, value.as_ptr()) };
                assert!(
                    out.chunks(3 * size)
                        .all(|c| c[..size] == value && c[size..].iter().all(|&b| b == 0))
                );
            }
        }
    }
}
