//! Where a gradient goes: to an output of a node, or to a leaf.
//!
//! A leaf needs no node of its own: what adds to its gradient is the engine. The `AccumulateGrad` that PyTorch shows
//! there is made when somebody looks.

use super::meta::State;
use super::node::{Node, next_seq, release};
use crate::{DType, Tensor};
use smallvec::SmallVec;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// One edge per input of an operation.
pub(crate) type Edges = SmallVec<[Option<Edge>; 3]>;

/// The far end of a way that gradients travel.
#[derive(Clone)]
pub(crate) enum Edge {
    /// An output of a node.
    Output(Link, u32),
    /// A tensor that the user made and asked a gradient of.
    Leaf(Leaf),
}

impl Edge {
    pub(crate) fn output(node: Arc<Node>, slot: usize) -> Edge {
        Edge::Output(Link(ManuallyDrop::new(node)), slot as u32)
    }

    /// The place in the order of the graph: lower than that of every node with this edge.
    pub(crate) fn seq(&self) -> u64 {
        match self {
            Edge::Output(node, _) => node.seq(),
            Edge::Leaf(leaf) => leaf.seq(),
        }
    }

    pub(crate) fn slot(&self) -> usize {
        match self {
            Edge::Output(_, slot) => *slot as usize,
            Edge::Leaf(_) => 0,
        }
    }

    /// The shape that a gradient has here.
    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Edge::Output(node, slot) => &node.head.outputs[*slot as usize].shape,
            Edge::Leaf(leaf) => leaf.0.shape(),
        }
    }

    /// The dtype that a gradient has here.
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Edge::Output(node, slot) => node.head.outputs[*slot as usize].dtype,
            Edge::Leaf(leaf) => leaf.0.dtype(),
        }
    }

    /// How many gradients arrive together.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Edge::Output(node, _) => node.head.outputs.len(),
            Edge::Leaf(_) => 1,
        }
    }

    /// The edges that lead on from here.
    pub(crate) fn next(&self) -> &[Option<Edge>] {
        match self {
            Edge::Output(node, _) => node.edges(),
            Edge::Leaf(_) => &[],
        }
    }

    /// The node; for a leaf the one that stands for it.
    pub(crate) fn node(&self) -> Arc<Node> {
        match self {
            Edge::Output(node, _) => Arc::clone(node),
            Edge::Leaf(leaf) => leaf.accumulator(),
        }
    }
}

/// A handle to a node that takes long chains down in a loop, not by recursion.
#[derive(Clone)]
pub(crate) struct Link(ManuallyDrop<Arc<Node>>);

impl std::ops::Deref for Link {
    type Target = Arc<Node>;
    fn deref(&self) -> &Arc<Node> {
        &self.0
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // SAFETY: the handle is taken here only, and `self` is not used again.
        release(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

/// A handle to a leaf that counts the ways to it.
///
/// A leaf gets its number when the first way to it is made, and another one when all ways are gone and a new graph
/// begins: it is never above a node that leads to it, and no further below than it must be, so that a gradient is
/// accumulated as soon as it is whole.
pub(crate) struct Leaf(Tensor);

impl Leaf {
    /// A further way to `t`; the caller holds the lock of its state.
    pub(crate) fn new(t: &Tensor, _locked: &State) -> Leaf {
        let meta = t.meta();
        // Ways are made from nothing under the lock only, so nobody can be relying on the number.
        if meta.ways.load(Relaxed) == 0 {
            meta.seq.store(next_seq(), Relaxed);
        }
        meta.ways.fetch_add(1, Relaxed);
        Leaf(t.clone())
    }

    pub(crate) fn tensor(&self) -> &Tensor {
        &self.0
    }

    fn seq(&self) -> u64 {
        self.0.meta().seq.load(Relaxed)
    }

    /// The node that stands for the leaf, the same one as long as somebody holds it.
    fn accumulator(&self) -> Arc<Node> {
        let mut s = self.0.meta().state();
        if let Some(node) = s.accumulator.as_ref().and_then(std::sync::Weak::upgrade) {
            return node;
        }
        let node = Node::of_leaf(&self.0, self.seq());
        s.accumulator = Some(Arc::downgrade(&node));
        node
    }

    /// As [`Edge::node`] where somebody has asked before: the only node that can have hooks.
    pub(crate) fn known_accumulator(&self) -> Option<Arc<Node>> {
        self.0.meta().state().accumulator.as_ref()?.upgrade()
    }
}

impl Clone for Leaf {
    fn clone(&self) -> Leaf {
        self.0.meta().ways.fetch_add(1, Relaxed);
        Leaf(self.0.clone())
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        let meta = self.0.meta();
        if meta.ways.fetch_sub(1, Relaxed) == 1 && meta.keeps.load(Relaxed) {
            meta.let_go();
        }
    }
}
