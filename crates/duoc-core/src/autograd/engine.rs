//! Runs a graph backwards.
//!
//! Nodes are numbered as they are made and edges lead only to earlier nodes, so taking the node with the highest
//! number first is a topological order: when a node runs, everything that feeds it has run. The engine is a loop over
//! a heap, never recursion, and runs on the caller's thread; a backward started inside a backward has its own heap.

use super::edge::{Edge, Leaf};
use super::mode;
use super::node::{Ctx, Grads, Node};
use super::record::edge_of;
use crate::shared::Shared;
use crate::{DType, Result, Tensor, bail, catch, ensure};
use smallvec::SmallVec;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// How a backward pass is run.
#[derive(Clone, Copy, Default, Debug)]
pub struct Options {
    /// Keep saved tensors so that the graph can be used again; follows `create_graph` when None.
    pub retain_graph: Option<bool>,
    /// Record the backward pass itself, for gradients of gradients.
    pub create_graph: bool,
    /// For [`grad`]: an input that the outputs do not depend on gives None instead of an error.
    pub allow_unused: bool,
    /// For [`grad`]: zeros instead of None for such inputs.
    pub materialize_grads: bool,
}

/// Accumulates the gradients of `tensors` into the leaves that they depend on, or only into `inputs`.
///
/// `grads` holds one cotangent per tensor; None stands for 1 and is allowed for single-element tensors only.
pub fn backward(
    tensors: &[&Tensor],
    grads: &[Option<&Tensor>],
    inputs: Option<&[&Tensor]>,
    options: Options,
) -> Result<()> {
    let roots = roots(tensors, grads, options.create_graph)?;
    let targets = match inputs {
        None => None,
        Some([]) => bail!(Runtime, "'inputs' argument to backward() cannot be empty."),
        Some(inputs) => {
            let mut edges = Vec::new();
            for t in inputs {
                ensure!(
                    t.requires_grad(),
                    Runtime,
                    "One of the differentiated Tensors does not require grad"
                );
                let Some(edge) = edge_of(t) else {
                    bail!(Runtime, "One of the differentiated Tensors does not require grad")
                };
                edges.push(edge);
            }
            Some((edges, *inputs.first().unwrap_or(&tensors[0])))
        }
    };
    match targets {
        None => run(roots, Targets::Leaves, options).map(drop),
        Some((edges, _)) => {
            let captured = run(roots, Targets::Accumulate(&edges), options)?;
            for (t, g) in inputs.unwrap_or(&[]).iter().zip(captured) {
                // Leaves were accumulated by their nodes; what was captured belongs to inner tensors.
                if let Some(g) = g {
                    accumulate(t, g)?;
                }
            }
            Ok(())
        }
    }
}

/// The gradients of `outputs` with respect to `inputs`; nothing is accumulated.
pub fn grad(
    outputs: &[&Tensor],
    inputs: &[&Tensor],
    grad_outputs: &[Option<&Tensor>],
    options: Options,
) -> Result<Vec<Option<Tensor>>> {
    let roots = roots(outputs, grad_outputs, options.create_graph)?;
    let mut edges = Vec::with_capacity(inputs.len());
    for t in inputs {
        ensure!(
            t.requires_grad(),
            Runtime,
            "One of the differentiated Tensors does not require grad"
        );
        let Some(edge) = edge_of(t) else {
            bail!(Runtime, "One of the differentiated Tensors does not require grad")
        };
        edges.push(edge);
    }
    let mut found = run(roots, Targets::Capture(&edges), options)?;
    for (g, t) in found.iter_mut().zip(inputs) {
        if g.is_none() && options.materialize_grads {
            *g = Some(crate::ops::factory::zeros_like(t)?);
        }
        ensure!(
            g.is_some() || options.allow_unused,
            Runtime,
            "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."
        );
    }
    Ok(found)
}

