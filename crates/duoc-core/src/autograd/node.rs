//! A recorded operation: its edges, its saved tensors, its backward function.

use super::edge::{Edge, Edges};
use super::meta::{Hook, Meta};
use super::mode;
use crate::layout::Dims;
use crate::{DType, Result, Tensor, bail};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Gradients with respect to a node's inputs, in the order of the inputs; None where there is none.
pub type Grads = SmallVec<[Option<Tensor>; 3]>;

/// A backward function: the gradients of the inputs from those of the outputs.
pub type Formula = dyn Fn(&Ctx, &[Option<Tensor>]) -> Result<Grads> + Send + Sync;

/// Shape and dtype of an output: what its gradient must have.
pub(crate) struct OutputInfo {
    pub(crate) shape: Dims,
    pub(crate) dtype: DType,
}

impl OutputInfo {
    pub(crate) fn of(t: &Tensor) -> OutputInfo {
        OutputInfo {
            shape: Dims::from_slice(t.shape()),
            dtype: t.dtype(),
        }
    }
}

/// A recorded operation: one allocation, with the captured values of its backward function at the end.
pub struct Node<F: ?Sized = Formula> {
    pub(crate) head: Head,
    pub(crate) apply: F,
}

/// What every node has, whatever its function.
pub(crate) struct Head {
    name: Cow<'static, str>,
    /// Nodes are numbered as they are made, and edges lead only to earlier nodes: descending order is a topological
    /// order, which is all the engine needs.
    pub(crate) seq: u64,
    pub(crate) edges: Edges,
    pub(crate) outputs: SmallVec<[OutputInfo; 1]>,
    saved: Mutex<SavedVars>,
    /// Few nodes have hooks; the others pay one load.
    hooks: OnceLock<Box<Mutex<Hooks>>>,
    /// Where the forward operation was called, when anomaly detection was on.
    pub(crate) origin: Option<Box<str>>,
    /// For the node that stands for a leaf: the leaf.
    leaf: Option<Tensor>,
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
    vars: SmallVec<[SavedVar; 2]>,
    freed: bool,
}

pub(crate) enum SavedVar {
    /// An input or an intermediate result.
    Tensor { tensor: Tensor, version: u32 },
    /// Output `slot` of the node itself, without history so that the node does not own itself.
    Output {
        tensor: Tensor,
        version: u32,
        slot: u32,
        leaf_like: bool,
    },
    /// What the pack hook made of a tensor; the unpack hook gives it back.
    Packed { unpack: Unpack, slot: Option<u32> },
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
    mode::set_flag(mode::PACK, true);
}

/// Takes the last pack hook away.
pub fn pop_pack() {
    let (hook, more) = PACK.with_borrow_mut(|p| (p.pop(), !p.is_empty()));
    mode::set_flag(mode::PACK, more);
    drop(hook);
}

/// The place of a saved tensor in its node.
#[derive(Clone, Copy)]
pub struct Saved(Option<u32>);

pub(crate) fn next_seq() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

impl Head {
    /// A new node to be, later in the order than everything that its edges lead to.
    pub(crate) fn new(name: impl Into<Cow<'static, str>>, edges: Edges, outputs: SmallVec<[OutputInfo; 1]>) -> Head {
        Head {
            name: name.into(),
            seq: next_seq(),
            edges,
            outputs,
            saved: Mutex::default(),
            hooks: OnceLock::new(),
            origin: mode::is_anomaly_enabled().then(|| crate::op::origin().into()),
            leaf: None,
        }
    }

    /// The node that it becomes with its backward function.
    pub(crate) fn with<F>(self, apply: F) -> Arc<Node>
    where
        F: Fn(&Ctx, &[Option<Tensor>]) -> Result<Grads> + Send + Sync + 'static,
    {
        Arc::new(Node { head: self, apply })
    }
}

impl Node {
    /// The node that stands for a leaf where somebody asks for one; the engine needs none.
    pub(crate) fn of_leaf(leaf: &Tensor, seq: u64) -> Arc<Node> {
        let head = Head {
            seq,
            leaf: Some(leaf.clone()),
            ..Head::new(
                "AccumulateGrad",
                Edges::new(),
                smallvec::smallvec![OutputInfo::of(leaf)],
            )
        };
        head.with(|_, _| Ok(Grads::new()))
    }

    /// PyTorch's name of the node: `AddBackward0`.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// Its place in the order in which the graph was made.
    pub(crate) fn seq(&self) -> u64 {
        self.head.seq
    }

    /// Where the gradient of each input goes.
    pub(crate) fn edges(&self) -> &[Option<Edge>] {
        &self.head.edges
    }

    /// The nodes that its gradients go to, with the output that they are gradients of.
    pub fn next_functions(&self) -> Vec<(Option<Arc<Node>>, usize)> {
        self.edges()
            .iter()
            .map(|e| match e {
                Some(e) => (Some(e.node()), e.slot()),
                None => (None, 0),
            })
            .collect()
    }

