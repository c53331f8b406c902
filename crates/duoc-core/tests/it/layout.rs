//! Random chains of views against a naive model: the list of storage places that the elements have.

use duoc_core::op::{Value, registry};
use duoc_core::ops::view;
use duoc_core::{DType, Tensor, catch};

/// A small generator of pseudo-random numbers (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n.max(1)
    }
}

/// What a view is, by definition.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    shape: Vec<usize>,
    places: Vec<usize>,
}

impl Model {
    /// The view whose element `i` is the element `f(i)` of this one.
    fn remap(&self, shape: Vec<usize>, f: impl Fn(&[usize]) -> Vec<usize>) -> Model {
        let places = indices(&shape)
            .map(|i| {
                let old = f(&i);
                let flat = old.iter().zip(&self.shape).fold(0, |at, (i, n)| at * n + i);
                self.places[flat]
            })
            .collect();
        Model { shape, places }
    }

    /// Strides and offset that give these places, if there are any.
    fn strides(&self, shape: &[usize]) -> Option<Vec<isize>> {
        let first = *self.places.first()? as isize;
        let mut strides = vec![0; shape.len()];
        let mut step = 1;
        for d in (0..shape.len()).rev() {
            if shape[d] > 1 {
                strides[d] = self.places[step] as isize - first;
            }
            step *= shape[d];
        }
        let fits = indices(shape)
            .zip(&self.places)
            .all(|(i, p)| first + i.iter().zip(&strides).map(|(i, s)| *i as isize * s).sum::<isize>() == *p as isize);
        (fits && strides.iter().all(|s| *s >= 0)).then_some(strides)
    }
}

/// Every index of a shape in row-major order.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let shape = shape.to_vec();
    (0..shape.iter().product()).map(move |mut k| {
        let mut i = vec![0; shape.len()];
        for d in (0..shape.len()).rev() {
            i[d] = k % shape[d];
            k /= shape[d];
        }
        i
    })
}

fn with<T: Clone>(list: &[T], d: usize, x: T) -> Vec<T> {
    let mut list = list.to_vec();
    list[d] = x;
    list
}

fn ints(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|n| *n as i64).collect()
}

/// One random step; None where the chosen one is not possible.
fn step(dice: &mut Dice, x: &Tensor, m: &Model) -> Option<(Tensor, Model)> {
    let n = m.shape.len();
    let d = dice.below(n);
    let kind = dice.below(9);
    if n == 0 && !matches!(kind, 4 | 5 | 7) {
        return None;
    }
    // Negative dimensions count from the end.
    let at = |dice: &mut Dice| {
        if dice.below(2) == 0 {
            d as i64
        } else {
            d as i64 - n as i64
        }
    };
    Some(match kind {
        0 => {
            let len = m.shape[d];
            let (a, b, s) = (dice.below(len + 3), dice.below(len + 3), 1 + dice.below(3));
            let end = b.min(len);
            let start = a.min(len);
            let count = end.saturating_sub(start).div_ceil(s);
            let start_arg = if a < len && dice.below(2) == 0 {
                a as i64 - len as i64
            } else {
                a as i64
            };
            (
                view::slice(x, at(dice), Some(start_arg), Some(b as i64), s as i64).unwrap(),
                m.remap(with(&m.shape, d, count), |i| with(i, d, start + i[d] * s)),
            )
        }
        1 => {
            let len = m.shape[d];
            if len == 0 {
                assert!(catch(|| x.select(d as i64, 0)).is_err());
                return None;
            }
            let k = dice.below(len);
            let arg = if dice.below(2) == 0 {
                k as i64
            } else {
                k as i64 - len as i64
            };
            let mut shape = m.shape.clone();
            shape.remove(d);
            let insert = |i: &[usize]| {
                let mut i = i.to_vec();
                i.insert(d, k);
                i
            };
            (x.select(at(dice), arg), m.remap(shape, insert))
        }
        2 => {
            let mut order: Vec<usize> = (0..n).collect();
            for k in (1..n).rev() {
                order.swap(k, dice.below(k + 1));
            }
            let shape = order.iter().map(|d| m.shape[*d]).collect();
            let back = |i: &[usize]| {
                let mut old = vec![0; n];
                order.iter().zip(i).for_each(|(d, i)| old[*d] = *i);
                old
            };
            (x.permute(&ints(&order)), m.remap(shape, back))
        }
        3 => {
            let e = dice.below(n);
            let mut shape = m.shape.clone();
            shape.swap(d, e);
            let back = |i: &[usize]| {
                let mut i = i.to_vec();
                i.swap(d, e);
                i
            };
            (x.transpose(at(dice), e as i64), m.remap(shape, back))
        }
        4 => {
            let d = dice.below(n + 1);
            let mut shape = m.shape.clone();
            shape.insert(d, 1);
            (
                x.unsqueeze(d as i64),
                m.remap(shape, |i| [&i[..d], &i[d + 1..]].concat()),
            )
        }
        5 => {
            // A new leading dimension and every dimension of size 1 made larger.
            let lead = 1 + dice.below(2);
            let mut shape = vec![lead];
            shape.extend(m.shape.iter().map(|n| if *n == 1 { 1 + dice.below(3) } else { *n }));
            if shape.iter().product::<usize>() > 400 {
                return None;
            }
            let narrow = |i: &[usize]| {
                i[1..]
                    .iter()
                    .zip(&m.shape)
                    .map(|(i, n)| if *n == 1 { 0 } else { *i })
                    .collect()
            };
            (x.expand(&ints(&shape)), m.remap(shape, narrow))
        }
        6 => {
            let keep: Vec<usize> = (0..n).filter(|d| m.shape[*d] != 1).collect();
            let shape = keep.iter().map(|d| m.shape[*d]).collect();
            let back = |i: &[usize]| {
                let mut old = vec![0; n];
                keep.iter().zip(i).for_each(|(d, i)| old[*d] = *i);
                old
            };
            (x.squeeze(), m.remap(shape, back))
        }
        7 => return viewed(dice, x, m),
        _ => return unfolded(dice, x, m, d),
    })
}

