//! The gate that every module's call passes.
//!
//! [`call()`] runs the hooks of the module, tells the observers of the thread that the module is entered and left, and
//! puts the module's path on an error that passes. The outermost module of a call is the root that paths start from.

use crate::base::{Base, Gradients, Hooks};
use crate::module::{Module, ModuleId};
use crate::summary::{self, Summary};
use duoc_core::autograd::function::{self, Backward, Forward, Function};
use duoc_core::autograd::is_grad_enabled;
use duoc_core::{DType, Error, OrThrow, Result, Tensor, catch};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

/// A module that makes one tensor of one tensor: what [`crate::Sequential`] is made of.
///
/// A layer implements [`run`](Layer::run); users call [`forward`](Layer::forward) or
/// [`try_forward`](Layer::try_forward). Modules with other arguments have methods of the same names that use
/// [`call()`] in the same way.
pub trait Layer: Module {
    /// Computes the output. Called only through [`call()`]; inside, the throwing methods of tensors and layers may be used.
    fn run(&self, input: &Tensor) -> Result<Tensor>;

    /// The output; throws.
    #[track_caller]
    fn forward(&self, input: &Tensor) -> Tensor {
        self.try_forward(input).or_throw()
    }

    /// The output.
    fn try_forward(&self, input: &Tensor) -> Result<Tensor> {
        call(self.as_module(), &[input], |x| self.run(x[0]))
    }

    /// The table of the layers inside, from one pass over an input of this shape (see [`crate::summarize`]).
    ///
    /// ```
    /// use duoc_nn::{Layer, Linear, sequential};
    /// let mut net = sequential![Linear::new(64, 32), Linear::new(32, 10)];
    /// let s = net.summary(&[8, 64]).unwrap();
    /// assert_eq!(s.total_parameters, 64 * 32 + 32 + 32 * 10 + 10);
    /// assert_eq!(s.multiply_adds, 8 * (64 * 32 + 32 + 32 * 10 + 10));
    /// assert!(s.to_string().contains("├─Linear: 1-1                            [8, 32]                   2,080"));
    /// ```
    fn summary(&mut self, shape: &[i64]) -> Result<Summary>
    where
        Self: Sized,
    {
        summary::of_layer(self, shape, DType::F32)
    }

    /// As [`Layer::summary`] for an input of another dtype: zeros, which are valid class numbers and tokens too.
    fn summary_of(&mut self, shape: &[i64], dtype: DType) -> Result<Summary>
    where
        Self: Sized,
    {
        summary::of_layer(self, shape, dtype)
    }
}

impl fmt::Display for dyn Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl fmt::Debug for dyn Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        (**self).run(input)
    }
    #[track_caller]
    fn forward(&self, input: &Tensor) -> Tensor {
        (**self).forward(input)
    }
    fn try_forward(&self, input: &Tensor) -> Result<Tensor> {
        (**self).try_forward(input)
    }
}

/// What a module may return: tensors, and tuples, lists and options of what it may return.
pub trait Outputs {
    /// Calls `f` with each tensor, in order.
    fn each(&mut self, f: &mut dyn FnMut(&mut Tensor));
}

impl Outputs for Tensor {
    fn each(&mut self, f: &mut dyn FnMut(&mut Tensor)) {
        f(self);
    }
}

impl<O: Outputs> Outputs for Option<O> {
    fn each(&mut self, f: &mut dyn FnMut(&mut Tensor)) {
        if let Some(o) = self {
            o.each(f);
        }
    }
}

impl<O: Outputs> Outputs for Vec<O> {
    fn each(&mut self, f: &mut dyn FnMut(&mut Tensor)) {
        self.iter_mut().for_each(|o| o.each(f));
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => { $(
        impl<$($name: Outputs),*> Outputs for ($($name,)*) {
            #[allow(non_snake_case, unused_variables)]
            fn each(&mut self, f: &mut dyn FnMut(&mut Tensor)) {
                let ($($name,)*) = self;
                $($name.each(f);)*
            }
        }
    )* };
}
tuples!(() (A) (A B) (A B C) (A B C D));

/// Watches the calls of modules on a thread (see [`observe`]).
pub trait Observer {
    /// A module is about to run.
    fn enter(&self, module: &dyn Module, inputs: &[Tensor]) -> Result<()> {
        let _ = (module, inputs);
        Ok(())
    }

