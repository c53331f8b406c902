//! Convolutions in one to three dimensions, plain and transposed, with gradients of every order.
//!
//! One bilinear map has three faces, each linear in two of (input, weight, output): [`forward`], [`input_grad`] (which is
//! the transposed convolution) and [`weight_grad`]. The gradients of each are the other two, so all orders close.

use super::copy::contiguous;
use super::factory::zeros_of;
use super::pad::constant_pad_nd;
use super::reduce::sum_dims;
use super::view::{squeeze_dim, unsqueeze};
use crate::autograd::Ctx;
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, ensure, ops};
use duoc_kernels::conv as kernels;

ops! {
    /// The convolution of `(N, C, L)` or `(C, L)` with `weight: (M, C / groups, K)`: see [`convolution`].
    "conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, int[1] padding=0, int[1] dilation=1, int groups=1) -> Tensor" [function]
    pub fn conv1d(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], dilation: &[i64], groups: i64) -> Tensor = conv1d_body;

    /// [`conv1d`] with `padding` `"valid"` (none) or `"same"` (the output is as long as the input).
    "conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, str padding=\"valid\", int[1] dilation=1, int groups=1) -> Tensor" [function]
    pub fn conv1d_padding(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &str, dilation: &[i64], groups: i64) -> Tensor = conv1d_padding_body;

    /// The convolution of `(N, C, H, W)` or `(C, H, W)` with `weight: (M, C / groups, KH, KW)`: see [`convolution`].
    "conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1) -> Tensor" [function]
    pub fn conv2d(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], dilation: &[i64], groups: i64) -> Tensor = conv2d_body;

    /// [`conv2d`] with `padding` `"valid"` (none) or `"same"` (the output is as large as the input).
    "conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, str padding=\"valid\", int[2] dilation=1, int groups=1) -> Tensor" [function]
    pub fn conv2d_padding(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &str, dilation: &[i64], groups: i64) -> Tensor = conv2d_padding_body;

    /// The convolution of `(N, C, D, H, W)` or `(C, D, H, W)` with `weight: (M, C / groups, KD, KH, KW)`: see [`convolution`].
    "conv3d(Tensor input, Tensor weight, Tensor? bias=None, int[3] stride=1, int[3] padding=0, int[3] dilation=1, int groups=1) -> Tensor" [function]
    pub fn conv3d(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], dilation: &[i64], groups: i64) -> Tensor = conv3d_body;

    /// [`conv3d`] with `padding` `"valid"` (none) or `"same"` (the output is as large as the input).
    "conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[3] stride=1, str padding=\"valid\", int[3] dilation=1, int groups=1) -> Tensor" [function]
    pub fn conv3d_padding(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &str, dilation: &[i64], groups: i64) -> Tensor = conv3d_padding_body;

    /// The transposed convolution of `(N, C, L)` or `(C, L)` with `weight: (C, M / groups, K)`: see [`convolution`].
    "conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, int[1] padding=0, int[1] output_padding=0, int groups=1, int[1] dilation=1) -> Tensor" [function]
    pub fn conv_transpose1d(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], output_padding: &[i64], groups: i64, dilation: &[i64]) -> Tensor = conv_transpose1d_body;

    /// The transposed convolution of `(N, C, H, W)` or `(C, H, W)` with `weight: (C, M / groups, KH, KW)`: see [`convolution`].
    "conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] output_padding=0, int groups=1, int[2] dilation=1) -> Tensor" [function]
    pub fn conv_transpose2d(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], output_padding: &[i64], groups: i64, dilation: &[i64]) -> Tensor = conv_transpose2d_body;

    /// The transposed convolution of `(N, C, D, H, W)` or `(C, D, H, W)` with `weight: (C, M / groups, KD, KH, KW)`: see
    /// [`convolution`].
    "conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, int[3] stride=1, int[3] padding=0, int[3] output_padding=0, int groups=1, int[3] dilation=1) -> Tensor" [function]
    pub fn conv_transpose3d(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], output_padding: &[i64], groups: i64, dilation: &[i64]) -> Tensor = conv_transpose3d_body;

    /// `y[n, m, o] = bias[m] + sum over c, k of weight[m, c, k] * input[n, c, o * stride - padding + k * dilation]` for the
    /// channels c of m's group, zero outside of the input. Each dimension of the output has
    /// `(I + 2 padding - dilation (K - 1) - 1) / stride + 1` elements.
    ///
    /// With `transposed` it is the gradient of that with respect to its input, with
    /// `(I - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1` elements in each dimension.
    "convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups) -> Tensor" [function]
    pub fn convolution(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], dilation: &[i64], transposed: bool, output_padding: &[i64], groups: i64) -> Tensor = convolution_body;
}

