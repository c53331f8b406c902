//! The table of a model: every layer with the shape of its output, its parameters and its multiply-adds, and the memory of
//! the whole. The counts and the form are those of the Python package torchinfo.

use crate::call::{Layer, Observer, observe};
use crate::module::{FieldMut, ModuleId};
use crate::{Module, Param};
use duoc_core::random::{Generator, with_generator};
use duoc_core::{DType, Result, Tensor, autograd};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

/// One line of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The path from the root: `encoder.layers.0`; empty for the root.
    pub path: String,
    /// The kind: `Linear`.
    pub kind: String,
    /// How deep it lies; 0 is the root.
    pub depth: usize,
    /// Its number among the lines of this depth, from 1.
    pub index: usize,
    /// The shape of its first output; None for a module that is never called, such as a `ModuleList`.
    pub output: Option<Vec<usize>>,
    /// Parameters that it has itself, without those of the modules inside.
    pub own_parameters: usize,
    /// Those of them of which gradients are recorded; printed in parentheses if none are.
    pub own_trainable: usize,
    /// Multiplications of a weight and an activation with an addition.
    pub multiply_adds: u64,
    /// Whether it was called before in this pass: its parameters count once.
    pub is_repeated: bool,
    /// Whether there are modules inside.
    pub has_children: bool,
    output_bytes: usize,
}

/// What a model is made of and what a forward pass costs. It prints as a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The lines, in the order of the calls.
    pub rows: Vec<Row>,
    /// Elements of all parameters, each counted once.
    pub total_parameters: usize,
    /// Those of which gradients are recorded.
    pub trainable_parameters: usize,
    /// Of the whole pass.
    pub multiply_adds: u64,
    /// Bytes of the inputs.
    pub input_bytes: usize,
    /// Bytes of the outputs of all layers with parameters and of their gradients.
    pub activation_bytes: usize,
    /// Bytes of the parameters.
    pub parameter_bytes: usize,
}

impl Summary {
    /// Bytes of inputs, activations and parameters together.
    pub fn total_bytes(&self) -> usize {
        self.input_bytes + self.activation_bytes + self.parameter_bytes
    }

    /// The same with no lines deeper than `depth`; what was deeper is counted in the line that holds it.
    #[must_use]
    pub fn at_depth(mut self, depth: usize) -> Summary {
        let mut kept: Vec<Row> = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            match kept.last_mut() {
                Some(holder) if row.depth > depth => {
                    holder.multiply_adds += row.multiply_adds;
                    if !row.is_repeated {
                        holder.own_parameters += row.own_parameters;
                        holder.own_trainable += row.own_trainable;
                    }
                }
                _ => kept.push(row),
            }
        }
        self.rows = kept;
        self
    }
}

/// What the lines need to know of a module of the root.
struct Known {
    id: ModuleId,
    path: String,
    kind: String,
    has_children: bool,
}

/// Collects the lines during one forward pass.
struct Collector {
    known: Vec<Known>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    rows: Vec<Row>,
    open: Vec<usize>,
    called: HashSet<ModuleId>,
    input_bytes: Option<usize>,
}

fn bytes(tensors: &[Tensor]) -> usize {
    tensors.iter().map(|t| t.numel() * t.dtype().size()).sum()
}

fn own_params(m: &dyn Module) -> Vec<&Param> {
    let mut out = Vec::new();
    m.visit(&mut |_, field| {
        if let crate::Field::Param(p) = field {
            out.push(p);
        }
    });
    out
}

/// torchinfo's rule: a convolution or a product uses its parameters once for each place of the output, the parameters of
/// other layers are used once for each sample.
fn multiply_adds(m: &dyn Module, inputs: &[Tensor], outputs: &[Tensor]) -> u64 {
    let params = own_params(m);
    let (Some(first), Some(out)) = (params.first(), outputs.first()) else {
        return 0;
    };
    let all: u64 = params.iter().map(|p| p.numel() as u64).sum();
    let kind = m.kind();
    let places = |t: &Tensor, channels: usize| (t.numel() / channels.max(1)) as u64;
    if kind.starts_with("Embedding") {
        // Rows are looked up.
        return 0;
    }
    if ["RNN", "LSTM", "GRU"].iter().any(|k| kind.starts_with(k)) {
        let Some(x) = inputs.first() else { return 0 };
        return places(x, first.shape().get(1).copied().unwrap_or(1)) * all;
    }
    if kind.contains("Transpose") {
        let Some(x) = inputs.first() else { return 0 };
        // Every element of the input meets its row of the weight; the bias is added at every place of the output.
        let weights = places(x, first.shape()[0]) * first.numel() as u64;
        let bias: u64 = params[1..]
            .iter()
            .map(|p| places(out, p.numel()) * p.numel() as u64)
            .sum();
        return weights + bias;
    }
    if first.dim() >= 2 {
        return places(out, first.shape()[0]) * all;
    }
    out.shape().first().copied().unwrap_or(1) as u64 * all
}

