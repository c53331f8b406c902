//! The table of the course: for every layer its count of parameters and its output's shape, for several sizes, in the
//! course's form (one bias a gate, attention without biases) and in PyTorch's.

use duoc_core::Tensor;
use duoc_nn::*;

fn shape(t: &Tensor) -> Vec<usize> {
    t.shape().to_vec()
}

/// B1: `X (n, d_in) -> Y = X W + b (n, d_out)`, `d_in d_out + d_out`.
#[test]
fn linear() {
    for (n, i, o) in [(3, 4, 5), (1, 1, 1), (7, 20, 3)] {
        let layer = Linear::new(i, o);
        assert_eq!(layer.num_parameters(), i * o + o);
        let x = Tensor::randn(&[n as i64, i as i64]);
        assert_eq!(shape(&layer.forward(&x)), [n, o]);
        // The course's W is the weight transposed.
        let want = x.matmul(&layer.weight.transpose(0, 1)) + layer.bias.as_ref().unwrap().tensor();
        assert!((want - layer.forward(&x)).abs().max().item().to_f64() < 1e-5);
        assert_eq!(Linear::options(i, o).bias(false).build().num_parameters(), i * o);
    }
}

/// B2: `h_out = floor((h + 2p - k) / s + 1)`, `c_in c_out k k + c_out`.
#[test]
fn conv2d() {
    for (c, m, k, s, p, h, w) in [
        (3, 8, 3, 1, 1, 9, 7),
        (1, 6, 5, 1, 0, 28, 28),
        (4, 2, 4, 3, 2, 10, 13),
        (2, 2, 1, 2, 0, 5, 6),
    ] {
        let layer = Conv2d::options(c, m, k).stride(s).padding(p).build();
        assert_eq!(layer.num_parameters(), c * m * (k * k) as usize + m);
        let out = |n: i64| ((n + 2 * p - k) / s + 1) as usize;
        let y = layer.forward(&Tensor::zeros(&[2, c as i64, h, w]));
        assert_eq!(shape(&y), [2, m, out(h), out(w)]);
    }
}

/// B3: `h_t = tanh(W_ih x_t + W_hh h_(t-1) + b_h)`, H `(T, d_hidden)`, `d_in d_h + d_h d_h + d_h`; PyTorch has a second bias.
#[test]
fn rnn() {
    for (t, i, h) in [(5, 3, 4), (1, 1, 1), (9, 7, 2)] {
        let course = RNN::options(i, h).one_bias(true).build();
        assert_eq!(course.num_parameters(), i * h + h * h + h);
        assert_eq!(RNN::new(i, h).num_parameters(), i * h + h * h + 2 * h);
        let (out, last) = course.forward(&Tensor::randn(&[t as i64, i as i64]), None);
        assert_eq!((shape(&out), shape(&last)), (vec![t, h], vec![1, h]));
    }
}

/// B4: `4 ((d_in + d_h) d_h + d_h)` with one bias a gate; PyTorch has two.
#[test]
fn lstm() {
    for (t, i, h) in [(5, 3, 4), (1, 1, 1), (6, 7, 2)] {
        let course = LSTM::options(i, h).one_bias(true).build();
        assert_eq!(course.num_parameters(), 4 * ((i + h) * h + h));
        assert_eq!(LSTM::new(i, h).num_parameters(), 4 * ((i + h) * h + 2 * h));
        let (out, (last, cell)) = course.forward(&Tensor::randn(&[t as i64, i as i64]), None);
        assert_eq!(shape(&out), [t, h]);
        assert_eq!((shape(&last), shape(&cell)), (vec![1, h], vec![1, h]));
    }
}

