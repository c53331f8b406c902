//! Reading and writing by index and by mask.
//!
//! Index arrays are contiguous `i64`. Every function that takes one checks it: a bad index is an error, and functions
//! that write in place check all indices before they write. Where an element is written more than once the order is
//! that of the index, whatever the number of threads: work is split only across positions that cannot meet.

mod blocks;
mod combine;
mod lines;
mod mask;

pub use blocks::{Blocks, put_blocks, take_blocks};
pub use combine::{Combine, combine_loop};
pub use lines::{gather, scatter};
pub use mask::{count, masked_fill_loop, masked_scatter, masked_select, nonzero};

/// An index outside its dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadIndex {
    /// The index as given.
    pub index: i64,
    /// Which index array it came from (0 where there is one).
    pub array: usize,
    /// Size of the dimension it should lie in.
    pub size: usize,
}

/// An array of indices into one dimension.
#[derive(Clone, Copy)]
pub struct Index {
    /// The indices, contiguous.
    pub ptr: *const i64,
    /// Size of the dimension they point into.
    pub size: usize,
    /// Byte stride of that dimension.
    pub stride: isize,
}
// SAFETY: the indices are only read.
unsafe impl Sync for Index {}

/// Finds the first of `n` indices outside `0..size` (`-size..size` with `wrap`).
pub unsafe fn check(index: *const i64, n: usize, size: usize, wrap: bool) -> Result<(), BadIndex> {
    if all_within(index, n, size, wrap) {
        return Ok(());
    }
    let low = if wrap { -(size as i64) } else { 0 };
    let bad = (0..n)
        .map(|i| index.add(i).read_unaligned())
        .find(|i| !(low..size as i64).contains(i));
    bad.map_or(Ok(()), |index| Err(BadIndex { index, array: 0, size }))
}

