//! The only door to the graph.
//!
//! A recorded operation calls [`Tensor::record`] (one result), [`record_many`] (several), [`Tensor::record_view`] or
//! [`record_inplace`]. The builder runs only when some input needs a gradient and recording is on; it saves what the
//! backward function needs and returns that function. Backward functions return one gradient per input; the engine
//! reduces broadcast dimensions and converts dtypes, so formulas need not.

use super::edge::{Edge, Leaf};
use super::meta::{Creation, ViewOf};
use super::mode;
use super::node::{Ctx, Grads, Node, Recorder};
use crate::layout::Layout;
use crate::{DType, Result, Tensor, ensure};
use std::sync::Arc;

/// What a backward function may return: one gradient, some, or none for each input.
pub trait IntoGrads {
    /// As a list.
    fn into_grads(self) -> Grads;
}

impl IntoGrads for Tensor {
    fn into_grads(self) -> Grads {
        smallvec::smallvec![Some(self)]
    }
}
impl IntoGrads for Option<Tensor> {
    fn into_grads(self) -> Grads {
        smallvec::smallvec![self]
    }
}
impl<const N: usize> IntoGrads for [Option<Tensor>; N] {
    fn into_grads(self) -> Grads {
        self.into_iter().collect()
    }
}
impl IntoGrads for (Option<Tensor>, Option<Tensor>) {
    fn into_grads(self) -> Grads {
        smallvec::smallvec![self.0, self.1]
    }
}
impl IntoGrads for (Option<Tensor>, Option<Tensor>, Option<Tensor>) {
    fn into_grads(self) -> Grads {
        smallvec::smallvec![self.0, self.1, self.2]
    }
}
impl IntoGrads for Vec<Option<Tensor>> {
    fn into_grads(self) -> Grads {
        self.into()
    }
}
impl IntoGrads for Grads {
    fn into_grads(self) -> Grads {
        self
    }
}

/// Whether an operation on these inputs is to be recorded.
#[inline]
pub fn needs_grad(inputs: &[Option<&Tensor>]) -> bool {
    mode::is_grad_enabled() && inputs.iter().flatten().any(|t| t.requires_grad())
}

impl Tensor {
    /// Records this fresh result of an operation on `inputs`.
    ///
    /// `build` saves tensors with the [`Recorder`] and returns the backward function, which gets the gradient of the
    /// result and returns those of the inputs.
    #[inline]
    pub fn record<'a, const N: usize, B, G>(
        self,
        name: &'static str,
        inputs: [impl Into<Option<&'a Tensor>>; N],
        build: impl FnOnce(&mut Recorder) -> B,
    ) -> Result<Tensor>
    where
        B: Fn(&Ctx, &Tensor) -> Result<G> + Send + Sync + 'static,
        G: IntoGrads,
    {
        let inputs = inputs.map(Into::into);
        if !needs_grad(&inputs) || !self.dtype().is_differentiable() {
            return Ok(self);
        }
        attach(std::slice::from_ref(&self), name, &inputs, |r| of_one(build(r)))?;
        Ok(self)
    }

    /// As [`Tensor::record`] with any number of inputs.
    pub fn record_all<B, G>(
        self,
        name: &'static str,
        inputs: &[Option<&Tensor>],
        build: impl FnOnce(&mut Recorder) -> B,
    ) -> Result<Tensor>
    where
        B: Fn(&Ctx, &Tensor) -> Result<G> + Send + Sync + 'static,
        G: IntoGrads,
    {
        if !needs_grad(inputs) || !self.dtype().is_differentiable() {
            return Ok(self);
        }
        attach(std::slice::from_ref(&self), name, inputs, |r| of_one(build(r)))?;
        Ok(self)
    }
}

