//! What recurrent layers are made of: their parameters, and the checks of their arguments.

use crate::layers::sizes::float;
use crate::module::{Field, FieldMut, Part};
use crate::{Factory, Param, init, python_bool};
use duoc_core::{Result, Tensor, ensure, err, ops};

/// The parameters of all layers and directions, under PyTorch's names (`weight_ih_l0`, `bias_hh_l1_reverse`), which do
/// not know the field that holds them.
#[derive(Clone, Debug)]
pub struct Weights(Vec<(String, Param)>);

impl Part for Weights {
    fn visit_part<'a>(&'a self, _: &str, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (name, p) in &self.0 {
            f(name, Field::Param(p));
        }
    }
    fn visit_part_mut<'a>(&'a mut self, _: &str, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (name, p) in &mut self.0 {
            f(name, FieldMut::Param(p));
        }
    }
}

impl Weights {
    /// The parameter with a name such as `weight_hh_l0`.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, p)| p)
    }

    /// The parameters in PyTorch's order.
    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.iter().map(|(_, p)| p)
    }

    /// Draws all parameters anew: uniform in `±1/√hidden_size`.
    pub(super) fn draw(&self, hidden_size: usize) -> Result<()> {
        uniform(self.iter(), hidden_size)
    }

    /// As the ops take them: where there is one bias, a second one of zeros stands beside it.
    pub(super) fn flat(&self, s: &Settings) -> Result<Vec<Tensor>> {
        let mut all = Vec::with_capacity(self.0.len());
        for (name, p) in &self.0 {
            all.push(p.tensor().clone());
            if s.one_bias && name.starts_with("bias_ih") {
                all.push(ops::factory::zeros_like(&p.detach())?);
            }
        }
        Ok(all)
    }
}

/// Uniform in `±1/√hidden_size`, one after the other.
pub(super) fn uniform<'a>(all: impl Iterator<Item = &'a Param>, hidden_size: usize) -> Result<()> {
    let bound = if hidden_size > 0 {
        1.0 / (hidden_size as f64).sqrt()
    } else {
        0.0
    };
    all.into_iter().try_for_each(|p| init::uniform_(p, -bound, bound))
}

/// What the recurrent layers have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Features of the input.
    pub input_size: usize,
    /// Features of the state.
    pub hidden_size: usize,
    /// Layers, one on top of the other.
    pub num_layers: usize,
    /// Whether there are biases.
    pub bias: bool,
    /// Whether the gates have one bias instead of PyTorch's two, of which only the sum matters.
    pub one_bias: bool,
    /// Whether the batch is the first dimension.
    pub batch_first: bool,
    /// How likely an output of a layer that is not the last is zeroed in training.
    pub dropout: f64,
    /// Whether a second network reads the sequence from its end.
    pub bidirectional: bool,
    /// Features that the state is projected to (0: none).
    pub proj_size: usize,
}

impl Settings {
    /// Features of what goes on to the next step and layer.
    pub(super) fn real_hidden(&self) -> usize {
        if self.proj_size > 0 {
            self.proj_size
        } else {
            self.hidden_size
        }
    }

