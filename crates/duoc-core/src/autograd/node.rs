//! A recorded operation: its edges, its saved tensors, its backward function.

use super::meta::{Hook, Meta};
use crate::layout::Dims;
use crate::{DType, Result, Tensor, bail};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Gradients with respect to a node's inputs, in the order of the inputs; None where there is none.
pub type Grads = SmallVec<[Option<Tensor>; 3]>;

pub(crate) type Backward = Box<dyn Fn(&Ctx, &[Option<Tensor>]) -> Result<Grads> + Send + Sync>;

/// An output of a node.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) node: Arc<Node>,
    pub(crate) slot: usize,
}

/// Shape and dtype of an output: what its gradient must have.
pub(crate) struct OutputInfo {
    pub(crate) shape: Dims,
    pub(crate) dtype: DType,
}

/// A recorded operation.
pub struct Node {
    name: Cow<'static, str>,
    /// Nodes are numbered as they are made, and edges lead only to earlier nodes: descending order is a topological
    /// order, which is all the engine needs.
    pub(crate) seq: u64,
    pub(crate) edges: SmallVec<[Option<Edge>; 2]>,
    pub(crate) outputs: SmallVec<[OutputInfo; 1]>,
    pub(crate) apply: Apply,
    saved: Mutex<SavedVars>,
    hooks: Mutex<Option<Box<Hooks>>>,
    /// Where the forward operation was called, when anomaly detection was on.
    pub(crate) origin: Option<String>,
}

pub(crate) enum Apply {
    Function(Backward),
    /// Adds the gradient to a leaf's.
    Accumulate(Tensor),
}

#[derive(Default)]
struct Hooks {
    pre: Vec<(u64, usize, Hook)>,
    retain: Vec<(usize, Weak<Meta>)>,
    post: Vec<(u64, NodeHook)>,
}

/// A hook on a node: sees the gradients of its inputs and of its outputs, may replace the former.
pub type NodeHook = Arc<dyn Fn(&[Option<Tensor>], &[Option<Tensor>]) -> Result<Option<Grads>> + Send + Sync>;

#[derive(Default)]
pub(crate) struct SavedVars {
    vars: SmallVec<[SavedVar; 3]>,
    freed: bool,
}

pub(crate) enum SavedVar {
    /// An input or an intermediate result.
    Tensor { tensor: Tensor, version: u32 },
    /// Output `slot` of the node itself, without history so that the node does not own itself.
    Output {
        tensor: Tensor,
        version: u32,
        slot: usize,
        leaf_like: bool,
    },
    /// What the pack hook made of a tensor; the unpack hook gives it back.
    Packed { unpack: Unpack, slot: Option<usize> },
}

/// Gives back a tensor that a pack hook took.
pub type Unpack = Arc<dyn Fn() -> Result<Tensor> + Send + Sync>;
/// Takes a tensor that is about to be saved and returns how to get it back.
pub type Pack = Arc<dyn Fn(&Tensor) -> Result<Unpack> + Send + Sync>;

