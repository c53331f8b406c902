//! Einstein summation: parsing the equation, aligning the operands, contracting them pair by pair.
//!
//! The steps are those of PyTorch's `einsum` without an optimised path: every operand is permuted to the output's
//! labels followed by the summed ones, then neighbours are contracted from the left by batched matrix products.

use super::arith::mul;
use super::matmul::bmm;
use super::reduce::sum_dims;
use super::view::{as_strided, permute, reshape, unsqueeze, view};
use crate::layout::checked_numel;
use crate::{Result, Tensor, bail, ensure, ops};
use std::collections::VecDeque;

ops! {
    /// Sums products of the operands' elements over the labels that are not in the output:
    /// `einsum("ik,kj->ij", [a, b])` is the matrix product. Labels are letters, `...` stands for further dimensions,
    /// which broadcast; without `->` the output has the labels that occur once, in alphabetical order. `path` names the
    /// pairs to contract, in order.
    "einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor" []
    pub fn einsum(equation: &str, tensors: &[Tensor], path: Option<&[i64]>) -> Tensor = einsum_body;
}

/// A place in an operand's or the output's subscripts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    /// `A` to `Z`, then `a` to `z`: 0 to 51.
    Letter(usize),
    /// `...`
    Ellipsis,
}

const LETTERS: usize = 52;

fn letter(c: u8) -> usize {
    if c.is_ascii_uppercase() {
        (c - b'A') as usize
    } else {
        (c - b'a') as usize + 26
    }
}

fn shown(letter: usize) -> char {
    if letter < 26 {
        (b'A' + letter as u8) as char
    } else {
        (b'a' + (letter - 26) as u8) as char
    }
}

/// Where each label and each dimension of the ellipsis stands in the aligned operands.
struct Plan {
    operands: Vec<Vec<Label>>,
    /// Position of each letter, if it occurs.
    position: [Option<usize>; LETTERS],
    /// Position and number of the ellipsis' dimensions.
    ellipsis: (usize, usize),
    /// Dimensions of the output; those after it are summed.
    kept: usize,
    /// All dimensions.
    all: usize,
}

fn einsum_body(equation: &str, tensors: &[Tensor], path: Option<&[i64]>) -> Result<Tensor> {
    ensure!(
        !tensors.is_empty(),
        Runtime,
        "einsum(): must provide at least one operand"
    );
    let steps = path.map(|p| checked_path(p, tensors.len())).transpose()?;
    let plan = parse(equation, tensors)?;
    let (aligned, mut counts) = align(&plan, tensors)?;
    let mut operands: VecDeque<Tensor> = aligned.into();
    let mut steps = steps.into_iter().flatten();
    while operands.len() > 1 {
        let step = steps.next();
        let (i, j) = step.unwrap_or((0, 1));
        ensure!(
            i < operands.len() && j < operands.len() && i != j,
            Runtime,
            "einsum(): path pair ({i}, {j}) does not name two of the {} operands left",
            operands.len()
        );
        let (low, high) = (i.min(j), i.max(j));
        let (Some(second), Some(first)) = (operands.remove(high), operands.remove(low)) else {
            bail!(Runtime, "einsum(): the contraction path does not fit the operands");
        };
        let (a, b) = if i < j { (first, second) } else { (second, first) };
        let out = contract(&plan, &mut counts, a, b)?;
        if step.is_some() {
            operands.push_back(out)
        } else {
            operands.push_front(out)
        }
    }
    let Some(out) = operands.pop_front() else {
        bail!(Runtime, "einsum(): nothing was computed")
    };
    if plan.all == plan.kept {
        return Ok(out);
    }
    if tensors.len() > 1 {
        let shape: Vec<i64> = out.shape()[..plan.kept].iter().map(|n| *n as i64).collect();
        return view(&out, &shape);
    }
    let summed: Vec<i64> = (plan.kept..plan.all).map(|d| d as i64).collect();
    sum_dims(&out, Some(&summed), false, Some(out.dtype()))
}

