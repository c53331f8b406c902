//! What a tensor knows about autograd.

use super::edge::Edge;
use super::node::Node;
use crate::{Result, Tensor, ensure};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Autograd state, made when first needed and shared by the handles that a re-seating leaves behind.
#[derive(Default)]
pub(crate) struct Meta {
    /// The user asked for a gradient of this leaf, or there is an edge: checked without the lock.
    tracked: AtomicBool,
    /// For leaves: how many edges lead here, and the place in the order of the graph while some do.
    pub(super) ways: AtomicUsize,
    pub(super) seq: AtomicU64,
    /// Whether `State::kept` is set.
    pub(super) keeps: AtomicBool,
    state: Mutex<State>,
}

/// The edge of a result of which nothing else is known: most results never need a [`Meta`].
///
/// Making the meta moves the edge there.
#[derive(Default)]
pub(crate) struct Origin {
    /// Checked without the lock; stays set when the edge has moved.
    recorded: AtomicBool,
    edge: Mutex<Option<Edge>>,
}

impl Origin {
    fn is_recorded(&self) -> bool {
        self.recorded.load(Relaxed)
    }

    fn edge(&self) -> MutexGuard<'_, Option<Edge>> {
        self.edge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) requires_grad: bool,
    pub(crate) grad: Option<Tensor>,
    /// Which output of which node this tensor is. None for leaves.
    pub(crate) edge: Option<Edge>,
    /// The node that stands for this leaf, once somebody asked for it.
    pub(crate) accumulator: Option<Weak<Node>>,
    /// The same node when it has hooks, as long as some graph leads here.
    kept: Option<Arc<Node>>,
    pub(crate) hooks: Vec<(u64, Hook)>,
    pub(crate) post_accumulate: Vec<(u64, PostHook)>,
    pub(crate) retains_grad: bool,
    /// For views: the version of the base for which `edge` is right.
    pub(crate) view_version: u32,
}

/// A hook on a gradient: may return another gradient in its place.
pub type Hook = Arc<dyn Fn(&Tensor) -> Result<Option<Tensor>> + Send + Sync>;
/// A hook that runs after a leaf's gradient was accumulated.
pub type PostHook = Arc<dyn Fn(&Tensor) -> Result<()> + Send + Sync>;

/// Why in-place changes of a view may be refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Creation {
    /// An ordinary view: may be changed in place.
    Default,
    /// One of several views that one operation returned.
    Multi,
    /// Made without recording.
    NoGrad,
    /// Made in inference mode, or of an inference tensor.
    Inference,
    /// Returned by a custom function.
    Custom,
}

/// The root that a view looks at. The way from the root to the view is the view's own layout (and dtype), so no
/// closure has to be kept to redo it.
pub(crate) struct ViewOf {
    pub(crate) base: Tensor,
    pub(crate) creation: Creation,
}

/// Removes a hook when asked; dropping the handle leaves the hook in place.
pub struct HookHandle {
    id: u64,
    target: HookTarget,
}

enum HookTarget {
    Meta(Weak<Meta>),
    Node(Weak<Node>),
}

impl HookHandle {
    pub(crate) fn on_node(id: u64, node: &Arc<Node>) -> HookHandle {
        HookHandle {
            id,
            target: HookTarget::Node(Arc::downgrade(node)),
        }
    }

    /// A number that is unique to this hook.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Takes the hook away.
    pub fn remove(self) {
        match self.target {
            HookTarget::Meta(m) => {
                if let Some(m) = m.upgrade() {
                    let mut s = m.state();
                    s.hooks.retain(|(id, _)| *id != self.id);
                    s.post_accumulate.retain(|(id, _)| *id != self.id);
                }
            }
            HookTarget::Node(n) => {
                if let Some(n) = n.upgrade() {
                    n.remove_hook(self.id);
                }
            }
        }
    }
}

pub(crate) fn next_hook_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

impl Meta {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_tracked(&self) -> bool {
        self.tracked.load(Relaxed)
    }

    /// Sets the edge into the graph (or takes it away).
    pub(crate) fn set_edge(&self, edge: Option<Edge>) {
        let old = {
            let mut s = self.state();
            self.tracked.store(edge.is_some() || s.requires_grad, Relaxed);
            std::mem::replace(&mut s.edge, edge)
        };
        drop(old);
    }