thread_local! {
    static PACK: RefCell<Vec<Option<Pack>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f`; every tensor that an operation saves for backward inside goes through `pack`.
pub fn saved_tensors_hooks<T>(pack: Pack, f: impl FnOnce() -> T) -> T {
    push_pack(Some(pack));
    struct Pop;
    impl Drop for Pop {
        fn drop(&mut self) {
            pop_pack();
        }
    }
    let _pop = Pop;
    f()
}

/// Installs a pack hook on this thread (None: switches the ones below off). Pair with [`pop_pack`].
pub fn push_pack(pack: Option<Pack>) {
    PACK.with_borrow_mut(|p| p.push(pack));
}

/// Takes the last pack hook away.
pub fn pop_pack() {
    let hook = PACK.with_borrow_mut(Vec::pop);
    drop(hook);
}

/// The place of a saved tensor in its node.
#[derive(Clone, Copy)]
pub struct Saved(Option<u32>);

fn next_seq() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

impl Node {
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        edges: SmallVec<[Option<Edge>; 2]>,
        outputs: SmallVec<[OutputInfo; 1]>,
        apply: Apply,
        saved: SavedVars,
    ) -> Node {
        let origin = super::mode::is_anomaly_enabled().then(crate::op::origin);
        Node {
            name: name.into(),
            seq: next_seq(),
            edges,
            outputs,
            apply,
            saved: Mutex::new(saved),
            hooks: Mutex::new(None),
            origin,
        }
    }

    /// PyTorch's name of the node: `AddBackward0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The nodes that its gradients go to, with the output that they are gradients of.
    pub fn next_functions(&self) -> Vec<(Option<Arc<Node>>, usize)> {
        self.edges
            .iter()
            .map(|e| match e {
                Some(e) => (Some(e.node.clone()), e.slot),
                None => (None, 0),
            })
            .collect()
    }

    /// The leaf that an `AccumulateGrad` node adds to.
    pub fn variable(&self) -> Option<&Tensor> {
        match &self.apply {
            Apply::Accumulate(t) => Some(t),
            Apply::Function(_) => None,
        }
    }

    fn saved(&self) -> MutexGuard<'_, SavedVars> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the saved tensors: the graph was used and is not to be kept.
    pub(crate) fn free_saved(&self) {
        let old = {
            let mut s = self.saved();
            s.freed = !s.vars.is_empty() || s.freed;
            std::mem::take(&mut s.vars)
        };
        drop(old);
    }

    fn hooks(&self) -> MutexGuard<'_, Option<Box<Hooks>>> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_hook(&self, slot: usize, id: u64, hook: Hook) {
        self.hooks().get_or_insert_default().pre.push((id, slot, hook));
    }

    pub(crate) fn retain(&self, slot: usize, meta: Weak<Meta>) {
        self.hooks().get_or_insert_default().retain.push((slot, meta));
    }

    /// Calls `hook` after this node ran, with the gradients of its inputs and outputs.
    pub fn register_hook(self: &Arc<Node>, hook: NodeHook) -> super::HookHandle {
        let id = super::meta::next_hook_id();
        self.hooks().get_or_insert_default().post.push((id, hook));
        super::HookHandle::on_node(id, self)
    }

    pub(crate) fn remove_hook(&self, id: u64) {
        if let Some(h) = &mut *self.hooks() {
            h.pre.retain(|(i, _, _)| *i != id);
            h.post.retain(|(i, _)| *i != id);
        }
    }

    /// Runs the hooks on the gradients of the outputs, then keeps gradients for `retain_grad`.
    pub(crate) fn run_pre_hooks(&self, grads: &mut [Option<Tensor>]) -> Result<()> {
        let (pre, retain) = match &*self.hooks() {
            None => return Ok(()),
            Some(h) => (
                h.pre.iter().map(|(_, s, f)| (*s, f.clone())).collect::<Vec<_>>(),
                h.retain
                    .iter()
                    .filter_map(|(s, m)| Some((*s, m.upgrade()?)))
                    .collect::<Vec<_>>(),
            ),
        };
        for (slot, hook) in pre {
            if let Some(g) = &grads[slot]
                && let Some(new) = hook(g)?
            {
                grads[slot] = Some(new);
            }
        }
        for (slot, meta) in retain {
            if let Some(g) = &grads[slot] {
                let old = {
                    let mut s = meta.state();
                    let sum = match s.grad.take() {
                        // A second backward adds, as for a leaf.
                        Some(have) => crate::ops::pointwise::add_tensors(&have, g)?,
                        None => g.clone(),
                    };
                    s.grad.replace(sum)
                };
                drop(old);
            }
        }
        Ok(())
    }

    pub(crate) fn run_post_hooks(&self, mut inputs: Grads, outputs: &[Option<Tensor>]) -> Result<Grads> {
        let post: Vec<NodeHook> = match &*self.hooks() {
            None => return Ok(inputs),
            Some(h) => h.post.iter().map(|(_, f)| f.clone()).collect(),
        };
        for hook in post {
            if let Some(new) = hook(&inputs, outputs)? {
                inputs = new;
            }
        }
        Ok(inputs)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Saved tensors and edges may hold the only handle to the next node; long chains must not recurse.
        for e in self.edges.drain(..).flatten() {
            release(e.node);
        }
    }
}

