//! Views and in-place changes: how a view's history follows its root's.
//!
//! PyTorch's rules (torch/csrc/autograd/variable.h, "Autograd View Variables"): a view's node is right for one
//! version of its root. When the root (or a sibling view) changed since, the node is made anew as the view's geometry
//! applied to the root's present history (`AsStridedBackward0`). An in-place change of a view turns the root's history
//! into a `CopySlices` node around the change.

use super::edge::{Edge, Edges};
use super::meta::{Creation, ViewOf};
use super::node::{Ctx, Grads, Head, Node, OutputInfo};
use super::record::edge_of;
use crate::layout::Layout;
use crate::{Result, Tensor};
use smallvec::SmallVec;
use std::sync::Arc;

impl Tensor {
    /// Whether the root changed since this view's node was made.
    pub(crate) fn stale_view(&self) -> bool {
        self.0.meta.get().map_or(0, |m| m.state().view_version) != self.version()
    }
}

/// Makes the node of a stale view anew.
pub(crate) fn refresh(t: &Tensor) {
    let Some(v) = &t.0.view else { return };
    if v.creation == Creation::Inference || t.dtype() != v.base.dtype() || !v.base.requires_grad() || !t.stale_view() {
        return;
    }
    // A view that was detached from recording (made under no_grad) stays out until it is changed itself.
    let version = t.version();
    let Some(edge) = edge_of(&v.base) else { return };
    let node = as_strided_node(t, &v.base, edge);
    let meta = t.meta();
    meta.set_edge(Some(Edge::output(node, 0)));
    meta.state().view_version = version;
}

fn as_strided_node(view: &Tensor, base: &Tensor, edge: Edge) -> Arc<Node> {
    let (base_layout, layout) = (base.layout().clone(), view.layout().clone());
    let bits = view.0.bits ^ base.0.bits;
    let backward = move |_: &Ctx, g: &[Option<Tensor>]| -> Result<Grads> {
        let g = g[0].as_ref().map(|g| crate::ops::parts::toggled(g, bits)).transpose()?;
        Ok(match &g {
            Some(g) => smallvec::smallvec![Some(crate::ops::view::as_strided_backward(g, &base_layout, &layout)?)],
            None => Grads::new(),
        })
    };
    let head = Head::new(
        "AsStridedBackward0",
        smallvec::smallvec![Some(edge)],
        smallvec::smallvec![OutputInfo::of(view)],
    );
    head.with(backward)
}

/// The view `x` of `v.base` was changed in place by `edge.node`, whose first input is the old `x`.
pub(crate) fn rebase_root(x: &Tensor, v: &ViewOf, edge: Edge) -> Result<()> {
    let base = &v.base;
    let old_edge = edge_of(base);
    let function = edge.node();
    let mut edges: Edges = smallvec::smallvec![old_edge];
    edges.extend(function.edges().iter().skip(1).cloned());
    let layout = x.layout().clone();
    let base_layout = base.layout().clone();
    let (slot, outputs, dtype) = (edge.slot(), edge.outputs(), x.dtype());
    let bits = x.0.bits ^ base.0.bits;
    let backward = move |c: &Ctx, g: &[Option<Tensor>]| -> Result<Grads> {
        let Some(g) = &g[0] else { return Ok(Grads::new()) };
        // The gradient of the root with the view's part replaced by what flows through the change.
        let result = dense_copy(g, &base_layout)?;
        let part = if dtype == g.dtype() {
            crate::ops::parts::toggled(&relative(&result, &base_layout, &layout)?, bits)?
        } else {
            crate::bail!(
                NotImplemented,
                "the gradient of an in-place change through a view with another dtype"
            )
        };
        let mut outs: SmallVec<[Option<Tensor>; 2]> = smallvec::smallvec![None; outputs];
        outs[slot] = Some(crate::ops::copy::clone(&part, None)?);
        let inner = Ctx {
            node: &function,
            needs: function.edges().iter().map(Option::is_some).collect(),
        };
        let mut grads = (function.apply)(&inner, &outs)?;
        let mut all: Grads = smallvec::smallvec![None; c.node.edges().len()];
        let first = if grads.is_empty() { None } else { grads[0].take() };
        match first {
            Some(t) => crate::ops::copy::copy_(&part, &super::engine::fit(t, layout.shape(), dtype)?)?,
            None => crate::ops::factory::zero_(&part)?,
        };
        all[0] = Some(result);
        for (i, g) in grads.into_iter().enumerate().skip(1) {
            if i < all.len() {
                all[i] = g;
            }
        }
        Ok(all)
    };
    let head = Head::new("CopySlices", edges, smallvec::smallvec![OutputInfo::of(base)]);
    let node = head.with(backward);
    base.set_edge(Edge::output(node, 0));
    let Some(edge) = edge_of(base) else { return Ok(()) };
    let node = as_strided_node(x, base, edge);
    let meta = x.meta();
    meta.set_edge(Some(Edge::output(node, 0)));
    meta.state().view_version = x.version();
    Ok(())
}

/// A copy of `g` with the strides of a dense layout, so that the view's geometry applies to it.
fn dense_copy(g: &Tensor, like: &Layout) -> Result<Tensor> {
    if like.is_non_overlapping_and_dense() {
        let layout = Layout::strided(like.shape(), like.strides(), 0, g.dtype())?;
        let storage = crate::storage::Storage::host(layout.numel() * g.dtype().size())?;
        let t = Tensor::root(storage, layout, g.dtype());
        crate::ops::copy::copy_(&t, g)?;
        return Ok(t);
    }
    let span = like.span().unwrap_or(0).saturating_sub(like.offset());
    let flat = crate::ops::factory::zeros_of(&[span], g.dtype())?;
    let layout = Layout::strided(like.shape(), like.strides(), 0, g.dtype())?;
    let t = flat.view_with(layout, g.dtype(), Creation::Default);
    crate::ops::copy::copy_(&t, g)?;
    Ok(t)
}

/// The part of `result` (which stands for the root) that the view's layout names.
fn relative(result: &Tensor, base: &Layout, view: &Layout) -> Result<Tensor> {
    let offset = view.offset() - base.offset().min(view.offset()) + result.storage_offset();
    let sizes: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
    let strides: Vec<i64> = view.strides().iter().map(|n| *n as i64).collect();
    crate::ops::view::as_strided(result, &sizes, &strides, Some(offset as i64))
}
