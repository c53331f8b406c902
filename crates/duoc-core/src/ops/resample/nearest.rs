//! Pictures at another size by copies of the nearest cells.

use super::tables::{Axis, nearest};
use super::{output_size, result_shape};
use crate::ops::pad::Frame;
use crate::ops::pool::{affordable, suggested};
use crate::{DType, MemoryFormat, Result, Tensor, ensure, ops};

ops! {
    /// `(N, C, W)` at another size: cell `o` is a copy of cell `floor(o in / out)`.
    "upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor" [out]
    pub fn upsample_nearest1d(x: &Tensor, output_size: &[i64], scales: Option<f64>) -> Tensor = upsample_nearest1d_body;

    /// As `upsample_nearest1d`, with the size or the factors that it grows by.
    "upsample_nearest1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor" []
    pub fn upsample_nearest1d_vec(x: &Tensor, output_size: Option<&[i64]>, scale_factors: Option<&[f64]>) -> Tensor = upsample_nearest1d_vec_body;

    /// `(N, C, W)` at another size: every cell is a copy of the nearest one, by its centre.
    "_upsample_nearest_exact1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor" [out]
    pub fn upsample_nearest_exact1d(x: &Tensor, output_size: &[i64], scales: Option<f64>) -> Tensor = upsample_nearest_exact1d_body;

    /// As `upsample_nearest_exact1d`, with the size or the factors that it grows by.
    "_upsample_nearest_exact1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor" []
    pub fn upsample_nearest_exact1d_vec(x: &Tensor, output_size: Option<&[i64]>, scale_factors: Option<&[f64]>) -> Tensor = upsample_nearest_exact1d_vec_body;

    /// `(N, C, H, W)` at another size: cell `o` is a copy of cell `floor(o in / out)`.
    "upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_nearest2d(x: &Tensor, output_size: &[i64], scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_nearest2d_body;

    /// As `upsample_nearest2d`, with the size or the factors that it grows by.
    "upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor" []
    pub fn upsample_nearest2d_vec(x: &Tensor, output_size: Option<&[i64]>, scale_factors: Option<&[f64]>) -> Tensor = upsample_nearest2d_vec_body;

    /// `(N, C, H, W)` at another size: every cell is a copy of the nearest one, by its centre.
    "_upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_nearest_exact2d(x: &Tensor, output_size: &[i64], scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_nearest_exact2d_body;

    /// As `upsample_nearest_exact2d`, with the size or the factors that it grows by.
    "_upsample_nearest_exact2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor" []
    pub fn upsample_nearest_exact2d_vec(x: &Tensor, output_size: Option<&[i64]>, scale_factors: Option<&[f64]>) -> Tensor = upsample_nearest_exact2d_vec_body;

    /// `(N, C, D, H, W)` at another size: cell `o` is a copy of cell `floor(o in / out)`.
    "upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_nearest3d(x: &Tensor, output_size: &[i64], scales_d: Option<f64>, scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_nearest3d_body;

    /// As `upsample_nearest3d`, with the size or the factors that it grows by.
    "upsample_nearest3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor" []
    pub fn upsample_nearest3d_vec(x: &Tensor, output_size: Option<&[i64]>, scale_factors: Option<&[f64]>) -> Tensor = upsample_nearest3d_vec_body;

    /// `(N, C, D, H, W)` at another size: every cell is a copy of the nearest one, by its centre.
    "_upsample_nearest_exact3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_nearest_exact3d(x: &Tensor, output_size: &[i64], scales_d: Option<f64>, scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_nearest_exact3d_body;

    /// As `upsample_nearest_exact3d`, with the size or the factors that it grows by.
    "_upsample_nearest_exact3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor" []
    pub fn upsample_nearest_exact3d_vec(x: &Tensor, output_size: Option<&[i64]>, scale_factors: Option<&[f64]>) -> Tensor = upsample_nearest_exact3d_vec_body;
}

fn resized(
    x: &Tensor,
    d: usize,
    output: &[i64],
    exact: bool,
    factors: &[Option<f64>],
    nodes: [&'static str; 2],
) -> Result<Tensor> {
    let shape = result_shape(x, d, output)?;
    let name = if d == 2 {
        "upsample_nearest2d_channels_last"
    } else {
        "compute_indices_weights_nearest"
    };
    ensure!(
        x.dtype() == DType::U8 || x.dtype().is_float() && !x.dtype().is_float8(),
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    affordable(&shape, x.dtype())?;
    // Where PyTorch prefers its kernel for channels side by side.
    let many = x.shape()[1] > 3 && suggested(x) != MemoryFormat::Contiguous;
    let by_size = many || d == 2 && shape[2].saturating_add(shape[3]) <= 128;
    let mut from = [vec![0], vec![0], vec![0]];
    if shape[0] > 0 {
        crate::layout::checked_numel(&shape, x.dtype().size())?;
        for k in 0..d {
            from[3 - d + k] = nearest(
                &Axis {
                    input: x.shape()[2 + k],
                    output: shape[2 + k],
                    align: false,
                    factor: factors[k],
                },
                exact,
                by_size,
            );
        }
    }
    Frame::of_tables(x, d, from, &shape, name, nodes).copied(x)
}

macro_rules! bodies {
    ($($name:ident $body:ident $vec_body:ident $d:literal $exact:literal $node:literal $back:literal ($($scale:ident)+);)+) => { $(
        fn $body(x: &Tensor, output_size: &[i64], $($scale: Option<f64>),+) -> Result<Tensor> {
            resized(x, $d, output_size, $exact, &[$($scale),+], [$node, $back])
        }

        fn $vec_body(x: &Tensor, size: Option<&[i64]>, factors: Option<&[f64]>) -> Result<Tensor> {
            let size = output_size(x, $d, size, factors)?;
            let mut given = [None; 3];
            for (place, f) in given.iter_mut().zip(factors.unwrap_or_default()) {
                *place = Some(*f);
            }
            resized(x, $d, &size, $exact, &given, [$node, $back])
        }
    )+ };
}
bodies! {
    upsample_nearest1d upsample_nearest1d_body upsample_nearest1d_vec_body 1 false "UpsampleNearest1DBackward0" "UpsampleNearest1DBackwardBackward0" (scales);
    upsample_nearest_exact1d upsample_nearest_exact1d_body upsample_nearest_exact1d_vec_body 1 true "UpsampleNearestExact1DBackward0" "UpsampleNearestExact1DBackwardBackward0" (scales);
    upsample_nearest2d upsample_nearest2d_body upsample_nearest2d_vec_body 2 false "UpsampleNearest2DBackward0" "UpsampleNearest2DBackwardBackward0" (scales_h scales_w);
    upsample_nearest_exact2d upsample_nearest_exact2d_body upsample_nearest_exact2d_vec_body 2 true "UpsampleNearestExact2DBackward0" "UpsampleNearestExact2DBackwardBackward0" (scales_h scales_w);
    upsample_nearest3d upsample_nearest3d_body upsample_nearest3d_vec_body 3 false "UpsampleNearest3DBackward0" "UpsampleNearest3DBackwardBackward0" (scales_d scales_h scales_w);
    upsample_nearest_exact3d upsample_nearest_exact3d_body upsample_nearest_exact3d_vec_body 3 true "UpsampleNearestExact3DBackward0" "UpsampleNearestExact3DBackwardBackward0" (scales_d scales_h scales_w);
}
