//! Joining rows side by side: `cat` and `stack`.

use crate::par;

/// One input of [`cat_rows`]: contiguous rows of `bytes` bytes.
#[derive(Clone, Copy)]
pub struct Part {
    /// The first row.
    pub ptr: *const u8,
    /// Bytes per row.
    pub bytes: usize,
}
// SAFETY: inputs are only read.
unsafe impl Sync for Part {}

/// Output bytes worth a thread, and per tile where rows are short.
const PIECE: usize = 256 * 1024;
const TILE: usize = 16 * 1024;

#[derive(Clone, Copy)]
struct Out(*mut u8);
// SAFETY: threads write disjoint rows.
unsafe impl Sync for Out {}

/// Row `r` of `out` is row `r` of every part, one after the other; everything is contiguous.
///
/// `cat` along dimension `d` has as many rows as the dimensions before `d` hold, and rows as long as `d` and the
/// dimensions after it.
pub unsafe fn cat_rows(out: *mut u8, parts: &[Part], rows: usize) {
    let width: usize = parts.iter().map(|p| p.bytes).sum();
    if width == 0 || rows == 0 {
        return;
    }
    if rows == 1 || width >= PIECE {
        // Few long rows: each part of each row is a contiguous copy.
        let mut at = 0;
        for part in parts {
            for r in 0..rows {
                crate::copy::copy_contiguous(out.add(r * width + at), part.ptr.add(r * part.bytes), part.bytes);
            }
            at += part.bytes;
        }
        return;
    }
    let out = Out(out);
    let work = |begin: usize, end: usize| {
        let out = &out;
        // Part after part over a tile of rows that stays in the first-level cache.
        let tile = (TILE / width).max(1);
        let mut row = begin;
        while row < end {
            let n = tile.min(end - row);
            let mut at = row * width;
            for part in parts {
                // SAFETY: the rows lie inside both blocks.
                unsafe { columns(out.0.add(at), width, part.ptr.add(row * part.bytes), part.bytes, n) };
                at += part.bytes;
            }
            row += n;
        }
    };
    if rows * width < 2 * PIECE {
        work(0, rows)
    } else {
        par::for_units(rows, (PIECE / width).max(1), &work)
    }
}

/// Copies `n` rows of `bytes` bytes into rows that are `width` apart.
unsafe fn columns(out: *mut u8, width: usize, input: *const u8, bytes: usize, n: usize) {
    macro_rules! elements {
        ($t:ty) => {
            for i in 0..n {
                out.add(i * width)
                    .cast::<$t>()
                    .write_unaligned(input.cast::<$t>().add(i).read_unaligned());
            }
        };
    }
    match bytes {
        0 => {}
        1 => elements!(u8),
        2 => elements!(u16),
        4 => elements!(u32),
        8 => elements!(u64),
        16 => elements!([u64; 2]),
        _ => crate::copy::copy_rows(out, width as isize, input, bytes as isize, bytes, n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_widths() {
        for (widths, rows) in [
            (&[4usize, 4, 4][..], 5000usize),
            (&[1, 0, 16, 3], 700),
            (&[100, 2000, 8], 33),
            (&[300_000, 5], 3),
            (&[700_000], 1),
            (&[12], 0),
        ] {
            let inputs: Vec<Vec<u8>> = widths
                .iter()
                .enumerate()
                .map(|(k, w)| (0..w * rows).map(|i| (i * 7 + k * 31) as u8).collect())
                .collect();
            let width: usize = widths.iter().sum();
            let parts: Vec<Part> = inputs
                .iter()
                .zip(widths)
                .map(|(i, w)| Part {
                    ptr: i.as_ptr(),
                    bytes: *w,
                })
                .collect();
            let mut out = vec![0u8; width * rows];
            unsafe { cat_rows(out.as_mut_ptr(), &parts, rows) };
            let expected: Vec<u8> = (0..rows)
                .flat_map(|r| {
                    inputs
                        .iter()
                        .zip(widths)
                        .flat_map(move |(i, w)| i[r * w..(r + 1) * w].to_vec())
                })
                .collect();
            assert!(out == expected);
        }
    }
}
