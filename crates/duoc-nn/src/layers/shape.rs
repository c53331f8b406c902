//! Layers that change no number: the identity, and other shapes of the same elements.

use crate::{Base, Layer, Module};
use duoc_core::{Result, Tensor, ops};

/// Gives its input back, `y = x`.
///
/// * **Shapes**: any, the same. **Parameters**: none.
/// * **When to use it**: in the place of a layer that a model can do without (a head that was taken off, a shortcut without a
///   projection).
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Identity, Layer};
/// let x = Tensor::ones(&[2]);
/// assert!(Identity::new().forward(&x).is_same(&x));
/// ```
#[derive(Clone, Debug, Default, Module)]
pub struct Identity {
    /// Identity of the module, training flag, hooks.
    pub base: Base,
}

impl Identity {
    /// The identity.
    pub fn new() -> Identity {
        Identity::default()
    }
}

impl Layer for Identity {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.clone())
    }
}

/// Makes one dimension of the dimensions from `start_dim` to `end_dim`.
///
/// * **Shapes**: `(n, c, h, w)` becomes `(n, c·h·w)` with the defaults, which keep the batch. **Parameters**: none.
/// * **When to use it**: between convolutions and fully connected layers.
/// * **Limits**: the layer behind it is tied to one size of image; global pooling is not.
/// * **Where used**: LeNet, AlexNet, VGG.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Flatten, Layer};
/// assert_eq!(Flatten::new().forward(&Tensor::ones(&[32, 1, 5, 5])).shape(), [32, 25]);
/// assert_eq!(Flatten::options().start_dim(0).end_dim(2).build().forward(&Tensor::ones(&[32, 1, 5, 5])).shape(), [160, 5]);
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Flatten {
    /// The first dimension that is merged.
    pub start_dim: i64,
    /// The last dimension that is merged.
    pub end_dim: i64,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`Flatten`] is to be.
    FlattenOptions for Flatten() {
        /// The first dimension that is merged (1).
        start_dim: i64 = 1,
        /// The last dimension that is merged (-1).
        end_dim: i64 = -1,
    }
}

impl Flatten {
    fn from_options(o: FlattenOptions) -> Result<Flatten> {
        Ok(Flatten {
            start_dim: o.start_dim,
            end_dim: o.end_dim,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        format!("start_dim={}, end_dim={}", self.start_dim, self.end_dim)
    }
}

impl Layer for Flatten {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        ops::dims::flatten(input, self.start_dim, self.end_dim)
    }
}

/// Makes several dimensions of one: the reverse of [`Flatten`].
///
/// * **Shapes**: dimension `dim` of size `d` becomes dimensions of the sizes `unflattened_size`, whose product is `d`; one of
///   them may be -1. **Parameters**: none.
/// * **Where used**: from a vector back to an image, in decoders and generators.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, Unflatten};
/// assert_eq!(Unflatten::new(1, vec![2, 5, 5]).forward(&Tensor::ones(&[2, 50])).shape(), [2, 2, 5, 5]);
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Unflatten {
    /// The dimension that is split.
    pub dim: i64,
    /// The sizes it is split into.
    pub unflattened_size: Vec<i64>,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What an [`Unflatten`] is to be.
    UnflattenOptions for Unflatten(dim: i64, unflattened_size: Vec<i64> as impl Into<Vec<i64>>) {}
}

impl Unflatten {
    fn from_options(o: UnflattenOptions) -> Result<Unflatten> {
        Ok(Unflatten {
            dim: o.dim,
            unflattened_size: o.unflattened_size,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        let sizes: Vec<String> = self.unflattened_size.iter().map(ToString::to_string).collect();
        let comma = if sizes.len() == 1 { "," } else { "" };
        format!("dim={}, unflattened_size=({}{comma})", self.dim, sizes.join(", "))
    }
}

impl Layer for Unflatten {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        ops::dims::unflatten(input, self.dim, &self.unflattened_size)
    }
}
