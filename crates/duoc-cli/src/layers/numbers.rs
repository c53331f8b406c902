//! A layer's formulas with numbers put in: parameters, output shape, multiply-adds.

use clap::ArgMatches;
use duoc::{Result, bail, ensure};

/// The sizes that were given.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    input: Option<u64>,
    output: Option<u64>,
    kernel: Option<u64>,
    stride: Option<u64>,
    padding: u64,
    heads: u64,
    key: Option<u64>,
    value: Option<u64>,
    vocabulary: Option<u64>,
    shape: Option<Vec<u64>>,
}

impl Numbers {
    pub fn from_args(m: &ArgMatches) -> Result<Numbers> {
        let size = |name: &str| m.get_one::<u32>(name).map(|n| u64::from(*n));
        Ok(Numbers {
            input: size("in"),
            output: size("out"),
            kernel: size("kernel"),
            stride: size("stride"),
            padding: size("padding").unwrap_or(0),
            heads: size("heads").unwrap_or(1),
            key: size("key"),
            value: size("value"),
            vocabulary: size("vocabulary"),
            shape: m.get_one::<String>("input").map(|s| shape(s)).transpose()?,
        })
    }

    /// The lines for a layer; none without numbers.
    ///
    /// # Errors
    /// `ValueError` for numbers that do not go together.
    pub fn put_in(&self, name: &str, vietnamese: bool) -> Result<Option<String>> {
        let mut lines = Vec::new();
        let say = |en: &str, vi: &str| if vietnamese { vi.to_string() } else { en.to_string() };
        if let Some((formula, count)) = self.parameters(name)? {
            lines.push(format!("{}: {formula} = {count}", say("parameters", "số tham số")));
        }
        if let Some(shape) = &self.shape {
            let out = self.output_shape(name, shape)?;
            lines.push(format!(
                "{}: {} -> {}",
                say("shapes", "kích thước"),
                joined(shape),
                joined(&out)
            ));
            if let Some(n) = self.multiply_adds(name, &out) {
                lines.push(format!("{}: {n}", say("multiply-adds", "số phép nhân-cộng")));
            }
        }
        Ok((!lines.is_empty()).then(|| lines.join("\n")))
    }

    /// The formula with numbers, and what it comes to.
    fn parameters(&self, name: &str) -> Result<Option<(String, u64)>> {
        let (i, o) = (self.input, self.output);
        Ok(match (name, i, o) {
            ("linear", Some(i), Some(o)) => Some((format!("{i}·{o} + {o}"), i * o + o)),
            ("conv2d", Some(i), Some(o)) => {
                let Some(k) = self.kernel else {
                    bail!(Value, "conv2d needs --kernel too");
                };
                Some((format!("{i}·{o}·{k}·{k} + {o}"), i * o * k * k + o))
            }
            ("rnn", Some(i), Some(o)) => Some((format!("{i}·{o} + {o}·{o} + {o}"), i * o + o * o + o)),
            ("lstm", Some(i), Some(o)) => Some((format!("4·(({i} + {o})·{o} + {o})"), 4 * ((i + o) * o + o))),
            ("gru", Some(i), Some(o)) => Some((format!("3·(({i} + {o})·{o} + {o})"), 3 * ((i + o) * o + o))),
            ("self-attention", Some(d), _) => {
                let (k, v) = (self.key.unwrap_or(d), self.value.unwrap_or(d));
                Some((format!("2·{d}·{k} + {d}·{v}"), 2 * d * k + d * v))
            }
            ("multi-head attention", Some(d), _) => {
                let h = self.heads;
                ensure!(h > 0, Value, "--heads must be at least 1");
                let (k, v) = (self.key.unwrap_or(d / h), self.value.unwrap_or(d / h));
                let text = format!("{h}·(2·{d}·{k} + {d}·{v}) + {h}·{v}·{d}");
                Some((text, h * (2 * d * k + d * v) + h * v * d))
            }
            ("embedding", _, Some(d)) => match self.vocabulary {
                Some(v) => Some((format!("{v}·{d}"), v * d)),
                None => bail!(Value, "embedding needs --vocabulary too"),
            },
            ("layernorm" | "batchnorm", Some(d), _) => Some((format!("2·{d}"), 2 * d)),
            ("dropout" | "maxpool" | "avgpool", ..) if self.shape.is_some() => Some(("0".into(), 0)),
            _ => None,
        })
    }

