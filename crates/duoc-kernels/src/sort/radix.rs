//! Radix sort of packed (key, position) integers.

use std::mem::swap;

/// Lines shorter than this are sorted by comparison.
const SHORT: usize = 512;
/// Bits of a digit: 256 write streams fit the nearest cache and the TLB.
const DIGIT: u32 = 8;
const BUCKETS: usize = 1 << DIGIT;

/// Sorts by the upper halves, of which the low `bits` may differ, and among equals by position. The lower halves hold
/// the positions in order.
pub(super) fn sort(items: &mut Vec<u64>, other: &mut Vec<u64>, bits: u32) {
    if items.len() < SHORT {
        // Positions are distinct, so there are no equals whose order an unstable sort could lose.
        return items.sort_unstable();
    }
    let passes = bits.div_ceil(DIGIT) as usize;
    let mut counts = [[0u32; BUCKETS]; 4];
    for item in items.iter() {
        for (p, count) in counts[..passes].iter_mut().enumerate() {
            count[digit(*item, p)] += 1;
        }
    }
    other.resize(items.len(), 0);
    for (p, count) in counts[..passes].iter_mut().enumerate() {
        if count[digit(items[0], p)] as usize == items.len() {
            continue;
        }
        let mut start = 0;
        for c in count.iter_mut() {
            let size = *c;
            *c = start;
            start += size;
        }
        for item in items.iter() {
            let place = &mut count[digit(*item, p)];
            // SAFETY: the counts are those of the same items, so every place is below their number.
            unsafe { *other.get_unchecked_mut(*place as usize) = *item };
            *place += 1;
        }
        swap(items, other);
    }
}

#[inline(always)]
fn digit(item: u64, pass: usize) -> usize {
    (item >> (32 + DIGIT * pass as u32)) as usize & (BUCKETS - 1)
}
