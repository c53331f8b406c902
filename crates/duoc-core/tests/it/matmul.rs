//! Matrix products and contractions: shapes, gradients of gradients, PyTorch's words.

use duoc_core::autograd::{GradCheck, gradcheck, gradgradcheck};
use duoc_core::ops::{self, contract, matmul};
use duoc_core::{DType, ErrorKind, Result, Scalar, Tensor};

const ONE: Scalar = Scalar::Int(1);

/// Values without symmetries.
fn values(shape: &[usize], seed: usize) -> Tensor {
    let n: usize = shape.iter().product();
    let v: Vec<f64> = (0..n)
        .map(|i| ((i * 37 + seed * 11 + 5) % 23) as f64 / 7.0 - 1.5)
        .collect();
    Tensor::try_from_slice(&v, shape).unwrap()
}

/// A leaf with the same values, stored row by row or column by column.
fn leaf(shape: &[usize], seed: usize, transposed: bool) -> Tensor {
    let x = values(shape, seed);
    let x = if transposed && shape.len() >= 2 {
        x.transpose(-1, -2).copy().transpose(-1, -2)
    } else {
        x
    };
    x.detach().requires_grad_(true).unwrap()
}

type Fun = fn(&[Tensor]) -> Result<Tensor>;

fn check(name: &str, shapes: &[&[usize]], f: Fun) {
    for transposed in [false, true] {
        let inputs: Vec<Tensor> = shapes.iter().enumerate().map(|(i, s)| leaf(s, i, transposed)).collect();
        let many = |x: &[Tensor]| f(x).map(|y| vec![y]);
        gradcheck(&many, &inputs, GradCheck::default()).unwrap_or_else(|e| panic!("{name} {shapes:?}: {e}"));
        gradgradcheck(&many, &inputs, GradCheck::default()).unwrap_or_else(|e| panic!("{name} {shapes:?}: {e}"));
    }
}

#[test]
fn gradients() {
    check("mm", &[&[2, 3], &[3, 4]], |x| matmul::mm(&x[0], &x[1]));
    check("mm empty", &[&[2, 0], &[0, 4]], |x| matmul::mm(&x[0], &x[1]));
    check("bmm", &[&[2, 2, 3], &[2, 3, 2]], |x| matmul::bmm(&x[0], &x[1]));
    check("mv", &[&[2, 3], &[3]], |x| matmul::mv(&x[0], &x[1]));
    check("dot", &[&[4], &[4]], |x| matmul::dot(&x[0], &x[1]));
    check("vdot", &[&[4], &[4]], |x| matmul::vdot(&x[0], &x[1]));
    check("addmm", &[&[4], &[2, 3], &[3, 4]], |x| {
        matmul::addmm(&x[0], &x[1], &x[2], Scalar::Float(0.5), Scalar::Float(-2.0))
    });
    check("addmv", &[&[2], &[2, 3], &[3]], |x| {
        matmul::addmv(&x[0], &x[1], &x[2], Scalar::Float(0.5), Scalar::Float(-2.0))
    });
    check("addbmm", &[&[2, 2], &[3, 2, 3], &[3, 3, 2]], |x| {
        matmul::addbmm(&x[0], &x[1], &x[2], Scalar::Float(0.5), Scalar::Float(-2.0))
    });
    check("baddbmm", &[&[1, 2], &[3, 2, 3], &[3, 3, 2]], |x| {
        matmul::baddbmm(&x[0], &x[1], &x[2], Scalar::Float(0.5), Scalar::Float(-2.0))
    });
    check("addr", &[&[2, 3], &[2], &[3]], |x| {
        duoc_core::ops::addr::addr(&x[0], &x[1], &x[2], Scalar::Float(0.5), Scalar::Float(-2.0))
    });
    check("linear", &[&[2, 2, 3], &[4, 3], &[4]], |x| {
        contract::linear(&x[0], &x[1], Some(&x[2]))
    });
    check("linear of a vector", &[&[3], &[4, 3]], |x| {
        contract::linear(&x[0], &x[1], None)
    });
    check("outer", &[&[3], &[2]], |x| contract::outer(&x[0], &x[1]));
    check("inner", &[&[2, 3], &[4, 3]], |x| contract::inner(&x[0], &x[1]));
    check("tensordot", &[&[2, 3, 2], &[3, 2, 2]], |x| {
        contract::tensordot(&x[0], &x[1], &[1, 2], &[0, 1])
    });
    check("tensordot broadcast", &[&[2, 1], &[3, 2]], |x| {
        contract::tensordot(&x[0], &x[1], &[1], &[0])
    });
    check("multi_dot", &[&[3], &[3, 2], &[2, 4], &[4, 2]], contract::multi_dot);
}

