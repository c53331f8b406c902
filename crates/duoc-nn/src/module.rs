//! Modules: whatever has parameters, buffers and modules inside.
//!
//! A module says only what its fields are (`visit`, which `#[derive(Module)]` writes); names, state dicts, conversion and
//! the rest follow. Names and their order are PyTorch's: for each module first its own parameters, then its buffers, then
//! the modules inside, in the order of the fields.

use crate::base::{BackwardHook, BackwardPreHook, Base, ForwardHook, ForwardPreHook, RemovableHandle};
use crate::{Buffer, LoadReport, Param, StateDict, repr, state, tree};
use duoc_core::{DType, Device, Result, Tensor, ensure, err};
use std::any::Any;
use std::collections::hash_map::{Entry, HashMap};
use std::fmt;

/// One field of a module.
pub enum Field<'a> {
    /// A parameter.
    Param(&'a Param),
    /// A buffer.
    Buffer(&'a Buffer),
    /// A module.
    Module(&'a dyn Module),
}

/// One field of a module, to be changed.
pub enum FieldMut<'a> {
    /// A parameter.
    Param(&'a mut Param),
    /// A buffer.
    Buffer(&'a mut Buffer),
    /// A module.
    Module(&'a mut dyn Module),
}

/// Which module it is, for observers and error texts. A module with a [`Base`] keeps its number for life; another is
/// known by its place in memory, which is right as long as it does not move: during a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ModuleId {
    number: u64,
    kind: u64,
}

/// The way from any module to the object behind the trait. It is there for every module by itself.
pub trait AsModule {
    /// The module as an object.
    fn as_module(&self) -> &dyn Module;
    /// The module as an object, to be changed.
    fn as_module_mut(&mut self) -> &mut dyn Module;
}

impl<M: Module> AsModule for M {
    fn as_module(&self) -> &dyn Module {
        self
    }
    fn as_module_mut(&mut self) -> &mut dyn Module {
        self
    }
}

/// A dtype, a device, or both: where [`Module::to`] brings a module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Placement {
    /// The element type of floating-point parameters and buffers.
    pub dtype: Option<DType>,
    /// Where the elements lie.
    pub device: Option<Device>,
}

impl From<DType> for Placement {
    fn from(dtype: DType) -> Placement {
        Placement {
            dtype: Some(dtype),
            device: None,
        }
    }
}

impl From<Device> for Placement {
    fn from(device: Device) -> Placement {
        Placement {
            dtype: None,
            device: Some(device),
        }
    }
}

impl From<(Device, DType)> for Placement {
    fn from((device, dtype): (Device, DType)) -> Placement {
        Placement {
            dtype: Some(dtype),
            device: Some(device),
        }
    }
}

/// Something with parameters. `#[derive(Module)]` writes what is required.
pub trait Module: AsModule + Send + Sync + 'static {
    /// The name of the kind: `Linear`.
    fn kind(&self) -> &str;

    /// The module as itself, for `downcast_ref`.
    fn as_any(&self) -> &dyn Any;

    /// The module as itself, for `downcast_mut`.
    fn as_any_mut(&mut self) -> &mut dyn Any;

    /// Calls `f` with the name and the contents of each field, in order.
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>));

    /// As [`Module::visit`], to change the fields.
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>));

    /// Identity, training flag and hooks, where the module has them.
    fn base(&self) -> Option<&Base> {
        None
    }

    /// As [`Module::base`], to change it.
    fn base_mut(&mut self) -> Option<&mut Base> {
        None
    }

    /// Whether the module is in training. A module without a flag of its own answers as the first one inside does.
    fn training(&self) -> bool {
        tree::training(self.as_module())
    }

    /// Sets the module's own training flag; [`Module::train`] sets those inside too.
    fn set_training(&mut self, on: bool) {
        if let Some(base) = self.base_mut() {
            base.training = on;
        }
    }

    /// What is printed between the parentheses of the module's name.
    fn extra_repr(&self) -> String {
        String::new()
    }

    /// The module as PyTorch prints it.
    fn repr(&self) -> String {
        repr::standard(self.as_module())
    }

    /// Which module it is.
    fn id(&self) -> ModuleId {
        match self.base() {
            Some(base) => ModuleId {
                number: base.id(),
                kind: 0,
            },
            None => ModuleId {
                number: std::ptr::from_ref(self).cast::<()>().addr() as u64,
                // A struct and its first field have one address.
                kind: self.kind().bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
                    (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
                }),
            },
        }
    }

    /// The parameters with their names (`encoder.layers.3.linear1.weight`), each parameter once, under its first name.
    fn named_parameters(&self) -> Vec<(String, Param)> {
        tree::named_parameters(self.as_module())
    }

    /// The parameters, each once: what an optimiser takes.
    fn parameters(&self) -> Vec<Param> {
        tree::parameters(self.as_module())
    }

    /// The buffers with their names, each once.
    fn named_buffers(&self) -> Vec<(String, Buffer)> {
        tree::named_buffers(self.as_module())
    }

    /// The buffers, each once.
    fn buffers(&self) -> Vec<Buffer> {
        tree::buffers(self.as_module())
    }

    /// The modules directly inside, with their names.
    fn children(&self) -> Vec<(String, &dyn Module)> {
        tree::children(self.as_module())
    }

    /// This module (under the empty name) and all modules inside, outer before inner.
    fn named_modules(&self) -> Vec<(String, &dyn Module)> {
        tree::named_modules(self.as_module())
    }

    /// The module at a path such as `encoder.layers.3`; an error as PyTorch's `get_submodule` gives it.
    fn get_submodule(&self, path: &str) -> Result<&dyn Module> {
        tree::submodule(self.as_module(), path)
    }

    /// The parameter with a name such as `fc1.weight`.
    fn get_parameter(&self, name: &str) -> Result<Param> {
        tree::parameter(self.as_module(), name)
    }

    /// The buffer with a name such as `bn1.running_mean`.
    fn get_buffer(&self, name: &str) -> Result<Buffer> {
        tree::buffer(self.as_module(), name)
    }

    /// Number of elements of all parameters, each parameter counted once.
    fn num_parameters(&self) -> usize {
        tree::num_parameters(self.as_module())
    }

    /// The tensors of the module under their names, sharing its memory.
    fn state_dict(&self) -> StateDict {
        state::of(self.as_module())
    }

    /// Copies the tensors of `state` into the module. With `strict`, missing and unexpected names are errors; a tensor of
    /// another shape is one always. After an error the module is what it was.
    fn load_state_dict(&self, state: &StateDict, strict: bool) -> Result<LoadReport> {
        state::load(self.as_module(), state, strict)
    }

    /// Brings floating-point parameters and buffers to a dtype, or everything to a device. Handles elsewhere (tied
    /// weights, optimisers) follow.
    ///
    /// ```
    /// use duoc_nn::{Linear, Module};
    /// use duoc_core::DType;
    /// let mut layer = Linear::new(2, 3);
    /// let held = layer.parameters();
    /// layer.to(DType::F64).unwrap();
    /// assert_eq!(held[0].dtype(), DType::F64);
    /// ```
    fn to(&mut self, placement: impl Into<Placement>) -> Result<&mut Self>
    where
        Self: Sized,
    {
        place(self.as_module_mut(), placement.into())?;
        Ok(self)
    }

    /// Sets training on or off, here and inside.
    fn set_mode(&mut self, on: bool) {
        tree::set_mode(self.as_module_mut(), on);
    }

    /// Training: dropout drops, batch norm uses the batch's statistics.
    fn train(&mut self) -> &mut Self
    where
        Self: Sized,
    {
        self.set_mode(true);
        self
    }

    /// Evaluation: dropout does nothing, batch norm uses the running statistics.
    fn eval(&mut self) -> &mut Self
    where
        Self: Sized,
    {
        self.set_mode(false);
        self
    }

    /// Says whether gradients of all parameters are recorded.
    fn requires_grad_(&self, on: bool) -> Result<()> {
        tree::requires_grad_(self.as_module(), on)
    }

    /// Drops the gradients of all parameters.
    fn zero_grad(&self) {
        tree::zero_grad(self.as_module());
    }

    /// Calls `f` with every module, inner before outer, this one last.
    ///
    /// ```
    /// use duoc_nn::{init, Linear, Module, Sequential, sequential};
    /// let mut net = sequential![Linear::new(2, 3), Linear::new(3, 1)];
    /// net.apply(&mut |m| match m.as_any().downcast_ref::<Linear>() {
    ///     Some(l) => init::ones_(&l.weight),
    ///     None => Ok(()),
    /// }).unwrap();
    /// assert_eq!(net.parameters()[0].sum().item().to_f64(), 6.0);
    /// ```
    fn apply(&mut self, f: &mut dyn FnMut(&mut dyn Module) -> Result<()>) -> Result<()> {
        tree::apply(self.as_module_mut(), f)
    }

    /// Calls `hook` with the module and its inputs before it runs; the inputs it returns take their place.
    fn register_forward_pre_hook(&self, hook: ForwardPreHook) -> Result<RemovableHandle> {
        Ok(hookable(self.as_module())?.register_forward_pre_hook(hook))
    }

    /// Calls `hook` with the module, its inputs and its outputs after it ran; the outputs it returns take their place.
    fn register_forward_hook(&self, hook: ForwardHook) -> Result<RemovableHandle> {
        Ok(hookable(self.as_module())?.register_forward_hook(hook))
    }

    /// Calls `hook` with the gradients of the module's outputs before the backward goes on; those it returns take their
    /// place.
    fn register_full_backward_pre_hook(&self, hook: BackwardPreHook) -> Result<RemovableHandle> {
        Ok(hookable(self.as_module())?.register_full_backward_pre_hook(hook))
    }

    /// Calls `hook` with the gradients of the module's inputs and outputs; those it returns take the place of the former.
    fn register_full_backward_hook(&self, hook: BackwardHook) -> Result<RemovableHandle> {
        Ok(hookable(self.as_module())?.register_full_backward_hook(hook))
    }
}