fn roots(tensors: &[&Tensor], grads: &[Option<&Tensor>], create_graph: bool) -> Result<Vec<(Edge, Tensor)>> {
    ensure!(
        grads.is_empty() || grads.len() == tensors.len(),
        Runtime,
        "got {} tensors and {} gradients",
        tensors.len(),
        grads.len()
    );
    let mut roots = Vec::with_capacity(tensors.len());
    for (i, t) in tensors.iter().enumerate() {
        ensure!(
            t.requires_grad(),
            Runtime,
            "element {i} of tensors does not require grad and does not have a grad_fn"
        );
        let Some(edge) = edge_of(t) else {
            bail!(
                Runtime,
                "element {i} of tensors does not require grad and does not have a grad_fn"
            )
        };
        let g = match grads.get(i).copied().flatten() {
            Some(g) => {
                ensure!(
                    g.shape() == t.shape(),
                    Runtime,
                    "Mismatch in shape: grad_output[{i}] has a shape of {} and output[{i}] has a shape of {}.",
                    g.size(),
                    t.size()
                );
                ensure!(
                    g.dtype().is_complex() == t.dtype().is_complex(),
                    Runtime,
                    "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: grad_output[{i}] has a dtype of {} and output[{i}] has a dtype of {}.",
                    g.dtype(),
                    t.dtype()
                );
                if create_graph { g.clone() } else { g.detach() }
            }
            None => {
                ensure!(
                    t.numel() == 1,
                    Runtime,
                    "grad can be implicitly created only for scalar outputs"
                );
                ensure!(
                    t.dtype().is_float(),
                    Runtime,
                    "grad can be implicitly created only for real scalar outputs but got {}",
                    t.dtype()
                );
                crate::ops::factory::ones_like(t)?
            }
        };
        roots.push((edge, g));
    }
    Ok(roots)
}

enum Targets<'a> {
    /// Accumulate into every leaf.
    Leaves,
    /// Return the gradients that arrive at these edges and accumulate nothing.
    Capture(&'a [Edge]),
    /// Accumulate into these leaves only, and return what arrives at the inner ones.
    Accumulate(&'a [Edge]),
}

/// A node or leaf waiting to run, ordered by its number.
struct Ready(u64, Edge);

impl PartialEq for Ready {
    fn eq(&self, o: &Ready) -> bool {
        self.0 == o.0
    }
}
impl Eq for Ready {}
impl PartialOrd for Ready {
    fn partial_cmp(&self, o: &Ready) -> Option<std::cmp::Ordering> {
        Some(self.cmp(o))
    }
}
impl Ord for Ready {
    fn cmp(&self, o: &Ready) -> std::cmp::Ordering {
        self.0.cmp(&o.0)
    }
}

/// Spreads the numbers of nodes over a table: they are not chosen by an adversary, so one product is enough.
#[derive(Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64(self.0 ^ u64::from(*b)));
    }
    fn write_u64(&mut self, n: u64) {
        let product = u128::from(n) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

type Numbers = HashSet<u64, BuildHasherDefault<NumberHasher>>;
type Buffers = HashMap<u64, Buffer, BuildHasherDefault<NumberHasher>>;
type Buffer = SmallVec<[Option<Tensor>; 1]>;

fn run(roots: Vec<(Edge, Tensor)>, targets: Targets, options: Options) -> Result<Vec<Option<Tensor>>> {
    let create_graph = options.create_graph;
    let keep = options.retain_graph.unwrap_or(create_graph);
    let _mode = mode::grad_mode(create_graph);
    let (wanted, accumulate_leaves): (&[Edge], bool) = match &targets {
        Targets::Leaves => (&[], true),
        Targets::Capture(e) => (e, false),
        Targets::Accumulate(e) => (e, true),
    };
    let needed = (!matches!(targets, Targets::Leaves)).then(|| needed(&roots, wanted));
    let mut captured: Vec<Option<Tensor>> = vec![None; wanted.len()];
    let mut buffers = Buffers::default();
    let mut heap = BinaryHeap::new();
    for (edge, g) in roots {
        let g = fit_output(g, &edge, "the output")?;
        deliver(&mut buffers, &mut heap, &edge, g, create_graph)?;
    }
    while let Some(Ready(seq, at)) = heap.pop() {
        let Some(mut grads) = buffers.remove(&seq) else {
            continue;
        };
        if let Some(needed) = &needed
            && !needed.contains(&seq)
        {
            continue;
        }
        let targets = wanted.iter().enumerate().filter(|(_, e)| e.seq() == seq);
        let node = match &at {
            Edge::Output(node, _) => node,
            Edge::Leaf(leaf) => {
                let Some(g) = arrive(leaf, &mut grads)? else { continue };
                let mut is_target = wanted.is_empty();
                for (i, _) in targets {
                    is_target = true;
                    if !accumulate_leaves {
                        captured[i] = Some(g.clone());
                    }
                }
                if accumulate_leaves && is_target {
                    finish_leaf(leaf, g)?;
                }
                continue;
            }
        };
        node.run_pre_hooks(&mut grads)?;
        for (i, e) in targets {
            captured[i] = grads[e.slot()].clone();
        }
        if let Some(needed) = &needed
            && !node.edges().iter().flatten().any(|e| needed.contains(&e.seq()))
        {
            // A target with nothing wanted below it.
            continue;
        }
        let results = call(node, &grads, needed.as_ref())?;
        let results = node.run_post_hooks(results, &grads)?;
        drop(grads);
        if !keep {
            node.free_saved();
        }
        for (i, (g, edge)) in results.into_iter().zip(node.edges()).enumerate() {
            let (Some(g), Some(edge)) = (g, edge) else {
                continue;
            };
            let g = fit_output(g, edge, &format_name(node, i))?;
            deliver(&mut buffers, &mut heap, edge, g, create_graph)?;
        }
    }
    Ok(captured)
}

/// The gradient of a leaf after its hooks.
fn arrive(leaf: &Leaf, grads: &mut Buffer) -> Result<Option<Tensor>> {
    if let Some(node) = leaf.known_accumulator() {
        node.run_pre_hooks(grads)?;
    }
    grads[0].take().map(|g| run_leaf_hooks(leaf.tensor(), g)).transpose()
}

/// Adds to the gradient of a leaf, and tells those who asked to know.
fn finish_leaf(leaf: &Leaf, g: Tensor) -> Result<()> {
    match leaf.known_accumulator() {
        None => accumulate(leaf.tensor(), g),
        Some(node) => {
            accumulate(leaf.tensor(), g.clone())?;
            node.run_post_hooks(Grads::new(), &[Some(g)]).map(drop)
        }
    }
}

fn format_name(node: &Node, i: usize) -> Name<'_> {
    Name(node, i)
}

