//! The registry: every op with its parsed schema, and the in-place and `out=` forms derived from it.

use super::schema::{Argument, Return, Schema, Type};
use super::{Op, Value, finish_out};
use crate::autograd::mode::is_grad_enabled;
use crate::{Result, Tensor, ensure, err};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::OnceLock;

/// How an entry came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As declared.
    Plain,
    /// `name_`, derived: writes the result over the first argument.
    Inplace,
    /// With `out=`, derived: writes the results into given tensors.
    Out,
}

/// One callable of the registry.
pub struct Entry {
    /// The declaration behind it.
    pub op: &'static Op,
    /// Its own schema; derived forms differ from the declaration's.
    pub schema: Schema,
    /// Declared or derived.
    pub form: Form,
}

impl Entry {
    /// Calls it with arguments in schema order; `out` tensors come last.
    ///
    /// For [`Form::Out`] the results are the `out` tensors after the call: a tensor that had to be resized is another
    /// handle, which the caller must put in the place of the one it gave.
    pub fn call(&self, args: &[Value]) -> Result<Value> {
        match self.form {
            Form::Plain => (self.op.call)(args),
            Form::Inplace => {
                let Some(Value::Tensor(x)) = args.first() else {
                    return Err(err!(Type, "{}: the first argument must be a Tensor", self.schema.name));
                };
                if self.write_over(x, args)? {
                    return Ok(Value::Tensor(x.clone()));
                }
                super::in_place(x, args.iter().flat_map(Value::tensors), |x0| {
                    let mut args = args.to_vec();
                    args[0] = Value::Tensor(x0.clone());
                    match (self.op.call)(&args)? {
                        Value::Tensor(t) => Ok(t),
                        _ => Err(err!(Runtime, "{}: an in-place form needs one result", self.schema.name)),
                    }
                })?;
                Ok(Value::Tensor(x.clone()))
            }
            Form::Out => self.call_out(args),
        }
    }

    /// Runs the op straight over its first argument, where nothing is recorded and nobody watches; false where the
    /// general way is needed.
    fn write_over(&self, x: &Tensor, args: &[Value]) -> Result<bool> {
        let Some(write) = self.op.write else { return Ok(false) };
        let recorded = || is_grad_enabled() && args.iter().flat_map(Value::tensors).any(|t| t.requires_grad());
        if super::is_gated() || recorded() {
            return Ok(false);
        }
        let inputs: SmallVec<[&Tensor; 4]> = args.iter().flat_map(Value::tensors).collect();
        super::check_target(x, &inputs)?;
        match write(args, x) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == crate::ErrorKind::NotImplemented => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn call_out(&self, args: &[Value]) -> Result<Value> {
        let n = self.schema.returns.len();
        let split = args.len().saturating_sub(n);
        let (inputs, outs) = args.split_at(split);
        let mut tensors = Vec::with_capacity(n);
        for o in outs {
            match o {
                Value::Tensor(t) => tensors.push(t.clone()),
                _ => return Err(err!(Type, "{}: out must be a Tensor", self.schema.name)),
            }
        }
        ensure!(tensors.len() == n, Type, "{}: out needs {n} tensors", self.schema.name);
        finish_out(self.op, inputs, tensors)
    }
}

/// All entries.
pub struct Registry {
    /// In declaration order, derived forms after their op.
    pub entries: Vec<Entry>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Registry {
    /// The overloads of a name such as `add` or `add_`; `out=` forms are overloads of the plain name.
    pub fn overloads(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.by_name.get(name).into_iter().flatten().map(|i| &self.entries[*i])
    }

    /// The entry of a full name such as `add.Tensor`, not an `out=` form.
    pub fn get(&self, full_name: &str) -> Option<&Entry> {
        let name = full_name.split('.').next().unwrap_or(full_name);
        self.overloads(name)
            .find(|e| e.schema.full_name() == full_name && e.form != Form::Out)
    }

    /// The `out=` form of the entry with that full name.
    pub fn get_out(&self, full_name: &str) -> Option<&Entry> {
        let name = full_name.split('.').next().unwrap_or(full_name);
        self.overloads(name)
            .find(|e| e.form == Form::Out && e.op.schema.starts_with(&format!("{full_name}(")))
    }
}

/// The registry of all ops.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut r = Registry {
            entries: Vec::new(),
            by_name: HashMap::new(),
        };
        for family in crate::ops::FAMILIES {
            for op in *family {
                // A row that does not parse is a mistake in the source; the test below names it.
                let Ok(schema) = Schema::parse(op.schema) else { continue };
                r.add(op, schema);
            }
        }
        r
    })
}

impl Registry {
    fn add(&mut self, op: &'static Op, schema: Schema) {
        let out = op.surface.out.then(|| out_schema(&schema));
        let inplace = op.surface.inplace.then(|| inplace_schema(&schema));
        self.push(Entry {
            op,
            schema,
            form: Form::Plain,
        });
        if let Some(s) = inplace {
            self.push(Entry {
                op,
                schema: s,
                form: Form::Inplace,
            });
        }
        if let Some(s) = out {
            self.push(Entry {
                op,
                schema: s,
                form: Form::Out,
            });
        }
    }

    fn push(&mut self, entry: Entry) {
        let at = self.entries.len();
        self.by_name.entry(entry.schema.name.clone()).or_default().push(at);
        for alias in entry.op.surface.aliases {
            let name = if entry.form == Form::Inplace {
                format!("{alias}_")
            } else {
                alias.to_string()
            };
            self.by_name.entry(name).or_default().push(at);
        }
        self.entries.push(entry);
    }

    /// Every name with its entries, aliases included, in alphabetical order.
    pub fn names(&self) -> Vec<(&str, Vec<&Entry>)> {
        let mut names: Vec<_> = self
            .by_name
            .iter()
            .map(|(n, e)| (n.as_str(), e.iter().map(|i| &self.entries[*i]).collect()))
            .collect();
        names.sort_by_key(|(n, _): &(&str, Vec<&Entry>)| *n);
        names
    }
}

fn inplace_schema(s: &Schema) -> Schema {
    let mut s = s.clone();
    s.name.push('_');
    if let Some(first) = s.args.first_mut() {
        first.written = true;
    }
    s.returns = vec![Return {
        ty: Type::Tensor,
        name: None,
        aliased: true,
    }];
    s
}

fn out_schema(s: &Schema) -> Schema {
    let mut s = s.clone();
    let many = s.returns.len() > 1;
    for (i, r) in s.returns.iter().enumerate() {
        let name = match &r.name {
            Some(n) if many => n.clone(),
            None if many => format!("out{i}"),
            _ => "out".into(),
        };
        s.args.push(Argument {
            name,
            ty: Type::Tensor,
            default: None,
            kwarg_only: true,
            written: true,
            aliased: false,
        });
    }
    s.overload = if s.overload.is_empty() {
        "out".into()
    } else {
        format!("{}_out", s.overload)
    };
    s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_parses_and_matches_its_function() {
        let mut seen = std::collections::HashSet::new();
        for op in crate::ops::FAMILIES.iter().flat_map(|f| f.iter()) {
            let s = Schema::parse(op.schema).unwrap();
            assert_eq!(s.args.len(), op.arity, "{}", op.schema);
            assert!(seen.insert(s.full_name()), "{} is declared twice", s.full_name());
            assert!(!op.doc.trim().is_empty(), "{} has no documentation", op.schema);
        }
    }
}
