//! Ops as data: one row per operation, the registry that holds them all, and the gate that every call goes through.
//!
//! A row of [`ops!`](crate::ops) declares the schema in PyTorch's notation, how the op is reached from Python, and the
//! public function with its documentation; the body is a plain function below. Bindings, stubs, documentation, the
//! parity table and the test suites read the [`registry`] and hold no op names.

mod gate;
mod inplace;
mod registry;
mod schema;
mod value;

pub use gate::{Mode, origin, set_origin_hook, with_mode};
#[doc(hidden)]
pub use gate::{is_gated, through};
pub(crate) use inplace::check_target;
pub use inplace::{can_cast, finish_inplace, finish_out, in_place};
pub use registry::{Entry, Form, Registry, registry};
pub use schema::{Argument, Default, Return, Schema, Type};
pub use value::{Args, FromValue, IntoValue, Value};

use crate::{Result, Tensor};

/// One declared operation.
pub struct Op {
    /// The schema in PyTorch's notation: `add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`.
    pub schema: &'static str,
    /// What the op computes, from the doc comment of its row.
    pub doc: &'static str,
    /// How it is reached.
    pub surface: Surface,
    /// Number of parameters of the Rust function; a test holds it equal to the schema's.
    pub arity: usize,
    /// Calls the op with dynamic arguments, through the gate.
    pub call: fn(&[Value]) -> Result<Value>,
    /// Writes the result of `call` straight into an output of the right shape and dtype; None where the result is
    /// computed first and copied.
    pub write: Option<fn(&[Value], &Tensor) -> Result<()>>,
}

/// Where an op appears in the Python face.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Surface {
    /// `torch.name(...)` (or `torch.module.name` when the schema's name has a module prefix such as `linalg_`).
    pub function: bool,
    /// `Tensor.name(...)`.
    pub method: bool,
    /// `Tensor.name_(...)`, derived from the functional form.
    pub inplace: bool,
    /// `out=`, derived from the functional form.
    pub out: bool,
    /// The aliases of the op's name: further names for all of its forms.
    pub aliases: &'static [&'static str],
}

impl Surface {
    #[doc(hidden)]
    pub const fn of(words: &[&str], aliases: &'static [&'static str]) -> Surface {
        let mut s = Surface {
            function: false,
            method: false,
            inplace: false,
            out: false,
            aliases,
        };
        let mut i = 0;
        while i < words.len() {
            match words[i].as_bytes() {
                b"function" => s.function = true,
                b"method" => s.method = true,
                b"inplace" => s.inplace = true,
                b"out" => s.out = true,
                _ => panic!("a row's surface is made of: function, method, inplace, out"),
            }
            i += 1;
        }
        s
    }
}

impl Op {
    /// Name without overload: `add`.
    pub fn name(&self) -> &'static str {
        let s = self.schema;
        &s[..s.find(['.', '(']).unwrap_or(s.len())]
    }
}

/// Whether a schema says that its result may be a view: such an op takes conjugated and negated tensors as they are, and
/// so does one that writes into its argument.
#[doc(hidden)]
pub const fn returns_view(schema: &str) -> bool {
    let (s, mark) = (schema.as_bytes(), b"Tensor(a");
    let mut i = 0;
    while i + mark.len() <= s.len() {
        let mut k = 0;
        while k < mark.len() && s[i + k] == mark[k] {
            k += 1;
        }
        if k == mark.len() {
            return true;
        }
        i += 1;
    }
    false
}

/// Calls an op with the conjugations and negations of its arguments carried out: kernels read elements as they are stored.
#[doc(hidden)]
#[cold]
pub fn with_resolved(op: &'static Op, args: &[Value]) -> Result<Value> {
    let args = args.iter().map(Value::resolved).collect::<Result<Vec<_>>>()?;
    (op.call)(&args)
}

/// Declares the ops of a file.
///
/// ```text
/// ops! {
///     /// What it computes (the equation), shapes, errors, source of the formula.
///     "cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor" [function, method, inplace, out]
///     pub fn cumsum(x: &Tensor, dim: i64, dtype: Option<DType>) -> Tensor = cumsum_body;
///
///     /// Rows may name aliases.
///     "multiply.Tensor(...)" [function, method] alias ["mul"] ...
/// }
/// ```
/// Each row makes the public function (`-> Result<..>`), which enters the gate and then runs the body, and a static
/// [`Op`]. `pub static OPS` lists them; `ops/mod.rs` lists the files. One invocation per file.
#[macro_export]
macro_rules! ops {
    ($(
        $(#[doc = $doc:literal])*
        $schema:literal [$($word:ident),*] $(alias [$($alias:literal),*])? $(write $write:expr;)?
        pub fn $name:ident($($arg:ident : $ty:ty),* $(,)?) -> $ret:ty = $body:path;
    )*) => {
        $(
            $(#[doc = $doc])*
            #[inline]
            pub fn $name($($arg: $ty),*) -> $crate::Result<$ret> {
                if $crate::op::is_gated() {
                    let args = [$($crate::op::IntoValue::to_value(&$arg)),*];
                    return $crate::op::through(&op_rows::$name, &args, &mut || $body($($arg),*).map(|r| {
                        $crate::op::IntoValue::to_value(&r)
                    })).and_then($crate::op::FromValue::from_owned);
                }
                const AWARE: bool = $crate::op::returns_view($schema);
                if !AWARE && (false $(|| $crate::op::IntoValue::is_lazy(&$arg))*) {
                    let args = [$($crate::op::IntoValue::to_value(&$arg)),*];
                    return $crate::op::with_resolved(&op_rows::$name, &args).and_then($crate::op::FromValue::from_owned);
                }
                $body($($arg),*)
            }
        )*
        #[allow(non_upper_case_globals, missing_docs)]
        mod op_rows {
            #[allow(unused_imports)]
            use super::*;
            $(
                pub static $name: $crate::op::Op = $crate::op::Op {
                    schema: $schema,
                    doc: concat!($($doc, "\n"),*),
                    surface: $crate::op::Surface::of(&[$(stringify!($word)),*], &[$($($alias),*)?]),
                    arity: [$(stringify!($arg)),*].len(),
                    call: |args| {
                        #[allow(unused_mut, unused_variables)]
                        let mut args = $crate::op::Args::new(args);
                        $(let $arg = args.take()?;)*
                        super::$name($($arg),*).map(|r| $crate::op::IntoValue::to_value(&r))
                    },
                    write: { #[allow(unused_mut, unused_assignments)] let mut w: Option<fn(&[$crate::op::Value], &$crate::Tensor) -> $crate::Result<()>> = None; $(w = Some($write);)? w },
                };
            )*
        }
        /// The rows of this file.
        pub static OPS: &[&$crate::op::Op] = &[$(&op_rows::$name),*];
    };
}
