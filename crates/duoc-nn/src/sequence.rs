//! Sequences of several lengths: padded to one, or packed without padding. PyTorch's `nn.utils.rnn`.
//!
//! ```
//! use duoc_core::Tensor;
//! use duoc_nn::sequence::{pack_padded_sequence, pad_packed_sequence, pad_sequence};
//! let sentences = [Tensor::ones(&[3, 4]), Tensor::ones(&[5, 4])];
//! let padded = pad_sequence(&sentences, true, 0.0)?;
//! assert_eq!(padded.shape(), [2, 5, 4]);
//! let packed = pack_padded_sequence(&padded, &[3, 5], true, false)?;
//! assert_eq!(packed.data.shape(), [8, 4]);
//! let (again, lengths) = pad_packed_sequence(&packed, true, 0.0, None)?;
//! assert_eq!((again.shape(), lengths.to_vec::<i64>()), (&[2, 5, 4][..], vec![3, 5]));
//! # Ok::<(), duoc_core::Error>(())
//! ```

use duoc_core::ops::{self, rnn_pack};
use duoc_core::{DType, Result, Scalar, Tensor, ensure};

/// Sequences without padding, step by step: first the first elements of all, longest sequence first, then the second ones
/// of those that have one.
#[derive(Clone, Debug)]
pub struct PackedSequence {
    /// The elements, `(sum of the lengths, *)`.
    pub data: Tensor,
    /// How many sequences have each step, int64.
    pub batch_sizes: Tensor,
    /// Where each sequence was before they were sorted, if they were.
    pub sorted_indices: Option<Tensor>,
    /// Where each sequence is now.
    pub unsorted_indices: Option<Tensor>,
}

impl PackedSequence {
    /// How many sequences there are.
    pub fn batch_size(&self) -> Result<usize> {
        ensure!(
            self.batch_sizes.dim() == 1 && self.batch_sizes.numel() > 0 && self.batch_sizes.dtype() == DType::I64,
            Runtime,
            "batch_sizes must be a row of int64 with a number for each step, but it is {} {:?}",
            self.batch_sizes.dtype(),
            self.batch_sizes.shape()
        );
        let first = ops::view::select(&self.batch_sizes, 0, 0)?.item().to_f64();
        ensure!(first >= 0.0, Runtime, "batch_sizes must not be negative: {first}");
        Ok(first as usize)
    }

    /// The same lengths with other elements.
    pub fn with_data(&self, data: Tensor) -> PackedSequence {
        PackedSequence { data, ..self.clone() }
    }

    /// States `(*, N, *)` in the order of the packed sequences.
    pub(crate) fn sorted(&self, h: &Tensor) -> Result<Tensor> {
        permuted(h, self.sorted_indices.as_ref())
    }

    /// States `(*, N, *)` in the order that the sequences had.
    pub(crate) fn unsorted(&self, h: &Tensor) -> Result<Tensor> {
        permuted(h, self.unsorted_indices.as_ref())
    }
}

fn permuted(h: &Tensor, order: Option<&Tensor>) -> Result<Tensor> {
    match order {
        Some(order) => ops::index::index_select(h, 1, order),
        None => Ok(h.clone()),
    }
}

/// The inverse of a permutation.
fn inverse(order: &Tensor) -> Result<Tensor> {
    Ok(ops::sort::sort(order, 0, false)?.1)
}

/// Packs padded sequences of the given lengths. With `enforce_sorted` they must lie longest first; otherwise they are
/// sorted, and the order is remembered.
///
/// # Errors
/// `RuntimeError` for lengths that do not fit the input.
pub fn pack_padded_sequence(
    input: &Tensor,
    lengths: &[i64],
    batch_first: bool,
    enforce_sorted: bool,
) -> Result<PackedSequence> {
    let mut lengths = Tensor::try_from_slice(lengths, &[lengths.len()])?;
    let (mut x, mut sorted_indices) = (input.clone(), None);
    if !enforce_sorted {
        let (sorted, order) = ops::sort::sort(&lengths, -1, true)?;
        x = ops::index::index_select(input, i64::from(!batch_first), &order)?;
        (lengths, sorted_indices) = (sorted, Some(order));
    }
    let (data, batch_sizes) = rnn_pack::pack_padded_sequence(&x, &lengths, batch_first)?;
    Ok(PackedSequence {
        data,
        batch_sizes,
        unsorted_indices: sorted_indices.as_ref().map(inverse).transpose()?,
        sorted_indices,
    })
}

