//! The mean of each window: `avg_pool1d`, `avg_pool2d`, `avg_pool3d`.

use super::{Pool, arguments, in_order_of, missing, replaced};
use crate::autograd::Ctx;
use crate::ops::index::dense;
use crate::ops::view::{squeeze_dim, unsqueeze};
use crate::storage::{Mode, access};
use crate::{OrThrow, Result, Tensor, ensure, ops};
use duoc_kernels::pool::{Windows, average_pool, average_pool_backward};

ops! {
    /// The mean of each window of `kernel_size` cells along the last dimension of `(C, L)` or `(N, C, L)`; the zeros of the
    /// border count into it unless `count_include_pad` is false.
    "avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, bool ceil_mode=False, bool count_include_pad=True) -> Tensor" [function, out]
    pub fn avg_pool1d(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], ceil_mode: bool, count_include_pad: bool) -> Tensor = avg_pool1d_body;

    /// The mean of each window over the last two dimensions of `(C, H, W)` or `(N, C, H, W)`; `divisor_override` replaces
    /// the number of cells.
    "avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor" [out]
    pub fn avg_pool2d(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], ceil_mode: bool, count_include_pad: bool, divisor_override: Option<i64>) -> Tensor = avg_pool2d_body;

    /// The gradient of `avg_pool2d`: each cell of a window gets its share.
    "avg_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor" [out]
    pub fn avg_pool2d_backward(grad: &Tensor, x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], ceil_mode: bool, count_include_pad: bool, divisor_override: Option<i64>) -> Tensor = avg_pool2d_backward_body;

    /// The mean of each window over the last three dimensions of `(C, D, H, W)` or `(N, C, D, H, W)`.
    "avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor" [out]
    pub fn avg_pool3d(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], ceil_mode: bool, count_include_pad: bool, divisor_override: Option<i64>) -> Tensor = avg_pool3d_body;

    /// The gradient of `avg_pool3d`.
    "avg_pool3d_backward(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] stride, int[3] padding, bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor" [out]
    pub fn avg_pool3d_backward(grad: &Tensor, x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], ceil_mode: bool, count_include_pad: bool, divisor_override: Option<i64>) -> Tensor = avg_pool3d_backward_body;
}

