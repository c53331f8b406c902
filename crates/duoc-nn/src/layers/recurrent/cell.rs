//! One step of a recurrent network.

use super::network::RnnNonlinearity;
use super::weights::uniform;
use crate::{Base, Factory, Module, Param, call, python_bool};
use duoc_core::ops::{self, rnn_cell};
use duoc_core::{OrThrow, Result, Tensor, ensure};

/// The parameters of a cell.
fn parameters(
    factory: Factory,
    gates: usize,
    sizes: (usize, usize),
    biases: (bool, bool),
) -> Result<(Param, Param, Option<Param>, Option<Param>)> {
    let rows = gates * sizes.1;
    let all = (
        factory.param(&[rows, sizes.0])?,
        factory.param(&[rows, sizes.1])?,
        biases.0.then(|| factory.param(&[rows])).transpose()?,
        biases.1.then(|| factory.param(&[rows])).transpose()?,
    );
    uniform([&all.0, &all.1].into_iter().chain(&all.2).chain(&all.3), sizes.1)?;
    Ok(all)
}

/// Refuses what is neither a sample nor a batch of them.
fn check(t: &Tensor, what: &str, kind: &str) -> Result<()> {
    ensure!(
        matches!(t.dim(), 1 | 2),
        Value,
        "{kind}: Expected {what} to be 1D or 2D, got {}D instead",
        t.dim()
    );
    Ok(())
}

/// A sample as a batch of one.
fn batch(t: &Tensor, single: bool) -> Result<Tensor> {
    if single {
        ops::view::unsqueeze(t, 0)
    } else {
        Ok(t.clone())
    }
}

fn unbatch(t: Tensor, single: bool) -> Result<Tensor> {
    if single { ops::view::squeeze_dim(&t, 0) } else { Ok(t) }
}