/// Numbers of a convolution, one for each dimension.
#[derive(Clone, Debug)]
struct Geometry {
    stride: Vec<i64>,
    pad: Vec<i64>,
    dilation: Vec<i64>,
    groups: i64,
}

/// `[2, 2]` as PyTorch's texts show lists.
fn listed(v: &[i64]) -> String {
    let words: Vec<String> = v.iter().map(i64::to_string).collect();
    format!("[{}]", words.join(", "))
}

fn shape_of(t: &Tensor) -> String {
    listed(&t.shape().iter().map(|d| *d as i64).collect::<Vec<_>>())
}

fn times(v: &[i64]) -> String {
    let words: Vec<String> = v.iter().map(i64::to_string).collect();
    format!("({})", words.join(" x "))
}

fn per_dimension(v: &[i64], k: usize, what: &str) -> Result<Vec<i64>> {
    ensure!(
        v.len() == 1 || v.len() == k,
        Runtime,
        "expected {what} to be a single integer value or a list of {k} values to match the convolution dimensions, but got {what}={}",
        listed(v)
    );
    Ok((0..k).map(|i| v[if v.len() == 1 { 0 } else { i }]).collect())
}

fn names(k: usize) -> &'static [&'static str] {
    &["depth", "height", "width"][3 - k..]
}

/// The size of the output in one dimension, or None where the numbers are out of range.
fn output_size(i: i64, k: i64, s: i64, p: i64, d: i64) -> Option<i64> {
    let reach = d.checked_mul(k - 1)?.checked_add(1)?;
    i.checked_add(p.checked_mul(2)?)?
        .checked_sub(reach)?
        .div_euclid(s)
        .checked_add(1)
}

fn transposed_size(i: i64, k: i64, s: i64, p: i64, d: i64, extra: i64) -> Option<i64> {
    let spread = (i - 1).checked_mul(s)?.checked_sub(p.checked_mul(2)?)?;
    spread
        .checked_add(d.checked_mul(k - 1)?)?
        .checked_add(extra)?
        .checked_add(1)
}

