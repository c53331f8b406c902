//! Max pooling at random distances, and the partial inverses of max pooling.

use super::sizes::Sizes;
use crate::{Base, Layer, Module, call};
use duoc_core::ops::pool::{fractional, unpool};
use duoc_core::ops::random::rand;
use duoc_core::{OrThrow, Result, Tensor, bail, ensure};

macro_rules! fractional {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $n:literal $op:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        pub struct $Layer {
            /// Cells of a window.
            #[module(skip)]
            pub kernel_size: Sizes,
            /// The size of the result.
            #[module(skip)]
            pub output_size: Option<Sizes>,
            /// The size of the result, as a share of the input's.
            #[module(skip)]
            pub output_ratio: Option<Vec<f64>>,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be: exactly one of size and ratio is given.
            $Options for $Layer(kernel_size: Sizes as impl Into<Sizes>) {
                /// The size of the result.
                output_size: Option<Sizes> as impl Into<Sizes> => Some = None,
                /// The size of the result as a share of the input's, between 0 and 1.
                output_ratio: Option<Vec<f64>> as impl Into<Vec<f64>> => Some = None,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                let name = stringify!($Layer);
                match (&o.output_size, &o.output_ratio) {
                    (None, None) => bail!(Value, "{name} requires specifying either an output size, or a pooling ratio"),
                    (Some(_), Some(_)) => bail!(Value, "only one of output_size and output_ratio may be specified"),
                    (None, Some(r)) => ensure!(
                        r.iter().all(|r| *r > 0.0 && *r < 1.0),
                        Value,
                        "output_ratio must be between 0 and 1 (got {r:?})"
                    ),
                    _ => {}
                }
                Ok($Layer {
                    kernel_size: o.kernel_size,
                    output_size: o.output_size,
                    output_ratio: o.output_ratio.map(|r| if r.len() == 1 { vec![r[0]; $n] } else { r }),
                    base: Base::new(),
                })
            }

            /// The output and the place of each largest element within its plane; throws.
            #[track_caller]
            pub fn forward_with_indices(&self, input: &Tensor) -> (Tensor, Tensor) {
                self.try_forward_with_indices(input).or_throw()
            }

            /// The output and the place of each largest element within its plane.
            pub fn try_forward_with_indices(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
                call(self, &[input], |x| self.both(x[0]))
            }

            fn both(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
                let (shape, n) = (x.shape(), $n);
                ensure!(
                    shape.len() == n + 1 || shape.len() == n + 2,
                    Runtime,
                    "fractional_max_pool{n}d(): Expected {}D or {}D tensor, but got: {shape:?}",
                    n + 1,
                    n + 2
                );
                let last = &shape[shape.len() - n..];
                let size = match (&self.output_size, &self.output_ratio) {
                    (Some(s), _) => s.expanded(n),
                    (None, r) => {
                        let ratios = r.as_deref().unwrap_or_default();
                        last.iter().zip(ratios).map(|(d, r)| (*d as f64 * r) as i64).collect()
                    }
                };
                let batch = if shape.len() == n + 2 { shape[0] as i64 } else { 1 };
                let planes = shape[shape.len() - n - 1] as i64;
                let samples = rand(&[batch, planes, n as i64], None, Some(x.dtype()), None, None, None)?;
                fractional::$op(x, &self.kernel_size.expanded(n), &size, &samples)
            }
        }

        impl Layer for $Layer {
            fn run(&self, input: &Tensor) -> Result<Tensor> {
                Ok(self.both(input)?.0)
            }
        }
    )* };
}

fractional! {
    /// Max pooling to a size between the input's and a half of it, over windows at random distances (B. Graham, 2014).
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)` becomes `(.., H', W')`: `output_size`, or `output_ratio` times the input's.
    /// * **Parameters**: none.
    /// * **How it works**: distances are drawn anew on every call, one row for each plane, in training and inference.
    /// * **When to use it**: to shrink more gently than by two, with the noise as regulariser.
    /// * **Limits**: slow; inference is random too, and wants a mean of several.
    FractionalMaxPool2d FractionalMaxPool2dOptions 2 fractional_max_pool2d;

    /// Fractional max pooling of volumes. **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`. The rest as [`FractionalMaxPool2d`].
    FractionalMaxPool3d FractionalMaxPool3dOptions 3 fractional_max_pool3d;
}

