//! Pictures at another size.

use super::sizes::{Sizes, float, tuple};
use crate::{Base, Layer, Module};
use duoc_core::ops::pool::adaptive;
use duoc_core::ops::resample::{nearest, smooth};
use duoc_core::{Result, Tensor, bail, ensure};

/// One factor for all spatial dimensions, or one for each.
///
/// ```
/// use duoc_nn::Factors;
/// assert_eq!(Factors::from(2.0).to_string(), "2.0");
/// assert_eq!(Factors::from([2.0, 1.5]).to_string(), "(2.0, 1.5)");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    values: Vec<f64>,
    single: bool,
}

impl Factors {
    fn expanded(&self, n: usize) -> Vec<f64> {
        match self.single {
            true => vec![self.values[0]; n],
            false => self.values.clone(),
        }
    }
}

impl From<f64> for Factors {
    fn from(f: f64) -> Factors {
        Factors {
            values: vec![f],
            single: true,
        }
    }
}
impl From<i32> for Factors {
    fn from(f: i32) -> Factors {
        f64::from(f).into()
    }
}
impl From<Vec<f64>> for Factors {
    fn from(values: Vec<f64>) -> Factors {
        Factors { values, single: false }
    }
}
impl<const N: usize> From<[f64; N]> for Factors {
    fn from(values: [f64; N]) -> Factors {
        Vec::from(values).into()
    }
}
impl From<(f64, f64)> for Factors {
    fn from(f: (f64, f64)) -> Factors {
        [f.0, f.1].into()
    }
}

impl std::fmt::Display for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.single {
            true => f.write_str(&float(self.values[0])),
            false => f.write_str(&tuple(self.values.iter().map(|x| float(*x)))),
        }
    }
}

/// How cells between the old ones are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpsampleMode {
    /// A copy of cell `floor(o in / out)`.
    Nearest,
    /// A copy of the cell whose centre is nearest.
    NearestExact,
    /// A line between two cells, for `(N, C, W)`.
    Linear,
    /// Lines along both axes, for `(N, C, H, W)`.
    Bilinear,
    /// Lines along three axes, for `(N, C, D, H, W)`.
    Trilinear,
    /// Cubic convolution, for `(N, C, H, W)`.
    Bicubic,
    /// The mean of the cells that a result covers.
    Area,
}

impl UpsampleMode {
    /// PyTorch's name.
    pub fn name(self) -> &'static str {
        match self {
            UpsampleMode::Nearest => "nearest",
            UpsampleMode::NearestExact => "nearest-exact",
            UpsampleMode::Linear => "linear",
            UpsampleMode::Bilinear => "bilinear",
            UpsampleMode::Trilinear => "trilinear",
            UpsampleMode::Bicubic => "bicubic",
            UpsampleMode::Area => "area",
        }
    }
}

/// A picture at another size, by its size or by factors. PyTorch's `interpolate` without antialiasing.
fn interpolate(
    x: &Tensor,
    size: Option<&Sizes>,
    factors: Option<&Factors>,
    mode: UpsampleMode,
    align: Option<bool>,
    recompute: bool,
) -> Result<Tensor> {
    use UpsampleMode::*;
    let copies = matches!(mode, Nearest | NearestExact | Area);
    ensure!(
        !copies || align.is_none(),
        Value,
        "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
    );
    let align = align.unwrap_or(false);
    let dim = x.dim().saturating_sub(2);
    let mut size = size.map(|s| s.expanded(dim));
    let mut factors = factors.map(|f| f.expanded(dim));
    match (&size, &factors) {
        (Some(_), Some(_)) => bail!(Value, "only one of size or scale_factor should be defined"),
        (None, None) => bail!(Value, "either size or scale_factor should be defined"),
        (Some(s), None) => ensure!(
            s.len() == dim,
            Value,
            "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of {:?} and output size of {s:?}",
            &x.shape()[x.dim() - dim..]
        ),
        (None, Some(f)) => ensure!(
            f.len() == dim,
            Value,
            "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of {:?} and scale_factor of shape {f:?}",
            &x.shape()[x.dim() - dim..]
        ),
    }
    ensure!(
        !recompute || size.is_none(),
        Value,
        "recompute_scale_factor is not meaningful with an explicit size."
    );
    if (recompute || mode == Area)
        && let Some(f) = factors.take()
    {
        size = Some(
            x.shape()[2..]
                .iter()
                .zip(&f)
                .map(|(n, f)| (*n as f64 * f) as i64)
                .collect(),
        );
    }
    let (s, f) = (size.as_deref(), factors.as_deref());
    let given = s.unwrap_or_default();
    match (mode, dim) {
        (Nearest, 1) => nearest::upsample_nearest1d_vec(x, s, f),
        (Nearest, 2) => nearest::upsample_nearest2d_vec(x, s, f),
        (Nearest, 3) => nearest::upsample_nearest3d_vec(x, s, f),
        (NearestExact, 1) => nearest::upsample_nearest_exact1d_vec(x, s, f),
        (NearestExact, 2) => nearest::upsample_nearest_exact2d_vec(x, s, f),
        (NearestExact, 3) => nearest::upsample_nearest_exact3d_vec(x, s, f),
        (Area, 1) => adaptive::adaptive_avg_pool1d(x, given),
        (Area, 2) => adaptive::adaptive_avg_pool2d(x, given),
        (Area, 3) => adaptive::adaptive_avg_pool3d(x, given),
        (Linear, 1) => smooth::upsample_linear1d_vec(x, s, align, f),
        (Bilinear, 2) => smooth::upsample_bilinear2d_vec(x, s, align, f),
        (Trilinear, 3) => smooth::upsample_trilinear3d_vec(x, s, align, f),
        (Bicubic, 2) => smooth::upsample_bicubic2d_vec(x, s, align, f),
        (Linear | Bilinear | Trilinear, 1..=3) => bail!(
            NotImplemented,
            "Got {}D input, but {} mode needs {}D input",
            x.dim(),
            mode.name(),
            match mode {
                Linear => 3,
                Bilinear => 4,
                _ => 5,
            }
        ),
        _ => bail!(
            NotImplemented,
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got {}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got {})",
            x.dim(),
            mode.name()
        ),
    }
}

