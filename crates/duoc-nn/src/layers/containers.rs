//! Modules and parameters in rows and under names.

use crate::module::{Field, FieldMut};
use crate::{Base, Layer, Module, Param, repr};
use duoc_core::{Result, Tensor, ensure};
use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut, Index, IndexMut};

/// The part of `Module` that all containers write alike.
macro_rules! container {
    ($kind:literal) => {
        fn kind(&self) -> &str {
            $kind
        }
        fn as_any(&self) -> &dyn Any {
            self
        }
        fn as_any_mut(&mut self) -> &mut dyn Any {
            self
        }
        fn base(&self) -> Option<&Base> {
            Some(&self.base)
        }
        fn base_mut(&mut self) -> Option<&mut Base> {
            Some(&mut self.base)
        }
    };
}

macro_rules! display {
    ($Type:ident $(<$M:ident>)?) => {
        impl $(<$M: Module>)? fmt::Display for $Type $(<$M>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.repr())
            }
        }
        impl $(<$M: Module>)? fmt::Debug for $Type $(<$M>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.repr())
            }
        }
    };
}

/// Layers one after the other: the output of each is the input of the next.
///
/// * **Parameters**: those of the layers, under their numbers: `0.weight`, `0.bias`, `2.weight`; [`Sequential::add_named`]
///   gives another name.
/// * **Limits**: one input, one output; branches, skip connections and layers with several inputs want a struct.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, Linear, Module, sequential};
/// let net = sequential![Linear::new(4, 8), Linear::new(8, 2)];
/// assert_eq!(net.forward(&Tensor::ones(&[3, 4])).shape(), [3, 2]);
/// assert_eq!(net.state_dict().keys().last(), Some("1.bias"));
/// ```
#[derive(Default)]
pub struct Sequential {
    layers: Vec<(String, Box<dyn Layer>)>,
    base: Base,
}

/// A [`Sequential`] of the layers between the brackets.
#[macro_export]
macro_rules! sequential {
    ($($layer:expr),* $(,)?) => { $crate::Sequential::new()$(.add($layer))* };
}

impl Sequential {
    /// No layers: the identity.
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// One layer more, under its number.
    #[must_use]
    pub fn add(mut self, layer: impl Layer) -> Sequential {
        self.push(layer);
        self
    }

    /// One layer more, under a name.
    #[must_use]
    pub fn add_named(mut self, name: impl Into<String>, layer: impl Layer) -> Sequential {
        self.layers.push((name.into(), Box::new(layer)));
        self
    }

    /// Adds a layer under its number.
    pub fn push(&mut self, layer: impl Layer) {
        self.layers.push((self.layers.len().to_string(), Box::new(layer)));
    }

    /// Takes the last layer away.
    pub fn pop(&mut self) -> Option<Box<dyn Layer>> {
        self.layers.pop().map(|(_, layer)| layer)
    }

    /// Number of layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// The layers in order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Layer> {
        self.layers.iter().map(|(_, l)| &**l)
    }

    /// The layer with a number.
    pub fn get(&self, i: usize) -> Option<&dyn Layer> {
        self.layers.get(i).map(|(_, l)| &**l)
    }
}

impl Index<usize> for Sequential {
    type Output = dyn Layer;
    fn index(&self, i: usize) -> &dyn Layer {
        &*self.layers[i].1
    }
}

impl IndexMut<usize> for Sequential {
    fn index_mut(&mut self, i: usize) -> &mut dyn Layer {
        &mut *self.layers[i].1
    }
}

impl<L: Layer> FromIterator<L> for Sequential {
    fn from_iter<I: IntoIterator<Item = L>>(layers: I) -> Sequential {
        layers.into_iter().fold(Sequential::new(), Sequential::add)
    }
}

impl Module for Sequential {
    container!("Sequential");
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (name, layer) in &self.layers {
            f(name, Field::Module(&**layer));
        }
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (name, layer) in &mut self.layers {
            f(name, FieldMut::Module(&mut **layer));
        }
    }
}

display!(Sequential);

impl Layer for Sequential {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        let mut x = input.clone();
        for (_, layer) in &self.layers {
            x = layer.try_forward(&x)?;
        }
        Ok(x)
    }
}

/// Modules in a row, under their numbers. It is used like a slice; calling them is the owner's work.
///
/// ```
/// use duoc_nn::{Linear, Module, ModuleList};
/// let layers: ModuleList<Linear> = (0..3).map(|_| Linear::new(2, 2)).collect();
/// assert_eq!(layers.to_string(), "ModuleList(\n  (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)\n)");
/// assert_eq!(layers[1].in_features, 2);
/// ```
#[derive(Clone)]
pub struct ModuleList<M: Module = Box<dyn Module>> {
    modules: Vec<M>,
    base: Base,
}

