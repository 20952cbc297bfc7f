//! The tables, in Markdown.

use std::fmt::Write as _;

use crate::rows::{FURTHER_VIEWER_TARGET_MB, Measured, ROWS, Results};

/// Everything in tables.
pub fn render(results: &Results) -> String {
    let mut text = format!(
        "{}; load average before: {:.2}\n\n\
         | row | build | CPU s* | target | factor | us/packet | RSS MB | target | factor | \
         anonymous MB | latency ms p50 / p99 / max | lost | first picture ms cold / warm | \
         load |\n| --- | --- {}|\n",
        results.machine,
        results.load_average_before,
        "| ---: ".repeat(12)
    );
    for row in &results.rows {
        render_row(&mut text, row);
    }
    text.push_str(
        "\n\\* CPU seconds of the server per viewer x stream x minute (idle: per minute), by \
         the scheduler's account; medians of the passes, the sum of all lost packets, the \
         highest of all latencies.\n",
    );
    if !results.further_viewer.is_empty() {
        text.push_str("\n| each further viewer | build | RSS MB | target | factor |\n");
        text.push_str("| --- | --- | ---: | ---: | ---: |\n");
    }
    for further in &results.further_viewer {
        let name = if further.is_full { "full resend window" } else { "after a few seconds" };
        let target = further.is_full.then_some(FURTHER_VIEWER_TARGET_MB);
        let (target, factor) = against(further.rss_mb, target);
        let (build, rss_mb) = (&further.build, further.rss_mb);
        // Writing to a string can't fail, here and below.
        let _ = writeln!(text, "| {name} | {build} | {rss_mb:.2} | {target} | {factor} |");
    }
    text.push_str("\n| limit | ns CPU/packet |\n| --- | ---: |\n");
    for limit in &results.limits {
        let _ = writeln!(text, "| {} | {:.0} |", limit.name, limit.ns_per_packet);
    }
    if !results.bare.is_empty() {
        text.push_str("\n| the same turns, reads and sends, and nothing between | CPU s* |\n");
        text.push_str("| --- | ---: |\n");
    }
    for bare in &results.bare {
        let _ = writeln!(text, "| {} | {:.3} |", bare.row, bare.cpu_s);
    }
    text
}

fn render_row(text: &mut String, measured: &Measured) {
    let Measured { row, build, median, .. } = measured;
    let targets = ROWS.iter().find(|known| known.name == *row);
    let (cpu_target, cpu_factor) = against(median.cpu_s, targets.and_then(|t| t.cpu_target_s));
    let (rss_target, rss_factor) = against(median.rss_mb, targets.and_then(|t| t.rss_target_mb));
    let latency = [median.latency_p50_us, median.latency_p99_us, median.latency_max_us]
        .map(|micros| format!("{:.2}", micros / 1e3))
        .join(" / ");
    let _ = writeln!(
        text,
        "| {row} | {build} | {:.3} | {cpu_target} | {cpu_factor} | {:.2} | {:.1} | {rss_target} | \
         {rss_factor} | {:.1} | {latency} | {:.0} | {:.0} / {:.0} | {:.2} |",
        median.cpu_s,
        median.cpu_us_per_packet,
        median.rss_mb,
        median.anonymous_mb,
        median.lost,
        median.cold_ms,
        median.warm_ms,
        median.load_average,
    );
}

/// A target, and how many times it was needed.
fn against(figure: f64, target: Option<f64>) -> (String, String) {
    match target {
        Some(target) if target > 0.0 => (target.to_string(), format!("{:.2}", figure / target)),
        Some(target) => (target.to_string(), String::new()),
        None => (String::new(), String::new()),
    }
}
