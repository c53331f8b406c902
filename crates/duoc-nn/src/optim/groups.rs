//! Parameter groups: parameters with settings of their own.

use super::value::{Entries, Value};
use crate::Param;
use duoc_core::{Result, bail, ensure};
use std::collections::HashSet;

/// Parameters that share settings.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::optim::{Algorithm, Group, SGD};
/// use duoc_nn::Param;
/// let (w, b) = (Param::new(Tensor::ones(&[2])), Param::new(Tensor::ones(&[2])));
/// let groups = [Group::new([w]), Group::new([b]).with("lr", 0.01)];
/// let optimizer = SGD::new(0.1).build(groups)?;
/// assert_eq!(optimizer.groups()[0].lr(), 0.1);
/// assert_eq!(optimizer.groups()[1].lr(), 0.01);
/// # Ok::<(), duoc_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Group {
    /// The parameters, in order.
    pub params: Vec<Param>,
    /// The settings by name. What is not set here when the optimiser is built has the optimiser's default.
    pub options: Entries,
}

impl Group {
    /// Parameters with the optimiser's default settings.
    pub fn new(params: impl IntoIterator<Item = Param>) -> Group {
        Group {
            params: params.into_iter().collect(),
            options: Entries::new(),
        }
    }

    /// The same group with a setting of its own.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Group {
        self.options.set(name, value);
        self
    }

    /// The learning rate; NaN where none is set yet.
    pub fn lr(&self) -> f64 {
        self.options.number("lr").unwrap_or(f64::NAN)
    }

    /// Sets the learning rate.
    pub fn set_lr(&mut self, lr: f64) {
        self.options.set("lr", lr);
    }
}

/// What an optimiser can be built over: parameters, parameters with their names, or groups.
pub struct Groups(pub(super) Vec<Group>);

impl From<Vec<Group>> for Groups {
    fn from(groups: Vec<Group>) -> Groups {
        Groups(groups)
    }
}
impl<const N: usize> From<[Group; N]> for Groups {
    fn from(groups: [Group; N]) -> Groups {
        Groups(groups.into())
    }
}
impl From<Vec<Param>> for Groups {
    fn from(params: Vec<Param>) -> Groups {
        Groups(vec![Group::new(params)])
    }
}
impl From<&[Param]> for Groups {
    fn from(params: &[Param]) -> Groups {
        Groups(vec![Group::new(params.iter().cloned())])
    }
}
impl<const N: usize> From<[Param; N]> for Groups {
    fn from(params: [Param; N]) -> Groups {
        Groups(vec![Group::new(params)])
    }
}
impl From<Vec<(String, Param)>> for Groups {
    fn from(named: Vec<(String, Param)>) -> Groups {
        let names = named.iter().map(|(n, _)| Value::from(n.as_str())).collect();
        let group = Group::new(named.into_iter().map(|(_, p)| p));
        Groups(vec![group.with("param_names", Value::List(names))])
    }
}

/// Checks a new group against those that are there, and fills in the defaults.
pub(super) fn admit(mut group: Group, there: &[Group], defaults: &Entries) -> Result<Group> {
    let mut seen = HashSet::new();
    group.params.retain(|p| seen.insert(p.id()));
    for p in &group.params {
        ensure!(
            p.is_leaf() || p.retains_grad(),
            Value,
            "can't optimize a non-leaf Tensor: gradients arrive only in leaves, so build the optimizer over parameters"
        );
        if there.iter().flat_map(|g| &g.params).any(|q| q.is_same(p)) {
            bail!(
                Value,
                "some parameters appear in more than one parameter group; give each parameter to one group"
            );
        }
    }
    let mut options = defaults.clone();
    for (name, value) in group.options.iter() {
        options.set(name, value.clone());
    }
    group.options = options;
    Ok(group)
}