#[test]
fn gradients_of_matmul_in_every_rank() {
    let pairs: [(&[usize], &[usize]); 14] = [
        (&[3], &[3]),
        (&[3], &[3, 2]),
        (&[2, 3], &[3]),
        (&[2, 3], &[3, 2]),
        (&[2, 2, 3], &[3]),
        (&[2, 2, 3], &[3, 2]),
        (&[3], &[2, 3, 2]),
        (&[2, 3], &[2, 3, 2]),
        (&[2, 2, 3], &[2, 3, 2]),
        (&[1, 2, 3], &[2, 3, 2]),
        (&[2, 2, 3], &[1, 3, 2]),
        (&[2, 1, 2, 3], &[2, 3, 2]),
        (&[2, 1, 1, 3], &[3]),
        (&[2], &[2, 1, 2, 1]),
    ];
    for (a, b) in pairs {
        check("matmul", &[a, b], |x| contract::matmul(&x[0], &x[1]));
    }
}

/// The product by its definition, for shapes that broadcast.
fn by_definition(a: &Tensor, b: &Tensor) -> (Vec<usize>, Vec<f64>) {
    let (x, y) = (a.to_vec::<f64>(), b.to_vec::<f64>());
    let full = |s: &[usize], left: bool| -> Vec<usize> {
        match (s.len(), left) {
            (1, true) => vec![1, s[0]],
            (1, false) => vec![s[0], 1],
            _ => s.to_vec(),
        }
    };
    let (sa, sb) = (full(a.shape(), true), full(b.shape(), false));
    let (na, nb) = (sa.len(), sb.len());
    let rank = na.max(nb) - 2;
    let size = |s: &[usize], d: usize| {
        if d + s.len() - 2 >= rank {
            s[d + s.len() - 2 - rank]
        } else {
            1
        }
    };
    let batch: Vec<usize> = (0..rank)
        .map(|d| if size(&sa, d) == 1 { size(&sb, d) } else { size(&sa, d) })
        .collect();
    let (n, m, p) = (sa[na - 2], sa[na - 1], sb[nb - 1]);
    let count: usize = batch.iter().product();
    let mut out = Vec::new();
    for i in 0..count {
        let offset = |s: &[usize]| {
            let (mut rest, mut at, mut step) = (i, 0, 1);
            for d in (0..rank).rev() {
                let index = rest % batch[d];
                rest /= batch[d];
                if size(s, d) != 1 {
                    at += index * step;
                }
                step *= size(s, d);
            }
            at
        };
        let (oa, ob) = (offset(&sa) * n * m, offset(&sb) * m * p);
        for r in 0..n {
            for c in 0..p {
                out.push((0..m).map(|k| x[oa + r * m + k] * y[ob + k * p + c]).sum());
            }
        }
    }
    let mut shape = batch;
    if a.dim() > 1 {
        shape.push(n);
    }
    if b.dim() > 1 {
        shape.push(p);
    }
    (shape, out)
}

#[test]
fn matmul_follows_its_definition() {
    let sides: [(&[usize], &[usize]); 12] = [
        (&[5], &[5]),
        (&[5], &[5, 7]),
        (&[3, 5], &[5]),
        (&[4, 3, 5], &[5]),
        (&[4, 3, 5], &[5, 2]),
        (&[3, 5], &[4, 5, 2]),
        (&[5], &[4, 5, 2]),
        (&[4, 1, 3, 5], &[2, 5, 2]),
        (&[1, 3, 5], &[6, 5, 2]),
        (&[2, 0, 3, 5], &[5, 2]),
        (&[2, 3, 0], &[2, 0, 4]),
        (&[70, 90], &[90, 110]),
    ];
    for (sa, sb) in sides {
        for transposed in [false, true] {
            let (a, b) = (leaf(sa, 1, transposed).detach(), leaf(sb, 2, transposed).detach());
            let (shape, expected) = by_definition(&a, &b);
            let got = a.matmul(&b);
            assert_eq!(got.shape(), shape, "{sa:?} @ {sb:?}");
            for (g, e) in got.to_vec::<f64>().iter().zip(&expected) {
                assert!((g - e).abs() < 1e-9, "{sa:?} @ {sb:?}: {g} for {e}");
            }
        }
    }
}

