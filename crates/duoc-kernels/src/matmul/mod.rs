//! Matrix products.
//!
//! `C = alpha * A B + beta * C` for every dtype that PyTorch multiplies on the CPU, any strides, alone or in batches.
//! float16 and bfloat16 are widened while they are packed, summed in float32 and rounded once; small integers are
//! summed in 32 bits and wrap, which is the same as wrapping at every step.
//!
//! * [`vector`]: registers; [`micro`]: the tile kernel of each SIMD level; [`pack`]: operands into the order the
//!   kernels read; [`driver`]: blocking and threads; [`gemv`]: one row or one column; [`panels`]: products inside other
//!   kernels; [`scratch`]: working memory.
//!
//! Bits depend on the shape and the SIMD level, never on the number of threads.

// Kernels index several arrays by one constant-trip loop, which LLVM unrolls into registers.
#![allow(clippy::needless_range_loop)]

pub(crate) mod driver;
mod gemv;
pub(crate) mod micro;
pub(crate) mod pack;
pub(crate) mod panels;
pub(crate) mod scratch;
pub(crate) mod vector;

use crate::DType;
use crate::par;
use driver::Problem;
use pack::{Pair, Source};
use scratch::{Purpose, Scratch};
use vector::Num;

/// A matrix in memory. Strides are in elements and may be zero or negative.
#[derive(Clone, Copy, Debug)]
pub struct Mat {
    /// The element in row 0, column 0.
    pub ptr: *mut u8,
    /// Elements from one row to the next.
    pub rs: isize,
    /// Elements from one column to the next.
    pub cs: isize,
}

/// A factor of the product: `f` is used for floating dtypes, `i` (wrapped) for integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    /// For floating dtypes.
    pub f: f64,
    /// For integer dtypes.
    pub i: i64,
}

impl Factor {
    /// 0: as `beta`, C is not read.
    pub const ZERO: Factor = Factor { f: 0.0, i: 0 };
    /// 1.
    pub const ONE: Factor = Factor { f: 1.0, i: 1 };
}

/// Sizes of a product: A is `m` by `k`, B is `k` by `n`, C is `m` by `n`.
#[derive(Clone, Copy, Debug)]
pub struct Dims {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
}

/// A batch of products: their number, and the elements from one matrix to the next of A, B and C.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Products.
    pub count: usize,
    /// Stride of A's matrices.
    pub a: isize,
    /// Stride of B's matrices.
    pub b: isize,
    /// Stride of C's matrices.
    pub c: isize,
}

/// Whether the dtype has a product.
pub fn supports(dt: DType) -> bool {
    use DType::*;
    matches!(dt, U8 | I8 | I16 | I32 | I64 | F16 | BF16 | F32 | F64)
}

/// `C = alpha * A B + beta * C`.
///
/// With `beta` 0 C is not read, with `alpha` 0 A and B are not (as in BLAS, NaN in them then does not matter). C must
/// not overlap A or B, nor itself. Returns without effect for a dtype that [`supports`] denies.
pub unsafe fn gemm(dt: DType, d: Dims, alpha: Factor, a: Mat, b: Mat, beta: Factor, c: Mat) {
    with_source(
        dt,
        Call {
            d,
            alpha,
            a,
            b,
            beta,
            c,
            batch: None,
        },
    );
}

/// [`gemm`] for every matrix of a batch.
pub unsafe fn bmm(dt: DType, batch: Batch, d: Dims, alpha: Factor, a: Mat, b: Mat, beta: Factor, c: Mat) {
    with_source(
        dt,
        Call {
            d,
            alpha,
            a,
            b,
            beta,
            c,
            batch: Some(batch),
        },
    );
}

/// `sum of x[i] * y[i]` into `out`; strides in elements.
pub unsafe fn dot(dt: DType, n: usize, x: *const u8, x_stride: isize, y: *const u8, y_stride: isize, out: *mut u8) {
    let a = Mat {
        ptr: x.cast_mut(),
        rs: 0,
        cs: x_stride,
    };
    let b = Mat {
        ptr: y.cast_mut(),
        rs: y_stride,
        cs: 0,
    };
    let c = Mat { ptr: out, rs: 0, cs: 1 };
    gemm(dt, Dims { m: 1, n: 1, k: n }, Factor::ONE, a, b, Factor::ZERO, c);
}