thread_local! {
    static RELEASING: RefCell<Option<Vec<Arc<Node>>>> = const { RefCell::new(None) };
}

/// Drops a handle to a node; chains of nodes are taken down in a loop instead of by recursion.
pub(crate) fn release(node: Arc<Node>) {
    let mut node = Some(node);
    let nested = RELEASING.try_with(|r| {
        let mut r = r.borrow_mut();
        match &mut *r {
            Some(list) => {
                list.extend(node.take());
                true
            }
            None => {
                *r = Some(Vec::new());
                false
            }
        }
    });
    match nested {
        Ok(true) => return,
        Ok(false) => {}
        // The thread is ending and its list is gone: dropping directly is all that is left.
        Err(_) => return drop(node),
    }
    while let Some(n) = node {
        drop(n);
        node = RELEASING.with(|r| r.borrow_mut().as_mut().and_then(Vec::pop));
    }
    RELEASING.with(|r| *r.borrow_mut() = None);
}

/// What a backward function sees of its node: which gradients are wanted, and the saved tensors.
pub struct Ctx<'a> {
    pub(crate) node: &'a Arc<Node>,
    pub(crate) needs: SmallVec<[bool; 4]>,
}

impl Ctx<'_> {
    /// Whether the gradient of input `i` is wanted.
    pub fn needs(&self, i: usize) -> bool {
        self.needs.get(i).copied().unwrap_or(false)
    }

    /// A saved tensor; an error when the graph was freed or the tensor was changed in place since.
    pub fn get(&self, saved: Saved) -> Result<Tensor> {
        match self.get_opt(saved)? {
            Some(t) => Ok(t),
            None => bail!(Runtime, "{}: a tensor that was not saved is needed", self.node.name),
        }
    }

    /// As [`Ctx::get`] for a tensor that may not have been given.
    pub fn get_opt(&self, saved: Saved) -> Result<Option<Tensor>> {
        saved.0.map(|i| self.node.unpack(i as usize)).transpose()
    }
}

impl Node {
    fn unpack(self: &Arc<Node>, index: usize) -> Result<Tensor> {
        let saved = self.saved();
        if saved.freed {
            bail!(
                Runtime,
                "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
            );
        }
        match &saved.vars[index] {
            SavedVar::Tensor { tensor, version } => {
                if tensor.version() != *version {
                    let tensor = tensor.clone();
                    let version = *version;
                    drop(saved);
                    let made_by = tensor.grad_fn();
                    check_version(
                        &tensor,
                        version,
                        made_by.as_ref().map(|n| (n.name(), tensor.output_slot())),
                    )?;
                    return Ok(tensor);
                }
                Ok(tensor.clone())
            }
            SavedVar::Output {
                tensor,
                version,
                slot,
                leaf_like,
            } => {
                check_version(tensor, *version, Some((&self.name, *slot)))?;
                let t = tensor.alias();
                if !leaf_like {
                    let _ = t.0.meta.set(Arc::new(Meta::of_output(Edge {
                        node: self.clone(),
                        slot: *slot,
                    })));
                }
                Ok(t)
            }
            SavedVar::Packed { unpack, slot } => {
                let (unpack, slot) = (unpack.clone(), *slot);
                drop(saved);
                let t = unpack()?;
                match slot {
                    Some(slot) => {
                        let t = t.alias();
                        let _ = t.0.meta.set(Arc::new(Meta::of_output(Edge {
                            node: self.clone(),
                            slot,
                        })));
                        Ok(t)
                    }
                    None => Ok(t),
                }
            }
        }
    }

