//! What follows from a module's fields: names, lists and walks, once for all modules (the trait's methods call them, so that
//! they are not compiled again for every layer).

use crate::module::{Field, FieldMut, Module};
use crate::{Buffer, Param};
use duoc_core::{Result, err};
use std::collections::HashSet;

pub(crate) fn training(m: &dyn Module) -> bool {
    match m.base() {
        Some(base) => base.training,
        None => m.children().first().is_none_or(|(_, inner)| inner.training()),
    }
}

pub(crate) fn named_parameters(m: &dyn Module) -> Vec<(String, Param)> {
    let mut out: Vec<(String, Param)> = Vec::new();
    let mut seen = HashSet::new();
    each_param(m, &mut |name, p| {
        if seen.insert(p.id()) {
            out.push((name, p.clone()));
        }
    });
    out
}

pub(crate) fn parameters(m: &dyn Module) -> Vec<Param> {
    named_parameters(m).into_iter().map(|(_, p)| p).collect()
}

pub(crate) fn named_buffers(m: &dyn Module) -> Vec<(String, Buffer)> {
    let mut out: Vec<(String, Buffer)> = Vec::new();
    let mut seen = HashSet::new();
    walk("", m, &mut |path, m| {
        m.visit(&mut |name, field| {
            if let Field::Buffer(b) = field
                && seen.insert(b.id())
            {
                out.push((join(path, name), b.clone()));
            }
        });
    });
    out
}

pub(crate) fn buffers(m: &dyn Module) -> Vec<Buffer> {
    named_buffers(m).into_iter().map(|(_, b)| b).collect()
}

pub(crate) fn children(m: &dyn Module) -> Vec<(String, &dyn Module)> {
    let mut out = Vec::new();
    m.visit(&mut |name, field| {
        if let Field::Module(inner) = field {
            out.push((name.to_string(), inner));
        }
    });
    out
}

pub(crate) fn named_modules(m: &dyn Module) -> Vec<(String, &dyn Module)> {
    let mut out = Vec::new();
    walk("", m, &mut |path, m| out.push((path.to_string(), m)));
    out
}

pub(crate) fn submodule<'a>(m: &'a dyn Module, path: &str) -> Result<&'a dyn Module> {
    let found = named_modules(m).into_iter().find(|(name, _)| name == path);
    match found {
        Some((_, inner)) => Ok(inner),
        None => Err(missing_attribute(m, path)),
    }
}

pub(crate) fn parameter(m: &dyn Module, name: &str) -> Result<Param> {
    let mut found = None;
    each_param(m, &mut |n, p| {
        if n == name {
            found = Some(p.clone());
        }
    });
    found.ok_or_else(|| missing_attribute(m, name))
}

pub(crate) fn buffer(m: &dyn Module, name: &str) -> Result<Buffer> {
    let found = named_buffers(m).into_iter().find(|(n, _)| n == name);
    found.map(|(_, b)| b).ok_or_else(|| missing_attribute(m, name))
}

pub(crate) fn num_parameters(m: &dyn Module) -> usize {
    parameters(m).iter().map(|p| p.numel()).sum()
}

pub(crate) fn requires_grad_(m: &dyn Module, on: bool) -> Result<()> {
    parameters(m).iter().try_for_each(|p| p.set_requires_grad(on))
}

pub(crate) fn zero_grad(m: &dyn Module) {
    for p in parameters(m) {
        // Clearing cannot fail: only a gradient that does not fit is refused.
        let _ = p.set_grad(None);
    }
}

pub(crate) fn set_mode(m: &mut dyn Module, on: bool) {
    m.set_training(on);
    m.visit_mut(&mut |_, field| {
        if let FieldMut::Module(inner) = field {
            inner.set_mode(on);
        }
    });
}

pub(crate) fn apply(m: &mut dyn Module, f: &mut dyn FnMut(&mut dyn Module) -> Result<()>) -> Result<()> {
    let mut outcome = Ok(());
    m.visit_mut(&mut |_, field| {
        if let FieldMut::Module(inner) = field
            && outcome.is_ok()
        {
            outcome = inner.apply(f);
        }
    });
    outcome?;
    f(m)
}

/// PyTorch's text for a path that leads nowhere: the last module on the way, and what it lacks.
fn missing_attribute(root: &dyn Module, path: &str) -> duoc_core::Error {
    let modules = root.named_modules();
    let mut kind = root.kind();
    let mut reached = String::new();
    for word in path.split('.') {
        let next = join(&reached, word);
        match modules.iter().find(|(name, _)| *name == next) {
            Some((_, m)) => (kind, reached) = (m.kind(), next),
            None => return err!(Key, "{kind} has no attribute `{word}`"),
        }
    }
    err!(Key, "{kind} is not a parameter")
}

pub(crate) fn join(prefix: &str, name: &str) -> String {
    match prefix {
        "" => name.to_string(),
        _ => format!("{prefix}.{name}"),
    }
}

/// Calls `f` with every module and its path, outer before inner.
pub(crate) fn walk<'a>(path: &str, m: &'a dyn Module, f: &mut dyn FnMut(&str, &'a dyn Module)) {
    f(path, m);
    m.visit(&mut |name, field| {
        if let Field::Module(inner) = field {
            walk(&join(path, name), inner, f);
        }
    });
}

/// Calls `f` with every parameter under every one of its names.
pub(crate) fn each_param<'a>(m: &'a dyn Module, f: &mut dyn FnMut(String, &'a Param)) {
    walk("", m, &mut |path, m| {
        m.visit(&mut |name, field| {
            if let Field::Param(p) = field {
                f(join(path, name), p);
            }
        });
    });
}
