//! Sums, means and maxima of bags of table rows: `embedding_bag`.

use super::arith::{div, mul};
use super::copy::to_dtype;
use super::embedding::{check_indices, embedding, embedding_dense_backward};
use super::factory::zeros_of;
use super::index::{dense, index_select, long};
use super::reduce::sum_dim;
use super::scatter::scatter_add;
use super::view::unsqueeze;
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, Grads};
use crate::storage::{Mode, access};
use crate::{DType, Result, Scalar, Tensor, bail, ensure, err, ops};
use duoc_kernels::embedding::{Bag, Lookup, bags};

ops! {
    /// For each bag `indices[offsets[b]..offsets[b + 1]]` the sum (mode 0), mean (1) or maximum (2) of the named rows of
    /// `weight` `(V, D)`: `(B, D)`; then the bag of each index, the bags' sizes, and the rows of the maxima.
    "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)" [function]
    pub fn embedding_bag(weight: &Tensor, indices: &Tensor, offsets: &Tensor, scale_grad_by_freq: bool, mode: i64, sparse: bool, per_sample_weights: Option<&Tensor>, include_last_offset: bool) -> (Tensor, Tensor, Tensor, Tensor) = embedding_bag_body;

    /// As above; indices equal to `padding_idx` are left out of their bags.
    "embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)" [function]
    pub fn embedding_bag_padding(weight: &Tensor, indices: &Tensor, offsets: &Tensor, scale_grad_by_freq: bool, mode: i64, sparse: bool, per_sample_weights: Option<&Tensor>, include_last_offset: bool, padding_idx: Option<i64>) -> (Tensor, Tensor, Tensor, Tensor) = embedding_bag_padding_body;
}

type Answer = (Tensor, Tensor, Tensor, Tensor);

fn embedding_bag_body(
    weight: &Tensor,
    indices: &Tensor,
    offsets: &Tensor,
    by_frequency: bool,
    mode: i64,
    sparse: bool,
    weights: Option<&Tensor>,
    last: bool,
) -> Result<Answer> {
    embedding_bag_padding_body(
        weight,
        indices,
        offsets,
        by_frequency,
        mode,
        sparse,
        weights,
        last,
        None,
    )
}

/// The begin of each bag and the end of the last.
fn borders(offsets: &Tensor, count: usize, last: bool) -> Result<Vec<i64>> {
    let mut at = long(&offsets.detach())?.to_vec::<i64>();
    if last && at.is_empty() {
        bail!(Runtime, "include_last_offset: number of offset should be at least 1");
    }
    if let Some(first) = at.first() {
        ensure!(
            *first == 0,
            Runtime,
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {first}"
        );
    }
    if let Some(end) = at.last() {
        ensure!(
            *end <= count as i64,
            Runtime,
            "offsets[-1] can not be greater than input's length {count} but got offsets[-1] of {end}"
        );
    }
    if !last {
        at.push(count as i64);
    }
    ensure!(
        at.windows(2).all(|w| w[0] <= w[1]) && at.iter().all(|o| *o >= 0),
        Runtime,
        "embedding_bag: offsets must not fall, but got {:?}",
        &at[..at.len().min(8)]
    );
    Ok(at)
}