/// Formats only when an error needs it.
struct Name<'a>(&'a Node, usize);
trait Describe {
    fn describe(&self) -> String;
}
impl Describe for Name<'_> {
    fn describe(&self) -> String {
        format!(
            "Function {} returned an invalid gradient at index {}",
            self.0.name(),
            self.1
        )
    }
}
impl Describe for str {
    fn describe(&self) -> String {
        format!("invalid gradient for {self}")
    }
}

/// The numbers of the nodes from which some target is reached.
fn needed(roots: &[(Edge, Tensor)], targets: &[Edge]) -> Numbers {
    let mut all: Vec<&Edge> = Vec::new();
    let mut seen = Numbers::default();
    let mut stack: Vec<&Edge> = roots.iter().map(|(e, _)| e).collect();
    while let Some(e) = stack.pop() {
        if seen.insert(e.seq()) {
            stack.extend(e.next().iter().flatten());
            all.push(e);
        }
    }
    // Edges lead to lower numbers: in ascending order every successor is decided before its predecessor.
    all.sort_unstable_by_key(|e| e.seq());
    let mut needed: Numbers = targets.iter().map(Edge::seq).collect();
    for e in all {
        if e.next().iter().flatten().any(|e| needed.contains(&e.seq())) {
            needed.insert(e.seq());
        }
    }
    needed
}

fn call(node: &Arc<Node>, grads: &[Option<Tensor>], needed: Option<&Numbers>) -> Result<Grads> {
    if grads.iter().all(Option::is_none) {
        return Ok(Grads::new());
    }
    let wanted = |e: &Option<Edge>| match (e, needed) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(e), Some(n)) => n.contains(&e.seq()),
    };
    let ctx = Ctx {
        node,
        needs: node.edges().iter().map(wanted).collect(),
    };
    // Formulas may use operators, which throw: the error comes back as a value here.
    let results = catch(|| (node.apply)(&ctx, grads))
        .and_then(|r| r)
        .map_err(|e| with_origin(e, node))?;
    if mode::is_anomaly_enabled() {
        for (i, g) in results.iter().enumerate() {
            if let Some(g) = g
                && crate::ops::pointwise::has_nan(g)?
            {
                let e = crate::err!(
                    Runtime,
                    "Function '{}' returned nan values in its {i}th output.",
                    node.name()
                );
                return Err(with_origin(e, node));
            }
        }
    }
    Ok(results)
}

fn with_origin(e: crate::Error, node: &Node) -> crate::Error {
    match &node.head.origin {
        Some(o) => crate::Error::new(
            e.kind(),
            format!("{} The forward operation was recorded here: {o}", e.message()),
        ),
        None => e,
    }
}

/// Makes a gradient fit the output that it belongs to: sums over broadcast dimensions, converts the dtype.
fn fit_output(g: Tensor, edge: &Edge, who: &(impl Describe + ?Sized)) -> Result<Tensor> {
    let (shape, dtype) = (edge.shape(), edge.dtype());
    if g.shape() == shape && g.dtype() == dtype {
        return Ok(g);
    }
    if !expandable_to(shape, g.shape()) {
        bail!(
            Runtime,
            "{} - got {:?} but expected shape compatible with {:?}",
            who.describe(),
            g.shape(),
            shape
        );
    }
    fit(g, shape, dtype)
}

