//! Architectures of the course and of the field, with the parameter names of their reference implementations, so that published
//! weights load.
//!
//! | model | names as in |
//! | --- | --- |
//! | [`Mlp`], [`LeNet`], [`Nin`], [`TextCnn`] | the course |
//! | [`AlexNet`], [`Vgg`], [`ResNet`], [`VisionTransformer`] | torchvision |
//! | [`Gpt`] | GPT-2 as published |
//! | [`Llama`] | LLaMA as published |
//! | [`Bert`] | BERT as published, and the sentence encoders built on it |
//! | [`LstmLanguageModel`], [`Seq2Seq`] | PyTorch's word language model and translation tutorial |
//! | [`UNet`] | the widely used PyTorch implementation |
//! | [`PNet`], [`RNet`], [`ONet`] | facenet-pytorch's MTCNN |
//! | [`Crepe`], [`VoiceEncoder`] | torchcrepe, resemblyzer |
//!
//! Every model is made like a layer: `LeNet::new(28, 10)`, `ResNet::options([2, 2, 2, 2]).classes(10).build()`.

#![forbid(unsafe_code)]

pub mod bert;
mod crepe;
pub mod gpt;
mod language;
mod lenet;
pub mod llama;
mod mlp;
pub mod mtcnn;
mod parts;
pub mod resnet;
mod text_cnn;
pub mod translation;
pub mod unet;
pub mod vgg;
pub mod vit;
mod voice;

pub use bert::{Bert, BertOptions};
pub use crepe::{Crepe, CrepeOptions};
pub use gpt::{Gpt, GptOptions, gpt2};
pub use language::{LstmLanguageModel, LstmLanguageModelOptions};
pub use lenet::{LeNet, LeNetOptions};
pub use llama::{Llama, LlamaOptions};
pub use mlp::{Mlp, MlpOptions};
pub use mtcnn::{ONet, PNet, RNet};
pub use resnet::{ResNet, ResNetOptions, resnet18, resnet34, resnet50, resnet101, resnet152};
pub use text_cnn::{TextCnn, TextCnnOptions};
pub use translation::{Seq2Seq, Seq2SeqOptions};
pub use unet::{UNet, UNetOptions};
pub use vgg::{AlexNet, AlexNetOptions, Nin, NinOptions, Vgg, VggOptions, vgg11, vgg13, vgg16, vgg19};
pub use vit::{VisionTransformer, VisionTransformerOptions};
pub use voice::{VoiceEncoder, VoiceEncoderOptions};
