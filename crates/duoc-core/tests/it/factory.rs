//! New tensors: what the golden cases of the single ops do not say.

use duoc_core::op::{Value, registry};
use duoc_core::ops::{factory, range};
use duoc_core::{DType, MemoryFormat, Scalar, Tensor, tensor};

fn text(r: duoc_core::Result<Tensor>) -> String {
    match r {
        Ok(t) => t.to_string(),
        Err(e) => e.message().to_string(),
    }
}

#[test]
fn geometry() {
    let strided = |size: &[i64], stride: &[i64]| factory::empty_strided(size, stride, None, None, None, None);
    assert_eq!(strided(&[2, 3], &[1, 2]).unwrap().strides(), [1, 2]);
    assert_eq!(strided(&[2, 3], &[0, 0]).unwrap().storage().nbytes(), 4);
    assert_eq!(
        text(strided(&[2, 3], &[1])),
        "dimensionality of sizes (2) must match dimensionality of strides (1)"
    );
    assert_eq!(
        text(strided(&[2], &[-1])),
        "Storage size calculation overflowed with sizes=[2] and strides=[-1]"
    );
    for (size, stride) in [([1 << 62, 4], [1, 0]), ([2, 2], [i64::MAX, i64::MAX])] {
        assert!(text(strided(&size, &stride)).starts_with("Storage size calculation overflowed"));
    }
    let permuted = |order: &[i64]| factory::empty_permuted(&[2, 3, 4], order, None, None, None, None);
    assert_eq!(permuted(&[0, 2, 1]).unwrap().strides(), [12, 1, 3]);
    assert_eq!(text(permuted(&[0, 0, 1])), "Duplicate dim not allowed");
    assert!(
        text(permuted(&[0, -1, 1])).starts_with("Dimension out of range (expected to be between 0 and 2, but got -1")
    );
    let x = Tensor::ones(&[2, 3, 4, 5]);
    let last = factory::zeros_like_op(&x, None, None, None, None, Some(MemoryFormat::ChannelsLast)).unwrap();
    assert_eq!(last.strides(), [60, 1, 15, 3]);
    assert_eq!(last.empty_like().strides(), [60, 1, 15, 3]);
    assert_eq!(
        text(factory::empty(&[-1], None, None, None, None, None)),
        "Trying to create tensor with negative dimension -1: [-1]"
    );
}

#[test]
fn numbers_that_do_not_fit() {
    let full = |v: Scalar, d| text(factory::full(&[2], v, Some(d), None, None, None));
    let no = |name: &str| format!("value cannot be converted to type {name} without overflow");
    assert_eq!(full(Scalar::Float(3.5e38), DType::F32), no("float"));
    assert_eq!(full(Scalar::Float(65505.0), DType::F16), no("c10::Half"));
    assert_eq!(
        full(Scalar::Int(-200), DType::U8),
        "tensor([56, 56], dtype=torch.uint8)"
    );
    assert_eq!(full(Scalar::Int(-256), DType::U8), no("uint8_t"));
    assert_eq!(
        full(Scalar::Float(255.5), DType::U8),
        "tensor([255, 255], dtype=torch.uint8)"
    );
    assert_eq!(full(Scalar::Float(-0.5), DType::U8), no("uint8_t"));
    assert_eq!(full(Scalar::Float(-128.9), DType::I8), no("int8_t"));
    assert_eq!(full(Scalar::Float(9.3e18), DType::I64), no("int64_t"));
    assert_eq!(full(Scalar::Float(f64::NAN), DType::I64), no("int64_t"));
    assert_eq!(full(Scalar::Complex(1.0, 1.0), DType::F32), no("float"));
    assert_eq!(full(Scalar::Complex(1.0, 1.0), DType::Bool), "tensor([True, True])");
    assert_eq!(
        full(Scalar::UInt(u64::MAX), DType::U64),
        "tensor([18446744073709551615, 18446744073709551615], dtype=torch.uint64)"
    );
    assert_eq!(
        full(Scalar::Complex(0.5, -1.0), DType::C64),
        "tensor([0.5000-1.j, 0.5000-1.j])"
    );
    // A single element of a narrow float takes every number.
    assert_eq!(
        Tensor::scalar(1e6, DType::F16).unwrap().to_string(),
        "tensor(inf, dtype=torch.float16)"
    );
}

