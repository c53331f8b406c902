//! Blocks of pictures as columns, and columns back into pictures: `im2col`, `col2im`.

use super::copy::to_dtype;
use super::index::dense;
use super::pointwise::not_implemented;
use crate::autograd::Ctx;
use crate::autograd::mode::grad_mode;
use crate::layout::{Dims, checked_numel};
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Tensor, ensure, ops};
use duoc_kernels::unfold::{Blocks, fold, unfold};

ops! {
    /// Every block of `kernel_size` cells of `(N, C, H, W)` or `(C, H, W)` as a column: `(N, C kH kW, L)`, blocks in
    /// row-major order. A block's cells are `dilation` apart, blocks `stride`; `padding` is the width of a border of zeros.
    "im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor" [out]
    pub fn im2col(x: &Tensor, kernel_size: &[i64], dilation: &[i64], padding: &[i64], stride: &[i64]) -> Tensor = im2col_body;

    /// The sum of blocks at their places: `(N, C kH kW, L)` or `(C kH kW, L)` becomes `(N, C, H, W)` of `output_size`. The
    /// adjoint of `im2col`.
    "col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor" [out]
    pub fn col2im(x: &Tensor, output_size: &[i64], kernel_size: &[i64], dilation: &[i64], padding: &[i64], stride: &[i64]) -> Tensor = col2im_body;
}

/// The arguments that both share, height first.
#[derive(Clone, Copy)]
struct Geometry {
    kernel: [i64; 2],
    dilation: [i64; 2],
    padding: [i64; 2],
    stride: [i64; 2],
}

impl Geometry {
    fn new(kernel: &[i64], dilation: &[i64], padding: &[i64], stride: &[i64]) -> Result<Geometry> {
        let pair = |list: &[i64], name: &str| -> Result<[i64; 2]> {
            ensure!(
                list.len() == 2,
                Runtime,
                "It is expected {name} equals to 2, but got size {}",
                list.len()
            );
            Ok([list[0], list[1]])
        };
        let g = Geometry {
            kernel: pair(kernel, "kernel_size")?,
            dilation: pair(dilation, "dilation")?,
            padding: pair(padding, "padding")?,
            stride: pair(stride, "stride")?,
        };
        for (list, name, short) in [
            (g.kernel, "kernel size", "kernel"),
            (g.dilation, "dilation", "dilation"),
            (g.stride, "stride", "stride"),
        ] {
            ensure!(
                list[0] > 0 && list[1] > 0,
                Runtime,
                "{name} should be greater than zero, but got {short}_height: {} {short}_width: {}",
                list[0],
                list[1]
            );
        }
        ensure!(
            g.padding[0] >= 0 && g.padding[1] >= 0,
            Runtime,
            "padding should be non-negative, but got pad_height: {} pad_width: {}",
            g.padding[0],
            g.padding[1]
        );
        Ok(g)
    }

    /// The number of blocks along each axis; it may be negative.
    fn blocks(&self, sizes: [i64; 2]) -> [i64; 2] {
        [0, 1].map(|d| {
            let [k, e, p, s] = [self.kernel[d], self.dilation[d], self.padding[d], self.stride[d]].map(i128::from);
            let room = i128::from(sizes[d]) + 2 * p - (e * (k - 1) + 1);
            (room.div_euclid(s) + 1).clamp(i64::MIN.into(), i64::MAX.into()) as i64
        })
    }

    /// As the kernels want it, where all places fit into a machine word.
    fn plan(&self, planes: usize, sizes: [i64; 2], blocks: [i64; 2]) -> Result<Blocks> {
        let small = |list: [i64; 2]| list.iter().all(|n| *n < 1 << 31);
        ensure!(
            [self.kernel, self.dilation, self.padding, self.stride, sizes, blocks]
                .into_iter()
                .all(small),
            Runtime,
            "integer out of range"
        );
        let word = |list: [i64; 2]| list.map(|n| n as usize);
        Ok(Blocks {
            planes,
            input: word(sizes),
            kernel: word(self.kernel),
            dilation: word(self.dilation),
            pad: word(self.padding),
            stride: word(self.stride),
            output: word(blocks),
        })
    }
}

fn pair_of(list: &[i64; 2]) -> String {
    format!("({}, {})", list[0], list[1])
}

