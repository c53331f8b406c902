//! The network with two states: LSTM.

use super::network::{batched, state};
use super::weights::{Settings, Weights};
use crate::sequence::PackedSequence;
use crate::{Base, Module, call};
use duoc_core::ops::rnn;
use duoc_core::{OrThrow, Result, Tensor, ops};

/// A network of long short-term memory (S. Hochreiter, J. Schmidhuber, 1997): `i = σ(W_ii x + b_ii + W_hi h + b_hi)`, `f` and
/// `o` likewise, `g = tanh(W_ig x + b_ig + W_hg h + b_hg)`, `c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`; with `proj_size`,
/// `h' = W_hr (o ⊙ tanh(c'))`.
///
/// * **Shapes**: `x: (L, N, input_size)`, `(N, L, input_size)` with `batch_first`, or `(L, input_size)`; outputs
///   `(L, N, directions · H)` with `H = proj_size` or `hidden_size`; last states `h: (layers · directions, N, H)` and
///   `c: (layers · directions, N, hidden_size)`.
/// * **Parameters**: per layer and direction `4 · (hidden · in + hidden · H + 2 · hidden)`, and `proj_size · hidden` for the
///   projection; with `one_bias`, `4 · (hidden · in + hidden · H + hidden)`. The rows of the weights are the gates i, f, g, o.
/// * **How it works**: the cell `c` is changed by sums, so that gradients live through many steps; the gates say what is
///   forgotten, written and shown.
/// * **Initial values**: uniform in `±1/√hidden_size`. **When to use it**: sequences of up to hundreds of steps; streams.
/// * **Limits**: the steps follow one another; what lies far back fades; transformers read all at once.
/// * **Where used**: language models and translation before transformers, speech, handwriting, time series.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{LSTM, Module};
/// let lstm = LSTM::options(10, 20).num_layers(2).build();
/// let (out, (h, c)) = lstm.forward(&Tensor::zeros(&[5, 3, 10]), None);
/// assert_eq!((out.shape(), h.shape(), c.shape()), (&[5, 3, 20][..], &[2, 3, 20][..], &[2, 3, 20][..]));
/// assert_eq!(LSTM::new(10, 20).num_parameters(), 4 * (20 * 10 + 20 * 20 + 2 * 20));
/// assert_eq!(LSTM::options(10, 20).one_bias(true).build().num_parameters(), 4 * (20 * 10 + 20 * 20 + 20));
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct LSTM {
    /// The parameters of all layers and directions.
    pub weights: Weights,
    /// Sizes and options.
    #[module(skip)]
    pub settings: Settings,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What the network is to be.
    LSTMOptions for LSTM(input_size: usize, hidden_size: usize) {
        /// Layers, one on top of the other (1).
        num_layers: usize = 1,
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
        /// Features that the state is projected to (0: none).
        proj_size: usize = 0,
    }
}

impl LSTM {
    fn from_options(o: LSTMOptions) -> Result<LSTM> {
        let settings = Settings {
            input_size: o.input_size,
            hidden_size: o.hidden_size,
            num_layers: o.num_layers,
            bias: o.bias,
            one_bias: o.one_bias && o.bias,
            batch_first: o.batch_first,
            dropout: o.dropout,
            bidirectional: o.bidirectional,
            proj_size: o.proj_size,
        };
        Ok(LSTM {
            weights: settings.weights(4, o.factory)?,
            settings,
            base: Base::new(),
        })
    }

    /// Draws the parameters anew.
    pub fn reset_parameters(&self) -> Result<()> {
        self.weights.draw(self.settings.hidden_size)
    }

    /// The outputs of the last layer at every step, and the last states `(h, c)` of every layer and direction. The network
    /// starts at `hx = (h, c)`, or at zeros; throws.
    #[track_caller]
    pub fn forward(&self, input: &Tensor, hx: Option<(&Tensor, &Tensor)>) -> (Tensor, (Tensor, Tensor)) {
        self.try_forward(input, hx).or_throw()
    }