fn checked_path(path: &[i64], operands: usize) -> Result<Vec<(usize, usize)>> {
    let wanted = if operands == 1 { 1 } else { 2 * (operands - 1) };
    ensure!(
        path.len() == wanted,
        Runtime,
        "einsum(): expected contraction path given in path parameter to have size {wanted} but got {}",
        path.len()
    );
    let index = |i: &i64| {
        usize::try_from(*i).map_err(|_| crate::err!(Runtime, "einsum(): the path holds the negative index {i}"))
    };
    path.chunks_exact(2)
        .map(|p| Ok((index(&p[0])?, index(&p[1])?)))
        .collect()
}

/// The labels of one side of the equation. `offset` is where it starts in the whole; `place` names it in errors.
fn labels(text: &[u8], offset: usize, output: bool, operands: usize) -> Result<Vec<Vec<Label>>> {
    let mut all = vec![Vec::new()];
    let mut dotted = false;
    let mut i = 0;
    while i < text.len() {
        let current = all.len() - 1;
        match text[i] {
            b' ' => {}
            b'.' if output => {
                ensure!(
                    !dotted,
                    Runtime,
                    "einsum(): found '.' for output but an ellipsis (...) was already found"
                );
                ensure!(
                    text[i..].starts_with(b"..."),
                    Runtime,
                    "einsum(): found '.' for output that is not part of any ellipsis (...)"
                );
                (dotted, i) = (true, i + 2);
                all[current].push(Label::Ellipsis);
            }
            b'.' => {
                ensure!(
                    !dotted,
                    Runtime,
                    "einsum(): found '.' for operand {current} for which an ellipsis was already found"
                );
                ensure!(
                    text[i..].starts_with(b"..."),
                    Runtime,
                    "einsum(): found '.' for operand {current} that is not part of any ellipsis"
                );
                (dotted, i) = (true, i + 2);
                all[current].push(Label::Ellipsis);
            }
            b',' if !output => {
                ensure!(
                    all.len() < operands,
                    Runtime,
                    "einsum(): fewer operands were provided than specified in the equation"
                );
                all.push(Vec::new());
                dotted = false;
            }
            c => {
                ensure!(
                    c.is_ascii_alphabetic(),
                    Runtime,
                    "einsum(): invalid subscript given at index {} in the equation string, subscripts must be in [a-zA-Z]",
                    offset + i
                );
                all[current].push(Label::Letter(letter(c)));
            }
        }
        i += 1;
    }
    Ok(all)
}