#[derive(Clone, Copy)]
struct Call {
    d: Dims,
    alpha: Factor,
    a: Mat,
    b: Mat,
    beta: Factor,
    c: Mat,
    batch: Option<Batch>,
}
// SAFETY: products of a batch write disjoint matrices.
unsafe impl Sync for Call {}

unsafe fn with_source(dt: DType, call: Call) {
    match dt {
        DType::F32 => typed::<f32>(&call, |x| x.f as f32),
        DType::F64 => typed::<f64>(&call, |x| x.f),
        DType::F16 => typed::<half::f16>(&call, |x| x.f as f32),
        DType::BF16 if micro::pairs().is_some() => typed::<Pair>(&call, |x| x.f as f32),
        DType::BF16 => typed::<half::bf16>(&call, |x| x.f as f32),
        DType::U8 => typed::<u8>(&call, |x| x.i as i32),
        DType::I8 => typed::<i8>(&call, |x| x.i as i32),
        DType::I16 => typed::<i16>(&call, |x| x.i as i32),
        DType::I32 => typed::<i32>(&call, |x| x.i as i32),
        DType::I64 => typed::<i64>(&call, |x| x.i),
        _ => {}
    }
}

unsafe fn typed<S: Source>(call: &Call, factor: fn(Factor) -> S::Compute) {
    let (alpha, beta) = (factor(call.alpha), factor(call.beta));
    let Dims { m, n, k } = call.d;
    let Some(batch) = call.batch else {
        return product::<S>(call, alpha, beta, [0; 3], true);
    };
    let offsets = |i: usize| {
        let i = i as isize;
        [
            i.wrapping_mul(batch.a),
            i.wrapping_mul(batch.b),
            i.wrapping_mul(batch.c),
        ]
    };
    let work = m.saturating_mul(n).saturating_mul(k.max(1));
    let total = work.saturating_mul(batch.count);
    let few = batch.count < 2 * par::num_threads();
    if total < driver::PARALLEL || par::num_threads() == 1 || (few && work >= driver::PARALLEL) {
        for i in 0..batch.count {
            product::<S>(call, alpha, beta, offsets(i), true);
        }
        return;
    }
    let chunk = (driver::PARALLEL / work.max(1)).clamp(1, batch.count.div_ceil(par::num_threads()));
    par::for_chunks(batch.count.div_ceil(chunk), &|c| {
        for i in c * chunk..batch.count.min((c + 1) * chunk) {
            // SAFETY: the matrices of C are disjoint.
            unsafe { product::<S>(call, alpha, beta, offsets(i), false) }
        }
    });
}

/// One product: the trivial cases, then C with adjacent columns (by transposing the whole equation if need be).
unsafe fn product<S: Source>(call: &Call, alpha: S::Compute, beta: S::Compute, offsets: [isize; 3], parallel: bool) {
    let Dims { m, n, k } = call.d;
    let Call { a, b, c, .. } = *call;
    if m == 0 || n == 0 {
        return;
    }
    let c_ptr = c.ptr.cast::<S>().wrapping_offset(offsets[2]);
    if k == 0 || alpha == S::Compute::ZERO {
        return scale::<S::Plain>(c_ptr.cast(), m, n, c.rs, c.cs, beta);
    }
    let a_ptr = a.ptr.cast::<S>().cast_const().wrapping_offset(offsets[0]);
    let b_ptr = b.ptr.cast::<S>().cast_const().wrapping_offset(offsets[1]);
    let transposed = if m == 1 || n == 1 {
        m > 1
    } else {
        c.cs != 1 && c.rs == 1
    };
    // C is filled in below, by whoever knows its type.
    let p = if transposed {
        let (a_rs, a_cs, b_rs, b_cs) = (b.cs, b.rs, a.cs, a.rs);
        Problem {
            m: n,
            n: m,
            k,
            a: b_ptr,
            a_rs,
            a_cs,
            b: a_ptr,
            b_rs,
            b_cs,
            c_rs: c.cs,
            c_cs: c.rs,
            alpha,
            beta,
            c: std::ptr::null_mut(),
            out: std::ptr::null_mut(),
        }
    } else {
        Problem {
            m,
            n,
            k,
            a: a_ptr,
            a_rs: a.rs,
            a_cs: a.cs,
            b: b_ptr,
            b_rs: b.rs,
            b_cs: b.cs,
            c_rs: c.rs,
            c_cs: c.cs,
            alpha,
            beta,
            c: std::ptr::null_mut(),
            out: std::ptr::null_mut(),
        }
    };
    if p.m == 1 && one_row(&p.plain(), c_ptr.cast(), parallel) {
        return;
    }
    if std::any::TypeId::of::<S>() == std::any::TypeId::of::<S::Compute>() {
        driver::run(&Problem { c: c_ptr.cast(), ..p }, parallel);
    } else {
        rounded(&p, c_ptr, parallel);
    }
}

