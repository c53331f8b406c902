//! The models that can be trained, by name.

use super::config::Config;
use super::data::{About, Shape};
use duoc::models::{Gpt, LeNet, LstmLanguageModel, Mlp, ResNet};
use duoc::nn::Module;
use duoc::train::Net;
use duoc::{Result, Tensor, bail};

/// Images from this side on are pooled before the first stage of a ResNet.
const LARGE: usize = 64;

/// A recurrent model in the role of one that gives scores: every window begins with an empty state.
struct Recurrent(LstmLanguageModel);

impl Net for Recurrent {
    fn module(&self) -> &dyn Module {
        &self.0
    }
    fn module_mut(&mut self) -> &mut dyn Module {
        &mut self.0
    }
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.0.try_forward(x, None)?.0)
    }
}

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
        ("lstm", Shape::Tokens) => Ok(Box::new(Recurrent(
            LstmLanguageModel::options(outputs)
                .embedding(size(c.hidden).div_ceil(2))
                .hidden(size(c.hidden))
                .layers(size(c.layers))
                .dropout(c.dropout)
                .try_build()?,
        ))),
        (
            "lenet",
            Shape::Image {
                channels,
                rows,
                columns,
            },
        ) => {
            if rows != columns {
                bail!(Value, "lenet is for square images, not {rows}x{columns}");
            }
            Ok(Box::new(
                LeNet::options(*rows, outputs).channels(*channels).try_build()?,
            ))
        }
        (
            "resnet",
            Shape::Image {
                channels,
                rows,
                columns,
            },
        ) => Ok(Box::new(
            ResNet::options([size(c.layers); 4])
                .width(size(c.hidden))
                .classes(outputs)
                .channels(*channels)
                .small_images((*rows).max(*columns) < LARGE)
                .try_build()?,
        )),
        (name, _) => bail!(Value, "{name} is not for this data"),
    }
}
