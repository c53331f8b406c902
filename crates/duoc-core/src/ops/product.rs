//! The one door to the product kernels of `duoc_kernels::matmul`: what [`super::matmul`]'s ops and the layers' fused
//! ops call with their operands checked.

use super::copy::copy_data;
use super::matmul::scaled_by;
use crate::autograd::no_grad;
use crate::storage::{Mode, access};
use crate::stub::Stub;
use crate::{DType, Result, Scalar, Tensor, bail, ensure};
use duoc_kernels::matmul as kernel;

/// One product of matrices, or of each pair of two batches: `out = alpha * a @ b + beta * out`.
///
/// `a`, `b` and `out` have one dtype and fitting shapes: all of rank 2, or all of rank 3.
pub struct Product<'a> {
    /// The result, which is read if `beta` is not 0.
    pub out: &'a Tensor,
    /// Whether `out` is new.
    pub mode: Mode,
    /// The left factor.
    pub a: &'a Tensor,
    /// The right factor.
    pub b: &'a Tensor,
    /// Factor of the product.
    pub alpha: Scalar,
    /// Factor of what `out` holds.
    pub beta: Scalar,
}

/// The kernel of every product here.
pub static PRODUCT: Stub<fn(&Product) -> Result<()>> = Stub::new("addmm_impl", product_on_cpu);

fn product_on_cpu(p: &Product) -> Result<()> {
    if p.out.dtype().is_complex() {
        return complex_product(p);
    }
    let rank = p.out.dim();
    let mat = |t: &Tensor, ptr| kernel::Mat {
        ptr,
        rs: t.strides()[rank - 2],
        cs: t.strides()[rank - 1],
    };
    let dims = kernel::Dims {
        m: p.out.shape()[rank - 2],
        n: p.out.shape()[rank - 1],
        k: p.a.shape()[rank - 1],
    };
    let (alpha, beta) = (factor(p.alpha), factor(p.beta));
    let dt = p.out.dtype();
    access::access([(p.out, p.mode), (p.a, Mode::Read), (p.b, Mode::Read)], |[c, a, b]| {
        let (a, b, c) = (mat(p.a, a), mat(p.b, b), mat(p.out, c));
        // SAFETY: the shapes fit, the storages are locked, and `out` overlaps neither itself nor the factors.
        unsafe {
            if rank == 3 {
                let stride = |t: &Tensor| t.strides()[0];
                let batch = kernel::Batch {
                    count: p.out.shape()[0],
                    a: stride(p.a),
                    b: stride(p.b),
                    c: stride(p.out),
                };
                kernel::bmm(dt, batch, dims, alpha, a, b, beta, c);
            } else {
                kernel::gemm(dt, dims, alpha, a, b, beta, c);
            }
        }
        Ok(())
    })
}

/// The four products of the parts, written where the parts of the result lie:
/// `re = re(a) re(b) - im(a) im(b)`, `im = re(a) im(b) + im(a) re(b)`.
fn complex_product(p: &Product) -> Result<()> {
    let part = |t: &Tensor, k| no_grad(|| super::parts::part(t, k));
    let (a, b, out) = (
        [part(p.a, 0)?, part(p.a, 1)?],
        [part(p.b, 0)?, part(p.b, 1)?],
        [part(p.out, 0)?, part(p.out, 1)?],
    );
    let unit = |s: Scalar, x: f64| s.to_parts() == (x, 0.0);
    ensure!(
        unit(p.alpha, 1.0) && unit(p.beta, 0.0),
        NotImplemented,
        "a complex product with factors is computed in steps"
    );
    for (k, i, j, alpha, beta) in [(0, 0, 0, 1, 0), (0, 1, 1, -1, 1), (1, 0, 1, 1, 0), (1, 1, 0, 1, 1)] {
        product_on_cpu(&Product {
            out: &out[k],
            mode: p.mode,
            a: &a[i],
            b: &b[j],
            alpha: Scalar::Int(alpha),
            beta: Scalar::Int(beta),
        })?;
    }
    Ok(())
}

fn factor(x: Scalar) -> kernel::Factor {
    kernel::Factor {
        f: x.to_f64(),
        i: x.to_i64(),
    }
}

pub(super) const ZERO: Scalar = Scalar::Int(0);
pub(super) const ONE: Scalar = Scalar::Int(1);

/// An error with PyTorch's kernel name unless the dtype has a product or there is nothing to compute.
pub(super) fn check_supported(out: &Tensor, name: &str) -> Result<()> {
    if out.numel() != 0 && !kernel::supports(out.dtype().part()) {
        bail!(
            NotImplemented,
            "\"{name}\" not implemented for '{}'",
            out.dtype().scalar_type_name()
        );
    }
    Ok(())
}

/// `alpha * a @ b` in a new tensor.
pub(super) fn product(name: &str, shape: &[usize], a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let out = Tensor::uninit(shape, a.dtype())?;
    check_supported(&out, name)?;
    PRODUCT.require(a.device())?(&Product {
        out: &out,
        mode: Mode::Init,
        a,
        b,
        alpha: ONE,
        beta: ZERO,
    })?;
    Ok(out)
}

/// `beta * x + alpha * a @ b` in a new tensor; `x` is broadcast to `shape`.
pub(super) fn fused(
    name: &str,
    shape: &[usize],
    x: &Tensor,
    a: &Tensor,
    b: &Tensor,
    beta: Scalar,
    alpha: Scalar,
) -> Result<Tensor> {
    if a.dtype().is_complex() {
        let y = scaled_by(product(name, shape, a, b)?, alpha)?;
        return no_grad(|| match beta.to_parts() {
            (0.0, 0.0) => Ok(y),
            _ => super::arith::add(&y, x, beta),
        });
    }
    let out = Tensor::uninit(shape, a.dtype())?;
    check_supported(&out, name)?;
    let beta = start(&out, x, beta)?;
    PRODUCT.require(a.device())?(&Product {
        out: &out,
        mode: Mode::Init,
        a,
        b,
        alpha,
        beta,
    })?;
    Ok(out)
}

/// Fills `out` with `x` broadcast if it will be read; returns the factor that it will be read with.
pub(super) fn start(out: &Tensor, x: &Tensor, beta: Scalar) -> Result<Scalar> {
    let zero = if out.dtype().is_int() {
        beta.to_i64() == 0
    } else {
        beta.to_f64() == 0.0
    };
    if zero {
        return Ok(ZERO);
    }
    copy_data(out, x)?;
    Ok(beta)
}

/// The name of a dtype in PyTorch's texts that quote C++ types.
pub(crate) fn c_name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        DType::U8 => "unsigned char",
        DType::I8 => "signed char",
        DType::I16 => "short int",
        DType::I32 => "int",
        DType::I64 => "long int",
        DType::U16 => "short unsigned int",
        DType::U32 => "unsigned int",
        DType::U64 => "long unsigned int",
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::F32 => "float",
        DType::F64 => "double",
        DType::C64 => "c10::complex<float>",
        DType::C128 => "c10::complex<double>",
        DType::F8E4M3FN => "c10::Float8_e4m3fn",
        DType::F8E5M2 => "c10::Float8_e5m2",
        DType::F8E4M3FNUZ => "c10::Float8_e4m3fnuz",
        DType::F8E5M2FNUZ => "c10::Float8_e5m2fnuz",
    }
}
