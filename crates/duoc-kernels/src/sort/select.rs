//! The best `k` and the `k`-th of a line, without sorting it.

use super::key::{Key, Keyed, Turn};
use super::{Statistic, gather, read};
use crate::simd_fn;

/// Elements that are compared with the threshold at once.
const STEP: usize = 64;

type Packed<T> = <<T as Keyed>::Key as Key>::Packed;

/// Calls `emit(rank, position, value)` for the best `k` of a line, best first if `sorted`.
///
/// Candidates are elements that beat the worst of the best `k` seen so far; most elements are dismissed sixty-four at a
/// time. When the candidates have grown to several times `k`, the best `k` of them are selected and the bar rises.
pub(super) unsafe fn top<T: Keyed>(
    src: *const u8,
    stride: isize,
    n: usize,
    k: usize,
    [largest, sorted]: [bool; 2],
    turn: Turn,
    emit: &mut dyn FnMut(usize, usize, T),
) {
    if k == 0 {
        return;
    }
    let mut copy: Vec<T> = Vec::new();
    let values = if stride == size_of::<T>() as isize {
        std::slice::from_raw_parts(src as *const T, n)
    } else {
        copy.reserve(n);
        gather(src, stride, n, copy.as_mut_ptr());
        copy.set_len(n);
        &copy[..]
    };
    let pack = |i: usize| values[i].key(turn).flip(largest).pack(i as u32);
    let room = (4 * k).max(256);
    let mut best: Vec<Packed<T>> = Vec::with_capacity(room.saturating_add(STEP).min(n));
    let mut i = n.min(room);
    best.extend((0..i).map(pack));
    let mut bar = T::Key::MAX;
    if i < n {
        bar = keep(&mut best, k);
    }
    while i < n {
        i = skip(values, i, &bar, largest, turn);
        let end = n.min(i + STEP);
        for i in i..end {
            if values[i].key(turn).flip(largest) < bar {
                best.push(pack(i));
            }
        }
        i = end;
        if best.len() >= room {
            bar = keep(&mut best, k);
        }
    }
    if best.len() > k {
        best.select_nth_unstable(k - 1);
        best.truncate(k);
    }
    if sorted {
        best.sort_unstable();
    }
    for (rank, item) in best.iter().enumerate() {
        let index = T::Key::index(*item);
        emit(rank, index, values[index]);
    }
}

/// Keeps the best `k`; returns the key of the worst of them.
fn keep<P: Copy + Ord, K: Key<Packed = P>>(best: &mut Vec<P>, k: usize) -> K {
    let (_, worst, _) = best.select_nth_unstable(k - 1);
    let bar = K::of(*worst);
    best.truncate(k);
    bar
}

simd_fn! {
    /// The start of the first step of elements from `i` on that holds a key below `bar`, or `values.len()`.
    unsafe fn skip<T: Keyed>(values: &[T], i: usize, bar: &T::Key, largest: bool, turn: Turn) -> usize {
        let bar = *bar;
        let mut i = i;
        while i + STEP <= values.len() {
            let mut any = false;
            for v in &values[i..i + STEP] {
                any |= v.key(turn).flip(largest) < bar;
            }
            if any {
                return i;
            }
            i += STEP;
        }
        i
    }
}

/// The order statistic of a line and its position.
pub(super) unsafe fn statistic<T: Keyed>(
    which: Statistic,
    src: *const u8,
    stride: isize,
    n: usize,
    turn: Turn,
) -> (T, usize) {
    let mut items: Vec<Packed<T>> = Vec::with_capacity(n);
    let mut nans = 0;
    let mut first_nan = 0;
    for i in 0..n {
        let key = read::<T>(src, stride, i).key(turn);
        if T::NAN == Some(key) {
            if nans == 0 {
                first_nan = i;
            }
            nans += 1;
        }
        items.push(key.pack(i as u32));
    }
    let middle = (n - nans).saturating_sub(1) / 2;
    let index = match which {
        Statistic::Median if nans > 0 => first_nan,
        Statistic::Median | Statistic::NanMedian => T::Key::index(*items.select_nth_unstable(middle).1),
        Statistic::Kth(k) => {
            let item = quickselect(&mut items, k.min(n - 1), |a, b| T::Key::of(a) > T::Key::of(b));
            T::Key::index(item)
        }
    };
    (read(src, stride, index), index)
}

/// Hoare's selection with the median of three as pivot, the partition scheme of Numerical Recipes 8.5. Which of several
/// equal elements it leaves at position `k` is PyTorch's choice for `kthvalue`.
fn quickselect<P: Copy + Ord>(items: &mut [P], k: usize, greater: impl Fn(P, P) -> bool) -> P {
    let (mut left, mut right) = (0, items.len() - 1);
    // Inputs made to defeat the pivot are finished by a selection without a worst case.
    for _ in 0..8 * (usize::BITS - items.len().leading_zeros()) {
        if right <= left + 1 {
            if right == left + 1 && greater(items[left], items[right]) {
                items.swap(left, right);
            }
            return items[k];
        }
        items.swap(left + (right - left) / 2, left + 1);
        for (a, b) in [(left + 1, right), (left, right), (left + 1, left)] {
            if greater(items[a], items[b]) {
                items.swap(a, b);
            }
        }
        // Now items[left + 1] <= items[left] <= items[right]: the scans below stop inside the part.
        let pivot = items[left];
        let (mut i, mut j) = (left + 1, right);
        loop {
            i += 1;
            while greater(pivot, items[i]) {
                i += 1;
            }
            j -= 1;
            while greater(items[j], pivot) {
                j -= 1;
            }
            if j < i {
                break;
            }
            items.swap(i, j);
        }
        items.swap(left, j);
        if j <= k {
            left = i;
        }
        if j >= k {
            right = j.saturating_sub(1);
        }
    }
    *items.select_nth_unstable(k).1
}
