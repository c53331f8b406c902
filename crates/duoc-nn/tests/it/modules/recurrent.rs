//! Recurrent networks, their cells, and packed sequences.

use super::Row;
use super::arguments::{Args, Inputs, other};
use duoc_core::{Tensor, catch};
use duoc_nn::sequence::{pack_padded_sequence, pack_sequence, pad_packed_sequence, unpack_sequence};
use duoc_nn::*;

/// Options that all networks have, `shift` places further for those with one more in between.
macro_rules! network {
    ($Layer:ident, $a:ident) => {
        $Layer::options($a.usize(0, "input_size"), $a.usize(1, "hidden_size"))
            .num_layers($a.usize_or(2, "num_layers", 1))
            .bias($a.bool_or(3, "bias", true))
            .batch_first($a.bool_or(4, "batch_first", false))
            .dropout($a.f64_or(5, "dropout", 0.0))
            .bidirectional($a.bool_or(6, "bidirectional", false))
    };
}

fn two(x: &Inputs) -> Option<(Tensor, Tensor)> {
    let mut all = x.opt_tensors(1, "hx")?.into_iter();
    all.next().zip(all.next())
}

fn nonlinearity(a: &Args) -> RnnNonlinearity {
    a.str_or(9, "nonlinearity", "tanh").parse().expect("a function")
}

macro_rules! one_state {
    ($made:expr) => {
        other($made.try_build()?, |m, x| {
            let (out, h) = m.try_forward(x.tensor(0, "input"), x.opt_tensor(1, "hx"))?;
            Ok(vec![out, h])
        })
    };
}

macro_rules! cell {
    ($made:expr) => {
        other($made.try_build()?, |m, x| {
            Ok(vec![m.try_forward(x.tensor(0, "input"), x.opt_tensor(1, "hx"))?])
        })
    };
}

macro_rules! cell_options {
    ($Layer:ident, $a:ident) => {
        $Layer::options($a.usize(0, "input_size"), $a.usize(1, "hidden_size")).bias($a.bool_or(2, "bias", true))
    };
}

pub const TABLE: &[Row] = &[
    ("RNN", |a| one_state!(network!(RNN, a).nonlinearity(nonlinearity(a)))),
    ("GRU", |a| one_state!(network!(GRU, a))),
    ("LSTM", |a| {
        other(
            network!(LSTM, a).proj_size(a.usize_or(7, "proj_size", 0)).try_build()?,
            |m, x| {
                let hx = two(x);
                let (out, (h, c)) = m.try_forward(x.tensor(0, "input"), hx.as_ref().map(|(h, c)| (h, c)))?;
                Ok(vec![out, h, c])
            },
        )
    }),
    ("RNNCell", |a| {
        cell!(cell_options!(RNNCell, a).nonlinearity(nonlinearity(a)))
    }),
    ("GRUCell", |a| cell!(cell_options!(GRUCell, a))),
    ("LSTMCell", |a| {
        other(cell_options!(LSTMCell, a).try_build()?, |m, x| {
            let hx = two(x);
            let (h, c) = m.try_forward(x.tensor(0, "input"), hx.as_ref().map(|(h, c)| (h, c)))?;
            Ok(vec![h, c])
        })
    }),
];

fn near(a: &Tensor, b: &Tensor) -> bool {
    a.shape() == b.shape() && (a.numel() == 0 || (a - b).abs().max().item().to_f64() < 1e-5)
}

