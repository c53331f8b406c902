//! The layers, one family a file.

mod containers;
mod linear;

pub use containers::{ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential};
pub use linear::{Linear, LinearOptions};