    fn of_output(edge: Option<Edge>) -> Meta {
        Meta {
            tracked: AtomicBool::new(edge.is_some()),
            state: Mutex::new(State {
                edge,
                ..State::default()
            }),
            ..Meta::default()
        }
    }

    /// Keeps the node of this leaf while some graph leads here.
    pub(super) fn keep(&self, node: &Arc<Node>) {
        let mut s = self.state();
        if self.ways.load(Relaxed) > 0 {
            s.kept = Some(node.clone());
            self.keeps.store(true, Relaxed);
        }
    }

    #[cold]
    pub(super) fn let_go(&self) {
        let mut s = self.state();
        if self.ways.load(Relaxed) == 0 {
            self.keeps.store(false, Relaxed);
            let node = s.kept.take();
            drop(s);
            drop(node);
        }
    }

    fn set_requires_grad(&self, on: bool) {
        let mut s = self.state();
        s.requires_grad = on;
        self.tracked.store(on || s.edge.is_some(), Relaxed);
    }
}

impl Tensor {
    /// The autograd state, made now if there is none.
    pub(crate) fn meta(&self) -> &Arc<Meta> {
        self.0
            .meta
            .get_or_init(|| Arc::new(Meta::of_output(self.0.origin.edge().take())))
    }

    /// The autograd state of a tensor that has any.
    pub(crate) fn known_meta(&self) -> Option<&Arc<Meta>> {
        match self.0.meta.get() {
            None if self.0.origin.is_recorded() => Some(self.meta()),
            m => m,
        }
    }

    /// Makes this tensor an output of a node.
    pub(crate) fn set_edge(&self, edge: Edge) {
        let origin = &self.0.origin;
        if self.0.meta.get().is_none() && !origin.is_recorded() {
            *origin.edge() = Some(edge);
            origin.recorded.store(true, Relaxed);
        } else {
            self.meta().set_edge(Some(edge));
        }
    }

    /// Which output of which node this tensor is, as far as known; None for leaves.
    pub(crate) fn edge(&self) -> Option<Edge> {
        if self.0.meta.get().is_none() {
            if !self.0.origin.is_recorded() {
                return None;
            }
            if let Some(e) = &*self.0.origin.edge() {
                return Some(e.clone());
            }
        }
        self.meta().state().edge.clone()
    }

    /// Whether this tensor itself takes part in a graph, views of tracked roots aside.
    pub(crate) fn is_tracked(&self) -> bool {
        match self.0.meta.get() {
            Some(m) => m.is_tracked(),
            None => self.0.origin.is_recorded(),
        }
    }

    /// Whether operations on this tensor are recorded: it is a leaf that asked for it, or a result of one.
    #[inline]
    pub fn requires_grad(&self) -> bool {
        self.is_tracked() || (self.0.view.as_ref()).is_some_and(|v| v.base.requires_grad() && self.stale_view())
    }

    /// Whether it was made by the user rather than by a recorded operation.
    pub fn is_leaf(&self) -> bool {
        if !self.requires_grad() {
            return true;
        }
        super::view::refresh(self);
        self.edge().is_none()
    }

    /// The node that made it, if it was recorded.
    pub fn grad_fn(&self) -> Option<Arc<Node>> {
        super::view::refresh(self);
        self.edge().map(|e| e.node())
    }

    /// Which output of [`Tensor::grad_fn`] this tensor is; 0 for leaves.
    pub fn output_nr(&self) -> usize {
        self.edge().map_or(0, |e| e.slot())
    }

    /// The tensor that this one becomes when its data is replaced by that of `other` (PyTorch's `x.data = other`): its
    /// elements and geometry, with this tensor's version counter and autograd state.
    pub fn with_data(&self, other: &Tensor) -> Result<Tensor> {
        ensure!(
            self.dtype() == other.dtype() || !self.requires_grad() || other.dtype().is_differentiable(),
            Runtime,
            "data set to a tensor that requires gradients must be floating point or complex dtype"
        );
        let o = &*other.0;
        let t = Tensor::assemble(
            o.storage.clone(),
            o.layout.clone(),
            o.dtype,
            self.0.bits,
            self.0.version.clone(),
            None,
        );
        let _ = t.0.meta.set(self.meta().clone());
        Ok(t)
    }

    /// The accumulated gradient.
    pub fn grad(&self) -> Option<Tensor> {
        self.0.meta.get()?.state().grad.clone()
    }

