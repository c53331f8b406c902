//! The tables of taps, computed in the precision in which PyTorch computes them.

use duoc_kernels::resample::Taps;

/// What one axis is to become.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub input: usize,
    pub output: usize,
    pub align: bool,
    /// The factor that was asked for, if one was.
    pub factor: Option<f64>,
}

impl Axis {
    /// At most as many taps has the antialiased table.
    pub fn most_taps(&self, filter: Filter) -> usize {
        let scale = match self.factor {
            Some(f) if f > 0.0 && !self.align => 1.0 / f,
            _ => self.input as f64 / self.output.max(1) as f64 * if self.align { 2.0 } else { 1.0 },
        };
        let each = (scale.max(1.0) * filter.reach() as f64) as usize;
        self.output.saturating_mul(each.saturating_add(3).min(self.input))
    }
}

/// Weights over the distance of centres.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Triangle,
    Cubic,
    Lanczos,
}

impl Filter {
    /// Cells that the weights reach over at full size.
    fn reach(self) -> usize {
        match self {
            Filter::Triangle => 2,
            Filter::Cubic => 4,
            Filter::Lanczos => 6,
        }
    }
}

macro_rules! precision {
    ($name:ident $t:ident $pi:expr) => {
        pub(super) mod $name {
            use super::{Axis, Filter, Taps};

            fn scale(a: &Axis) -> $t {
                if a.align {
                    return match a.output {
                        0 | 1 => 0.0,
                        n => (a.input as $t - 1.0) / (n as $t - 1.0),
                    };
                }
                match a.factor {
                    Some(f) if f > 0.0 => (1.0 / f) as $t,
                    _ => a.input as $t / a.output as $t,
                }
            }

            fn place(a: &Axis, scale: $t, o: usize, below: bool) -> $t {
                if a.align {
                    return scale * o as $t;
                }
                let at = scale * (o as $t + 0.5) - 0.5;
                if at < 0.0 && !below { 0.0 } else { at }
            }

            /// The cell before a place, and how far behind its centre the place is.
            fn split(a: &Axis, at: $t) -> (i64, $t) {
                let cell = (at.floor() as i64).min(a.input as i64 - 1);
                (cell, (at - cell as $t).clamp(0.0, 1.0))
            }

            pub(in super::super) fn linear(a: &Axis) -> Taps {
                let mut taps = Taps::new(a.input);
                let scale = scale(a);
                for o in 0..a.output {
                    let (cell, part) = match a.input == a.output {
                        true => (o, 0.0),
                        false => {
                            let (cell, part) = split(a, place(a, scale, o, false));
                            (cell.max(0) as usize, part)
                        }
                    };
                    let next = if a.input == a.output {
                        cell
                    } else {
                        (cell + 1).min(a.input - 1)
                    };
                    taps.tap(cell, (1.0 - part) as f64);
                    taps.tap(next, part as f64);
                    taps.end();
                }
                taps
            }

            pub(in super::super) fn cubic(a: &Axis) -> Taps {
                let mut taps = Taps::new(a.input);
                let scale = scale(a);
                for o in 0..a.output {
                    let (cell, t) = split(a, place(a, scale, o, true));
                    // Keys' kernel between the cells, in PyTorch's order of operations.
                    let free = -0.75;
                    let near = |x: $t| ((free + 2.0) * x - (free + 3.0)) * x * x + 1.0;
                    let far = |x: $t| ((free * x - 5.0 * free) * x + 8.0 * free) * x - 4.0 * free;
                    let behind = 1.0 - t;
                    for (k, w) in [far(t + 1.0), near(t), near(behind), far(behind + 1.0)]
                        .into_iter()
                        .enumerate()
                    {
                        let at = cell.saturating_add(k as i64 - 1).clamp(0, a.input as i64 - 1);
                        taps.tap(at as usize, w as f64);
                    }
                    taps.end();
                }
                taps
            }

            /// Keys' convolution kernel.
            fn keys(x: $t, a: $t) -> $t {
                let x = x.abs();
                if x < 1.0 {
                    ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * a
                } else {
                    0.0
                }
            }

            fn weight(filter: Filter, x: $t, a: $t) -> $t {
                match filter {
                    Filter::Triangle => (1.0 - x.abs()).max(0.0),
                    Filter::Cubic => keys(x, a),
                    Filter::Lanczos => {
                        let sinc = |x: $t| {
                            if x == 0.0 {
                                1.0
                            } else {
                                ($pi * x).sin() / ($pi * x)
                            }
                        };
                        if x.abs() < 3.0 {
                            sinc(x) * sinc(x / 3.0)
                        } else {
                            0.0
                        }
                    }
                }
            }

            /// Weights over all cells that a result covers, with sum 1.
            pub(in super::super) fn antialiased(a: &Axis, filter: Filter) -> Taps {
                let mut taps = Taps::new(a.input);
                if a.input == a.output {
                    // Left alone, whatever factor was asked for.
                    for o in 0..a.output {
                        taps.tap(o, 1.0);
                        taps.end();
                    }
                    return taps;
                }
                let scale = scale(a);
                let half = filter.reach() as $t * 0.5;
                let (support, inverse) = match scale >= 1.0 {
                    true => (half * scale, 1.0 / scale),
                    false => (half, 1.0),
                };
                let most = (support.ceil() as i64).saturating_mul(2).saturating_add(1);
                let mut weights: Vec<$t> = Vec::new();
                for o in 0..a.output {
                    let center = scale * (o as $t + 0.5);
                    let first = ((center - support + 0.5) as i64).max(0);
                    let end = ((center + support + 0.5) as i64).min(a.input as i64);
                    let n = (end - first).clamp(0, most);
                    weights.clear();
                    weights.extend((0..n).map(|j| weight(filter, ((j + first) as $t - center + 0.5) * inverse, -0.5)));
                    let total = weights.iter().fold(0.0, |sum: $t, w| sum + w);
                    for (j, w) in weights.iter().enumerate() {
                        let w = if total != 0.0 { w / total } else { *w };
                        taps.tap(first as usize + j, w as f64);
                    }
                    taps.end();
                }
                taps
            }

            /// The weights that [`linear`] and [`cubic`] stand for, with those beyond an edge added to its cell.
            #[allow(dead_code)] // Bytes use the one in float64 only.
            pub(in super::super) fn gathered(a: &Axis, filter: Filter) -> Taps {
                let mut taps = Taps::new(a.input);
                let scale = scale(a);
                let reach = filter.reach() as i64;
                let support = reach / 2;
                let last = a.input as i64 - 1;
                let mut weights = [0.0 as $t; 6];
                for o in 0..a.output {
                    let (cell, part) = split(a, place(a, scale, o, reach > 2));
                    let low = cell - support + 1;
                    let first = low.clamp(0, last);
                    let n = ((cell + support + 1).min(a.input as i64) - first).clamp(1, reach);
                    weights.fill(0.0);
                    let mut at = 0;
                    for j in 0..reach {
                        let w = weight(filter, (j + 1 - support) as $t - part, -0.75);
                        if low + j <= 0 {
                            at = 0;
                        } else if low + j >= last {
                            at = n - 1;
                        }
                        weights[at.clamp(0, n - 1) as usize] += w;
                        at += 1;
                    }
                    for (j, w) in weights[..n as usize].iter().enumerate() {
                        taps.tap(((first + j as i64).min(last)) as usize, *w as f64);
                    }
                    taps.end();
                }
                taps
            }
        }
    };
}
precision!(single f32 std::f32::consts::PI);
precision!(double f64 std::f64::consts::PI);

