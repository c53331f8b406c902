//! Training runs: what is saved of them, what is measured in them, and how that is shown.
//!
//! * [`Checkpoint`]: model, optimiser, schedule and random state in one `.pt` file; a run goes on from it bit for bit.
//! * [`fit`]: the loop of a run, which a kill does not hurt.
//! * [`Metrics`]: a CSV file, TensorBoard events ([`events`]) and SVG curves ([`curve`]).

#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod curve;
pub mod events;
pub mod fit;
pub mod metrics;

pub use checkpoint::{Checkpoint, optimizer_object, optimizer_state};
pub use fit::{Batches, Goal, Net, Run, Watch};
pub use metrics::{Measure, Metrics};
