//! PyTorch's schema notation, parsed.
//!
//! Grammar (aten/src/ATen/native/README.md): `name.overload(Type name=default, *, Type name) -> Type`. Types may carry
//! alias marks `(a)`, `(a!)`, list marks `[]`, `[2]` and the optional mark `?`.

/// The type of an argument or result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Type {
    /// `Tensor`
    Tensor,
    /// `Scalar`: a Python number.
    Scalar,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `str`
    Str,
    /// `ScalarType`: a dtype.
    DType,
    /// `Layout`
    Layout,
    /// `Device`
    Device,
    /// `MemoryFormat`
    MemoryFormat,
    /// `Generator`
    Generator,
    /// `T[]` or `T[n]`; a list of given length accepts a single element for all.
    List(Box<Type>, Option<usize>),
    /// `T?`
    Optional(Box<Type>),
}

/// A default value.
#[derive(Clone, PartialEq, Debug)]
pub enum Default {
    /// `None`
    None,
    /// A number.
    Int(i64),
    /// A number.
    Float(f64),
    /// `True` or `False`.
    Bool(bool),
    /// A list of integers.
    Ints(Vec<i64>),
    /// Text.
    Str(String),
    /// An enumerator such as `contiguous_format` or `Mean`.
    Word(String),
}

/// One argument.
#[derive(Clone, PartialEq, Debug)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its default; required without one.
    pub default: Option<Default>,
    /// Whether it stands after the `*`.
    pub kwarg_only: bool,
    /// Whether it is written to: `Tensor(a!)`.
    pub written: bool,
    /// Whether the result shares its memory: `Tensor(a)`.
    pub aliased: bool,
}

/// One result.
#[derive(Clone, PartialEq, Debug)]
pub struct Return {
    /// Its type.
    pub ty: Type,
    /// Its name in a named tuple.
    pub name: Option<String>,
    /// Whether it is a view of (or is) an argument.
    pub aliased: bool,
}

/// A parsed schema.
#[derive(Clone, PartialEq, Debug)]
pub struct Schema {
    /// `add`
    pub name: String,
    /// `Tensor` in `add.Tensor`; empty without one.
    pub overload: String,
    /// Arguments in order.
    pub args: Vec<Argument>,
    /// Results in order.
    pub returns: Vec<Return>,
}

impl Schema {
    /// Parses a schema; the message says what is wrong.
    pub fn parse(text: &str) -> Result<Schema, String> {
        let fail = |why: &str| format!("schema `{text}`: {why}");
        let open = text.find('(').ok_or_else(|| fail("no argument list"))?;
        let (name, overload) = text[..open].split_once('.').unwrap_or((&text[..open], ""));
        let arrow = text.rfind("->").ok_or_else(|| fail("no `->`"))?;
        let close = text[..arrow].rfind(')').ok_or_else(|| fail("no `)` before `->`"))?;
        let mut args = Vec::new();
        let mut kwarg_only = false;
        for part in split(&text[open + 1..close]) {
            if part == "*" {
                kwarg_only = true;
                continue;
            }
            args.push(argument(part, kwarg_only).map_err(|e| fail(&e))?);
        }
        let returns = text[arrow + 2..].trim();
        let inner = match returns.strip_prefix('(').and_then(|r| r.strip_suffix(')')) {
            Some(list) => split(list),
            None => vec![returns],
        };
        let returns = inner
            .into_iter()
            .map(|r| result(r).map_err(|e| fail(&e)))
            .collect::<Result<_, _>>()?;
        Ok(Schema {
            name: name.trim().into(),
            overload: overload.trim().into(),
            args,
            returns,
        })
    }

    /// `add.Tensor`, or `add` without an overload name.
    pub fn full_name(&self) -> String {
        if self.overload.is_empty() {
            self.name.clone()
        } else {
            format!("{}.{}", self.name, self.overload)
        }
    }
}