    fn output_shape(&self, name: &str, shape: &[u64]) -> Result<Vec<u64>> {
        let last = shape.len().saturating_sub(1);
        let fits = |at: usize, wanted: Option<u64>, what: &str| -> Result<()> {
            if let (Some(w), Some(have)) = (wanted, shape.get(at)) {
                ensure!(
                    w == *have,
                    Value,
                    "{name}: {what} is {w}, but the input {} has {have}",
                    joined(shape)
                );
            }
            Ok(())
        };
        let mut out = shape.to_vec();
        match name {
            "linear" => {
                fits(last, self.input, "--in")?;
                if let (Some(o), Some(place)) = (self.output, out.last_mut()) {
                    *place = o;
                }
            }
            "conv2d" | "maxpool" | "avgpool" => {
                ensure!(
                    shape.len() == 4,
                    Value,
                    "{name}: an input of four sizes was expected, NxCxHxW, not {}",
                    joined(shape)
                );
                let Some(k) = self.kernel else {
                    bail!(Value, "{name} needs --kernel for the output's shape");
                };
                let stride = self.stride.unwrap_or(if name == "conv2d" { 1 } else { k });
                if name == "conv2d" {
                    fits(1, self.input, "--in")?;
                    out[1] = self.output.unwrap_or(out[1]);
                }
                for side in &mut out[2..] {
                    *side = sides(name, *side, k, stride, self.padding)?;
                }
            }
            "rnn" | "lstm" | "gru" | "self-attention" => {
                fits(last, self.input, "--in")?;
                let to = if name == "self-attention" {
                    self.value.or(self.input)
                } else {
                    self.output
                };
                if let (Some(o), Some(place)) = (to, out.last_mut()) {
                    *place = o;
                }
            }
            "embedding" => out.extend(self.output),
            _ => fits(last, self.input.filter(|_| name == "layernorm"), "--in")?,
        }
        Ok(out)
    }

    /// Multiply-adds of the layers whose work is products.
    fn multiply_adds(&self, name: &str, out: &[u64]) -> Option<u64> {
        let product = |v: &[u64]| v.iter().try_fold(1u64, |p, n| p.checked_mul(*n));
        let each = match name {
            "linear" => self.input?,
            "conv2d" => self.input?.checked_mul(self.kernel?.checked_mul(self.kernel?)?)?,
            _ => return None,
        };
        product(out)?.checked_mul(each)
    }
}

/// `floor((n + 2p - k) / s) + 1`.
fn sides(name: &str, n: u64, k: u64, s: u64, p: u64) -> Result<u64> {
    ensure!(k > 0 && s > 0, Value, "{name}: kernel and stride must be at least 1");
    ensure!(
        n + 2 * p >= k,
        Value,
        "{name}: a kernel of {k} does not fit into {n} with padding {p}"
    );
    Ok((n + 2 * p - k) / s + 1)
}

fn joined(shape: &[u64]) -> String {
    shape.iter().map(u64::to_string).collect::<Vec<_>>().join("x")
}

/// A shape as it is written on the command line: sizes with x between.
pub fn shape_of(text: &str) -> Result<Vec<i64>> {
    Ok(shape(text)?.into_iter().map(|n| n as i64).collect())
}

fn shape(text: &str) -> Result<Vec<u64>> {
    let part = |p: &str| match p.trim().parse::<u32>() {
        Ok(n) if n <= 1_000_000 => Ok(u64::from(n)),
        _ => bail!(
            Value,
            "{text:?} is no shape; sizes with x between were expected, 1x3x224x224"
        ),
    };
    text.split(['x', 'X', ',']).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: impl FnOnce(&mut Numbers)) -> Numbers {
        let mut n = Numbers {
            heads: 1,
            ..Numbers::default()
        };
        set(&mut n);
        n
    }

    /// The counts of the course, with its letters as numbers.
    #[test]
    fn the_counts_of_the_course() {
        let io = |i, o| move |n: &mut Numbers| (n.input, n.output) = (Some(i), Some(o));
        let count = |n: Numbers, name: &str| n.parameters(name).unwrap().unwrap().1;
        assert_eq!(count(of(io(20, 30)), "linear"), 630);
        assert_eq!(count(of(io(20, 30)), "rnn"), 20 * 30 + 30 * 30 + 30);
        assert_eq!(count(of(io(20, 30)), "lstm"), 4 * (50 * 30 + 30));
        let attention = |n: &mut Numbers| (n.input, n.key, n.value) = (Some(16), Some(4), Some(5));
        assert_eq!(count(of(attention), "self-attention"), 2 * 16 * 4 + 16 * 5);
        let heads = |n: &mut Numbers| (n.input, n.key, n.value, n.heads) = (Some(16), Some(4), Some(5), 2);
        assert_eq!(
            count(of(heads), "multi-head attention"),
            2 * (2 * 16 * 4 + 16 * 5) + 2 * 5 * 16
        );
        assert_eq!(
            count(of(|n| (n.vocabulary, n.output) = (Some(100), Some(8))), "embedding"),
            800
        );
        assert_eq!(count(of(|n| n.input = Some(64)), "layernorm"), 128);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let n = of(|n| (n.input, n.output, n.kernel, n.shape) = (Some(3), Some(8), Some(7), Some(vec![1, 3, 5, 5])));
        assert!(
            n.put_in("conv2d", false)
                .unwrap_err()
                .message()
                .contains("does not fit")
        );
        assert!(shape("1x-3").is_err() && shape("").is_err() && shape("1x99999999999").is_err());
    }
}
