//! The text of `/metrics`: Prometheus exposition format 0.0.4.

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