struct Row<S>(*mut S, isize);
// SAFETY: every element is written by one task.
unsafe impl<S> Sync for Row<S> {}

unsafe fn one_row<S: Source>(p: &Problem<S>, c: *mut S, parallel: bool) -> bool {
    let row = Row(c, p.c_cs);
    let (alpha, beta) = (p.alpha, p.beta);
    gemv::run(
        p,
        &|j, sum| {
            let row = &row;
            let at = row.0.wrapping_offset(j as isize * row.1);
            let scaled = S::Compute::mul(alpha, sum);
            // SAFETY: j is a column of C.
            unsafe {
                *at = S::narrow(if beta == S::Compute::ZERO {
                    scaled
                } else {
                    S::Compute::add(S::Compute::mul(beta, (*at).widen()), scaled)
                });
            }
        },
        parallel,
    )
}

/// C in a type that sums are not kept in: block by block through a buffer, rounded at the end.
unsafe fn rounded<S: Source>(p: &Problem<S>, c: *mut S, parallel: bool) {
    const ROWS: usize = 512;
    const COLUMNS: usize = 1024;
    if p.c_cs == 1 && driver::one_block::<S>(p.k) {
        return driver::run(&Problem { out: c.cast(), ..*p }, parallel);
    }
    let width = COLUMNS.min(p.n);
    match Scratch::take(Purpose::C, ROWS.min(p.m) * width * size_of::<S::Compute>()) {
        Some(scratch) => rounded_in(p, c, parallel, ROWS, COLUMNS, scratch.ptr()),
        None => {
            let mut block = [S::Compute::ZERO; 8 * 48];
            rounded_in(p, c, parallel, 8, 48, block.as_mut_ptr());
        }
    }
}

unsafe fn rounded_in<S: Source>(
    p: &Problem<S>,
    c: *mut S,
    parallel: bool,
    rows: usize,
    columns: usize,
    block: *mut S::Compute,
) {
    for j0 in (0..p.n).step_by(columns) {
        let n = columns.min(p.n - j0);
        for i0 in (0..p.m).step_by(rows) {
            let m = rows.min(p.m - i0);
            let part = Problem {
                m,
                n,
                a: p.a.wrapping_offset(i0 as isize * p.a_rs),
                b: p.b.wrapping_offset(j0 as isize * p.b_cs),
                c: block,
                c_rs: n as isize,
                c_cs: 1,
                beta: S::Compute::ZERO,
                ..*p
            };
            driver::run(&part, parallel);
            for i in 0..m {
                let from = block.cast_const().add(i * n);
                let to = c.wrapping_offset((i0 + i) as isize * p.c_rs + j0 as isize * p.c_cs);
                if p.c_cs == 1 {
                    pack::narrow_row::<S::Plain>(from, to.cast(), n, p.beta);
                } else {
                    for j in 0..n {
                        pack::narrow_row::<S::Plain>(
                            from.add(j),
                            to.wrapping_offset(j as isize * p.c_cs).cast(),
                            1,
                            p.beta,
                        );
                    }
                }
            }
        }
    }
}

/// `C = beta * C`, without reading it if beta is zero.
unsafe fn scale<S: Source>(c: *mut S, m: usize, n: usize, rs: isize, cs: isize, beta: S::Compute) {
    if beta == S::Compute::ONE {
        return;
    }
    for i in 0..m {
        for j in 0..n {
            let at = c.wrapping_offset(i as isize * rs + j as isize * cs);
            *at = S::narrow(if beta == S::Compute::ZERO {
                beta
            } else {
                S::Compute::mul(beta, (*at).widen())
            });
        }
    }
}

#[cfg(test)]
mod tests;
