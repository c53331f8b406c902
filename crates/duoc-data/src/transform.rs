//! Changes of pictures of shape (..., channels, rows, columns), as torchvision's `transforms` define them. What is random
//! draws from the generator of the sample's stream, in torchvision's order.

use duoc_core::{DType, Result, Scalar, Tensor, bail, ensure, ops};

/// A change of one picture.
pub trait Transform: Send + Sync {
    /// The changed picture.
    ///
    /// # Errors
    /// If the picture's shape does not fit.
    fn apply(&self, x: Tensor) -> Result<Tensor>;
}

impl<F: Fn(Tensor) -> Result<Tensor> + Send + Sync> Transform for F {
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        self(x)
    }
}

/// Changes one after another.
pub struct Compose(pub Vec<Box<dyn Transform>>);

impl Transform for Compose {
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        self.0.iter().try_fold(x, |x, t| t.apply(x))
    }
}

/// Bytes as float32 between 0 and 1; other dtypes as float32.
///
/// # Errors
/// If memory cannot be had.
pub fn to_tensor(x: &Tensor) -> Result<Tensor> {
    let float = ops::copy::to_dtype(x, DType::F32)?;
    if x.dtype() == DType::U8 {
        duoc_core::catch(|| float / 255.0)
    } else {
        Ok(float)
    }
}

/// Rows and columns of a picture.
fn sides(x: &Tensor) -> Result<(usize, usize)> {
    match x.shape() {
        [.., h, w] if x.dim() >= 3 => Ok((*h, *w)),
        other => bail!(
            Value,
            "a picture has channels, rows and columns; its shape is {other:?}"
        ),
    }
}

/// (x - mean) / std, channel by channel.
#[derive(Clone, Debug)]
pub struct Normalize {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Normalize {
    /// With these means and standard deviations, one of each a channel, or one for all.
    ///
    /// # Errors
    /// `ValueError` if a deviation is 0 or there are not as many as means.
    pub fn new(mean: &[f32], std: &[f32]) -> Result<Normalize> {
        ensure!(
            mean.len() == std.len() && !mean.is_empty(),
            Value,
            "{} means and {} standard deviations",
            mean.len(),
            std.len()
        );
        ensure!(
            std.iter().all(|s| *s != 0.0),
            Value,
            "std evaluated to zero after conversion to torch.float32, leading to division by zero."
        );
        Ok(Normalize {
            mean: mean.to_vec(),
            std: std.to_vec(),
        })
    }
}

impl Transform for Normalize {
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        sides(&x)?;
        ensure!(
            x.dtype().is_float(),
            Type,
            "Input tensor should be a float tensor. Got {}.",
            x.dtype()
        );
        let channels = x.shape()[x.dim() - 3];
        ensure!(
            self.mean.len() == 1 || self.mean.len() == channels,
            Value,
            "a picture of {channels} channels and {} means",
            self.mean.len()
        );
        let column = |v: &[f32]| ops::copy::to_dtype(&Tensor::try_from_slice(v, &[v.len(), 1, 1])?, x.dtype());
        let (mean, std) = (column(&self.mean)?, column(&self.std)?);
        duoc_core::catch(|| (&x - &mean) / &std)
    }
}

/// Margins of one value.
#[derive(Clone, Copy, Debug)]
pub struct Pad {
    /// Columns before.
    pub left: usize,
    /// Rows above.
    pub top: usize,
    /// Columns after.
    pub right: usize,
    /// Rows below.
    pub bottom: usize,
    /// Their value.
    pub fill: f64,
}

impl Pad {
    /// The same margin on all sides.
    pub fn all(n: usize) -> Pad {
        Pad {
            left: n,
            top: n,
            right: n,
            bottom: n,
            fill: 0.0,
        }
    }
}

impl Transform for Pad {
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        let (h, w) = sides(&x)?;
        let sum = |parts: [usize; 3]| parts.iter().try_fold(0usize, |s, n| s.checked_add(*n));
        let sizes = (sum([self.top, h, self.bottom]), sum([self.left, w, self.right]));
        let (Some(rows), Some(columns)) = sizes else {
            bail!(Value, "{self:?} is too wide")
        };
        let mut shape: Vec<i64> = x.shape().iter().map(|n| *n as i64).collect();
        let n = shape.len();
        shape[n - 2] = i64::try_from(rows).unwrap_or(i64::MAX);
        shape[n - 1] = i64::try_from(columns).unwrap_or(i64::MAX);
        let out = duoc_core::catch(|| {
            Tensor::options()
                .dtype(x.dtype())
                .full(&shape, Scalar::Float(self.fill))
        })?;
        let inside = cut(&out, self.top, self.left, h, w)?;
        ops::copy::copy_(&inside, &x)?;
        Ok(out)
    }
}

/// A part of a picture.
fn cut(x: &Tensor, top: usize, left: usize, h: usize, w: usize) -> Result<Tensor> {
    let rows = ops::view::narrow(x, -2, top as i64, h as i64)?;
    ops::view::narrow(&rows, -1, left as i64, w as i64)
}

/// The middle of a picture; one that is smaller gets margins of 0.
#[derive(Clone, Copy, Debug)]
pub struct CenterCrop(pub usize, pub usize);