fn im2col_body(x: &Tensor, kernel: &[i64], dilation: &[i64], padding: &[i64], stride: &[i64]) -> Result<Tensor> {
    let g = Geometry::new(kernel, dilation, padding, stride)?;
    let nd = x.dim();
    ensure!(
        nd > 2,
        Index,
        "Dimension out of range (expected to be in range of [-{}, {}], but got 2)",
        nd.max(1),
        nd.max(1) - 1
    );
    let filled = |from: usize| x.shape()[from..].iter().all(|n| *n > 0);
    ensure!(
        nd == 3 && filled(0) || nd == 4 && filled(1),
        Runtime,
        "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {:?}",
        x.shape()
    );
    let sizes = [x.shape()[nd - 2] as i64, x.shape()[nd - 1] as i64];
    let blocks = g.blocks(sizes);
    ensure!(
        blocks[0] >= 1 && blocks[1] >= 1,
        Runtime,
        "Given input with spatial size {}, kernel_size={}, dilation={}, padding={}, calculated shape of the array of sliding blocks as {}, but its components must be at least one.",
        pair_of(&sizes),
        pair_of(&g.kernel),
        pair_of(&g.dilation),
        pair_of(&g.padding),
        pair_of(&blocks)
    );
    let dtype = x.dtype();
    if !(dtype.is_float() && !dtype.is_float8() || dtype.is_complex() || dtype == DType::Bool) {
        return Err(not_implemented("im2col_out_cpu", dtype));
    }
    let plan = g.plan(x.shape()[..nd - 2].iter().product(), sizes, blocks)?;
    let cells = checked_numel(&[x.shape()[nd - 3], plan.kernel[0], plan.kernel[1]], dtype.size())?;
    let mut shape = Dims::from(&x.shape()[..nd - 3]);
    shape.extend([cells, checked_numel(&plan.output, dtype.size())?]);
    let out = Tensor::uninit(&shape, dtype)?;
    if out.numel() > 0 {
        let input = dense(&x.detach())?;
        access::access([(&input, Mode::Read), (&out, Mode::Init)], |[from, to]| {
            // SAFETY: both are row-major with the plan's sizes.
            unsafe { unfold(dtype.size(), &plan, from, to) };
            Ok(())
        })?;
    }
    out.record("Im2ColBackward0", [x], |_| {
        move |_: &Ctx, grad: &Tensor| col2im(grad, &sizes, &g.kernel, &g.dilation, &g.padding, &g.stride)
    })
}

fn col2im_body(
    x: &Tensor,
    output_size: &[i64],
    kernel: &[i64],
    dilation: &[i64],
    padding: &[i64],
    stride: &[i64],
) -> Result<Tensor> {
    ensure!(
        output_size.len() == 2,
        Runtime,
        "It is expected output_size equals to 2, but got size {}",
        output_size.len()
    );
    let sizes = [output_size[0], output_size[1]];
    let g = Geometry::new(kernel, dilation, padding, stride)?;
    let nd = x.dim();
    let filled = |from: usize| x.shape()[from..].iter().all(|n| *n > 0);
    ensure!(
        nd == 2 && filled(0) || nd == 3 && filled(1),
        Runtime,
        "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {:?}",
        x.shape()
    );
    let (rows, columns) = (x.shape()[nd - 2], x.shape()[nd - 1]);
    let cells = i128::from(g.kernel[0]) * i128::from(g.kernel[1]);
    ensure!(
        rows as i128 % cells == 0,
        Runtime,
        "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={rows} and kernel_size={}.",
        pair_of(&g.kernel)
    );
    let blocks = g.blocks(sizes);
    let total = i128::from(blocks[0]) * i128::from(blocks[1]);
    let given = format!(
        "Given output_size={}, kernel_size={}, dilation={}, padding={}, stride={}",
        pair_of(&sizes),
        pair_of(&g.kernel),
        pair_of(&g.dilation),
        pair_of(&g.padding),
        pair_of(&g.stride)
    );
    ensure!(
        columns as i128 == total,
        Runtime,
        "{given}, expected size of input's dimension 2 to match the calculated number of sliding blocks {} * {} = {total}, but got input.size(2)={columns}.",
        blocks[0],
        blocks[1]
    );
    ensure!(
        blocks[0] >= 1 && blocks[1] >= 1,
        Runtime,
        "{given}, the calculated number of sliding blocks is {} * {}, but its components must be at least one",
        blocks[0],
        blocks[1]
    );
    ensure!(
        sizes[0] >= 1 && sizes[1] >= 1,
        Runtime,
        "Expected output spatial size to be positive, but got: output_size={}.",
        pair_of(&sizes)
    );
    let dtype = x.dtype();
    if !(dtype.is_float() && !dtype.is_float8() || dtype == DType::Bool) {
        return Err(not_implemented("col2im_out_cpu", dtype));
    }
    let planes = rows / cells as usize;
    let batch: usize = x.shape()[..nd - 2].iter().product();
    let plan = g.plan(batch * planes, sizes, blocks)?;
    let mut shape = Dims::from(&x.shape()[..nd - 2]);
    shape.extend([planes, plan.input[0], plan.input[1]]);
    let out = {
        let _off = grad_mode(false);
        let wide = if dtype == DType::F64 { dtype } else { DType::F32 };
        let input = dense(&to_dtype(&x.detach(), wide)?)?;
        let out = Tensor::uninit(&shape, wide)?;
        if out.numel() > 0 {
            access::access([(&input, Mode::Read), (&out, Mode::Init)], |[from, to]| {
                // SAFETY: both are row-major with the plan's sizes.
                unsafe { fold(wide == DType::F64, &plan, from, to) };
                Ok(())
            })?;
        }
        to_dtype(&out, dtype)?
    };
    out.record("Col2ImBackward0", [x], |_| {
        move |_: &Ctx, grad: &Tensor| im2col(grad, &g.kernel, &g.dilation, &g.padding, &g.stride)
    })
}

impl Tensor {
    /// Blocks of `kernel` cells of a batch of pictures as columns, `stride` apart, over a border of `padding` zeros.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::ones(&[1, 2, 4, 4]).im2col([3, 3], [1, 1], [1, 1]).shape(), [1, 18, 16]);
    /// ```
    #[track_caller]
    pub fn im2col(&self, kernel: [i64; 2], stride: [i64; 2], padding: [i64; 2]) -> Tensor {
        im2col(self, &kernel, &[1, 1], &padding, &stride).or_throw()
    }
}