#[test]
fn integers_wrap_and_halves_round_once() {
    let a = Tensor::from_slice(&[100u8, 200]).view(&[1, 2]);
    let b = Tensor::from_slice(&[3u8, 4]).view(&[2, 1]);
    assert_eq!(a.mm(&b).to_vec::<u8>(), [(1100 % 256) as u8]);
    let h = Tensor::from_slice(&[1.0f32, 2049.0, -2048.0]).to_dtype(DType::BF16);
    let ones = Tensor::from_slice(&[1.0f32; 3]).to_dtype(DType::BF16);
    // 2049 is 2048 in bfloat16; a running sum in bfloat16 would lose the 1.
    assert_eq!(h.dot(&ones).to_dtype(DType::F32).to_vec::<f32>(), [1.0]);
}

#[test]
fn beta_zero_ignores_nan() {
    let nan = Tensor::full(&[2, 2], f64::NAN).to_dtype(DType::F32);
    let x = Tensor::ones(&[2, 2]);
    let y = matmul::addmm(&nan, &x, &x, Scalar::Float(0.0), ONE).unwrap();
    assert_eq!(y.to_vec::<f32>(), [2.0; 4]);
}

#[test]
fn words() {
    let f = |shape: &[i64]| Tensor::ones(shape);
    let d = |shape: &[i64]| Tensor::ones(shape).to_dtype(DType::F64);
    let b = |shape: &[i64]| Tensor::ones(shape).to_dtype(DType::Bool);
    let said = |r: Result<Tensor>, kind: ErrorKind, text: &str| {
        let e = r.unwrap_err();
        assert_eq!(e.kind(), kind);
        assert!(e.message().starts_with(text), "{e}");
    };
    use ErrorKind::{NotImplemented, Runtime};
    said(
        contract::matmul(&f(&[]), &f(&[2, 2])),
        Runtime,
        "both arguments to matmul need to be at least 1D, but they are 0D and 2D",
    );
    said(
        contract::matmul(&f(&[2, 2, 3]), &f(&[4, 5])),
        Runtime,
        "mm: mat1 and mat2 shapes cannot be multiplied (4x3 and 4x5)",
    );
    said(
        contract::matmul(&f(&[2, 2, 3]), &f(&[3, 3, 5])),
        Runtime,
        "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
    );
    said(
        matmul::mm(&f(&[2]), &f(&[2, 2])),
        Runtime,
        "mm: self must be a matrix, got 1-D tensor",
    );
    said(
        matmul::mm(&f(&[2, 2]), &d(&[2, 2])),
        Runtime,
        "expected m1 and m2 to have the same dtype, but got: float != double",
    );
    said(
        matmul::mm(&b(&[2, 2]), &b(&[2, 2])),
        NotImplemented,
        "\"addmm_impl_cpu_\" not implemented for 'Bool'",
    );
    said(
        matmul::bmm(&f(&[2, 2]), &f(&[2, 2, 2])),
        Runtime,
        "batch1 must be a 3D tensor",
    );
    said(
        matmul::bmm(&f(&[2, 2, 3]), &f(&[2, 4, 2])),
        Runtime,
        "Expected size for first two dimensions of batch2 tensor to be: [2, 3] but got: [2, 4].",
    );
    said(
        matmul::mv(&f(&[2, 3]), &f(&[4])),
        Runtime,
        "size mismatch, got input (2), mat (2x3), vec (4)",
    );
    said(
        matmul::dot(&f(&[2, 2]), &f(&[2])),
        Runtime,
        "1D tensors expected, but got 2D and 1D tensors",
    );
    said(
        matmul::dot(&f(&[2]), &f(&[3])),
        Runtime,
        "inconsistent tensor size, expected tensor [2] and src [3] to have the same number of elements, but got 2 and 3 elements respectively",
    );
    said(
        matmul::addmm(&f(&[3, 3]), &f(&[2, 3]), &f(&[3, 2]), ONE, ONE),
        Runtime,
        "The expanded size of the tensor (2) must match the existing size (3) at non-singleton dimension 1.  Target sizes: [2, 2].  Tensor sizes: [3, 3]",
    );
    said(
        matmul::addmm(&d(&[2, 2]), &f(&[2, 3]), &f(&[3, 2]), ONE, ONE),
        Runtime,
        "self and mat2 must have the same dtype, but got Double and Float",
    );
    said(
        matmul::addmv(&d(&[2]), &f(&[2, 3]), &f(&[3]), ONE, ONE),
        Runtime,
        "addmv input tensors must have the same dtype, but got Double, Float, and Float",
    );
    said(
        contract::inner(&f(&[2, 3]), &f(&[2, 4])),
        Runtime,
        "inner() the last dimension must match on both input tensors but got shapes [2, 3] and [2, 4]",
    );
    said(
        contract::tensordot(&f(&[2, 3]), &f(&[4, 2]), &[-1], &[0]),
        Runtime,
        "contracted dimensions need to match, but first has size 3 in dim -1 and second has size 4 in dim 0",
    );
}