/// Sums `g` down to `shape` and converts it to `dtype`.
pub(crate) fn fit(g: Tensor, shape: &[usize], dtype: DType) -> Result<Tensor> {
    let g = if g.shape() == shape {
        g
    } else {
        crate::ops::shape::sum_to(&g, shape)?
    };
    if g.dtype() == dtype {
        return Ok(g);
    }
    let g = if g.dtype().is_complex() && !dtype.is_complex() {
        crate::ops::parts::real(&g)?
    } else {
        g
    };
    crate::ops::copy::to_dtype(&g, dtype)
}

fn expandable_to(shape: &[usize], to: &[usize]) -> bool {
    shape.len() <= to.len() && shape.iter().rev().zip(to.iter().rev()).all(|(s, t)| s == t || *s == 1)
}

/// Adds a gradient to what waits for an output.
fn deliver(
    buffers: &mut Buffers,
    heap: &mut BinaryHeap<Ready>,
    edge: &Edge,
    g: Tensor,
    create_graph: bool,
) -> Result<()> {
    let seq = edge.seq();
    let buffer = buffers.entry(seq).or_insert_with(|| {
        heap.push(Ready(seq, edge.clone()));
        smallvec::smallvec![None; edge.outputs()]
    });
    let slot = &mut buffer[edge.slot()];
    *slot = Some(match slot.take() {
        None => g,
        // A sum that only this buffer holds may grow in place.
        Some(have) => {
            let ours = !create_graph
                && Shared::count(&have.0) == 1
                && have.storage().use_count() == 1
                && have.layout().is_non_overlapping_and_dense();
            if ours {
                crate::ops::pointwise::add_into(&have, &g)?;
                have
            } else {
                crate::ops::pointwise::add_tensors(&have, &g)?
            }
        }
    });
    Ok(())
}

fn run_leaf_hooks(leaf: &Tensor, mut g: Tensor) -> Result<Tensor> {
    let hooks: Vec<_> = match leaf.0.meta.get() {
        Some(m) => m.state().hooks.iter().map(|(_, h)| h.clone()).collect(),
        None => return Ok(g),
    };
    for h in hooks {
        if let Some(new) = h(&g)? {
            g = fit(new, leaf.shape(), leaf.dtype())?;
        }
    }
    Ok(g)
}

/// Adds to a leaf's gradient: in place when the backward pass is not recorded, as PyTorch's `AccumulateGrad`.
fn accumulate(leaf: &Tensor, g: Tensor) -> Result<()> {
    let meta = leaf.meta().clone();
    let have = meta.state().grad.clone();
    let new = match have {
        None => {
            let mine = !mode::is_grad_enabled()
                && Shared::count(&g.0) == 1
                && g.storage().use_count() == 1
                && g.strides() == leaf.strides();
            if mine {
                g
            } else if mode::is_grad_enabled() {
                crate::ops::copy::clone(&g, None)?
            } else {
                // The gradient gets the strides of the leaf when those are dense.
                let t = Tensor::uninit_like(leaf, g.dtype())?;
                crate::ops::copy::copy_(&t, &g.detach())?;
                t
            }
        }
        Some(have) if !mode::is_grad_enabled() => {
            crate::ops::pointwise::add_into(&have, &g)?;
            have
        }
        Some(have) => crate::ops::pointwise::add_tensors(&have, &g)?,
    };
    let old = meta.state().grad.replace(new);
    drop(old);
    let hooks: Vec<_> = meta.state().post_accumulate.iter().map(|(_, h)| h.clone()).collect();
    for h in hooks {
        h(leaf)?;
    }
    Ok(())
}

impl Tensor {
    /// Accumulates gradients into the leaves that this scalar depends on.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let x = Tensor::from_slice(&[3.0f32]).requires_grad_(true).unwrap();
    /// (&x * &x).sum().backward().unwrap();
    /// assert_eq!(x.grad().unwrap().to_vec::<f32>(), [6.0]);
    /// ```
    pub fn backward(&self) -> Result<()> {
        backward(&[self], &[], None, Options::default())
    }

    /// As [`Tensor::backward`] with a cotangent and options.
    pub fn backward_with(&self, gradient: Option<&Tensor>, options: Options) -> Result<()> {
        backward(&[self], &[gradient], None, options)
    }
}