/// Everything that a mean over windows depends on beside its input.
#[derive(Clone)]
pub(super) struct Means {
    windows: std::sync::Arc<Windows>,
    divisor: Option<i64>,
    input: Vec<usize>,
    output: Vec<usize>,
    name: &'static str,
    nodes: [&'static str; 2],
}

impl Means {
    pub fn new(
        windows: Windows,
        divisor: Option<i64>,
        input: &[usize],
        output: Vec<usize>,
        name: &'static str,
        nodes: [&'static str; 2],
    ) -> Means {
        Means {
            windows: std::sync::Arc::new(windows),
            divisor,
            input: input.to_vec(),
            output,
            name,
            nodes,
        }
    }

    /// The means, recorded: their gradient is [`Means::spread`].
    pub fn mean(self, x: &Tensor) -> Result<Tensor> {
        let y = Tensor::uninit(&self.output, x.dtype())?;
        if y.numel() > 0 {
            let input = dense(&x.detach())?;
            let known = access::access([(&input, Mode::Read), (&y, Mode::Init)], |[from, to]| {
                // SAFETY: row-major operands of the windows' sizes.
                Ok(unsafe { average_pool(x.dtype(), &self.windows, self.divisor, from, to) })
            })?;
            if !known {
                return Err(missing(self.name, x.dtype()));
            }
        }
        let y = in_order_of(x, y)?;
        y.record(self.nodes[0], [x], |r| {
            let x = r.save(x);
            move |c: &Ctx, g: &Tensor| super::tied(self.clone().spread(g)?, &c.get(x)?)
        })
    }

    /// The gradients' shares for every cell, recorded: as a linear map its gradient is [`Means::mean`].
    pub fn spread(self, g: &Tensor) -> Result<Tensor> {
        let out = Tensor::uninit(&self.input, g.dtype())?;
        if out.numel() > 0 {
            let grad = dense(&g.detach())?;
            let known = access::access([(&grad, Mode::Read), (&out, Mode::Init)], |[from, to]| {
                // SAFETY: row-major operands of the windows' sizes.
                Ok(unsafe { average_pool_backward(g.dtype(), &self.windows, self.divisor, from, to) })
            })?;
            if !known {
                return Err(missing(self.name, g.dtype()));
            }
        }
        out.record(self.nodes[1], [g], |_| {
            move |_: &Ctx, gg: &Tensor| self.clone().mean(gg)
        })
    }
}

type List<'a> = (&'a [i64], &'a [i64], &'a [i64]);

fn plan(
    k: usize,
    x: &Tensor,
    (kernel, stride, pad): List,
    ceil: bool,
    padded: bool,
    divisor: Option<i64>,
) -> Result<Means> {
    let name = if k == 2 { "avg_pool2d" } else { "avg_pool3d" };
    let pool: Pool = arguments(name, k, (kernel, stride, pad, &[1]), ceil)?;
    ensure!(
        x.dim() >= k,
        Index,
        "Dimension out of range (expected to be in range of [{}, {}], but got {})",
        -(x.dim().max(1) as i64),
        x.dim().max(1) - 1,
        -(k as i64)
    );
    if k == 2 && x.dim() == 2 {
        x.wrap_dim(-3)?;
    }
    ensure!(divisor != Some(0), Runtime, "divisor must be not zero");
    let outputs = pool.outputs(name, x, k == 3)?;
    let shape = replaced(x.shape(), &outputs);
    let numel = crate::layout::checked_numel(&shape, 8)?;
    super::affordable(&shape, x.dtype())?;
    // PyTorch has no kernel for 16-bit floats in three dimensions.
    ensure!(
        k == 2 || !matches!(x.dtype(), crate::DType::F16 | crate::DType::BF16),
        NotImplemented,
        "\"avg_pool3d_out_frame\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let windows = if numel > 0 {
        pool.windows(x.shape(), &outputs, padded)
    } else {
        Windows {
            planes: 0,
            input: [0; 3],
            axes: Default::default(),
        }
    };
    let (name, nodes) = match k {
        2 => (
            "avg_pool2d_out_frame",
            ["AvgPool2DBackward0", "AvgPool2DBackwardBackward0"],
        ),
        _ => (
            "avg_pool3d_out_frame",
            ["AvgPool3DBackward0", "AvgPool3DBackwardBackward0"],
        ),
    };
    let name = if k == 2 { "avg_pool2d" } else { name };
    Ok(Means::new(windows, divisor, x.shape(), shape, name, nodes))
}

fn avg_pool1d_body(x: &Tensor, k: &[i64], s: &[i64], p: &[i64], ceil: bool, padded: bool) -> Result<Tensor> {
    super::check_1d("avg_pool1d", x)?;
    for (list, what) in [(k, "kernel_size"), (p, "padding")] {
        ensure!(
            list.len() == 1,
            Runtime,
            "avg_pool1d() {what} argument should contain one int (got {})",
            list.len()
        );
    }
    let s = if s.is_empty() { k } else { s };
    ensure!(
        s.len() == 1,
        Runtime,
        "avg_pool1d() stride argument should contain one int (got {})",
        s.len()
    );
    let wide = unsqueeze(x, -2)?;
    let means = plan(2, &wide, (&[1, k[0]], &[1, s[0]], &[0, p[0]]), ceil, padded, None)?;
    squeeze_dim(&means.mean(&wide)?, -2)
}

fn avg_pool2d_body(
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    ceil: bool,
    padded: bool,
    divisor: Option<i64>,
) -> Result<Tensor> {
    plan(2, x, (k, s, p), ceil, padded, divisor)?.mean(x)
}

fn avg_pool3d_body(
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    ceil: bool,
    padded: bool,
    divisor: Option<i64>,
) -> Result<Tensor> {
    plan(3, x, (k, s, p), ceil, padded, divisor)?.mean(x)
}

fn spread(plan: Means, grad: &Tensor, x: &Tensor) -> Result<Tensor> {
    super::check_sizes(grad, &plan.output)?;
    ensure!(
        grad.dtype() == x.dtype(),
        Runtime,
        "expected dtype {} for `gradOutput` but got dtype {}",
        x.dtype(),
        grad.dtype()
    );
    plan.spread(grad)
}

fn avg_pool2d_backward_body(
    grad: &Tensor,
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    ceil: bool,
    padded: bool,
    divisor: Option<i64>,
) -> Result<Tensor> {
    spread(plan(2, x, (k, s, p), ceil, padded, divisor)?, grad, x)
}

fn avg_pool3d_backward_body(
    grad: &Tensor,
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    ceil: bool,
    padded: bool,
    divisor: Option<i64>,
) -> Result<Tensor> {
    spread(plan(3, x, (k, s, p), ceil, padded, divisor)?, grad, x)
}

impl Tensor {
    /// The mean of each window over the last two dimensions.
    #[track_caller]
    pub fn avg_pool2d(&self, kernel_size: &[i64], stride: &[i64], padding: &[i64]) -> Tensor {
        avg_pool2d(self, kernel_size, stride, padding, false, true, None).or_throw()
    }
}
