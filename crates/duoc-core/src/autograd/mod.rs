//! Reverse-mode differentiation on the tensor itself.
//!
//! * [`record`]: the only door to the graph: `record`, `record_inplace`, `view`.
//! * [`node`]: a recorded operation, its saved tensors and its edges.
//! * [`meta`]: what a tensor knows about autograd: gradient, edge into the graph, hooks, view base.
//! * [`engine`]: runs a graph backwards.
//! * [`mode`]: `no_grad`, `enable_grad`, `inference_mode`, anomaly detection.
//! * [`reference`]: gradients of a fused operation through its formula in plain ops.
//! * [`gradcheck`]: compares analytical with numerical gradients.

pub(crate) mod edge;
pub mod engine;
pub mod function;
pub mod gradcheck;
pub mod meta;
pub mod mode;
pub mod node;
pub mod record;
pub(crate) mod reference;
pub mod view;

pub use engine::{backward, grad};
pub use function::Function;
pub use gradcheck::{GradCheck, gradcheck, gradgradcheck};
pub use meta::HookHandle;
pub use mode::{
    detect_anomaly, enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled,
};
pub use node::{Ctx, Grads, Saved};
