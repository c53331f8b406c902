//! Pictures at another size without aliasing: a smaller result is a mean over all cells that it covers.

use super::smooth::{axes_of, resized_bytes};
use super::tables::{Filter, double, single};
use super::{Map, output_size, result_shape};
use crate::{DType, Result, Tensor, ensure, ops};

ops! {
    /// `(N, C, H, W)` at another size with linear weights, spread over all cells that a smaller result covers.
    "_upsample_bilinear2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_bilinear2d_aa(x: &Tensor, output_size: &[i64], align_corners: bool, scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_bilinear2d_aa_body;

    /// As `upsample_bilinear2d_aa`, with the size or the factors that it grows by.
    "_upsample_bilinear2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" []
    pub fn upsample_bilinear2d_aa_vec(x: &Tensor, output_size: Option<&[i64]>, align_corners: bool, scale_factors: Option<&[f64]>) -> Tensor = upsample_bilinear2d_aa_vec_body;

    /// `(N, C, H, W)` at another size with cubic weights (a = -1/2), spread over all cells that a smaller result covers.
    "_upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_bicubic2d_aa(x: &Tensor, output_size: &[i64], align_corners: bool, scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_bicubic2d_aa_body;

    /// As `upsample_bicubic2d_aa`, with the size or the factors that it grows by.
    "_upsample_bicubic2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" []
    pub fn upsample_bicubic2d_aa_vec(x: &Tensor, output_size: Option<&[i64]>, align_corners: bool, scale_factors: Option<&[f64]>) -> Tensor = upsample_bicubic2d_aa_vec_body;

    /// `(N, C, H, W)` at another size with Lanczos' weights over six cells, spread over all cells that a smaller result covers.
    "_upsample_lanczos2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor" [out]
    pub fn upsample_lanczos2d_aa(x: &Tensor, output_size: &[i64], align_corners: bool, scales_h: Option<f64>, scales_w: Option<f64>) -> Tensor = upsample_lanczos2d_aa_body;

    /// As `upsample_lanczos2d_aa`, with the size or the factors that it grows by.
    "_upsample_lanczos2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" []
    pub fn upsample_lanczos2d_aa_vec(x: &Tensor, output_size: Option<&[i64]>, align_corners: bool, scale_factors: Option<&[f64]>) -> Tensor = upsample_lanczos2d_aa_vec_body;
}

fn resized(
    x: &Tensor,
    filter: Filter,
    output: &[i64],
    align: bool,
    factors: &[Option<f64>],
    nodes: [&'static str; 2],
) -> Result<Tensor> {
    let shape = result_shape(x, 2, output)?;
    ensure!(
        matches!(x.dtype(), DType::U8 | DType::F32 | DType::F64),
        NotImplemented,
        "\"compute_index_ranges_weights\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let axes = axes_of(x, &shape, align, factors)?;
    for a in &axes {
        ensure!(
            a.most_taps(filter) < 1 << 28,
            Runtime,
            "antialiasing from {} to {} cells needs too many weights",
            a.input,
            a.output
        );
    }
    let table = match x.dtype() {
        DType::F32 => single::antialiased,
        _ => double::antialiased,
    };
    let tables = axes.iter().map(|a| table(a, filter)).collect();
    match x.dtype() {
        DType::U8 => resized_bytes(x, &shape, tables),
        _ => Map::new(tables, x.shape(), &shape, nodes).of(x),
    }
}

macro_rules! bodies {
    ($($name:ident $body:ident $vec_body:ident $d:literal $filter:ident $node:literal $back:literal ($($scale:ident)+);)+) => { $(
        fn $body(x: &Tensor, output_size: &[i64], align_corners: bool, $($scale: Option<f64>),+) -> Result<Tensor> {
            resized(x, Filter::$filter, output_size, align_corners, &[$($scale),+], [$node, $back])
        }

        fn $vec_body(x: &Tensor, size: Option<&[i64]>, align_corners: bool, factors: Option<&[f64]>) -> Result<Tensor> {
            let size = output_size(x, $d, size, factors)?;
            let mut given = [None; $d];
            for (place, f) in given.iter_mut().zip(factors.unwrap_or_default()) {
                *place = Some(*f);
            }
            resized(x, Filter::$filter, &size, align_corners, &given, [$node, $back])
        }
    )+ };
}
bodies! {
    upsample_bilinear2d_aa upsample_bilinear2d_aa_body upsample_bilinear2d_aa_vec_body 2 Triangle "UpsampleBilinear2DAaBackward0" "UpsampleBilinear2DAaBackwardBackward0" (scales_h scales_w);
    upsample_bicubic2d_aa upsample_bicubic2d_aa_body upsample_bicubic2d_aa_vec_body 2 Cubic "UpsampleBicubic2DAaBackward0" "UpsampleBicubic2DAaBackwardBackward0" (scales_h scales_w);
    upsample_lanczos2d_aa upsample_lanczos2d_aa_body upsample_lanczos2d_aa_vec_body 2 Lanczos "UpsampleLanczos2DAaBackward0" "UpsampleLanczos2DAaBackwardBackward0" (scales_h scales_w);
}
