//! Positions: what tells attention the order of a sequence.

use crate::{Base, Buffer, Dropout, Factory, Layer, Module, Param, call, init};
use duoc_core::{DType, OrThrow, Result, Tensor, catch, ensure, ops};

/// Refuses sequences that are longer than the table; gives their length.
fn length(x: &Tensor, at: usize, most: usize, features: usize) -> Result<i64> {
    ensure!(
        matches!(x.dim(), 2 | 3) && x.shape().last() == Some(&features),
        Runtime,
        "positions are added to sequences of {features} features, (places, {features}) or with a batch, but got {:?}",
        x.shape()
    );
    let n = x.shape()[if x.dim() == 2 { 0 } else { at }];
    ensure!(
        n <= most,
        Index,
        "the sequence has {n} places, the table of positions {most}: {:?}",
        x.shape()
    );
    Ok(n as i64)
}

/// `x + table[:places]`.
fn added(x: &Tensor, table: &Tensor, at: usize, n: i64) -> Result<Tensor> {
    let rows = ops::view::narrow(table, 0, 0, n)?;
    let rows = if x.dim() == 3 && at == 0 {
        ops::view::unsqueeze(&rows, 1)?
    } else {
        rows
    };
    catch(|| x + &rows)
}

/// Fixed positions made of waves (A. Vaswani et al., 2017): `pe[p, 2i] = sin(p / 10000^(2i/d))`, `pe[p, 2i+1] = cos(..)` are added
/// to the input.
///
/// * **Shapes**: `(L, N, d)`, `(N, L, d)` with `batch_first`, or `(L, d)`; the same out. **Parameters**: none; the table is a
///   buffer `pe: (max_len, d)`.
/// * **How it works**: slow and fast waves spell the place like the hands of a clock; a shift is a rotation of each pair, so
///   distances are easy to see. **When to use it**: before a transformer. **Limits**: sequences up to `max_len`.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, SinusoidalPositions};
/// let positions = SinusoidalPositions::options(100, 4).batch_first(true).build();
/// let y = positions.forward(&Tensor::zeros(&[1, 3, 4]));
/// assert_eq!(y.select(1, 0).to_vec::<f32>(), [0.0, 1.0, 0.0, 1.0]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct SinusoidalPositions {
    /// The table, `(max_len, d_model)`.
    pub pe: Buffer,
    /// Behind the sum.
    pub dropout: Dropout,
    /// Whether the batch is the first dimension.
    pub batch_first: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What [`SinusoidalPositions`] are to be.
    SinusoidalPositionsOptions for SinusoidalPositions(max_len: usize, d_model: usize) {
        /// How likely elements of the sum are zeroed in training (0).
        dropout: f64 = 0.0,
        /// Whether the batch is the first dimension (it is the second).
        batch_first: bool = false,
    }
}

/// `angles[p, i] = p / base^(2i/d)` for `d / 2` (rounded up) pairs, in float64.
fn angles(places: i64, d: usize, base: f64, start: i64) -> Result<Tensor> {
    catch(|| {
        let f64s = Tensor::options().dtype(DType::F64);
        let speeds = (f64s.arange(0i64, d.div_ceil(2) as i64) * (-2.0 * base.ln() / d as f64)).exp();
        f64s.arange(start, start + places).outer(&speeds)
    })
}

fn waves(places: i64, d: usize, factory: Factory) -> Result<Tensor> {
    let dtype = factory.dtype.unwrap_or_else(duoc_core::default_dtype);
    let a = angles(places, d, 10000.0, 0)?;
    catch(|| {
        let pairs = Tensor::stack(&[a.sin(), a.cos()], -1).reshape(&[places, 2 * d.div_ceil(2) as i64]);
        pairs.narrow(1, 0, d as i64).to_dtype(dtype).contiguous()
    })
}

impl SinusoidalPositions {
    fn from_options(o: SinusoidalPositionsOptions) -> Result<SinusoidalPositions> {
        ensure!(o.d_model > 0, Value, "d_model must be greater than zero");
        Ok(SinusoidalPositions {
            pe: Buffer::new(waves(o.max_len as i64, o.d_model, o.factory)?),
            dropout: Dropout::options().p(o.dropout).try_build()?,
            batch_first: o.batch_first,
            base: Base::new(),
        })
    }
}

impl Layer for SinusoidalPositions {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let at = usize::from(self.batch_first);
        let n = length(x, at, self.pe.shape()[0], self.pe.shape()[1])?;
        self.dropout.try_forward(&added(x, &self.pe, at, n)?)
    }
}

