//! Pictures at another size by linear and cubic interpolation between the cells.

use super::tables::{Axis, Filter, double, single, whole};
use super::{Map, output_size, result_shape};
use crate::autograd::mode::grad_mode;
use crate::layout::Dims;
use crate::ops::index::dense;
use crate::ops::pool::{affordable, in_order_of};
use crate::storage::{Mode, access};
use crate::{DType, Result, Tensor, ensure, ops};
use duoc_kernels::resample::{Taps, resample_bytes};

ops! {
    /// `(N, C, W)` at another size: linear between the centres of cells along each axis; with `align_corners` the outer centres stay.
    "upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor" [out]
    pub fn upsample_linear1d(x: &Tensor, output_size: &[i64], align_corners: bool, scales: Option<f64>) -> Tensor = upsample_linear1d_body;

    /// As `upsample_linear1d`, with the size or the factors that it grows by.
    "upsample_linear1d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" []
    pub fn upsample_linear1d_vec(x: &Tensor, output_size: Option<&[i64]>, align_corners: bool, scale_factors: Option<&[f64]>) -> Tensor = upsample_linear1d_vec_body;

    /// `(N, C, H, W)` at another size: linear between the centres of cells along each axis; with `align_corners` the outer centres stay.
    "upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_bilinear2d(x: &Tensor, output_size: &[i64], align_corners: bool, scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_bilinear2d_body;

    /// As `upsample_bilinear2d`, with the size or the factors that it grows by.
    "upsample_bilinear2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" []
    pub fn upsample_bilinear2d_vec(x: &Tensor, output_size: Option<&[i64]>, align_corners: bool, scale_factors: Option<&[f64]>) -> Tensor = upsample_bilinear2d_vec_body;

    /// `(N, C, D, H, W)` at another size: linear between the centres of cells along each axis; with `align_corners` the outer centres stay.
    "upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_trilinear3d(x: &Tensor, output_size: &[i64], align_corners: bool, scales_d: Option<f64>, scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_trilinear3d_body;

    /// As `upsample_trilinear3d`, with the size or the factors that it grows by.
    "upsample_trilinear3d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" []
    pub fn upsample_trilinear3d_vec(x: &Tensor, output_size: Option<&[i64]>, align_corners: bool, scale_factors: Option<&[f64]>) -> Tensor = upsample_trilinear3d_vec_body;

    /// `(N, C, H, W)` at another size: cubic convolution over 4 x 4 cells (R. Keys, 1981, with a = -3/4).
    "upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_bicubic2d(x: &Tensor, output_size: &[i64], align_corners: bool, scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_bicubic2d_body;

    /// As `upsample_bicubic2d`, with the size or the factors that it grows by.
    "upsample_bicubic2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" []
    pub fn upsample_bicubic2d_vec(x: &Tensor, output_size: Option<&[i64]>, align_corners: bool, scale_factors: Option<&[f64]>) -> Tensor = upsample_bicubic2d_vec_body;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Cubic,
}