fn described(size: Option<&Sizes>, factors: Option<&Factors>, mode: UpsampleMode) -> String {
    let what = match (factors, size) {
        (Some(f), _) => format!("scale_factor={f}"),
        (None, Some(s)) => format!("size={s}"),
        (None, None) => "size=None".into(),
    };
    format!("{what}, mode='{}'", mode.name())
}

/// A sequence, picture or volume at another size, given as `size` or by `scale_factor`.
///
/// * **Shapes**: `(N, C, W)`, `(N, C, H, W)` or `(N, C, D, H, W)`; channels stay, every spatial size becomes `size` or
///   `floor(size * scale_factor)`. **Parameters**: none.
/// * **How it works**: result `o` lies at `(o + 1/2) in / out - 1/2` of the input, or at `o (in - 1) / (out - 1)` with
///   `align_corners`. Nearest copies a cell; linear weighs the two neighbours along each axis by their distance; cubic takes
///   four (R. Keys, 1981, with a = -3/4) and can overshoot.
/// * **When to use it**: to bring a small map back to the size of a picture, before a convolution: no checkerboard, which
///   a transposed convolution leaves.
/// * **Limits**: it adds no detail. Making smaller without antialiasing skips cells.
/// * **Where used**: U-Net, feature pyramids, decoders of generators.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, Upsample, UpsampleMode};
/// let up = Upsample::options().scale_factor(2).mode(UpsampleMode::Bilinear).build();
/// assert_eq!(up.forward(&Tensor::ones(&[1, 3, 4, 5])).shape(), [1, 3, 8, 10]);
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Upsample {
    /// The size of the result.
    #[module(skip)]
    pub size: Option<Sizes>,
    /// The factors by which sizes grow.
    #[module(skip)]
    pub scale_factor: Option<Factors>,
    /// How cells are found.
    #[module(skip)]
    pub mode: UpsampleMode,
    /// Whether the centres of the outer cells stay in the corners; not for modes that copy.
    #[module(skip)]
    pub align_corners: Option<bool>,
    /// Whether the factors are found anew from the sizes.
    #[module(skip)]
    pub recompute_scale_factor: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What the layer is to be: exactly one of size and factors is given.
    UpsampleOptions for Upsample() {
        /// The size of the result.
        size: Option<Sizes> as impl Into<Sizes> => Some = None,
        /// The factors by which sizes grow.
        scale_factor: Option<Factors> as impl Into<Factors> => Some = None,
        /// How cells are found (nearest).
        mode: UpsampleMode = UpsampleMode::Nearest,
        /// Whether the centres of the outer cells stay in the corners (false; not for modes that copy).
        align_corners: Option<bool> as bool => Some = None,
        /// Whether the factors are found anew from the sizes (false).
        recompute_scale_factor: bool = false,
    }
}

impl Upsample {
    fn from_options(o: UpsampleOptions) -> Result<Upsample> {
        Ok(Upsample {
            size: o.size,
            scale_factor: o.scale_factor,
            mode: o.mode,
            align_corners: o.align_corners,
            recompute_scale_factor: o.recompute_scale_factor,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        described(self.size.as_ref(), self.scale_factor.as_ref(), self.mode)
    }
}

impl Layer for Upsample {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        interpolate(
            input,
            self.size.as_ref(),
            self.scale_factor.as_ref(),
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )
    }
}

macro_rules! upsampling {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $mode:ident $align:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// The size of the result.
            #[module(skip)]
            pub size: Option<Sizes>,
            /// The factors by which sizes grow.
            #[module(skip)]
            pub scale_factor: Option<Factors>,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be: exactly one of size and factors is given.
            $Options for $Layer() {
                /// The size of the result.
                size: Option<Sizes> as impl Into<Sizes> => Some = None,
                /// The factors by which sizes grow.
                scale_factor: Option<Factors> as impl Into<Factors> => Some = None,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    size: o.size,
                    scale_factor: o.scale_factor,
                    base: Base::new(),
                })
            }

            fn extra_repr(&self) -> String {
                described(self.size.as_ref(), self.scale_factor.as_ref(), UpsampleMode::$mode)
            }
        }

        impl Layer for $Layer {
            fn run(&self, input: &Tensor) -> Result<Tensor> {
                let (size, factors) = (self.size.as_ref(), self.scale_factor.as_ref());
                interpolate(input, size, factors, UpsampleMode::$mode, $align, false)
            }
        }
    )* };
}

upsampling! {
    /// [`Upsample`] of pictures by copies. **Shapes**: `(N, C, H, W)`. **Parameters**: none.
    UpsamplingNearest2d UpsamplingNearest2dOptions Nearest None;

    /// [`Upsample`] of pictures along lines, with aligned corners. **Shapes**: `(N, C, H, W)`. **Parameters**: none.
    UpsamplingBilinear2d UpsamplingBilinear2dOptions Bilinear Some(true);
}