fn hookable(m: &dyn Module) -> Result<&Base> {
    m.base().ok_or_else(|| {
        err!(
            Type,
            "{} has no place for hooks: give it a field `base: Base` (made by `Base::new()`)",
            m.kind()
        )
    })
}

fn place(m: &mut dyn Module, to: Placement) -> Result<()> {
    if let Some(dtype) = to.dtype {
        ensure!(
            dtype.is_differentiable(),
            Type,
            "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
        );
    }
    let convert = |t: &Tensor| -> Result<Tensor> {
        let dtype = to.dtype.filter(|_| t.dtype().is_differentiable());
        duoc_core::autograd::no_grad(|| duoc_core::ops::copy::to_device_dtype(t, to.device, dtype, false, false, None))
    };
    reseat(m, &convert, &mut std::collections::HashSet::new())
}

/// Gives every parameter and buffer what `convert` makes of it, once, with its gradient.
fn reseat(
    m: &mut dyn Module,
    convert: &dyn Fn(&Tensor) -> Result<Tensor>,
    seen: &mut std::collections::HashSet<u64>,
) -> Result<()> {
    let mut outcome = Ok(());
    m.visit_mut(&mut |_, field| {
        if outcome.is_err() {
            return;
        }
        outcome = match field {
            FieldMut::Param(p) => reseat_param(p, convert, seen),
            FieldMut::Buffer(b) => reseat_buffer(b, convert, seen),
            FieldMut::Module(m) => reseat(m, convert, seen),
        };
    });
    outcome
}

