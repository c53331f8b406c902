//! Distances and angles between vectors.

use crate::{Base, Module, call};
use duoc_core::ops::distance;
use duoc_core::{OrThrow, Result, Tensor};

/// The cosine of the angle between vectors, `x1·x2 / (max(|x1|, ε)·max(|x2|, ε))` along `dim`.
///
/// * **Shapes**: two tensors that broadcast; the result lacks dimension `dim`. **Parameters**: none.
/// * **When to use it**: to compare embeddings, whose length says little.
/// * **Limits**: vectors near zero have no direction.
/// * **Where used**: retrieval, contrastive learning (SimCLR, CLIP), sentence embeddings.
#[derive(Clone, Debug, Module)]
pub struct CosineSimilarity {
    /// The dimension of the vectors.
    pub dim: i64,
    /// The least length.
    pub eps: f64,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`CosineSimilarity`] is to be.
    CosineSimilarityOptions for CosineSimilarity() {
        /// The dimension of the vectors (1).
        dim: i64 = 1,
        /// The least length (1e-8).
        eps: f64 = 1e-8,
    }
}

impl CosineSimilarity {
    fn from_options(o: CosineSimilarityOptions) -> Result<CosineSimilarity> {
        Ok(CosineSimilarity {
            dim: o.dim,
            eps: o.eps,
            base: Base::new(),
        })
    }

    /// The cosines; throws.
    #[track_caller]
    pub fn forward(&self, x1: &Tensor, x2: &Tensor) -> Tensor {
        self.try_forward(x1, x2).or_throw()
    }

    /// The cosines.
    pub fn try_forward(&self, x1: &Tensor, x2: &Tensor) -> Result<Tensor> {
        call(self, &[x1, x2], |x| {
            distance::cosine_similarity(x[0], x[1], self.dim, self.eps)
        })
    }
}

/// The distance of vectors, `|x1 - x2 + ε|_p` along the last dimension.
///
/// * **Shapes**: `(N, D)` or `(D)`, two that broadcast; the result is `(N)` (`(N, 1)` with `keepdim`). **Parameters**: none.
/// * **When to use it**: inside triplet and contrastive losses. For every pair of two sets, `cdist`.
/// * **Where used**: siamese networks, FaceNet.
#[derive(Clone, Debug, Module)]
pub struct PairwiseDistance {
    /// The norm.
    pub norm: f64,
    /// Keeps the slope finite where the vectors are equal.
    pub eps: f64,
    /// Whether the last dimension stays, of size 1.
    pub keepdim: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`PairwiseDistance`] is to be.
    PairwiseDistanceOptions for PairwiseDistance() {
        /// The norm (2).
        p: f64 = 2.0,
        /// Keeps the slope finite where the vectors are equal (1e-6).
        eps: f64 = 1e-6,
        /// Whether the last dimension stays, of size 1 (it does not).
        keepdim: bool = false,
    }
}

impl PairwiseDistance {
    fn from_options(o: PairwiseDistanceOptions) -> Result<PairwiseDistance> {
        Ok(PairwiseDistance {
            norm: o.p,
            eps: o.eps,
            keepdim: o.keepdim,
            base: Base::new(),
        })
    }

    /// The distances; throws.
    #[track_caller]
    pub fn forward(&self, x1: &Tensor, x2: &Tensor) -> Tensor {
        self.try_forward(x1, x2).or_throw()
    }

    /// The distances.
    pub fn try_forward(&self, x1: &Tensor, x2: &Tensor) -> Result<Tensor> {
        call(self, &[x1, x2], |x| {
            distance::pairwise_distance(x[0], x[1], self.norm, self.eps, self.keepdim)
        })
    }
}