/// `view` works exactly where strides exist; `reshape` always has the elements in the same order.
fn viewed(dice: &mut Dice, x: &Tensor, m: &Model) -> Option<(Tensor, Model)> {
    let mut rest = m.places.len();
    if rest == 0 {
        return None;
    }
    let mut shape = Vec::new();
    while rest > 1 && shape.len() < 4 {
        let factors: Vec<usize> = (1..=rest).filter(|f| rest.is_multiple_of(*f)).collect();
        let f = factors[dice.below(factors.len())];
        shape.push(f);
        rest /= f;
    }
    shape.push(rest);
    let mut sizes = ints(&shape);
    if dice.below(3) == 0 {
        let d = dice.below(sizes.len());
        sizes[d] = -1;
    }
    let places = m.places.clone();
    assert_eq!(x.reshape(&sizes).to_vec::<i64>(), want(&places));
    let new = Model { shape, places };
    match catch(|| x.view(&sizes)) {
        Ok(v) => Some((v, new)),
        Err(e) => {
            assert_eq!(new.strides(&new.shape), None, "{e}");
            None
        }
    }
}

/// `unfold`: windows of a dimension as a last dimension.
fn unfolded(dice: &mut Dice, x: &Tensor, m: &Model, d: usize) -> Option<(Tensor, Model)> {
    let entry = registry().get("unfold")?;
    let len = m.shape[d];
    let (size, gap) = (dice.below(len + 1), 1 + dice.below(3));
    let mut shape = with(&m.shape, d, (len - size) / gap + 1);
    shape.push(size);
    let args = [
        Value::Tensor(x.clone()),
        Value::Int(d as i64),
        Value::Int(size as i64),
        Value::Int(gap as i64),
    ];
    let out = entry.call(&args).unwrap();
    let n = m.shape.len();
    let model = m.remap(shape, |i| with(&i[..n], d, i[d] * gap + i[n]));
    Some((out.tensors()[0].clone(), model))
}

/// What the elements of the first tensor are: their places, distinct and not zero.
fn want(places: &[usize]) -> Vec<i64> {
    places.iter().map(|p| *p as i64 + 100).collect()
}

