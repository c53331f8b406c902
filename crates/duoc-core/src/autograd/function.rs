//! Custom functions: a forward and a backward written by the user.

use super::edge::Edge;
use super::meta::Creation;
use super::mode;
use super::node::{Ctx, Grads, Recorder, Saved};
use super::record::make_node;
use crate::{Result, Tensor, ensure};

/// A differentiable operation with its own backward formula (PyTorch's `torch.autograd.Function`).
///
/// ```
/// use duoc_core::{Tensor, Result, autograd::{Function, function}};
/// struct Cube;
/// impl Function for Cube {
///     fn forward(&self, ctx: &mut function::Forward, x: &[Tensor]) -> Result<Vec<Tensor>> {
///         ctx.save_for_backward(&[&x[0]]);
///         Ok(vec![&(&x[0] * &x[0]) * &x[0]])
///     }
///     fn backward(&self, ctx: &function::Backward, g: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
///         let x = &ctx.saved_tensors()?[0];
///         Ok(vec![g[0].as_ref().map(|g| g * &(&(x * x) * 3.0))])
///     }
/// }
/// let x = Tensor::from_slice(&[2.0f64]).requires_grad_(true).unwrap();
/// let y = function::apply(Cube, &[&x]).unwrap().remove(0);
/// y.sum().backward().unwrap();
/// assert_eq!(x.grad().unwrap().to_vec::<f64>(), [12.0]);
/// ```
pub trait Function: Send + Sync + 'static {
    /// The name of the node; PyTorch appends `Backward` to the class name.
    fn name(&self) -> String {
        let full = std::any::type_name::<Self>();
        format!("{}Backward", full.rsplit("::").next().unwrap_or(full))
    }

    /// Computes the outputs. Runs without recording.
    fn forward(&self, ctx: &mut Forward, inputs: &[Tensor]) -> Result<Vec<Tensor>>;

    /// The gradient of each input from those of the outputs.
    fn backward(&self, ctx: &Backward, grads: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>>;
}

/// What a forward may ask for.
#[derive(Default)]
pub struct Forward {
    saved: Vec<Option<Tensor>>,
    dirty: Vec<Tensor>,
    non_differentiable: Vec<Tensor>,
    keep_none: bool,
    needs: Vec<bool>,
}

impl Forward {
    /// Keeps tensors for the backward; inputs and outputs keep their history.
    pub fn save_for_backward(&mut self, tensors: &[&Tensor]) {
        self.saved = tensors.iter().map(|t| Some((*t).clone())).collect();
    }

    /// As [`Forward::save_for_backward`] with absent places.
    pub fn save_optional(&mut self, tensors: Vec<Option<Tensor>>) {
        self.saved = tensors;
    }

    /// Says that these inputs were changed in place; they must be returned as outputs.
    pub fn mark_dirty(&mut self, tensors: &[&Tensor]) {
        self.dirty = tensors.iter().map(|t| (*t).clone()).collect();
    }

    /// Says that these outputs have no gradient.
    pub fn mark_non_differentiable(&mut self, tensors: &[&Tensor]) {
        self.non_differentiable = tensors.iter().map(|t| (*t).clone()).collect();
    }

    /// Whether absent output gradients become zeros (the default) or stay None.
    pub fn set_materialize_grads(&mut self, on: bool) {
        self.keep_none = !on;
    }

    /// Whether input `i` needs a gradient.
    pub fn needs_input_grad(&self, i: usize) -> bool {
        self.needs.get(i).copied().unwrap_or(false)
    }
}

/// What a backward sees.
pub struct Backward<'a> {
    ctx: &'a Ctx<'a>,
    saved: &'a [Saved],
}

impl Backward<'_> {
    /// The tensors of [`Forward::save_for_backward`]; an error if absent places were saved.
    pub fn saved_tensors(&self) -> Result<Vec<Tensor>> {
        self.saved.iter().map(|s| self.ctx.get(*s)).collect()
    }

    /// The tensors of [`Forward::save_optional`].
    pub fn saved_optional(&self) -> Result<Vec<Option<Tensor>>> {
        self.saved.iter().map(|s| self.ctx.get_opt(*s)).collect()
    }

    /// Whether the gradient of input `i` is wanted.
    pub fn needs_input_grad(&self, i: usize) -> bool {
        self.ctx.needs(i)
    }
}

/// Calls a custom function.
pub fn apply<F: Function>(f: F, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    let recorded = mode::is_grad_enabled() && inputs.iter().any(|t| t.requires_grad());
    let mut ctx = Forward {
        needs: inputs.iter().map(|t| t.requires_grad()).collect(),
        ..Forward::default()
    };
    let owned: Vec<Tensor> = inputs.iter().map(|t| (*t).clone()).collect();
    let outputs = {
        let _guard = mode::grad_mode(false);
        f.forward(&mut ctx, &owned)?
    };
    for d in &ctx.dirty {
        ensure!(
            outputs.iter().any(|o| o.is_same(d)),
            Runtime,
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must all be outputs of the Function."
        );
    }
    let is_dirty = |t: &Tensor| ctx.dirty.iter().any(|d| d.is_same(t));
    if recorded {
        for d in &ctx.dirty {
            super::record::check_inplace(d)?;
        }
    }
    // An input that comes back unchanged is a view of itself, so that it can have a node of its own.
    let outputs: Vec<Tensor> = outputs
        .into_iter()
        .map(|o| {
            let is_input = owned.iter().any(|i| i.is_same(&o));
            if is_input && !is_dirty(&o) {
                o.view_with(o.layout().clone(), o.dtype(), Creation::Custom)
            } else {
                o
            }
        })
        .collect();
    if !recorded {
        return Ok(outputs);
    }
    let refs: Vec<Option<&Tensor>> = inputs.iter().map(|t| Some(*t)).collect();
    let saved_tensors = std::mem::take(&mut ctx.saved);
    let name = f.name();
    let n_inputs = inputs.len();
    let keep_none = ctx.keep_none;
    let shapes: Vec<Tensor> = outputs.iter().map(Tensor::alias).collect();
    let node = make_node(&outputs, name.clone(), &refs, |r: &mut Recorder| {
        let saved: Vec<Saved> = saved_tensors
            .iter()
            .map(|t| match t {
                None => r.save_opt(None),
                Some(t) => match outputs.iter().position(|o| o.is_same(t)) {
                    Some(i) => r.save_output(i),
                    None => r.save(t),
                },
            })
            .collect();
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let mut grads: Vec<Option<Tensor>> = g.to_vec();
            if !keep_none {
                for (g, like) in grads.iter_mut().zip(&shapes) {
                    if g.is_none() {
                        *g = Some(crate::ops::factory::zeros_like(like)?);
                    }
                }
            }
            let out = f.backward(&Backward { ctx: c, saved: &saved }, &grads)?;
            ensure!(
                out.len() >= n_inputs || out.iter().skip(n_inputs).all(Option::is_none),
                Runtime,
                "function {name} returned an incorrect number of gradients (expected {n_inputs}, got {})",
                out.len()
            );
            Ok(Grads::from_vec(out))
        }
    })?;
    for (slot, o) in outputs.iter().enumerate() {
        let constant = ctx.non_differentiable.iter().any(|n| n.is_same(o)) || !o.dtype().is_differentiable();
        if constant {
            continue;
        }
        let edge = Edge::output(node.clone(), slot);
        match &o.0.view {
            Some(v) if is_dirty(o) => super::view::rebase_root(o, v, edge)?,
            _ => o.set_edge(edge),
        }
    }
    Ok(outputs)
}
