//! Every registered op with generated arguments: whatever comes, the answer is a value or a typed error.
//!
//! Arguments follow the schema's types but not its sense: ranks 0 to 5, zero and huge dimensions, wrong dtypes, NaN,
//! strided, expanded and overlapping memory, extreme integers. A failed in-place call must leave its target as it was.
//! `DUOC_FUZZ_CALLS` sets the number of calls (100,000 without it), `DUOC_FUZZ_SEED` the seed, `DUOC_TEST_OP` an op.

use duoc_core::op::{Default, Entry, Form, Type, Value, registry};
use duoc_core::storage::host::set_memory_limit;
use duoc_core::{DType, Device, LayoutKind, MemoryFormat, Scalar, Tensor, catch, ops};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// xorshift64*: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const DTYPES: [DType; 19] = DType::ALL;

fn dtype(r: &mut Random) -> DType {
    // The common ones come up often enough that mixed calls succeed now and then.
    if r.chance(70) {
        r.pick(&[DType::F32, DType::F64, DType::I64, DType::Bool])
    } else {
        r.pick(&DTYPES)
    }
}

fn int(r: &mut Random) -> i64 {
    match r.below(20) {
        0 => i64::MAX,
        1 => i64::MIN,
        2 => 1 << 40,
        3 => -(1 << 33),
        4 => 100,
        _ => r.below(9) as i64 - 3,
    }
}

fn float(r: &mut Random) -> f64 {
    r.pick(&[
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        2.0,
        1e-3,
        1e30,
        -1e300,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        3.7,
    ])
}

fn scalar(r: &mut Random) -> Scalar {
    match r.below(5) {
        0 => Scalar::Bool(r.chance(50)),
        1 | 2 => Scalar::Int(int(r)),
        3 if r.chance(20) => Scalar::Complex(float(r), float(r)),
        _ => Scalar::Float(float(r)),
    }
}

fn tensor(r: &mut Random, pool: &mut Vec<Tensor>) -> Tensor {
    if !pool.is_empty() && r.chance(40) {
        return pool[r.below(pool.len())].clone();
    }
    let rank = r.below(6);
    let shape: Vec<i64> = (0..rank)
        .map(|_| match r.below(14) {
            0 => 0,
            1 => 7,
            n => (n % 4) as i64 + (n > 9) as i64,
        })
        .collect();
    let dtype = dtype(r);
    let mut shape = shape;
    if r.chance(1) {
        // More dimensions than a set of dimensions can name.
        shape.resize(62 + r.below(6), 1);
    }
    let numel: i64 = shape.iter().product();
    let values: Vec<f64> = (0..numel)
        .map(|_| {
            if r.chance(85) {
                r.below(7) as f64 - 2.0
            } else {
                float(r)
            }
        })
        .collect();
    let shape_u: Vec<usize> = shape.iter().map(|n| *n as usize).collect();
    let Ok(mut t) = Tensor::try_from_slice(&values, &shape_u).and_then(|t| ops::copy::to_dtype(&t, dtype)) else {
        return Tensor::zeros(&[2]);
    };
    // Another geometry of the same memory, perhaps overlapping, perhaps huge but empty.
    for _ in 0..r.below(3) {
        let view = match r.below(7) {
            0 if t.dim() > 1 => ops::view::transpose(&t, int(r), int(r)),
            1 => ops::view::slice(&t, int(r), Some(int(r)), Some(int(r)), 1 + r.below(3) as i64),
            2 => ops::view::select(&t, int(r), int(r)),
            3 => ops::view::unsqueeze(&t, int(r)),
            4 => {
                let size: Vec<i64> = std::iter::once(r.below(5) as i64)
                    .chain(shape.iter().copied())
                    .collect();
                ops::shape::expand(&t, &size, false)
            }
            5 => ops::view::as_strided(&t, &[2, r.below(3) as i64], &[r.below(2) as i64, 1], Some(0)),
            _ if numel == 0 => ops::view::view(&t, &[0, 1 << 40]),
            _ => Ok(t.clone()),
        };
        t = view.unwrap_or(t);
    }
    if t.dtype().is_differentiable() && r.chance(15) {
        t = t.detach().requires_grad_(true).unwrap();
        if r.chance(50) {
            t = ops::copy::clone(&t, None).unwrap_or(t);
        }
    }
    pool.push(t.clone());
    t
}

