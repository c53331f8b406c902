//! Sequences of different lengths: from padded to packed and back.
//!
//! A packed batch lies step after step, without padding: step t has a row for each sequence that is longer than t.

use super::factory::full_of;
use super::index::{index_copy, index_select};
use super::view::{ints, reshape, transpose};
use crate::{DType, Result, Scalar, Tensor, ensure, err, ops};

ops! {
    /// Packs a padded batch `(T, N, ...)`, or `(N, T, ...)` with `batch_first`, whose sequences have the given lengths,
    /// longest first: the rows and the number of rows of each step.
    "_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)" [function]
    pub fn pack_padded_sequence(input: &Tensor, lengths: &Tensor, batch_first: bool) -> (Tensor, Tensor) = pack_body;

    /// The padded batch that a packed one stands for, filled up with `padding_value` to the longest sequence or to
    /// `total_length`, and the lengths.
    "_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) -> (Tensor, Tensor)" [function]
    pub fn pad_packed_sequence(data: &Tensor, batch_sizes: &Tensor, batch_first: bool, padding_value: Scalar, total_length: i64) -> (Tensor, Tensor) = pad_body;
}

fn check_lengths(t: &Tensor) -> Result<()> {
    ensure!(
        t.dim() == 1 && t.dtype() == DType::I64,
        Runtime,
        "'lengths' argument should be a 1D CPU int64 tensor, but got {}D cpu {} tensor",
        t.dim(),
        t.dtype().scalar_type_name()
    );
    Ok(())
}

/// Rows of each step, checked: positive, not increasing, `rows` together.
pub(super) fn batch_sizes_of(batch_sizes: &Tensor, rows: usize) -> Result<Vec<usize>> {
    check_lengths(batch_sizes)?;
    let sizes = batch_sizes.detach().try_to_vec::<i64>()?;
    ensure!(
        !sizes.is_empty(),
        Runtime,
        "Expected sequence length to be larger than 0 in RNN"
    );
    let mut sum = 0usize;
    let mut before = i64::MAX;
    for n in &sizes {
        ensure!(
            *n > 0 && *n <= before,
            Runtime,
            "batch sizes of a packed sequence must be positive and must not increase, got {n} after {before}"
        );
        before = *n;
        sum = sum.saturating_add(*n as usize);
    }
    ensure!(
        sum == rows,
        Runtime,
        "batch sizes of a packed sequence sum up to {sum}, but it has {rows} rows"
    );
    Ok(sizes.iter().map(|n| *n as usize).collect())
}

/// Places of the packed rows in a padded batch of `batch` sequences.
fn places(sizes: &[usize], batch: usize) -> Tensor {
    let steps = sizes.iter().enumerate();
    let index: Vec<i64> = steps
        .flat_map(|(t, n)| (0..*n).map(move |b| (t * batch + b) as i64))
        .collect();
    Tensor::from_slice(&index)
}

fn pack_body(input: &Tensor, lengths: &Tensor, batch_first: bool) -> Result<(Tensor, Tensor)> {
    ensure!(
        input.dim() >= 2,
        Index,
        "Dimension out of range (expected to be in range of [{}, {}], but got 1)",
        -(input.dim().max(1) as i64),
        input.dim().max(1) - 1
    );
    let x = if batch_first {
        transpose(input, 0, 1)?
    } else {
        input.clone()
    };
    check_lengths(lengths)?;
    let (steps, batch) = (x.shape()[0], x.shape()[1]);
    ensure!(x.numel() > 0, Runtime, "Cannot pack empty tensors.");
    let lengths = lengths.detach().try_to_vec::<i64>()?;
    ensure!(
        lengths.len() == batch,
        Runtime,
        "Expected `len(lengths)` to be equal to batch_size, but got {} (batch_size={batch})",
        lengths.len()
    );
    ensure!(
        lengths[batch - 1] > 0,
        Runtime,
        "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
    );
    ensure!(
        lengths.windows(2).all(|w| w[0] >= w[1]),
        Runtime,
        "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability."
    );
    ensure!(
        lengths[0] as u64 <= steps as u64,
        Runtime,
        "a sequence of length {} does not fit a batch of {steps} steps",
        lengths[0]
    );
    // Sequences that are longer than t, for each t: the lengths are sorted.
    let sizes: Vec<usize> = (0..lengths[0]).map(|t| lengths.partition_point(|l| *l > t)).collect();
    let mut shape = ints(x.shape());
    shape.remove(0);
    shape[0] = (steps * batch) as i64;
    let data = index_select(&reshape(&x, &shape)?, 0, &places(&sizes, batch))?;
    let sizes: Vec<i64> = sizes.iter().map(|n| *n as i64).collect();
    Ok((data, Tensor::from_slice(&sizes)))
}

fn pad_body(
    data: &Tensor,
    batch_sizes: &Tensor,
    batch_first: bool,
    padding_value: Scalar,
    total_length: i64,
) -> Result<(Tensor, Tensor)> {
    ensure!(data.dim() >= 1, Runtime, "a packed sequence has at least 1 dimension");
    let sizes = batch_sizes_of(batch_sizes, data.shape()[0])?;
    let mut steps = sizes.len();
    if total_length > 0 {
        ensure!(
            total_length >= steps as i64,
            Runtime,
            "Expected total_length to be at least the length of the longest sequence in input, but got total_length={total_length} and max sequence length being {steps}"
        );
        steps = total_length as usize;
    }
    let batch = sizes[0];
    let rows = steps
        .checked_mul(batch)
        .filter(|n| *n <= isize::MAX as usize)
        .ok_or_else(|| err!(Runtime, "total_length={total_length} is too long"))?;
    let mut shape = ints(data.shape());
    shape[0] = rows as i64;
    let sizes_of_shape = crate::layout::sizes(&shape)?;
    let padding = full_of(&sizes_of_shape, padding_value, data.dtype())?;
    let padded = index_copy(&padding, 0, &places(&sizes, batch), data)?;
    shape[0] = batch as i64;
    shape.insert(0, steps as i64);
    let padded = reshape(&padded, &shape)?;
    let padded = if batch_first { transpose(&padded, 0, 1)? } else { padded };
    // Sizes do not increase: sequence b is as long as the steps that have more than b rows.
    let lengths: Vec<i64> = (0..batch).map(|b| sizes.partition_point(|n| *n > b) as i64).collect();
    Ok((padded, Tensor::from_slice(&lengths)))
}