/// Learned positions: a row of parameters for each place is added to the input.
///
/// * **Shapes**: as [`SinusoidalPositions`]. **Parameters**: `max_len · d_model`. **Initial values**: normal, as those of an
///   [`Embedding`](crate::Embedding). **When to use it**: where sequences have a known largest length. **Limits**: places that
///   training never saw mean nothing. **Where used**: BERT, GPT-2, ViT.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, LearnedPositions, Module};
/// let positions = LearnedPositions::new(100, 4);
/// assert_eq!(positions.forward(&Tensor::zeros(&[7, 2, 4])).shape(), [7, 2, 4]);
/// assert_eq!(positions.num_parameters(), 100 * 4);
/// ```
#[derive(Clone, Debug, Module)]
pub struct LearnedPositions {
    /// `(max_len, d_model)`.
    pub weight: Param,
    /// Whether the batch is the first dimension.
    pub batch_first: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What [`LearnedPositions`] are to be.
    LearnedPositionsOptions for LearnedPositions(max_len: usize, d_model: usize) {
        /// Whether the batch is the first dimension (it is the second).
        batch_first: bool = false,
    }
}

impl LearnedPositions {
    fn from_options(o: LearnedPositionsOptions) -> Result<LearnedPositions> {
        let weight = o.factory.param(&[o.max_len, o.d_model])?;
        init::normal_(&weight, 0.0, 1.0)?;
        Ok(LearnedPositions {
            weight,
            batch_first: o.batch_first,
            base: Base::new(),
        })
    }
}

impl Layer for LearnedPositions {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let at = usize::from(self.batch_first);
        let n = length(x, at, self.weight.shape()[0], self.weight.shape()[1])?;
        added(x, &self.weight, at, n)
    }
}

/// Rotary positions (J. Su et al., 2021): pairs of features of queries and keys are turned by angles that grow with the place,
/// `p / base^(2i/d)`; the scores of attention then depend on distances alone.
///
/// * **Shapes**: `(.., L, d)`, `d` even; the same out. **Parameters**: none.
/// * **How it works**: feature i is paired with feature i + d/2 (as in LLaMA's published weights), or with its neighbour where
///   `interleaved`. **When to use it**: on queries and keys of each head, before attention. **Where used**: LLaMA, GPT-NeoX.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, RotaryPositions};
/// let rotary = RotaryPositions::new(8);
/// let (q, k) = (Tensor::randn(&[8]), Tensor::randn(&[8]));
/// // The product of a turned query and a turned key depends on their distance alone.
/// let score = |i: i64, j: i64| {
///     let turned = |t: &Tensor, at| rotary.rotate(&t.view(&[1, 8]), at).view(&[8]);
///     turned(&q, i).dot(&turned(&k, j)).item().to_f64()
/// };
/// assert!((score(3, 1) - score(12, 10)).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, Module)]
pub struct RotaryPositions {
    /// Features of a head.
    pub dim: usize,
    /// The slowest pair turns once in `2π base` places.
    pub theta: f64,
    /// Whether neighbours are paired.
    pub interleaved: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What [`RotaryPositions`] are to be.
    RotaryPositionsOptions for RotaryPositions(dim: usize) {
        /// The slowest pair turns once in `2π theta` places (10000).
        theta: f64 = 10000.0,
        /// Whether neighbours are paired (feature i is paired with i + d/2).
        interleaved: bool = false,
    }
}

impl RotaryPositions {
    fn from_options(o: RotaryPositionsOptions) -> Result<RotaryPositions> {
        ensure!(
            o.dim > 0 && o.dim.is_multiple_of(2),
            Value,
            "rotary positions need an even number of features, got {}",
            o.dim
        );
        Ok(RotaryPositions {
            dim: o.dim,
            theta: o.theta,
            interleaved: o.interleaved,
            base: Base::new(),
        })
    }

    /// As `forward` for a sequence whose first place is `start`; throws.
    #[track_caller]
    pub fn rotate(&self, x: &Tensor, start: i64) -> Tensor {
        self.try_rotate(x, start).or_throw()
    }

    /// As `forward` for a sequence whose first place is `start`.
    pub fn try_rotate(&self, x: &Tensor, start: i64) -> Result<Tensor> {
        call(self, &[x], |t| self.turned(t[0], start))
    }

    fn turned(&self, x: &Tensor, start: i64) -> Result<Tensor> {
        ensure!(
            x.dim() >= 2 && x.shape()[x.dim() - 1] == self.dim,
            Runtime,
            "rotary positions turn (.., places, {}), but got {:?}",
            self.dim,
            x.shape()
        );
        let a = angles(x.shape()[x.dim() - 2] as i64, self.dim, self.theta, start)?;
        catch(|| {
            let (cos, sin) = (a.cos().to_dtype(x.dtype()), a.sin().to_dtype(x.dtype()));
            let (first, second) = if self.interleaved {
                let pairs = x.unflatten(-1, &[-1, 2]);
                (pairs.select(-1, 0), pairs.select(-1, 1))
            } else {
                let half = (self.dim / 2) as i64;
                (x.narrow(-1, 0, half), x.narrow(-1, half, half))
            };
            let (u, v) = (&first * &cos - &second * &sin, &second * &cos + &first * &sin);
            if self.interleaved {
                Tensor::stack(&[u, v], -1).flatten(-2, -1)
            } else {
                Tensor::cat(&[u, v], -1)
            }
        })
    }
}

impl Layer for RotaryPositions {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        self.turned(x, 0)
    }
}