fn reseat_param(
    p: &mut Param,
    convert: &dyn Fn(&Tensor) -> Result<Tensor>,
    seen: &mut std::collections::HashSet<u64>,
) -> Result<()> {
    if seen.insert(p.id()) {
        let old = p.tensor().detach();
        let new = convert(&old)?;
        if !new.is_same(&old) {
            let grad = p.grad().map(|g| convert(&g)).transpose()?;
            p.set(&new)?;
            p.set_grad(grad.as_ref())?;
        }
    }
    p.settle();
    Ok(())
}

fn reseat_buffer(
    b: &mut Buffer,
    convert: &dyn Fn(&Tensor) -> Result<Tensor>,
    seen: &mut std::collections::HashSet<u64>,
) -> Result<()> {
    if seen.insert(b.id()) {
        let new = convert(b.tensor())?;
        if !new.is_same(b.tensor()) {
            b.set(new);
        }
    }
    b.settle();
    Ok(())
}

/// Another module with copies of all parameters and buffers (PyTorch's `copy.deepcopy`): what was tied inside is tied in
/// the copy. Hooks stay behind.
pub fn deep_copy<M: Module + Clone>(m: &M) -> Result<M> {
    fn separate(
        m: &mut dyn Module,
        params: &mut HashMap<u64, Param>,
        buffers: &mut HashMap<u64, Buffer>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        m.visit_mut(&mut |_, field| {
            if outcome.is_err() {
                return;
            }
            outcome = (|| {
                match field {
                    FieldMut::Param(p) => {
                        *p = match params.entry(p.id()) {
                            Entry::Occupied(copy) => copy.get().clone(),
                            Entry::Vacant(place) => place.insert(p.deep_copy()?).clone(),
                        };
                    }
                    FieldMut::Buffer(b) => {
                        *b = match buffers.entry(b.id()) {
                            Entry::Occupied(copy) => copy.get().clone(),
                            Entry::Vacant(place) => place.insert(b.deep_copy()?).clone(),
                        };
                    }
                    FieldMut::Module(m) => separate(m, params, buffers)?,
                }
                Ok(())
            })();
        });
        outcome
    }
    let mut copy = m.clone();
    separate(&mut copy, &mut HashMap::new(), &mut HashMap::new())?;
    Ok(copy)
}

impl fmt::Display for dyn Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl fmt::Debug for dyn Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn kind(&self) -> &str {
        (**self).kind()
    }
    fn as_any(&self) -> &dyn Any {
        (**self).as_any()
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        (**self).as_any_mut()
    }
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        (**self).visit(f);
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        (**self).visit_mut(f);
    }
    fn base(&self) -> Option<&Base> {
        (**self).base()
    }
    fn base_mut(&mut self) -> Option<&mut Base> {
        (**self).base_mut()
    }
    fn training(&self) -> bool {
        (**self).training()
    }
    fn set_training(&mut self, on: bool) {
        (**self).set_training(on);
    }
    fn extra_repr(&self) -> String {
        (**self).extra_repr()
    }
    fn repr(&self) -> String {
        (**self).repr()
    }
    fn id(&self) -> ModuleId {
        (**self).id()
    }
}

