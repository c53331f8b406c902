//! Networks with one state: RNN and GRU.

use super::weights::{Settings, Weights};
use crate::sequence::PackedSequence;
use crate::{Base, Module, call};
use duoc_core::ops::rnn;
use duoc_core::{OrThrow, Result, Tensor, bail, ensure, ops};

/// The function of a plain recurrent network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RnnNonlinearity {
    /// `tanh`.
    #[default]
    Tanh,
    /// `max(x, 0)`.
    Relu,
}

/// A batch of one as a batch, and the state beside it.
pub(super) struct Batched {
    /// Three dimensions.
    pub input: Tensor,
    /// Whether the input came without a batch.
    pub single: bool,
    /// Sequences in the batch.
    pub size: usize,
    /// Where the batch dimension is.
    pub dim: i64,
}

/// Gives an input of two dimensions a batch.
pub(super) fn batched(x: &Tensor, s: &Settings, kind: &str) -> Result<Batched> {
    ensure!(
        matches!(x.dim(), 2 | 3),
        Value,
        "{kind}: Expected input to be 2D or 3D, got {}D instead",
        x.dim()
    );
    let (single, dim) = (x.dim() == 2, i64::from(!s.batch_first));
    let input = if single {
        ops::view::unsqueeze(x, dim)?
    } else {
        x.clone()
    };
    let size = input.shape()[dim as usize];
    Ok(Batched {
        input,
        single,
        size,
        dim,
    })
}

/// A given state with as many dimensions as the batch wants.
pub(super) fn state(h: &Tensor, single: bool) -> Result<Tensor> {
    let want = if single { 2 } else { 3 };
    ensure!(
        h.dim() == want,
        Runtime,
        "For {} {want}-D input, hx should also be {want}-D but got {}-D tensor",
        if single { "unbatched" } else { "batched" },
        h.dim()
    );
    if single {
        ops::view::unsqueeze(h, 1)
    } else {
        Ok(h.clone())
    }
}