fn resized(
    x: &Tensor,
    d: usize,
    kind: Kind,
    output: &[i64],
    align: bool,
    factors: &[Option<f64>],
    nodes: [&'static str; 2],
) -> Result<Tensor> {
    let shape = result_shape(x, d, output)?;
    let name = match (kind, d) {
        (Kind::Linear, 2) => "upsample_bilinear2d_channels_last",
        (Kind::Linear, _) => "compute_indices_weights_linear",
        _ => "compute_indices_weights_cubic",
    };
    let bytes = x.dtype() == DType::U8 && d == 2;
    ensure!(
        bytes || x.dtype().is_float() && !x.dtype().is_float8(),
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let axes = axes_of(x, &shape, align, factors)?;
    if bytes {
        let filter = match kind {
            Kind::Linear => Filter::Triangle,
            Kind::Cubic => Filter::Cubic,
        };
        return resized_bytes(x, &shape, axes.iter().map(|a| double::gathered(a, filter)).collect());
    }
    let table = match (kind, x.dtype() == DType::F64) {
        (Kind::Linear, false) => single::linear,
        (Kind::Linear, true) => double::linear,
        (Kind::Cubic, false) => single::cubic,
        (Kind::Cubic, true) => double::cubic,
    };
    Map::new(axes.iter().map(table).collect(), x.shape(), &shape, nodes).of(x)
}

/// The axes, once it is clear that there is memory for the result; without results there are none to describe.
pub(super) fn axes_of(x: &Tensor, shape: &Dims, align: bool, factors: &[Option<f64>]) -> Result<Vec<Axis>> {
    affordable(shape, x.dtype())?;
    crate::layout::checked_numel(shape, x.dtype().size())?;
    // Taps are counted in 32 bits.
    ensure!(
        x.shape()[2..].iter().chain(&shape[2..]).all(|n| *n < 1 << 28),
        Runtime,
        "upsampling from {:?} to {shape:?}: a dimension is too large",
        x.shape()
    );
    let axis = |k: usize| Axis {
        input: x.shape()[k],
        output: if shape[0] == 0 { 0 } else { shape[k] },
        align,
        factor: factors[k - 2],
    };
    Ok((2..x.dim()).map(axis).collect())
}

/// Bytes with weights in whole numbers: first along the rows, then along the columns, each rounded.
pub(super) fn resized_bytes(x: &Tensor, shape: &Dims, axes: Vec<Taps>) -> Result<Tensor> {
    let _off = grad_mode(false);
    let input = dense(&x.detach())?;
    let out = Tensor::uninit(shape, DType::U8)?;
    let tables: Vec<(Taps, u32)> = axes.into_iter().map(whole).collect();
    if let ([rows, columns], true) = (&tables[..], out.numel() > 0) {
        let sizes = [x.shape()[2], x.shape()[3]];
        // An axis that keeps its size is left alone, as PyTorch does.
        let table = |t: &'_ (Taps, u32), k: usize| (x.shape()[k] != shape[k]).then_some((t.0.clone(), t.1));
        let (rows, columns) = (table(rows, 2), table(columns, 3));
        access::access([(&input, Mode::Read), (&out, Mode::Init)], |[from, to]| {
            let rows = rows.as_ref().map(|t| (&t.0, t.1));
            let columns = columns.as_ref().map(|t| (&t.0, t.1));
            // SAFETY: both are row-major with the tables' sizes.
            unsafe { resample_bytes(shape[0] * shape[1], sizes, rows, columns, from, to) };
            Ok(())
        })?;
    }
    in_order_of(x, out)
}

macro_rules! bodies {
    ($($name:ident $body:ident $vec_body:ident $d:literal $kind:ident $node:literal $back:literal ($($scale:ident)+);)+) => { $(
        fn $body(x: &Tensor, output_size: &[i64], align_corners: bool, $($scale: Option<f64>),+) -> Result<Tensor> {
            resized(x, $d, Kind::$kind, output_size, align_corners, &[$($scale),+], [$node, $back])
        }

        fn $vec_body(x: &Tensor, size: Option<&[i64]>, align_corners: bool, factors: Option<&[f64]>) -> Result<Tensor> {
            let size = output_size(x, $d, size, factors)?;
            let mut given = [None; 3];
            for (place, f) in given.iter_mut().zip(factors.unwrap_or_default()) {
                *place = Some(*f);
            }
            resized(x, $d, Kind::$kind, &size, align_corners, &given, [$node, $back])
        }
    )+ };
}
bodies! {
    upsample_linear1d upsample_linear1d_body upsample_linear1d_vec_body 1 Linear "UpsampleLinear1DBackward0" "UpsampleLinear1DBackwardBackward0" (scales);
    upsample_bilinear2d upsample_bilinear2d_body upsample_bilinear2d_vec_body 2 Linear "UpsampleBilinear2DBackward0" "UpsampleBilinear2DBackwardBackward0" (scales_h scales_w);
    upsample_trilinear3d upsample_trilinear3d_body upsample_trilinear3d_vec_body 3 Linear "UpsampleTrilinear3DBackward0" "UpsampleTrilinear3DBackwardBackward0" (scales_d scales_h scales_w);
    upsample_bicubic2d upsample_bicubic2d_body upsample_bicubic2d_vec_body 2 Cubic "UpsampleBicubic2DBackward0" "UpsampleBicubic2DBackwardBackward0" (scales_h scales_w);
}
