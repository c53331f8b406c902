//! Curves of a training run as SVG, readable on light and dark pages.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 48.0;
/// Colours on light and on dark pages, one pair a curve.
const COLOURS: [(&str, &str); 4] = [
    ("#d9480f", "#ff9f5a"),
    ("#1864ab", "#74c0fc"),
    ("#2b8a3e", "#8ce99a"),
    ("#862e9c", "#e599f7"),
];

/// One curve: points in the order of x.
pub struct Curve {
    /// What it shows, for the legend.
    pub name: String,
    /// `(x, y)`; points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// The scale of the vertical axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scale {
    /// Equal distances for equal differences.
    Linear,
    /// Equal distances for equal ratios; points that are not positive are left out.
    Logarithmic,
}

/// The loss of each epoch on a logarithmic scale.
pub fn loss_curve(title: &str, losses: &[f64]) -> String {
    let points = losses.iter().enumerate().map(|(i, l)| ((i + 1) as f64, *l)).collect();
    let curve = Curve {
        name: "loss".into(),
        points,
    };
    chart(title, "epoch", &[curve], Scale::Logarithmic)
}

/// A chart of curves over one horizontal axis, as the text of an SVG file.
pub fn chart(title: &str, x_label: &str, curves: &[Curve], scale: Scale) -> String {
    let shown = |y: f64| match scale {
        Scale::Linear => y.is_finite().then_some(y),
        Scale::Logarithmic => (y > 0.0 && y.is_finite()).then(|| y.log10()),
    };
    let points: Vec<Vec<(f64, f64)>> = curves
        .iter()
        .map(|c| {
            let finite = c.points.iter().filter(|(x, _)| x.is_finite());
            finite.filter_map(|(x, y)| Some((*x, shown(*y)?))).collect()
        })
        .collect();
    let all = || points.iter().flatten();
    let least = |f: fn(&(f64, f64)) -> f64| all().map(f).fold(f64::INFINITY, f64::min);
    let most = |f: fn(&(f64, f64)) -> f64| all().map(f).fold(f64::NEG_INFINITY, f64::max);
    let (x0, x1) = spread(least(|p| p.0), most(|p| p.0));
    let (y0, y1) = spread(least(|p| p.1), most(|p| p.1));
    let (ticks_y, y0, y1) = match scale {
        Scale::Logarithmic => decades(y0, y1),
        Scale::Linear => rounds(y0, y1, 6),
    };
    let (ticks_x, ..) = rounds(x0, x1, 8);
    let x = |v: f64| LEFT + (WIDTH - LEFT - RIGHT) * (v - x0) / (x1 - x0);
    let y = |v: f64| TOP + (HEIGHT - TOP - BOTTOM) * (y1 - v) / (y1 - y0);

    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>\n\
         svg {{ background: #fff; color: #222 }}\n\
         text {{ fill: currentColor }} .grid {{ stroke: currentColor; opacity: .18 }}\n\
         .line {{ stroke-width: 2.2; fill: none; stroke-linejoin: round }}"
    );
    for (i, (light, _)) in COLOURS.iter().enumerate() {
        let _ = writeln!(svg, ".c{i} {{ stroke: {light} }}");
    }
    let _ = write!(
        svg,
        "@media (prefers-color-scheme: dark) {{ svg {{ background: #1b1b1f; color: #ddd }}"
    );
    for (i, (_, dark)) in COLOURS.iter().enumerate() {
        let _ = write!(svg, " .c{i} {{ stroke: {dark} }}");
    }
    let _ = writeln!(
        svg,
        " }}\n</style>\n<text x=\"{LEFT}\" y=\"26\" font-size=\"16\">{}</text>",
        escaped(title)
    );
    for tick in ticks_y {
        let (at, label) = match scale {
            Scale::Logarithmic => (y(tick), number(10f64.powf(tick))),
            Scale::Linear => (y(tick), number(tick)),
        };
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.5
        );
    }
    for tick in ticks_x.into_iter().filter(|t| (x0..=x1).contains(t)) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x(tick),
            HEIGHT - BOTTOM + 20.0,
            number(tick)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        WIDTH - RIGHT,
        HEIGHT - 8.0,
        escaped(x_label)
    );
    for (i, (curve, points)) in curves.iter().zip(&points).enumerate() {
        let line: Vec<String> = points
            .iter()
            .map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b)))
            .collect();
        let class = i % COLOURS.len();
        let _ = writeln!(svg, "<polyline class=\"line c{class}\" points=\"{}\"/>", line.join(" "));
        if curves.len() > 1 {
            let at = TOP + 16.0 * i as f64;
            let _ = writeln!(
                svg,
                "<line class=\"line c{class}\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT - 24.0,
                WIDTH - RIGHT,
                WIDTH - RIGHT - 30.0,
                at + 4.5,
                escaped(&curve.name)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Bounds that are apart, also without points or with one.
fn spread(low: f64, high: f64) -> (f64, f64) {
    if !low.is_finite() || !high.is_finite() {
        return (0.0, 1.0);
    }
    match high - low > 1e-12 * high.abs().max(1e-300) {
        true => (low, high),
        false => (low - 0.5, high + 0.5),
    }
}

/// Whole powers of ten around a range of logarithms.
fn decades(low: f64, high: f64) -> (Vec<f64>, f64, f64) {
    let (low, high) = (low.floor(), high.ceil());
    let high = high.max(low + 1.0);
    let step = ((high - low) / 8.0).ceil().max(1.0);
    let count = ((high - low) / step) as usize;
    let ticks = (0..=count).map(|k| low + k as f64 * step).collect();
    (ticks, low, high)
}

/// About `n` round numbers over a range, and the range of whole steps around it.
fn rounds(low: f64, high: f64, n: usize) -> (Vec<f64>, f64, f64) {
    let raw = (high - low) / n as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|s| *s >= raw)
        .unwrap_or(10.0 * power);
    let (first, last) = ((low / step).floor(), (high / step).ceil());
    let count = ((last - first).max(1.0) as usize).min(4 * n);
    let ticks = (0..=count).map(|k| (first + k as f64) * step).collect();
    (ticks, first * step, last.max(first + 1.0) * step)
}

fn number(x: f64) -> String {
    let size = x.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        return format!("{x:.0e}");
    }
    let text = format!("{x:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_point_for_each_loss() {
        let svg = loss_curve("a < b", &[2.0, 1.0, 0.25]);
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>"));
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(points.split(' ').count(), 3);
    }

    #[test]
    fn odd_losses_do_not_break_it() {
        for losses in [
            &[][..],
            &[0.0],
            &[f64::NAN, 1.0],
            &[f64::INFINITY],
            &[1e-300, 1e300],
            &[5.0, 5.0],
        ] {
            let svg = loss_curve("t", losses);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{losses:?}: {svg}");
        }
    }

    #[test]
    fn several_curves_have_a_legend() {
        let curve = |name: &str, ys: &[f64]| Curve {
            name: name.into(),
            points: ys.iter().enumerate().map(|(i, y)| (i as f64, *y)).collect(),
        };
        let svg = chart(
            "t",
            "step",
            &[curve("train", &[0.1, 0.5]), curve("test", &[0.2, 0.4])],
            Scale::Linear,
        );
        assert!(svg.contains(">train<") && svg.contains(">test<") && svg.matches("<polyline").count() == 2);
    }
}
