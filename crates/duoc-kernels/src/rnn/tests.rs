//! The recurrence against a plain loop, and bits that do not depend on the threads.

use super::*;
use crate::DType;
use std::ptr::null_mut;

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| (((i + seed) * 7919) % 63) as f32 / 32.0 - 1.0).collect()
}

/// An LSTM over steps of 3, 2 and 2 rows.
fn lstm(hidden: usize, reverse: bool) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let batch_sizes = [3, 2, 2];
    let rows: usize = batch_sizes.iter().sum();
    let mut gates = numbers(rows * 4 * hidden, 1);
    let weight = numbers(4 * hidden * hidden, 2);
    let (state, cell) = (numbers(3 * hidden, 3), numbers(3 * hidden, 4));
    let mut packed = vec![0f32; weight.len()];
    let mut big = vec![vec![0f32; rows * hidden]; 3];
    let mut small = vec![vec![0f32; 3 * hidden]; 2];
    let [out, before, cell_before] = &mut big[..] else {
        unreachable!()
    };
    let [last, last_cell] = &mut small[..] else {
        unreachable!()
    };
    let f = Forward {
        cell: Cell::Lstm,
        steps: Steps {
            batch_sizes: &batch_sizes,
            reverse,
            hidden,
        },
        gates: gates.as_mut_ptr().cast(),
        weight: weight.as_ptr().cast(),
        weight_strides: [hidden, 1],
        packed: packed.as_mut_ptr().cast(),
        bias: std::ptr::null(),
        state: state.as_ptr().cast(),
        cell_state: cell.as_ptr().cast(),
        out: out.as_mut_ptr().cast(),
        before: before.as_mut_ptr().cast(),
        last: last.as_mut_ptr().cast(),
        cell_before: cell_before.as_mut_ptr().cast(),
        tanh_cell: null_mut(),
        last_cell: last_cell.as_mut_ptr().cast(),
        new: null_mut(),
    };
    // SAFETY: the vectors have the described sizes.
    assert!(unsafe { forward(DType::F32, &f) });
    (big.swap_remove(0), small.swap_remove(0), small.swap_remove(0))
}

fn expected(hidden: usize, reverse: bool) -> (Vec<f32>, Vec<f32>) {
    let firsts = [0, 3, 5];
    let gates = numbers(7 * 4 * hidden, 1);
    let weight = numbers(4 * hidden * hidden, 2);
    let (mut h, mut c) = (numbers(3 * hidden, 3), numbers(3 * hidden, 4));
    let mut out = vec![0f32; 7 * hidden];
    for i in 0..3 {
        let t = if reverse { 2 - i } else { i };
        for row in 0..[3, 2, 2][t] {
            let before: Vec<f32> = h[row * hidden..(row + 1) * hidden].to_vec();
            let sum = |k: usize| {
                let own = gates[(firsts[t] + row) * 4 * hidden + k] as f64;
                own + (0..hidden)
                    .map(|j| before[j] as f64 * weight[k * hidden + j] as f64)
                    .sum::<f64>()
            };
            let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
            for u in 0..hidden {
                let [i, f, g, o] = [0, 1, 2, 3].map(|k| sum(k * hidden + u));
                let cell = sigmoid(f) * c[row * hidden + u] as f64 + sigmoid(i) * g.tanh();
                c[row * hidden + u] = cell as f32;
                h[row * hidden + u] = (sigmoid(o) * cell.tanh()) as f32;
                out[(firsts[t] + row) * hidden + u] = h[row * hidden + u];
            }
        }
    }
    (out, h)
}

#[test]
fn the_recurrence_is_a_loop_over_steps() {
    for hidden in [1, 5, 16, 50, 130] {
        for reverse in [false, true] {
            let (out, last, _) = lstm(hidden, reverse);
            let (want, want_last) = expected(hidden, reverse);
            for (a, b) in out.iter().zip(&want).chain(last.iter().zip(&want_last)) {
                assert!((a - b).abs() < 2e-4, "{hidden} {reverse}: {a} {b}");
            }
        }
    }
}

#[test]
fn tanh_is_accurate() {
    use super::gates::Number;
    let mut x = -20.0f32;
    while x < 20.0 {
        let (got, want) = (Number::tanh(x), (x as f64).tanh());
        assert!(
            (got as f64 - want).abs() <= 2.5e-7 * want.abs(),
            "tanh({x}) = {got}, not {want}"
        );
        x += 0.001_37;
    }
    assert!(Number::tanh(f32::NAN).is_nan());
    assert_eq!(Number::tanh(f32::INFINITY), 1.0);
}