fn convolution_body(
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    stride: &[i64],
    padding: &[i64],
    dilation: &[i64],
    transposed: bool,
    output_padding: &[i64],
    groups: i64,
) -> Result<Tensor> {
    let rank = w.dim();
    ensure!(rank > 0, Runtime, "weight should have at least one dimension");
    ensure!(
        (3..=5).contains(&rank),
        NotImplemented,
        "convolution of a weight with {rank} dimensions is not implemented; one to three spatial dimensions are"
    );
    let k = rank - 2;
    ensure!(groups > 0, Runtime, "non-positive groups is not supported");
    let g = Geometry {
        stride: per_dimension(stride, k, "stride")?,
        pad: per_dimension(padding, k, "padding")?,
        dilation: per_dimension(dilation, k, "dilation")?,
        groups,
    };
    let extra = per_dimension(output_padding, k, "output_padding")?;
    ensure!(
        g.pad.iter().all(|p| *p >= 0),
        Runtime,
        "negative padding is not supported"
    );
    ensure!(
        extra.iter().all(|p| *p >= 0),
        Runtime,
        "negative output_padding is not supported"
    );
    ensure!(
        g.stride.iter().all(|s| *s > 0),
        Runtime,
        "non-positive stride is not supported"
    );
    ensure!(
        g.dilation.iter().all(|d| *d > 0),
        Runtime,
        "dilation should be greater than zero"
    );
    ensure!(
        x.dim() == rank,
        Runtime,
        "Expected {rank}-dimensional input for {rank}-dimensional weight {}, but got {}-dimensional input of size {} instead",
        shape_of(w),
        x.dim(),
        shape_of(x)
    );
    let size = |t: &Tensor, d: usize| t.shape()[d] as i64;
    let ws = size(w, 0);
    ensure!(
        ws >= groups,
        Runtime,
        "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {} instead",
        shape_of(w)
    );
    ensure!(
        ws % groups == 0,
        Runtime,
        "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{}] instead",
        shape_of(w)
    );
    let (taken, made) = match transposed {
        false => (size(w, 1).checked_mul(groups), Some(ws)),
        true => (Some(ws), size(w, 1).checked_mul(groups)),
    };
    let (Some(taken), Some(made)) = (taken, made) else {
        bail!(Runtime, "the number of channels is out of range");
    };
    let given = if transposed {
        "transposed=1".to_string()
    } else {
        format!("groups={groups}")
    };
    ensure!(
        size(x, 1) == taken,
        Runtime,
        "Given {given}, weight of size {}, expected input{} to have {taken} channels, but got {} channels instead",
        shape_of(w),
        shape_of(x),
        size(x, 1)
    );
    if let Some(b) = bias {
        let prefix = if transposed { "transposed=1, " } else { "" };
        ensure!(
            b.dim() == 1 && size(b, 0) == made,
            Runtime,
            "Given {prefix}weight of size {}, expected bias to be 1-dimensional with {made} elements, but got bias of size {} instead",
            shape_of(w),
            shape_of(b)
        );
    }
    // An input without channels has an output without channels, as in PyTorch.
    let mut out = vec![x.shape()[0] as i64, if x.shape()[1] == 0 { 0 } else { made }];
    let mut padded = Vec::new();
    let mut reach = Vec::new();
    for d in 0..k {
        let (i, n) = (size(x, d + 2), size(w, d + 2));
        let [s, p, e] = [g.stride[d], g.pad[d], g.dilation[d]];
        let o = match transposed {
            false => output_size(i, n, s, p, e),
            true => transposed_size(i, n, s, p, e, extra[d]),
        };
        let Some(o) = o.filter(|o| *o < 1 << 48 && p < 1 << 48 && s < 1 << 48 && e < 1 << 48) else {
            bail!(Runtime, "the size of the convolution's output is out of range");
        };
        out.push(o);
        padded.push(i + 2 * p);
        reach.push(e.saturating_mul(n - 1).saturating_add(1));
    }
    if !transposed {
        ensure!(
            padded.iter().zip(&reach).all(|(p, r)| p >= r),
            Runtime,
            "Calculated padded input size per channel: {}. Kernel size: {}. Kernel size can't be greater than actual input size",
            times(&padded),
            times(&reach)
        );
    }
    if w.shape()[2..].contains(&0) {
        let kernel: Vec<String> = names(k)
            .iter()
            .zip(&w.shape()[2..])
            .map(|(n, v)| format!("kernel_{n}: {v}"))
            .collect();
        bail!(
            Runtime,
            "kernel size should be greater than zero, but got {}",
            kernel.join(" ")
        );
    }
    if transposed && (0..k).any(|d| extra[d] >= g.stride[d] && extra[d] >= g.dilation[d]) {
        let show = |what: &str, v: &[i64]| -> String {
            names(k)
                .iter()
                .zip(v)
                .map(|(n, v)| format!(" {what}_{n}: {v}"))
                .collect()
        };
        bail!(
            Runtime,
            "output padding must be smaller than either stride or dilation, but got{}{}{}",
            show("output_padding", &extra),
            show("stride", &g.stride),
            show("dilation", &g.dilation)
        );
    }
    if transposed {
        ensure!(
            out[2..].iter().all(|o| *o >= 1),
            Runtime,
            "Given input size per channel: {}. Calculated output size per channel: {}. Output size is too small",
            times(&x.shape()[2..].iter().map(|v| *v as i64).collect::<Vec<_>>()),
            times(&out[2..])
        );
    }
    ensure!(
        !x.shape()[2..].contains(&0) || x.shape()[0] == 0 || x.shape()[1] == 0,
        Runtime,
        "Only zero batch or zero channel inputs are supported, but got input shape: {}",
        shape_of(x)
    );
    ensure!(
        x.dtype() == w.dtype(),
        Runtime,
        "expected scalar type {} but found {}",
        x.dtype().scalar_type_name(),
        w.dtype().scalar_type_name()
    );
    if let Some(b) = bias {
        ensure!(
            b.dtype() == x.dtype(),
            Runtime,
            "Input type ({}) and bias type ({}) should be the same",
            c_name(x.dtype()),
            c_name(b.dtype())
        );
    }
    if x.dtype().is_complex() {
        let parts = |x: &Tensor, w: &Tensor| {
            convolution(
                x,
                w,
                None,
                stride,
                padding,
                dilation,
                transposed,
                output_padding,
                groups,
            )
        };
        return complex_convolution(x, w, bias, &parts);
    }
    let dtype = x.dtype();
    let supported = match transposed {
        false => duoc_kernels::matmul::supports(dtype),
        true => duoc_kernels::matmul::supports(dtype) && (dtype.is_float() || dtype == DType::I64),
    };
    if !supported {
        let name = match (transposed, k) {
            (false, 3) => "compute_columns3d",
            (false, _) => "slow_conv2d_cpu",
            (true, 3) => "slow_conv_transpose3d_out_cpu",
            (true, _) => "slow_conv_transpose2d_out_cpu",
        };
        bail!(
            NotImplemented,
            "\"{name}\" not implemented for '{}'",
            dtype.scalar_type_name()
        );
    }
    let out = crate::layout::sizes(&out)?;
    match transposed {
        false => forward(x, w, bias, &out, &g),
        true => input_grad(x, w, bias, &out, &g),
    }
}

