//! The outer n-dimensional iteration over type-erased inner loops.

use crate::par;

/// Most dimensions a tensor may have (PyTorch and NumPy: 64; broadcasting keeps it).
pub const MAX_DIMS: usize = 64;
/// Most operands (outputs first, then inputs) of one iteration.
pub const MAX_OPERANDS: usize = 8;

/// An inner loop over a two-dimensional block.
///
/// `ptrs[k]` is the first element of operand `k` (outputs first). `strides[k]` is the byte stride of operand `k`
/// along the inner axis, `strides[K + k]` along the outer one, with `K` operands. `params` points to whatever the
/// kernel documents (scalars such as `alpha`), or is null.
pub type Loop2d = unsafe fn(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, params: *const u8);

/// The geometry of one iteration: coalesced dimensions, innermost first.
///
/// `strides[d * operands + k]` is the byte stride of operand `k` along dimension `d`. Dimension 0 is the innermost
/// one. Built by `duoc-core`'s `TensorIter`, which has checked broadcasting, overlap and overflow.
pub struct Nd<'a> {
    /// Number of operands.
    pub operands: usize,
    /// Sizes, innermost first; empty for a single element.
    pub shape: &'a [usize],
    /// Byte strides, `shape.len() * operands` of them.
    pub strides: &'a [isize],
}

impl Nd<'_> {
    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Runs `f` over every element, in parallel when `numel * cost` is worth it.
///
/// `cost` is the time per element in units of a simple f32 add (1). Chunks are disjoint in the iteration space, so
/// outputs must not alias each other across elements.
pub unsafe fn run(nd: &Nd, ptrs: &[*mut u8], f: Loop2d, params: *const u8, cost: usize) {
    debug_assert_eq!(ptrs.len(), nd.operands);
    let numel = nd.numel();
    if numel == 0 {
        return;
    }
    if numel.saturating_mul(cost) < par::GRAIN * 2 || par::num_threads() == 1 {
        if nd.shape.len() <= 1 {
            // The path of small tensors: no more than what the loop reads is written.
            return match nd.operands {
                2 => run_line::<2>(nd, ptrs, f, params, numel),
                3 => run_line::<3>(nd, ptrs, f, params, numel),
                _ => run_range(nd, ptrs, f, params, 0, numel),
            };
        }
        run_range(nd, ptrs, f, params, 0, numel);
        return;
    }
    run_parallel(nd, ptrs, f, params, cost, numel);
}

#[inline(always)]
unsafe fn run_line<const K: usize>(nd: &Nd, ptrs: &[*mut u8], f: Loop2d, params: *const u8, numel: usize) {
    let mut strides = [[0isize; K]; 2];
    if nd.shape.len() == 1 {
        strides[0].copy_from_slice(&nd.strides[..K]);
    }
    f(ptrs[..K].as_ptr(), strides.as_ptr().cast(), numel, 1, params);
}

#[cold]
#[inline(never)]
unsafe fn run_parallel(nd: &Nd, ptrs: &[*mut u8], f: Loop2d, params: *const u8, cost: usize, numel: usize) {
    let context = Context { nd, ptrs, f, params };
    let grain = (par::GRAIN / cost.max(1)).max(1024);
    par::for_range(numel, grain, &|begin, end| {
        let c = &context;
        // SAFETY: ranges are disjoint and the caller vouches for the geometry.
        unsafe { run_range(c.nd, c.ptrs, c.f, c.params, begin, end) }
    });
}

struct Context<'a> {
    nd: &'a Nd<'a>,
    ptrs: &'a [*mut u8],
    f: Loop2d,
    params: *const u8,
}
// SAFETY: the pointers are only used on disjoint ranges of the iteration space.
unsafe impl Sync for Context<'_> {}

