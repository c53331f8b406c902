//! Radix sort of packed (key, position) integers.

use std::mem::MaybeUninit;

/// Lines shorter than this are sorted by comparison.
pub(super) const SHORT: usize = 512;
/// Lines from this length on are sorted by wide digits: fewer passes over the items, longer tables.
const LONG: usize = 1 << 15;
/// Bits of a digit of a long line; as many write streams still have their lines in the second-level cache.
const WIDE: u32 = 11;
/// Bits of a digit of other lines.
const NARROW: u32 = 8;

/// Sorts by the upper halves, of which the low `bits` may differ, and among equals by position. The lower halves hold
/// the positions in order. Returns whether the result is in `items`, else it is in `other`, which is as long.
pub(super) fn sort(items: &mut [u64], other: &mut [u64], bits: u32) -> bool {
    let n = items.len();
    if n < SHORT {
        // Positions are distinct, so there are no equals whose order an unstable sort could lose.
        items.sort_unstable();
        return true;
    }
    let passes = bits.div_ceil(if n >= LONG { WIDE } else { NARROW }) as usize;
    if passes == 0 {
        return true;
    }
    let width = bits.div_ceil(passes as u32);
    let buckets = 1usize << width;
    let digit = |item: u64, pass: usize| (item >> (32 + width * pass as u32)) as usize & (buckets - 1);
    let mut room = [const { MaybeUninit::<u32>::uninit() }; 3 << WIDE];
    let counts = &mut room[..passes * buckets];
    counts.fill(MaybeUninit::new(0));
    // SAFETY: filled just now.
    let counts = unsafe { &mut *(counts as *mut [MaybeUninit<u32>] as *mut [u32]) };
    for item in items.iter() {
        for p in 0..passes {
            // SAFETY: a digit is below `buckets`.
            unsafe { *counts.get_unchecked_mut(p * buckets + digit(*item, p)) += 1 };
        }
    }
    let (mut from, mut to) = (items, other);
    let mut here = true;
    for (p, count) in counts.chunks_exact_mut(buckets).enumerate() {
        if count[digit(from[0], p)] as usize == n {
            continue;
        }
        let mut start = 0;
        for c in count.iter_mut() {
            let size = *c;
            *c = start;
            start += size;
        }
        for item in from.iter() {
            // SAFETY: the counts are those of the same items, so every place is below their number.
            unsafe {
                let place = count.get_unchecked_mut(digit(*item, p));
                *to.get_unchecked_mut(*place as usize) = *item;
                *place += 1;
            }
        }
        (from, to) = (to, from);
        here = !here;
    }
    here
}