/// Four real convolutions of the parts: `(a + ib)(c + id) = (ac - bd) + i(ad + bc)`.
fn complex_convolution(
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    f: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    use super::arith::{add, sub};
    use super::parts::{complex, imag, real};
    let one = crate::Scalar::Int(1);
    let (a, b, c, d) = (real(x)?, imag(x)?, real(w)?, imag(w)?);
    let re = sub(&f(&a, &c)?, &f(&b, &d)?, one)?;
    let im = add(&f(&a, &d)?, &f(&b, &c)?, one)?;
    let y = complex(&re, &im)?;
    let Some(bias) = bias else { return Ok(y) };
    let mut shape = vec![1; y.dim()];
    shape[1] = -1;
    add(&y, &super::view::view(bias, &shape)?, one)
}

/// The name of an element type in C++, as some of PyTorch's texts show it.
fn c_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float",
        DType::F64 => "double",
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::I64 => "int64_t",
        DType::I32 => "int",
        DType::I16 => "short",
        DType::I8 => "signed char",
        DType::U8 => "unsigned char",
        DType::Bool => "bool",
        other => other.name(),
    }
}

/// The sizes for the kernel, given the three tensors of the convolution.
fn sizes(g: &Geometry, x: &[usize], w: &[usize], y: &[usize]) -> kernels::Conv {
    let k = x.len() - 2;
    let three = |v: &[usize], d: usize| if d + k < 3 { 1 } else { v[d + k - 3] };
    let number = |v: &[i64], d: usize, none: usize| if d + k < 3 { none } else { v[d + k - 3] as usize };
    let groups = g.groups as usize;
    kernels::Conv {
        batch: x[0],
        groups,
        cin: w[1],
        cout: w[0] / groups,
        input: std::array::from_fn(|d| three(&x[2..], d)),
        kernel: std::array::from_fn(|d| three(&w[2..], d)),
        output: std::array::from_fn(|d| three(&y[2..], d)),
        stride: std::array::from_fn(|d| number(&g.stride, d, 1)),
        pad: std::array::from_fn(|d| number(&g.pad, d, 0)),
        dilation: std::array::from_fn(|d| number(&g.dilation, d, 1)),
    }
}

