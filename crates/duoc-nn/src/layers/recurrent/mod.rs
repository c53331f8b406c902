//! Recurrent networks and their cells.

mod cell;
mod gated;
mod network;
mod weights;

pub use cell::{GRUCell, GRUCellOptions, LSTMCell, LSTMCellOptions, RNNCell, RNNCellOptions};
pub use gated::{LSTM, LSTMOptions};
pub use network::{GRU, GRUOptions, RNN, RNNOptions, RnnNonlinearity};
pub use weights::{Settings as RecurrentSettings, Weights as RecurrentWeights};
