//! The rows of `benches/sweep.txt`, one at a time on demand.
//!
//! `cargo xtask bench sweep` starts this program with `--serve` and writes one line `op arguments` for each
//! measurement; the answer is the best and the median time in microseconds, or `-` and the reason. The tokens of the
//! arguments are explained in the table itself.

use crate::cases::{call, complete, entry, fine};
use crate::timing;
use duoc::op::{Type, Value};
use duoc::{DType, Scalar, Tensor};
use std::io::{BufRead, Write};
use std::time::Duration;

/// Answers line by line until the input ends.
pub fn serve() {
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        duoc::random::manual_seed(0);
        let answer = match duoc::catch(|| measure(&line)) {
            Ok(Ok(a)) => a,
            Ok(Err(why)) => format!("- {why}"),
            Err(e) => format!("- {}", e.to_string().replace('\n', " ")),
        };
        if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn measure(line: &str) -> Result<String, String> {
    let (op, args) = line.split_once(' ').unwrap_or((line, ""));
    let entry = entry(op).ok_or_else(|| format!("no op is called {op}"))?;
    let tokens = tokens(args);
    let mut values = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let ty = entry.schema.args.get(i).map(|a| &a.ty).ok_or("too many arguments")?;
        values.push(value(token, ty)?);
    }
    let values = complete(entry, values);
    entry.call(&values).map_err(|e| e.to_string().replace('\n', " "))?;
    let t = timing::quick(&mut || call(entry, &values), Duration::from_millis(25));
    Ok(format!("{:.3} {:.3}", t.min, t.median))
}

/// Splits at spaces outside brackets.
fn tokens(args: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut depth = 0;
    for c in args.trim().chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ' ' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    all.retain(|t| !t.is_empty());
    all
}

fn dtype(name: &str) -> Option<DType> {
    Some(match name {
        "bool" => DType::Bool,
        "u8" => DType::U8,
        "i8" => DType::I8,
        "i16" => DType::I16,
        "i32" => DType::I32,
        "i64" => DType::I64,
        "f16" => DType::F16,
        "bf16" => DType::BF16,
        "f32" => DType::F32,
        "f64" => DType::F64,
        _ => return None,
    })
}

fn value(token: &str, ty: &Type) -> Result<Value, String> {
    let ty = match ty {
        Type::Optional(inner) => inner,
        other => other,
    };
    let number = || match token {
        "inf" => Ok(f64::INFINITY),
        "true" => Ok(1.0),
        "false" => Ok(0.0),
        _ => token.parse::<f64>().map_err(|e| format!("{token}: {e}")),
    };
    let scalar = || match token {
        "true" | "false" => Ok(Scalar::Bool(token == "true")),
        _ => match token.parse::<i64>() {
            Ok(i) => Ok(Scalar::Int(i)),
            Err(_) => number().map(Scalar::Float),
        },
    };
    if token == "none" {
        return Ok(Value::None);
    }
    if let Some(name) = token.strip_prefix('@') {
        return dtype(name).map(Value::DType).ok_or_else(|| format!("no dtype {name}"));
    }
    if let Some(text) = token.strip_prefix('"') {
        return Ok(Value::Str(text.trim_end_matches('"').into()));
    }
    if let Some(list) = token.strip_prefix('(') {
        let list: Result<Vec<Tensor>, String> = tokens(list.trim_end_matches(')')).iter().map(|t| tensor(t)).collect();
        let list = list?;
        return Ok(match ty {
            Type::List(inner, _) if matches!(**inner, Type::Optional(_)) => {
                Value::OptTensors(list.into_iter().map(Some).collect())
            }
            _ => Value::Tensors(list),
        });
    }
    if let Some(list) = token.strip_prefix('[') {
        let list: Result<Vec<i64>, _> = list.trim_end_matches(']').split(',').map(str::parse).collect();
        return list.map(Value::Ints).map_err(|e| format!("{token}: {e}"));
    }
    if token.contains('[') {
        return tensor(token).map(Value::Tensor);
    }
    Ok(match ty {
        Type::Tensor => Value::Tensor(fine(Tensor::wrapped(scalar()?))),
        Type::Scalar => Value::Scalar(scalar()?),
        Type::Float => Value::Float(number()?),
        Type::Bool => Value::Bool(token == "true"),
        _ => Value::Int(number()? as i64),
    })
}

/// `f32[1024,1024]+'`: dtype, shape, filling, layout.
fn tensor(token: &str) -> Result<Tensor, String> {
    let wrong = || format!("{token} is no tensor");
    let (name, rest) = token.split_once('[').ok_or_else(wrong)?;
    let (shape, rest) = rest.split_once(']').ok_or_else(wrong)?;
    let dtype = dtype(name).ok_or_else(wrong)?;
    let shape: Result<Vec<i64>, _> = shape.split(',').filter(|s| !s.is_empty()).map(str::parse).collect();
    let mut shape = shape.map_err(|_| wrong())?;
    let layout = rest.chars().last().filter(|c| matches!(c, '\'' | '~'));
    let n = shape.len();
    match layout {
        Some('\'') => shape.swap(n - 1, n - 2),
        Some(_) => shape[n - 1] *= 2,
        None => {}
    }
    let x = fill(rest.trim_end_matches(['\'', '~']), &shape, dtype).ok_or_else(wrong)?;
    Ok(match layout {
        Some('\'') => x.transpose(-1, -2),
        Some(_) => fine(duoc::ops::view::slice(&x, -1, None, None, 2)),
        None => x,
    })
}

fn fill(how: &str, shape: &[i64], dtype: DType) -> Option<Tensor> {
    use duoc::ops::random::{rand, randint_low, randn};
    let ints =
        |low, high| fine(randint_low(low, high, shape, None, Some(DType::I64), None, None, None)).to_dtype(dtype);
    if let Some(high) = how.strip_prefix('<') {
        return Some(ints(0, high.parse().ok()?));
    }
    if dtype == DType::Bool {
        return Some(ints(0, 2));
    }
    if !dtype.is_float() {
        return Some(ints(1, 101));
    }
    let unit = || fine(rand(shape, None, None, None, None, None));
    let x = match how {
        "" => fine(randn(shape, None, None, None, None, None)),
        "+" => fine(randn(shape, None, None, None, None, None)).abs() + 0.01,
        "u" => unit() * 0.98 + 0.01,
        "h" => unit() * 1.98 - 0.99,
        "g" => unit() * 3.0 + 1.01,
        _ => return None,
    };
    Some(x.to_dtype(dtype))
}
