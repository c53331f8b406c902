//! L-BFGS: steps by an approximation of the inverse Hessian from the last gradients.

use super::sgd::not_negative;
use super::*;
use crate::Param;
use duoc_core::{Result, Scalar, Tensor, bail, catch, ensure, ops};

algorithm! {
    /// Limited-memory BFGS (D. Liu, J. Nocedal, 1989): the direction is `-H g`, with `H` from the last `history_size`
    /// changes of parameters and gradients by the two-loop recursion; the step is `lr`, or found by a line search for
    /// the strong Wolfe conditions. It evaluates the loss several times a step: use
    /// [`Optimizer::step_with`](crate::optim::Optimizer::step_with). For full batches and one group of parameters.
    LBFGS {
        /// Step length.
        lr: f64 = 1.0,
        /// Most iterations of a step.
        max_iter: i64 = 20,
        /// Most evaluations of a step; 5/4 of `max_iter` if none.
        max_eval: Option<i64> = None,
        /// The largest gradient element at which the search ends.
        tolerance_grad: f64 = 1e-7,
        /// The change of loss or parameters at which the search ends.
        tolerance_change: f64 = 1e-9,
        /// Changes that are remembered.
        history_size: i64 = 100,
        /// `strong_wolfe` or none.
        line_search_fn: Option<String> = None,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed []
    whole ["lr"]
}

impl Algorithm for LBFGS {
    fn name(&self) -> &'static str {
        "LBFGS"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn complete(&self, o: &mut Entries) {
        if let (Some(Value::None), Ok(iterations)) = (o.get("max_eval"), o.number("max_iter")) {
            o.set("max_eval", (iterations as i64).saturating_mul(5) / 4);
        }
    }
    fn numbers(&self) -> &'static [&'static str] {
        &[]
    }
    fn check(&self, o: &Entries) -> Result<()> {
        not_negative(o, "lr", "learning rate")?;
        match o.get("line_search_fn") {
            None | Some(Value::None) => Ok(()),
            Some(Value::Text(f)) if f == "strong_wolfe" => Ok(()),
            Some(other) => bail!(Runtime, "only 'strong_wolfe' is supported, not {other}"),
        }
    }
    fn check_group(&self, _: &Group, there: usize) -> Result<()> {
        ensure!(
            there == 0,
            Value,
            "LBFGS doesn't support per-parameter options (parameter groups)"
        );
        Ok(())
    }
    fn needs_closure(&self) -> bool {
        true
    }
    fn step(&self, groups: &mut [Group], states: &mut States, closure: Option<Closure>) -> Result<Option<f64>> {
        let (Some(group), Some(closure)) = (groups.first(), closure) else {
            bail!(Type, "LBFGS.step() needs a closure that evaluates the loss");
        };
        let Some(first) = group.params.first() else {
            return closure().map(Some);
        };
        let mut memory = Memory::read(states.of(first), &group.options)?;
        let mut search = Search {
            params: &group.params,
            closure,
            maximize: group.options.flag("maximize")?,
        };
        let loss = search.run(&group.options, &mut memory)?;
        memory.write(states.of(first));
        Ok(Some(loss))
    }
}

/// What is remembered from step to step.
#[derive(Default)]
struct Memory {
    evaluations: i64,
    iterations: i64,
    direction: Option<Tensor>,
    length: f64,
    /// Changes of the gradient, of the parameters, and the inverses of their products.
    gradients: Vec<Tensor>,
    steps: Vec<Tensor>,
    inverses: Vec<f64>,
    scale: f64,
    gradient: Option<Tensor>,
    loss: f64,
}

