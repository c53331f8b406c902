//! The CTC loss: label sequences without known places in time.

use super::copy::{contiguous, to_dtype};
use super::nll::Reduction;
use super::pointwise::not_implemented;
use crate::autograd::Ctx;
use crate::autograd::mode::{grad_mode, no_grad};
use crate::storage::{Mode, access};
use crate::{DType, MemoryFormat, Result, Tensor, bail, catch, ensure, err, ops};
use duoc_kernels::ctc as kernel;
use std::sync::Arc;

ops! {
    /// `-ln p(labels)`, summed over all alignments of the labels with blanks between them (A. Graves et al., 2006).
    /// `log_probs` is `(T, N, C)` or `(T, C)`, the log softmax of scores: the gradient is that of the scores. `targets` is
    /// `(N, S)`, or all labels in a row. The mean divides each loss by its number of labels first.
    "ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor" [function]
    pub fn ctc_loss(log_probs: &Tensor, targets: &Tensor, input_lengths: &[i64], target_lengths: &[i64], blank: i64, reduction: i64, zero_infinity: bool) -> Tensor = ctc_loss_body;

    /// [`ctc_loss`] with the lengths as tensors.
    "ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor" [function]
    pub fn ctc_loss_tensor(log_probs: &Tensor, targets: &Tensor, input_lengths: &Tensor, target_lengths: &Tensor, blank: i64, reduction: i64, zero_infinity: bool) -> Tensor = ctc_loss_tensor_body;
}

/// A checked batch: what the kernels need besides the probabilities.
struct Labels {
    targets: Vec<i64>,
    starts: Vec<usize>,
    inputs: Vec<usize>,
    lengths: Vec<usize>,
    blank: usize,
    states: usize,
}

impl Labels {
    fn new(shape: [usize; 3], targets: &Tensor, inputs: &[i64], lengths: &[i64], blank: i64) -> Result<Labels> {
        let [time, n, classes] = shape;
        ensure!(
            0 <= blank && (blank as u64) < classes as u64,
            Runtime,
            "blank must be in label range: {blank} is not a class of 0 to {}",
            classes as i64 - 1
        );
        for (what, list) in [("input_lengths", inputs), ("target_lengths", lengths)] {
            ensure!(
                list.len() == n,
                Runtime,
                "{what} must be of size batch_size: {n}, not {}",
                list.len()
            );
        }
        let mut checked = Vec::with_capacity(n);
        for (b, t) in inputs.iter().enumerate() {
            ensure!(
                *t >= 0,
                Runtime,
                "Expected input_lengths to have value at least 0, but got value {t} (while checking arguments for ctc_loss_cpu)"
            );
            ensure!(
                *t as u64 <= time as u64,
                Runtime,
                "Expected input_lengths to have value at most {time}, but got value {t} (while checking arguments for ctc_loss_cpu): sequence {b}"
            );
            checked.push(*t as usize);
        }
        let mut counts = Vec::with_capacity(n);
        for l in lengths {
            ensure!(
                *l >= 0,
                Runtime,
                "Expected target_lengths to have value at least 0, but got value {l} (while checking arguments for ctc_loss_cpu)"
            );
            counts.push(*l as usize);
        }
        let longest = counts.iter().copied().max().unwrap_or(0);
        let starts: Vec<usize> = match targets.dim() {
            1 => {
                let mut at = 0usize;
                let mut starts = Vec::with_capacity(n);
                for l in &counts {
                    starts.push(at);
                    at = at
                        .checked_add(*l)
                        .ok_or_else(|| err!(Runtime, "the sum of target_lengths is too large"))?;
                }
                ensure!(
                    at == targets.numel(),
                    Runtime,
                    "Expected tensor to have size {at} at dimension 0, but got size {} for argument #2 'targets' (while checking arguments for ctc_loss_cpu)",
                    targets.numel()
                );
                starts
            }
            2 => {
                ensure!(
                    targets.shape()[0] == n,
                    Runtime,
                    "Expected tensor to have size {n} at dimension 0, but got size {} for argument #2 'targets' (while checking arguments for ctc_loss_cpu)",
                    targets.shape()[0]
                );
                ensure!(
                    targets.shape()[1] >= longest,
                    Runtime,
                    "Expected tensor to have size at least {longest} at dimension 1, but got size {} for argument #2 'targets' (while checking arguments for ctc_loss_cpu)",
                    targets.shape()[1]
                );
                (0..n).map(|b| b * targets.shape()[1]).collect()
            }
            other => bail!(Runtime, "targets must have 1 or 2 dimensions, not {other}"),
        };
        let flat = contiguous(&to_dtype(&targets.detach(), DType::I64)?, None)?;
        let list = flat.with_slice::<i64, _>(|s| s.to_vec())?;
        for (start, l) in starts.iter().zip(&counts) {
            if let Some(label) = list[*start..start + l]
                .iter()
                .find(|c| **c < 0 || **c as u64 >= classes as u64)
            {
                bail!(Runtime, "label {label} is not a class of 0 to {}", classes as i64 - 1);
            }
        }
        let states = longest.checked_mul(2).and_then(|s| s.checked_add(1));
        Ok(Labels {
            targets: list,
            starts,
            inputs: checked,
            lengths: counts,
            blank: blank as usize,
            states: states.ok_or_else(|| err!(Runtime, "target_lengths are too large"))?,
        })
    }