    /// The saved tensors in the order in which they were saved.
    pub fn saved_tensors(self: &Arc<Node>) -> Result<Vec<Tensor>> {
        let n = {
            let s = self.saved();
            if s.freed { 1 } else { s.vars.len() }
        };
        (0..n).map(|i| self.unpack(i)).collect()
    }
}

fn check_version(t: &Tensor, expected: u32, made_by: Option<(&str, usize)>) -> Result<()> {
    let now = t.version();
    if now == expected || t.is_inference() {
        return Ok(());
    }
    let output = made_by.map_or(String::new(), |(name, slot)| {
        format!(", which is output {slot} of {name},")
    });
    bail!(
        Runtime,
        "one of the variables needed for gradient computation has been modified by an inplace operation: [torch.{}Tensor {:?}]{output} is at version {now}; expected version {expected} instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True).",
        t.dtype().scalar_type_name(),
        t.shape()
    )
}

/// Collects what a backward function needs while the node is being made.
pub struct Recorder<'a> {
    pub(crate) outputs: &'a [Tensor],
    pub(crate) needs: SmallVec<[bool; 4]>,
    pub(crate) saved: SavedVars,
    pub(crate) error: Option<crate::Error>,
}

impl Recorder<'_> {
    /// Whether the gradient of input `i` will be wanted.
    pub fn needs(&self, i: usize) -> bool {
        self.needs[i]
    }

    /// Saves an input: with its history, so that gradients of gradients reach it.
    pub fn save(&mut self, t: &Tensor) -> Saved {
        if t.is_inference() {
            self.error.get_or_insert_with(|| {
                crate::err!(
                    Runtime,
                    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
                )
            });
            return Saved(None);
        }
        if let Some(s) = self.pack(t, None) {
            return s;
        }
        self.push(SavedVar::Tensor {
            tensor: t.clone(),
            version: t.version(),
        })
    }

    /// Saves an input that may be absent.
    pub fn save_opt(&mut self, t: Option<&Tensor>) -> Saved {
        t.map_or(Saved(None), |t| self.save(t))
    }

    /// Saves an input only when `wanted`.
    pub fn save_if(&mut self, wanted: bool, t: &Tensor) -> Saved {
        if wanted { self.save(t) } else { Saved(None) }
    }

    /// Saves output `slot` of this operation.
    pub fn save_output(&mut self, slot: usize) -> Saved {
        let t = self.outputs[slot].alias();
        if let Some(s) = self.pack(&t, Some(slot)) {
            return s;
        }
        let leaf_like = !t.dtype().is_differentiable();
        let version = t.version();
        self.push(SavedVar::Output {
            tensor: t,
            version,
            slot,
            leaf_like,
        })
    }

    /// Keeps an intermediate result without history.
    pub fn keep(&mut self, t: &Tensor) -> Saved {
        let tensor = t.alias();
        let version = tensor.version();
        self.push(SavedVar::Tensor { tensor, version })
    }

    fn pack(&mut self, t: &Tensor, slot: Option<usize>) -> Option<Saved> {
        let pack = PACK.with_borrow(|p| p.last().cloned()).flatten()?;
        match pack(t) {
            Ok(unpack) => Some(self.push(SavedVar::Packed { unpack, slot })),
            Err(e) => {
                self.error.get_or_insert(e);
                Some(Saved(None))
            }
        }
    }

    fn push(&mut self, v: SavedVar) -> Saved {
        self.saved.vars.push(v);
        Saved(Some(self.saved.vars.len() as u32 - 1))
    }
}

impl Tensor {
    /// Which output of its node it is.
    pub fn output_slot(&self) -> usize {
        self.0
            .meta
            .get()
            .and_then(|m| m.state().edge.as_ref().map(|e| e.slot))
            .unwrap_or(0)
    }
}
