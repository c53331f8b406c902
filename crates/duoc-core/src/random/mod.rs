//! Random numbers: generators and the default one.

use std::sync::Arc;

/// A random number generator.
#[derive(Clone, Debug)]
pub struct Generator(Arc<()>);