impl State {
    fn push(&mut self, path: &str, kind: &str, has_children: bool) -> &mut Row {
        let depth = if path.is_empty() { 0 } else { path.split('.').count() };
        self.rows.push(Row {
            path: path.to_string(),
            kind: kind.to_string(),
            depth,
            index: self.rows.iter().filter(|r| r.depth == depth).count() + 1,
            output: None,
            own_parameters: 0,
            own_trainable: 0,
            multiply_adds: 0,
            is_repeated: false,
            has_children,
            output_bytes: 0,
        });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }
}

impl Collector {
    /// Lines for the holders between the root and a module that are not called themselves.
    fn holders(&self, state: &mut State, path: &str) {
        for (end, _) in path.match_indices('.') {
            let holder = &path[..end];
            if state.rows.iter().any(|r| r.path == holder) {
                continue;
            }
            if let Some(k) = self.known.iter().find(|k| k.path == holder) {
                state.push(holder, &k.kind, k.has_children);
            }
        }
    }
}

impl Observer for Collector {
    fn enter(&self, module: &dyn Module, inputs: &[Tensor]) -> Result<()> {
        let mut state = self.state.borrow_mut();
        state.input_bytes.get_or_insert(bytes(inputs));
        let id = module.id();
        let path = match self.known.iter().find(|k| k.id == id) {
            Some(k) => k.path.clone(),
            // A module that the root does not hold, used inside it.
            None => match state.open.last() {
                Some(i) => crate::tree::join(&state.rows[*i].path, module.kind()),
                None => String::new(),
            },
        };
        self.holders(&mut state, &path);
        let is_repeated = !state.called.insert(id);
        let row = state.push(&path, module.kind(), !module.children().is_empty());
        let own = own_params(module);
        row.own_parameters = own.iter().map(|p| p.numel()).sum();
        row.own_trainable = own.iter().filter(|p| p.requires_grad()).map(|p| p.numel()).sum();
        row.is_repeated = is_repeated;
        let place = state.rows.len() - 1;
        state.open.push(place);
        Ok(())
    }

    fn leave(&self, module: &dyn Module, inputs: &[Tensor], outputs: &[Tensor]) -> Result<()> {
        let mut state = self.state.borrow_mut();
        let Some(i) = state.open.pop() else { return Ok(()) };
        let row = &mut state.rows[i];
        row.output = outputs.first().map(|t| t.shape().to_vec());
        row.output_bytes = bytes(outputs);
        row.multiply_adds = multiply_adds(module, inputs, outputs);
        Ok(())
    }
}

/// The training flags of a module and of those inside, in the order of the visit.
fn flags(m: &mut dyn Module, f: &mut dyn FnMut(&mut dyn Module)) {
    f(m);
    m.visit_mut(&mut |_, field| {
        if let FieldMut::Module(inner) = field {
            flags(inner, f);
        }
    });
}

/// Summarises a module by one forward pass, which `run` makes, in evaluation mode and without recording. The module, its
/// training flags and the random numbers are afterwards what they were.
pub fn summarize<M: Module, T>(module: &mut M, run: impl FnOnce(&M) -> Result<T>) -> Result<Summary> {
    let mut before = Vec::new();
    flags(module, &mut |m| before.push(m.training()));
    module.set_mode(false);
    let outcome = summarize_module(module, || run(module));
    let mut before = before.into_iter();
    flags(module, &mut |m| m.set_training(before.next().unwrap_or(true)));
    outcome
}

