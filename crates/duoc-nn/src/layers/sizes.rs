//! Window sizes and the like: one number for all dimensions, or one for each; and how Python writes numbers.

use duoc_core::Scalar;
use std::fmt;

/// One number for all spatial dimensions, or one for each.
///
/// ```
/// use duoc_nn::Sizes;
/// assert_eq!(Sizes::from(3).to_string(), "3");
/// assert_eq!(Sizes::from([3, 2]).to_string(), "(3, 2)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    values: Vec<i64>,
    single: bool,
}

impl Sizes {
    /// The numbers, as the ops take them.
    pub fn list(&self) -> &[i64] {
        &self.values
    }

    /// The numbers for `n` dimensions.
    pub fn expanded(&self, n: usize) -> Vec<i64> {
        match self.single {
            true => vec![self.values[0]; n],
            false => self.values.clone(),
        }
    }

    /// As a tuple for `n` dimensions, however it was given.
    pub(crate) fn tuple(&self, n: usize) -> Sizes {
        Sizes {
            values: self.expanded(n),
            single: false,
        }
    }
}

impl From<i64> for Sizes {
    fn from(n: i64) -> Sizes {
        Sizes {
            values: vec![n],
            single: true,
        }
    }
}
impl<const N: usize> From<[i64; N]> for Sizes {
    fn from(n: [i64; N]) -> Sizes {
        Vec::from(n).into()
    }
}
impl From<Vec<i64>> for Sizes {
    fn from(values: Vec<i64>) -> Sizes {
        Sizes { values, single: false }
    }
}
impl From<(i64, i64)> for Sizes {
    fn from(n: (i64, i64)) -> Sizes {
        [n.0, n.1].into()
    }
}
impl From<(i64, i64, i64)> for Sizes {
    fn from(n: (i64, i64, i64)) -> Sizes {
        [n.0, n.1, n.2].into()
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single {
            true => write!(f, "{}", self.values[0]),
            false => f.write_str(&tuple(self.values.iter().map(|n| n.to_string()))),
        }
    }
}

/// `(1, 2)`, with a comma behind a single one.
pub(crate) fn tuple(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    match &parts[..] {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(", ")),
    }
}

/// How Python writes a float: `0.1`, `1e-05`, `1.0`, `inf`.
pub(crate) fn float(x: f64) -> String {
    let text = match x {
        x if x.is_nan() => "nan".into(),
        x if x.is_infinite() => if x > 0.0 { "inf" } else { "-inf" }.into(),
        x if x != 0.0 && x.abs() < 1e-4 => format!("{x:e}"),
        x => format!("{x:?}"),
    };
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let n: i32 = exponent.parse().unwrap_or(0);
            format!("{digits}e{}{:02}", if n < 0 { '-' } else { '+' }, n.abs())
        }
        None => text,
    }
}

/// How Python writes a number.
pub(crate) fn number(x: Scalar) -> String {
    match x {
        Scalar::Float(x) => float(x),
        Scalar::Int(n) => n.to_string(),
        other => float(other.to_f64()),
    }
}

/// How Python writes a float or None.
pub(crate) fn maybe(x: Option<f64>) -> String {
    x.map_or("None".into(), float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_pythons() {
        for (x, text) in [
            (1e-5, "1e-05"),
            (0.1, "0.1"),
            (1.0, "1.0"),
            (1e-4, "0.0001"),
            (2.5e-7, "2.5e-07"),
            (1e16, "1e+16"),
            (0.0, "0.0"),
        ] {
            assert_eq!(float(x), text);
        }
        assert_eq!(tuple(["2".to_string()].into_iter()), "(2,)");
    }
}