/// Whole-number weights below 2^15 for bytes, and the power of two that they are to be divided by.
pub(super) fn whole(mut taps: Taps) -> (Taps, u32) {
    let most = taps.weight.iter().fold(0.0f64, |m, w| m.max(*w));
    let mut shift = 0;
    while shift < 22 && ((0.5 + most * f64::from(1u32 << (shift + 1))) as i64) < 1 << 15 {
        shift += 1;
    }
    for w in &mut taps.weight {
        *w = (*w * f64::from(1u32 << shift) + 0.5f64.copysign(*w)).trunc();
    }
    (taps, shift.max(1))
}

/// Cell `floor(o scale)`, or with `exact` `floor((o + 1/2) scale)`, for every `o`; in float32, whatever the dtype.
///
/// One of PyTorch's two kernels overlooks the factor where the size stays or doubles; `by_size` says that it is that one.
pub(super) fn nearest(a: &Axis, exact: bool, by_size: bool) -> Vec<usize> {
    let by_size = by_size && !exact && (a.output == a.input || a.input.checked_mul(2) == Some(a.output));
    let scale = match a.factor {
        Some(f) if f > 0.0 && !by_size => (1.0 / f) as f32,
        _ => a.input as f32 / a.output as f32,
    };
    let shift = if exact { 0.5 } else { 0.0 };
    let cell = |o: usize| (((o as f32 + shift) * scale).floor() as usize).min(a.input - 1);
    (0..a.output).map(cell).collect()
}