#[test]
fn graphs_are_named_as_pytorch_names_them() {
    let a = leaf(&[2, 3, 4], 0, false);
    let b = leaf(&[4, 5], 1, false);
    let name = |t: &Tensor| t.grad_fn().unwrap().name().to_string();
    assert_eq!(name(&a.matmul(&b)), "UnsafeViewBackward0");
    assert_eq!(name(&b.t().matmul(&a.transpose(-1, -2))), "CloneBackward0");
    assert_eq!(name(&a.select(0, 0).matmul(&b)), "MmBackward0");
    assert_eq!(
        name(&contract::linear(&a.select(0, 0), &b.t(), Some(&b.select(0, 0))).unwrap()),
        "AddmmBackward0"
    );
}

/// The sum by its definition; equations of letters only, with an output.
fn einsum_by_definition(equation: &str, tensors: &[Tensor]) -> Vec<f64> {
    let (left, right) = equation.split_once("->").unwrap();
    let operands: Vec<&str> = left.split(',').collect();
    let mut letters: Vec<char> = right.chars().collect();
    let kept = letters.len();
    for c in left.chars().filter(|c| *c != ',') {
        if !letters.contains(&c) {
            letters.push(c);
        }
    }
    let mut sizes = vec![1; letters.len()];
    for (labels, x) in operands.iter().zip(tensors) {
        for (c, n) in labels.chars().zip(x.shape()) {
            let at = letters.iter().position(|l| *l == c).unwrap();
            if *n != 1 {
                sizes[at] = *n;
            }
        }
    }
    let values: Vec<Vec<f64>> = tensors.iter().map(Tensor::to_vec::<f64>).collect();
    let outputs: usize = sizes[..kept].iter().product();
    let terms: usize = sizes[kept..].iter().product();
    let mut out = vec![0.0; outputs];
    for i in 0..outputs * terms {
        let mut rest = i;
        let mut index = vec![0; letters.len()];
        for d in (0..letters.len()).rev() {
            index[d] = rest % sizes[d];
            rest /= sizes[d];
        }
        let mut product = 1.0;
        for ((labels, x), v) in operands.iter().zip(tensors).zip(&values) {
            let mut at = 0;
            for (c, n) in labels.chars().zip(x.shape()) {
                let k = index[letters.iter().position(|l| *l == c).unwrap()];
                at = at * n + if *n == 1 { 0 } else { k };
            }
            product *= v[at];
        }
        out[i / terms] += product;
    }
    out
}