impl Memory {
    fn read(e: &Entries, options: &Entries) -> Result<Memory> {
        let number = |name: &str, start: f64| e.get(name).and_then(Value::number).unwrap_or(start);
        let tensors = |name: &str| -> Vec<Tensor> {
            match e.get(name) {
                Some(Value::List(vs) | Value::Tuple(vs)) => vs.iter().filter_map(Value::tensor).cloned().collect(),
                _ => Vec::new(),
            }
        };
        let inverses = match e.get("ro") {
            Some(Value::List(vs) | Value::Tuple(vs)) => vs.iter().filter_map(Value::number).collect(),
            _ => Vec::new(),
        };
        let m = Memory {
            evaluations: number("func_evals", 0.0) as i64,
            iterations: number("n_iter", 0.0) as i64,
            direction: e.get("d").and_then(Value::tensor).cloned(),
            length: number("t", 0.0),
            gradients: tensors("old_dirs"),
            steps: tensors("old_stps"),
            inverses,
            scale: number("H_diag", 1.0),
            gradient: e.get("prev_flat_grad").and_then(Value::tensor).cloned(),
            loss: number("prev_loss", f64::NAN),
        };
        let whole = m.gradients.len() == m.steps.len()
            && m.steps.len() == m.inverses.len()
            && m.steps.len() as f64 <= options.number("history_size")?.max(0.0)
            && (m.iterations == 0 || m.direction.is_some() && m.gradient.is_some());
        ensure!(
            whole,
            Value,
            "the state of LBFGS is incomplete: its lists have different lengths or are missing"
        );
        Ok(m)
    }

    fn write(self, e: &mut Entries) {
        let list = |ts: Vec<Tensor>| Value::List(ts.into_iter().map(Value::Tensor).collect());
        e.set("func_evals", self.evaluations);
        e.set("n_iter", self.iterations);
        if self.iterations == 0 {
            return;
        }
        e.set("d", Value::from(self.direction));
        e.set("t", self.length);
        e.set("old_dirs", list(self.gradients));
        e.set("old_stps", list(self.steps));
        e.set("ro", Value::List(self.inverses.into_iter().map(Value::Float).collect()));
        e.set("H_diag", self.scale);
        e.set("prev_flat_grad", Value::from(self.gradient));
        e.set("prev_loss", self.loss);
    }

    /// Takes in the change since the last gradient.
    fn remember(&mut self, now: &Tensor, history: usize) {
        let (Some(d), Some(last)) = (&self.direction, &self.gradient) else {
            return;
        };
        let (y, s) = (now - last, d * self.length);
        let product = dot(&y, &s);
        if product > 1e-10 && history > 0 {
            if self.gradients.len() >= history {
                self.gradients.remove(0);
                self.steps.remove(0);
                self.inverses.remove(0);
            }
            self.scale = product / dot(&y, &y);
            self.gradients.push(y);
            self.steps.push(s);
            self.inverses.push(1.0 / product);
        }
    }

    /// `-H g` by the two-loop recursion (J. Nocedal, S. Wright, Numerical Optimization, algorithm 7.4).
    fn newton(&self, g: &Tensor) -> Result<Tensor> {
        let mut q = -g;
        let mut weights = vec![0.0; self.steps.len()];
        for i in (0..self.steps.len()).rev() {
            weights[i] = dot(&self.steps[i], &q) * self.inverses[i];
            q = ops::arith::sub(&q, &self.gradients[i], Scalar::Float(weights[i]))?;
        }
        let mut r = q * self.scale;
        for i in 0..self.steps.len() {
            let b = dot(&self.gradients[i], &r) * self.inverses[i];
            r = ops::arith::add(&r, &self.steps[i], Scalar::Float(weights[i] - b))?;
        }
        Ok(r)
    }
}

fn dot(x: &Tensor, y: &Tensor) -> f64 {
    x.dot(y).item().to_f64()
}

fn largest(x: &Tensor) -> f64 {
    x.abs().max().item().to_f64()
}

/// A place on the line of search.
#[derive(Clone)]
struct Point {
    t: f64,
    loss: f64,
    gradient: Tensor,
    slope: f64,
}

struct Search<'a> {
    params: &'a [Param],
    closure: Closure<'a>,
    maximize: bool,
}

