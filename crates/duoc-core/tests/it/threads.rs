//! The bits of a result do not depend on the number of threads.
//!
//! The arguments of the golden cases are small; here they are repeated along their first dimension until the work is split.

use crate::golden::read::{call, cast};
use crate::golden::{Case, Suite, compare, op_cases, run};
use duoc_core::op::{Form, Value};
use duoc_core::{DType, Tensor};
use std::collections::BTreeMap;

/// Elements of a repeated argument.
const MANY: usize = 90_000;

fn repeated(args: &[Value]) -> Option<Vec<Value>> {
    let longest = args
        .iter()
        .flat_map(Value::tensors)
        .map(Tensor::numel)
        .max()
        .filter(|n| *n > 0)?;
    let times = MANY.div_ceil(longest);
    let first = args
        .iter()
        .flat_map(Value::tensors)
        .filter(|t| t.dim() > 0)
        .map(|t| t.shape()[0])
        .max()?;
    let mut failed = false;
    let args = run::map_tensors(args, &mut |t| {
        // What broadcasts along the first dimension goes on doing so.
        if t.dim() == 0 || t.shape()[0] != first || t.dtype().is_float8() {
            return t.clone();
        }
        let mut repeats = vec![1; t.dim()];
        repeats[0] = times as i64;
        let wide = call("repeat", &[Value::Tensor(t.detach()), Value::Ints(repeats)]);
        wide.unwrap_or_else(|_| {
            failed = true;
            t.clone()
        })
    });
    (!failed).then_some(args)
}

/// One case for every overload and class of dtypes: the work is split alike for the others.
fn chosen() -> Vec<Case> {
    let mut found: BTreeMap<String, Case> = BTreeMap::new();
    for case in op_cases() {
        if case.get("error").is_null() && run::is_registered(&case) {
            let kinds: Vec<String> = case.get("args").as_array().into_iter().flatten().map(kind).collect();
            found
                .entry(format!("{} {}", case.op, kinds.first().map_or("", String::as_str)))
                .or_insert(case);
        }
    }
    found.into_values().collect()
}

fn kind(j: &serde_json::Value) -> String {
    match j.get("t").and_then(|t| t.as_str()) {
        Some("float32" | "float64" | "int64") => format!("{} {}", j["t"], j["shape"].as_array().map_or(0, Vec::len)),
        Some(_) => "other".into(),
        None => j.to_string(),
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "threads::child_bits",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

/// Run by [`bits_do_not_depend_on_threads`] in a process of its own: the number of threads and the memory limit, above
/// which a repeated case is left out, are the process's.
#[test]
#[ignore = "a child process of bits_do_not_depend_on_threads"]
fn child_bits() {
    duoc_core::storage::host::set_memory_limit(Some(64 << 20));
    let mut suite = Suite::new("threads");
    for case in &chosen() {
        let Some((entry, args)) = run::resolve(case) else {
            continue;
        };
        if entry.form != Form::Plain || entry.schema.args.iter().any(|a| a.written) {
            continue;
        }
        let Some(args) = repeated(&args) else { continue };
        // A product with the repeated dimension grows with its square.
        if too_large(case, &args) {
            continue;
        }
        suite.check(case, "threads", || {
            let with = |n| {
                duoc_kernels::par::set_num_threads(n);
                entry.call(&args)
            };
            let Ok(one) = with(1) else { return Ok(()) };
            for n in [2, 3, 8] {
                let many = with(n).map_err(|e| format!("{n} threads: {e}"))?;
                let (a, b) = (one.tensors(), many.tensors());
                a.iter()
                    .zip(&b)
                    .try_for_each(|(x, y)| compare::same_bits(y, x))
                    .map_err(|e| format!("{n} threads: {e}"))?;
            }
            Ok(())
        });
    }
    suite.finish();
}

fn too_large(case: &Case, args: &[Value]) -> bool {
    let name = case.op.split('.').next().unwrap_or("");
    let quadratic = [
        "outer",
        "ger",
        "kron",
        "cdist",
        "cartesian_prod",
        "combinations",
        "block_diag",
        "diag",
        "diagflat",
        "diag_embed",
        "vander",
        "meshgrid",
        "one_hot",
        "cov",
        "corrcoef",
        "addr",
        "inner",
        "tensordot",
        "einsum",
        "linear",
        "isin",
    ];
    let long = args
        .iter()
        .flat_map(Value::tensors)
        .any(|t| t.dim() > 0 && t.shape()[0] > 2000);
    quadratic.contains(&name) && long
}

#[test]
fn products_do_not_depend_on_threads() {
    let _alone = crate::golden::alone();
    for dtype in [DType::F32, DType::F64, DType::BF16, DType::I64] {
        for (m, k, n) in [(129, 257, 65), (1, 5000, 300), (300, 5000, 1), (64, 20_000, 3)] {
            let made = |rows: usize, cols: usize| {
                let data: Vec<f64> = (0..rows * cols)
                    .map(|i| ((i * 7919 + 13) % 101) as f64 / 17.0 - 3.0)
                    .collect();
                let wide = Tensor::try_from_slice(&data, &[rows, cols]).unwrap();
                cast(&wide, dtype).unwrap()
            };
            let (a, b) = (made(m, k), made(k, n));
            let product = |threads| {
                duoc_kernels::par::set_num_threads(threads);
                call("mm", &[Value::Tensor(a.clone()), Value::Tensor(b.clone())]).unwrap()
            };
            let one = product(1);
            for threads in [2, 3, 8] {
                compare::same_bits(&product(threads), &one)
                    .unwrap_or_else(|e| panic!("mm {dtype} {m}x{k}x{n}, {threads} threads: {e}"));
            }
        }
    }
}