/// As [`summarize`] for a module behind the trait, in the mode that it is in.
pub fn summarize_module<T>(module: &dyn Module, run: impl FnOnce() -> Result<T>) -> Result<Summary> {
    let known = module.named_modules().into_iter().map(|(path, m)| Known {
        id: m.id(),
        path,
        kind: m.kind().to_string(),
        has_children: !m.children().is_empty(),
    });
    let collector = Rc::new(Collector {
        known: known.collect(),
        state: RefCell::default(),
    });
    let generator = Generator::new();
    with_generator(&generator, || {
        autograd::no_grad(|| observe(collector.clone(), || duoc_core::catch(run).and_then(|r| r)))
    })?;
    let state = collector.state.take();
    let params = module.parameters();
    let leaf = |r: &&Row| !r.has_children;
    Ok(Summary {
        total_parameters: params.iter().map(|p| p.numel()).sum(),
        trainable_parameters: params.iter().filter(|p| p.requires_grad()).map(|p| p.numel()).sum(),
        multiply_adds: state.rows.iter().map(|r| r.multiply_adds).sum(),
        input_bytes: state.input_bytes.unwrap_or(0),
        activation_bytes: 2 * state
            .rows
            .iter()
            .filter(leaf)
            .filter(|r| r.own_parameters > 0)
            .map(|r| r.output_bytes)
            .sum::<usize>(),
        parameter_bytes: params.iter().map(|p| p.numel() * p.dtype().size()).sum(),
        rows: state.rows,
    })
}

pub(crate) fn of_layer<L: Layer>(layer: &mut L, shape: &[i64], dtype: DType) -> Result<Summary> {
    let x = duoc_core::catch(|| Tensor::options().dtype(dtype).zeros(shape))?;
    summarize(layer, |m| m.try_forward(&x))
}

/// `1234567` as `1,234,567`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// The tree before a line, as torchinfo draws it.
fn branches(depth: usize) -> String {
    match depth {
        0 => String::new(),
        1 => "├─".to_string(),
        _ => "│    ".repeat(depth - 1) + "└─",
    }
}

fn megabytes(bytes: usize) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![[
            "Layer (type:depth-idx)".to_string(),
            "Output Shape".to_string(),
            "Param #".to_string(),
            "Mult-Adds".to_string(),
        ]];
        for row in &self.rows {
            let name = match row.depth {
                0 => row.kind.clone(),
                d => format!("{}{}: {d}-{}", branches(d), row.kind, row.index),
            };
            let dash = || "--".to_string();
            let shape = row.output.as_ref().map_or_else(dash, |s| format!("{s:?}"));
            let params = match row.own_parameters {
                0 => dash(),
                _ if row.is_repeated => "(recursive)".to_string(),
                n if row.own_trainable == 0 => format!("({})", thousands(n as u64)),
                n => thousands(n as u64),
            };
            let adds = if row.multiply_adds == 0 {
                dash()
            } else {
                thousands(row.multiply_adds)
            };
            lines.push([name, shape, params, adds]);
        }
        let width = |c: usize| lines.iter().map(|l| l[c].chars().count()).max().unwrap_or(0);
        let widths = [width(0).max(40), width(1).max(25), width(2).max(25), width(3).max(25)];
        let rule = "=".repeat(widths.iter().sum());
        writeln!(f, "{rule}")?;
        for (i, line) in lines.iter().enumerate() {
            let mut text = String::new();
            for (cell, w) in line.iter().zip(widths) {
                text += cell;
                text += &" ".repeat(w + 1 - cell.chars().count());
            }
            writeln!(f, "{}", text.trim_end())?;
            if i == 0 {
                writeln!(f, "{rule}")?;
            }
        }
        let (adds, unit) = match self.multiply_adds {
            n if n >= 1_000_000_000 => (n as f64 / 1e9, "G"),
            n => (n as f64 / 1e6, "M"),
        };
        writeln!(f, "{rule}")?;
        writeln!(f, "Total params: {}", thousands(self.total_parameters as u64))?;
        writeln!(f, "Trainable params: {}", thousands(self.trainable_parameters as u64))?;
        let fixed = self.total_parameters - self.trainable_parameters;
        writeln!(f, "Non-trainable params: {}", thousands(fixed as u64))?;
        writeln!(f, "Total mult-adds ({unit}): {adds:.2}")?;
        writeln!(f, "{rule}")?;
        writeln!(f, "Input size (MB): {}", megabytes(self.input_bytes))?;
        writeln!(
            f,
            "Forward/backward pass size (MB): {}",
            megabytes(self.activation_bytes)
        )?;
        writeln!(f, "Params size (MB): {}", megabytes(self.parameter_bytes))?;
        writeln!(f, "Estimated Total Size (MB): {}", megabytes(self.total_bytes()))?;
        write!(f, "{rule}")
    }
}
