//! Data sets: something with a length and a sample at each index, and data sets made of others.

use std::sync::Arc;

use duoc_core::random::Generator;
use duoc_core::{DType, Result, Tensor, bail, ensure, ops};

use crate::Collate;

/// Samples by index. Workers share one data set, so it must be `Sync`.
pub trait Dataset: Send + Sync + 'static {
    /// One sample.
    type Item: Send + 'static;

    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sample at `index`.
    ///
    /// # Errors
    /// `IndexError` past the end; what reading the sample gives.
    fn get(&self, index: usize) -> Result<Self::Item>;

    /// The samples at these indices as one batch, where there is a faster way than one by one; it must give the same.
    fn batch(&self, _indices: &[usize]) -> Option<Result<<Self::Item as Collate>::Batch>>
    where
        Self::Item: Collate,
    {
        None
    }

    /// Whether `get` may draw random numbers, so that each sample is to have a stream of its own.
    fn draws(&self) -> bool {
        true
    }

    /// The data set whose samples are those of this one after `change`.
    fn map<T, F>(self, change: F) -> Map<Self, F>
    where
        Self: Sized,
        T: Send + 'static,
        F: Fn(Self::Item) -> Result<T> + Send + Sync + 'static,
    {
        Map { dataset: self, change }
    }
}

/// The error of an index past the end.
pub(crate) fn check_index(index: usize, len: usize) -> Result<()> {
    ensure!(
        index < len,
        Index,
        "index {index} is out of range for a dataset with {len} samples"
    );
    Ok(())
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    type Item = D::Item;
    fn len(&self) -> usize {
        (**self).len()
    }
    fn get(&self, index: usize) -> Result<D::Item> {
        (**self).get(index)
    }
    fn batch(&self, indices: &[usize]) -> Option<Result<<D::Item as Collate>::Batch>>
    where
        D::Item: Collate,
    {
        (**self).batch(indices)
    }
    fn draws(&self) -> bool {
        (**self).draws()
    }
}

/// Samples in a vector.
#[derive(Clone, Debug, Default)]
pub struct Items<T>(pub Vec<T>);

impl<T: Clone + Send + Sync + 'static> Dataset for Items<T> {
    type Item = T;
    fn len(&self) -> usize {
        self.0.len()
    }
    fn get(&self, index: usize) -> Result<T> {
        check_index(index, self.0.len())?;
        Ok(self.0[index].clone())
    }
    fn draws(&self) -> bool {
        false
    }
}

/// See [`Dataset::map`].
#[derive(Clone, Debug)]
pub struct Map<D, F> {
    dataset: D,
    change: F,
}

impl<D, T, F> Dataset for Map<D, F>
where
    D: Dataset,
    T: Send + 'static,
    F: Fn(D::Item) -> Result<T> + Send + Sync + 'static,
{
    type Item = T;
    fn len(&self) -> usize {
        self.dataset.len()
    }
    fn get(&self, index: usize) -> Result<T> {
        (self.change)(self.dataset.get(index)?)
    }
}

/// Tensors whose first dimension counts the samples: sample `i` is row `i` of each.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_data::{Dataset, TensorDataset};
/// let data = TensorDataset::new([Tensor::zeros(&[10, 3]), Tensor::ones(&[10])])?;
/// let [x, y] = data.get(4)?;
/// assert_eq!((x.shape(), y.dim()), (&[3][..], 0));
/// # Ok::<(), duoc_core::Error>(())
/// ```
#[derive(Clone)]
pub struct TensorDataset<const N: usize> {
    tensors: [Tensor; N],
    len: usize,
}