impl Search<'_> {
    fn evaluate(&mut self) -> Result<(f64, Tensor)> {
        let loss = (self.closure)()?;
        let mut flat = Vec::with_capacity(self.params.len());
        for p in self.params {
            flat.push(match p.grad() {
                Some(g) => g.reshape(&[-1]),
                None => p.detach().zeros_like().reshape(&[-1]),
            });
        }
        let g = ops::join::cat(&flat, 0)?;
        Ok(if self.maximize { (-loss, -g) } else { (loss, g) })
    }

    fn move_by(&self, length: f64, direction: &Tensor) -> Result<()> {
        let mut at = 0;
        for p in self.params {
            let n = p.numel() as i64;
            let part = ops::view::narrow(direction, 0, at, n)?;
            let shape: Vec<i64> = p.shape().iter().map(|d| *d as i64).collect();
            let moved = ops::arith::add(&p.detach(), &part.reshape(&shape), Scalar::Float(length))?;
            ops::copy::copy_(p, &moved)?;
            at += n;
        }
        Ok(())
    }

    fn run(&mut self, o: &Entries, m: &mut Memory) -> Result<f64> {
        let (lr, tolerance) = (o.number("lr")?, o.number("tolerance_change")?);
        let (max_iter, max_eval) = (o.number("max_iter")? as i64, o.number("max_eval")? as i64);
        let (flat_enough, history) = (o.number("tolerance_grad")?, o.number("history_size")?.max(0.0) as usize);
        let line_search = matches!(o.get("line_search_fn"), Some(Value::Text(_)));
        let (mut loss, mut gradient) = self.evaluate()?;
        let first = if self.maximize { -loss } else { loss };
        let mut evaluations = 1;
        m.evaluations += 1;
        if gradient.numel() == 0 || largest(&gradient) <= flat_enough {
            return Ok(first);
        }
        for iteration in 1..=max_iter {
            m.iterations += 1;
            let fresh = m.iterations == 1;
            let d = if fresh {
                m.scale = 1.0;
                -&gradient
            } else {
                catch(|| m.remember(&gradient, history))?;
                catch(|| m.newton(&gradient))??
            };
            m.gradient = Some(gradient.copy());
            m.loss = loss;
            m.length = match fresh {
                true => lr * (1.0 / gradient.abs().sum().item().to_f64()).min(1.0),
                false => lr,
            };
            m.direction = Some(d.clone());
            let slope = dot(&gradient, &d);
            if slope > -tolerance {
                break;
            }
            let mut tried = 0;
            if line_search {
                let start = Point {
                    t: 0.0,
                    loss,
                    gradient: gradient.copy(),
                    slope,
                };
                let (found, n) = self.strong_wolfe(start, m.length, &d, max_eval - evaluations)?;
                (m.length, loss, gradient, tried) = (found.t, found.loss, found.gradient, n);
                self.move_by(m.length, &d)?;
            } else {
                self.move_by(m.length, &d)?;
                if iteration != max_iter {
                    (loss, gradient) = self.evaluate()?;
                    tried = 1;
                }
            }
            evaluations += tried;
            m.evaluations += tried;
            let done = evaluations >= max_eval
                || largest(&gradient) <= flat_enough
                || largest(&(&d * m.length)) <= tolerance
                || (loss - m.loss).abs() < tolerance;
            if done {
                break;
            }
        }
        Ok(first)
    }

    /// The loss and its slope at `t` along the direction; the parameters are put back.
    fn look(&mut self, t: f64, d: &Tensor) -> Result<Point> {
        let before: Vec<Tensor> = self.params.iter().map(|p| p.detach().copy()).collect();
        self.move_by(t, d)?;
        let evaluated = self.evaluate();
        for (p, old) in self.params.iter().zip(&before) {
            ops::copy::copy_(p, old)?;
        }
        let (loss, gradient) = evaluated?;
        let slope = dot(&gradient, d);
        Ok(Point {
            t,
            loss,
            gradient,
            slope,
        })
    }

    /// A step length that meets the strong Wolfe conditions with 1e-4 and 0.9: an interval that holds one is found by
    /// growing the step, then narrowed by cubic interpolation (Nocedal, Wright, algorithms 3.5 and 3.6).
    fn strong_wolfe(&mut self, start: Point, first: f64, d: &Tensor, most: i64) -> Result<(Point, i64)> {
        const DECREASE: f64 = 1e-4;
        const CURVATURE: f64 = 0.9;
        const SMALLEST: f64 = 1e-9;
        let most = most.max(0);
        let reach = largest(d);
        let too_high = |p: &Point| p.loss > start.loss + DECREASE * p.t * start.slope;
        let flat = |p: &Point| p.slope.abs() <= -CURVATURE * start.slope;
        let (mut last, mut now) = (start.clone(), self.look(first, d)?);
        let (mut evaluations, mut round) = (1, 0);
        let mut bracket = loop {
            if round >= most {
                break [start.clone(), now];
            }
            if too_high(&now) || round > 1 && now.loss >= last.loss {
                break [last, now];
            }
            if flat(&now) {
                return Ok((now, evaluations));
            }
            if now.slope >= 0.0 {
                break [last, now];
            }
            let bounds = (now.t + 0.01 * (now.t - last.t), now.t * 10.0);
            let t = cubic_minimum(&last, &now, Some(bounds));
            last = now;
            now = self.look(t, d)?;
            evaluations += 1;
            round += 1;
        };
        let mut stuck = false;
        let mut low = usize::from(bracket[0].loss > bracket[1].loss);
        while round < most && (bracket[1].t - bracket[0].t).abs() * reach >= SMALLEST {
            let mut t = cubic_minimum(&bracket[0], &bracket[1], None);
            let (from, to) = (bracket[0].t.min(bracket[1].t), bracket[0].t.max(bracket[1].t));
            let margin = 0.1 * (to - from);
            let near_end = (to - t).min(t - from) < margin;
            if near_end && (stuck || t >= to || t <= from) {
                t = if (t - to).abs() < (t - from).abs() {
                    to - margin
                } else {
                    from + margin
                };
                stuck = false;
            } else {
                stuck = near_end;
            }
            let p = self.look(t, d)?;
            evaluations += 1;
            round += 1;
            let high = 1 - low;
            if too_high(&p) || p.loss >= bracket[low].loss {
                bracket[high] = p;
                low = usize::from(bracket[0].loss > bracket[1].loss);
            } else {
                let done = flat(&p);
                if !done && p.slope * (bracket[high].t - bracket[low].t) >= 0.0 {
                    bracket[high] = bracket[low].clone();
                }
                bracket[low] = p;
                if done {
                    break;
                }
            }
        }
        let [a, b] = bracket;
        Ok((if low == 0 { a } else { b }, evaluations))
    }
}

/// Where the cubic through two points with their slopes is least, within the bounds or between the points
/// (Nocedal, Wright, equation 3.59); their middle where it has no minimum.
fn cubic_minimum(p: &Point, q: &Point, bounds: Option<(f64, f64)>) -> f64 {
    let (least, most) = bounds.unwrap_or((p.t.min(q.t), p.t.max(q.t)));
    let d1 = p.slope + q.slope - 3.0 * (p.loss - q.loss) / (p.t - q.t);
    let square = d1 * d1 - p.slope * q.slope;
    // A NaN has no root either.
    if !(square >= 0.0) {
        return (least + most) / 2.0;
    }
    let d2 = square.sqrt();
    let at = match p.t <= q.t {
        true => q.t - (q.t - p.t) * ((q.slope + d2 - d1) / (q.slope - p.slope + 2.0 * d2)),
        false => p.t - (p.t - q.t) * ((p.slope + d2 - d1) / (p.slope - q.slope + 2.0 * d2)),
    };
    at.max(least).min(most)
}