fn value(r: &mut Random, ty: &Type, pool: &mut Vec<Tensor>) -> Value {
    match ty {
        Type::Tensor => Value::Tensor(tensor(r, pool)),
        Type::Scalar => Value::Scalar(scalar(r)),
        Type::Int => Value::Int(int(r)),
        Type::Float => Value::Float(float(r)),
        Type::Bool => Value::Bool(r.chance(50)),
        Type::Str => Value::Str(
            r.pick(&[
                "", "sum", "mean", "floor", "trunc", "ij", "xy", "reflect", "nonsense", "tanh",
            ])
            .into(),
        ),
        Type::DType => Value::DType(dtype(r)),
        Type::Layout => Value::Layout(LayoutKind::Strided),
        Type::Device => Value::Device(if r.chance(90) { Device::Cpu } else { Device::Cuda(0) }),
        Type::MemoryFormat => Value::MemoryFormat(r.pick(&[
            MemoryFormat::Contiguous,
            MemoryFormat::Preserve,
            MemoryFormat::ChannelsLast,
            MemoryFormat::ChannelsLast3d,
        ])),
        Type::Generator => Value::None,
        Type::Optional(_) if r.chance(40) => Value::None,
        Type::Optional(inner) => value(r, inner, pool),
        Type::List(inner, length) => {
            let n = if r.chance(60) {
                length.unwrap_or(r.below(4))
            } else {
                r.below(6)
            };
            match &**inner {
                Type::Tensor => Value::Tensors((0..n).map(|_| tensor(r, pool)).collect()),
                Type::Optional(_) => Value::OptTensors((0..n).map(|_| r.chance(70).then(|| tensor(r, pool))).collect()),
                Type::Scalar => Value::Scalars((0..n).map(|_| scalar(r)).collect()),
                Type::Float => Value::Floats((0..n).map(|_| float(r)).collect()),
                Type::Bool => Value::Bools((0..n).map(|_| r.chance(50)).collect()),
                _ => Value::Ints((0..n).map(|_| int(r)).collect()),
            }
        }
    }
}

fn arguments(r: &mut Random, e: &Entry, pool: &mut Vec<Tensor>) -> Vec<Value> {
    e.schema
        .args
        .iter()
        .map(|a| match &a.default {
            Some(d) if r.chance(50) => match d {
                Default::None => Value::None,
                Default::Int(i) => match a.ty {
                    Type::Scalar => Value::Scalar(Scalar::Int(*i)),
                    Type::Float => Value::Float(*i as f64),
                    Type::List(..) => Value::Ints(vec![*i]),
                    _ => Value::Int(*i),
                },
                Default::Float(x) if a.ty == Type::Scalar => Value::Scalar(Scalar::Float(*x)),
                Default::Float(x) => Value::Float(*x),
                Default::Bool(b) => Value::Bool(*b),
                Default::Ints(v) => Value::Ints(v.clone()),
                Default::Str(s) | Default::Word(s) if a.ty == Type::Str => Value::Str(s.clone()),
                _ => value(r, &a.ty, pool),
            },
            _ => value(r, &a.ty, pool),
        })
        .collect()
}

