//! The integration tests of duoc-core, one binary.
//!
//! What every op inherits from its golden cases: [`forward`], [`gradients`], [`forms`], [`promotion`], [`threads`].

mod autograd;
mod dtypes;
mod factory;
mod forms;
mod forward;
mod fuzz;
mod golden;
mod gradients;
mod indexing;
mod layout;
mod matmul;
mod printing;
mod promotion;
mod random;
mod storage;
mod threads;
