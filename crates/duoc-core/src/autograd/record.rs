//! The only door to the graph.
//!
//! A recorded operation calls [`Tensor::record`] (one result), [`record_many`] (several), [`Tensor::record_view`] or
//! [`record_inplace`]. The builder runs only when some input needs a gradient and recording is on; it saves what the
//! backward function needs and returns that function. Backward functions return one gradient per input; the engine
//! reduces broadcast dimensions and converts dtypes, so formulas need not.

use super::meta::{Creation, Meta, ViewOf};
use super::mode;
use super::node::{Apply, Backward, Ctx, Edge, Grads, Node, OutputInfo, Recorder, SavedVars};
use crate::layout::Layout;
use crate::{DType, Result, Tensor, ensure};
use smallvec::SmallVec;
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
        attach(std::slice::from_ref(&self), name, &inputs, |r| {
            let f = build(r);
            Box::new(move |c, g| match &g[0] {
                Some(g) => Ok(f(c, g)?.into_grads()),
                None => Ok(Grads::new()),
            })
        })?;
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
        attach(std::slice::from_ref(&self), name, inputs, |r| {
            let f = build(r);
            Box::new(move |c, g| match &g[0] {
                Some(g) => Ok(f(c, g)?.into_grads()),
                None => Ok(Grads::new()),
            })
        })?;
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
        Box::new(move |c, g| Ok(f(c, g)?.into_grads()))
    })
    .map(drop)
}

/// The non-generic half: makes the node and gives the outputs their edges.
fn attach(
    outputs: &[Tensor],
    name: impl Into<std::borrow::Cow<'static, str>>,
    inputs: &[Option<&Tensor>],
    build: impl FnOnce(&mut Recorder) -> Backward,
) -> Result<Arc<Node>> {
    let node = make_node(outputs, name, inputs, build)?;
    for (slot, out) in outputs.iter().enumerate() {
        if out.dtype().is_differentiable() {
            let edge = Edge {
                node: node.clone(),
                slot,
            };
            // A fresh result has no meta yet; a view may.
            match out.0.meta.get() {
                None => drop(out.0.meta.set(Arc::new(Meta::of_output(edge)))),
                Some(m) => m.set_edge(Some(edge)),
            }
        }
    }
    Ok(node)
}

pub(crate) fn make_node(
    outputs: &[Tensor],
    name: impl Into<std::borrow::Cow<'static, str>>,
    inputs: &[Option<&Tensor>],
    build: impl FnOnce(&mut Recorder) -> Backward,
) -> Result<Arc<Node>> {
    let mut edges: SmallVec<[Option<Edge>; 2]> = SmallVec::new();
    let mut needs = SmallVec::new();
    for t in inputs {
        let e = t.and_then(edge_of);
        needs.push(e.is_some());
        edges.push(e);
    }
    let mut recorder = Recorder {
        outputs,
        needs,
        saved: SavedVars::default(),
        error: None,
    };
    let f = build(&mut recorder);
    if let Some(e) = recorder.error {
        return Err(e);
    }
    let infos = outputs
        .iter()
        .map(|t| OutputInfo {
            shape: t.shape().into(),
            dtype: t.dtype(),
        })
        .collect();
    Ok(Arc::new(Node::new(
        name,
        edges,
        infos,
        Apply::Function(f),
        recorder.saved,
    )))
}

/// The edge that gradients of `t` travel along: to its node, or to the accumulator of a leaf.
pub(crate) fn edge_of(t: &Tensor) -> Option<Edge> {
    if !t.requires_grad() {
        return None;
    }
    super::view::refresh(t);
    let meta = t.0.meta.get()?;
    let mut s = meta.state();
    if let Some(e) = &s.edge {
        return Some(e.clone());
    }
    if !s.requires_grad {
        return None;
    }
    if let Some(node) = s.accumulator.upgrade() {
        return Some(Edge { node, slot: 0 });
    }
    let info = OutputInfo {
        shape: t.shape().into(),
        dtype: t.dtype(),
    };
    let node = Arc::new(Node::new(
        "AccumulateGrad",
        SmallVec::new(),
        smallvec::smallvec![info],
        Apply::Accumulate(t.clone()),
        SavedVars::default(),
    ));
    s.accumulator = Arc::downgrade(&node);
    Some(Edge { node, slot: 0 })
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
        let bits = i.bits & !super::super::tensor::WRAPPED;
        let version = i.version.clone();
        let t = Tensor::assemble(
            i.storage.clone(),
            layout,
            dtype,
            bits,
            version,
            Some(Box::new(ViewOf { base, creation })),
        );
        if i.meta.get().is_some_and(|m| m.is_tracked()) {
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
        format!("Output {} of {} is a view and ", x.output_slot(), n.name())
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
    let node = make_node(std::slice::from_ref(x), name, inputs, |r| {
        let f = build(r);
        Box::new(move |c, g| match &g[0] {
            Some(g) => Ok(f(c, g)?.into_grads()),
            None => Ok(Grads::new()),
        })
    })?;
    rebase(x, Edge { node, slot: 0 })
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
        None => x.meta().set_edge(Some(edge)),
        Some(v) => super::view::rebase_root(x, v, edge)?,
    }
    Ok(())
}