macro_rules! cells {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $gates:literal
        { $($(#[$sdoc:meta])* $setting:ident: $sty:ty = $default:expr),* } |$l:ident| $more:expr)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// `(gates · hidden_size, input_size)`.
            pub weight_ih: Param,
            /// `(gates · hidden_size, hidden_size)`.
            pub weight_hh: Param,
            /// `(gates · hidden_size)`.
            pub bias_ih: Option<Param>,
            /// `(gates · hidden_size)`; not there with `one_bias`.
            pub bias_hh: Option<Param>,
            /// Features of the input.
            pub input_size: usize,
            /// Features of the state.
            pub hidden_size: usize,
            $($(#[$sdoc])* #[module(skip)] pub $setting: $sty,)*
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the cell is to be.
            $Options for $Layer(input_size: usize, hidden_size: usize) {
                /// Whether there are biases (the default).
                bias: bool = true,
                $($(#[$sdoc])* $setting: $sty = $default,)*
                /// Whether the gates have one bias instead of PyTorch's two, of which only the sum matters.
                one_bias: bool = false,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                let sizes = (o.input_size, o.hidden_size);
                let (weight_ih, weight_hh, bias_ih, bias_hh) =
                    parameters(o.factory, $gates, sizes, (o.bias, o.bias && !o.one_bias))?;
                Ok($Layer {
                    weight_ih,
                    weight_hh,
                    bias_ih,
                    bias_hh,
                    input_size: o.input_size,
                    hidden_size: o.hidden_size,
                    $($setting: o.$setting,)*
                    base: Base::new(),
                })
            }

            /// Draws the parameters anew.
            pub fn reset_parameters(&self) -> Result<()> {
                uniform(self.parameters().iter(), self.hidden_size)
            }

            /// Both biases, or one and zeros.
            fn biases(&self) -> Result<(Option<Tensor>, Option<Tensor>)> {
                let first = self.bias_ih.as_ref().map(|p| p.tensor().clone());
                let second = match (&self.bias_hh, &first) {
                    (Some(p), _) => Some(p.tensor().clone()),
                    (None, Some(b)) => Some(ops::factory::zeros_like(&b.detach())?),
                    (None, None) => None,
                };
                Ok((first, second))
            }

            fn zeros(&self, x: &Tensor) -> Result<Tensor> {
                let shape = [x.shape()[0] as i64, self.hidden_size as i64];
                ops::factory::zeros(&shape, Some(x.dtype()), None, Some(x.device()), None)
            }

            fn extra_repr(&self) -> String {
                let mut text = format!("{}, {}", self.input_size, self.hidden_size);
                match (&self.bias_ih, &self.bias_hh) {
                    (None, _) => text += &format!(", bias={}", python_bool(false)),
                    (Some(_), None) => text += ", one_bias=True",
                    _ => {}
                }
                let $l = self;
                text + $more
            }
        }
    )* };
}

cells! {
    /// One step of an [`RNN`](crate::RNN): `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`, or with `relu`. **Shapes**:
    /// `x: (N, input_size)` or `(input_size)`, `h: (N, hidden_size)`. **Parameters**: `hidden · in + hidden² + 2 · hidden`.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::RNNCell;
    /// let cell = RNNCell::new(10, 20);
    /// assert_eq!(cell.forward(&Tensor::zeros(&[3, 10]), None).shape(), [3, 20]);
    /// ```
    RNNCell RNNCellOptions 1
    {
        /// The function (tanh).
        nonlinearity: RnnNonlinearity = RnnNonlinearity::Tanh
    }
    |l| match l.nonlinearity {
        RnnNonlinearity::Tanh => "",
        RnnNonlinearity::Relu => ", nonlinearity=relu",
    }

    /// One step of an [`LSTM`](crate::LSTM). **Shapes**: `x: (N, input_size)` or `(input_size)`, `h` and `c`:
    /// `(N, hidden_size)`. **Parameters**: `4 · (hidden · in + hidden² + 2 · hidden)`.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::LSTMCell;
    /// let (h, c) = LSTMCell::new(10, 20).forward(&Tensor::zeros(&[3, 10]), None);
    /// assert_eq!((h.shape(), c.shape()), (&[3, 20][..], &[3, 20][..]));
    /// ```
    LSTMCell LSTMCellOptions 4 {} |_l| ""

    /// One step of a [`GRU`](crate::GRU). **Shapes**: `x: (N, input_size)` or `(input_size)`, `h: (N, hidden_size)`.
    /// **Parameters**: `3 · (hidden · in + hidden² + 2 · hidden)`.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::GRUCell;
    /// assert_eq!(GRUCell::new(10, 20).forward(&Tensor::zeros(&[10]), None).shape(), [20]);
    /// ```
    GRUCell GRUCellOptions 3 {} |_l| ""
}

macro_rules! one_state {
    ($Layer:ident |$l:ident| $op:expr) => {
        impl $Layer {
            /// The next state, from `hx` or from zeros; throws.
            #[track_caller]
            pub fn forward(&self, input: &Tensor, hx: Option<&Tensor>) -> Tensor {
                self.try_forward(input, hx).or_throw()
            }

            /// The next state.
            ///
            /// # Errors
            /// `ValueError` or `RuntimeError` for an input or a state of another shape.
            pub fn try_forward(&self, input: &Tensor, hx: Option<&Tensor>) -> Result<Tensor> {
                let given: Vec<&Tensor> = std::iter::once(input).chain(hx).collect();
                call(self, &given, |t| {
                    check(t[0], "input", self.kind())?;
                    if let Some(h) = t.get(1) {
                        check(h, "hidden", self.kind())?;
                    }
                    let single = t[0].dim() == 1;
                    let x = batch(t[0], single)?;
                    let h = match t.get(1) {
                        Some(h) => batch(h, single)?,
                        None => self.zeros(&x)?,
                    };
                    let (b1, b2) = self.biases()?;
                    let $l = self;
                    let next = ($op)(&x, &h, &self.weight_ih, &self.weight_hh, b1.as_ref(), b2.as_ref())?;
                    unbatch(next, single)
                })
            }
        }
    };
}

one_state! { RNNCell |l| match l.nonlinearity {
    RnnNonlinearity::Tanh => rnn_cell::rnn_tanh_cell,
    RnnNonlinearity::Relu => rnn_cell::rnn_relu_cell,
} }
one_state! { GRUCell |_l| rnn_cell::gru_cell }

impl LSTMCell {
    /// The next states `(h, c)`, from `hx` or from zeros; throws.
    #[track_caller]
    pub fn forward(&self, input: &Tensor, hx: Option<(&Tensor, &Tensor)>) -> (Tensor, Tensor) {
        self.try_forward(input, hx).or_throw()
    }

    /// The next states.
    ///
    /// # Errors
    /// `ValueError` or `RuntimeError` for an input or a state of another shape.
    pub fn try_forward(&self, input: &Tensor, hx: Option<(&Tensor, &Tensor)>) -> Result<(Tensor, Tensor)> {
        let given: Vec<&Tensor> = std::iter::once(input)
            .chain(hx.into_iter().flat_map(|(h, c)| [h, c]))
            .collect();
        call(self, &given, |t| {
            check(t[0], "input", "LSTMCell")?;
            for (i, h) in t[1..].iter().enumerate() {
                check(h, &format!("hx[{i}]"), "LSTMCell")?;
            }
            let single = t[0].dim() == 1;
            let x = batch(t[0], single)?;
            let start = match t.get(1).zip(t.get(2)) {
                Some((h, c)) => [batch(h, single)?, batch(c, single)?],
                None => [self.zeros(&x)?, self.zeros(&x)?],
            };
            let (b1, b2) = self.biases()?;
            let (h, c) = rnn_cell::lstm_cell(&x, &start, &self.weight_ih, &self.weight_hh, b1.as_ref(), b2.as_ref())?;
            Ok((unbatch(h, single)?, unbatch(c, single)?))
        })
    }
}