#[test]
fn sequences() {
    let arange =
        |a: f64, b: f64, s: f64, d| text(range::arange_step(a.into(), b.into(), s.into(), d, None, None, None));
    let int = Some(DType::I64);
    assert_eq!(arange(0.9, 5.1, 1.0, int), "tensor([0, 1, 2, 3, 4])");
    assert_eq!(arange(0.0, 2.0, 0.5, int), "tensor([0, 0, 0, 0])");
    assert_eq!(
        arange(1234567.891, f64::INFINITY, 1.0, None),
        "unsupported range: 1.23457e+06 -> inf"
    );
    assert_eq!(arange(0.1, f64::NAN, 1.0, None), "unsupported range: 0.1 -> nan");
    assert_eq!(arange(0.0, 1.0, f64::NAN, None), "step must be finite but got nan");
    assert_eq!(
        arange(1e30, 1.1e30, 1e29, int),
        "value cannot be converted to type int64_t without overflow"
    );
    assert_eq!(arange(0.0, 1e30, 1.0, None), "invalid size, possible overflow?");
    assert_eq!(
        arange(0.0, 2.0, 1.0, Some(DType::Bool)),
        "\"arange_cpu\" not implemented for 'Bool'"
    );
    let whole = Tensor::arange_step(i64::MIN, i64::MAX, 1i64 << 62);
    assert_eq!(whole.to_vec::<i64>(), [i64::MIN, -(1 << 62), 0, 1 << 62]);
    let range = |a: f64, b: f64, s: f64, d| text(range::range_step(a.into(), b.into(), s.into(), d, None, None, None));
    assert_eq!(range(1.0, 4.0, 1.0, None), "tensor([1., 2., 3., 4.])");
    assert_eq!(
        range(0.5, 2.7, 1.0, Some(DType::I32)),
        "tensor([0, 1, 2], dtype=torch.int32)"
    );
    assert_eq!(
        range(0.5, 2.7, 0.5, Some(DType::I32)),
        "step must be nonzero: as an integer it is"
    );
    assert!(range(0.0, 1.0, 0.1, None).ends_with("0.9000, 1.0000])"));
    let c = |re, im| Scalar::Complex(re, im);
    let line = range::linspace(c(0.0, 0.0), c(2.0, 4.0), 5, None, None, None, None);
    assert_eq!(
        text(line),
        "tensor([0.0000+0.j, 0.5000+1.j, 1.0000+2.j, 1.5000+3.j, 2.0000+4.j])"
    );
    let one = range::linspace(Scalar::Int(3), Scalar::Int(1), 1, Some(DType::U16), None, None, None);
    assert_eq!(text(one), "tensor([3], dtype=torch.uint16)");
    assert_eq!(Tensor::eye(2).to_string(), "tensor([[1., 0.],\n        [0., 1.]])");
}

/// `out=` of a factory function decides the dtype.
#[test]
fn the_output_decides_the_dtype() {
    let call = |name: &str, mut args: Vec<Value>, dtype, out: DType| {
        let out = Tensor::options().dtype(out).empty(&[0]);
        args.extend([dtype, Value::None, Value::None, Value::None, Value::Tensor(out)]);
        match registry().get_out(name).unwrap().call(&args) {
            Ok(v) => v.tensors()[0].to_string(),
            Err(e) => e.message().to_string(),
        }
    };
    let size = || Value::Ints(vec![2]);
    let number = |x: f64| Value::Scalar(Scalar::Float(x));
    assert_eq!(call("zeros", vec![size()], Value::None, DType::I64), "tensor([0, 0])");
    assert_eq!(
        call("full", vec![size(), number(1.5)], Value::None, DType::I64),
        "tensor([1, 1])"
    );
    assert_eq!(
        call("arange", vec![number(3.0)], Value::None, DType::I64),
        "tensor([0, 1, 2])"
    );
    assert_eq!(
        call("ones", vec![size()], Value::DType(DType::F32), DType::I64),
        "dtype Float does not match dtype of out parameter (Long)"
    );
}

#[test]
fn filling_is_recorded() {
    let leaf = |v: f64| Tensor::scalar(v, DType::F64).unwrap().requires_grad_(true).unwrap();
    let x = Tensor::options().dtype(DType::F64).requires_grad(true).ones(&[3]);
    let v = leaf(2.0);
    let y = &x * 1.0;
    factory::fill_tensor(&y, &v).unwrap();
    assert_eq!(y.grad_fn().unwrap().name(), "FillBackward3");
    (&y * 3.0).sum().backward().unwrap();
    assert_eq!(v.grad().unwrap().to_vec::<f64>(), [9.0]);
    assert_eq!(x.grad().unwrap().to_vec::<f64>(), [0.0; 3]);
    // An element of the tensor itself.
    let z = tensor![1.0, 2.0, 3.0];
    factory::fill_tensor(&z, &z.select(0, 1)).unwrap();
    assert_eq!(z.to_vec::<f32>(), [2.0; 3]);
}

#[test]
fn nested_data() {
    assert_eq!(tensor![[1, 2], [3, 4]].dtype(), DType::I64);
    assert_eq!(tensor!([[[1.0f32], [2.0]]]).shape(), [1, 2, 1]);
    assert_eq!(tensor![0.5f64].dtype(), DType::F32);
    assert_eq!(tensor![1u8, 2].dtype(), DType::U8);
    assert!(Tensor::from_nested(vec![vec![1.0], vec![1.0, 2.0]]).is_err());
    assert_eq!(Tensor::from_nested(Vec::<Vec<f32>>::new()).unwrap().shape(), [0]);
    let rows: [&[i64]; 2] = [&[1, 2, 3], &[4, 5, 6]];
    assert_eq!(Tensor::from_nested(rows).unwrap().shape(), [2, 3]);
}