    fn batch(&self, dtype: DType, sizes: [usize; 3], log_probs: *const u8) -> kernel::Batch<'_> {
        kernel::Batch {
            dtype,
            sizes,
            log_probs,
            targets: &self.targets,
            starts: &self.starts,
            input_lengths: &self.inputs,
            target_lengths: &self.lengths,
            blank: self.blank,
            states: self.states,
        }
    }
}

fn ctc_loss_body(
    log_probs: &Tensor,
    targets: &Tensor,
    inputs: &[i64],
    lengths: &[i64],
    blank: i64,
    reduction: i64,
    zero_infinity: bool,
) -> Result<Tensor> {
    let reduction = Reduction::of(reduction)?;
    let batched = log_probs.dim() == 3;
    ensure!(
        batched || log_probs.dim() == 2,
        Runtime,
        "log_probs must be (time, batch, classes) or (time, classes), but has {} dimensions",
        log_probs.dim()
    );
    if !batched {
        let x = super::view::unsqueeze(log_probs, 1)?;
        let targets = match targets.dim() {
            0 | 1 => super::view::reshape(targets, &[1, -1])?,
            _ => targets.clone(),
        };
        let out = ctc_loss(&x, &targets, inputs, lengths, blank, reduction as i64, zero_infinity)?;
        return match reduction {
            Reduction::None => super::view::reshape(&out, &[]),
            _ => Ok(out),
        };
    }
    if !matches!(log_probs.dtype(), DType::F32 | DType::F64) {
        return Err(not_implemented("ctc_loss_cpu", log_probs.dtype()));
    }
    let sizes = [log_probs.shape()[0], log_probs.shape()[1], log_probs.shape()[2]];
    ensure!(log_probs.numel() > 0, Runtime, "log_probs tensor must not be empty");
    let labels = Arc::new(Labels::new(sizes, targets, inputs, lengths, blank)?);
    let mut losses = each(log_probs, sizes, labels.clone(), zero_infinity)?;
    if zero_infinity {
        losses = catch(|| losses.where_(&losses.ne(f64::INFINITY), 0))?;
    }
    match reduction {
        Reduction::Mean => {
            let counts: Vec<i64> = labels.lengths.iter().map(|l| (*l).max(1) as i64).collect();
            let counts = to_dtype(&Tensor::try_from_slice(&counts, &[counts.len()])?, losses.dtype())?;
            catch(|| (losses / counts).mean())
        }
        other => other.apply(&losses),
    }
}

fn each(x: &Tensor, sizes: [usize; 3], labels: Arc<Labels>, zero_infinity: bool) -> Result<Tensor> {
    let dtype = x.dtype();
    let dense = {
        let _off = grad_mode(false);
        contiguous(x, Some(MemoryFormat::Contiguous))?
    };
    let loss = Tensor::uninit(&[sizes[1]], dtype)?;
    let alpha = Tensor::uninit(&[sizes[1], sizes[0], labels.states], dtype)?;
    access::access(
        [(&dense, Mode::Read), (&loss, Mode::Init), (&alpha, Mode::Init)],
        |[x, loss, alpha]| {
            // SAFETY: new tensors of these sizes; `Labels::new` has checked classes and lengths.
            Ok(unsafe { kernel::forward(&labels.batch(dtype, sizes, x), loss, alpha) })
        },
    )?;
    loss.record("CtcLossBackward0", [x], |r| {
        let (x, loss, alpha) = (r.save(x), r.save_output(0), r.keep(&alpha));
        move |c: &Ctx, g: &Tensor| {
            let (x, loss, alpha) = (c.get(x)?, c.get(loss)?, c.get(alpha)?);
            let out = no_grad(|| -> Result<Tensor> {
                let dense = contiguous(&x, Some(MemoryFormat::Contiguous))?;
                let g = contiguous(g, None)?;
                let out = Tensor::uninit(x.shape(), dtype)?;
                access::access(
                    [
                        (&dense, Mode::Read),
                        (&loss, Mode::Read),
                        (&alpha, Mode::Read),
                        (&g, Mode::Read),
                        (&out, Mode::Init),
                    ],
                    |[x, loss, alpha, g, out]| {
                        let batch = labels.batch(dtype, sizes, x);
                        // SAFETY: as above, and the results of `forward`.
                        Ok(unsafe { kernel::backward(&batch, loss, alpha, g, zero_infinity, out) })
                    },
                )?;
                Ok(out)
            })?;
            out.record("NotImplemented", [g, &x], |_| {
                |_: &Ctx, _: &Tensor| -> Result<Option<Tensor>> {
                    bail!(Runtime, "the derivative for '_ctc_loss_backward' is not implemented.")
                }
            })
        }
    })
}

fn ctc_loss_tensor_body(
    log_probs: &Tensor,
    targets: &Tensor,
    inputs: &Tensor,
    lengths: &Tensor,
    blank: i64,
    reduction: i64,
    zero_infinity: bool,
) -> Result<Tensor> {
    let list = |what: &str, t: &Tensor| -> Result<Vec<i64>> {
        ensure!(t.dtype().is_int(), Runtime, "{what} must be integral");
        let flat = contiguous(&super::view::reshape(&to_dtype(&t.detach(), DType::I64)?, &[-1])?, None)?;
        flat.with_slice::<i64, _>(|s| s.to_vec())
    };
    let (inputs, lengths) = (list("input_lengths", inputs)?, list("target_lengths", lengths)?);
    ctc_loss(log_probs, targets, &inputs, &lengths, blank, reduction, zero_infinity)
}
