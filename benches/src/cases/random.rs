//! Random numbers and fresh memory.

use super::{M1, M16, Suite, bytes};
use duoc::op::Value;
use duoc::{Scalar, Tensor};

pub(super) fn cases(s: &mut Suite) {
    let group = "rng";
    let size = || Value::Ints(vec![M16 as i64]);
    s.op("rng.rand_16m", group, bytes(4 * M16), "rand", move || vec![size()]);
    s.op("rng.randn_16m", group, bytes(4 * M16), "randn", move || vec![size()]);
    s.op("rng.randperm_1m", group, bytes(8 * M1), "randperm", || {
        vec![Value::Int(M1 as i64)]
    });
    s.op("rng.bernoulli_16m", group, bytes(4 * M16), "bernoulli_.float", || {
        vec![Value::Tensor(Tensor::zeros(&[M16 as i64])), Value::Float(0.5)]
    });
    s.op("rng.randint_16m", group, bytes(8 * M16), "randint", move || {
        vec![Value::Int(1000), size()]
    });
    s.op("alloc.empty_fill_16m", group, bytes(4 * M16), "full", move || {
        vec![size(), Value::Scalar(Scalar::Float(1.0))]
    });
}