fn place(t: &Tensor, ptr: *mut u8) -> kernels::Place {
    let s = t.strides();
    let k = s.len() - 2;
    kernels::Place {
        ptr,
        n: s[0],
        c: s[1],
        s: std::array::from_fn(|d| if d + k < 3 { 0 } else { s[2 + d + k - 3] }),
    }
}

/// A dense bias, which the kernels read by address.
fn dense(bias: Option<&Tensor>) -> Result<Option<Tensor>> {
    bias.map(|b| contiguous(&b.detach(), None)).transpose()
}

/// Which of the kernel's two maps from images to images.
#[derive(Clone, Copy)]
enum Map {
    Forward,
    InputGrad,
}

fn images(map: Map, a: &Tensor, w: &Tensor, bias: Option<&Tensor>, out: &[usize], g: &Geometry) -> Result<Tensor> {
    let y = Tensor::uninit(out, a.dtype())?;
    if y.numel() == 0 {
        return Ok(y);
    }
    let bias = dense(bias)?;
    let conv = match map {
        Map::Forward => sizes(g, a.shape(), w.shape(), out),
        Map::InputGrad => sizes(g, out, w.shape(), a.shape()),
    };
    let none = bias.is_none();
    let b = bias.as_ref().unwrap_or(a);
    let operands = [(a, Mode::Read), (w, Mode::Read), (b, Mode::Read), (&y, Mode::Init)];
    access::access(operands, |[pa, pw, pb, py]| {
        let bias = if none { std::ptr::null() } else { pb.cast_const() };
        let (pa, pw, py) = (place(a, pa), place(w, pw), place(&y, py));
        // SAFETY: the geometry is that of the tensors, `y` is new and the bias dense.
        unsafe {
            match map {
                Map::Forward => kernels::forward(a.dtype(), &conv, pa, pw, bias, py),
                Map::InputGrad => kernels::input_grad(a.dtype(), &conv, pa, pw, bias, py),
            }
        }
        Ok(())
    })?;
    Ok(y)
}

/// Everything but the channels of a gradient, summed. It is recorded with the input and the weight, as in PyTorch, where
/// the three gradients are one node's: it needs a gradient where one of them does, though nothing flows back to them.
fn bias_grad(g: &Tensor, x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let dims: Vec<i64> = (0..g.dim() as i64).filter(|d| *d != 1).collect();
    let sum = {
        let _guard = crate::autograd::mode::grad_mode(false);
        sum_dims(g, Some(&dims), false, None)?
    };
    let shape: Vec<i64> = g.shape().iter().map(|n| *n as i64).collect();
    sum.record("ConvolutionBackward0", [g, x, w], |_| {
        move |c: &Ctx, grad: &Tensor| {
            let mut one = vec![1; shape.len()];
            if let Some(n) = one.get_mut(1) {
                *n = shape[1];
            }
            let spread = |g| super::shape::expand(&super::view::view(g, &one)?, &shape, false);
            Ok((c.needs(0).then(|| spread(grad)).transpose()?, None, None))
        }
    })
}

fn forward(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, out: &[usize], g: &Geometry) -> Result<Tensor> {
    let y = images(Map::Forward, x, w, bias, out, g)?;
    let g = g.clone();
    y.record("ConvolutionBackward0", [Some(x), Some(w), bias], |r| {
        let (x, w) = (r.save(x), r.save(w));
        move |c: &Ctx, grad: &Tensor| {
            let (x, w) = (c.get(x)?, c.get(w)?);
            Ok((
                c.needs(0)
                    .then(|| input_grad(grad, &w, None, x.shape(), &g))
                    .transpose()?,
                c.needs(1).then(|| weight_grad(grad, &x, w.shape(), &g)).transpose()?,
                c.needs(2).then(|| bias_grad(grad, &x, &w)).transpose()?,
            ))
        }
    })
}