fn parse(equation: &str, tensors: &[Tensor]) -> Result<Plan> {
    let arrow = equation.find("->");
    let left = &equation[..arrow.unwrap_or(equation.len())];
    let operands = labels(left.as_bytes(), 0, false, tensors.len())?;
    ensure!(
        operands.len() == tensors.len(),
        Runtime,
        "einsum(): more operands were provided than specified in the equation"
    );
    let mut count = [0usize; LETTERS];
    let mut covered = 0;
    for (i, (labels, x)) in operands.iter().zip(tensors).enumerate() {
        let dotted = labels.contains(&Label::Ellipsis);
        let n = labels.len() - dotted as usize;
        for l in labels {
            if let Label::Letter(l) = l {
                count[*l] += 1;
            }
        }
        if dotted {
            ensure!(
                n <= x.dim(),
                Runtime,
                "einsum(): the number of subscripts in the equation ({n}) is more than the number of dimensions ({}) for operand {i}",
                x.dim()
            );
            covered = covered.max(x.dim() - n);
        } else {
            ensure!(
                n == x.dim(),
                Runtime,
                "einsum(): the number of subscripts in the equation ({n}) does not match the number of dimensions ({}) for operand {i} and no ellipsis was given",
                x.dim()
            );
        }
    }
    let mut position = [None; LETTERS];
    let mut next = 0;
    let mut ellipsis = None;
    match arrow {
        None => {
            (ellipsis, next) = (Some(0), covered);
            for l in (0..LETTERS).filter(|l| count[*l] == 1) {
                position[l] = Some(next);
                next += 1;
            }
        }
        Some(at) => {
            let right = labels(&equation.as_bytes()[at + 2..], at + 2, true, 1)?;
            for l in &right[0] {
                match l {
                    Label::Ellipsis => {
                        ellipsis = Some(next);
                        next += covered;
                    }
                    Label::Letter(l) => {
                        ensure!(
                            position[*l].is_none(),
                            Runtime,
                            "einsum(): output subscript {} appears more than once in the output",
                            shown(*l)
                        );
                        ensure!(
                            count[*l] > 0,
                            Runtime,
                            "einsum(): output subscript {} does not appear in the equation for any input operand",
                            shown(*l)
                        );
                        position[*l] = Some(next);
                        next += 1;
                    }
                }
            }
        }
    }
    let kept = next;
    let start = ellipsis.unwrap_or_else(|| {
        next += covered;
        kept
    });
    for l in (0..LETTERS).filter(|l| count[*l] > 0) {
        if position[l].is_none() {
            position[l] = Some(next);
            next += 1;
        }
    }
    ensure!(
        next <= duoc_kernels::nd::MAX_DIMS,
        Runtime,
        "einsum(): the equation has {next} different dimensions; tensors have at most 64"
    );
    Ok(Plan {
        operands,
        position,
        ellipsis: (start, covered),
        kept,
        all: next,
    })
}

/// The operands with every dimension of the plan, size 1 where they lack it, and how many of them have each.
fn align(plan: &Plan, tensors: &[Tensor]) -> Result<(Vec<Tensor>, Vec<usize>)> {
    let mut sizes = [1usize; LETTERS];
    let (start, covered) = plan.ellipsis;
    let mut ellipsis_sizes = vec![1usize; covered];
    let mut counts = vec![0usize; plan.all];
    let mut aligned = Vec::with_capacity(tensors.len());
    for (i, (labels, x)) in plan.operands.iter().zip(tensors).enumerate() {
        let mut op = x.clone();
        let mut order: Vec<Option<usize>> = vec![None; plan.all];
        let mut d = 0;
        for label in labels {
            let l = match label {
                Label::Ellipsis => {
                    let here = x.dim() + 1 - labels.len();
                    for (at, seen) in ellipsis_sizes.iter_mut().enumerate().skip(covered - here) {
                        let n = op.shape()[d];
                        if n != 1 {
                            ensure!(
                                *seen == 1 || *seen == n,
                                Runtime,
                                "einsum(): dimension {d} covered by ellipsis in operand {i} has size {n} which does not broadcast with previously seen ellipsis with size {seen} for the respective dimension"
                            );
                            *seen = n;
                            counts[start + at] += 1;
                        }
                        order[start + at] = Some(d);
                        d += 1;
                    }
                    continue;
                }
                Label::Letter(l) => *l,
            };
            // Every letter of an operand has a position.
            let Some(at) = plan.position[l] else { continue };
            let n = op.shape()[d];
            if let Some(before) = order[at] {
                let m = op.shape()[before];
                ensure!(
                    n == m,
                    Runtime,
                    "einsum(): subscript {} is repeated for operand {i} but the sizes don't match, {n} != {m}",
                    shown(l)
                );
                op = diagonal(&op, before, d)?;
                continue;
            }
            if n != 1 {
                ensure!(
                    sizes[l] == 1 || sizes[l] == n,
                    Runtime,
                    "einsum(): subscript {} has size {n} for operand {i} which does not broadcast with previously seen size {}",
                    shown(l),
                    sizes[l]
                );
                sizes[l] = n;
                counts[at] += 1;
            }
            order[at] = Some(d);
            d += 1;
        }
        let mut permutation = Vec::with_capacity(plan.all);
        for place in order {
            permutation.push(match place {
                Some(d) => d as i64,
                None => {
                    op = unsqueeze(&op, -1)?;
                    op.dim() as i64 - 1
                }
            });
        }
        aligned.push(permute(&op, &permutation)?);
    }
    Ok((aligned, counts))
}