/// The inverse of [`pack_padded_sequence`]: the padded sequences and their lengths. With `total_length` they are padded to
/// that length.
pub fn pad_packed_sequence(
    packed: &PackedSequence,
    batch_first: bool,
    padding_value: f64,
    total_length: Option<usize>,
) -> Result<(Tensor, Tensor)> {
    let longest = packed.batch_sizes.numel();
    let total = total_length.unwrap_or(longest);
    ensure!(
        total >= longest,
        Value,
        "Expected total_length to be at least the length of the longest sequence in input, but got total_length={total} and max sequence length being {longest}"
    );
    let value = Scalar::Float(padding_value);
    let (padded, lengths) =
        rnn_pack::pad_packed_sequence(&packed.data, &packed.batch_sizes, batch_first, value, total as i64)?;
    match &packed.unsorted_indices {
        Some(order) => Ok((
            ops::index::index_select(&padded, i64::from(!batch_first), order)?,
            ops::index::index_select(&lengths, 0, order)?,
        )),
        None => Ok((padded, lengths)),
    }
}

/// Sequences `(L_i, *)` beside each other, padded at their ends: `(L, N, *)`, or `(N, L, *)` with `batch_first`.
pub fn pad_sequence(sequences: &[Tensor], batch_first: bool, padding_value: f64) -> Result<Tensor> {
    ensure!(
        !sequences.is_empty(),
        Runtime,
        "pad_sequence: received an empty list of sequences"
    );
    let rest = sequences[0].shape().get(1..).unwrap_or(&[]);
    for (i, s) in sequences.iter().enumerate() {
        ensure!(
            s.dim() > 0 && &s.shape()[1..] == rest,
            Runtime,
            "pad_sequence: all sequences must agree in everything but their length, but sequence {i} has shape {:?} and the first {:?}",
            s.shape(),
            sequences[0].shape()
        );
    }
    let longest = sequences.iter().map(|s| s.shape()[0]).max().unwrap_or(0);
    let mut rows = Vec::with_capacity(sequences.len());
    for s in sequences {
        let mut widths = vec![0; 2 * s.dim()];
        widths[2 * s.dim() - 1] = (longest - s.shape()[0]) as i64;
        rows.push(ops::pad::constant_pad_nd(s, &widths, Scalar::Float(padding_value))?);
    }
    ops::join::stack(&rows, i64::from(!batch_first))
}

/// The inverse of [`pad_sequence`].
pub fn unpad_sequence(padded: &Tensor, lengths: &[i64], batch_first: bool) -> Result<Vec<Tensor>> {
    let batch = i64::from(!batch_first);
    ensure!(
        padded.dim() >= 2 && padded.shape()[batch as usize] == lengths.len(),
        Runtime,
        "unpad_sequence: {} lengths for an input of shape {:?}",
        lengths.len(),
        padded.shape()
    );
    (lengths.iter().enumerate())
        .map(|(i, n)| ops::view::narrow(&ops::view::select(padded, batch, i as i64)?, 0, 0, *n))
        .collect()
}

/// [`pad_sequence`] and [`pack_padded_sequence`] in one.
pub fn pack_sequence(sequences: &[Tensor], enforce_sorted: bool) -> Result<PackedSequence> {
    let lengths: Vec<i64> = sequences
        .iter()
        .map(|s| s.shape().first().map_or(0, |n| *n as i64))
        .collect();
    pack_padded_sequence(&pad_sequence(sequences, false, 0.0)?, &lengths, false, enforce_sorted)
}

/// The inverse of [`pack_sequence`].
pub fn unpack_sequence(packed: &PackedSequence) -> Result<Vec<Tensor>> {
    let (padded, lengths) = pad_packed_sequence(packed, true, 0.0, None)?;
    unpad_sequence(&padded, &lengths.to_vec::<i64>(), true)
}