fn input_grad(y: &Tensor, w: &Tensor, bias: Option<&Tensor>, out: &[usize], g: &Geometry) -> Result<Tensor> {
    let x = images(Map::InputGrad, y, w, bias, out, g)?;
    let g = g.clone();
    x.record("ConvolutionBackward0", [Some(y), Some(w), bias], |r| {
        let (y, w) = (r.save(y), r.save(w));
        move |c: &Ctx, grad: &Tensor| {
            let (y, w) = (c.get(y)?, c.get(w)?);
            Ok((
                c.needs(0).then(|| forward(grad, &w, None, y.shape(), &g)).transpose()?,
                c.needs(1).then(|| weight_grad(&y, grad, w.shape(), &g)).transpose()?,
                c.needs(2).then(|| bias_grad(grad, &y, &w)).transpose()?,
            ))
        }
    })
}

fn weight_grad(y: &Tensor, x: &Tensor, shape: &[usize], g: &Geometry) -> Result<Tensor> {
    let w = if x.numel() == 0 || y.numel() == 0 {
        zeros_of(shape, x.dtype())?
    } else {
        let w = Tensor::uninit(shape, x.dtype())?;
        let conv = sizes(g, x.shape(), shape, y.shape());
        access::access([(y, Mode::Read), (x, Mode::Read), (&w, Mode::Init)], |[py, px, pw]| {
            // SAFETY: the geometry is that of the tensors and `w` is new.
            unsafe { kernels::weight_grad(x.dtype(), &conv, place(y, py), place(x, px), place(&w, pw)) };
            Ok(())
        })?;
        w
    };
    let g = g.clone();
    w.record("ConvolutionBackward0", [Some(y), Some(x)], |r| {
        let (y, x) = (r.save(y), r.save(x));
        move |c: &Ctx, grad: &Tensor| {
            let (y, x) = (c.get(y)?, c.get(x)?);
            Ok((
                c.needs(0).then(|| forward(&x, grad, None, y.shape(), &g)).transpose()?,
                c.needs(1)
                    .then(|| input_grad(&y, grad, None, x.shape(), &g))
                    .transpose()?,
            ))
        }
    })
}

/// The input with a batch, and whether it had none.
fn batched(name: &str, k: usize, x: &Tensor, w: &Tensor) -> Result<(Tensor, bool)> {
    ensure!(
        x.dim() == k + 1 || x.dim() == k + 2,
        Runtime,
        "Expected {}D (unbatched) or {}D (batched) input to {name}, but got input of size: {}",
        k + 1,
        k + 2,
        shape_of(x)
    );
    ensure!(
        w.dim() == k + 2,
        Runtime,
        "Expected a weight of {} dimensions for {name}, but got a weight of size: {}",
        k + 2,
        shape_of(w)
    );
    Ok(match x.dim() == k + 1 {
        true => (unsqueeze(x, 0)?, true),
        false => (x.clone(), false),
    })
}

struct Arguments<'a> {
    w: &'a Tensor,
    bias: Option<&'a Tensor>,
    stride: &'a [i64],
    dilation: &'a [i64],
    groups: i64,
}

fn plain(name: &str, k: usize, x: &Tensor, a: Arguments, padding: &[i64]) -> Result<Tensor> {
    let (x, alone) = batched(name, k, x, a.w)?;
    let y = convolution(&x, a.w, a.bias, a.stride, padding, a.dilation, false, &[0], a.groups)?;
    if alone { squeeze_dim(&y, 0) } else { Ok(y) }
}

fn transposed(name: &str, k: usize, x: &Tensor, a: Arguments, padding: &[i64], extra: &[i64]) -> Result<Tensor> {
    let (x, alone) = batched(name, k, x, a.w)?;
    let y = convolution(&x, a.w, a.bias, a.stride, padding, a.dilation, true, extra, a.groups)?;
    if alone { squeeze_dim(&y, 0) } else { Ok(y) }
}