crate::simd_fn! {
    unsafe fn all_within(index: *const i64, n: usize, size: usize, wrap: bool) -> bool {
        // One unsigned comparison per index: shifted by `size`, the allowed values are `0..2 size`.
        let (shift, range) = if wrap { (size as i64, 2 * size as u64) } else { (0, size as u64) };
        let mut bad = 0u64;
        for i in 0..n {
            let index = index.add(i).read_unaligned();
            bad |= (index.wrapping_add(shift) as u64 >= range) as u64;
        }
        bad == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn noise(n: usize, modulus: u64) -> Vec<i64> {
        (0..n as u64)
            .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % modulus)
            .map(|v| v as i64)
            .collect()
    }

    #[test]
    fn a_bad_index_is_found_and_nothing_is_written() {
        for n in [1usize, 9, 100] {
            for at in [0, n / 2, n - 1] {
                let mut index = noise(n, 5);
                unsafe {
                    assert_eq!(check(index.as_ptr(), n, 5, false), Ok(()));
                    index[at] = -1;
                    assert_eq!(check(index.as_ptr(), n, 5, true), Ok(()));
                    let bad = BadIndex {
                        index: -1,
                        array: 0,
                        size: 5,
                    };
                    assert_eq!(check(index.as_ptr(), n, 5, false), Err(bad));
                    let mut block = [0f32; 5];
                    let to = block.as_mut_ptr().cast();
                    let one = 1f32;
                    let index = Index {
                        ptr: index.as_ptr(),
                        size: 5,
                        stride: 4,
                    };
                    let from = (&raw const one).cast();
                    assert_eq!(
                        scatter(Combine::Add, DType::F32, to, &[4], index, &[n], 0, from, &[0]),
                        Err(bad)
                    );
                    assert_eq!(block, [0.0; 5]);
                }
            }
        }
        let extreme = [i64::MIN];
        assert!(unsafe { check(extreme.as_ptr(), 1, 7, true) }.is_err());
        assert!(unsafe { check([0].as_ptr(), 1, 0, true) }.is_err());
    }

    #[test]
    fn gather_and_scatter_against_plain_loops() {
        for (shape, sizes) in [
            ([3usize, 4, 5], [3usize, 9, 5]),
            ([1, 700, 1], [2, 30, 1]),
            ([40, 6, 300], [40, 8, 300]),
        ] {
            let dim = 1;
            let index = noise(shape.iter().product(), sizes[dim] as u64);
            let input: Vec<f32> = noise(sizes.iter().product(), 1000).iter().map(|v| *v as f32).collect();
            let strides = [(sizes[1] * sizes[2] * 4) as isize, (sizes[2] * 4) as isize, 4];
            let own = [(shape[1] * shape[2] * 4) as isize, (shape[2] * 4) as isize, 4];
            let place = |i: usize| {
                let (a, c) = (i / (shape[1] * shape[2]), i % shape[2]);
                (a * sizes[1] + index[i] as usize) * sizes[2] + c
            };
            let array = Index {
                ptr: index.as_ptr(),
                size: sizes[dim],
                stride: strides[dim],
            };
            let mut sums = input.clone();
            for i in 0..index.len() {
                sums[place(i)] += i as f32;
            }
            for threads in [1, 2, 5] {
                crate::par::set_num_threads(threads);
                let mut out = vec![0f32; index.len()];
                unsafe {
                    gather(
                        out.as_mut_ptr().cast(),
                        input.as_ptr().cast(),
                        &strides,
                        array,
                        &shape,
                        dim,
                        4,
                    )
                }
                .expect("indices are good");
                assert!(out.iter().enumerate().all(|(i, v)| *v == input[place(i)]));
                let src: Vec<f32> = (0..index.len()).map(|i| i as f32).collect();
                let mut block = input.clone();
                let (to, from) = (block.as_mut_ptr().cast(), src.as_ptr().cast());
                let done = unsafe { scatter(Combine::Add, DType::F32, to, &strides, array, &shape, dim, from, &own) };
                assert_eq!(done, Ok(true));
                assert!(block == sums);
            }
        }
    }

    #[test]
    fn blocks_against_plain_loops() {
        let (b, s, t, a) = (3usize, 7usize, 5usize, 200usize);
        let input: Vec<i32> = (0..(b * s * t * a) as i32).collect();
        for n in [0usize, 1, 600] {
            let (i, j) = (noise(n, s as u64), noise(n, t as u64));
            let j: Vec<i64> = j.iter().map(|v| v - t as i64).collect();
            let stride = |d: usize| [s * t * a * 4, t * a * 4, a * 4, 4][d] as isize;
            let indices = [
                Index {
                    ptr: i.as_ptr(),
                    size: s,
                    stride: stride(1),
                },
                Index {
                    ptr: j.as_ptr(),
                    size: t,
                    stride: stride(2),
                },
            ];
            // The last dimension backwards in pairs: [a / 2, 2] with swapped strides is not contiguous.
            let (after, after_steps) = ([2usize, a / 2], [4isize, 8]);
            for whole in [true, false] {
                let blocks = Blocks {
                    indices: &indices,
                    n,
                    wrap: true,
                    before: (&[b], &[stride(0)]),
                    after: if whole { (&[a], &[4]) } else { (&after, &after_steps) },
                };
                let place = |o: usize, k: usize, e: usize| {
                    let e = if whole { e } else { e % (a / 2) * 2 + e / (a / 2) };
                    ((o * s + i[k] as usize) * t + (j[k] + t as i64) as usize) * a + e
                };
                for threads in [1, 3] {
                    crate::par::set_num_threads(threads);
                    let mut out = vec![0i32; b * n * a];
                    unsafe { take_blocks(out.as_mut_ptr().cast(), input.as_ptr().cast(), &blocks, 4) }.expect("good");
                    let mut expected = input.clone();
                    for at in 0..out.len() {
                        let (o, k, e) = (at / (n * a), at / a % n, at % a);
                        assert_eq!(out[at], input[place(o, k, e)]);
                        expected[place(o, k, e)] += at as i32;
                    }
                    let src: Vec<i32> = (0..out.len() as i32).collect();
                    let mut block = input.clone();
                    let (to, from) = (block.as_mut_ptr().cast(), src.as_ptr().cast());
                    let done = unsafe { put_blocks(Combine::Add, DType::I32, to, from, false, &blocks) };
                    assert_eq!(done, Ok(true));
                    assert!(block == expected);
                }
            }
        }
    }

    #[test]
    fn masks_against_plain_loops() {
        for n in [0usize, 1, 7, 64, 1000, 300_000] {
            for density in [0, 1, 128, 256] {
                let mask: Vec<u8> = noise(n, 256).iter().map(|v| (*v < density) as u8).collect();
                let hits: Vec<usize> = (0..n).filter(|i| mask[*i] != 0).collect();
                for threads in [1, 2] {
                    crate::par::set_num_threads(threads);
                    assert_eq!(unsafe { count(mask.as_ptr(), n) }, hits.len());
                    for size in [1usize, 2, 4, 8, 16] {
                        let input: Vec<u8> = (0..n * size).map(|i| ((i * 31) >> 3) as u8).collect();
                        let mut out = vec![0u8; hits.len() * size];
                        unsafe { masked_select(out.as_mut_ptr(), input.as_ptr(), mask.as_ptr(), n, size) };
                        let expected = hits.iter().flat_map(|h| &input[h * size..(h + 1) * size]);
                        assert!(out.iter().eq(expected));
                        let mut block = vec![0u8; n * size];
                        unsafe { masked_scatter(block.as_mut_ptr(), mask.as_ptr(), out.as_ptr(), n, size) };
                        assert!((0..n * size).all(|i| block[i] == if mask[i / size] != 0 { input[i] } else { 0 }));
                    }
                    let mut found = vec![0i64; hits.len()];
                    unsafe { nonzero(found.as_mut_ptr(), mask.as_ptr(), &[n], hits.len()) };
                    assert!(
                        found
                            .iter()
                            .eq(hits.iter().map(|h| *h as i64).collect::<Vec<_>>().iter())
                    );
                    if n == 300_000 {
                        let mut found = vec![0i64; 3 * hits.len()];
                        unsafe { nonzero(found.as_mut_ptr(), mask.as_ptr(), &[30, 100, 100], hits.len()) };
                        let lines =
                            [0, 1, 2].map(|d| hits.iter().map(move |h| [h / 10_000, h / 100 % 100, h % 100][d]));
                        assert!(lines.into_iter().flatten().eq(found.iter().map(|v| *v as usize)));
                    }
                }
            }
        }
    }
}