macro_rules! networks {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $gates:literal
        { $($(#[$sdoc:meta])* $setting:ident: $sty:ty = $default:expr),* }
        |$l:ident, $a:ident| $run:expr, |$p:ident| $run_packed:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// The parameters of all layers and directions.
            pub weights: Weights,
            /// Sizes and options.
            #[module(skip)]
            pub settings: Settings,
            $($(#[$sdoc])* #[module(skip)] pub $setting: $sty,)*
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the network is to be.
            $Options for $Layer(input_size: usize, hidden_size: usize) {
                /// Layers, one on top of the other (1).
                num_layers: usize = 1,
                $($(#[$sdoc])* $setting: $sty = $default,)*
                /// Whether there are biases (the default).
                bias: bool = true,
                /// Whether the gates have one bias instead of PyTorch's two, of which only the sum matters.
                one_bias: bool = false,
                /// Whether the batch is the first dimension (it is the second).
                batch_first: bool = false,
                /// How likely an output of a layer that is not the last is zeroed in training (0).
                dropout: f64 = 0.0,
                /// Whether a second network reads the sequence from its end.
                bidirectional: bool = false,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                let settings = Settings {
                    input_size: o.input_size,
                    hidden_size: o.hidden_size,
                    num_layers: o.num_layers,
                    bias: o.bias,
                    one_bias: o.one_bias && o.bias,
                    batch_first: o.batch_first,
                    dropout: o.dropout,
                    bidirectional: o.bidirectional,
                    proj_size: 0,
                };
                Ok($Layer {
                    weights: settings.weights($gates, o.factory)?,
                    settings,
                    $($setting: o.$setting,)*
                    base: Base::new(),
                })
            }

            /// Draws the parameters anew.
            pub fn reset_parameters(&self) -> Result<()> {
                self.weights.draw(self.settings.hidden_size)
            }

            /// The outputs of the last layer at every step, and the last state of every layer and direction,
            /// `(layers · directions, N, hidden_size)`. The network starts at `hx`, or at zeros; throws.
            #[track_caller]
            pub fn forward(&self, input: &Tensor, hx: Option<&Tensor>) -> (Tensor, Tensor) {
                self.try_forward(input, hx).or_throw()
            }

            /// The outputs at every step and the last states.
            ///
            /// # Errors
            /// `ValueError` or `RuntimeError` for an input or a state of another shape or dtype.
            pub fn try_forward(&self, input: &Tensor, hx: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
                let given: Vec<&Tensor> = std::iter::once(input).chain(hx).collect();
                call(self, &given, |t| self.run(t[0], t.get(1).copied()))
            }

            fn run(&self, input: &Tensor, hx: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
                let s = &self.settings;
                let b = batched(input, s, self.kind())?;
                let h = match hx {
                    Some(h) => state(h, b.single)?,
                    None => s.zeros(&b.input, b.size, s.hidden_size)?,
                };
                s.check_input(&b.input, 3, &self.weights)?;
                s.check_state(&h, b.size, s.hidden_size, "hidden")?;
                let ($l, $a) = (self, (&b.input, &h, self.weights.flat(s)?, self.base.training()));
                let (out, h) = $run?;
                Ok(match b.single {
                    true => (ops::view::squeeze_dim(&out, b.dim)?, ops::view::squeeze_dim(&h, 1)?),
                    false => (out, h),
                })
            }

            /// As [`forward`](Self::forward) over sequences of several lengths; throws.
            #[track_caller]
            pub fn forward_packed(&self, input: &PackedSequence, hx: Option<&Tensor>) -> (PackedSequence, Tensor) {
                self.try_forward_packed(input, hx).or_throw()
            }

            /// As [`try_forward`](Self::try_forward) over sequences of several lengths.
            pub fn try_forward_packed(&self, input: &PackedSequence, hx: Option<&Tensor>) -> Result<(PackedSequence, Tensor)> {
                let given: Vec<&Tensor> = [&input.data, &input.batch_sizes].into_iter().chain(hx).collect();
                let (data, h) = call(self, &given, |t| {
                    let (s, batch) = (&self.settings, input.batch_size()?);
                    let h = match t.get(2) {
                        Some(h) => input.sorted(&state(h, false)?)?,
                        None => s.zeros(t[0], batch, s.hidden_size)?,
                    };
                    s.check_input(t[0], 2, &self.weights)?;
                    s.check_state(&h, batch, s.hidden_size, "hidden")?;
                    let ($l, $p) = (self, (t[0], t[1], &h, self.weights.flat(s)?, self.base.training()));
                    let (data, h) = $run_packed?;
                    Ok((data, input.unsorted(&h)?))
                })?;
                Ok((input.with_data(data), h))
            }

            fn extra_repr(&self) -> String {
                self.settings.text()
            }
        }
    )* };
}

networks! {
    /// A plain recurrent network (J. Elman, 1990): `h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)`, or with `relu`.
    ///
    /// * **Shapes**: `x: (L, N, input_size)`, `(N, L, input_size)` with `batch_first`, or `(L, input_size)`; outputs
    ///   `(L, N, directions · hidden_size)`, last states `(layers · directions, N, hidden_size)`.
    /// * **Parameters**: per layer and direction `hidden · in + hidden² + 2 · hidden`; `in` is `input_size` in the first
    ///   layer and `directions · hidden` in the others; with `one_bias` there is one bias.
    /// * **How it works**: the same weights at every step; the state carries what was seen. Gradients go back through time.
    /// * **Initial values**: uniform in `±1/√hidden_size`. **When to use it**: short sequences, as a lesson.
    /// * **Limits**: gradients vanish or explode over long sequences; [`LSTM`](crate::LSTM) and [`GRU`] remember longer.
    ///   The steps cannot be computed side by side. **Where used**: the first neural language models.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{Module, RNN};
    /// let rnn = RNN::options(10, 20).num_layers(2).build();
    /// let (out, h) = rnn.forward(&Tensor::zeros(&[5, 3, 10]), None);
    /// assert_eq!((out.shape(), h.shape()), (&[5, 3, 20][..], &[2, 3, 20][..]));
    /// assert_eq!(rnn.num_parameters(), 20 * 10 + 20 * 20 + 40 + 2 * 20 * 20 + 40);
    /// ```
    RNN RNNOptions 1
    {
        /// The function (tanh).
        nonlinearity: RnnNonlinearity = RnnNonlinearity::Tanh
    }
    |l, a| {
        let (x, h, w, train) = a;
        let s = &l.settings;
        let f = match l.nonlinearity {
            RnnNonlinearity::Tanh => rnn::rnn_tanh,
            RnnNonlinearity::Relu => rnn::rnn_relu,
        };
        f(x, h, &w, s.bias, s.num_layers as i64, s.dropout, train, s.bidirectional, s.batch_first)
    },
    |p| {
        let (x, sizes, h, w, train) = p;
        let s = &l.settings;
        let f = match l.nonlinearity {
            RnnNonlinearity::Tanh => rnn::rnn_tanh_packed,
            RnnNonlinearity::Relu => rnn::rnn_relu_packed,
        };
        f(x, sizes, h, &w, s.bias, s.num_layers as i64, s.dropout, train, s.bidirectional)
    };

    /// A network of gated recurrent units (K. Cho et al., 2014): `r = σ(W_ir x + b_ir + W_hr h + b_hr)`,
    /// `z = σ(W_iz x + b_iz + W_hz h + b_hz)`, `n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))`, `h' = (1 - z) ⊙ n + z ⊙ h`.
    ///
    /// * **Shapes**: as [`RNN`]. **Parameters**: per layer and direction `3 · (hidden · in + hidden² + 2 · hidden)`; the rows
    ///   of the weights are the gates r, z, n.
    /// * **How it works**: `z` says how much of the state stays, `r` how much of it the candidate `n` sees.
    /// * **Initial values**: uniform in `±1/√hidden_size`. **When to use it**: as an [`LSTM`](crate::LSTM) with a quarter fewer
    ///   parameters. **Limits**: the steps follow one another; transformers read all at once.
    /// * **Where used**: translation before transformers, speech, sensors.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{GRU, Module};
    /// let gru = GRU::options(10, 20).bidirectional(true).batch_first(true).build();
    /// let (out, h) = gru.forward(&Tensor::zeros(&[3, 5, 10]), None);
    /// assert_eq!((out.shape(), h.shape()), (&[3, 5, 40][..], &[2, 3, 20][..]));
    /// assert_eq!(gru.num_parameters(), 2 * 3 * (20 * 10 + 20 * 20 + 40));
    /// ```
    GRU GRUOptions 3 {}
    |l, a| {
        let (x, h, w, train) = a;
        let s = &l.settings;
        rnn::gru(x, h, &w, s.bias, s.num_layers as i64, s.dropout, train, s.bidirectional, s.batch_first)
    },
    |p| {
        let (x, sizes, h, w, train) = p;
        let s = &l.settings;
        rnn::gru_packed(x, sizes, h, &w, s.bias, s.num_layers as i64, s.dropout, train, s.bidirectional)
    };
}

impl std::str::FromStr for RnnNonlinearity {
    type Err = duoc_core::Error;

    fn from_str(word: &str) -> Result<RnnNonlinearity> {
        match word {
            "tanh" => Ok(RnnNonlinearity::Tanh),
            "relu" => Ok(RnnNonlinearity::Relu),
            _ => bail!(Value, "Unknown nonlinearity '{word}'. Select from 'tanh' or 'relu'."),
        }
    }
}