    /// Sets or clears the accumulated gradient; it must have the tensor's shape, dtype and device.
    pub fn set_grad(&self, grad: Option<&Tensor>) -> Result<()> {
        if let Some(g) = grad {
            ensure!(!g.is_same(self), Runtime, "can't assign Variable as its own grad");
            ensure!(
                g.dtype() == self.dtype(),
                Runtime,
                "assigned grad has data of a different type: got {}, expected {}",
                g.dtype(),
                self.dtype()
            );
            ensure!(
                g.shape() == self.shape(),
                Runtime,
                "assigned grad has data of a different size: got {:?}, expected {:?}",
                g.shape(),
                self.shape()
            );
        }
        let old = std::mem::replace(&mut self.meta().state().grad, grad.cloned());
        drop(old);
        Ok(())
    }

    /// Asks for a gradient of this leaf (or stops asking), and returns it.
    pub fn requires_grad_(self, on: bool) -> Result<Tensor> {
        self.set_requires_grad(on)?;
        Ok(self)
    }

    /// Asks for a gradient of this leaf, or stops asking.
    pub fn set_requires_grad(&self, on: bool) -> Result<()> {
        ensure!(
            self.is_leaf() || on,
            Runtime,
            "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
        );
        ensure!(
            !on || self.dtype().is_differentiable(),
            Runtime,
            "only Tensors of floating point and complex dtype can require gradients, this one is {}",
            self.dtype()
        );
        ensure!(
            !(on && self.is_inference() && !super::mode::is_inference()),
            Runtime,
            "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
        );
        if on || self.known_meta().is_some() {
            self.meta().set_requires_grad(on);
        }
        Ok(())
    }

    /// Whether a non-leaf keeps its gradient.
    pub fn retains_grad(&self) -> bool {
        self.0.meta.get().is_some_and(|m| m.state().retains_grad) && !self.is_leaf()
    }

    /// Makes a non-leaf keep its gradient in [`Tensor::grad`].
    pub fn retain_grad(&self) -> Result<()> {
        ensure!(
            self.requires_grad(),
            Runtime,
            "can't retain_grad on Tensor that has requires_grad=False"
        );
        if let Some(node) = self.grad_fn() {
            let slot = self.output_nr();
            let mut s = self.meta().state();
            if !s.retains_grad {
                s.retains_grad = true;
                node.retain(slot, Arc::downgrade(self.meta()));
            }
        }
        Ok(())
    }

    /// Calls `hook` with every gradient of this tensor; it may return another in its place.
    pub fn register_hook(&self, hook: Hook) -> Result<HookHandle> {
        ensure!(
            self.requires_grad(),
            Runtime,
            "cannot register a hook on a tensor that doesn't require gradient"
        );
        let id = next_hook_id();
        if let Some(node) = self.grad_fn() {
            let slot = self.output_nr();
            node.add_hook(slot, id, hook);
            return Ok(HookHandle::on_node(id, &node));
        }
        self.meta().state().hooks.push((id, hook));
        Ok(HookHandle {
            id,
            target: HookTarget::Meta(Arc::downgrade(self.meta())),
        })
    }

    /// Calls `hook` with this leaf each time its gradient was accumulated.
    pub fn register_post_accumulate_grad_hook(&self, hook: PostHook) -> Result<HookHandle> {
        ensure!(
            self.requires_grad(),
            Runtime,
            "cannot register a hook on a tensor that doesn't require gradient"
        );
        ensure!(
            self.is_leaf(),
            Runtime,
            "post accumulate grad hooks cannot be registered on non-leaf tensors"
        );
        let id = next_hook_id();
        self.meta().state().post_accumulate.push((id, hook));
        Ok(HookHandle {
            id,
            target: HookTarget::Meta(Arc::downgrade(self.meta())),
        })
    }

    /// The same elements without history; shares memory and version counter, and is a view in name only.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let x = Tensor::from_slice(&[1.0f32]).requires_grad_(true).unwrap();
    /// assert!(!x.detach().requires_grad());
    /// ```
    pub fn detach(&self) -> Tensor {
        self.alias()
    }

    /// Takes this tensor out of its graph: it becomes a leaf without gradient. Views cannot be detached in place.
    pub fn detach_(&self) -> Result<()> {
        ensure!(
            !self.is_view(),
            Runtime,
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as a solution."
        );
        if let Some(m) = self.known_meta() {
            m.set_requires_grad(false);
            m.set_edge(None);
        }
        Ok(())
    }
}