/// B5: `Y = softmax(Q K^T / sqrt(d_k)) V`, `(n, d_v)`, `2 d_model d_k + d_model d_v`.
#[test]
fn self_attention() {
    for (n, d, k, v) in [(5, 8, 4, 6), (1, 3, 3, 3), (4, 6, 2, 1)] {
        let layer = SelfAttention::options(d).key_size(k).value_size(v).build();
        assert_eq!(layer.num_parameters(), 2 * d * k + d * v);
        let y = layer.forward(&Tensor::randn(&[n as i64, d as i64]));
        assert_eq!(shape(&y), [n, v]);
        let biased = SelfAttention::options(d).key_size(k).value_size(v).bias(true).build();
        assert_eq!(biased.num_parameters(), 2 * d * k + d * v + 2 * k + v);
    }
}

/// B6: `h (2 d_model d_k + d_model d_v) + h d_v d_model` without biases; PyTorch's default has them.
#[test]
fn multihead_attention() {
    for (n, d, h) in [(5, 8, 2), (3, 6, 6), (1, 4, 1)] {
        let (k, v) = (d / h, d / h);
        let course = MultiheadAttention::options(d, h).bias(false).build();
        assert_eq!(course.num_parameters(), h * (2 * d * k + d * v) + h * v * d);
        assert_eq!(
            MultiheadAttention::new(d, h).num_parameters(),
            course.num_parameters() + 4 * d
        );
        let x = Tensor::randn(&[n as i64, d as i64]);
        assert_eq!(shape(&course.forward(&x, &x, &x).0), [n, d]);
    }
}

/// B7: indices to rows of `(V, d)`, `V d`.
#[test]
fn embedding() {
    for (v, d) in [(10, 4), (1, 1), (300, 7)] {
        let layer = Embedding::new(v, d);
        assert_eq!(layer.num_parameters(), v * d);
        let i = Tensor::from_slice(&[0i64, v as i64 - 1]);
        assert_eq!(shape(&layer.forward(&i)), [2, d]);
    }
}

/// B8 and B11: `2 d`; batch norm has running statistics beside.
#[test]
fn norms() {
    for d in [1usize, 6, 33] {
        let layer = LayerNorm::new(d as i64);
        assert_eq!(layer.num_parameters(), 2 * d);
        let x = Tensor::randn(&[4, d as i64]);
        assert_eq!(shape(&layer.forward(&x)), [4, d]);
        let layer = BatchNorm1d::new(d);
        assert_eq!(layer.num_parameters(), 2 * d);
        assert_eq!(layer.named_buffers().len(), 3);
        assert_eq!(shape(&layer.forward(&x)), [4, d]);
        assert_eq!(BatchNorm2d::new(d).num_parameters(), 2 * d);
    }
}

/// B9 and B10: no parameters; pooling's shapes.
#[test]
fn dropout_and_pooling() {
    let x = Tensor::ones(&[2, 3, 9, 8]);
    let mut dropout = Dropout::options().p(0.25).build();
    assert_eq!((dropout.num_parameters(), shape(&dropout.forward(&x))), (0, shape(&x)));
    // What is kept is scaled by one over the probability to keep, and evaluation changes nothing.
    let kept = dropout.forward(&x).to_vec::<f32>();
    assert!(kept.iter().all(|v| *v == 0.0 || (*v - 4.0 / 3.0).abs() < 1e-6));
    dropout.eval();
    assert_eq!(dropout.forward(&x).to_vec::<f32>(), x.to_vec::<f32>());
    for (k, s, p) in [(2, 2, 0), (3, 1, 1), (3, 2, 0)] {
        let out = |n: i64| ((n + 2 * p - k) / s + 1) as usize;
        let max = MaxPool2d::options(k).stride(s).padding(p).build();
        let mean = AvgPool2d::options(k).stride(s).padding(p).build();
        for y in [max.forward(&x), mean.forward(&x)] {
            assert_eq!(shape(&y), [2, 3, out(9), out(8)]);
        }
        assert_eq!(max.num_parameters() + mean.num_parameters(), 0);
    }
    assert_eq!(shape(&AdaptiveAvgPool2d::new(1).forward(&x)), [2, 3, 1, 1]);
}
