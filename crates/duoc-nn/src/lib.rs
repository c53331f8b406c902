//! Neural networks: modules, layers, their initialisation, with PyTorch's names, shapes, order and numbers.
//!
//! ```
//! use duoc_core::{Result, Tensor};
//! use duoc_nn::{Layer, Linear, Module};
//!
//! #[derive(Module)]
//! struct Mlp {
//!     fc1: Linear,
//!     fc2: Linear,
//! }
//!
//! impl Layer for Mlp {
//!     fn run(&self, x: &Tensor) -> Result<Tensor> {
//!         Ok(self.fc2.forward(&self.fc1.forward(x).relu()))
//!     }
//! }
//!
//! let net = Mlp { fc1: Linear::new(4, 8), fc2: Linear::new(8, 2) };
//! assert_eq!(net.forward(&Tensor::randn(&[5, 4])).shape(), [5, 2]);
//! assert_eq!(net.num_parameters(), 4 * 8 + 8 + 8 * 2 + 2);
//! assert_eq!(net.state_dict().keys().collect::<Vec<_>>(), ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]);
//! let e = net.try_forward(&Tensor::randn(&[5, 3])).unwrap_err();
//! assert!(e.message().starts_with("fc1: Linear(in_features=4, out_features=8, bias=True), given [5, 3]: "));
//! ```
//!
//! * [`Module`] is what has parameters: it is derived, and its methods need nothing else ([`module`]).
//! * [`Layer`] is a module that makes one tensor of one tensor; every call goes through [`call()`] ([`call`](mod@call)).
//! * [`Param`] and [`Buffer`] are the tensors of a module ([`param`]).
//! * [`loss`] has the losses, [`optim`] the optimisers and learning-rate schedules.
//! * [`init`] fills parameters, bit for bit as PyTorch does.

#![forbid(unsafe_code)]

// The derive names this crate from outside.
extern crate self as duoc_nn;

#[macro_use]
mod options;

pub mod base;
pub mod call;
pub mod checkpoint;
pub mod clip;
pub mod guard;
pub mod init;
pub mod layers;
pub mod loss;
pub mod module;
mod operators;
pub mod optim;
pub mod param;
pub mod parametrize;
mod repr;
pub mod sequence;
pub mod state;
pub mod summary;
mod tree;
pub mod vector;

pub use base::{Base, RemovableHandle};
pub use call::{Layer, Observer, Outputs, call, observe};
pub use checkpoint::{checkpoint, checkpoint_layer};
pub use clip::{clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm};
pub use duoc_nn_derive::Module;
pub use guard::nan_guard;
pub use layers::*;
pub use loss::*;
pub use module::{Field, FieldMut, Module, ModuleId, Part, Placement, deep_copy};
pub use options::Factory;
pub use param::{Buffer, Param};
pub use sequence::PackedSequence;
pub use state::{LoadReport, StateDict};
pub use summary::{Summary, summarize, summarize_module};
pub use vector::{parameters_to_vector, vector_to_parameters};

/// How Python writes a truth value, for `extra_repr`.
pub(crate) fn python_bool(b: bool) -> &'static str {
    if b { "True" } else { "False" }
}