fn describe(v: &Value) -> String {
    match v {
        Value::Tensor(t) => format!("{:?} {:?} strides {:?}", t.dtype(), t.shape(), t.strides()),
        Value::Tensors(ts) => format!(
            "{:?}",
            ts.iter().map(|t| (t.dtype(), t.shape().to_vec())).collect::<Vec<_>>()
        ),
        Value::OptTensors(ts) => {
            format!(
                "{:?}",
                ts.iter()
                    .map(|t| t.as_ref().map(|t| (t.dtype(), t.shape().to_vec())))
                    .collect::<Vec<_>>()
            )
        }
        Value::Scalar(s) => format!("{s:?}"),
        Value::Int(i) => i.to_string(),
        Value::Ints(v) => format!("{v:?}"),
        Value::Float(x) => x.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Str(s) => format!("{s:?}"),
        Value::DType(d) => format!("{d:?}"),
        Value::None => "None".into(),
        _ => "..".into(),
    }
}

fn bytes(t: &Tensor) -> Option<Vec<u8>> {
    let t = catch(|| t.detach().contiguous()).ok()?;
    let t = ops::view::view_dtype(&t.reshape(&[-1]), DType::U8).ok()?;
    t.try_to_vec::<u8>().ok()
}

#[test]
fn no_argument_panics() {
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "fuzz::child_calls",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains("calls answered"),
        "{text}\n{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

/// Run by [`no_argument_panics`] in a process of its own: its memory limit is the process's.
#[test]
#[ignore = "a child process of no_argument_panics"]
fn child_calls() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|s| s.parse().ok()).unwrap_or(default);
    let calls = number("DUOC_FUZZ_CALLS", 100_000);
    let mut r = Random(number("DUOC_FUZZ_SEED", 0x5EED) | 1);
    let only = std::env::var("DUOC_TEST_OP").ok();
    let entries: Vec<&Entry> = registry()
        .entries
        .iter()
        .filter(|e| only.as_ref().is_none_or(|o| e.schema.name.trim_end_matches('_') == o))
        .collect();
    assert!(!entries.is_empty());
    set_memory_limit(Some(1 << 30));
    let (mut fine, mut refused) = (0u64, 0u64);
    let mut failures: Vec<String> = Vec::new();
    for call in 0..calls {
        let e = entries[if call < entries.len() as u64 {
            call as usize
        } else {
            r.below(entries.len())
        }];
        let mut pool = Vec::new();
        let args = arguments(&mut r, e, &mut pool);
        let inplace = e.form == Form::Inplace || e.schema.args.first().is_some_and(|a| a.written);
        let before = match (&args.first(), inplace) {
            (Some(Value::Tensor(t)), true) => bytes(t),
            _ => None,
        };
        set_memory_limit(Some(duoc_core::storage::host::memory_allocated() + (8 << 20)));
        let outcome = catch_unwind(AssertUnwindSafe(|| e.call(&args)));
        set_memory_limit(Some(1 << 30));
        let shown = || {
            let args: Vec<String> = args.iter().map(describe).collect();
            format!(
                "call {call}: {} {:?}({})",
                e.schema.full_name(),
                e.form,
                args.join(", ")
            )
        };
        match outcome {
            Ok(Ok(v)) => {
                fine += 1;
                // A result that cannot be read would be no result.
                for t in v.tensors() {
                    if t.numel() > 0 && t.numel() < 4096 {
                        let _ = bytes(t);
                    }
                }
            }
            Ok(Err(error)) => {
                refused += 1;
                if error.message().is_empty() {
                    failures.push(format!("{}: an error without a message", shown()));
                }
                if let (Some(before), Some(Value::Tensor(t))) = (before, args.first())
                    && bytes(t).is_some_and(|after| after != before)
                {
                    failures.push(format!("{}: failed with `{error}` but wrote", shown()));
                }
            }
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()))
                    .unwrap_or_else(|| "a payload without text".into());
                failures.push(format!("{}: panicked: {text}", shown()));
            }
        }
        if failures.len() >= 25 {
            break;
        }
    }
    set_memory_limit(None);
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("{fine} calls answered, {refused} refused");
    assert!(
        only.is_some() || fine > calls / 20,
        "only {fine} of {calls} calls made sense: the generator is off"
    );
}