#[test]
fn einsum_follows_its_definition() {
    let cases: [(&str, &[&[usize]]); 14] = [
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("ij->ji", &[&[2, 3]]),
        ("ij->", &[&[2, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("ii->", &[&[3, 3]]),
        ("iji->j", &[&[3, 2, 3]]),
        ("i,j->ij", &[&[2], &[3]]),
        ("bij,bjk->bik", &[&[2, 3, 2], &[2, 2, 4]]),
        ("bhid,bhjd->bhij", &[&[2, 2, 3, 2], &[2, 2, 4, 2]]),
        ("ijk,jil->kl", &[&[2, 3, 2], &[3, 2, 2]]),
        ("ab,bc,cd->da", &[&[2, 3], &[3, 2], &[2, 4]]),
        ("ab,ab,c->c", &[&[2, 3], &[1, 3], &[2]]),
        ("aab,bc->ca", &[&[2, 2, 3], &[3, 2]]),
        ("ij,kj->i", &[&[2, 0], &[3, 0]]),
    ];
    for (equation, shapes) in cases {
        let inputs: Vec<Tensor> = shapes.iter().enumerate().map(|(i, s)| leaf(s, i, i == 1)).collect();
        let expected = einsum_by_definition(equation, &inputs);
        let got = ops::einsum::einsum(equation, &inputs, None).unwrap().to_vec::<f64>();
        assert_eq!(got.len(), expected.len(), "{equation}");
        for (g, e) in got.iter().zip(&expected) {
            assert!((g - e).abs() < 1e-9, "{equation}: {g} for {e}");
        }
        let f = |x: &[Tensor]| ops::einsum::einsum(equation, x, None).map(|y| vec![y]);
        gradcheck(&f, &inputs, GradCheck::default()).unwrap_or_else(|e| panic!("{equation}: {e}"));
        gradgradcheck(&f, &inputs, GradCheck::default()).unwrap_or_else(|e| panic!("{equation}: {e}"));
    }
}

#[test]
fn einsum_forms_and_words() {
    let x = |shape: &[usize]| values(shape, 3);
    let run = |equation: &str, tensors: &[Tensor]| ops::einsum::einsum(equation, tensors, None);
    let shape = |equation: &str, tensors: &[Tensor]| run(equation, tensors).unwrap().shape().to_vec();
    assert_eq!(
        shape("...ij,...jk->...ik", &[x(&[5, 1, 2, 3]), x(&[4, 3, 2])]),
        [5, 4, 2, 2]
    );
    assert_eq!(shape("b...,b", &[x(&[2, 3, 4]), x(&[2])]), [3, 4]);
    assert_eq!(shape("ba,cb", &[x(&[2, 3]), x(&[4, 2])]), [3, 4]);
    assert_eq!(shape(" i j , j k -> i k ", &[x(&[2, 3]), x(&[3, 4])]), [2, 4]);
    assert!(shape("...->", &[x(&[2, 3])]).is_empty());
    let chain = [x(&[2, 3]), x(&[3, 4]), x(&[4, 2])];
    let left = run("ab,bc,cd->ad", &chain).unwrap().to_vec::<f64>();
    let right = ops::einsum::einsum("ab,bc,cd->ad", &chain, Some(&[1, 2, 0, 1]))
        .unwrap()
        .to_vec::<f64>();
    for (l, r) in left.iter().zip(&right) {
        assert!((l - r).abs() < 1e-9);
    }
    for (equation, tensors, text) in [
        ("ij", vec![], "einsum(): must provide at least one operand"),
        (
            "ij,jk",
            vec![x(&[2, 2])],
            "einsum(): fewer operands were provided than specified in the equation",
        ),
        (
            "ij",
            vec![x(&[2, 2]); 2],
            "einsum(): more operands were provided than specified in the equation",
        ),
        (
            "i.j",
            vec![x(&[2, 2])],
            "einsum(): found '.' for operand 0 that is not part of any ellipsis",
        ),
        (
            "......",
            vec![x(&[2, 2])],
            "einsum(): found '.' for operand 0 for which an ellipsis was already found",
        ),
        (
            "i1",
            vec![x(&[2, 2])],
            "einsum(): invalid subscript given at index 1 in the equation string, subscripts must be in [a-zA-Z]",
        ),
        (
            "ijk",
            vec![x(&[2, 2])],
            "einsum(): the number of subscripts in the equation (3) does not match the number of dimensions (2) for operand 0 and no ellipsis was given",
        ),
        (
            "ij->ii",
            vec![x(&[2, 2])],
            "einsum(): output subscript i appears more than once in the output",
        ),
        (
            "ij->k",
            vec![x(&[2, 2])],
            "einsum(): output subscript k does not appear in the equation for any input operand",
        ),
        (
            "ii",
            vec![x(&[2, 3])],
            "einsum(): subscript i is repeated for operand 0 but the sizes don't match, 3 != 2",
        ),
        (
            "ij,jk->ik",
            vec![x(&[2, 3]), x(&[4, 4])],
            "einsum(): subscript j has size 4 for operand 1 which does not broadcast with previously seen size 3",
        ),
    ] {
        assert_eq!(run(equation, &tensors).unwrap_err().message(), text);
    }
}