impl<const N: usize> TensorDataset<N> {
    /// The data set of these tensors.
    ///
    /// # Errors
    /// `ValueError` if their first dimensions differ or one has none.
    pub fn new(tensors: [Tensor; N]) -> Result<TensorDataset<N>> {
        let len = tensors.first().and_then(|t| t.shape().first().copied()).unwrap_or(0);
        for t in &tensors {
            ensure!(
                t.shape().first() == Some(&len),
                Value,
                "Size mismatch between tensors: the first dimensions of shapes {:?} differ",
                tensors.each_ref().map(Tensor::shape)
            );
        }
        Ok(TensorDataset { tensors, len })
    }

    /// The tensors.
    pub fn tensors(&self) -> &[Tensor; N] {
        &self.tensors
    }
}

impl<const N: usize> Dataset for TensorDataset<N> {
    type Item = [Tensor; N];
    fn len(&self) -> usize {
        self.len
    }
    fn get(&self, index: usize) -> Result<[Tensor; N]> {
        check_index(index, self.len)?;
        all(&self.tensors, |t| ops::view::select(t, 0, index as i64))
    }
    fn batch(&self, indices: &[usize]) -> Option<Result<<[Tensor; N] as Collate>::Batch>> {
        Some(self.rows(indices))
    }
    fn draws(&self) -> bool {
        false
    }
}

impl<const N: usize> TensorDataset<N> {
    fn rows(&self, indices: &[usize]) -> Result<[Tensor; N]> {
        for i in indices {
            check_index(*i, self.len)?;
        }
        let rows: Vec<i64> = indices.iter().map(|i| *i as i64).collect();
        let rows = Tensor::try_from_slice(&rows, &[rows.len()])?;
        all(&self.tensors, |t| ops::index::index_select(t, 0, &rows))
    }
}

