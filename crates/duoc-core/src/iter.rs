//! The iterator under every elementwise operation: broadcasting, output allocation, overlap checks, dimension
//! coalescing, access to the storages, and the threads.
//!
//! Operands come outputs first and have the dtypes that the kernel wants; promotion and conversion are the op's.

use crate::layout::{Dims, Strides, broadcast};
use crate::storage::{Mode, access};
use crate::{DType, Result, Tensor, bail, ensure};
use duoc_kernels::nd::MAX_OPERANDS;
use duoc_kernels::{Loop2d, Nd};
use smallvec::SmallVec;

/// Where a result goes.
#[derive(Clone, Copy)]
pub enum Dest<'a> {
    /// Into a new tensor.
    New,
    /// Into this tensor, which nobody else has seen: its version does not move.
    Fresh(&'a Tensor),
    /// Into this tensor: an in-place operation or a prepared `out=`. Its shape must be that of the result.
    Into(&'a Tensor),
}

/// Runs a one-output kernel over broadcast inputs and returns the output.
///
/// The inputs have the dtypes that the kernel reads; the output gets `dtype`. `params` is handed to the kernel.
pub(crate) fn elementwise(
    dest: Dest,
    dtype: DType,
    inputs: &[&Tensor],
    kernel: Loop2d,
    params: *const u8,
    cost: usize,
) -> Result<Tensor> {
    if let Some(out) = fast(dest, dtype, inputs)? {
        let n = out.numel();
        let k = inputs.len() + 1;
        let mut operands = [(&out, mode_of(dest)); MAX_OPERANDS];
        let mut strides = [dtype.size() as isize; MAX_OPERANDS];
        for (i, t) in inputs.iter().enumerate() {
            operands[i + 1] = (t, Mode::Read);
            strides[i + 1] = if t.numel() == 1 && n != 1 {
                0
            } else {
                t.dtype().size() as isize
            };
        }
        let shape = [n];
        let nd = Nd {
            operands: k,
            shape: &shape,
            strides: &strides[..k],
        };
        access::access_many(&operands[..k], |ptrs| {
            // SAFETY: contiguous operands of `n` elements (or one element with stride 0), locked by `access_many`.
            unsafe { duoc_kernels::nd::run(&nd, ptrs, kernel, params, cost) };
            Ok(())
        })?;
        return Ok(out);
    }
    let mut it = TensorIter::new(&[(dest, dtype)], inputs)?;
    it.run(kernel, params, cost)?;
    Ok(it.outputs.swap_remove(0))
}

fn mode_of(dest: Dest) -> Mode {
    match dest {
        Dest::New | Dest::Fresh(_) => Mode::Init,
        Dest::Into(_) => Mode::Write,
    }
}

/// The output when everything is contiguous and of one shape (or a single number): no geometry is needed.
fn fast(dest: Dest, dtype: DType, inputs: &[&Tensor]) -> Result<Option<Tensor>> {
    let Some(first) = inputs.iter().find(|t| t.dim() > 0).or(inputs.first()) else {
        return Ok(None);
    };
    if inputs.len() >= MAX_OPERANDS {
        return Ok(None);
    }
    for t in inputs {
        let same = t.is_contiguous() && t.shape() == first.shape();
        if !same && t.dim() != 0 {
            return Ok(None);
        }
    }
    if !first.is_contiguous() {
        return Ok(None);
    }
    match dest {
        Dest::New => Tensor::uninit_layout(first.layout().at_start(), dtype).map(Some),
        Dest::Into(out) | Dest::Fresh(out) => {
            let exact = |t: &&Tensor| !t.storage().same(out.storage()) || (t.is_contiguous() && same_memory(t, out));
            let ok =
                out.is_contiguous() && out.shape() == first.shape() && out.dtype() == dtype && inputs.iter().all(exact);
            Ok(ok.then(|| out.clone()))
        }
    }
}

fn same_memory(a: &Tensor, b: &Tensor) -> bool {
    a.data_ptr() == b.data_ptr() && a.numel() == b.numel() && a.dtype() == b.dtype()
}

/// The general case: any number of outputs, any strides.
pub struct TensorIter<'a> {
    /// Results, in order.
    pub outputs: SmallVec<[Tensor; 2]>,
    modes: SmallVec<[Mode; 2]>,
    inputs: SmallVec<[&'a Tensor; 4]>,
    /// Coalesced sizes, innermost first.
    shape: Dims,
    /// `strides[d * operands + k]`: byte stride of operand `k` along dimension `d`.
    strides: SmallVec<[isize; 24]>,
}

impl<'a> TensorIter<'a> {
    /// Broadcasts the inputs, allocates or checks the outputs, and works out the geometry.
    pub fn new(outputs: &[(Dest, DType)], inputs: &[&'a Tensor]) -> Result<TensorIter<'a>> {
        ensure!(
            outputs.len() + inputs.len() <= MAX_OPERANDS,
            Runtime,
            "an elementwise operation has at most 8 operands"
        );
        let mut shape: Dims = inputs.first().map_or_else(Dims::new, |t| t.shape().into());
        for t in inputs.iter().skip(1) {
            if t.shape() != &shape[..] {
                shape = broadcast(&shape, t.shape())?;
            }
        }
        if inputs.is_empty()
            && let Some((Dest::Into(out) | Dest::Fresh(out), _)) = outputs.first()
        {
            shape = out.shape().into();
        }
        crate::layout::checked_numel(&shape, outputs.iter().map(|(_, d)| d.size()).max().unwrap_or(1))?;
        let mut in_strides: SmallVec<[Strides; 4]> = SmallVec::new();
        for t in inputs {
            in_strides.push(broadcast_strides(t, &shape));
        }
        let mut outs: SmallVec<[Tensor; 2]> = SmallVec::new();
        let mut modes = SmallVec::new();
        let order = order_of(&shape, &in_strides);
        for (dest, dtype) in outputs {
            let t = match dest {
                Dest::New => Tensor::uninit_permuted(&shape, &order, *dtype)?,
                Dest::Into(out) | Dest::Fresh(out) => {
                    check_output(out, &shape, inputs)?;
                    (*out).clone()
                }
            };
            debug_assert_eq!(t.dtype(), *dtype);
            outs.push(t);
            modes.push(mode_of(*dest));
        }
        let mut it = TensorIter {
            outputs: outs,
            modes,
            inputs: inputs.into(),
            shape,
            strides: SmallVec::new(),
        };
        it.coalesce(&in_strides);
        Ok(it)
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    /// Runs a kernel over every element.
    pub(crate) fn run(&mut self, kernel: Loop2d, params: *const u8, cost: usize) -> Result<()> {
        let mut operands: SmallVec<[(&Tensor, Mode); 8]> = SmallVec::new();
        operands.extend(self.outputs.iter().zip(&self.modes).map(|(t, m)| (t, *m)));
        operands.extend(self.inputs.iter().map(|t| (*t, Mode::Read)));
        let nd = Nd {
            operands: operands.len(),
            shape: &self.shape,
            strides: &self.strides,
        };
        access::access_many(&operands, |ptrs| {
            // SAFETY: the strides keep every operand inside its layout; outputs do not overlap themselves.
            unsafe { duoc_kernels::nd::run(&nd, ptrs, kernel, params, cost) };
            Ok(())
        })
    }

    /// Treats the outputs as made for this call: their versions do not move.
    pub(crate) fn first_write(mut self) -> TensorIter<'a> {
        self.modes.iter_mut().for_each(|m| *m = Mode::Init);
        self
    }

    /// Calls `f(addresses, byte strides, n)` for every innermost row, one after the other in the order of the memory
    /// and on this thread: for kernels that continue one stream.
    pub(crate) fn for_rows(&self, mut f: impl FnMut(&[*mut u8], &[isize], usize) -> Result<()>) -> Result<()> {
        let mut operands: SmallVec<[(&Tensor, Mode); 8]> = SmallVec::new();
        operands.extend(self.outputs.iter().zip(&self.modes).map(|(t, m)| (t, *m)));
        operands.extend(self.inputs.iter().map(|t| (*t, Mode::Read)));
        let k = operands.len();
        if self.numel() == 0 {
            return Ok(());
        }
        let one = [0isize; MAX_OPERANDS];
        let (n, inner) = self.shape.first().map_or((1, &one[..k]), |n| (*n, &self.strides[..k]));
        let outer = self.shape.get(1..).unwrap_or(&[]);
        access::access_many(&operands, |ptrs| {
            let mut at: SmallVec<[*mut u8; 8]> = ptrs.into();
            let mut index: Dims = smallvec::smallvec![0; outer.len()];
            loop {
                f(&at, inner, n)?;
                // Count up, the innermost of the outer dimensions first.
                let mut d = 0;
                loop {
                    if d == outer.len() {
                        return Ok(());
                    }
                    index[d] += 1;
                    let ended = index[d] == outer[d];
                    let steps = if ended { 1 - outer[d] as isize } else { 1 };
                    for (j, p) in at.iter_mut().enumerate() {
                        *p = p.wrapping_offset(steps.wrapping_mul(self.strides[(d + 1) * k + j]));
                    }
                    if !ended {
                        break;
                    }
                    index[d] = 0;
                    d += 1;
                }
            }
        })
    }

    /// Orders the dimensions by the outputs' strides (innermost first), drops size-1 ones and merges neighbours that
    /// every operand steps through evenly.
    fn coalesce(&mut self, in_strides: &[Strides]) {
        let k = self.outputs.len() + self.inputs.len();
        let mut all: SmallVec<[(Strides, isize); 8]> = SmallVec::new();
        for t in &self.outputs {
            all.push((broadcast_strides(t, &self.shape), t.dtype().size() as isize));
        }
        for (t, s) in self.inputs.iter().zip(in_strides) {
            all.push((s.clone(), t.dtype().size() as isize));
        }
        let strides_only: SmallVec<[Strides; 4]> = all.iter().map(|(s, _)| s.clone()).collect();
        let order = order_of(&self.shape, &strides_only);
        let mut shape = Dims::new();
        let mut strides: SmallVec<[isize; 24]> = SmallVec::new();
        for d in order.iter().rev().copied() {
            let n = self.shape[d];
            if n == 1 {
                continue;
            }
            let step = |j: usize| all[j].0[d].saturating_mul(all[j].1);
            if let Some(last) = shape.last_mut() {
                let at = strides.len() - k;
                if (0..k).all(|j| strides[at + j].saturating_mul(*last as isize) == step(j)) {
                    *last *= n;
                    continue;
                }
            }
            shape.push(n);
            strides.extend((0..k).map(step));
        }
        if self.shape.contains(&0) {
            shape = smallvec::smallvec![0];
            strides = smallvec::smallvec![0; k];
        }
        self.shape = shape;
        self.strides = strides;
    }
}

fn check_output(out: &Tensor, shape: &[usize], inputs: &[&Tensor]) -> Result<()> {
    ensure!(
        out.shape() == shape,
        Runtime,
        "output with shape {:?} doesn't match the broadcast shape {shape:?}",
        out.shape()
    );
    assert_no_internal_overlap(out)?;
    for t in inputs {
        assert_no_partial_overlap(out, t)?;
    }
    Ok(())
}

/// An error when several indices of `t` name one element, so that writing it has no defined result.
pub fn assert_no_internal_overlap(t: &Tensor) -> Result<()> {
    if t.layout().has_internal_overlap() {
        bail!(
            Runtime,
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation."
        );
    }
    Ok(())
}

/// An error when `t` shares some of `out`'s elements but is not exactly `out`.
pub fn assert_no_partial_overlap(out: &Tensor, t: &Tensor) -> Result<()> {
    if !out.storage().same(t.storage()) || out.is_same(t) || out.numel() == 0 || t.numel() == 0 {
        return Ok(());
    }
    // As PyTorch, only dense operands are judged: anything else counts as too hard to tell.
    if !out.layout().is_non_overlapping_and_dense() || !t.layout().is_non_overlapping_and_dense() {
        return Ok(());
    }
    let range = |x: &Tensor| {
        let begin = x.data_ptr() as usize;
        (begin, begin + x.numel() * x.dtype().size())
    };
    let ((a, b), (c, d)) = (range(out), range(t));
    if a == c && b == d && out.strides() == t.strides() {
        return Ok(());
    }
    ensure!(
        b <= c || d <= a,
        Runtime,
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation."
    );
    Ok(())
}

/// Element strides of `t` expanded to `shape`: 0 where it is broadcast.
fn broadcast_strides(t: &Tensor, shape: &[usize]) -> Strides {
    let lead = shape.len() - t.dim();
    let mut out: Strides = smallvec::smallvec![0; shape.len()];
    for d in 0..t.dim() {
        if t.shape()[d] != 1 || shape[d + lead] == 1 {
            out[d + lead] = t.strides()[d];
        }
    }
    out
}

/// The dimensions of a tensor from outermost to innermost in memory.
pub(crate) fn stride_order(t: &Tensor) -> SmallVec<[usize; 8]> {
    order_of(t.shape(), &[t.strides().into()])
}

/// The dimensions from outermost to innermost in the operands' memory, as PyTorch's TensorIterator orders them
/// (`reorder_dimensions`): the first operand whose strides differ decides, ties keep the row-major order.
fn order_of(shape: &[usize], operands: &[Strides]) -> SmallVec<[usize; 8]> {
    let n = shape.len();
    // Innermost first while sorting, as there.
    let mut perm: SmallVec<[usize; 8]> = (0..n).rev().collect();
    let should_swap = |a: usize, b: usize| -> i32 {
        for s in operands {
            let (x, y) = (s[a], s[b]);
            if x == 0 || y == 0 {
                continue;
            }
            if x < y {
                return -1;
            }
            if x > y {
                return 1;
            }
            if shape[a] > shape[b] {
                return 1;
            }
        }
        0
    };
    for i in 1..n {
        let mut dim1 = i;
        for dim0 in (0..i).rev() {
            match should_swap(perm[dim0], perm[dim1]) {
                c if c > 0 => {
                    perm.swap(dim0, dim1);
                    dim1 = dim0;
                }
                c if c < 0 => break,
                _ => {}
            }
        }
    }
    perm.reverse();
    perm
}