impl<M: Module> ModuleList<M> {
    /// No modules.
    pub fn new() -> ModuleList<M> {
        ModuleList {
            modules: Vec::new(),
            base: Base::new(),
        }
    }

    /// Adds a module at the end.
    pub fn push(&mut self, module: M) {
        self.modules.push(module);
    }

    /// Puts a module before another; throws beyond the end.
    pub fn insert(&mut self, i: usize, module: M) {
        self.modules.insert(i, module);
    }

    /// Takes the last module away.
    pub fn pop(&mut self) -> Option<M> {
        self.modules.pop()
    }
}

impl<M: Module> Default for ModuleList<M> {
    fn default() -> ModuleList<M> {
        ModuleList::new()
    }
}

impl<M: Module> Deref for ModuleList<M> {
    type Target = [M];
    fn deref(&self) -> &[M] {
        &self.modules
    }
}

impl<M: Module> DerefMut for ModuleList<M> {
    fn deref_mut(&mut self) -> &mut [M] {
        &mut self.modules
    }
}

impl<M: Module> FromIterator<M> for ModuleList<M> {
    fn from_iter<I: IntoIterator<Item = M>>(modules: I) -> ModuleList<M> {
        ModuleList {
            modules: modules.into_iter().collect(),
            base: Base::new(),
        }
    }
}

impl<M: Module> From<Vec<M>> for ModuleList<M> {
    fn from(modules: Vec<M>) -> ModuleList<M> {
        modules.into_iter().collect()
    }
}

impl<'a, M: Module> IntoIterator for &'a ModuleList<M> {
    type Item = &'a M;
    type IntoIter = std::slice::Iter<'a, M>;
    fn into_iter(self) -> Self::IntoIter {
        self.modules.iter()
    }
}

impl<M: Module> Module for ModuleList<M> {
    container!("ModuleList");
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (i, m) in self.modules.iter().enumerate() {
            f(&i.to_string(), Field::Module(m));
        }
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (i, m) in self.modules.iter_mut().enumerate() {
            f(&i.to_string(), FieldMut::Module(m));
        }
    }
    fn repr(&self) -> String {
        let items: Vec<String> = self.modules.iter().map(Module::repr).collect();
        repr::list(self.kind(), &items)
    }
}

display!(ModuleList<M>);

/// Modules under names, in the order in which they came.
///
/// ```
/// use duoc_nn::{Linear, Module, ModuleDict};
/// let mut heads: ModuleDict<Linear> = ModuleDict::new();
/// heads.insert("class", Linear::new(2, 10)).unwrap();
/// assert_eq!(heads["class"].out_features, 10);
/// assert_eq!(heads.state_dict().keys().next(), Some("class.weight"));
/// ```
#[derive(Clone)]
pub struct ModuleDict<M: Module = Box<dyn Module>> {
    modules: Vec<(String, M)>,
    base: Base,
}

impl<M: Module> ModuleDict<M> {
    /// No modules.
    pub fn new() -> ModuleDict<M> {
        ModuleDict {
            modules: Vec::new(),
            base: Base::new(),
        }
    }

    /// Puts a module under a name; the one that was there comes back. A name has no dots and is not empty.
    pub fn insert(&mut self, name: impl Into<String>, module: M) -> Result<Option<M>> {
        let name = name.into();
        check_name("module", &name)?;
        Ok(match self.modules.iter_mut().find(|(n, _)| *n == name) {
            Some((_, m)) => Some(std::mem::replace(m, module)),
            None => {
                self.modules.push((name, module));
                None
            }
        })
    }

    /// Takes a module away.
    pub fn remove(&mut self, name: &str) -> Option<M> {
        let i = self.modules.iter().position(|(n, _)| n == name)?;
        Some(self.modules.remove(i).1)
    }

    /// The module under a name.
    pub fn get(&self, name: &str) -> Option<&M> {
        self.modules.iter().find(|(n, _)| n == name).map(|(_, m)| m)
    }

    /// Names and modules in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &M)> {
        self.modules.iter().map(|(n, m)| (n.as_str(), m))
    }

    /// Number of modules.
    pub fn len(&self) -> usize {
        self.modules.len()
    }

    /// Whether there are no modules.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    ensure!(!name.contains('.'), Key, "{what} name can't contain \".\", got: {name}");
    ensure!(!name.is_empty(), Key, "{what} name can't be empty string \"\"");
    Ok(())
}

impl<M: Module> Default for ModuleDict<M> {
    fn default() -> ModuleDict<M> {
        ModuleDict::new()
    }
}