/// `f` of each tensor.
fn all<const N: usize>(tensors: &[Tensor; N], f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<[Tensor; N]> {
    let done: Vec<Tensor> = tensors.iter().map(f).collect::<Result<_>>()?;
    match done.try_into() {
        Ok(array) => Ok(array),
        Err(_) => bail!(Runtime, "as many tensors go in as come out"),
    }
}

/// Data sets of one type, one after another. Those of several types are one as `Box<dyn Dataset<Item = T>>`.
#[derive(Clone, Debug)]
pub struct ConcatDataset<D> {
    datasets: Vec<D>,
    /// Samples up to and with each.
    ends: Vec<usize>,
}

impl<D: Dataset> ConcatDataset<D> {
    /// The data sets one after another.
    ///
    /// # Errors
    /// `ValueError` if there are none.
    pub fn new(datasets: Vec<D>) -> Result<ConcatDataset<D>> {
        ensure!(!datasets.is_empty(), Value, "datasets should not be an empty iterable");
        let mut ends = Vec::with_capacity(datasets.len());
        let mut sum = 0usize;
        for d in &datasets {
            sum = sum.saturating_add(d.len());
            ends.push(sum);
        }
        Ok(ConcatDataset { datasets, ends })
    }
}

impl<D: Dataset> Dataset for ConcatDataset<D> {
    type Item = D::Item;
    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
    fn get(&self, index: usize) -> Result<D::Item> {
        check_index(index, self.len())?;
        let which = self.ends.partition_point(|end| *end <= index);
        let before = which.checked_sub(1).map_or(0, |w| self.ends[w]);
        self.datasets[which].get(index - before)
    }
    fn draws(&self) -> bool {
        self.datasets.iter().any(Dataset::draws)
    }
}

impl<T: Send + 'static> Dataset for Box<dyn Dataset<Item = T>>
where
    Box<dyn Dataset<Item = T>>: Send + Sync,
{
    type Item = T;
    fn len(&self) -> usize {
        (**self).len()
    }
    fn get(&self, index: usize) -> Result<T> {
        (**self).get(index)
    }
    fn draws(&self) -> bool {
        (**self).draws()
    }
}

/// Some samples of a data set, in an order of their own.
#[derive(Debug)]
pub struct Subset<D: ?Sized> {
    dataset: Arc<D>,
    indices: Vec<usize>,
}

impl<D: ?Sized> Clone for Subset<D> {
    fn clone(&self) -> Self {
        Subset {
            dataset: self.dataset.clone(),
            indices: self.indices.clone(),
        }
    }
}

impl<D: Dataset + ?Sized> Subset<D> {
    /// The samples at `indices`.
    ///
    /// # Errors
    /// `IndexError` if one is past the end.
    pub fn new(dataset: Arc<D>, indices: Vec<usize>) -> Result<Subset<D>> {
        for i in &indices {
            check_index(*i, dataset.len())?;
        }
        Ok(Subset { dataset, indices })
    }

    /// Where the samples are in the data set.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl<D: Dataset + ?Sized> Dataset for Subset<D> {
    type Item = D::Item;
    fn len(&self) -> usize {
        self.indices.len()
    }
    fn get(&self, index: usize) -> Result<D::Item> {
        check_index(index, self.indices.len())?;
        self.dataset.get(self.indices[index])
    }
    fn batch(&self, indices: &[usize]) -> Option<Result<<D::Item as Collate>::Batch>>
    where
        D::Item: Collate,
    {
        let inner: Option<Vec<usize>> = indices.iter().map(|i| self.indices.get(*i).copied()).collect();
        self.dataset.batch(&inner?)
    }
    fn draws(&self) -> bool {
        self.dataset.draws()
    }
}

/// Lengths of parts: whole numbers, or shares of the whole.
#[derive(Clone, Copy, Debug)]
pub enum Lengths<'a> {
    /// Samples of each part; together those of the data set.
    Counts(&'a [usize]),
    /// The share of each part; together 1. What rounding leaves goes to the parts in turn.
    Shares(&'a [f64]),
}

/// The data set in parts that are drawn without overlap, by PyTorch's permutation for the same generator state.
///
/// # Errors
/// `ValueError` if the lengths do not make up the data set.
pub fn random_split<D: Dataset>(dataset: D, lengths: Lengths, generator: Option<&Generator>) -> Result<Vec<Subset<D>>> {
    let n = dataset.len();
    let counts = match lengths {
        Lengths::Counts(counts) => counts.to_vec(),
        Lengths::Shares(shares) => {
            let sum: f64 = shares.iter().sum();
            ensure!(
                (sum - 1.0).abs() <= 1e-9 && sum <= 1.0,
                Value,
                "shares of a split must sum to 1, and {shares:?} sum to {sum}"
            );
            let mut counts = Vec::with_capacity(shares.len());
            for (i, share) in shares.iter().enumerate() {
                ensure!(
                    (0.0..=1.0).contains(share),
                    Value,
                    "Fraction at index {i} is not between 0 and 1"
                );
                counts.push((n as f64 * share).floor() as usize);
            }
            let left = n.saturating_sub(counts.iter().sum());
            let parts = counts.len();
            (0..left).for_each(|i| counts[i % parts] += 1);
            counts
        }
    };
    let sum = counts.iter().try_fold(0usize, |sum, n| sum.checked_add(*n));
    ensure!(
        sum == Some(n),
        Value,
        "Sum of input lengths does not equal the length of the input dataset!"
    );
    let order = permutation(n, generator)?;
    let dataset = Arc::new(dataset);
    let mut rest = &order[..];
    let mut parts = Vec::with_capacity(counts.len());
    for count in counts {
        let (part, after) = rest.split_at(count);
        rest = after;
        parts.push(Subset {
            dataset: dataset.clone(),
            indices: part.to_vec(),
        });
    }
    Ok(parts)
}

/// `randperm(n)` as indices.
pub(crate) fn permutation(n: usize, generator: Option<&Generator>) -> Result<Vec<usize>> {
    let n = i64::try_from(n).map_err(|_| duoc_core::err!(Value, "a dataset of {n} samples is too long"))?;
    let order = ops::random::randperm(n, generator, Some(DType::I64), None, None, None)?;
    order.with_slice(|s: &[i64]| s.iter().map(|i| *i as usize).collect())
}
