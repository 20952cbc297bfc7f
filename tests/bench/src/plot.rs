//! Line charts as SVG, readable on light and on dark pages.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
/// Of one panel, its title and its axis included.
const PANEL: f64 = 240.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// About so many lines across.
const TICKS: f64 = 5.0;

const STYLE: &str = "\
text { font: 12px sans-serif; fill: #444 } .title { font-weight: bold } \
.grid { stroke: #ddd } .line { stroke: #0969da; stroke-width: 2; fill: none } \
.dot { fill: #0969da } \
@media (prefers-color-scheme: dark) { text { fill: #ccc } .grid { stroke: #444 } \
.line { stroke: #58a6ff } .dot { fill: #58a6ff } }";

/// One line over the axis that all panels of a chart share.
pub struct Panel<'a> {
    pub title: &'a str,
    /// x and y, in the order of x, neither of them negative.
    pub points: Vec<(f64, f64)>,
}

/// A chart of panels one below the other.
pub fn render(axis: &str, panels: &[Panel<'_>]) -> String {
    let height = PANEL * panels.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<style>{STYLE}</style>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        // Writing to a string can't fail, here and below.
        let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", PANEL * index as f64);
        render_panel(&mut svg, axis, panel);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn render_panel(svg: &mut String, axis: &str, panel: &Panel<'_>) {
    let most = |pick: fn(&(f64, f64)) -> f64| panel.points.iter().map(pick).fold(0.0, f64::max);
    let (x_max, y_step) = (most(|point| point.0).max(f64::MIN_POSITIVE), step(most(|p| p.1)));
    let y_max = (most(|point| point.1) / y_step).ceil().max(1.0) * y_step;
    let x = |value: f64| LEFT + value / x_max * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| PANEL - BOTTOM - value / y_max * (PANEL - TOP - BOTTOM);
    let _ = writeln!(svg, "<text class=\"title\" x=\"{LEFT}\" y=\"18\">{}</text>", panel.title);
    for tick in ticks(y_max, y_step) {
        let at = y(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            label(tick)
        );
    }
    for tick in ticks(x_max, step(x_max)) {
        let (at, below) = (x(tick), PANEL - BOTTOM + 16.0);
        let text = label(tick);
        let _ =
            writeln!(svg, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{text}</text>");
    }
    let (middle, bottom) = (f64::midpoint(LEFT, WIDTH - RIGHT), PANEL - 8.0);
    let _ =
        writeln!(svg, "<text x=\"{middle}\" y=\"{bottom}\" text-anchor=\"middle\">{axis}</text>");
    let points: Vec<(f64, f64)> = panel.points.iter().map(|p| (x(p.0), y(p.1))).collect();
    let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(svg, "<polyline class=\"line\" points=\"{}\"/>", line.join(" "));
    for (x, y) in points {
        let _ = writeln!(svg, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
    }
}

/// A round distance between lines: 1, 2 or 5 times a power of ten.
fn step(max: f64) -> f64 {
    let rough = max.max(0.01) / TICKS;
    let power = 10_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= rough * 0.999);
    times.unwrap_or(10.0) * power
}

fn ticks(max: f64, step: f64) -> impl Iterator<Item = f64> {
    let count = (max / step * 1.001).floor() as u32;
    (0..=count).map(move |index| f64::from(index) * step)
}

/// As few digits as it needs.
fn label(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_at_round_figures() {
        let at = |max: f64| ticks(max, step(max)).map(label).collect::<Vec<_>>().join(" ");
        assert_eq!(at(100.0), "0 20 40 60 80 100");
        assert_eq!(at(9.0), "0 2 4 6 8");
        assert_eq!(at(0.31), "0 0.1 0.2 0.3");
    }

    #[test]
    fn the_highest_point_is_inside_its_panel() {
        let panel = Panel { title: "t", points: vec![(0.0, 0.0), (10.0, 31.0)] };
        let svg = render("x", &[panel]);
        assert!(svg.contains("cx=\"56.0\" cy=\"200.0\""), "{svg}");
        let y: f64 = svg.split("cx=\"620.0\" cy=\"").nth(1).unwrap()[..4].parse().unwrap();
        assert!((TOP..200.0).contains(&y), "{y}");
    }
}
