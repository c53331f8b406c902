//! Architectures of the course and of the field, with the parameter names of their reference implementations, so that published
//! weights load.
//!
//! | model | names as in |
//! | --- | --- |
//! | [`Mlp`] | the course |
//! | [`Gpt`] | GPT-2 as published |
//! | [`Llama`] | LLaMA as published |
//! | [`Bert`] | BERT as published, and the sentence encoders built on it |
//!
//! Every model is made like a layer: `Mlp::new([784, 256, 10])`, `Gpt::options(65, 256).layers(6).heads(6).width(384).build()`.

#![forbid(unsafe_code)]

pub mod bert;
pub mod gpt;
pub mod llama;
mod mlp;
mod parts;

pub use bert::{Bert, BertOptions};
pub use gpt::{Gpt, GptOptions, gpt2};
pub use llama::{Llama, LlamaOptions};
pub use mlp::{Mlp, MlpOptions};
