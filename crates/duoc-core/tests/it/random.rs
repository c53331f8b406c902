//! Random streams against golden/random.jsonl, and what the generators promise.

use crate::golden::{Case, cases, compare, fnv, run};
use duoc_core::op::{Value, registry};
use duoc_core::random::Generator;
use duoc_core::{DType, ErrorKind, Scalar, Tensor, catch, ops, random};

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

/// A long result is recorded as a hash.
fn check(got: &Tensor, want: &serde_json::Value) -> Result<(), String> {
    match want.get("fnv").and_then(|h| h.as_str()) {
        None => compare::tensor(got, want, true),
        Some(hash) => match format!("{:016x}", fnv(&bytes(got))) {
            h if h == hash && got.dtype().name() == want["t"] => Ok(()),
            h => Err(format!("{} with hash {h} instead of {hash}", got.dtype())),
        },
    }
}

/// One call from a generator of the test's own: the default one serves the tests beside this one.
fn draw(case: &Case, generator: &Generator) -> Result<(), String> {
    let (entry, args) = run::resolve(case).ok_or("no such op")?;
    match random::with_generator(generator, || entry.call(&args)) {
        Ok(Value::Tensor(t)) => check(&t.contiguous(), case.get("out")),
        Ok(Value::Tuple(ts)) => match &ts[..] {
            [Value::Tensor(t), ..] => check(&t.contiguous(), case.get("out")),
            _ => Err("no tensor".into()),
        },
        Ok(_) => Err("no tensor".into()),
        Err(e) => Err(e.to_string()),
    }
}

#[test]
fn golden_streams() {
    let mut calls = 0;
    for case in cases("random.jsonl") {
        let generator = Generator::new();
        let seed = case.get("seed");
        generator.manual_seed(seed.as_u64().unwrap_or_else(|| seed.as_i64().expect("a seed") as u64));
        for (i, call) in case.get("calls").as_array().into_iter().flatten().enumerate() {
            let op = call["op"].as_str().expect("an op").to_string();
            let case = Case {
                json: call.clone(),
                key: String::new(),
                op,
            };
            if let Err(e) = draw(&case, &generator) {
                panic!("call {i}, {call}: {e}");
            }
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
