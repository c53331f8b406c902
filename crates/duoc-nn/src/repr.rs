//! How modules are printed: PyTorch's nested form.

use crate::Module;

/// The lines after the first, moved in by two.
fn indent(text: &str) -> String {
    text.replace('\n', "\n  ")
}

/// `Kind(extra)`, or with one line for each line of `extra_repr` and each module inside.
pub(crate) fn standard(m: &dyn Module) -> String {
    let children = m.children();
    let lines = children
        .iter()
        .map(|(name, c)| format!("({name}): {}", indent(&c.repr())));
    with_lines(m.kind(), &m.extra_repr(), lines.collect())
}

fn with_lines(kind: &str, extra: &str, children: Vec<String>) -> String {
    let extra: Vec<&str> = if extra.is_empty() {
        Vec::new()
    } else {
        extra.split('\n').collect()
    };
    if children.is_empty() && extra.len() <= 1 {
        return format!("{kind}({})", extra.concat());
    }
    let lines: Vec<&str> = extra.into_iter().chain(children.iter().map(String::as_str)).collect();
    format!("{kind}(\n  {}\n)", lines.join("\n  "))
}

/// As [`standard`], with neighbours that print alike in one line: `(0-3): 4 x Linear(..)`.
pub(crate) fn list(kind: &str, items: &[String]) -> String {
    let mut lines = Vec::new();
    let mut first = 0;
    for i in 1..=items.len() {
        if items.get(i) == items.get(first) {
            continue;
        }
        let (last, text) = (i - 1, &items[first]);
        lines.push(indent(&match last - first {
            0 => format!("({first}): {text}"),
            more => format!("({first}-{last}): {} x {text}", more + 1),
        }));
        first = i;
    }
    with_lines(kind, "", lines)
}
