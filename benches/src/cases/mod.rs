//! The cases, one group a file.
//!
//! A case exists when the ops that it names are in the registry. Small calls, whose overhead is what is measured, go
//! through methods and operators; the others call the registry's entry, which costs nothing beside their work.

mod data;
mod elementwise;
mod indexing;
mod layers;
mod movement;
mod overhead;
mod products;
mod random;
mod reduction;
mod training;

use duoc::op::{Default, Entry, Type, Value, registry};
use duoc::{DType, Scalar, Tensor};
use std::hint::black_box;

/// What is timed: one call.
pub type Run = Box<dyn FnMut()>;

/// One case of `CASES.md`.
pub struct Case {
    /// Its name there.
    pub name: String,
    /// Its group there.
    pub group: &'static str,
    /// Useful floating-point operations.
    pub flops: Option<u64>,
    /// Least memory traffic.
    pub bytes: Option<u64>,
    /// Makes the inputs and returns the call.
    pub setup: Box<dyn Fn() -> Run>,
}

/// The cases that can run, in the order of `CASES.md`.
pub fn all() -> Vec<Case> {
    let mut s = Suite(Vec::new());
    overhead::cases(&mut s);
    training::tiny(&mut s);
    elementwise::cases(&mut s);
    movement::cases(&mut s);
    reduction::cases(&mut s);
    indexing::cases(&mut s);
    movement::joins(&mut s);
    products::cases(&mut s);
    layers::cases(&mut s);
    training::cases(&mut s);
    random::cases(&mut s);
    data::cases(&mut s);
    s.0
}

/// The list under construction.
struct Suite(Vec<Case>);

impl Suite {
    /// A case whose call is written out.
    fn add<F: FnMut() + 'static>(
        &mut self,
        name: impl Into<String>,
        group: &'static str,
        work: Work,
        setup: impl Fn() -> F + 'static,
    ) {
        let setup = Box::new(move || Box::new(setup()) as Run);
        self.0.push(Case {
            name: name.into(),
            group,
            flops: work.0,
            bytes: work.1,
            setup,
        });
    }

    /// A case that is one call of an op, named as in the registry (`add.Tensor`), with `out` for its `out=` form.
    fn op(
        &mut self,
        name: impl Into<String>,
        group: &'static str,
        work: Work,
        op: &'static str,
        args: impl Fn() -> Vec<Value> + 'static,
    ) {
        if let Some(entry) = entry(op) {
            self.add(name, group, work, move || {
                let args = complete(entry, args());
                move || call(entry, &args)
            });
        }
    }
}

/// Floating-point operations and bytes, as far as `CASES.md` gives them.
type Work = (Option<u64>, Option<u64>);

const NONE: Work = (None, None);

fn bytes(n: usize) -> Work {
    (None, Some(n as u64))
}

fn work(flops: usize, bytes: usize) -> Work {
    (Some(flops as u64), Some(bytes as u64))
}

/// The entry of `add.Tensor`, or of its `out=` form for `add.Tensor out`.
pub fn entry(op: &str) -> Option<&'static Entry> {
    match op.strip_suffix(" out") {
        Some(op) => registry().get_out(op),
        None => registry().get(op),
    }
}

pub fn call(entry: &Entry, args: &[Value]) {
    match entry.call(black_box(args)) {
        Ok(v) => drop(black_box(v)),
        Err(e) => panic!("{}: {e}", entry.op.name()),
    }
}

/// The arguments with the schema's defaults for those that are missing; `out` stays last.
pub fn complete(entry: &Entry, mut args: Vec<Value>) -> Vec<Value> {
    let written_last = |a: &duoc::op::Argument| a.written && a.kwarg_only;
    let outs = entry.schema.args.iter().filter(|a| written_last(a)).count();
    let out = args.split_off(args.len().saturating_sub(outs));
    for a in entry.schema.args.iter().filter(|a| !written_last(a)).skip(args.len()) {
        args.push(match (&a.default, &a.ty) {
            (Some(Default::Int(i)), Type::Scalar) => Value::Scalar(Scalar::Int(*i)),
            (Some(Default::Int(i)), Type::Float) => Value::Float(*i as f64),
            (Some(Default::Int(i)), _) => Value::Int(*i),
            (Some(Default::Float(x)), Type::Scalar) => Value::Scalar(Scalar::Float(*x)),
            (Some(Default::Float(x)), _) => Value::Float(*x),
            (Some(Default::Bool(b)), _) => Value::Bool(*b),
            (Some(Default::Ints(v)), _) => Value::Ints(v.clone()),
            (Some(Default::Word(_)), Type::MemoryFormat | Type::Optional(_)) => Value::None,
            (Some(Default::Str(s) | Default::Word(s)), _) => Value::Str(s.clone()),
            (Some(Default::None) | None, _) => Value::None,
        });
    }
    args.extend(out);
    args
}

/// Standard normal float32 numbers.
fn normal(shape: &[i64]) -> Tensor {
    fine(duoc::ops::random::randn(shape, None, None, None, None, None))
}

/// Integers below `high`.
fn below(high: i64, shape: &[i64]) -> Tensor {
    fine(duoc::ops::random::randint(high, shape, None, None, None, None, None))
}

/// A bool tensor, half true.
fn coin(n: i64) -> Tensor {
    let x = below(2, &[n]);
    x.to_dtype(DType::Bool)
}

/// The value of a set-up step: a case that cannot be set up ends its process with the message.
pub fn fine<T>(r: duoc::Result<T>) -> T {
    r.unwrap_or_else(|e| panic!("{e}"))
}

/// 2^20 and 2^24: the sizes of most cases.
const M1: usize = 1 << 20;
const M16: usize = 1 << 24;