fn embedding_bag_padding_body(
    weight: &Tensor,
    indices: &Tensor,
    offsets: &Tensor,
    by_frequency: bool,
    mode: i64,
    _sparse: bool,
    weights: Option<&Tensor>,
    last: bool,
    padding: Option<i64>,
) -> Result<Answer> {
    check_indices(indices, 1, "embedding_bag")?;
    ensure!(
        matches!(offsets.dtype(), DType::I64 | DType::I32),
        Runtime,
        "Expected tensor for argument #1 'offsets' to have one of the following scalar types: Long, Int; but got torch.{}Tensor instead (while checking arguments for embedding_bag)",
        offsets.dtype().scalar_type_name()
    );
    ensure!(
        weight.dim() == 2,
        Runtime,
        "weight has to be a 2D Tensor, but got Tensor of dimension {}",
        weight.dim()
    );
    ensure!(
        indices.dim() == 1 && offsets.dim() == 1,
        Runtime,
        "embedding_bag: indices and offsets must be 1-dimensional, but have {} and {} dimensions",
        indices.dim(),
        offsets.dim()
    );
    let kind = match mode {
        0 => Bag::Sum,
        1 => Bag::Mean,
        2 => Bag::Max,
        _ => bail!(
            Runtime,
            "embedding_bag: mode {mode} is none of 0 (sum), 1 (mean), 2 (max)"
        ),
    };
    let rows = weight.shape()[0] as i64;
    let padding = match padding {
        None => None,
        Some(p) => {
            ensure!(
                p >= -rows && p < rows,
                Runtime,
                "padding_idx must be within the number of embeddings, {} through {}, but got {p}",
                -rows,
                rows - 1
            );
            Some(if p < 0 { p + rows } else { p } as usize)
        }
    };
    if let Some(w) = weights {
        ensure!(
            kind == Bag::Sum,
            Runtime,
            "embedding_bag: per_sample_weights only supported with mode='sum'"
        );
        ensure!(
            w.dtype() == weight.dtype(),
            Runtime,
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but type torch.{}Tensor does not equal torch.{}Tensor (while checking arguments for embedding_bag)",
            weight.dtype().scalar_type_name(),
            w.dtype().scalar_type_name()
        );
        ensure!(
            w.dim() == 1 && w.numel() == indices.numel(),
            Runtime,
            "embedding_bag: per_sample_weights must be 1-dimensional with one weight for each of the {} indices",
            indices.numel()
        );
    }
    let count = indices.numel();
    let at = borders(offsets, count, last)?;
    let n = at.len() - 1;
    let width = weight.shape()[1];
    let places = if kind == Bag::Max {
        Some(Tensor::uninit(&[n, width], DType::I64)?)
    } else {
        None
    };
    let y = Tensor::uninit(&[n, width], weight.dtype())?;
    let lookup = Lookup {
        rows: rows as usize,
        width,
        count,
        padding,
        by_frequency,
    };
    let table = dense(&weight.detach())?;
    let names = long(&indices.detach())?;
    let scales = weights.map(|w| dense(&w.detach())).transpose()?;
    let (scale, place) = (scales.as_ref().unwrap_or(&table), places.as_ref().unwrap_or(&y));
    let known = access::access(
        [
            (&table, Mode::Read),
            (&names, Mode::Read),
            (scale, Mode::Read),
            (&y, Mode::Init),
            (place, Mode::Init),
        ],
        |[t, names, s, out, place]| {
            let s = if scales.is_some() {
                s.cast_const()
            } else {
                std::ptr::null()
            };
            let place = if places.is_some() {
                place.cast()
            } else {
                std::ptr::null_mut()
            };
            // SAFETY: row-major operands of the lookup's sizes; the borders rise up to `count`, and the indices have just
            // been checked.
            unsafe {
                duoc_kernels::index::check(names.cast(), count, rows as usize, false).map_err(|bad| {
                    err!(
                        Runtime,
                        "embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {}",
                        bad.index
                    )
                })?;
                Ok(bags(
                    table.dtype(),
                    kind,
                    &lookup,
                    (at.as_ptr(), n),
                    (t, names.cast(), s),
                    out,
                    place,
                ))
            }
        },
    )?;
    if !known {
        return Err(super::pointwise::not_implemented("embedding_bag", weight.dtype()));
    }
    let names_list = names.to_vec::<i64>();
    let mut bag_of = vec![0i64; count];
    let mut sizes = vec![0i64; n];
    for b in 0..n {
        let range = at[b] as usize..at[b + 1] as usize;
        bag_of[range.clone()].fill(b as i64);
        let used = names_list[range]
            .iter()
            .filter(|i| padding != usize::try_from(**i).ok());
        sizes[b] = used.count() as i64;
    }
    // Behind the last of given ends no index belongs to a bag.
    let tail = at[n] as usize;
    let (bag_of, sizes) = (Tensor::from_vec(bag_of), Tensor::from_vec(sizes));
    let outputs = std::slice::from_ref(&y);
    record_many(outputs, "EmbeddingBagBackward0", &[Some(weight), weights], |r| {
        let table = r.save_if(r.needs(1), weight);
        let (names, bag_of, sizes) = (r.keep(&names), r.keep(&bag_of), r.keep(&sizes));
        let (scales, places) = (r.save_opt(weights), places.as_ref().map(|p| r.keep(p)));
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let mut grads = Grads::from_elem(None, 2);
            let Some(g) = &g[0] else { return Ok(grads) };
            if let Some(places) = places {
                let places = super::blend::clamp_min(&c.get(places)?, Scalar::Int(0))?;
                let sizes = unsqueeze(&c.get(sizes)?, 1)?;
                let live = to_dtype(&super::compare::gt(&sizes, &Tensor::wrapped(0i64)?)?, g.dtype())?;
                let zeros = zeros_of(&[rows as usize, width], g.dtype())?;
                grads[0] = Some(scatter_add(&zeros, 0, &places, &mul(g, &live)?)?);
                return Ok(grads);
            }
            let cut = |t: Tensor| super::view::narrow(&t, 0, 0, tail as i64);
            let (names, bag_of) = (cut(c.get(names)?)?, cut(c.get(bag_of)?)?);
            let spread = index_select(g, 0, &bag_of)?;
            let hidden = padding.map_or(-1, |p| p as i64);
            if c.needs(0) {
                let mut each = spread.clone();
                if kind == Bag::Mean {
                    let sizes = super::blend::clamp_min(&c.get(sizes)?, Scalar::Int(1))?;
                    let sizes = to_dtype(&unsqueeze(&index_select(&sizes, 0, &bag_of)?, 1)?, g.dtype())?;
                    each = div(&each, &sizes)?;
                }
                if let Some(scales) = c.get_opt(scales)? {
                    each = mul(&each, &unsqueeze(&cut(scales)?, 1)?)?;
                }
                grads[0] = Some(embedding_dense_backward(&each, &names, rows, hidden, by_frequency)?);
            }
            if c.needs(1) {
                let each = embedding(&c.get(table)?, &names, -1, false, false)?;
                let mut share = sum_dim(&mul(&spread, &each)?, Some(&[1]), false, None)?;
                let live = super::compare::ne(&names, &Tensor::wrapped(hidden)?)?;
                share = mul(&share, &to_dtype(&live, g.dtype())?)?;
                if tail < count {
                    share = super::pad::constant_pad_nd(&share, &[0, (count - tail) as i64], Scalar::Int(0))?;
                }
                grads[1] = Some(share);
            }
            Ok(grads)
        }
    })?;
    let recorded = y.requires_grad();
    // PyTorch's fast way for sums leaves the bookkeeping out.
    let (bag_of, sizes) = match kind {
        Bag::Sum => {
            let fast = weight.dtype() != DType::F64 && padding.is_none();
            let none = Tensor::uninit(&[0], DType::I64)?;
            // Without a gradient it has as many sizes as offsets.
            let many = if recorded { n } else { offsets.numel() };
            (if fast { none } else { bag_of }, zeros_of(&[many], DType::I64)?)
        }
        _ => (bag_of, sizes),
    };
    let places = places.unwrap_or_else(|| sizes.clone());
    let integer = |t: Tensor| to_dtype(&t, indices.dtype());
    Ok((y, integer(bag_of)?, integer(sizes)?, integer(places)?))
}