/// Records fresh results of one operation. The backward function gets one gradient per result, None where nothing
/// flowed back. Results of integer dtype stay out of the graph.
pub fn record_many<B, G>(
    outputs: &[Tensor],
    name: &'static str,
    inputs: &[Option<&Tensor>],
    build: impl FnOnce(&mut Recorder) -> B,
) -> Result<()>
where
    B: Fn(&Ctx, &[Option<Tensor>]) -> Result<G> + Send + Sync + 'static,
    G: IntoGrads,
{
    if !needs_grad(inputs) {
        return Ok(());
    }
    attach(outputs, name, inputs, |r| {
        let f = build(r);
        move |c: &Ctx, g: &[Option<Tensor>]| Ok(f(c, g)?.into_grads())
    })
}

/// The backward function of an operation with one result.
fn of_one<B, G>(f: B) -> impl Fn(&Ctx, &[Option<Tensor>]) -> Result<Grads> + Send + Sync + 'static
where
    B: Fn(&Ctx, &Tensor) -> Result<G> + Send + Sync + 'static,
    G: IntoGrads,
{
    move |c, g| match &g[0] {
        Some(g) => Ok(f(c, g)?.into_grads()),
        None => Ok(Grads::new()),
    }
}

/// Makes the node and gives the outputs their edges.
fn attach<F>(
    outputs: &[Tensor],
    name: &'static str,
    inputs: &[Option<&Tensor>],
    build: impl FnOnce(&mut Recorder) -> F,
) -> Result<()>
where
    F: Fn(&Ctx, &[Option<Tensor>]) -> Result<Grads> + Send + Sync + 'static,
{
    let node = make_node(outputs, name, inputs, build)?;
    give_edges(outputs, node);
    Ok(())
}

fn give_edges(outputs: &[Tensor], node: Arc<Node>) {
    if let [out] = outputs {
        return out.set_edge(Edge::output(node, 0));
    }
    for (slot, out) in outputs.iter().enumerate() {
        if out.dtype().is_differentiable() {
            out.set_edge(Edge::output(node.clone(), slot));
        }
    }
}

pub(crate) fn make_node<F>(
    outputs: &[Tensor],
    name: impl Into<std::borrow::Cow<'static, str>>,
    inputs: &[Option<&Tensor>],
    build: impl FnOnce(&mut Recorder) -> F,
) -> Result<Arc<Node>>
where
    F: Fn(&Ctx, &[Option<Tensor>]) -> Result<Grads> + Send + Sync + 'static,
{
    let mut recorder = Recorder::new(name, outputs, inputs);
    let f = build(&mut recorder);
    Ok(recorder.finish()?.with(f))
}

/// The edge that gradients of `t` travel along: to the output of its node, or to the leaf.
pub(crate) fn edge_of(t: &Tensor) -> Option<Edge> {
    if !t.requires_grad() {
        return None;
    }
    super::view::refresh(t);
    if let Some(e) = t.edge() {
        return Some(e);
    }
    let s = t.meta().state();
    s.requires_grad.then(|| Edge::Leaf(Leaf::new(t, &s)))
}

impl Tensor {
    /// A view of this tensor with another layout (and perhaps dtype) on the same storage, recorded under `name`.
    /// `backward` turns the gradient of the view into that of this tensor.
    pub fn record_view<G: IntoGrads>(
        &self,
        layout: Layout,
        name: &'static str,
        backward: impl Fn(&Ctx, &Tensor) -> Result<G> + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let out = self.view_with(layout, self.dtype(), Creation::Default);
        out.record(name, [self], |_| backward)
    }

    /// A view without a node: the caller records it.
    pub(crate) fn view_with(&self, layout: Layout, dtype: DType, creation: Creation) -> Tensor {
        self.view_toggled(layout, dtype, creation, 0)
    }

