//! The text of `/metrics`: Prometheus exposition format 0.0.4.

use std::fmt::Write;

/// The `Content-Type` of that format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How Prometheus has to read a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One sample. Samples of one name stand together in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The name with its unit: `crosspoint_source_bytes_total`.
    pub name: &'static str,
    /// One sentence about the name.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// Label names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// The text of a list of samples.
#[must_use]
pub fn encode(metrics: &[Metric]) -> String {
    let mut text = String::new();
    let mut last_name = "";
    for metric in metrics {
        if metric.name != last_name {
            last_name = metric.name;
            push_head(&mut text, metric);
        }
        text.push_str(metric.name);
        push_labels(&mut text, &metric.labels);
        text.push(' ');
        push_value(&mut text, metric.value);
        text.push('\n');
    }
    text
}

fn push_head(text: &mut String, metric: &Metric) {
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    };
    let help = metric.help.replace('\\', "\\\\").replace('\n', "\\n");
    // Writing into a String can't fail.
    let _ = write!(text, "# HELP {} {help}\n# TYPE {} {kind}\n", metric.name, metric.name);
}

fn push_labels(text: &mut String, labels: &[(&'static str, String)]) {
    if labels.is_empty() {
        return;
    }
    let escaped = labels.iter().map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    });
    let _ = write!(text, "{{{}}}", escaped.collect::<Vec<_>>().join(","));
}

fn push_value(text: &mut String, value: f64) {
    let _ = match value {
        f64::INFINITY => write!(text, "+Inf"),
        f64::NEG_INFINITY => write!(text, "-Inf"),
        _ => write!(text, "{value}"),
    };
}