    /// The outputs at every step and the last states.
    ///
    /// # Errors
    /// `ValueError` or `RuntimeError` for an input or a state of another shape or dtype.
    pub fn try_forward(&self, input: &Tensor, hx: Option<(&Tensor, &Tensor)>) -> Result<(Tensor, (Tensor, Tensor))> {
        let given: Vec<&Tensor> = std::iter::once(input)
            .chain(hx.into_iter().flat_map(|(h, c)| [h, c]))
            .collect();
        let (out, h, c) = call(self, &given, |t| {
            self.run(t[0], t.get(1).copied().zip(t.get(2).copied()))
        })?;
        Ok((out, (h, c)))
    }

    fn run(&self, input: &Tensor, hx: Option<(&Tensor, &Tensor)>) -> Result<(Tensor, Tensor, Tensor)> {
        let s = &self.settings;
        let b = batched(input, s, "LSTM")?;
        let start = match hx {
            Some((h, c)) => [state(h, b.single)?, state(c, b.single)?],
            None => self.start(&b.input, b.size)?,
        };
        s.check_input(&b.input, 3, &self.weights)?;
        self.check_states(&start, b.size)?;
        let (layers, w, train) = (s.num_layers as i64, self.weights.flat(s)?, self.base.training());
        let (out, h, c) = rnn::lstm(
            &b.input,
            &start,
            &w,
            s.bias,
            layers,
            s.dropout,
            train,
            s.bidirectional,
            s.batch_first,
        )?;
        Ok(match b.single {
            true => {
                let squeeze = ops::view::squeeze_dim;
                (squeeze(&out, b.dim)?, squeeze(&h, 1)?, squeeze(&c, 1)?)
            }
            false => (out, h, c),
        })
    }

    fn start(&self, like: &Tensor, batch: usize) -> Result<[Tensor; 2]> {
        let s = &self.settings;
        Ok([
            s.zeros(like, batch, s.real_hidden())?,
            s.zeros(like, batch, s.hidden_size)?,
        ])
    }

    fn check_states(&self, [h, c]: &[Tensor; 2], batch: usize) -> Result<()> {
        let s = &self.settings;
        s.check_state(h, batch, s.real_hidden(), "hidden[0]")?;
        s.check_state(c, batch, s.hidden_size, "hidden[1]")
    }

    /// As [`forward`](Self::forward) over sequences of several lengths; throws.
    #[track_caller]
    pub fn forward_packed(
        &self,
        input: &PackedSequence,
        hx: Option<(&Tensor, &Tensor)>,
    ) -> (PackedSequence, (Tensor, Tensor)) {
        self.try_forward_packed(input, hx).or_throw()
    }

    /// As [`try_forward`](Self::try_forward) over sequences of several lengths.
    pub fn try_forward_packed(
        &self,
        input: &PackedSequence,
        hx: Option<(&Tensor, &Tensor)>,
    ) -> Result<(PackedSequence, (Tensor, Tensor))> {
        let states = hx.into_iter().flat_map(|(h, c)| [h, c]);
        let given: Vec<&Tensor> = [&input.data, &input.batch_sizes].into_iter().chain(states).collect();
        let (data, h, c) = call(self, &given, |t| {
            let (s, batch) = (&self.settings, input.batch_size()?);
            let start = match t.get(2).zip(t.get(3)) {
                Some((h, c)) => [input.sorted(&state(h, false)?)?, input.sorted(&state(c, false)?)?],
                None => self.start(t[0], batch)?,
            };
            s.check_input(t[0], 2, &self.weights)?;
            self.check_states(&start, batch)?;
            let (layers, w, train) = (s.num_layers as i64, self.weights.flat(s)?, self.base.training());
            let (data, h, c) = rnn::lstm_packed(
                t[0],
                t[1],
                &start,
                &w,
                s.bias,
                layers,
                s.dropout,
                train,
                s.bidirectional,
            )?;
            Ok((data, input.unsorted(&h)?, input.unsorted(&c)?))
        })?;
        Ok((input.with_data(data), (h, c)))
    }

    fn extra_repr(&self) -> String {
        self.settings.text()
    }
}
