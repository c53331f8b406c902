//! The vision transformer, with torchvision's parameter names.

use crate::parts::{gelu, layer_norm, linear};
use duoc_core::{Result, Tensor, ensure};
use duoc_nn::{
    AttentionCall, Base, Conv2d, Factory, Layer, LayerNorm, Linear, Module, MultiheadAttention, Param, Sequential,
    init, options,
};

/// The feed-forward part; its layers have the numbers of torchvision's `Sequential`.
#[derive(Clone, Debug, Module)]
pub struct Mlp {
    #[module(rename = "0")]
    wide: Linear,
    #[module(rename = "3")]
    narrow: Linear,
    dropout: f64,
    base: Base,
}

impl Layer for Mlp {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let on = self.base.training();
        let h = gelu(&self.wide.try_forward(x)?)?.dropout(self.dropout, on);
        Ok(self.narrow.try_forward(&h)?.dropout(self.dropout, on))
    }
}

/// One layer of the encoder.
#[derive(Clone, Debug, Module)]
pub struct Block {
    ln_1: LayerNorm,
    self_attention: MultiheadAttention,
    ln_2: LayerNorm,
    mlp: Mlp,
    dropout: f64,
    base: Base,
}

impl Layer for Block {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.ln_1.forward(x);
        let how = AttentionCall {
            need_weights: false,
            ..AttentionCall::default()
        };
        let (a, _) = self.self_attention.try_forward(&y, &y, &y, &how)?;
        let a = a.dropout(self.dropout, self.base.training());
        let x = &a + x;
        Ok(&x + &self.mlp.forward(&self.ln_2.forward(&x)))
    }
}

/// The encoder.
#[derive(Debug, Module)]
pub struct Encoder {
    pos_embedding: Param,
    layers: Sequential,
    ln: LayerNorm,
    dropout: f64,
    base: Base,
}

impl Layer for Encoder {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let x = (x + self.pos_embedding.tensor()).dropout(self.dropout, self.base.training());
        self.ln.try_forward(&self.layers.forward(&x))
    }
}

/// The vision transformer (Dosovitskiy et al., 2020): an image as a sentence of patches.
///
/// * **Shapes**: `(n, channels, image, image)` to `(n, classes)`; `image` is a multiple of `patch`.
/// * **Parameters**: torchvision's names (`encoder.layers.encoder_layer_0.self_attention.in_proj_weight`); 86,567,656 for ViT-B/16
///   with 1000 classes.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::VisionTransformer;
/// use duoc_nn::Layer;
/// let net = VisionTransformer::options(8, 4).layers(2).heads(2).width(16).mlp_width(32).channels(1).classes(10).build();
/// assert_eq!(net.forward(&Tensor::ones(&[3, 1, 8, 8])).shape(), [3, 10]);
/// ```
#[derive(Debug, Module)]
pub struct VisionTransformer {
    class_token: Param,
    conv_proj: Conv2d,
    encoder: Encoder,
    heads: Sequential,
    image: usize,
    base: Base,
}

options! {
    /// What a [`VisionTransformer`] is to be: the sides of the images and of the patches.
    VisionTransformerOptions for VisionTransformer(image: usize, patch: usize) {
        /// Number of layers (12).
        layers: usize = 12,
        /// Number of attention heads (12).
        heads: usize = 12,
        /// Number of features (768).
        width: usize = 768,
        /// Width of the feed-forward part (3072).
        mlp_width: usize = 3072,
        /// Number of classes (1000).
        classes: usize = 1000,
        /// Channels of the images (3).
        channels: usize = 3,
        /// The probability to drop in training (0).
        dropout: f64 = 0.0,
    }
}

fn block(o: &VisionTransformerOptions, f: Factory) -> Result<Block> {
    let d = o.width;
    let self_attention = MultiheadAttention::options(d, o.heads)
        .dropout(o.dropout)
        .batch_first(true)
        .factory(f)
        .try_build()?;
    let mlp = Mlp {
        wide: linear(d, o.mlp_width, f)?,
        narrow: linear(o.mlp_width, d, f)?,
        dropout: o.dropout,
        base: Base::new(),
    };
    for layer in [&mlp.wide, &mlp.narrow] {
        init::xavier_uniform_(&layer.weight, 1.0)?;
        if let Some(bias) = &layer.bias {
            init::normal_(bias, 0.0, 1e-6)?;
        }
    }
    Ok(Block {
        ln_1: layer_norm(d, 1e-6, f)?,
        self_attention,
        ln_2: layer_norm(d, 1e-6, f)?,
        mlp,
        dropout: o.dropout,
        base: Base::new(),
    })
}

impl VisionTransformer {
    fn from_options(o: VisionTransformerOptions) -> Result<VisionTransformer> {
        ensure!(
            o.patch > 0 && o.image.is_multiple_of(o.patch) && o.heads > 0 && o.width.is_multiple_of(o.heads),
            Value,
            "an image of {} is not a number of patches of {}, or a width of {} not of {} heads",
            o.image,
            o.patch,
            o.width,
            o.heads
        );
        let (d, f) = (o.width, o.factory);
        let side = o.image / o.patch;
        let conv_proj = Conv2d::options(o.channels, d, o.patch as i64)
            .stride(o.patch as i64)
            .factory(f)
            .try_build()?;
        let pos_embedding = f.param(&[1, side * side + 1, d])?;
        init::normal_(&pos_embedding, 0.0, 0.02)?;
        let mut layers = Sequential::new();
        for i in 0..o.layers {
            layers = layers.add_named(format!("encoder_layer_{i}"), block(&o, f)?);
        }
        let head = linear(d, o.classes, f)?;
        // Drawn last, as in the reference.
        let fan_in = (o.channels * o.patch * o.patch) as f64;
        init::trunc_normal_(&conv_proj.weight, 0.0, (1.0 / fan_in).sqrt(), -2.0, 2.0)?;
        if let Some(bias) = &conv_proj.bias {
            init::zeros_(bias)?;
        }
        init::zeros_(&head.weight)?;
        if let Some(bias) = &head.bias {
            init::zeros_(bias)?;
        }
        Ok(VisionTransformer {
            class_token: Param::try_new(f.zeros(&[1, 1, d])?, true)?,
            conv_proj,
            encoder: Encoder {
                pos_embedding,
                layers,
                ln: layer_norm(d, 1e-6, f)?,
                dropout: o.dropout,
                base: Base::new(),
            },
            heads: Sequential::new().add_named("head", head),
            image: o.image,
            base: Base::new(),
        })
    }
}

impl Layer for VisionTransformer {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        ensure!(
            input.dim() == 4 && input.shape()[2..] == [self.image; 2],
            Value,
            "Wrong image size! Expected {0} x {0} but got {1}",
            self.image,
            input.size()
        );
        let patches = self.conv_proj.forward(input).flatten(2, -1).transpose(1, 2);
        let n = patches.shape()[0] as i64;
        let class = self.class_token.expand(&[n, -1, -1]);
        let x = self.encoder.forward(&duoc_core::ops::join::cat(&[class, patches], 1)?);
        self.heads.try_forward(&x.select(1, 0))
    }
}