impl<M: Module> Index<&str> for ModuleDict<M> {
    type Output = M;
    #[track_caller]
    fn index(&self, name: &str) -> &M {
        match self.get(name) {
            Some(m) => m,
            None => duoc_core::throw(duoc_core::err!(Key, "'{name}'")),
        }
    }
}

impl<M: Module> Module for ModuleDict<M> {
    container!("ModuleDict");
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (name, m) in &self.modules {
            f(name, Field::Module(m));
        }
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (name, m) in &mut self.modules {
            f(name, FieldMut::Module(m));
        }
    }
}

display!(ModuleDict<M>);

fn size_text(p: &Param) -> String {
    p.shape().iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}

/// Parameters in a row, under their numbers. It is used like a slice.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Module, Param, ParameterList};
/// let list: ParameterList = (1..3).map(|n| Param::new(Tensor::ones(&[n, 2]))).collect();
/// assert_eq!(list[1].shape(), [2, 2]);
/// assert!(list.to_string().contains("(0): Parameter containing: [torch.float32 of size 1x2]"));
/// ```
#[derive(Clone, Default)]
pub struct ParameterList {
    parameters: Vec<Param>,
    base: Base,
}

impl ParameterList {
    /// No parameters.
    pub fn new() -> ParameterList {
        ParameterList::default()
    }

    /// Adds a parameter at the end.
    pub fn push(&mut self, parameter: impl Into<Param>) {
        self.parameters.push(parameter.into());
    }
}

impl Deref for ParameterList {
    type Target = [Param];
    fn deref(&self) -> &[Param] {
        &self.parameters
    }
}

impl<P: Into<Param>> FromIterator<P> for ParameterList {
    fn from_iter<I: IntoIterator<Item = P>>(parameters: I) -> ParameterList {
        ParameterList {
            parameters: parameters.into_iter().map(Into::into).collect(),
            base: Base::new(),
        }
    }
}

impl Module for ParameterList {
    container!("ParameterList");
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (i, p) in self.parameters.iter().enumerate() {
            f(&i.to_string(), Field::Param(p));
        }
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (i, p) in self.parameters.iter_mut().enumerate() {
            f(&i.to_string(), FieldMut::Param(p));
        }
    }
    fn extra_repr(&self) -> String {
        let line = |(i, p): (usize, &Param)| {
            format!(
                "  ({i}): Parameter containing: [{} of size {}]",
                p.dtype(),
                size_text(p)
            )
        };
        self.parameters
            .iter()
            .enumerate()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

display!(ParameterList);

/// Parameters under names, in the order in which they came.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Module, ParameterDict};
/// let mut dict = ParameterDict::new();
/// dict.insert("scale", Tensor::ones(&[3])).unwrap();
/// assert_eq!(dict["scale"].shape(), [3]);
/// assert_eq!(dict.num_parameters(), 3);
/// ```
#[derive(Clone, Default)]
pub struct ParameterDict {
    parameters: Vec<(String, Param)>,
    base: Base,
}

impl ParameterDict {
    /// No parameters.
    pub fn new() -> ParameterDict {
        ParameterDict::default()
    }

    /// Puts a parameter under a name; the one that was there comes back. A name has no dots and is not empty.
    pub fn insert(&mut self, name: impl Into<String>, parameter: impl Into<Param>) -> Result<Option<Param>> {
        let (name, parameter) = (name.into(), parameter.into());
        check_name("parameter", &name)?;
        Ok(match self.parameters.iter_mut().find(|(n, _)| *n == name) {
            Some((_, p)) => Some(std::mem::replace(p, parameter)),
            None => {
                self.parameters.push((name, parameter));
                None
            }
        })
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) -> Option<Param> {
        let i = self.parameters.iter().position(|(n, _)| n == name)?;
        Some(self.parameters.remove(i).1)
    }

    /// The parameter under a name.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, p)| p)
    }

    /// Names and parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Param)> {
        self.parameters.iter().map(|(n, p)| (n.as_str(), p))
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }
}

impl Index<&str> for ParameterDict {
    type Output = Param;
    #[track_caller]
    fn index(&self, name: &str) -> &Param {
        match self.get(name) {
            Some(p) => p,
            None => duoc_core::throw(duoc_core::err!(Key, "'{name}'")),
        }
    }
}

impl Module for ParameterDict {
    container!("ParameterDict");
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (name, p) in &self.parameters {
            f(name, Field::Param(p));
        }
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (name, p) in &mut self.parameters {
            f(name, FieldMut::Param(p));
        }
    }
    fn extra_repr(&self) -> String {
        let line = |(name, p): &(String, Param)| {
            let kind = p.dtype().scalar_type_name();
            format!(
                "  ({name}): Parameter containing: [torch.{kind}Tensor of size {}]",
                size_text(p)
            )
        };
        self.parameters.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

display!(ParameterDict);
