//! Attention against the plain formula.

use super::*;
use crate::DType;

fn numbers(n: usize, seed: usize) -> Vec<f64> {
    (0..n)
        .map(|i| (((i + seed) * 7919) % 127) as f64 / 32.0 - 2.0)
        .collect()
}

fn heads(x: &mut [f64], heads: usize, rows: usize, depth: usize) -> Heads {
    Heads {
        ptr: x.as_mut_ptr().cast(),
        strides: [heads * rows * depth, rows * depth, depth],
    }
}

fn case(sizes: Sizes, causal: bool, hide: bool) {
    let Sizes {
        batch,
        heads: h,
        kv_heads,
        queries,
        keys,
        depth,
        value_depth,
    } = sizes;
    let mut q = numbers(batch * h * queries * depth, 1);
    let mut k = numbers(batch * kv_heads * keys * depth, 2);
    let mut v = numbers(batch * kv_heads * keys * value_depth, 3);
    // The first query sees nothing.
    let mask: Vec<u8> = (0..queries * keys).map(|i| (i >= keys && i % 5 != 0) as u8).collect();
    let mut out = vec![0.0; batch * h * queries * value_depth];
    let mut log_sums = vec![0.0; batch * h * queries];
    let mut packed = vec![0.0; k.len()];
    let scale = 0.3;
    let f = Forward {
        problem: Problem {
            sizes,
            query: heads(&mut q, h, queries, depth),
            key: heads(&mut k, kv_heads, keys, depth),
            value: heads(&mut v, kv_heads, keys, value_depth),
            mask: hide.then_some(Mask {
                ptr: mask.as_ptr(),
                strides: [0, 0, keys, 1],
                boolean: true,
            }),
            causal,
            scale,
        },
        out: heads(&mut out, h, queries, value_depth),
        log_sums: log_sums.as_mut_ptr().cast(),
        packed: packed.as_mut_ptr().cast(),
    };
    // SAFETY: the vectors have the described sizes.
    assert!(unsafe { forward(DType::F64, &f) });
    for head in 0..batch * h {
        let kv = head / h * kv_heads + head % h / (h / kv_heads);
        for i in 0..queries {
            let sees = |j: usize| (!causal || j <= i) && (!hide || mask[i * keys + j] != 0);
            let score = |j: usize| {
                let dot = |l: usize| q[(head * queries + i) * depth + l] * k[(kv * keys + j) * depth + l];
                scale * (0..depth).map(dot).sum::<f64>()
            };
            let weights: Vec<f64> = (0..keys).map(|j| if sees(j) { score(j).exp() } else { 0.0 }).collect();
            let total: f64 = weights.iter().sum();
            for l in 0..value_depth {
                let value = |j: usize| v[(kv * keys + j) * value_depth + l];
                let want = match total > 0.0 {
                    true => (0..keys).map(|j| weights[j] * value(j)).sum::<f64>() / total,
                    false => 0.0,
                };
                let got = out[(head * queries + i) * value_depth + l];
                assert!((got - want).abs() < 1e-9, "{sizes:?} {causal} {hide}: {got} {want}");
            }
        }
    }
}

#[test]
fn the_tiles_make_up_the_formula() {
    for (queries, keys) in [(1, 1), (3, 6), (70, 130), (130, 70), (65, 300)] {
        for (heads, kv_heads) in [(2, 2), (4, 2)] {
            for causal in [false, true] {
                for hide in [false, true] {
                    let sizes = Sizes {
                        batch: 2,
                        heads,
                        kv_heads,
                        queries,
                        keys,
                        depth: 5,
                        value_depth: 9,
                    };
                    case(sizes, causal, hide);
                }
            }
        }
    }
}