impl Transform for CenterCrop {
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        let (h, w) = sides(&x)?;
        let missing = |wanted: usize, have: usize| {
            let n = wanted.saturating_sub(have);
            (n / 2, n.div_ceil(2))
        };
        let ((top, bottom), (left, right)) = (missing(self.0, h), missing(self.1, w));
        let x = if top + bottom + left + right > 0 {
            Pad {
                left,
                top,
                right,
                bottom,
                fill: 0.0,
            }
            .apply(x)?
        } else {
            x
        };
        let (h, w) = sides(&x)?;
        // Python rounds halves to even.
        let start = |have: usize, wanted: usize| ((have - wanted) as f64 / 2.0).round_ties_even() as usize;
        cut(&x, start(h, self.0), start(w, self.1), self.0, self.1)
    }
}

/// A part of this size at a random place, after margins of 0.
#[derive(Clone, Copy, Debug)]
pub struct RandomCrop {
    /// Rows and columns.
    pub size: (usize, usize),
    /// Margin on all sides before.
    pub padding: usize,
}

impl Transform for RandomCrop {
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        let x = if self.padding > 0 {
            Pad::all(self.padding).apply(x)?
        } else {
            x
        };
        let (h, w) = sides(&x)?;
        let (th, tw) = self.size;
        ensure!(
            th <= h && tw <= w,
            Value,
            "Required crop size {:?} is larger than input image size {:?}",
            self.size,
            (h, w)
        );
        if (h, w) == self.size {
            return Ok(x);
        }
        let draw = |most: usize| -> Result<usize> {
            let high = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
            let drawn = ops::random::randint(high, &[1], None, Some(DType::I64), None, None, None)?;
            drawn.with_slice(|s: &[i64]| s[0] as usize)
        };
        let (top, left) = (draw(h - th)?, draw(w - tw)?);
        cut(&x, top, left, th, tw)
    }
}

/// Left and right exchanged, with this probability.
#[derive(Clone, Copy, Debug)]
pub struct RandomHorizontalFlip(pub f64);

impl Transform for RandomHorizontalFlip {
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        sides(&x)?;
        let drawn = ops::random::rand(&[1], None, Some(DType::F32), None, None, None)?;
        let drawn = drawn.with_slice(|s: &[f32]| s[0])?;
        if f64::from(drawn) < self.0 {
            ops::rearrange::flip(&x, &[-1])
        } else {
            Ok(x)
        }
    }
}

/// Another size, by bilinear interpolation that averages over what a pixel covers (antialiasing).
#[derive(Clone, Copy, Debug)]
pub enum Resize {
    /// Rows and columns.
    To(usize, usize),
    /// The shorter side; the longer one keeps the proportion.
    Shorter(usize),
}

/// Sides that a picture may get.
const WIDEST: usize = 1 << 16;

impl Transform for Resize {
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        let (h, w) = sides(&x)?;
        ensure!(h > 0 && w > 0, Value, "a picture without pixels cannot be resized");
        let (oh, ow) = match *self {
            Resize::To(oh, ow) => (oh, ow),
            Resize::Shorter(n) if h <= w => (n, n.saturating_mul(w) / h),
            Resize::Shorter(n) => (n.saturating_mul(h) / w, n),
        };
        ensure!(
            (1..=WIDEST).contains(&oh) && (1..=WIDEST).contains(&ow),
            Value,
            "a picture cannot be resized to {oh} x {ow}"
        );
        if (oh, ow) == (h, w) {
            return Ok(x);
        }
        let planes: usize = x.shape()[..x.dim() - 2].iter().product();
        let pixels = x.try_to_vec::<f32>()?;
        // Columns first, then rows, as PyTorch does.
        let across = Filter::new(w, ow);
        let narrow: Vec<f32> = pixels.chunks_exact(w).flat_map(|row| across.run(row, 1)).collect();
        let down = Filter::new(h, oh);
        let mut out = vec![0f32; planes * oh * ow];
        for (plane, to) in narrow.chunks_exact(h * ow).zip(out.chunks_exact_mut(oh * ow)) {
            for column in 0..ow {
                let values = down.run(&plane[column..], ow);
                values
                    .zip(to[column..].iter_mut().step_by(ow))
                    .for_each(|(v, t)| *t = v);
            }
        }
        let mut shape = x.shape().to_vec();
        let n = shape.len();
        (shape[n - 2], shape[n - 1]) = (oh, ow);
        if x.dtype() == DType::U8 {
            let bytes: Vec<u8> = out.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
            return Tensor::try_from_slice(&bytes, &shape);
        }
        ops::copy::to_dtype(&Tensor::try_from_slice(&out, &shape)?, x.dtype())
    }
}

/// Which inputs each output averages, and with what weights: a triangle as wide as the scale.
struct Filter(Vec<(usize, Vec<f32>)>);

impl Filter {
    fn new(from: usize, to: usize) -> Filter {
        let scale = from as f32 / to as f32;
        let support = scale.max(1.0);
        let output = |i: usize| {
            let center = scale * (i as f32 + 0.5);
            let first = (center - support + 0.5).max(0.0) as usize;
            let last = ((center + support + 0.5) as usize).min(from);
            let weight = |j: usize| (1.0 - ((j as f32 - center + 0.5) / support).abs()).max(0.0);
            let weights: Vec<f32> = (first..last).map(weight).collect();
            let sum: f32 = weights.iter().sum();
            (
                first,
                weights
                    .into_iter()
                    .map(|w| if sum == 0.0 { w } else { w / sum })
                    .collect(),
            )
        };
        Filter((0..to).map(output).collect())
    }

    /// The outputs for the inputs `stride` apart.
    fn run<'a>(&'a self, input: &'a [f32], stride: usize) -> impl Iterator<Item = f32> + 'a {
        self.0.iter().map(move |(first, weights)| {
            weights
                .iter()
                .enumerate()
                .map(|(k, w)| w * input[(first + k) * stride])
                .sum()
        })
    }
}
