//! Random streams against golden/random.jsonl, and what the generators promise.

use crate::json::Json;
use duoc_core::op::{Default, Entry, Type, Value, registry};
use duoc_core::random::Generator;
use duoc_core::{DType, ErrorKind, Scalar, Tensor, catch, ops, random};

fn dtype(name: &str) -> DType {
    *DType::ALL.iter().find(|d| d.name() == name).expect("a dtype's name")
}

/// An argument tensor; see golden/README.md.
fn tensor(j: &Json) -> Tensor {
    let dt = dtype(j.get("t").expect("a dtype").text());
    let shape = j.get("shape").expect("a shape").ints();
    let n = |s: &[i64]| s.iter().product::<i64>() as usize;
    match (j.get("stride"), j.get("arange")) {
        (Some(stride), Some(_)) => {
            let stride = stride.ints();
            let reach: i64 = shape.iter().zip(&stride).map(|(n, s)| (n - 1) * s).sum();
            Tensor::zeros(&[reach + 1])
                .to_dtype(dt)
                .as_strided(&shape, &stride, Some(0))
        }
        (None, Some(_)) => Tensor::zeros(&shape).to_dtype(dt),
        _ => {
            let data: Vec<f64> = j
                .get("data")
                .expect("elements")
                .list()
                .iter()
                .map(Json::float)
                .collect();
            assert_eq!(data.len(), n(&shape));
            // float32 texts are the shortest ones, so they are rounded to float32 first.
            let t = Tensor::from_vec(data).view(&shape);
            if dt == DType::F64 {
                t
            } else {
                t.to_dtype(DType::F32).to_dtype(dt)
            }
        }
    }
}

fn value(j: &Json, ty: &Type) -> Value {
    match j {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match n.parse::<i64>() {
            Ok(i) if !matches!(ty, Type::Float) => Value::Int(i),
            _ => Value::Float(n.parse().expect("a number")),
        },
        Json::List(_) => Value::Ints(j.ints()),
        Json::Map(m) if m.contains_key("t") => Value::Tensor(tensor(j)),
        Json::Map(m) if m.contains_key("dtype") => Value::DType(dtype(m["dtype"].text())),
        other => panic!("{other:?}"),
    }
}

/// All arguments in schema order, with the generator put where the schema has one.
fn arguments(entry: &Entry, call: &Json, generator: &Generator) -> Vec<Value> {
    let (given, named) = (
        call.get("args").expect("args").list(),
        call.get("kwargs").expect("kwargs"),
    );
    let strip = |t: &Type| match t {
        Type::Optional(inner) => (**inner).clone(),
        t => t.clone(),
    };
    entry
        .schema
        .args
        .iter()
        .enumerate()
        .map(
            |(i, a)| match (given.get(i).filter(|_| !a.kwarg_only), named.get(&a.name)) {
                _ if a.name == "generator" => Value::Generator(generator.clone()),
                (Some(j), _) | (None, Some(j)) => value(j, &strip(&a.ty)),
                _ => match &a.default {
                    Some(Default::Bool(b)) => Value::Bool(*b),
                    Some(Default::Int(i)) => Value::Int(*i),
                    Some(Default::Float(x)) => Value::Float(*x),
                    _ => Value::None,
                },
            },
        )
        .collect()
}

fn bytes(t: &Tensor) -> Vec<u8> {
    let t = t.contiguous();
    macro_rules! of {
        ($($d:ident $T:ty),*) => {
            match t.dtype() {
                $(DType::$d => t.to_vec::<$T>().iter().flat_map(|x| x.to_le_bytes()).collect(),)*
                DType::Bool => t.to_vec::<bool>().iter().map(|b| *b as u8).collect(),
                d => panic!("{d}"),
            }
        };
    }
    of!(F64 f64, F32 f32, F16 half::f16, BF16 half::bf16, I64 i64, I32 i32, I16 i16, I8 i8, U8 u8)
}

fn fnv(bytes: &[u8]) -> String {
    let h = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
        (h ^ *b as u64).wrapping_mul(0x100_0000_01b3)
    });
    format!("{h:016x}")
}

