//! Attention: a mean of values, weighted by how well their keys fit a query.

use super::arith::{add, mul};
use super::blend::select;
use super::compare::eq;
use super::contract::matmul;
use super::copy::{contiguous, to_dtype};
use super::dropout::dropout;
use super::factory::zeros_of;
use super::mask::masked_fill;
use super::product::c_name;
use super::rearrange::{repeat_interleave, tril};
use super::reduce::{all_dim, sum_dim};
use super::shape::expand;
use super::softmax::softmax;
use super::view::{ints, reshape, transpose, unsqueeze};
use crate::autograd::{Ctx, is_grad_enabled, no_grad, reference};
use crate::layout::{Dims, broadcast};
use crate::storage::{Mode, access};
use crate::{DType, MemoryFormat, OrThrow, Result, Scalar, Tensor, ensure, err, ops};
use duoc_kernels::attention as kernel;

ops! {
    /// `softmax(scale Q K^T + mask) V`, with `scale` `1/sqrt(E)` unless given: Q is `(..., L, E)`, K `(..., S, E)`, V
    /// `(..., S, Ev)`, the result `(..., L, Ev)`; leading dimensions are broadcast.
    ///
    /// `attn_mask` broadcasts to `(..., L, S)`: false hides a key from a query, floats are added to the scores. With
    /// `is_causal` query i sees the keys 0 to i. `dropout_p` drops weights, whether or not a network is in training.
    /// With `enable_gqa` Q has several heads (dimension -3) for each head of K and V. A query that sees no key gets
    /// zeros. (A. Vaswani et al., 2017.)
    "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor" []
    pub fn scaled_dot_product_attention(query: &Tensor, key: &Tensor, value: &Tensor, attn_mask: Option<&Tensor>, dropout_p: f64, is_causal: bool, scale: Option<f64>, enable_gqa: bool) -> Tensor = attention_body;
}

const ONE: Scalar = Scalar::Int(1);

/// What does not depend on how attention is computed.
#[derive(Clone, Copy)]
struct Settings {
    dropout_p: f64,
    causal: bool,
    scale: f64,
    gqa: bool,
}