    /// As [`Tensor::view_with`], with some of the bits the other way round that say how elements are read.
    pub(crate) fn view_toggled(&self, layout: Layout, dtype: DType, creation: Creation, toggled: u8) -> Tensor {
        let i = &*self.0;
        let (base, inherited) = match &i.view {
            Some(v) => (v.base.clone(), Some(v.creation)),
            None => (self.clone(), None),
        };
        let creation = if mode::is_inference() || self.is_inference() {
            Creation::Inference
        } else if creation == Creation::Default && !mode::is_grad_enabled() {
            Creation::NoGrad
        } else if creation == Creation::Default {
            inherited.unwrap_or(Creation::Default)
        } else {
            creation
        };
        let bits = (i.bits & !super::super::tensor::WRAPPED) ^ toggled;
        let version = i.version.clone();
        let t = Tensor::assemble(
            i.storage.clone(),
            layout,
            dtype,
            bits,
            version,
            Some(Box::new(ViewOf { base, creation })),
        );
        // Zero is what a view without state stands for.
        if self.is_tracked() && t.version() != 0 {
            t.meta().state().view_version = t.version();
        }
        t
    }
}

/// Checks that `x` may be changed in place, as PyTorch does before the kernel runs.
pub fn check_inplace(x: &Tensor) -> Result<()> {
    ensure!(
        !x.is_inference() || mode::is_inference(),
        Runtime,
        "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a normal tensor before doing inplace update. See https://github.com/pytorch/rfcs/pull/17 for more details."
    );
    if !mode::is_grad_enabled() {
        return Ok(());
    }
    if let Some(v) = &x.0.view {
        if x.requires_grad() {
            check_view(x, v)?;
        }
        ensure!(
            !(v.base.requires_grad() && v.base.is_leaf()),
            Runtime,
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        );
        return Ok(());
    }
    ensure!(
        !(x.requires_grad() && x.is_leaf()),
        Runtime,
        "a leaf Variable that requires grad is being used in an in-place operation."
    );
    Ok(())
}

fn check_view(x: &Tensor, v: &ViewOf) -> Result<()> {
    let why = match v.creation {
        Creation::Default => return Ok(()),
        Creation::Multi => {
            "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one."
        }
        Creation::NoGrad => {
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
        }
        Creation::Inference => {
            "A view was created in inference mode and is being modified inplace in normal mode. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the inference_mode block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
        }
        Creation::Custom => {
            "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
        }
    };
    let made_by = x.grad_fn().map_or(String::new(), |n| {
        format!("Output {} of {} is a view and ", x.output_nr(), n.name())
    });
    crate::bail!(Runtime, "{made_by}is being modified inplace. {why}")
}

/// Records an in-place operation that has just changed `x`. `inputs[0]` must be `x`; the backward function returns
/// the gradient of the old `x` first.
///
/// A view's change is the change of its root too: the root's history becomes `CopySlices` around this node.
pub fn record_inplace<B, G>(
    x: &Tensor,
    name: &'static str,
    inputs: &[Option<&Tensor>],
    build: impl FnOnce(&mut Recorder) -> B,
) -> Result<()>
where
    B: Fn(&Ctx, &Tensor) -> Result<G> + Send + Sync + 'static,
    G: IntoGrads,
{
    if !needs_grad(inputs) || !x.dtype().is_differentiable() {
        return Ok(());
    }
    let node = make_node(std::slice::from_ref(x), name, inputs, |r| of_one(build(r)))?;
    rebase(x, Edge::output(node, 0))
}

/// Gives `x`, whose elements were just overwritten with those of `result`, the history of `result`: the generic
/// in-place form of an operation whose functional form was recorded.
pub fn adopt_history(x: &Tensor, result: &Tensor) -> Result<()> {
    if !mode::is_grad_enabled() || !(result.requires_grad() || x.requires_grad()) {
        return Ok(());
    }
    match edge_of(result) {
        Some(edge) => rebase(x, edge),
        // A constant was written over a tracked tensor: nothing flows to what was there before.
        None => record_inplace(x, "CopyBackwards", &[Some(x)], |_| {
            |_: &Ctx, g: &Tensor| crate::ops::factory::zeros_like(g)
        }),
    }
}

fn rebase(x: &Tensor, edge: Edge) -> Result<()> {
    match &x.0.view {
        None => x.set_edge(edge),
        Some(v) => super::view::rebase_root(x, v, edge)?,
    }
    Ok(())
}
