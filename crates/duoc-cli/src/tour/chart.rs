//! A line chart of a training run as SVG, readable on light and dark pages.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 48.0;

/// The loss of each epoch on a logarithmic scale, as the text of an SVG file.
pub fn loss_curve(title: &str, losses: &[f64]) -> String {
    let positive = || losses.iter().copied().filter(|l| *l > 0.0 && l.is_finite());
    let low = positive().fold(f64::INFINITY, f64::min).log10().floor();
    let high = positive().fold(f64::NEG_INFINITY, f64::max).log10().ceil();
    let (low, high) = if low.is_finite() && high.is_finite() {
        (low, high.max(low + 1.0))
    } else {
        (-1.0, 0.0)
    };
    let last = losses.len().saturating_sub(1).max(1) as f64;
    let x = |epoch: f64| LEFT + (WIDTH - LEFT - RIGHT) * epoch / last;
    let y = |log: f64| TOP + (HEIGHT - TOP - BOTTOM) * (high - log) / (high - low);

    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>\n\
         svg {{ background: #fff; color: #222 }}\n\
         text {{ fill: currentColor }} .grid {{ stroke: currentColor; opacity: .18 }}\n\
         .line {{ stroke: #d9480f; stroke-width: 2.2; fill: none; stroke-linejoin: round }}\n\
         @media (prefers-color-scheme: dark) {{ svg {{ background: #1b1b1f; color: #ddd }} .line {{ stroke: #ff9f5a }} }}\n\
         </style>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"16\">{}</text>",
        escaped(title)
    );
    for decade in low as i64..=high as i64 {
        let at = y(decade as f64);
        let label = if decade >= 0 {
            10f64.powi(decade as i32).to_string()
        } else {
            format!("{:.*}", -decade as usize, 10f64.powi(decade as i32))
        };
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
            WIDTH - RIGHT
        );
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 8.0,
            at + 4.5
        );
    }
    let step = (losses.len() / 8).max(1);
    for epoch in (0..losses.len()).step_by(step) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x(epoch as f64),
            HEIGHT - BOTTOM + 20.0,
            epoch + 1
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">epoch</text>",
        WIDTH - RIGHT,
        HEIGHT - 8.0
    );
    let points: Vec<String> = losses
        .iter()
        .enumerate()
        .filter(|(_, l)| **l > 0.0 && l.is_finite())
        .map(|(i, l)| format!("{:.1},{:.1}", x(i as f64), y(l.log10())))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline class=\"line\" points=\"{}\"/>\n</svg>",
        points.join(" ")
    );
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::loss_curve;

    #[test]
    fn a_chart_has_a_point_for_each_loss() {
        let svg = loss_curve("a < b", &[2.0, 1.0, 0.25]);
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>"));
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(points.split(' ').count(), 3);
    }

    #[test]
    fn odd_losses_do_not_break_it() {
        for losses in [&[][..], &[0.0], &[f64::NAN, 1.0], &[f64::INFINITY]] {
            assert!(!loss_curve("t", losses).contains("NaN"));
        }
    }
}
