//! Tables of vectors: rows by number, and sums of bags of rows.

use super::sizes::float;
use crate::{Base, Layer, Module, Param, call, init};
use duoc_core::ops::{embedding as rows, embedding_bag as bags};
use duoc_core::{OrThrow, Result, Tensor, bail, ensure};

/// The row that gets no gradient, counted from the front.
fn padding_row(padding: Option<i64>, n: usize) -> Result<Option<i64>> {
    let n = n as i64;
    match padding {
        Some(p) if p >= n || p < -n => bail!(Value, "Padding_idx must be within num_embeddings"),
        Some(p) => Ok(Some(if p < 0 { p + n } else { p })),
        None => Ok(None),
    }
}

/// Normal numbers; zeros in the padding row.
fn fill(weight: &Param, padding: Option<i64>) -> Result<()> {
    init::normal_(weight, 0.0, 1.0)?;
    if let Some(p) = padding {
        init::zeros_(&weight.detach().select(0, p))?;
    }
    Ok(())
}

/// Looks rows up in a table: `y[..] = E[x[..]]`.
///
/// * **Shapes**: `x: (*)` of integers in `0..num_embeddings`, `E: (num_embeddings, embedding_dim)`, `y: (*, embedding_dim)`.
/// * **Parameters**: `num_embeddings · embedding_dim`.
/// * **How it works**: the same as a one-hot vector times the table, without the product; only rows that were used get a
///   gradient, in the order of their uses. Row `padding_idx` starts at zero and stays as it is; with `max_norm` the rows of a
///   call are shortened first, in place. `sparse` is accepted; the gradient is dense all the same.
/// * **Initial values**: standard normal.
/// * **When to use it**: for words, tokens, users, products: anything that is a number without being a quantity.
/// * **Limits**: the table grows with the vocabulary; rare rows learn little; an unknown number has no row.
/// * **Where used**: word2vec, every language model (often tied to the last layer), recommenders.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Embedding, Layer, Module};
/// let table = Embedding::new(10, 3);
/// assert_eq!(table.forward(&Tensor::from_slice(&[1i64, 7])).shape(), [2, 3]);
/// assert_eq!(table.num_parameters(), 30);
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Embedding {
    /// `(num_embeddings, embedding_dim)`: the table.
    pub weight: Param,
    /// Rows of the table.
    pub num_embeddings: usize,
    /// Length of a row.
    pub embedding_dim: usize,
    /// The row that gets no gradient.
    #[module(skip)]
    pub padding_idx: Option<i64>,
    /// The greatest length of a row.
    #[module(skip)]
    pub max_norm: Option<f64>,
    /// The norm that `max_norm` means.
    pub norm_type: f64,
    /// Whether a row's gradient is divided by the number of its uses.
    pub scale_grad_by_freq: bool,
    /// Accepted for PyTorch's sake.
    pub sparse: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What an [`Embedding`] is to be.
    EmbeddingOptions for Embedding(num_embeddings: usize, embedding_dim: usize) {
        /// The row that gets no gradient (none); negative numbers count from the end.
        padding_idx: Option<i64> as impl Into<Option<i64>> = None,
        /// The greatest length of a row (any).
        max_norm: Option<f64> as impl Into<Option<f64>> = None,
        /// The norm that `max_norm` means (2).
        norm_type: f64 = 2.0,
        /// Whether a row's gradient is divided by the number of its uses (it is not).
        scale_grad_by_freq: bool = false,
        /// Accepted for PyTorch's sake.
        sparse: bool = false,
    }
}