/// Dimension `b` walked together with dimension `a`, which stays.
fn diagonal(x: &Tensor, a: usize, b: usize) -> Result<Tensor> {
    let mut shape: Vec<i64> = x.shape().iter().map(|n| *n as i64).collect();
    let mut strides: Vec<i64> = x.strides().iter().map(|n| *n as i64).collect();
    strides[a] = strides[a].saturating_add(strides[b]);
    shape.remove(b);
    strides.remove(b);
    as_strided(x, &shape, &strides, Some(x.storage_offset() as i64))
}

/// The product of two aligned operands, summed over the dimensions that no other operand has.
fn contract(plan: &Plan, counts: &mut [usize], a: Tensor, b: Tensor) -> Result<Tensor> {
    let (mut only_a, mut only_b, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for d in plan.kept..plan.all {
        let (in_a, in_b) = (a.shape()[d] != 1, b.shape()[d] != 1);
        if in_a && in_b {
            counts[d] -= 1;
            if counts[d] == 1 {
                both.push(d);
                counts[d] = 0;
            }
        } else if counts[d] == 1 && (in_a || in_b) {
            if in_a {
                only_a.push(d as i64)
            } else {
                only_b.push(d as i64)
            }
            counts[d] = 0;
        }
    }
    let summed = |x: Tensor, dims: &[i64]| -> Result<Tensor> {
        if dims.is_empty() {
            Ok(x)
        } else {
            sum_dims(&x, Some(dims), true, Some(x.dtype()))
        }
    };
    sum_of_products(&summed(a, &only_a)?, &summed(b, &only_b)?, &both)
}

/// The sum over `summed` of `a * b`, which have one rank; the summed dimensions stay with size 1.
///
/// One batched matrix product: the dimensions that both have and keep are its batch, those of one alone its rows or
/// columns.
fn sum_of_products(a: &Tensor, b: &Tensor, summed: &[usize]) -> Result<Tensor> {
    if summed.is_empty() {
        return mul(a, b);
    }
    let (mut shared, mut rows, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for d in (0..a.dim()).filter(|d| !summed.contains(d)) {
        match (a.shape()[d] != 1, b.shape()[d] != 1) {
            (true, true) => shared.push(d),
            (true, false) => rows.push(d),
            (false, _) => columns.push(d),
        }
    }
    let size = |x: &Tensor, dims: &[usize]| -> Result<i64> {
        let sizes: Vec<usize> = dims.iter().map(|d| x.shape()[*d]).collect();
        Ok(checked_numel(&sizes, x.dtype().size())? as i64)
    };
    let order = |parts: [&[usize]; 4]| -> Vec<i64> { parts.iter().copied().flatten().map(|d| *d as i64).collect() };
    let (batch, n, m, p) = (size(a, &shared)?, size(a, &rows)?, size(a, summed)?, size(b, &columns)?);
    let left = reshape(&permute(a, &order([&shared, &rows, summed, &columns]))?, &[batch, n, m])?;
    let right = reshape(&permute(b, &order([&shared, summed, &columns, &rows]))?, &[batch, m, p])?;
    let mut shape: Vec<i64> = Vec::new();
    shape.extend(shared.iter().chain(&rows).map(|d| a.shape()[*d] as i64));
    shape.extend(summed.iter().map(|_| 1));
    shape.extend(columns.iter().map(|d| b.shape()[*d] as i64));
    let out = view(&bmm(&left, &right)?, &shape)?;
    let mut back = vec![0i64; a.dim()];
    for (place, d) in order([&shared, &rows, summed, &columns]).into_iter().enumerate() {
        back[d as usize] = place as i64;
    }
    permute(&out, &back)
}