    /// A module ran. Not called when it failed.
    fn leave(&self, module: &dyn Module, inputs: &[Tensor], outputs: &[Tensor]) -> Result<()> {
        let _ = (module, inputs, outputs);
        Ok(())
    }
}

thread_local! {
    /// How many calls are open.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static OBSERVERS: RefCell<Vec<Rc<dyn Observer>>> = const { RefCell::new(Vec::new()) };
    static FAILURE: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Where the error that is on its way out arose.
struct Failure {
    message: String,
    at: ModuleId,
    what: String,
}

/// Runs `f` with an observer of the calls of modules on this thread.
///
/// ```
/// use duoc_core::{Result, Tensor};
/// use duoc_nn::{Layer, Linear, Module, Observer, observe};
/// use std::{cell::RefCell, rc::Rc};
///
/// #[derive(Default)]
/// struct Names(RefCell<Vec<String>>);
/// impl Observer for Names {
///     fn enter(&self, module: &dyn Module, _: &[Tensor]) -> Result<()> {
///         self.0.borrow_mut().push(module.kind().to_string());
///         Ok(())
///     }
/// }
/// let (names, layer) = (Rc::new(Names::default()), Linear::new(2, 3));
/// observe(names.clone(), || layer.forward(&Tensor::ones(&[1, 2])));
/// assert_eq!(*names.0.borrow(), ["Linear"]);
/// ```
pub fn observe<T>(observer: Rc<dyn Observer>, f: impl FnOnce() -> T) -> T {
    struct Pop;
    impl Drop for Pop {
        fn drop(&mut self) {
            let gone = OBSERVERS.with_borrow_mut(Vec::pop);
            WATCHED.set(OBSERVERS.with_borrow(|o| !o.is_empty()));
            drop(gone);
        }
    }
    OBSERVERS.with_borrow_mut(|o| o.push(observer));
    WATCHED.set(true);
    let _pop = Pop;
    f()
}

fn observers() -> Vec<Rc<dyn Observer>> {
    OBSERVERS.with_borrow(Clone::clone)
}

/// Calls a module: `run` gets the inputs, which forward-pre hooks may have exchanged, and computes the outputs.
///
/// ```
/// use duoc_core::{Result, Tensor};
/// use duoc_nn::{Linear, Layer, Module, call};
///
/// #[derive(Module)]
/// struct Twin { left: Linear, right: Linear }
///
/// impl Twin {
///     fn try_forward(&self, x: &Tensor, y: &Tensor) -> Result<(Tensor, Tensor)> {
///         call(self, &[x, y], |t| Ok((self.left.forward(t[0]), self.right.forward(t[1]))))
///     }
/// }
/// let twin = Twin { left: Linear::new(2, 3), right: Linear::new(4, 3) };
/// let (a, b) = twin.try_forward(&Tensor::ones(&[1, 2]), &Tensor::ones(&[5, 4])).unwrap();
/// assert_eq!((a.shape(), b.shape()), (&[1, 3][..], &[5, 3][..]));
/// ```
pub fn call<O: Outputs>(
    module: &dyn Module,
    inputs: &[&Tensor],
    run: impl FnOnce(&[&Tensor]) -> Result<O>,
) -> Result<O> {
    let _open = Open::new();
    let hooks = module.base().and_then(Base::hooks);
    let outcome = if hooks.is_none() && !WATCHED.get() {
        catch(|| run(inputs))
    } else {
        catch(|| watched(module, inputs, hooks, run))
    };
    outcome.and_then(|r| r).map_err(|e| failed(module, inputs, e))
}

/// Counts a call while it is open, and ends it on a panic too.
struct Open;

impl Open {
    fn new() -> Open {
        DEPTH.set(DEPTH.get() + 1);
        Open
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn watched<O: Outputs>(
    module: &dyn Module,
    inputs: &[&Tensor],
    hooks: Option<Arc<Hooks>>,
    run: impl FnOnce(&[&Tensor]) -> Result<O>,
) -> Result<O> {
    let (inputs, gradients) = before(module, inputs, hooks.as_deref())?;
    let mut out = run(&inputs.iter().collect::<Vec<_>>())?;
    let mut outputs = Vec::new();
    out.each(&mut |t| outputs.push(t.clone()));
    let changed = after(module, &inputs, &outputs, hooks.as_deref(), gradients)?;
    let mut changed = changed.into_iter();
    out.each(&mut |t| {
        if let Some(new) = changed.next() {
            *t = new;
        }
    });
    Ok(out)
}

fn before(
    module: &dyn Module,
    inputs: &[&Tensor],
    hooks: Option<&Hooks>,
) -> Result<(Vec<Tensor>, Option<Arc<GradientHooks>>)> {
    let mut inputs: Vec<Tensor> = inputs.iter().map(|t| (*t).clone()).collect();
    let mut gradients = None;
    if let Some(hooks) = hooks {
        for (_, hook) in &hooks.forward_pre {
            if let Some(new) = hook(module, &inputs)? {
                same_number("forward pre-hook", inputs.len(), new.len())?;
                inputs = new;
            }
        }
        if hooks.has_backward() && is_grad_enabled() {
            let state = Arc::new(GradientHooks::new(hooks.clone(), &inputs));
            inputs = pass(InputGate(state.clone()), inputs)?;
            gradients = Some(state);
        }
    }
    for o in observers() {
        o.enter(module, &inputs)?;
    }
    Ok((inputs, gradients))
}

fn after(
    module: &dyn Module,
    inputs: &[Tensor],
    outputs: &[Tensor],
    hooks: Option<&Hooks>,
    gradients: Option<Arc<GradientHooks>>,
) -> Result<Vec<Tensor>> {
    let mut outputs = outputs.to_vec();
    for (_, hook) in hooks.map_or(&[][..], |h| &h.forward) {
        if let Some(new) = hook(module, inputs, &outputs)? {
            same_number("forward hook", outputs.len(), new.len())?;
            outputs = new;
        }
    }
    if let Some(state) = gradients {
        outputs = pass(OutputGate(state), outputs)?;
    }
    for o in observers().into_iter().rev() {
        o.leave(module, inputs, &outputs)?;
    }
    Ok(outputs)
}

fn same_number(what: &str, want: usize, got: usize) -> Result<()> {
    duoc_core::ensure!(
        want == got,
        Runtime,
        "a {what} must return as many tensors as it gets: {want}, not {got}"
    );
    Ok(())
}

/// What the backward hooks of one call share: the gradients of the outputs wait here for those of the inputs.
struct GradientHooks {
    hooks: Hooks,
    outputs: Mutex<Gradients>,
    inputs_have_gradients: bool,
    inputs: usize,
}

impl GradientHooks {
    fn new(hooks: Hooks, inputs: &[Tensor]) -> GradientHooks {
        GradientHooks {
            hooks,
            outputs: Mutex::default(),
            inputs_have_gradients: inputs.iter().any(Tensor::requires_grad),
            inputs: inputs.len(),
        }
    }

    fn output_gradients(&self, grads: &[Option<Tensor>]) -> Result<Gradients> {
        let mut grads = grads.to_vec();
        for (_, hook) in &self.hooks.backward_pre {
            if let Some(new) = hook(&grads)? {
                same_number("backward pre-hook", grads.len(), new.len())?;
                grads = new;
            }
        }
        *self.outputs.lock().unwrap_or_else(PoisonError::into_inner) = grads.clone();
        if !self.inputs_have_gradients {
            self.input_gradients(&vec![None; self.inputs])?;
        }
        Ok(grads)
    }

    fn input_gradients(&self, grads: &[Option<Tensor>]) -> Result<Gradients> {
        let outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut grads = grads.to_vec();
        for (_, hook) in &self.hooks.backward {
            if let Some(new) = hook(&grads, &outputs)? {
                same_number("backward hook", grads.len(), new.len())?;
                grads = new;
            }
        }
        Ok(grads)
    }
}

/// Passes the inputs of a module; its backward is the last of the module.
struct InputGate(Arc<GradientHooks>);
/// Passes the outputs of a module; its backward is the first of the module.
struct OutputGate(Arc<GradientHooks>);

/// Tensors without gradients pass by the gate: they would come out as other tensors for nothing.
fn pass(gate: impl Function, tensors: Vec<Tensor>) -> Result<Vec<Tensor>> {
    if !tensors.iter().any(Tensor::requires_grad) {
        return Ok(tensors);
    }
    function::apply(gate, &tensors.iter().collect::<Vec<_>>())
}

macro_rules! gate {
    ($gate:ident, $gradients:ident) => {
        impl Function for $gate {
            fn name(&self) -> String {
                "BackwardHookFunctionBackward".to_string()
            }
            fn forward(&self, ctx: &mut Forward, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
                ctx.set_materialize_grads(false);
                let fixed: Vec<&Tensor> = inputs.iter().filter(|t| !t.requires_grad()).collect();
                ctx.mark_non_differentiable(&fixed);
                Ok(inputs.to_vec())
            }
            fn backward(&self, _: &Backward, grads: &[Option<Tensor>]) -> Result<Gradients> {
                self.0.$gradients(grads)
            }
        }
    };
}
gate!(InputGate, input_gradients);
gate!(OutputGate, output_gradients);

/// Notes where an error arose, on the way out of the module; the root puts the path before the message.
#[cold]
fn failed(module: &dyn Module, inputs: &[&Tensor], e: Error) -> Error {
    let known = FAILURE.with_borrow(|f| f.as_ref().is_some_and(|f| e.message().ends_with(&f.message)));
    if !known {
        let shapes: Vec<String> = inputs.iter().map(|t| format!("{:?}", t.shape())).collect();
        let kind = match module.children().is_empty() {
            true => module.repr().replace('\n', " "),
            false => module.kind().to_string(),
        };
        let failure = Failure {
            message: e.message().to_string(),
            at: module.id(),
            what: format!("{kind}, given {}", shapes.join(", ")),
        };
        FAILURE.set(Some(failure));
    }
    if DEPTH.get() > 1 {
        return e;
    }
    let Some(failure) = FAILURE.take() else { return e };
    let found = module.named_modules().into_iter().find(|(_, m)| m.id() == failure.at);
    match found {
        Some((path, _)) if !path.is_empty() => e.at(format!("{path}: {}", failure.what)),
        _ => e.at(failure.what),
    }
}