/// Splits at commas outside brackets.
fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in list.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(list[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts.retain(|p| !p.is_empty());
    parts
}

fn argument(text: &str, kwarg_only: bool) -> Result<Argument, String> {
    let (decl, default) = match text.split_once('=') {
        Some((d, v)) => (d.trim(), Some(default(v.trim()))),
        None => (text, None),
    };
    let (ty, name) = decl
        .rsplit_once(' ')
        .ok_or_else(|| format!("argument `{text}` has no name"))?;
    let (ty, mark) = ty_of(ty.trim())?;
    Ok(Argument {
        name: name.into(),
        ty,
        default,
        kwarg_only,
        written: mark.contains('!'),
        aliased: !mark.is_empty() && !mark.contains('!'),
    })
}

fn result(text: &str) -> Result<Return, String> {
    let (ty, name) = match text.rsplit_once(' ') {
        Some((t, n)) if !n.ends_with([')', ']']) => (t, Some(n.to_string())),
        _ => (text, None),
    };
    let (ty, mark) = ty_of(ty.trim())?;
    Ok(Return {
        ty,
        name,
        aliased: !mark.is_empty(),
    })
}

/// A type and its alias mark.
fn ty_of(text: &str) -> Result<(Type, String), String> {
    if let Some(inner) = text.strip_suffix('?') {
        let (t, m) = ty_of(inner)?;
        return Ok((Type::Optional(Box::new(t)), m));
    }
    if let Some(inner) = text.strip_suffix(']') {
        let (inner, n) = inner.rsplit_once('[').ok_or("unbalanced `]`")?;
        let (t, m) = ty_of(inner)?;
        let n = if n.is_empty() {
            None
        } else {
            Some(n.parse().map_err(|_| format!("list length `{n}`"))?)
        };
        return Ok((Type::List(Box::new(t), n), m));
    }
    let (word, mark) = match text.split_once('(') {
        Some((w, m)) => (w, m.trim_end_matches(')')),
        None => (text, ""),
    };
    let t = match word {
        "Tensor" => Type::Tensor,
        "Scalar" => Type::Scalar,
        "int" | "SymInt" => Type::Int,
        "float" => Type::Float,
        "bool" => Type::Bool,
        "str" => Type::Str,
        "ScalarType" => Type::DType,
        "Layout" => Type::Layout,
        "Device" => Type::Device,
        "MemoryFormat" => Type::MemoryFormat,
        "Generator" => Type::Generator,
        _ => return Err(format!("type `{word}` is not known")),
    };
    Ok((t, mark.into()))
}

fn default(text: &str) -> Default {
    if let Some(list) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return Default::Ints(list.split(',').filter_map(|n| n.trim().parse().ok()).collect());
    }
    if let Some(s) = text.strip_prefix(['"', '\'']) {
        return Default::Str(s.trim_end_matches(['"', '\'']).into());
    }
    match text {
        "None" => Default::None,
        "True" => Default::Bool(true),
        "False" => Default::Bool(false),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(i), _) => Default::Int(i),
            (_, Ok(x)) => Default::Float(x),
            _ => Default::Word(text.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_schema() {
        let s = Schema::parse(
            "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
        )
        .unwrap();
        assert_eq!(s.full_name(), "sum.dim_IntList");
        assert_eq!(s.args.len(), 4);
        let ints = Type::List(Box::new(Type::Int), Some(1));
        assert_eq!(s.args[1].ty, Type::Optional(Box::new(ints)));
        assert!(s.args[3].kwarg_only && s.args[3].default == Some(Default::None));
    }

    #[test]
    fn alias_marks_and_named_results() {
        let s =
            Schema::parse("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)")
                .unwrap();
        assert_eq!(s.returns[1].name.as_deref(), Some("indices"));
        let s = Schema::parse("split.Tensor(Tensor(a -> *) self, int split_size, int dim=0) -> Tensor(a)[]").unwrap();
        assert!(s.args[0].aliased && s.returns[0].aliased);
        let s = Schema::parse("zero_(Tensor(a!) self) -> Tensor(a!)").unwrap();
        assert!(s.args[0].written);
        assert!(Schema::parse("nonsense").is_err());
    }
}