    /// The leaf that an `AccumulateGrad` node adds to.
    pub fn variable(&self) -> Option<&Tensor> {
        self.head.leaf.as_ref()
    }

    fn saved(&self) -> MutexGuard<'_, SavedVars> {
        self.head.saved.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// The hooks, if there ever were any.
    fn hooks(&self) -> Option<MutexGuard<'_, Hooks>> {
        let hooks = self.head.hooks.get()?;
        Some(hooks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn new_hooks(&self) -> MutexGuard<'_, Hooks> {
        let hooks = self.head.hooks.get_or_init(Box::default);
        hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_hook(&self, slot: usize, id: u64, hook: Hook) {
        self.new_hooks().pre.push((id, slot, hook));
    }

    pub(crate) fn retain(&self, slot: usize, meta: Weak<Meta>) {
        self.new_hooks().retain.push((slot, meta));
    }

    /// Calls `hook` after this node ran, with the gradients of its inputs and outputs.
    pub fn register_hook(self: &Arc<Node>, hook: NodeHook) -> super::HookHandle {
        let id = super::meta::next_hook_id();
        self.new_hooks().post.push((id, hook));
        if let Some(leaf) = self.variable() {
            // Nothing else keeps the node of a leaf, and the graph that leads to it has to find the hook.
            leaf.meta().keep(self);
        }
        super::HookHandle::on_node(id, self)
    }

    pub(crate) fn remove_hook(&self, id: u64) {
        if let Some(mut h) = self.hooks() {
            h.pre.retain(|(i, _, _)| *i != id);
            h.post.retain(|(i, _)| *i != id);
        }
    }

    /// Runs the hooks on the gradients of the outputs, then keeps gradients for `retain_grad`.
    pub(crate) fn run_pre_hooks(&self, grads: &mut [Option<Tensor>]) -> Result<()> {
        let (pre, retain) = match self.hooks() {
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
        let post: Vec<NodeHook> = match self.hooks() {
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

thread_local! {
    static RELEASING: RefCell<Option<Vec<Arc<Node>>>> = const { RefCell::new(None) };
}

/// Drops a handle to a node; chains of nodes are taken down in a loop instead of by recursion.
pub(crate) fn release(node: Arc<Node>) {
    if Arc::strong_count(&node) > 1 {
        return drop(node);
    }
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
            None => bail!(Runtime, "{}: a tensor that was not saved is needed", self.node.name()),
        }
    }

    /// The conjugate of a saved tensor, which the gradient of an analytic function multiplies with; a real one itself.
    pub fn get_conj(&self, saved: Saved) -> Result<Tensor> {
        crate::ops::parts::conjugated(&self.get(saved)?)
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
                        made_by.as_ref().map(|n| (n.name(), tensor.output_nr())),
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
                check_version(tensor, *version, Some((self.name(), *slot as usize)))?;
                let t = tensor.alias();
                if !leaf_like {
                    t.set_edge(Edge::output(self.clone(), *slot as usize));
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
                        t.set_edge(Edge::output(self.clone(), slot as usize));
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
    outputs: &'a [Tensor],
    head: Head,
    error: Option<crate::Error>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        outputs: &'a [Tensor],
        inputs: &[Option<&Tensor>],
    ) -> Recorder<'a> {
        let edges = inputs.iter().map(|t| t.and_then(super::record::edge_of)).collect();
        let infos = outputs.iter().map(OutputInfo::of).collect();
        Recorder {
            outputs,
            head: Head::new(name, edges, infos),
            error: None,
        }
    }

    /// The node without its function, or what went wrong while it was being made.
    pub(crate) fn finish(self) -> Result<Head> {
        match self.error {
            Some(e) => Err(e),
            None => Ok(self.head),
        }
    }
}

impl Recorder<'_> {
    /// Whether the gradient of input `i` will be wanted.
    pub fn needs(&self, i: usize) -> bool {
        self.head.edges[i].is_some()
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
            slot: slot as u32,
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
        if mode::flags() & mode::PACK == 0 {
            return None;
        }
        let pack = PACK.with_borrow(|p| p.last().cloned()).flatten()?;
        let slot = slot.map(|s| s as u32);
        match pack(t) {
            Ok(unpack) => Some(self.push(SavedVar::Packed { unpack, slot })),
            Err(e) => {
                self.error.get_or_insert(e);
                Some(Saved(None))
            }
        }
    }

    fn push(&mut self, v: SavedVar) -> Saved {
        let saved = self.head.saved.get_mut().unwrap_or_else(PoisonError::into_inner);
        saved.vars.push(v);
        Saved(Some(saved.vars.len() as u32 - 1))
    }
}