/// What a field of a module may be: a parameter, a buffer, a module, an `Option` or `Vec` of these, or a plain value,
/// which is passed over. A field of another type does not compile, and the compiler says what to write:
///
/// ```compile_fail,E0277
/// use duoc_nn::{Linear, Module};
/// #[derive(Module)]
/// struct Net {
///     fc: Linear,
///     since: std::time::Instant,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of a module",
    note = "parts are Param, Buffer, modules (`#[derive(Module)]`), Option and Vec of them, numbers and text",
    note = "write `#[module(skip)]` on a field that holds nothing to train"
)]
pub trait Part {
    /// Calls `f` with the parts under their names.
    fn visit_part<'a>(&'a self, name: &str, f: &mut dyn FnMut(&str, Field<'a>));
    /// As [`Part::visit_part`], to change them.
    fn visit_part_mut<'a>(&'a mut self, name: &str, f: &mut dyn FnMut(&str, FieldMut<'a>));
}

impl Part for Param {
    fn visit_part<'a>(&'a self, name: &str, f: &mut dyn FnMut(&str, Field<'a>)) {
        f(name, Field::Param(self));
    }
    fn visit_part_mut<'a>(&'a mut self, name: &str, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        f(name, FieldMut::Param(self));
    }
}

impl Part for Buffer {
    fn visit_part<'a>(&'a self, name: &str, f: &mut dyn FnMut(&str, Field<'a>)) {
        f(name, Field::Buffer(self));
    }
    fn visit_part_mut<'a>(&'a mut self, name: &str, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        f(name, FieldMut::Buffer(self));
    }
}

impl<M: Module> Part for M {
    fn visit_part<'a>(&'a self, name: &str, f: &mut dyn FnMut(&str, Field<'a>)) {
        f(name, Field::Module(self));
    }
    fn visit_part_mut<'a>(&'a mut self, name: &str, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        f(name, FieldMut::Module(self));
    }
}

impl<P: Part> Part for Option<P> {
    fn visit_part<'a>(&'a self, name: &str, f: &mut dyn FnMut(&str, Field<'a>)) {
        if let Some(part) = self {
            part.visit_part(name, f);
        }
    }
    fn visit_part_mut<'a>(&'a mut self, name: &str, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        if let Some(part) = self {
            part.visit_part_mut(name, f);
        }
    }
}

impl<P: Part> Part for Vec<P> {
    fn visit_part<'a>(&'a self, name: &str, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (i, part) in self.iter().enumerate() {
            part.visit_part(&format!("{name}.{i}"), f);
        }
    }
    fn visit_part_mut<'a>(&'a mut self, name: &str, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (i, part) in self.iter_mut().enumerate() {
            part.visit_part_mut(&format!("{name}.{i}"), f);
        }
    }
}

impl<P: Part, const N: usize> Part for [P; N] {
    fn visit_part<'a>(&'a self, name: &str, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (i, part) in self.iter().enumerate() {
            part.visit_part(&format!("{name}.{i}"), f);
        }
    }
    fn visit_part_mut<'a>(&'a mut self, name: &str, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (i, part) in self.iter_mut().enumerate() {
            part.visit_part_mut(&format!("{name}.{i}"), f);
        }
    }
}

macro_rules! tuples {
    ($(($($name:ident $i:tt)*))*) => { $(
        impl<$($name: Part),*> Part for ($($name,)*) {
            fn visit_part<'a>(&'a self, name: &str, f: &mut dyn FnMut(&str, Field<'a>)) {
                $(self.$i.visit_part(&format!("{name}.{}", $i), f);)*
            }
            fn visit_part_mut<'a>(&'a mut self, name: &str, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
                $(self.$i.visit_part_mut(&format!("{name}.{}", $i), f);)*
            }
        }
    )* };
}
tuples!((A 0 B 1) (A 0 B 1 C 2));

macro_rules! plain {
    ($($t:ty),+ $(,)?) => { $(
        impl Part for $t {
            fn visit_part<'a>(&'a self, _: &str, _: &mut dyn FnMut(&str, Field<'a>)) {}
            fn visit_part_mut<'a>(&'a mut self, _: &str, _: &mut dyn FnMut(&str, FieldMut<'a>)) {}
        }
    )+ };
}
plain!(
    bool,
    u8,
    i8,
    u16,
    i16,
    u32,
    i32,
    u64,
    i64,
    usize,
    isize,
    f32,
    f64,
    String,
    &'static str,
    DType,
    Device
);
