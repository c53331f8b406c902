//! Optimisers: what changes parameters along their gradients.
//!
//! Each algorithm is a plain struct of its settings with PyTorch's names and defaults; [`Algorithm::build`] puts it over
//! parameters:
//!
//! ```
//! use duoc_core::Tensor;
//! use duoc_nn::optim::{Algorithm, SGD};
//! use duoc_nn::Param;
//! let w = Param::new(Tensor::full(&[2], 3.0));
//! let mut optimizer = SGD::new(0.1).momentum(0.9).build([w.clone()])?;
//! for _ in 0..100 {
//!     optimizer.zero_grad();
//!     (&*w * &*w).sum().backward()?;
//!     optimizer.step()?;
//! }
//! assert!(w.abs().max().item().to_f64() < 0.1);
//! # Ok::<(), duoc_core::Error>(())
//! ```
//!
//! A step computes every parameter's update in one fused kernel call. Settings live in the groups, by name, so that
//! schedules and files can change them.

mod adafactor;
mod adam;
mod adaptive;
mod average;
mod fused;
mod groups;
mod lbfgs;
pub mod lr_scheduler;
mod muon;
mod optimizer;
mod sgd;
mod state;
mod value;

pub use adafactor::Adafactor;
pub use adam::{Adam, AdamW, Adamax, NAdam, RAdam};
pub use adaptive::{ASGD, Adadelta, Adagrad, RMSprop, Rprop};
pub use average::{AveragedModel, Averaging};
pub use groups::{Group, Groups};
pub use lbfgs::LBFGS;
pub use muon::Muon;
pub use optimizer::{Algorithm, Closure, Optimizer, by_name};
pub use sgd::SGD;
pub use state::{GroupState, OptimizerState, States};
pub use value::{Entries, Value};

/// Declares an algorithm: its settings with defaults, a setter for each, and `new(lr)`.
///
/// The names in `fixed` are settings of PyTorch's that choose between implementations of one formula. They are kept so
/// that files go both ways, and change nothing here. Those in `whole` are written as integers where they are whole, as
/// PyTorch's defaults are.
macro_rules! algorithm {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$field_doc:meta])* $field:ident : $ty:ty = $default:expr,)+ }
        fixed [$($fixed:literal = $value:expr),*]
        whole [$($whole:literal),*]
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)+
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $($field: $default,)+ }
            }
        }

        impl $name {
            /// The default settings with a learning rate.
            pub fn new(lr: f64) -> $name {
                $name { lr, ..$name::default() }
            }

            $($(#[$field_doc])*
            pub fn $field(mut self, $field: $ty) -> $name {
                self.$field = $field;
                self
            })+

            fn entries(&self) -> $crate::optim::Entries {
                let mut e = $crate::optim::Entries::new();
                $(e.set(stringify!($field), self.$field.clone());)+
                $(e.set($fixed, $value);)*
                for (name, v) in e.iter_mut() {
                    let whole: &[&str] = &[$($whole),*];
                    match v {
                        $crate::optim::Value::Float(x) if x.fract() == 0.0 && whole.contains(&name) => {
                            *v = $crate::optim::Value::Int(*x as i64);
                        }
                        _ => {}
                    }
                }
                e
            }
        }
    };
}
use algorithm;