impl Embedding {
    fn from_options(o: EmbeddingOptions) -> Result<Embedding> {
        let layer = Embedding {
            weight: o.factory.param(&[o.num_embeddings, o.embedding_dim])?,
            num_embeddings: o.num_embeddings,
            embedding_dim: o.embedding_dim,
            padding_idx: padding_row(o.padding_idx, o.num_embeddings)?,
            max_norm: o.max_norm,
            norm_type: o.norm_type,
            scale_grad_by_freq: o.scale_grad_by_freq,
            sparse: o.sparse,
            base: Base::new(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    /// Draws the table anew.
    pub fn reset_parameters(&self) -> Result<()> {
        fill(&self.weight, self.padding_idx)
    }

    /// A layer around a table that exists; `freeze` leaves it out of training.
    pub fn from_pretrained(table: Tensor, freeze: bool) -> Result<Embedding> {
        ensure!(
            table.dim() == 2,
            Value,
            "Embeddings parameter is expected to be 2-dimensional"
        );
        Ok(Embedding {
            num_embeddings: table.shape()[0],
            embedding_dim: table.shape()[1],
            weight: Param::try_new(table, !freeze)?,
            padding_idx: None,
            max_norm: None,
            norm_type: 2.0,
            scale_grad_by_freq: false,
            sparse: false,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        let mut s = format!("{}, {}", self.num_embeddings, self.embedding_dim);
        if let Some(p) = self.padding_idx {
            s += &format!(", padding_idx={p}");
        }
        if let Some(m) = self.max_norm {
            s += &format!(", max_norm={}", float(m));
        }
        if self.norm_type != 2.0 {
            s += &format!(", norm_type={}", float(self.norm_type));
        }
        if self.scale_grad_by_freq {
            s += ", scale_grad_by_freq=True";
        }
        if self.sparse {
            s += ", sparse=True";
        }
        s
    }
}

impl Layer for Embedding {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        if let Some(m) = self.max_norm {
            rows::embedding_renorm_(&self.weight.detach(), input, m, self.norm_type)?;
        }
        let padding = self.padding_idx.unwrap_or(-1);
        rows::embedding(&self.weight, input, padding, self.scale_grad_by_freq, self.sparse)
    }
}

/// What a bag's rows become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BagMode {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// Their elementwise maximum.
    Max,
}

impl BagMode {
    /// PyTorch's word for it.
    pub fn name(self) -> &'static str {
        match self {
            BagMode::Sum => "sum",
            BagMode::Mean => "mean",
            BagMode::Max => "max",
        }
    }
}

/// Sums, means or maxima of bags of table rows, `y[b] = reduce over i in bag b of E[x[i]]`.
///
/// * **Shapes**: `x: (B, N)` for bags of one size, or `(M)` with `offsets: (B)`, the beginnings of the bags;
///   `y: (B, embedding_dim)`. **Parameters**: `num_embeddings · embedding_dim`.
/// * **How it works**: as an [`Embedding`] and a reduction, without the rows in between. An empty bag gives zeros; indices equal
///   to `padding_idx` are left out.
/// * **Initial values**: standard normal.
/// * **When to use it**: for texts as bags of words, and for features that hold several categories.
/// * **Limits**: order is lost.
/// * **Where used**: fastText, DLRM.
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct EmbeddingBag {
    /// `(num_embeddings, embedding_dim)`: the table.
    pub weight: Param,
    /// Rows of the table.
    pub num_embeddings: usize,
    /// Length of a row.
    pub embedding_dim: usize,
    /// The greatest length of a row.
    #[module(skip)]
    pub max_norm: Option<f64>,
    /// The norm that `max_norm` means.
    pub norm_type: f64,
    /// Whether a row's gradient is divided by the number of its uses.
    pub scale_grad_by_freq: bool,
    /// What a bag's rows become.
    #[module(skip)]
    pub mode: BagMode,
    /// Accepted for PyTorch's sake.
    pub sparse: bool,
    /// Whether the last offset is the end of the last bag.
    pub include_last_offset: bool,
    /// The row that is left out.
    #[module(skip)]
    pub padding_idx: Option<i64>,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What an [`EmbeddingBag`] is to be.
    EmbeddingBagOptions for EmbeddingBag(num_embeddings: usize, embedding_dim: usize) {
        /// The greatest length of a row (any).
        max_norm: Option<f64> as impl Into<Option<f64>> = None,
        /// The norm that `max_norm` means (2).
        norm_type: f64 = 2.0,
        /// Whether a row's gradient is divided by the number of its uses (it is not).
        scale_grad_by_freq: bool = false,
        /// What a bag's rows become (their mean).
        mode: BagMode = BagMode::Mean,
        /// Accepted for PyTorch's sake.
        sparse: bool = false,
        /// Whether the last offset is the end of the last bag (it is the beginning of one).
        include_last_offset: bool = false,
        /// The row that is left out (none); negative numbers count from the end.
        padding_idx: Option<i64> as impl Into<Option<i64>> = None,
    }
}

impl EmbeddingBag {
    fn from_options(o: EmbeddingBagOptions) -> Result<EmbeddingBag> {
        let layer = EmbeddingBag {
            weight: o.factory.param(&[o.num_embeddings, o.embedding_dim])?,
            num_embeddings: o.num_embeddings,
            embedding_dim: o.embedding_dim,
            max_norm: o.max_norm,
            norm_type: o.norm_type,
            scale_grad_by_freq: o.scale_grad_by_freq,
            mode: o.mode,
            sparse: o.sparse,
            include_last_offset: o.include_last_offset,
            padding_idx: padding_row(o.padding_idx, o.num_embeddings)?,
            base: Base::new(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    /// Draws the table anew.
    pub fn reset_parameters(&self) -> Result<()> {
        fill(&self.weight, self.padding_idx)
    }

    /// The bags' rows; throws.
    #[track_caller]
    pub fn forward(&self, input: &Tensor, offsets: Option<&Tensor>, per_sample_weights: Option<&Tensor>) -> Tensor {
        self.try_forward(input, offsets, per_sample_weights).or_throw()
    }

    /// The bags' rows.
    pub fn try_forward(
        &self,
        input: &Tensor,
        offsets: Option<&Tensor>,
        per_sample_weights: Option<&Tensor>,
    ) -> Result<Tensor> {
        let inputs: Vec<&Tensor> = [Some(input), offsets, per_sample_weights]
            .into_iter()
            .flatten()
            .collect();
        call(self, &inputs, |x| {
            let mut rest = x.iter().copied().skip(1);
            let offsets = offsets.and_then(|_| rest.next());
            self.reduced(x[0], offsets, per_sample_weights.and_then(|_| rest.next()))
        })
    }

    fn reduced(&self, input: &Tensor, offsets: Option<&Tensor>, weights: Option<&Tensor>) -> Result<Tensor> {
        if let Some(w) = weights {
            ensure!(
                w.shape() == input.shape(),
                Value,
                "embedding_bag: If per_sample_weights (torch.Size({:?})) is not None, then it must have the same shape as the input (torch.Size({:?}))",
                w.shape(),
                input.shape()
            );
        }
        let (names, offsets, last) = match (input.dim(), offsets) {
            (2, None) => {
                let step = input.shape()[1].max(1) as i64;
                let begins = Tensor::arange_step(0i64, input.numel() as i64, step);
                (input.reshape(&[-1]), begins, false)
            }
            (2, Some(_)) => bail!(
                Value,
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found offsets of type <class 'torch.Tensor'>"
            ),
            (1, Some(o)) => {
                ensure!(o.dim() == 1, Value, "offsets has to be a 1D Tensor");
                (input.clone(), o.clone(), self.include_last_offset)
            }
            (1, None) => bail!(Value, "offsets has to be a 1D Tensor but got None"),
            (n, _) => bail!(
                Value,
                "input has to be 1D or 2D Tensor, but got Tensor of dimension {n}"
            ),
        };
        let flat = weights.map(|w| w.reshape(&[-1]));
        if let Some(m) = self.max_norm {
            rows::embedding_renorm_(&self.weight.detach(), &names, m, self.norm_type)?;
        }
        if flat.is_some() && self.mode != BagMode::Sum {
            bail!(
                NotImplemented,
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{}'). Please open a feature request on GitHub.",
                self.mode.name()
            );
        }
        let mode = match self.mode {
            BagMode::Sum => 0,
            BagMode::Mean => 1,
            BagMode::Max => 2,
        };
        let (by_frequency, sparse) = (self.scale_grad_by_freq, self.sparse);
        let all = bags::embedding_bag_padding(
            &self.weight,
            &names,
            &offsets,
            by_frequency,
            mode,
            sparse,
            flat.as_ref(),
            last,
            self.padding_idx,
        )?;
        Ok(all.0)
    }

    fn extra_repr(&self) -> String {
        let mut s = format!("{}, {}", self.num_embeddings, self.embedding_dim);
        if let Some(m) = self.max_norm {
            s += &format!(", max_norm={}", float(m));
        }
        if self.norm_type != 2.0 {
            s += &format!(", norm_type={}", float(self.norm_type));
        }
        if self.scale_grad_by_freq {
            s += ", scale_grad_by_freq=True";
        }
        s += &format!(", mode='{}'", self.mode.name());
        if let Some(p) = self.padding_idx {
            s += &format!(", padding_idx={p}");
        }
        s
    }
}