/// `"valid"` and `"same"`. Where the total width is odd, the additional zero lies behind the input.
fn worded(name: &str, k: usize, x: &Tensor, a: Arguments, padding: &str) -> Result<Tensor> {
    match padding {
        "valid" => return plain(name, k, x, a, &[0]),
        "same" => {}
        other => bail!(Runtime, "Invalid padding string: '{other}'"),
    }
    let (x, alone) = batched(name, k, x, a.w)?;
    let stride = per_dimension(a.stride, k, "stride")?;
    let dilation = per_dimension(a.dilation, k, "dilation")?;
    ensure!(
        stride.iter().all(|s| *s == 1),
        Runtime,
        "padding='same' is not supported for strided convolutions"
    );
    ensure!(
        dilation.iter().all(|d| *d > 0),
        Runtime,
        "dilation should be greater than zero"
    );
    let mut low = Vec::new();
    let mut behind = Vec::new();
    for (d, n) in dilation.iter().zip(&a.w.shape()[2..]) {
        let Some(total) = d.checked_mul(*n as i64 - 1) else {
            bail!(Runtime, "the size of the convolution's output is out of range");
        };
        low.push((total / 2).max(0));
        behind.push((total - 2 * (total / 2)).max(0));
    }
    let mut x = x;
    if behind.contains(&1) {
        let widths: Vec<i64> = behind.iter().rev().flat_map(|b| [0, *b]).collect();
        x = constant_pad_nd(&x, &widths, Scalar::Int(0))?;
    }
    let y = convolution(&x, a.w, a.bias, &stride, &low, &dilation, false, &[0], a.groups)?;
    if alone { squeeze_dim(&y, 0) } else { Ok(y) }
}

macro_rules! bodies {
    ($($k:literal $plain:ident $worded:ident $transposed:ident $name:literal $transposed_name:literal;)+) => { $(
        fn $plain(
            x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], dilation: &[i64], groups: i64,
        ) -> Result<Tensor> {
            plain($name, $k, x, Arguments { w, bias, stride, dilation, groups }, padding)
        }
        fn $worded(
            x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &str, dilation: &[i64], groups: i64,
        ) -> Result<Tensor> {
            worded($name, $k, x, Arguments { w, bias, stride, dilation, groups }, padding)
        }
        fn $transposed(
            x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: &[i64], padding: &[i64], output_padding: &[i64], groups: i64, dilation: &[i64],
        ) -> Result<Tensor> {
            transposed($transposed_name, $k, x, Arguments { w, bias, stride, dilation, groups }, padding, output_padding)
        }
    )+ };
}
bodies! {
    1 conv1d_body conv1d_padding_body conv_transpose1d_body "conv1d" "conv_transpose1d";
    2 conv2d_body conv2d_padding_body conv_transpose2d_body "conv2d" "conv_transpose2d";
    3 conv3d_body conv3d_padding_body conv_transpose3d_body "conv3d" "conv_transpose3d";
}

impl Tensor {
    /// The convolution with `weight: (M, C, KH, KW)`, with one stride and one padding for both dimensions.
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor, bias: Option<&Tensor>, stride: i64, padding: i64) -> Tensor {
        conv2d(self, weight, bias, &[stride], &[padding], &[1], 1).or_throw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_size_out_of_range_is_an_error() {
        // An empty kernel reaches backwards: its size is the largest number, and one more.
        assert_eq!(output_size(1, 0, 1, 0, i64::MAX), None);
        assert_eq!(output_size(5, 3, 2, 1, 1), Some(3));
        let (x, w) = (Tensor::ones(&[1, 1, 1, 1]), Tensor::ones(&[1, 1, 1, 0]));
        assert!(conv2d(&x, &w, None, &[1], &[0], &[1, i64::MAX], 1).is_err());
    }
}
