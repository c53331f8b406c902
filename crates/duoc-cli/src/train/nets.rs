//! The models that can be trained, by name.

use super::config::Config;
use super::data::{About, Shape};
use duoc::models::{Gpt, Mlp};
use duoc::train::Net;
use duoc::{Result, bail};

/// The model of a run, freshly initialised.
pub fn build(c: &Config, about: &About) -> Result<Box<dyn Net>> {
    let size = |n: i64| usize::try_from(n).unwrap_or(1);
    let outputs = about.outputs();
    match (c.model.as_str(), &about.shape) {
        ("mlp", shape) => {
            let inputs = match shape {
                Shape::Image {
                    channels,
                    rows,
                    columns,
                } => channels * rows * columns,
                Shape::Features(n) => *n,
                Shape::Tokens => bail!(Value, "mlp is not for text"),
            };
            let mut sizes = vec![inputs];
            sizes.extend(std::iter::repeat_n(size(c.hidden), size(c.layers)));
            sizes.push(outputs);
            Ok(Box::new(Mlp::options(sizes).dropout(c.dropout).try_build()?))
        }
        ("gpt", Shape::Tokens) => Ok(Box::new(
            Gpt::options(outputs, size(c.context))
                .layers(size(c.layers))
                .heads(size(c.heads))
                .width(size(c.hidden))
                .dropout(c.dropout)
                .try_build()?,
        )),
        (name, _) => bail!(Value, "{name} is not for this data"),
    }
}