    pub(super) fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            (0.0..=1.0).contains(&self.dropout),
            Value,
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed: {}",
            self.dropout
        );
        for (name, n) in [
            ("input_size", self.input_size),
            ("hidden_size", self.hidden_size),
            ("num_layers", self.num_layers),
        ] {
            ensure!(n > 0, Value, "{name} must be greater than zero");
        }
        ensure!(
            self.proj_size < self.hidden_size,
            Value,
            "proj_size has to be smaller than hidden_size: {} and {}",
            self.proj_size,
            self.hidden_size
        );
        Ok(())
    }

    /// Refuses a network whose parameters, all of its layers together, do not fit into the memory that is free: layer by layer
    /// each would be allowed, until the machine has none left.
    fn check_memory(&self, rows: usize, factory: Factory) -> Result<()> {
        /// What a parameter needs beside its elements, about: the tensor, its storage, its name.
        const EACH: u128 = 512;
        let [rows, input, hidden, state, directions, layers] = [
            rows,
            self.input_size,
            self.hidden_size,
            self.real_hidden(),
            self.directions(),
            self.num_layers,
        ]
        .map(|n| n as u128);
        let size = factory.dtype.unwrap_or(duoc_core::default_dtype()).size() as u128;
        let deep = state.saturating_mul(directions);
        let inputs = input.saturating_add(deep.saturating_mul(layers - 1));
        let per_layer =
            rows.saturating_mul(state + 2 * u128::from(self.bias)) + u128::from(self.proj_size > 0) * state * hidden;
        let elements = per_layer
            .saturating_mul(layers)
            .saturating_add(rows.saturating_mul(inputs));
        let tensors = layers * (2 + 2 * u128::from(self.bias) + u128::from(self.proj_size > 0));
        let bytes = (elements
            .saturating_mul(size)
            .saturating_add(tensors.saturating_mul(EACH)))
        .saturating_mul(directions);
        if let Some(free) = duoc_core::sys::available_memory() {
            ensure!(
                bytes <= free as u128,
                OutOfMemory,
                "a recurrent network of {} layers has {} parameters of about {bytes} bytes together, and {free} bytes are free",
                self.num_layers,
                tensors.saturating_mul(directions)
            );
        }
        Ok(())
    }

    /// The parameters of a network with so many gates.
    pub(super) fn weights(&self, gates: usize, factory: Factory) -> Result<Weights> {
        self.check()?;
        let rows = (gates.checked_mul(self.hidden_size))
            .ok_or_else(|| err!(Runtime, "hidden_size {} is too large", self.hidden_size))?;
        self.check_memory(rows, factory)?;
        let mut all = Vec::new();
        for layer in 0..self.num_layers {
            let columns = match layer {
                0 => self.input_size,
                _ => self.real_hidden() * self.directions(),
            };
            for direction in 0..self.directions() {
                let suffix = format!("l{layer}{}", if direction == 1 { "_reverse" } else { "" });
                let mut add = |name: &str, shape: &[usize]| -> Result<()> {
                    all.push((format!("{name}_{suffix}"), factory.param(shape)?));
                    Ok(())
                };
                add("weight_ih", &[rows, columns])?;
                add("weight_hh", &[rows, self.real_hidden()])?;
                if self.bias {
                    add("bias_ih", &[rows])?;
                    if !self.one_bias {
                        add("bias_hh", &[rows])?;
                    }
                }
                if self.proj_size > 0 {
                    add("weight_hr", &[self.proj_size, self.hidden_size])?;
                }
            }
        }
        let weights = Weights(all);
        weights.draw(self.hidden_size)?;
        Ok(weights)
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{}, {}", self.input_size, self.hidden_size);
        if self.proj_size != 0 {
            text += &format!(", proj_size={}", self.proj_size);
        }
        if self.num_layers != 1 {
            text += &format!(", num_layers={}", self.num_layers);
        }
        for (name, on, default) in [
            ("bias", self.bias, true),
            ("one_bias", self.one_bias, false),
            ("batch_first", self.batch_first, false),
        ] {
            if on != default {
                text += &format!(", {name}={}", python_bool(on));
            }
        }
        if self.dropout != 0.0 {
            text += &format!(", dropout={}", float(self.dropout));
        }
        if self.bidirectional {
            text += ", bidirectional=True";
        }
        text
    }

    /// Refuses inputs whose features or dtype the layer does not take.
    pub(super) fn check_input(&self, x: &Tensor, dims: usize, weights: &Weights) -> Result<()> {
        if let Some(w) = weights.iter().next() {
            ensure!(
                x.dtype() == w.dtype(),
                Value,
                "input must have the type {}, got type {}",
                w.dtype(),
                x.dtype()
            );
        }
        ensure!(
            x.dim() == dims,
            Runtime,
            "input must have {dims} dimensions, got {}",
            x.dim()
        );
        let features = x.shape().last().copied().unwrap_or(0);
        ensure!(
            features == self.input_size,
            Runtime,
            "input.size(-1) must be equal to input_size. Expected {}, got {features}",
            self.input_size
        );
        Ok(())
    }

    /// Refuses a state of another shape; `what` is PyTorch's name of it.
    pub(super) fn check_state(&self, h: &Tensor, batch: usize, features: usize, what: &str) -> Result<()> {
        let want = [self.num_layers * self.directions(), batch, features];
        ensure!(
            h.shape() == want,
            Runtime,
            "Expected {what} size {want:?}, got {:?}",
            h.shape()
        );
        Ok(())
    }

    /// A state of zeros.
    pub(super) fn zeros(&self, like: &Tensor, batch: usize, features: usize) -> Result<Tensor> {
        let shape = [self.num_layers * self.directions(), batch, features].map(|n| n as i64);
        ops::factory::zeros(&shape, Some(like.dtype()), None, Some(like.device()), None)
    }
}