/// Runs `f` over the elements `begin..end` of the row-major (innermost dimension fastest) iteration order.
pub unsafe fn run_range(nd: &Nd, ptrs: &[*mut u8], f: Loop2d, params: *const u8, begin: usize, end: usize) {
    if end <= begin {
        return;
    }
    if nd.shape.len() > 1 {
        return run_rows(nd, ptrs, f, params, begin, end);
    }
    let k = nd.operands;
    let mut base = [std::ptr::null_mut::<u8>(); MAX_OPERANDS];
    let mut strides = [0isize; 2 * MAX_OPERANDS];
    for j in 0..k {
        let stride = if nd.shape.is_empty() { 0 } else { nd.strides[j] };
        strides[j] = stride;
        base[j] = ptrs[j].wrapping_offset(stride * begin as isize);
    }
    f(base.as_ptr(), strides.as_ptr(), end - begin, 1, params);
}

#[inline(never)]
unsafe fn run_rows(nd: &Nd, ptrs: &[*mut u8], f: Loop2d, params: *const u8, begin: usize, end: usize) {
    let k = nd.operands;
    let mut base = [std::ptr::null_mut::<u8>(); MAX_OPERANDS];
    base[..k].copy_from_slice(ptrs);
    let mut strides = [0isize; 2 * MAX_OPERANDS];
    let ndim = nd.shape.len();
    let inner = nd.shape[0];
    let rows = nd.shape[1];
    strides[..k].copy_from_slice(&nd.strides[..k]);
    strides[k..2 * k].copy_from_slice(&nd.strides[k..2 * k]);
    let mut index = [0usize; MAX_DIMS];
    let mut rest = begin;
    for d in 0..ndim {
        index[d] = rest % nd.shape[d];
        rest /= nd.shape[d];
        for (j, p) in base[..k].iter_mut().enumerate() {
            *p = p.wrapping_offset(nd.strides[d * k + j] * index[d] as isize);
        }
    }
    let mut left = end - begin;
    while left > 0 {
        let (n0, n1) = if index[0] > 0 || left < inner {
            ((inner - index[0]).min(left), 1)
        } else {
            (inner, (rows - index[1]).min(left / inner))
        };
        f(base.as_ptr(), strides.as_ptr(), n0, n1, params);
        left -= n0 * n1;
        if left == 0 {
            break;
        }
        // A row that ends early is the last one, so here the row is done: back to its start, then forward by n1
        // rows, carrying into the outer dimensions.
        for j in 0..k {
            base[j] = base[j].wrapping_offset(strides[k + j] * n1 as isize - strides[j] * index[0] as isize);
        }
        index[0] = 0;
        index[1] += n1;
        let mut d = 1;
        while d + 1 < ndim && index[d] == nd.shape[d] {
            for j in 0..k {
                base[j] =
                    base[j].wrapping_offset(nd.strides[(d + 1) * k + j] - nd.strides[d * k + j] * nd.shape[d] as isize);
            }
            index[d] = 0;
            index[d + 1] += 1;
            d += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one to every element it is shown.
    unsafe fn increment(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, _: *const u8) {
        for o in 0..outer as isize {
            for i in 0..inner as isize {
                *(*ptrs).offset(i * *strides + o * *strides.add(1)) += 1;
            }
        }
    }

    #[test]
    fn any_split_visits_every_element_once() {
        let shapes: [&[usize]; 7] = [&[], &[1], &[17], &[5, 3], &[3, 4, 5], &[2, 1, 3, 2], &[4, 0, 2]];
        for shape in shapes {
            // One byte per element with a gap in every dimension.
            let mut strides = Vec::new();
            let mut span = 1;
            for n in shape {
                strides.push(span as isize);
                span *= n + 1;
            }
            let nd = Nd {
                operands: 1,
                shape,
                strides: &strides,
            };
            let numel = nd.numel();
            for step in [1, 2, 3, 7, 100] {
                let mut bytes = vec![0u8; span];
                let ptr = [bytes.as_mut_ptr()];
                let mut begin = 0;
                while begin < numel {
                    let end = (begin + step).min(numel);
                    unsafe { run_range(&nd, &ptr, increment, std::ptr::null(), begin, end) };
                    begin = end;
                }
                assert_eq!(bytes.iter().filter(|b| **b == 1).count(), numel, "{shape:?} by {step}");
                assert!(bytes.iter().all(|b| *b <= 1));
            }
        }
    }
}
