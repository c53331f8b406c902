//! How layers are made: required arguments in `new`, the rest as options, `build` at the end.

use duoc_core::{DType, Device, Result, Tensor, bail, ops::factory};

/// Makes the tensors of a new layer: their dtype and device, PyTorch's `factory_kwargs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Factory {
    /// The element type; the default dtype if not set.
    pub dtype: Option<DType>,
    /// Where the elements lie.
    pub device: Option<Device>,
}

fn signed(shape: &[usize]) -> Result<Vec<i64>> {
    match shape.iter().map(|n| i64::try_from(*n)).collect() {
        Ok(sizes) => Ok(sizes),
        Err(_) => bail!(Runtime, "Storage size calculation overflowed with sizes={shape:?}"),
    }
}

impl Factory {
    /// Uninitialised elements.
    pub fn empty(self, shape: &[usize]) -> Result<Tensor> {
        factory::empty(&signed(shape)?, self.dtype, None, self.device, None, None)
    }

    /// All elements 0.
    pub fn zeros(self, shape: &[usize]) -> Result<Tensor> {
        factory::zeros(&signed(shape)?, self.dtype, None, self.device, None)
    }

    /// All elements 1.
    pub fn ones(self, shape: &[usize]) -> Result<Tensor> {
        factory::ones(&signed(shape)?, self.dtype, None, self.device, None)
    }

    /// A parameter with uninitialised elements.
    pub fn param(self, shape: &[usize]) -> Result<crate::Param> {
        crate::Param::try_new(self.empty(shape)?, true)
    }
}

/// Declares the options of a layer, with `new`, `options`, the setters, `build` and `try_build`. The layer has a function
/// `fn from_options(o: Options) -> Result<Layer>`.
///
/// ```text
/// options! {
///     /// What a [`Conv2d`] is to be.
///     Conv2dOptions for Conv2d(in_channels: usize, out_channels: usize, kernel_size: Pair as impl Into<Pair>) {
///         /// How far the window moves.
///         stride: Pair as impl Into<Pair> = Pair::of(1),
///         /// Whether there is a bias.
///         bias: bool = true,
///     }
/// }
/// ```
/// `name: Type as Argument` takes an argument of another type, which is turned into the field's by `into()`; with `=> Some`, what
/// comes out is wrapped: `stride: Option<Sizes> as impl Into<Sizes> => Some = None` takes `stride(2)`.
#[macro_export]
macro_rules! options {
    (
        $(#[$meta:meta])*
        $Options:ident for $Layer:ident ( $($required:ident : $rt:ty $(as $rvia:ty)?),* $(,)? ) {
            $( $(#[$smeta:meta])* $name:ident : $ty:ty $(as $via:ty)? $(=> $wrap:path)? = $default:expr ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[must_use]
        pub struct $Options {
            $(pub(crate) $required: $rt,)*
            $(pub(crate) $name: $ty,)*
            pub(crate) factory: $crate::Factory,
        }

        impl $Options {
            $(
                $(#[$smeta])*
                #[allow(clippy::useless_conversion)]
                pub fn $name(mut self, $name: $crate::options!(@argument $ty $(, $via)?)) -> $Options {
                    self.$name = $crate::options!(@wrapped $name $(, $wrap)?);
                    self
                }
            )*

            /// The element type of the parameters.
            pub fn dtype(mut self, dtype: duoc_core::DType) -> $Options {
                self.factory.dtype = Some(dtype);
                self
            }

            /// Where the parameters lie.
            pub fn device(mut self, device: duoc_core::Device) -> $Options {
                self.factory.device = Some(device);
                self
            }

            /// Element type and place of the parameters at once.
            pub fn factory(mut self, factory: $crate::Factory) -> $Options {
                self.factory = factory;
                self
            }

            /// The layer, its parameters freshly drawn; throws.
            #[track_caller]
            pub fn build(self) -> $Layer {
                duoc_core::OrThrow::or_throw(self.try_build())
            }

            /// The layer, its parameters freshly drawn.
            pub fn try_build(self) -> duoc_core::Result<$Layer> {
                $Layer::from_options(self)
            }
        }

        impl $Layer {
            /// The layer with PyTorch's defaults for everything else; throws.
            #[track_caller]
            #[allow(clippy::new_without_default)]
            pub fn new($($required: $crate::options!(@argument $rt $(, $rvia)?)),*) -> $Layer {
                $Layer::options($($required),*).build()
            }

            /// Options for a layer that differs from the defaults.
            #[allow(clippy::useless_conversion)]
            pub fn options($($required: $crate::options!(@argument $rt $(, $rvia)?)),*) -> $Options {
                $Options {
                    $($required: $required.into(),)*
                    $($name: $default,)*
                    factory: $crate::Factory::default(),
                }
            }
        }
    };
    (@wrapped $name:ident) => { $name.into() };
    (@wrapped $name:ident, $wrap:path) => { $wrap($name.into()) };
    (@argument $ty:ty) => { $ty };
    (@argument $ty:ty, $via:ty) => { $via };
}
