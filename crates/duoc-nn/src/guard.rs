//! The NaN guard: stops at the first operation that makes a NaN or an infinity of finite numbers.

use duoc_core::op::{Mode, Op, Value, with_mode};
use duoc_core::{DType, Result, Scalar, Tensor, autograd, bail, catch};
use std::sync::Arc;

struct Guard;

/// How many NaN and infinite elements a tensor has.
#[derive(Clone, Copy, Default)]
struct Count {
    nan: usize,
    infinite: usize,
}

fn elements(t: &Tensor) -> Result<Vec<f64>> {
    autograd::no_grad(|| catch(|| t.detach().to_dtype(DType::F64).try_to_vec::<f64>()).and_then(|r| r))
}

fn count(t: &Tensor) -> Result<Count> {
    if !t.dtype().is_float() {
        return Ok(Count::default());
    }
    // The sum is finite where every element is (unless it overflows): one fast pass for the usual case.
    let sum = autograd::no_grad(|| catch(|| t.detach().abs().sum()))?
        .try_item()?
        .to_f64();
    if sum.is_finite() {
        return Ok(Count::default());
    }
    let values = elements(t)?;
    Ok(Count {
        nan: values.iter().filter(|x| x.is_nan()).count(),
        infinite: values.iter().filter(|x| x.is_infinite()).count(),
    })
}

/// `float32 [2, 3], from -1 to 3, mean 0.5, standard deviation 1.2`, with what is not finite.
fn statistics(t: &Tensor) -> Result<String> {
    let head = format!("{} {:?}", t.dtype().name(), t.shape());
    if !t.dtype().is_float() {
        return Ok(head);
    }
    let values = elements(t)?;
    let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    let n = finite.len() as f64;
    let mean = finite.iter().sum::<f64>() / n;
    let variance = finite.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut text = head;
    if !finite.is_empty() {
        text += &format!(
            ", from {low:.6} to {high:.6}, mean {mean:.6}, standard deviation {:.6}",
            variance.sqrt()
        );
    }
    let nan = values.iter().filter(|x| x.is_nan()).count();
    if values.len() > finite.len() {
        text += &format!(", {nan} NaN, {} infinite", values.len() - finite.len() - nan);
    }
    Ok(text)
}

/// Whether a plain argument is infinite or NaN itself.
fn says_so(v: &Value) -> bool {
    let of = |s: &Scalar| !s.to_f64().is_finite();
    match v {
        Value::Scalar(s) => of(s),
        Value::Scalars(list) => list.iter().any(of),
        Value::Float(x) => !x.is_finite(),
        Value::Floats(list) => list.iter().any(|x| !x.is_finite()),
        _ => false,
    }
}

impl Mode for Guard {
    fn call(&self, op: &'static Op, args: &[Value]) -> Result<Value> {
        // An in-place call overwrites its input: look first.
        let mut before = Count::default();
        for t in args.iter().flat_map(Value::tensors) {
            let c = count(t)?;
            before.nan += c.nan;
            before.infinite += c.infinite;
        }
        let out = (op.call)(args)?;
        // Memory that was not written yet may hold anything.
        if op.name().contains("empty") {
            return Ok(out);
        }
        // A mask is filled with infinity on purpose: the call says so.
        if args.iter().any(says_so) {
            return Ok(out);
        }
        let infinity_is_old = before.infinite > 0 || before.nan > 0;
        for t in out.tensors() {
            let c = count(t)?;
            let fresh_nan = c.nan > 0 && before.nan == 0;
            if !fresh_nan && (c.infinite == 0 || infinity_is_old) {
                continue;
            }
            let mut inputs = Vec::new();
            for (i, t) in args.iter().flat_map(Value::tensors).enumerate() {
                inputs.push(format!("input {i}: {}", statistics(t)?));
            }
            bail!(
                Runtime,
                "{} made {} NaN and {} infinite elements of {} ({}) from {}",
                op.name(),
                c.nan,
                c.infinite,
                t.numel(),
                t.size(),
                match inputs.is_empty() {
                    true => "no tensor".to_string(),
                    false => inputs.join("; "),
                }
            );
        }
        Ok(out)
    }
}

/// Runs `f`; the first operation that makes a NaN, or an infinity of finite numbers, is an error that names the layer (when
/// it happens inside one), the operation, and the statistics of its inputs. Backward passes inside `f` are guarded too.
///
/// Every operation's inputs and results are read once more, so this is for finding a fault, not for every day.
///
/// ```
/// use duoc_core::{Result, Tensor};
/// use duoc_nn::{Layer, Linear, Module, nan_guard};
///
/// #[derive(Module)]
/// struct Log { inner: Linear }
/// impl Layer for Log {
///     fn run(&self, x: &Tensor) -> Result<Tensor> {
///         Ok(self.inner.forward(x).log())
///     }
/// }
/// let net = Log { inner: Linear::new(2, 2) };
/// let e = nan_guard(|| net.try_forward(&Tensor::full(&[1, 2], f64::NAN))).err();
/// assert!(e.is_none(), "a NaN that was there already is not made here");
/// duoc_core::autograd::no_grad(|| net.inner.weight.fill_(-9.0));
/// let e = nan_guard(|| net.try_forward(&Tensor::ones(&[1, 2]))).unwrap_err();
/// assert!(e.message().starts_with("Log, given [1, 2]: log made 2 NaN and 0 infinite elements of 2"), "{e}");
/// ```
pub fn nan_guard<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    with_mode(Arc::new(Guard), || catch(f)).and_then(|r| r)
}