fn check(got: &Tensor, want: &Json, name: &str) {
    assert_eq!(got.dtype().name(), want.get("t").expect("a dtype").text(), "{name}");
    let shape: Vec<i64> = got.shape().iter().map(|n| *n as i64).collect();
    assert_eq!(shape, want.get("shape").expect("a shape").ints(), "{name}");
    if let Some(hash) = want.get("fnv") {
        assert_eq!(fnv(&bytes(got)), hash.text(), "{name}");
        return;
    }
    if got.dtype() == DType::I64 {
        let want: Vec<i64> = want.get("data").expect("elements").ints();
        assert_eq!(got.contiguous().to_vec::<i64>(), want, "{name}");
        return;
    }
    let wide = |x: f64| match got.dtype() {
        DType::F32 => x as f32 as f64,
        DType::F16 => half::f16::from_f32(x as f32).to_f64(),
        DType::BF16 => half::bf16::from_f32(x as f32).to_f64(),
        _ => x,
    };
    let want: Vec<f64> = want
        .get("data")
        .expect("elements")
        .list()
        .iter()
        .map(|x| wide(x.float()))
        .collect();
    let got = got.to_dtype(DType::F64).contiguous().to_vec::<f64>();
    assert!(want == got, "{name}: {got:?} instead of {want:?}");
}

#[test]
fn golden_streams() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/random.jsonl");
    let text = std::fs::read_to_string(path).expect("golden/random.jsonl");
    let mut calls = 0;
    for line in text.lines() {
        let case = Json::parse(line);
        let generator = Generator::new();
        generator.manual_seed(case.get("seed").and_then(Json::int).expect("a seed") as u64);
        for (i, call) in case.get("calls").expect("calls").list().iter().enumerate() {
            let op = call.get("op").expect("an op").text();
            let entry = registry().get(op).unwrap_or_else(|| panic!("no op {op}"));
            let name = format!("{op}, call {i} of {}", &line[..line.len().min(300)]);
            let result = entry
                .call(&arguments(entry, call, &generator))
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            let Value::Tensor(t) = result else {
                panic!("{name}: not one tensor")
            };
            check(&t, call.get("out").expect("a result"), &name);
            calls += 1;
        }
    }
    assert!(calls > 400, "{calls}");
}

#[test]
fn states_and_forks() {
    let g = Generator::new();
    assert_eq!(g.initial_seed(), 67_280_421_310_721);
    g.manual_seed(3);
    let draw = |g: &Generator| {
        ops::random::rand(&[5], Some(g), None, None, None, None)
            .unwrap()
            .to_vec::<f32>()
    };
    draw(&g);
    let state = g.state();
    let (a, twin) = (g.clone_state(), Generator::new());
    twin.set_state(&state).unwrap();
    let first = draw(&g);
    assert_eq!(draw(&a), first);
    assert_eq!(draw(&twin), first);
    assert_ne!(draw(&g), first);
    let e = g.set_state(&Tensor::zeros(&[5056])).unwrap_err();
    assert_eq!(
        (e.kind(), e.message()),
        (ErrorKind::Type, "RNG state must be a torch.ByteTensor")
    );
    let e = g.set_state(&Tensor::zeros(&[5056]).to_dtype(DType::U8)).unwrap_err();
    assert_eq!(e.message(), "Invalid mt19937 state");
    let before = random::initial_seed();
    random::fork_rng(|| random::manual_seed(5));
    assert_eq!(random::initial_seed(), before);
}

#[test]
fn gradients_are_zeros() {
    let x = Tensor::full(&[3], 0.5).requires_grad_(true).unwrap();
    let y = x.add(&x);
    y.uniform_(0.0, 1.0);
    assert_eq!(y.grad_fn().unwrap().name(), "UniformBackward0");
    y.backward_with(Some(&Tensor::ones(&[3])), std::default::Default::default())
        .unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f32>(), [0.0; 3]);
    let e = catch(|| drop(x.normal_(0.0, 1.0).clone())).unwrap_err();
    assert!(e.message().contains("leaf Variable"), "{e}");
    assert_eq!(x.bernoulli().grad_fn().unwrap().name(), "BernoulliBackward0");
}

