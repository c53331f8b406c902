//! Pooling, norms and dropout.

use super::{Suite, Work, bytes, fine, normal};
use duoc::ops::norm::{batch, group, layer};
use duoc::ops::pool::{adaptive, average, max};
use duoc::{Result, Tensor, autograd, ops};

/// Elements of `[8, 64, 56, 56]` and of `[4096, 768]`.
const IMAGES: usize = 8 * 64 * 56 * 56;
const ROWS: usize = 4096 * 768;
const NOISE: usize = 4096 * 1024;

/// `forward(x, parameters)`; parameters are vectors of ones and zeros.
type Forward = fn(&Tensor, &[Tensor]) -> Result<Tensor>;

struct Both {
    name: &'static str,
    group: &'static str,
    shape: &'static [i64],
    /// Length of weight and bias, and how many of them there are.
    parameters: (i64, usize),
    forward: Forward,
    work: (Work, Work),
}

impl Both {
    fn parameters(&self) -> Vec<Tensor> {
        let (n, many) = self.parameters;
        (0..many)
            .map(|i| {
                if i == 0 {
                    Tensor::ones(&[n])
                } else {
                    Tensor::zeros(&[n])
                }
            })
            .collect()
    }

    fn add(self, s: &mut Suite) {
        let (name, group, (fwd, bwd)) = (self.name, self.group, self.work);
        let this = std::rc::Rc::new(self);
        let of = this.clone();
        s.add(format!("{name}_fwd"), group, fwd, move || {
            let (x, p, f) = (normal(of.shape), of.parameters(), of.forward);
            move || drop(std::hint::black_box(fine(autograd::no_grad(|| f(&x, &p)))))
        });
        s.add(format!("{name}_fwdbwd"), group, bwd, move || {
            let x = fine(normal(this.shape).requires_grad_(true));
            let parameters = this.parameters().into_iter();
            let p: Vec<Tensor> = parameters.map(|p| fine(p.requires_grad_(true))).collect();
            let f = this.forward;
            let g = normal(&fine(f(&x, &p)).shape().iter().map(|n| *n as i64).collect::<Vec<_>>());
            move || {
                for t in p.iter().chain([&x]) {
                    fine(t.set_grad(None));
                }
                fine(fine(f(&x, &p)).backward_with(Some(&g), Default::default()));
            }
        });
    }
}

pub(super) fn cases(s: &mut Suite) {
    let images = &[8, 64, 56, 56];
    let stem = 8 * 64 * 112 * 112;
    let halves = (bytes(5 * stem), bytes(14 * stem));
    let pool = |name, shape, forward, work| Both {
        name,
        group: "pool",
        shape,
        parameters: (0, 0),
        forward,
        work,
    };
    let max2: Forward = |x, _| max::max_pool2d(x, &[3], &[2], &[1], &[1], false);
    let mean2: Forward = |x, _| average::avg_pool2d(x, &[2], &[2], &[0], false, true, None);
    let mean: Forward = |x, _| adaptive::adaptive_avg_pool2d(x, &[1, 1]);
    pool("pool.max3x3s2_112", &[8, 64, 112, 112], max2, halves).add(s);
    pool("pool.avg2x2_56", images, mean2, (bytes(5 * IMAGES), bytes(10 * IMAGES))).add(s);
    pool(
        "pool.global_avg_56",
        images,
        mean,
        (bytes(4 * IMAGES), bytes(8 * IMAGES)),
    )
    .add(s);
    let norm = |name, shape, parameters, forward, n| Both {
        name,
        group: "norm",
        shape,
        parameters,
        forward,
        work: (bytes(8 * n), bytes(20 * n)),
    };
    let trained: Forward = |x, p| {
        let (mean, var) = (Tensor::zeros(&[64]), Tensor::ones(&[64]));
        let (w, b) = (p.first(), p.get(1));
        batch::batch_norm(x, w, b, Some(&mean), Some(&var), true, 0.1, 1e-5, false)
    };
    norm("norm.batchnorm2d_train", images, (64, 2), trained, IMAGES).add(s);
    s.add("norm.batchnorm2d_eval_fwd", "norm", bytes(8 * IMAGES), move || {
        let (x, ones, zeros) = (normal(images), Tensor::ones(&[64]), Tensor::zeros(&[64]));
        move || {
            let run = || {
                let (m, v) = (Some(&zeros), Some(&ones));
                batch::batch_norm(&x, Some(&ones), Some(&zeros), m, v, false, 0.1, 1e-5, false)
            };
            drop(std::hint::black_box(fine(autograd::no_grad(run))));
        }
    });
    let rows = &[4096, 768];
    let by_layer: Forward = |x, p| layer::layer_norm(x, &[768], p.first(), p.get(1), 1e-5, false);
    let by_group: Forward = |x, p| group::group_norm(x, 32, p.first(), p.get(1), 1e-5, false);
    let by_square: Forward = |x, p| layer::rms_norm(x, &[768], p.first(), None);
    norm("norm.layernorm_4096x768", rows, (768, 2), by_layer, ROWS).add(s);
    norm("norm.groupnorm32_8x64x56", images, (64, 2), by_group, IMAGES).add(s);
    norm("norm.rmsnorm_4096x768", rows, (768, 1), by_square, ROWS).add(s);
    s.add(
        "norm.layernorm_residual_4096x768",
        "norm",
        bytes(12 * ROWS),
        move || {
            let (x, r, w, b) = (normal(rows), normal(rows), Tensor::ones(&[768]), Tensor::zeros(&[768]));
            move || {
                let run = || layer::layer_norm(&(&x + &r), &[768], Some(&w), Some(&b), 1e-5, false);
                drop(std::hint::black_box(fine(autograd::no_grad(run))));
            }
        },
    );
    Both {
        name: "nn.dropout_4096x1024",
        group: "dropout",
        shape: &[4096, 1024],
        parameters: (0, 0),
        forward: |x, _| ops::dropout::dropout(x, 0.1, true),
        work: (bytes(9 * NOISE), bytes(18 * NOISE)),
    }
    .add(s);
}
