//! New tensors of random numbers: `rand`, `randn`, `randint`, `randperm`, `normal`, `bernoulli`, `poisson`,
//! `multinomial` and their like.
//!
//! Factories allocate and draw in place ([`super::sample`]), as in PyTorch, so their numbers are those of the in-place
//! forms. An `out=` tensor of the right shape is drawn into directly: on a tensor that is not contiguous, `randn` has
//! the numbers of `normal_` there.

use super::arith::{add, mul};
use super::copy::{check_device, uninit_in};
use super::draw::{Draw, check_std, unsupported};
use super::factory::zeros_like;
use crate::autograd::mode::no_grad;
use crate::autograd::node::Ctx;
use crate::iter::{Dest, TensorIter};
use crate::layout::{broadcast, sizes};
use crate::op::{Args, Value, in_place};
use crate::random::{Generator, or_default};
use crate::storage::{Mode, access};
use crate::{
    DType, Device, LayoutKind, MemoryFormat, OrThrow, Result, Scalar, Tensor, bail, default_dtype, ensure, err, ops,
};
use duoc_kernels::rng::{categorical, rejection};

ops! {
    /// Numbers uniform in `[0, 1)`.
    "rand(SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out] write rand_write;
    pub fn rand(size: &[i64], generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = rand_body;

    /// Numbers of the standard normal distribution.
    "randn(SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out] write randn_write;
    pub fn randn(size: &[i64], generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = randn_body;

    /// Integers uniform in `[0, high - 1]`.
    "randint(SymInt high, SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out] write randint_write;
    pub fn randint(high: i64, size: &[i64], generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = randint_body;

    /// Integers uniform in `[low, high - 1]`.
    "randint.low(SymInt low, SymInt high, SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out] write randint_low_write;
    pub fn randint_low(low: i64, high: i64, size: &[i64], generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = randint_low_body;

    /// A random permutation of `0..n`.
    "randperm(SymInt n, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out] write randperm_write;
    pub fn randperm(n: i64, generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = randperm_body;

    /// Numbers uniform in `[0, 1)`, of the input's shape.
    "rand_like(Tensor self, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn rand_like(x: &Tensor, generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = rand_like_body;

    /// Numbers of the standard normal distribution, of the input's shape.
    "randn_like(Tensor self, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn randn_like(x: &Tensor, generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = randn_like_body;

    /// Integers uniform in `[0, high - 1]`, of the input's shape and dtype.
    "randint_like(Tensor self, SymInt high, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn randint_like(x: &Tensor, high: i64, generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = randint_like_body;

    /// Integers uniform in `[0, high - 1]`, of the input's shape and dtype; `high` is a tensor with one element.
    "randint_like.Tensor(Tensor self, Tensor high, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn randint_like_tensor(x: &Tensor, high: &Tensor, generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = randint_like_tensor_body;

    /// Integers uniform in `[low, high - 1]`, of the input's shape and dtype.
    "randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn randint_like_low(x: &Tensor, low: i64, high: i64, generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = randint_like_low_body;

    /// `mean + std * z`, `z` standard normal, with a mean for every element.
    "normal.Tensor_float(Tensor mean, float std=1, *, Generator? generator=None) -> Tensor" [function, out]
    pub fn normal_tensor_float(mean: &Tensor, std: f64, generator: Option<&Generator>) -> Tensor = normal_tensor_float_body;

    /// `mean + std * z`, `z` standard normal, with a deviation for every element.
    "normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor" [function, out]
    pub fn normal_float_tensor(mean: f64, std: &Tensor, generator: Option<&Generator>) -> Tensor = normal_float_tensor_body;

    /// `mean + std * z`, `z` standard normal, elementwise with broadcasting.
    "normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor" [function, out]
    pub fn normal_tensor_tensor(mean: &Tensor, std: &Tensor, generator: Option<&Generator>) -> Tensor = normal_tensor_tensor_body;

    /// Numbers of the normal distribution.
    "normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out] write normal_write;
    pub fn normal_float_float(mean: f64, std: f64, size: &[i64], generator: Option<&Generator>, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = normal_float_float_body;

    /// 1 with the probability of the element, else 0.
    "bernoulli(Tensor self, *, Generator? generator=None) -> Tensor" [function, method, out]
    pub fn bernoulli(x: &Tensor, generator: Option<&Generator>) -> Tensor = bernoulli_body;

    /// A tensor of the input's shape and dtype: 1 with probability `p`, else 0.
    "bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor" [function, method]
    pub fn bernoulli_p(x: &Tensor, p: f64, generator: Option<&Generator>) -> Tensor = bernoulli_p_body;

    /// Poisson deviates: `P(k) = rate^k exp(-rate) / k!` with the rate of the element.
    "poisson(Tensor self, Generator? generator=None) -> Tensor" [function]
    pub fn poisson(x: &Tensor, generator: Option<&Generator>) -> Tensor = poisson_body;

    /// Binomial deviates: successes among `count` trials with probability `prob`, elementwise.
    "binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor" [function]
    pub fn binomial(count: &Tensor, prob: &Tensor, generator: Option<&Generator>) -> Tensor = binomial_body;

    /// Indices drawn from each row (or the only dimension) of weights, with or without replacement.
    "multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor" [function, method, out] write multinomial_write;
    pub fn multinomial(x: &Tensor, num_samples: i64, replacement: bool, generator: Option<&Generator>) -> Tensor = multinomial_body;
}

/// A new row-major tensor for a factory.
fn fresh(size: &[i64], dtype: Option<DType>, device: Option<Device>) -> Result<Tensor> {
    check_device(device.unwrap_or_default())?;
    Tensor::uninit(&sizes(size)?, dtype.unwrap_or_else(default_dtype))
}

/// A new tensor of another one's shape.
fn fresh_like(
    x: &Tensor,
    dtype: Option<DType>,
    device: Option<Device>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    check_device(device.unwrap_or(x.device()))?;
    uninit_in(x, dtype.unwrap_or(x.dtype()), format.unwrap_or(MemoryFormat::Preserve))
}

/// The new tensor `x` after `draw`.
fn drawn(x: Tensor, generator: Option<&Generator>, draw: impl FnOnce(Draw) -> Result<()>) -> Result<Tensor> {
    draw(Draw::new(&x, generator))?;
    Ok(x)
}

/// Lets `draw` fill an `out=` tensor that has the right size already.
fn into(
    out: &Tensor,
    size: &[i64],
    generator: Option<&Generator>,
    draw: impl FnOnce(Draw) -> Result<()>,
) -> Result<()> {
    if *out.shape() != *sizes(size)? {
        bail!(NotImplemented, "out= of another shape");
    }
    draw(Draw::over(out, generator))
}

fn rand_body(
    size: &[i64],
    generator: Option<&Generator>,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    drawn(fresh(size, dtype, device)?, generator, |x| x.uniform(0.0, 1.0))
}

fn rand_write(args: &[Value], out: &Tensor) -> Result<()> {
    let mut args = Args::new(args);
    let (size, generator) = (args.take()?, args.take()?);
    into(out, size, generator, |x| x.uniform(0.0, 1.0))
}

fn randn_body(
    size: &[i64],
    generator: Option<&Generator>,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    drawn(fresh(size, dtype, device)?, generator, |x| x.normal(0.0, 1.0))
}

fn randn_write(args: &[Value], out: &Tensor) -> Result<()> {
    let mut args = Args::new(args);
    let (size, generator) = (args.take()?, args.take()?);
    into(out, size, generator, |x| x.normal(0.0, 1.0))
}

fn normal_float_float_body(
    mean: f64,
    std: f64,
    size: &[i64],
    generator: Option<&Generator>,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    drawn(fresh(size, dtype, device)?, generator, |x| x.normal(mean, std))
}

fn normal_write(args: &[Value], out: &Tensor) -> Result<()> {
    let mut args = Args::new(args);
    let (mean, std) = (args.take()?, args.take()?);
    let (size, generator) = (args.take()?, args.take()?);
    into(out, size, generator, |x| x.normal(mean, std))
}

fn randint_body(
    high: i64,
    size: &[i64],
    generator: Option<&Generator>,
    dtype: Option<DType>,
    layout: Option<LayoutKind>,
    device: Option<Device>,
    pin_memory: Option<bool>,
) -> Result<Tensor> {
    randint_low_body(0, high, size, generator, dtype, layout, device, pin_memory)
}

fn randint_write(args: &[Value], out: &Tensor) -> Result<()> {
    let mut args = Args::new(args);
    let high = args.take()?;
    let (size, generator) = (args.take()?, args.take()?);
    into(out, size, generator, |x| x.random(0, Some(high)))
}

fn randint_low_body(
    low: i64,
    high: i64,
    size: &[i64],
    generator: Option<&Generator>,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    drawn(
        fresh(size, Some(dtype.unwrap_or(DType::I64)), device)?,
        generator,
        |x| x.random(low, Some(high)),
    )
}

fn randint_low_write(args: &[Value], out: &Tensor) -> Result<()> {
    let mut args = Args::new(args);
    let (low, high) = (args.take()?, args.take()?);
    let (size, generator) = (args.take()?, args.take()?);
    into(out, size, generator, |x| x.random(low, Some(high)))
}

fn randperm_body(
    n: i64,
    generator: Option<&Generator>,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    let dtype = dtype.unwrap_or(DType::I64);
    if n >= 0 {
        check_permutation(n, dtype)?;
    }
    drawn(fresh(&[n], Some(dtype), device)?, generator, |x| x.permutation())
}

fn randperm_write(args: &[Value], out: &Tensor) -> Result<()> {
    let mut args = Args::new(args);
    let n: i64 = args.take()?;
    let generator = args.take()?;
    ensure!(n >= 0, Runtime, "n must be non-negative, got{n}");
    check_permutation(n, out.dtype())?;
    into(out, &[n], generator, |x| x.permutation())
}

/// Whether the dtype tells `0..n` apart; as PyTorch, `bfloat16` is not asked.
fn check_permutation(n: i64, dtype: DType) -> Result<()> {
    Scalar::Int(n.saturating_sub(1)).to_bytes(dtype)?;
    let (limit, text) = match dtype {
        DType::F16 => ((1 << 11) + 1, "2049 for Half"),
        DType::F32 => ((1 << 24) + 1, "2^24+1 for Float"),
        DType::F64 => ((1 << 53) + 1, "2^53+1 for Double"),
        _ => return Ok(()),
    };
    ensure!(n <= limit, Runtime, "n cannot be greater than {text} type.");
    Ok(())
}

fn rand_like_body(
    x: &Tensor,
    generator: Option<&Generator>,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    drawn(fresh_like(x, dtype, device, format)?, generator, |x| {
        x.uniform(0.0, 1.0)
    })
}

fn randn_like_body(
    x: &Tensor,
    generator: Option<&Generator>,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    drawn(fresh_like(x, dtype, device, format)?, generator, |x| x.normal(0.0, 1.0))
}

fn randint_like_body(
    x: &Tensor,
    high: i64,
    generator: Option<&Generator>,
    dtype: Option<DType>,
    layout: Option<LayoutKind>,
    device: Option<Device>,
    pin_memory: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    randint_like_low_body(x, 0, high, generator, dtype, layout, device, pin_memory, format)
}

fn randint_like_tensor_body(
    x: &Tensor,
    high: &Tensor,
    generator: Option<&Generator>,
    dtype: Option<DType>,
    layout: Option<LayoutKind>,
    device: Option<Device>,
    pin_memory: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    ensure!(high.numel() == 1, Runtime, "high must be a scalar tensor and on CPU");
    let high = high.try_item()?.to_i64();
    randint_like_low_body(x, 0, high, generator, dtype, layout, device, pin_memory, format)
}

fn randint_like_low_body(
    x: &Tensor,
    low: i64,
    high: i64,
    generator: Option<&Generator>,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    drawn(fresh_like(x, dtype, device, format)?, generator, |x| {
        x.random(low, Some(high))
    })
}

/// `z` becomes `z * std + mean` in `z`'s dtype, the product and the sum rounded each.
fn scale_and_shift(z: &Tensor, std: Option<&Tensor>, mean: &Tensor) -> Result<()> {
    no_grad(|| {
        if let Some(std) = std {
            in_place(z, [std], |z| mul(z, std))?;
        }
        in_place(z, [mean], |z| add(z, mean, Scalar::Int(1)))
    })
}

fn normal_tensor_float_body(mean: &Tensor, std: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_std(std)?;
    let z = Tensor::uninit(mean.shape(), mean.dtype())?;
    Draw::new(&z, generator).normal(0.0, std)?;
    scale_and_shift(&z, None, mean)?;
    z.record("NormalBackward1", [mean], constant([mean]))
}

fn normal_float_tensor_body(mean: f64, std: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    check_deviations(std)?;
    let z = Tensor::uninit(std.shape(), std.dtype())?;
    Draw::new(&z, generator).normal(0.0, 1.0)?;
    scale_and_shift(&z, Some(std), &Tensor::scalar(mean, std.dtype())?)?;
    z.record("NormalBackward2", [std], constant([std]))
}

fn normal_tensor_tensor_body(mean: &Tensor, std: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    check_deviations(std)?;
    let z = Tensor::uninit(&broadcast(mean.shape(), std.shape())?, mean.dtype())?;
    Draw::new(&z, generator).normal(0.0, 1.0)?;
    scale_and_shift(&z, Some(std), mean)?;
    z.record("NormalBackward3", [mean, std], constant([mean, std]))
}

/// The backward function of results that do not depend on their inputs: zeros.
fn constant<const N: usize>(
    inputs: [&Tensor; N],
) -> impl FnOnce(
    &mut crate::autograd::node::Recorder,
) -> Box<dyn Fn(&Ctx, &Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync> {
    let shapes = inputs.map(|t| (t.shape().to_vec(), t.dtype()));
    move |_| {
        Box::new(move |_, _| {
            shapes
                .iter()
                .map(|(shape, dtype)| super::factory::zeros_of(shape, *dtype).map(Some))
                .collect()
        })
    }
}

fn check_deviations(std: &Tensor) -> Result<()> {
    ensure!(
        !std.dtype().is_complex(),
        Runtime,
        "normal expects standard deviation to be non-complex"
    );
    let wide = super::copy::to_dtype(&std.detach(), DType::F64)?;
    ensure!(
        wide.to_vec::<f64>().iter().all(|s| *s >= 0.0),
        Runtime,
        "normal expects all elements of std >= 0.0"
    );
    Ok(())
}

fn bernoulli_body(x: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    let out = Tensor::uninit(x.shape(), x.dtype())?;
    Draw::new(&out, generator).bernoulli_tensor(x)?;
    out.record("BernoulliBackward0", [x], |_| |_: &Ctx, g: &Tensor| zeros_like(g))
}

fn bernoulli_p_body(x: &Tensor, p: f64, generator: Option<&Generator>) -> Result<Tensor> {
    drawn(Tensor::uninit(x.shape(), x.dtype())?, generator, |out| out.bernoulli(p))
}

fn poisson_body(x: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    let dtype = x.dtype();
    let out = Tensor::uninit(x.shape(), dtype)?;
    let rates = x.detach();
    {
        let g = or_default(generator);
        let mut g = g.lock();
        let it = TensorIter::new(&[(Dest::Into(&out), dtype)], &[&rates])?.first_write();
        let supported = |done| {
            if done {
                Ok(())
            } else {
                Err(err!(NotImplemented, "{}", unsupported("poisson_cpu", dtype)))
            }
        };
        supported(matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64))?;
        it.for_rows(|p, s, n| {
            // SAFETY: rows of both tensors, which are locked.
            match unsafe { rejection::poisson(&mut g, dtype, p[0], s[0], p[1], s[1], n) } {
                Ok(done) => supported(done),
                Err(_) => bail!(Runtime, "invalid Poisson rate, expected rate to be non-negative"),
            }
        })?;
    }
    out.record("PoissonBackward0", [x], |_| |_: &Ctx, g: &Tensor| zeros_like(g))
}

fn binomial_body(count: &Tensor, prob: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    let dtype = count.dtype();
    ensure!(
        matches!(dtype, DType::F32 | DType::F64),
        NotImplemented,
        "{}",
        unsupported("binomial_cpu", dtype)
    );
    ensure!(
        prob.dtype() == dtype,
        Runtime,
        "Found dtype {} but expected {}",
        prob.dtype().scalar_type_name(),
        dtype.scalar_type_name()
    );
    let out = Tensor::uninit(&broadcast(count.shape(), prob.shape())?, dtype)?;
    let (count, p) = (count.detach(), prob.detach());
    let g = or_default(generator);
    let mut g = g.lock();
    let it = TensorIter::new(&[(Dest::Into(&out), dtype)], &[&count, &p])?.first_write();
    it.for_rows(|p, s, n| {
        // SAFETY: rows of the three tensors, which are locked.
        unsafe { rejection::binomial(&mut g, dtype, p[0], s[0], p[1], s[1], p[2], s[2], n) };
        Ok(())
    })?;
    drop(it);
    Ok(out)
}

fn multinomial_body(x: &Tensor, num_samples: i64, replacement: bool, generator: Option<&Generator>) -> Result<Tensor> {
    ensure!(matches!(x.dim(), 1 | 2), Runtime, "prob_dist must be 1 or 2 dim");
    let dtype = x.dtype();
    ensure!(
        dtype.is_float(),
        Runtime,
        "multinomial only supports floating-point dtypes for input, got: {}",
        dtype.scalar_type_name()
    );
    ensure!(num_samples > 0, Runtime, "cannot sample n_sample <= 0 samples");
    let categories = x.shape().last().copied().unwrap_or(0);
    ensure!(
        replacement || num_samples as u64 <= categories as u64,
        Runtime,
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
    );
    ensure!(
        categories <= 1 << 24,
        Runtime,
        "number of categories cannot exceed 2^24"
    );
    let rows = if x.dim() == 2 { x.shape()[0] } else { 1 };
    let size: &[i64] = &[rows as i64, num_samples];
    let out = fresh(&size[2 - x.dim()..], Some(DType::I64), None)?;
    if out.numel() == 0 {
        return Ok(out);
    }
    if replacement {
        draw_categories(x, rows, categories, num_samples as usize, &out, generator)?;
        return Ok(out);
    }
    let picks = race(x, rows, categories, num_samples as usize, generator)?;
    access::access([(&out, Mode::Init)], |[p]| {
        // SAFETY: `out` is new and has as many elements as were picked.
        unsafe { std::ptr::copy_nonoverlapping(picks.as_ptr(), p.cast::<i64>(), picks.len()) };
        Ok(())
    })?;
    Ok(out)
}

fn multinomial_write(_: &[Value], out: &Tensor) -> Result<()> {
    ensure!(
        out.dtype() == DType::I64,
        Runtime,
        "multinomial expects Long tensor out, got: {}",
        out.dtype().scalar_type_name()
    );
    bail!(NotImplemented, "the indices are drawn first and copied")
}

fn draw_categories(
    x: &Tensor,
    rows: usize,
    categories: usize,
    samples: usize,
    out: &Tensor,
    generator: Option<&Generator>,
) -> Result<()> {
    let size = x.dtype().size() as isize;
    let stride = |d: usize| x.strides().get(d).map_or(0, |s| s * size);
    let (row_stride, step) = if x.dim() == 2 {
        (stride(0), stride(1))
    } else {
        (0, stride(0))
    };
    let g = or_default(generator);
    let mut g = g.lock();
    let drawn = access::access([(out, Mode::Init), (x, Mode::Read)], |[to, p]| {
        // SAFETY: the weights' own geometry; `out` has `rows * samples` contiguous integers.
        Ok(unsafe {
            categorical::with_replacement(
                &mut g,
                x.dtype(),
                p,
                row_stride,
                step,
                rows,
                categories,
                samples,
                to.cast::<i64>(),
            )
        })
    })?;
    use categorical::BadRow;
    match drawn {
        Ok(()) => Ok(()),
        Err(BadRow::Negative) => {
            bail!(
                Runtime,
                "invalid multinomial distribution (encountering probability entry < 0)"
            )
        }
        Err(BadRow::NotFinite) => {
            bail!(
                Runtime,
                "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
            )
        }
        Err(BadRow::ZeroSum) => bail!(Runtime, "invalid multinomial distribution (sum of probabilities <= 0)"),
        Err(BadRow::DType) => bail!(NotImplemented, "{}", unsupported("multinomial", x.dtype())),
    }
}

/// Draws without replacement: the indices of the largest `p / q`, `q` exponential, largest first.
///
/// With `q` exponential the arrival time `q / p` is that of a process with rate `p`, and the first `samples` arrivals are
/// a draw without replacement.
fn race(x: &Tensor, rows: usize, categories: usize, samples: usize, generator: Option<&Generator>) -> Result<Vec<i64>> {
    let dtype = x.dtype();
    let x = x.detach();
    let weights = super::copy::to_dtype(&x, DType::F64)?.to_vec::<f64>();
    ensure!(
        weights.iter().all(|p| (0.0..f64::INFINITY).contains(p)),
        Runtime,
        "probability tensor contains either `inf`, `nan` or element < 0"
    );
    ensure!(
        weights.chunks(categories).all(|row| row.iter().any(|p| *p > 0.0)),
        Runtime,
        "invalid multinomial distribution (sum of probabilities <= 0)"
    );
    let times = uninit_in(&x, dtype, MemoryFormat::Preserve)?;
    Draw::new(&times, generator).exponential(1.0)?;
    let times = super::copy::to_dtype(&times, DType::F64)?.to_vec::<f64>();
    let ratio = |i: usize| -> f64 {
        let (p, q) = (weights[i], times[i]);
        match dtype {
            DType::F64 => p / q,
            DType::F16 => half::f16::from_f32(p as f32 / q as f32).to_f64(),
            DType::BF16 => half::bf16::from_f32(p as f32 / q as f32).to_f64(),
            _ => (p as f32 / q as f32) as f64,
        }
    };
    let mut picks = Vec::with_capacity(rows * samples);
    for row in 0..rows {
        let mut order: Vec<(f64, usize)> = (0..categories).map(|j| (ratio(row * categories + j), j)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        picks.extend(order[..samples].iter().map(|(_, j)| *j as i64));
    }
    Ok(picks)
}

impl Tensor {
    /// Numbers uniform in `[0, 1)`, of the default dtype.
    ///
    /// ```
    /// use duoc_core::{Tensor, random};
    /// random::manual_seed(0);
    /// assert_eq!(Tensor::rand(&[2]).to_vec::<f32>(), [0.49625659, 0.76822180]);
    /// ```
    #[track_caller]
    pub fn rand(size: &[i64]) -> Tensor {
        rand(size, None, None, None, None, None).or_throw()
    }

    /// Numbers of the standard normal distribution, of the default dtype.
    ///
    /// ```
    /// use duoc_core::{Tensor, random};
    /// random::manual_seed(0);
    /// assert_eq!(Tensor::randn(&[2]).to_vec::<f32>(), [1.5409961, -0.2934289]);
    /// ```
    #[track_caller]
    pub fn randn(size: &[i64]) -> Tensor {
        randn(size, None, None, None, None, None).or_throw()
    }

    /// 64-bit integers uniform in `[low, high - 1]`.
    #[track_caller]
    pub fn randint(low: i64, high: i64, size: &[i64]) -> Tensor {
        randint_low(low, high, size, None, None, None, None, None).or_throw()
    }

    /// A random permutation of `0..n`.
    #[track_caller]
    pub fn randperm(n: i64) -> Tensor {
        randperm(n, None, None, None, None, None).or_throw()
    }

    /// Numbers uniform in `[0, 1)` with this tensor's shape and dtype.
    #[track_caller]
    pub fn rand_like(&self) -> Tensor {
        rand_like(self, None, None, None, None, None, None).or_throw()
    }

    /// Numbers of the standard normal distribution with this tensor's shape and dtype.
    #[track_caller]
    pub fn randn_like(&self) -> Tensor {
        randn_like(self, None, None, None, None, None, None).or_throw()
    }

    /// 1 with the probability of the element, else 0.
    #[track_caller]
    pub fn bernoulli(&self) -> Tensor {
        bernoulli(self, None).or_throw()
    }

    /// Indices drawn from each row of weights.
    #[track_caller]
    pub fn multinomial(&self, num_samples: i64, replacement: bool) -> Tensor {
        multinomial(self, num_samples, replacement, None).or_throw()
    }
}