macro_rules! unpool {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $n:literal |$x:ident, $at:ident, $size:ident, $s:ident, $p:ident| $run:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// Cells of a window of the pooling.
            #[module(skip)]
            pub kernel_size: Sizes,
            /// Its distance of windows.
            #[module(skip)]
            pub stride: Sizes,
            /// Its border.
            #[module(skip)]
            pub padding: Sizes,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be: the pooling's own arguments.
            $Options for $Layer(kernel_size: Sizes as impl Into<Sizes>) {
                /// Distance of windows (the kernel's size).
                stride: Option<Sizes> as impl Into<Sizes> => Some = None,
                /// Width of the border (0).
                padding: Sizes as impl Into<Sizes> = 0.into(),
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    stride: o.stride.as_ref().unwrap_or(&o.kernel_size).tuple($n),
                    kernel_size: o.kernel_size.tuple($n),
                    padding: o.padding.tuple($n),
                    base: Base::new(),
                })
            }

            /// The elements at their places among zeros; `output_size` says which of the possible sizes it was. Throws.
            #[track_caller]
            pub fn forward(&self, input: &Tensor, indices: &Tensor, output_size: Option<&[i64]>) -> Tensor {
                self.try_forward(input, indices, output_size).or_throw()
            }

            /// The elements at their places among zeros.
            pub fn try_forward(&self, input: &Tensor, indices: &Tensor, output_size: Option<&[i64]>) -> Result<Tensor> {
                let ($s, $p) = (self.stride.list(), self.padding.list());
                call(self, &[input, indices], |inputs| {
                    let ($x, $at) = (inputs[0], inputs[1]);
                    let $size = before_pooling($x, self.kernel_size.list(), $s, $p, output_size)?;
                    $run
                })
            }

            fn extra_repr(&self) -> String {
                format!("kernel_size={}, stride={}, padding={}", self.kernel_size, self.stride, self.padding)
            }
        }
    )* };
}

/// The size before pooling: the given one, if it can be that, or the least.
fn before_pooling(x: &Tensor, k: &[i64], s: &[i64], p: &[i64], given: Option<&[i64]>) -> Result<Vec<i64>> {
    let n = k.len();
    ensure!(
        x.dim() >= n && s.len() == n && p.len() == n,
        Value,
        "max_unpooling: an input of {} dimensions does not fit windows of {n}",
        x.dim()
    );
    let last = &x.shape()[x.dim() - n..];
    let least: Vec<i64> = (0..n).map(|d| (last[d] as i64 - 1) * s[d] + k[d] - 2 * p[d]).collect();
    let size = match given {
        None => least,
        Some(size) => {
            let size = if size.len() == n + 2 { &size[2..] } else { size };
            ensure!(
                size.len() == n,
                Value,
                "output_size should be a sequence containing {n} or {} elements, but it has a length of '{}'",
                n + 2,
                size.len()
            );
            for d in 0..n {
                let (low, high) = (least[d] - s[d], least[d] + s[d]);
                ensure!(
                    low < size[d] && size[d] < high,
                    Value,
                    "invalid output_size \"{size:?}\" (dim {d} must be between {low} and {high})"
                );
            }
            size.to_vec()
        }
    };
    for (d, n) in size.iter().enumerate() {
        ensure!(
            *n >= 0,
            Value,
            "max_unpooling: output_size must contain non-negative spatial dimensions, but got output_size[{d}]={n}"
        );
    }
    Ok(size)
}

unpool! {
    /// Puts the elements of a [`MaxPool1d`](crate::MaxPool1d) back. **Shapes**: `(N, C, L)` or `(C, L)`. The rest as
    /// [`MaxUnpool2d`].
    MaxUnpool1d MaxUnpool1dOptions 1 |x, at, size, _s, _p| {
        let size = [size[0], 1];
        let y = unpool::max_unpool2d(&x.unsqueeze(-1), &at.unsqueeze(-1), &size)?;
        duoc_core::ops::view::squeeze_dim(&y, -1)
    };

    /// Puts the largest elements of a [`MaxPool2d`](crate::MaxPool2d) back at their places, zeros elsewhere.
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)` and the indices of the pooling; `H` becomes
    ///   `(H - 1)·stride - 2·padding + kernel_size` unless `output_size` names another size that pools to `H`.
    /// * **Parameters**: none.
    /// * **How it works**: of several elements for one place the last stays; gradients are picked at the indices.
    /// * **When to use it**: in decoders that mirror an encoder with max pooling.
    /// * **Limits**: most of the result is zero; transposed convolutions and interpolation fill it.
    /// * **Where used**: SegNet, deconvolution networks.
    MaxUnpool2d MaxUnpool2dOptions 2 |x, at, size, _s, _p| unpool::max_unpool2d(x, at, &size);

    /// Puts the elements of a [`MaxPool3d`](crate::MaxPool3d) back. **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`. The rest as
    /// [`MaxUnpool2d`].
    MaxUnpool3d MaxUnpool3dOptions 3 |x, at, size, s, p| unpool::max_unpool3d(x, at, &size, s, p);
}
