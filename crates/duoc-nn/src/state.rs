//! State dicts: the tensors of a module under their names, and how they come back.

use crate::Module;
use crate::module::Field;
use crate::tree::{join, walk};
use duoc_core::{Result, Tensor, autograd, err};
use std::collections::HashMap;
use std::fmt::Write;

/// Tensors under names, in order: `fc1.weight`, `fc1.bias`, ..
///
/// ```
/// use duoc_nn::{Linear, Module};
/// let (a, b) = (Linear::new(2, 3), Linear::new(2, 3));
/// b.load_state_dict(&a.state_dict(), true).unwrap();
/// assert_eq!(a.weight.to_vec::<f32>(), b.weight.to_vec::<f32>());
/// ```
#[derive(Clone, Default)]
pub struct StateDict {
    entries: Vec<(String, Tensor)>,
    places: HashMap<String, usize>,
}

impl StateDict {
    /// No tensors.
    pub fn new() -> StateDict {
        StateDict::default()
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts a tensor under a name; a name that is there already keeps its place and gives back its tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        let name = name.into();
        match self.places.get(&name) {
            Some(i) => Some(std::mem::replace(&mut self.entries[*i].1, tensor)),
            None => {
                self.places.insert(name.clone(), self.entries.len());
                self.entries.push((name, tensor));
                None
            }
        }
    }

    /// Takes a name away; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        let i = self.places.remove(name)?;
        let (_, tensor) = self.entries.remove(i);
        for place in self.places.values_mut().filter(|p| **p > i) {
            *place -= 1;
        }
        Some(tensor)
    }

    /// The tensor under a name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.places.get(name).map(|i| &self.entries[*i].1)
    }

    /// Whether the name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The names in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.entries.iter().map(|(name, t)| (name.as_str(), t))
    }

    /// The same tensors under the names that `f` makes of theirs; those that it makes nothing of are left out. This is how
    /// weights with other names are brought into a module.
    pub fn rename(self, mut f: impl FnMut(&str) -> Option<String>) -> StateDict {
        self.entries
            .into_iter()
            .filter_map(|(name, t)| Some((f(&name)?, t)))
            .collect()
    }
}

impl FromIterator<(String, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(entries: I) -> StateDict {
        let mut dict = StateDict::new();
        for (name, tensor) in entries {
            dict.insert(name, tensor);
        }
        dict
    }
}

impl IntoIterator for StateDict {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl std::fmt::Debug for StateDict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(n, t)| (n, format!("{} {}", t.dtype(), t.size()))))
            .finish()
    }
}

/// What a state dict and a module did not share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Names of the module that the state dict lacks.
    pub missing_keys: Vec<String>,
    /// Names of the state dict that the module lacks.
    pub unexpected_keys: Vec<String>,
}

/// What a name of a module stands for.
struct Slot {
    name: String,
    tensor: Tensor,
    /// PyTorch's word for it in error texts, and whether older state dicts may lack it.
    optional: bool,
}

/// Each module's parameters, then its persistent buffers, then the modules inside.
fn slots(m: &dyn Module) -> Vec<Slot> {
    let mut out = Vec::new();
    walk("", m, &mut |path, m| {
        m.visit(&mut |name, field| {
            if let Field::Param(p) = field {
                out.push(Slot {
                    name: join(path, name),
                    tensor: p.tensor().clone(),
                    optional: false,
                });
            }
        });
        m.visit(&mut |name, field| {
            if let Field::Buffer(b) = field
                && b.is_persistent()
            {
                out.push(Slot {
                    name: join(path, name),
                    tensor: b.tensor().clone(),
                    // Batch norm got its counter in PyTorch 0.4.1; files without metadata may lack it.
                    optional: name == "num_batches_tracked",
                });
            }
        });
    });
    out
}

pub(crate) fn of(m: &dyn Module) -> StateDict {
    slots(m).into_iter().map(|s| (s.name, s.tensor.detach())).collect()
}

pub(crate) fn load(m: &dyn Module, state: &StateDict, strict: bool) -> Result<LoadReport> {
    let slots = slots(m);
    let mut report = LoadReport::default();
    let mut mismatches = Vec::new();
    let mut pairs = Vec::new();
    for slot in &slots {
        let Some(source) = state.get(&slot.name) else {
            if !slot.optional {
                report.missing_keys.push(slot.name.clone());
            }
            continue;
        };
        // PyTorch up to 0.3 had no 0-dimensional tensors.
        let lone = slot.tensor.dim() == 0 && source.shape() == [1];
        if lone || source.shape() == slot.tensor.shape() {
            pairs.push((slot, source, lone));
        } else {
            mismatches.push(format!(
                "size mismatch for {}: copying a param with shape {} from checkpoint, the shape in current model is {}.",
                slot.name,
                source.size(),
                slot.tensor.size()
            ));
        }
    }
    let known: std::collections::HashSet<&str> = slots.iter().map(|s| s.name.as_str()).collect();
    report.unexpected_keys = state
        .keys()
        .filter(|k| !known.contains(k))
        .map(str::to_string)
        .collect();
    refuse(m, &report, &mismatches, strict)?;
    autograd::no_grad(|| {
        for (slot, source, lone) in pairs {
            let source = source.detach();
            let source = if lone {
                duoc_core::ops::view::view(&source, &[])?
            } else {
                source
            };
            duoc_core::ops::copy::copy_(&slot.tensor, &source).map_err(|e| e.at(&slot.name))?;
        }
        Ok(report)
    })
}

fn refuse(m: &dyn Module, report: &LoadReport, mismatches: &[String], strict: bool) -> Result<()> {
    let quoted = |keys: &[String]| keys.iter().map(|k| format!("\"{k}\"")).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if strict && !report.missing_keys.is_empty() {
        lines.push(format!(
            "Missing key(s) in state_dict: {}. ",
            quoted(&report.missing_keys)
        ));
    }
    if strict && !report.unexpected_keys.is_empty() {
        lines.push(format!(
            "Unexpected key(s) in state_dict: {}. ",
            quoted(&report.unexpected_keys)
        ));
    }
    lines.extend_from_slice(mismatches);
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = format!("Error(s) in loading state_dict for {}:", m.kind());
    for line in lines {
        // Writing to a string does not fail.
        let _ = write!(text, "\n\t{line}");
    }
    Err(err!(Runtime, "{text}"))
}