#[test]
fn packed_sequences_are_each_computed_alone() {
    let sequences: Vec<Tensor> = [3, 5, 1, 4].iter().map(|n| Tensor::randn(&[*n, 3])).collect();
    let packed = pack_sequence(&sequences, false).unwrap();
    for (a, b) in unpack_sequence(&packed).unwrap().iter().zip(&sequences) {
        assert_eq!(a.to_vec::<f32>(), b.to_vec::<f32>());
    }
    let lstm = LSTM::options(3, 6)
        .num_layers(2)
        .bidirectional(true)
        .proj_size(2)
        .build();
    let gru = GRU::options(3, 6).num_layers(2).bidirectional(true).build();
    let rnn = RNN::new(3, 6);
    let (out, (h, c)) = lstm.forward_packed(&packed, None);
    let (gru_out, gru_h) = gru.forward_packed(&packed, None);
    let (rnn_out, _) = rnn.forward_packed(&packed, None);
    let parts = |p: &PackedSequence| unpack_sequence(p).unwrap();
    for (i, x) in sequences.iter().enumerate() {
        let at = |t: &Tensor| t.select(1, i as i64);
        let (want, (want_h, want_c)) = lstm.forward(x, None);
        assert!(near(&parts(&out)[i], &want) && near(&at(&h), &want_h) && near(&at(&c), &want_c));
        let (want, want_h) = gru.forward(x, None);
        assert!(near(&parts(&gru_out)[i], &want) && near(&at(&gru_h), &want_h));
        assert!(near(&parts(&rnn_out)[i], &rnn.forward(x, None).0));
    }
    // A state that is given is in the order of the sequences, not of the packed ones.
    let start = Tensor::randn(&[4, 4, 6]);
    let (_, h) = gru.forward_packed(&packed, Some(&start));
    let (_, alone) = gru.forward(&sequences[1], Some(&start.select(1, 1)));
    assert!(near(&h.select(1, 1), &alone));
}

#[test]
fn packing_refuses_what_does_not_fit() {
    let x = Tensor::zeros(&[2, 4, 3]);
    assert!(pack_padded_sequence(&x, &[3, 4], true, true).is_err());
    assert!(pack_padded_sequence(&x, &[4, 0], true, true).is_err());
    assert!(pack_padded_sequence(&x, &[4], true, true).is_err());
    assert!(pack_padded_sequence(&x, &[9, 4], true, true).is_err());
    let packed = pack_padded_sequence(&x, &[3, 2], true, true).unwrap();
    assert!(pad_packed_sequence(&packed, true, 0.0, Some(2)).is_err());
    let (padded, lengths) = pad_packed_sequence(&packed, false, 7.0, Some(6)).unwrap();
    assert_eq!((padded.shape(), lengths.to_vec::<i64>()), (&[6, 2, 3][..], vec![3, 2]));
    assert_eq!(padded.select(0, 5).sum().item().to_f64(), 42.0);
    let broken = PackedSequence {
        batch_sizes: Tensor::zeros(&[0]),
        ..packed
    };
    assert!(catch(|| LSTM::new(3, 4).forward_packed(&broken, None)).is_err());
}

#[test]
fn one_bias_is_the_sum_of_two() {
    let (two, one) = (LSTM::new(3, 4), LSTM::options(3, 4).one_bias(true).build());
    assert_eq!(two.num_parameters() - one.num_parameters(), 16);
    let w = |l: &LSTM, name: &str| l.get_parameter(name).unwrap().tensor().clone();
    for name in ["weight_ih_l0", "weight_hh_l0"] {
        one.get_parameter(name).unwrap().set(&w(&two, name).detach()).unwrap();
    }
    let sum = w(&two, "bias_ih_l0").detach() + w(&two, "bias_hh_l0").detach();
    one.get_parameter("bias_ih_l0").unwrap().set(&sum).unwrap();
    let x = Tensor::randn(&[5, 2, 3]);
    assert!(near(&two.forward(&x, None).0, &one.forward(&x, None).0));
    one.forward(&x, None).0.sum().backward().unwrap();
    assert!(one.get_parameter("bias_ih_l0").unwrap().grad().is_some());
    assert_eq!(one.to_string(), "LSTM(3, 4, one_bias=True)");
    assert_eq!(
        GRUCell::options(3, 4).one_bias(true).build().num_parameters(),
        3 * (12 + 16 + 4)
    );
}

#[test]
fn a_network_beyond_memory_is_refused_as_a_whole() {
    for build in [
        |n| duoc_nn::LSTM::options(4, 4).num_layers(n).try_build().map(drop),
        |n| duoc_nn::GRU::options(4, 4).num_layers(n).try_build().map(drop),
        |n| {
            duoc_nn::RNN::options(4, 4)
                .num_layers(n)
                .bidirectional(true)
                .try_build()
                .map(drop)
        },
    ] {
        for layers in [usize::MAX, 1 << 40] {
            let e = build(layers).expect_err("no machine has so much memory");
            assert_eq!(e.kind(), duoc_core::ErrorKind::OutOfMemory, "{e}");
        }
        build(3).expect("a small network");
    }
}
