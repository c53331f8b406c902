//! The fast paths against the definition, on sizes that do not fit the tiles.

use super::*;
use crate::DType;

fn dense(size: [usize; 3]) -> [isize; 3] {
    [(size[1] * size[2]) as isize, size[2] as isize, 1]
}

fn place(data: &mut [f32], channels: usize, size: [usize; 3]) -> Place {
    let step = size.iter().product::<usize>() as isize;
    Place {
        ptr: data.as_mut_ptr().cast(),
        n: step * channels as isize,
        c: step,
        s: dense(size),
    }
}

/// Small integers, so that every order of a sum gives the same number.
fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7 + i / 5) % 9) as f32 - 4.0).collect()
}

fn case(
    batch: usize,
    [groups, cin, cout]: [usize; 3],
    input: [usize; 3],
    kernel: [usize; 3],
    geometry: [[usize; 3]; 3],
) -> Conv {
    let [stride, pad, dilation] = geometry;
    let output = std::array::from_fn(|d| (input[d] + 2 * pad[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1);
    Conv {
        batch,
        groups,
        cin,
        cout,
        input,
        kernel,
        output,
        stride,
        pad,
        dilation,
    }
}

fn check(conv: &Conv) {
    let (cin, cout) = (conv.groups * conv.cin, conv.groups * conv.cout);
    let count = |s: [usize; 3]| s.iter().product::<usize>();
    let mut x = numbers(conv.batch * cin * count(conv.input));
    let mut w = numbers(cout * conv.cin * count(conv.kernel));
    let mut y = numbers(conv.batch * cout * count(conv.output));
    let bias = numbers(cin.max(cout));
    let bias = bias.as_ptr().cast();
    let (px, pw, py) = (
        place(&mut x, cin, conv.input),
        place(&mut w, conv.cin, conv.kernel),
        place(&mut y, cout, conv.output),
    );
    let index = |c: usize, size: [usize; 3], n: usize, i: [usize; 3], channels: usize| {
        ((n * channels + c) * size[0] + i[0]) * size[1] * size[2] + i[1] * size[2] + i[2]
    };
    let mut want = [vec![0f64; y.len()], vec![0f64; x.len()], vec![0f64; w.len()]];
    for n in 0..conv.batch {
        for (g, m, c) in grid([conv.groups, conv.cout, conv.cin]).map(|[g, m, c]| (g, g * conv.cout + m, c)) {
            for o in grid(conv.output) {
                for k in grid(conv.kernel) {
                    let i: [isize; 3] = std::array::from_fn(|d| {
                        (o[d] * conv.stride[d] + k[d] * conv.dilation[d]) as isize - conv.pad[d] as isize
                    });
                    if (0..3).any(|d| i[d] < 0 || i[d] >= conv.input[d] as isize) {
                        continue;
                    }
                    let ix = index(g * conv.cin + c, conv.input, n, i.map(|i| i as usize), cin);
                    let iw = index(c, conv.kernel, m, k, conv.cin);
                    let iy = index(m, conv.output, n, o, cout);
                    want[0][iy] += (w[iw] * x[ix]) as f64;
                    want[1][ix] += (w[iw] * y[iy]) as f64;
                    want[2][iw] += (x[ix] * y[iy]) as f64;
                }
            }
        }
    }
    for part in 0..3 {
        let mut got = vec![f32::NAN; want[part].len()];
        // SAFETY: the buffers have the geometry's sizes.
        unsafe {
            match part {
                0 => forward(DType::F32, conv, px, pw, bias, place(&mut got, cout, conv.output)),
                1 => input_grad(DType::F32, conv, py, pw, bias, place(&mut got, cin, conv.input)),
                _ => weight_grad(DType::F32, conv, py, px, place(&mut got, conv.cin, conv.kernel)),
            }
        }
        let bias = numbers(cin.max(cout));
        let (channels, size) = [(cout, conv.output), (cin, conv.input), (1, [1; 3])][part];
        for (i, (got, want)) in got.iter().zip(&want[part]).enumerate() {
            let b = if part == 2 {
                0.0
            } else {
                bias[i / count(size) % channels] as f64
            };
            assert_eq!(*got as f64, want + b, "part {part} element {i} of {conv:?}");
        }
    }
}

#[test]
fn all_parts_agree_with_the_definition() {
    let one = [1; 3];
    check(&case(2, [1, 3, 5], [1, 9, 11], [1, 3, 3], [one, [0, 1, 1], one]));
    check(&case(2, [1, 17, 19], [1, 13, 60], [1, 3, 3], [one, [0, 1, 1], one]));
    check(&case(
        1,
        [1, 50, 65],
        [1, 20, 20],
        [1, 3, 3],
        [[1, 2, 2], [0, 1, 1], one],
    ));
    check(&case(
        2,
        [2, 3, 4],
        [1, 12, 15],
        [1, 4, 3],
        [[1, 2, 3], [0, 2, 0], [1, 2, 1]],
    ));
    check(&case(3, [1, 3, 8], [1, 23, 21], [1, 7, 7], [[1, 2, 2], [0, 3, 3], one]));
    check(&case(2, [7, 1, 1], [1, 14, 37], [1, 3, 3], [one, [0, 1, 1], one]));
    check(&case(2, [5, 1, 2], [1, 14, 70], [1, 3, 5], [[1, 2, 2], [0, 1, 2], one]));
    check(&case(
        2,
        [1, 4, 6],
        [5, 6, 7],
        [2, 3, 2],
        [[2, 1, 2], [1, 1, 0], [1, 2, 1]],
    ));
    check(&case(2, [1, 40, 33], [1, 1, 200], [1, 1, 7], [one, [0, 0, 3], one]));
    check(&case(2, [3, 4, 6], [1, 5, 7], one, [one, [0; 3], one]));
    check(&case(2, [1, 4, 6], [1, 5, 7], one, [[1, 2, 2], [0; 3], one]));
    check(&case(1, [1, 2, 3], [1, 4, 4], [1, 2, 2], [[1, 5, 5], [0, 3, 3], one]));
    check(&case(
        1,
        [1, 2, 3],
        [1, 2, 40],
        [1, 2, 3],
        [[1, 900, 900], [0, 1000, 1000], one],
    ));
    check(&case(
        1,
        [1, 2, 3],
        [1, 1, 3000],
        [1, 1, 2],
        [one, [0; 3], [1, 1, 2900]],
    ));
}