#[test]
fn chains_of_views() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..3000 {
        let shape: Vec<usize> = (0..1 + dice.below(4)).map(|_| [1, 2, 3, 4, 6][dice.below(5)]).collect();
        let total: usize = shape.iter().product();
        let base = Tensor::arange(100, 100 + total as i64);
        let mut m = Model {
            shape: shape.clone(),
            places: (0..total).collect(),
        };
        let mut x = base.view(&ints(&shape));
        for _ in 0..dice.below(7) {
            let Some((y, n)) = step(&mut dice, &x, &m) else {
                continue;
            };
            assert_eq!(y.shape(), n.shape, "round {round}");
            assert_eq!(
                y.to_vec::<i64>(),
                want(&n.places),
                "round {round}: {:?} {:?}",
                y.shape(),
                y.strides()
            );
            (x, m) = (y, n);
            if m.places.len() > 2000 {
                break;
            }
        }
        assert!(x.storage().same(base.storage()));
        geometry(&x, &m);
        writing(&base, &x, &m);
    }
}

/// The layout says the same as the model.
fn geometry(x: &Tensor, m: &Model) {
    let layout = x.layout();
    assert_eq!(layout.numel(), m.places.len());
    let at = |i: &[usize]| {
        let steps = i.iter().zip(layout.strides()).map(|(i, s)| *i as isize * s);
        layout.offset() + steps.sum::<isize>() as usize
    };
    assert!(indices(&m.shape).zip(&m.places).all(|(i, p)| at(&i) == *p));
    let reach = m.places.iter().max().map_or(0, |p| p + 1);
    assert_eq!(layout.span(), Some(reach));
    let in_order = m.places.windows(2).all(|w| w[1] == w[0] + 1);
    assert_eq!(x.is_contiguous(), in_order, "{:?} {:?}", x.shape(), x.strides());
    let mut sorted = m.places.clone();
    sorted.sort_unstable();
    if layout.is_non_overlapping_and_dense() && !sorted.is_empty() {
        assert!(sorted.windows(2).all(|w| w[1] == w[0] + 1));
    }
    if layout.has_internal_overlap() {
        assert!(sorted.windows(2).any(|w| w[1] == w[0]));
    }
    // The same geometry asked for by `as_strided`.
    let strides: Vec<i64> = x.strides().iter().map(|s| *s as i64).collect();
    let again = x.as_strided(&ints(x.shape()), &strides, None);
    assert_eq!(again.to_vec::<i64>(), x.to_vec::<i64>());
}

/// Writing into a view changes these places of the root, and nothing else.
fn writing(base: &Tensor, x: &Tensor, m: &Model) {
    let mut sorted = m.places.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let news = Tensor::arange(-(m.places.len() as i64), 0).reshape(&ints(x.shape()));
    let written = catch(|| {
        x.copy_(&news);
    });
    let mut expected: Vec<i64> = base.to_vec();
    if sorted.len() == m.places.len() {
        written.unwrap();
        for (k, p) in m.places.iter().enumerate() {
            expected[*p] = k as i64 - m.places.len() as i64;
        }
        assert_eq!(base.to_vec::<i64>(), expected);
    }
}

/// The gradient of a chain of views counts, at each place, what arrives there.
#[test]
fn gradients_of_chains() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for round in 0..400 {
        let shape: Vec<usize> = (0..1 + dice.below(3)).map(|_| [1, 2, 3, 4][dice.below(4)]).collect();
        let total: usize = shape.iter().product();
        let leaf = Tensor::arange(100, 100 + total as i64).to_dtype(DType::F64);
        let leaf = leaf.view(&ints(&shape)).detach().requires_grad_(true).unwrap();
        let mut m = Model {
            shape,
            places: (0..total).collect(),
        };
        let mut x = leaf.clone();
        for _ in 0..dice.below(6) {
            if let Some((y, n)) = step(&mut dice, &x, &m) {
                (x, m) = (y, n);
            }
        }
        let weights = Tensor::arange(1, m.places.len() as i64 + 1).to_dtype(DType::F64);
        let weights = weights.reshape(&ints(x.shape()));
        (&x * &weights).sum().backward().unwrap();
        let mut expected = vec![0.0; total];
        m.places
            .iter()
            .enumerate()
            .for_each(|(k, p)| expected[*p] += k as f64 + 1.0);
        assert_eq!(leaf.grad().unwrap().to_vec::<f64>(), expected, "round {round}");
    }
}
