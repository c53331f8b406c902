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
        run_range(nd, ptrs, f, params, 0, numel);
        return;
    }
    let context = Context { nd, ptrs, f, params };
    let grain = (par::GRAIN / cost).max(1024);
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
    let k = nd.operands;
    let mut base = [std::ptr::null_mut::<u8>(); MAX_OPERANDS];
    base[..k].copy_from_slice(ptrs);
    let mut strides = [0isize; 2 * MAX_OPERANDS];
    let ndim = nd.shape.len();
    if ndim <= 1 {
        if ndim == 1 {
            strides[..k].copy_from_slice(&nd.strides[..k]);
            for (p, s) in base[..k].iter_mut().zip(nd.strides) {
                *p = p.wrapping_offset(*s * begin as isize);
            }
        }
        if end > begin {
            f(base.as_ptr(), strides.as_ptr(), end - begin, 1, params);
        }
        return;
    }
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
        // A row that ends early is the last one, so here the row is done: back to its start, then forward by n1 rows, carrying into the outer dimensions.
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