#[test]
fn errors_are_pytorchs() {
    use ops::{random as r, sample as s};
    let of = |d: DType| Tensor::zeros(&[3]).to_dtype(d);
    let text = |e: duoc_core::Result<Tensor>| e.unwrap_err().message().to_owned();
    let x = of(DType::F32);
    for (got, want) in [
        (
            text(s::uniform_(&x, 2.0, 1.0, None)),
            "uniform_ expects to return a [from, to) range, but found from=2 > to=1",
        ),
        (text(s::uniform_(&x, 0.0, 1e39, None)), "to is out of bounds for float"),
        (
            text(s::uniform_(&of(DType::I32), 0.0, 1.0, None)),
            "\"check_uniform_bounds\" not implemented for 'Int'",
        ),
        (
            text(s::normal_(&x, 0.0, -1.0, None)),
            "normal expects std >= 0.0, but found std -1",
        ),
        (
            text(s::normal_(&of(DType::I64), 0.0, 1.0, None)),
            "\"normal_kernel_cpu\" not implemented for 'Long'",
        ),
        (
            text(s::random_from(&of(DType::I8), -1000, None, None)),
            "from is out of bounds for signed char",
        ),
        (
            text(s::random_to(&of(DType::Bool), 3, None)),
            "to - 1 is out of bounds for bool",
        ),
        (
            text(s::random_from(&of(DType::F16), 4097, Some(4099), None)),
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=4100 >= to=4099",
        ),
        (
            text(s::bernoulli_float(&x, f64::NAN, None)),
            "bernoulli_ expects p to be in [0, 1], but got p=nan",
        ),
        (
            text(s::exponential_(&x, 0.0, None)),
            "exponential_ expects lambda > 0.0, but found lambda=0",
        ),
        (
            text(s::geometric_(&x, 1.0, None)),
            "geometric_ expects p to be in (0, 1), but got p=1",
        ),
        (
            text(r::randperm(2050, None, Some(DType::F16), None, None, None)),
            "n cannot be greater than 2049 for Half type.",
        ),
        (
            text(r::randperm(257, None, Some(DType::U8), None, None, None)),
            "value cannot be converted to type uint8_t without overflow",
        ),
        (
            text(r::rand(&[-1], None, None, None, None, None)),
            "Trying to create tensor with negative dimension -1: [-1]",
        ),
        (
            text(r::multinomial(&x, 1, false, None)),
            "invalid multinomial distribution (sum of probabilities <= 0)",
        ),
    ] {
        assert_eq!(got, want);
    }
}

#[test]
fn out_tensors_are_drawn_into() {
    let g = Generator::new();
    g.manual_seed(1);
    let want = Tensor::zeros(&[6, 8]).t();
    ops::sample::normal_(&want, 0.0, 1.0, Some(&g)).unwrap();
    g.manual_seed(1);
    let out = Tensor::zeros(&[6, 8]).t();
    let entry = registry().get_out("randn").unwrap();
    let none = Value::None;
    let args = [
        Value::Ints(vec![8, 6]),
        Value::Generator(g.clone()),
        none.clone(),
        none.clone(),
        none.clone(),
        none,
        Value::Tensor(out.clone()),
    ];
    entry.call(&args).unwrap();
    assert_eq!(out.contiguous().to_vec::<f32>(), want.contiguous().to_vec::<f32>());
    assert_eq!(
        Tensor::scalar(Scalar::Float(0.5), DType::F64)
            .unwrap()
            .bernoulli()
            .dim(),
        0
    );
}

#[test]
fn versions_count_draws_over_old_elements() {
    let x = Tensor::rand(&[3]);
    let like = x.randn_like();
    assert_eq!((x.version(), like.version(), Tensor::randperm(3).version()), (0, 0, 0));
    x.normal_(0.0, 1.0);
    x.bernoulli_(0.5);
    let empty = Tensor::zeros(&[0]);
    empty.uniform_(0.0, 1.0);
    assert_eq!((x.version(), empty.version()), (2, 1));
}