fn check(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<()> {
    ensure!(
        q.dtype() == k.dtype() && q.dtype() == v.dtype(),
        Runtime,
        "Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and value.dtype: {} instead.",
        c_name(q.dtype()),
        c_name(k.dtype()),
        c_name(v.dtype())
    );
    ensure!(
        q.dim() >= 2 && k.dim() >= 2 && v.dim() >= 2,
        Runtime,
        "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {} key.dim: {} and value.dim: {} instead.",
        q.dim(),
        k.dim(),
        v.dim()
    );
    if let Some(m) = mask {
        ensure!(
            matches!(m.dtype(), DType::Bool | DType::F32) || m.dtype() == q.dtype(),
            Runtime,
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {} and  query.dtype: {} instead.",
            c_name(m.dtype()),
            c_name(q.dtype())
        );
    }
    Ok(())
}

fn attention_body(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    dropout_p: f64,
    causal: bool,
    scale: Option<f64>,
    gqa: bool,
) -> Result<Tensor> {
    check(q, k, v, mask)?;
    ensure!(
        !(causal && mask.is_some()),
        Runtime,
        "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
    );
    let depth = q.shape()[q.dim() - 1];
    let settings = Settings {
        dropout_p,
        causal,
        scale: scale.unwrap_or(1.0 / (depth as f64).sqrt()),
        gqa,
    };
    match Plan::of(q, k, v, mask, &settings) {
        Some(plan) => plan.run(q, k, v, mask, &settings),
        None => formula(q, k, v, mask, &settings),
    }
}

/// The reference in plain ops. Scores are scaled by the square root of the factor on both sides, as in PyTorch.
fn formula(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, s: &Settings) -> Result<Tensor> {
    let dtype = q.dtype();
    let wide = compute_dtype(dtype).unwrap_or(dtype);
    let [q, k, v] = [to_dtype(q, wide)?, to_dtype(k, wide)?, to_dtype(v, wide)?];
    let (k, v) = if s.gqa { shared_heads(&q, k, v)? } else { (k, v) };
    let root = s.scale.abs().sqrt();
    let number = |x: f64| Tensor::wrapped(x);
    let q = mul(&q, &number(root.copysign(s.scale))?)?;
    let k = mul(&transpose(&k, -2, -1)?, &number(root)?)?;
    let mut scores = matmul(&q, &k)?;
    let hide = |scores: &Tensor, seen: &Tensor| {
        let hidden = super::compare::logical_not(seen)?;
        masked_fill(scores, &hidden, Scalar::Float(f64::NEG_INFINITY))
    };
    if s.causal {
        let shape = &scores.shape()[scores.dim() - 2..];
        let ones = super::factory::full_of(shape, Scalar::Bool(true), DType::Bool)?;
        scores = hide(&scores, &tril(&ones, 0)?)?;
    }
    if let Some(m) = mask {
        let shape = broadcast(scores.shape(), m.shape())?;
        ensure!(
            shape[..] == *scores.shape(),
            Runtime,
            "output with shape {:?} doesn't match the broadcast shape {:?}",
            scores.shape(),
            &shape[..]
        );
        scores = match m.dtype() {
            DType::Bool => hide(&scores, m)?,
            _ => add(&scores, &to_dtype(m, wide)?, ONE)?,
        };
    }
    let mut weights = softmax(&scores, -1, None)?;
    if mask.is_some() && scores.shape()[scores.dim() - 1] > 0 {
        let nothing = no_grad(|| {
            let hidden = eq(&scores.detach(), &number(f64::NEG_INFINITY)?)?;
            all_dim(&hidden, -1, true)
        })?;
        weights = select(&nothing, &zeros_of(&[], wide)?, &weights)?;
    }
    if s.dropout_p > 0.0 {
        weights = dropout(&weights, s.dropout_p, true)?;
    }
    to_dtype(&matmul(&weights, &v)?, dtype)
}

/// Repeats the heads of keys and values for the queries that share them.
fn shared_heads(q: &Tensor, k: Tensor, v: Tensor) -> Result<(Tensor, Tensor)> {
    let heads = |t: &Tensor| t.dim().checked_sub(3).map(|d| t.shape()[d]);
    let all = [heads(q), heads(&k), heads(&v)];
    let [Some(of_q), Some(of_k), Some(of_v)] = all else {
        return Err(err!(
            Index,
            "Dimension out of range (expected to be in range of [-2, 1], but got -3)"
        ));
    };
    ensure!(
        of_k > 0 && of_v > 0 && of_q.is_multiple_of(of_k) && of_q.is_multiple_of(of_v),
        Runtime,
        "Number of heads in key and value must divide the number of heads in query"
    );
    let repeated = |t: Tensor, n: usize| match of_q / n {
        1 => Ok(t),
        times => repeat_interleave(&t, times as i64, Some(-3), None),
    };
    Ok((repeated(k, of_k)?, repeated(v, of_v)?))
}

/// What the kernels compute a dtype in.
fn compute_dtype(dtype: DType) -> Option<DType> {
    match dtype {
        DType::F32 | DType::F16 | DType::BF16 => Some(DType::F32),
        DType::F64 => Some(DType::F64),
        _ => None,
    }
}

/// How the kernel is reached: everything as batches of heads.
struct Plan {
    /// The result's leading dimensions.
    lead: Dims,
    /// Those of keys and values.
    kv_lead: Dims,
}

impl Plan {
    /// None where the kernel does not serve: the formula then answers or explains.
    fn of(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, s: &Settings) -> Option<Plan> {
        compute_dtype(q.dtype())?;
        if s.dropout_p > 0.0 || mask.is_some_and(|m| is_grad_enabled() && m.requires_grad()) {
            return None;
        }
        let tail = |t: &Tensor| (t.shape()[t.dim() - 2], t.shape()[t.dim() - 1]);
        let ((queries, depth), (keys, key_depth), (values, value_depth)) = (tail(q), tail(k), tail(v));
        if depth != key_depth || keys != values || [queries, depth, keys, value_depth].contains(&0) {
            return None;
        }
        let front = |t: &Tensor| Dims::from(&t.shape()[..t.dim() - 2]);
        let (lead, kv_lead) = if s.gqa {
            let (mut a, b, c) = (front(q), front(k), front(v));
            let (heads, kv_heads) = (a.pop()?, *b.last()?);
            if b != c || kv_heads == 0 || !heads.is_multiple_of(kv_heads) || a[..] != b[..b.len() - 1] {
                return None;
            }
            a.push(heads);
            (a, b)
        } else {
            let all = broadcast(&broadcast(&front(q), &front(k)).ok()?, &front(v)).ok()?;
            (all.clone(), all)
        };
        if lead.contains(&0) {
            return None;
        }
        if let Some(m) = mask {
            let mut scores = lead.clone();
            scores.extend([queries, keys]);
            let shape = broadcast(&scores, m.shape()).ok()?;
            if shape != scores {
                return None;
            }
        }
        Some(Plan { lead, kv_lead })
    }

    fn run(&self, q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, s: &Settings) -> Result<Tensor> {
        let queries = q.shape()[q.dim() - 2];
        let keys = k.shape()[k.dim() - 2];
        let mask = match mask {
            Some(m) => Some(in_heads(m, &self.lead, [queries, keys])?),
            None => None,
        };
        let rows = |t: &Tensor, lead: &Dims| in_heads(t, lead, [t.shape()[t.dim() - 2], t.shape()[t.dim() - 1]]);
        let (q4, k4, v4) = (rows(q, &self.lead)?, rows(k, &self.kv_lead)?, rows(v, &self.kv_lead)?);
        let out = fused(&q4, &k4, &v4, mask.as_ref(), s)?;
        if self.lead.len() == 2 {
            return Ok(out);
        }
        let mut shape = self.lead.clone();
        shape.extend([queries, v.shape()[v.dim() - 1]]);
        reshape(&out, &ints(&shape))
    }
}

/// A tensor as `(batch, heads, rows, columns)`, broadcast to the leading dimensions.
fn in_heads(x: &Tensor, lead: &Dims, tail: [usize; 2]) -> Result<Tensor> {
    let mut shape = lead.clone();
    shape.extend(tail);
    let x = if x.shape() == &shape[..] {
        x.clone()
    } else {
        expand(x, &ints(&shape), false)?
    };
    match lead.len() {
        0 => unsqueeze(&unsqueeze(&x, 0)?, 0),
        1 => unsqueeze(&x, 0),
        2 => Ok(x),
        n => {
            let batch = lead[..n - 1].iter().product();
            reshape(&x, &ints(&[batch, lead[n - 1], tail[0], tail[1]]))
        }
    }
}

/// The operand as the kernel reads it: in its dtype, rows dense, and with `together` one row after the other.
fn operand(x: &Tensor, dtype: DType, together: bool) -> Result<Tensor> {
    no_grad(|| {
        let x = to_dtype(&x.detach(), dtype)?;
        let (row, len) = (x.strides()[2], x.shape()[3]);
        let dense = x.strides()[3] == 1 || len == 1;
        match dense && !(together && row != len as isize) {
            true => Ok(x),
            false => contiguous(&x, Some(MemoryFormat::Contiguous)),
        }
    })
}

fn heads(x: &Tensor, ptr: *mut u8) -> kernel::Heads {
    let s = x.strides();
    kernel::Heads {
        ptr,
        strides: [s[0] as usize, s[1] as usize, s[2] as usize],
    }
}

fn sizes(q: &Tensor, k: &Tensor, v: &Tensor) -> kernel::Sizes {
    kernel::Sizes {
        batch: q.shape()[0],
        heads: q.shape()[1],
        kv_heads: k.shape()[1],
        queries: q.shape()[2],
        keys: k.shape()[2],
        depth: q.shape()[3],
        value_depth: v.shape()[3],
    }
}

/// The mask in a dtype that the kernel reads.
fn mask_operand(mask: Option<&Tensor>, dtype: DType) -> Result<Option<Tensor>> {
    match mask {
        Some(m) if m.dtype() == DType::Bool => Ok(Some(m.detach())),
        Some(m) => no_grad(|| to_dtype(&m.detach(), dtype)).map(Some),
        None => Ok(None),
    }
}

fn mask_of(mask: Option<&Tensor>, ptr: *const u8) -> Option<kernel::Mask> {
    let m = mask?;
    let mut strides = [0; 4];
    for (to, (stride, size)) in strides.iter_mut().zip(m.strides().iter().zip(m.shape())) {
        *to = if *size == 1 { 0 } else { *stride as usize };
    }
    Some(kernel::Mask {
        ptr,
        strides,
        boolean: m.dtype() == DType::Bool,
    })
}

fn refused(dtype: DType) -> crate::Error {
    err!(
        NotImplemented,
        "\"flash_attention\" not implemented for '{}'",
        dtype.scalar_type_name()
    )
}

/// The kernel on four dimensions, recorded.
fn fused(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, s: &Settings) -> Result<Tensor> {
    let dtype = q.dtype();
    let wide = compute_dtype(dtype).ok_or_else(|| refused(dtype))?;
    let [qs, ks, vs] = [
        operand(q, wide, false)?,
        operand(k, wide, false)?,
        operand(v, wide, true)?,
    ];
    let masks = mask_operand(mask, wide)?;
    let n = sizes(q, k, v);
    // In the queries' memory order, as in PyTorch, where the kernel can write it.
    let out = if n.depth == n.value_depth && q.strides()[3] == 1 {
        Tensor::uninit_like(q, wide)?
    } else {
        Tensor::uninit(&[n.batch, n.heads, n.queries, n.value_depth], wide)?
    };
    let log_sums = Tensor::uninit(&[n.batch, n.heads, n.queries], wide)?;
    let packed = Tensor::uninit(&[n.batch, n.kv_heads, n.keys, n.depth], wide)?;
    let seen = masks.as_ref().unwrap_or(&qs);
    let operands = [
        (&qs, Mode::Read),
        (&ks, Mode::Read),
        (&vs, Mode::Read),
        (seen, Mode::Read),
        (&out, Mode::Init),
        (&log_sums, Mode::Init),
        (&packed, Mode::Init),
    ];
    let known = access::access(operands, |[qp, kp, vp, mp, op, lp, pp]| {
        let problem = kernel::Problem {
            sizes: n,
            query: heads(&qs, qp),
            key: heads(&ks, kp),
            value: heads(&vs, vp),
            mask: mask_of(masks.as_ref(), mp),
            causal: s.causal,
            scale: s.scale,
        };
        // SAFETY: the shapes were checked, and the results are new tensors of the described sizes.
        Ok(unsafe {
            kernel::forward(
                wide,
                &kernel::Forward {
                    problem,
                    out: heads(&out, op),
                    log_sums: lp,
                    packed: pp,
                },
            )
        })
    })?;
    if !known {
        return Err(refused(dtype));
    }
    let result = no_grad(|| to_dtype(&out, dtype))?;
    let s = *s;
    result.record("ScaledDotProductFlashAttentionForCpuBackward0", [q, k, v], |r| {
        let inputs = [r.save(q), r.save(k), r.save(v)];
        let kept = [r.keep(&out), r.keep(&log_sums)];
        let mask = masks.as_ref().map(|m| r.keep(m));
        move |c: &Ctx, g: &Tensor| {
            let [q, k, v] = [c.get(inputs[0])?, c.get(inputs[1])?, c.get(inputs[2])?];
            let mask = mask.map(|m| c.get(m)).transpose()?;
            if is_grad_enabled() {
                let all = [Some(q), Some(k), Some(v)];
                return reference::gradients(
                    &all,
                    |i| c.needs(i),
                    &[Some(g.clone())],
                    |x| {
                        let [Some(q), Some(k), Some(v)] = x else {
                            return Ok(Vec::new());
                        };
                        Ok(vec![formula(q, k, v, mask.as_ref(), &s)?])
                    },
                );
            }
            let grads = fused_backward([&q, &k, &v], mask.as_ref(), g, &c.get(kept[0])?, &c.get(kept[1])?, &s)?;
            Ok(grads.into_iter().map(Some).collect())
        }
    })
}

fn fused_backward(
    [q, k, v]: [&Tensor; 3],
    mask: Option<&Tensor>,
    g: &Tensor,
    out: &Tensor,
    log_sums: &Tensor,
    s: &Settings,
) -> Result<[Tensor; 3]> {
    let wide = out.dtype();
    let n = sizes(q, k, v);
    let [q, k, v, g] = [
        operand(q, wide, true)?,
        operand(k, wide, true)?,
        operand(v, wide, false)?,
        operand(g, wide, true)?,
    ];
    let deltas = contiguous(
        &sum_dim(&mul(&g, out)?, Some(&[-1]), false, None)?,
        Some(MemoryFormat::Contiguous),
    )?;
    let zeros = |like: &Tensor| zeros_of(like.shape(), wide);
    let [gq, gk, gv] = [zeros(&q)?, zeros(&k)?, zeros(&v)?];
    let packed = Tensor::uninit(&[n.batch, n.kv_heads, n.keys, n.depth + n.value_depth], wide)?;
    let operands = [
        (&q, Mode::Read),
        (&k, Mode::Read),
        (&v, Mode::Read),
        (mask.unwrap_or(&q), Mode::Read),
        (&g, Mode::Read),
        (log_sums, Mode::Read),
        (&deltas, Mode::Read),
        (&gq, Mode::Init),
        (&gk, Mode::Init),
        (&gv, Mode::Init),
        (&packed, Mode::Init),
    ];
    let known = access::access(operands, |[qp, kp, vp, mp, gp, lp, dp, gqp, gkp, gvp, pp]| {
        let problem = kernel::Problem {
            sizes: n,
            query: heads(&q, qp),
            key: heads(&k, kp),
            value: heads(&v, vp),
            mask: mask_of(mask, mp),
            causal: s.causal,
            scale: s.scale,
        };
        let b = kernel::Backward {
            problem,
            grad: heads(&g, gp),
            log_sums: lp,
            deltas: dp,
            grad_query: heads(&gq, gqp),
            grad_key: heads(&gk, gkp),
            grad_value: heads(&gv, gvp),
            packed: pp,
        };
        // SAFETY: as forward.
        Ok(unsafe { kernel::backward(wide, &b) })
    })?;
    if known { Ok([gq, gk, gv]) } else { Err(refused(wide)) }
}

impl Tensor {
    /// `softmax(Q K^T / sqrt(E)) V` with this tensor as Q; with `causal` query i sees the keys 0 to i.
    #[track_caller]
    pub fn attention(&self, key: &Tensor, value: &Tensor, causal: bool) -> Tensor {
        scaled_dot_product_attention(self, key, value, None, 0.0, causal, None, false).or_throw()
    }
}
