//! The layers, one family a file.

mod activation;
mod adaptive_pool;
mod attention;
mod batch_norm;
mod bilinear;
mod containers;
mod conv;
mod conv_transpose;
mod distance;
mod dropout;
mod embedding;
mod fold;
mod linear;
mod norm;
mod padding;
mod pool;
mod position;
mod recurrent;
mod shape;
mod sizes;
mod transformer;
mod unpool;
mod upsample;

pub use activation::*;
pub use adaptive_pool::*;
pub use attention::{
    AttentionCall, MultiheadAttention, MultiheadAttentionOptions, NonDynamicallyQuantizableLinear, SelfAttention,
    SelfAttentionOptions,
};
pub use batch_norm::*;
pub use bilinear::{Bilinear, BilinearOptions};
pub use containers::{ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential};
pub use conv::{Conv1d, Conv1dOptions, Conv2d, Conv2dOptions, Conv3d, Conv3dOptions, ConvPadding, PaddingMode};
pub use conv_transpose::*;
pub use distance::*;
pub use dropout::*;
pub use embedding::*;
pub use fold::*;
pub use linear::{Linear, LinearOptions};
pub use norm::*;
pub use padding::*;
pub use pool::*;
pub use position::*;
pub use recurrent::*;
pub use shape::{Flatten, FlattenOptions, Identity, Unflatten, UnflattenOptions};
pub use sizes::Sizes;
pub use transformer::*;
pub use unpool::*;
pub use upsample::*;
